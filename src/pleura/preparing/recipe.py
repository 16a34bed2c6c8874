"""One case of a cohort: its series and reference, read, checked and written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pleura.core.atomic import atomic_file, atomic_folder
from pleura.core.findings import Finding, worst
from pleura.core.packed import FEW, Packed
from pleura.core.progress import Progress
from pleura.core.text import shown_uid
from pleura.preparing.original import Original
from pleura.store.arrays import save_array
from pleura.store.case import write_case
from pleura.store.fingerprints import fingerprint
from pleura.store.input_files import InputFiles, trees_of, usable_cases
from pleura.store.items import Done
from pleura.store.job_files import JobFormat
from pleura.store.jobs import cases_among, series_input
from pleura.store.layout import CASES, EXPORT, PLANES, REMOVED_COUCH
from pleura.store.volume_files import survey_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pleura.anatomy.anatomy import Anatomy
    from pleura.dicom.series import Series, Survey
    from pleura.geometry.volume import LungMask, Volume
    from pleura.labels.references import Reference


@dataclass(frozen=True)
class CaseJob:
    """A series, and where its reference mask comes from."""

    id: str
    input: str
    series: "Series"
    reference: "Reference"


def job_format() -> JobFormat:
    """How the jobs are written to a plan."""
    from pleura.labels.mappings import Naming
    from pleura.labels.objects import LabelObject
    from pleura.labels.references import Reference
    from pleura.labels.registry import MaskFiles

    return JobFormat((CaseJob, Reference, MaskFiles, LabelObject, Naming))


@dataclass(frozen=True)
class CasePlan:
    """The cases to make, a line about each unusable series and mask, masks without a case, and the
    files of the input.
    """

    jobs: Sequence[CaseJob]
    refused: list[str]
    unmatched_masks: Sequence[Path]
    files: InputFiles


NO_MASKS = (
    "--masks: no mask was found there; give the folder with a mask for each case, such as "
    "Case_000.nii.gz"
)


def plan_cases(
    source: Path,
    masks: Path | None,
    gaps: Any,
    names: Mapping[str, str] | None,
    original: Original | None,
    progress: Progress,
) -> CasePlan:
    """Read the headers of the input and match masks with series.

    `original` is the tree that `source` was de-identified from, where it is known.
    """
    from pleura.dicom.series import UNREADABLE
    from pleura.labels.references import cases_of, find_references

    seen, tree = survey_in(source, gaps=gaps, progress=progress)
    usable, refusals = cases_of(cases_among(seen))
    searched = masks
    if masks is None and original is not None:
        searched = original.folder
    references = find_references(
        seen,
        usable,
        source,
        searched,
        mentioned=frozenset(refusals),
        names=names,
        progress=progress,
    )
    jobs = Packed((_job(one, references.of(one), source) for one in usable), FEW)
    unread = [refusal for one in seen if one.id == UNREADABLE for refusal in one.findings]
    refusals.pop(UNREADABLE, None)  # it has one finding for each kind of file that was not read
    lines = [_line(case, refusal) for case, refusal in refusals.items()]
    lines += [_line(UNREADABLE, refusal) for refusal in unread]
    lines += references.unmatched
    if masks and jobs and not references.unmatched and not any(job.reference.paths for job in jobs):
        lines.append(NO_MASKS)
    parts = usable_cases(cases_among(seen))
    crowded = parts.keys() - {one.id for one in usable}
    root = source
    if original is not None:
        root, tree = original.walk.root, original.completed(tree)
    files = _files({root: tree}, [root, *([masks] if masks else [])], parts, jobs)
    files = files.without(dict.fromkeys(crowded, "TWO-SERIES-IN-CASE"))
    return CasePlan(jobs, lines, references.unmatched_files, files)


def _job(series: "Series", reference: "Reference", source: Path) -> CaseJob:
    digest = fingerprint(reference.paths, series_input(series, source))["sha256"]
    return CaseJob(series.id, digest, series, reference)


def _files(
    known: Mapping[Path, "Survey"],
    folders: Sequence[Path],
    parts: dict[str, list["Series | Path"]],
    jobs: Sequence[CaseJob],
) -> InputFiles:
    """The files of IN and of the folder of masks, by case; `parts` are the series of each case.

    Folders that are not `known` are read.
    """
    from pleura.dicom.series import survey
    from pleura.labels.registry import files_of_mask

    for job in jobs:
        for path in job.reference.paths:
            parts[job.id] += files_of_mask(path)
    trees = trees_of(folders, lambda folder: known.get(folder) or survey(folder))
    return InputFiles.of(trees, parts)


@dataclass(frozen=True)
class CaseRecipe:
    out: Path
    export: str
    couch: bool

    def open(self) -> Callable[[CaseJob], Done]:
        return partial(_case, self)


def _case(recipe: CaseRecipe, job: CaseJob) -> Done:
    """Write one case; return its entry of `cohort.json`."""
    from pleura.page.planes import planes_png
    from pleura.quality.gate import gate
    from pleura.quality.thresholds import VERSION

    series = job.series
    judged = gate(series.read(), detail="full" if recipe.couch else "sample").require_usable()
    volume, values = judged.volume, judged.findings
    mask, odd = job.reference.read(volume, series)
    removed = None
    if recipe.couch:
        volume, found, removed = _without_couch(judged.anatomy)
        values = (*values, *found)
    findings = [*series.findings, *values, *odd]
    facts = {
        "series_uid": shown_uid(series.series_uid),
        "frame_uid": shown_uid(series.frame_uid),
        "verdict": worst(findings).word,
    }
    listed = [finding.as_json() for finding in findings]
    folder = recipe.out / CASES / job.id
    exported = _export(recipe.out, job.id, volume, recipe.export)
    with atomic_folder(folder) as part:
        write_case(
            part,
            job.id,
            volume,
            mask,
            findings=listed,
            header=dict(series.header),
            gate=VERSION,
            **facts,
        )
        if removed is not None:
            save_array(part / REMOVED_COUCH, np.packbits(removed))
        planes_png(volume, None if mask is None else mask.labels, part / PLANES)
    files = [f"{CASES}/{job.id}/{path.name}" for path in sorted(folder.iterdir())]
    entry = {
        "id": job.id,
        "slices": volume.grid.shape[0],
        "mask": _kind_of(mask),
        "verdict": facts["verdict"],
        "findings": listed,
    }
    return Done(entry, (*files, *exported))


def _kind_of(mask: "LungMask | None") -> str | None:
    if mask is None:
        return None
    if mask.sided:
        return "right and left"
    return "both as one"


def refused_line(job: CaseJob, refusal: Finding) -> dict[str, str]:
    return {"refused": _line(job.id, refusal), "id": job.id, "code": refusal.code}


def _line(case: str, refusal: Finding) -> str:
    message = refusal.message.removeprefix(f"{case}: ").removeprefix(f"{refusal.code}: ")
    return f"{case}: {refusal.code}: {message}"


def _without_couch(anatomy: "Anatomy") -> tuple["Volume", tuple[Finding, ...], "NDArray[np.bool_]"]:
    """The volume without its couch, the findings, and the removed voxels as a bool array."""
    from pleura.anatomy.couch import check_couch, couch_mask, without_couch

    volume, body = anatomy.volume, anatomy.body
    around = couch_mask(volume, body)
    return without_couch(volume, around), check_couch(volume, body, around), around


def _export(out: Path, case: str, volume: "Volume", kind: str) -> tuple[str, ...]:
    """Write the volume to OUT/export as `kind` says; return the names of files below OUT."""
    from pleura.images.nifti import write_volume

    if kind == "none":
        return ()
    suffix = ".nii.gz" if kind == "nifti" else ".npy"
    name = f"{EXPORT}/{case}{suffix}"
    with atomic_file(out / name) as part:
        if kind == "nifti":
            write_volume(part, volume)
        else:
            save_array(part, volume.hu)
    return (name,)

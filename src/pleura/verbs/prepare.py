"""`pleura prepare`: CT series and lung masks become cases, and cases a cohort."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pleura.anatomy.anatomy import Anatomy
from pleura.core.atomic import atomic_file, atomic_folder, read_json
from pleura.core.errors import Exit, InputRefused, NothingUsable
from pleura.core.findings import Finding, Verdict, worst
from pleura.core.progress import Progress, silent
from pleura.core.results import Table, batch_exit
from pleura.geometry.volume import LungMask, Volume
from pleura.labels.lattice import mismatch
from pleura.labels.objects import LabelObject, join
from pleura.labels.registry import MaskFiles, find_masks, is_object, read_judged
from pleura.quality.gate import VERSION, gate
from pleura.quality.mask_fit import fit_findings
from pleura.store.case import Case, write_case
from pleura.store.cohort import NAME, write_cohort
from pleura.store.manifest import start_run
from pleura.store.split import check_rule, make_split

if TYPE_CHECKING:
    from pleura.dicom.series import Series


@dataclass(frozen=True)
class _Masks:
    """What tells of one case's lungs: files named by case, which go before DICOM label objects joined to its series."""

    files: MaskFiles | None
    objects: Sequence[LabelObject] = ()

    def read(self, volume: Volume, series: "Series") -> tuple[LungMask | None, tuple[Finding, ...]]:
        """The reference: the first mask, held against the others and against the volume; and what was odd."""
        paths = [path for path in (self.files.map, self.files.npz) if path] if self.files else []
        read: list[tuple[LungMask | None, tuple[Finding, ...]]] = [read_judged(path, volume.grid, series) for path in paths]
        read = read or list(self._objects(volume, series))
        odd = tuple(finding for _, findings in read for finding in findings)
        masks: list[LungMask] = [mask for mask, _ in read if mask is not None]
        if not masks:
            return None, odd
        for mask in masks:
            if not mask.grid.same_as(volume.grid):
                raise mismatch(mask.grid, volume.grid)
            if not np.array_equal(masks[0].lungs, mask.lungs):
                differ = int(np.count_nonzero(masks[0].lungs != mask.lungs))
                raise InputRefused(f"two masks of it differ in {differ} voxels; keep the right one", code="MASKS-DISAGREE")
        return masks[0], (*odd, *fit_findings(masks[0], volume))

    def _objects(self, volume: Volume, series: "Series") -> Iterator[tuple[LungMask | None, tuple[Finding, ...]]]:
        """Label objects, without a mask where they hold no lung."""
        for held in self.objects:
            try:
                mask, findings = read_judged(held.path, volume.grid, series)
            except InputRefused as error:
                if error.code == "NO-LUNG":
                    yield None, (Finding(error.code, Verdict.REVIEW, str(error)),)
                    continue
                raise
            if held.by != "series":
                text = f"its labels name no series here and were joined by {held.by}"
                findings = (*findings, Finding("LABELS-JOINED", Verdict.REPAIRED, text))
            yield mask, findings


@dataclass(frozen=True)
class PrepareResult:
    """A cohort: `about` is `cohort.json`, `split` is `split.json`; `failures` are refused cases and masks, one line each."""

    out: Path
    about: Mapping[str, Any]
    split: Mapping[str, Any]
    failures: tuple[str, ...]

    @property
    def exit_code(self) -> Exit:
        return batch_exit(len(self.about["cases"]), len(self.failures))

    def as_json(self) -> dict[str, Any]:
        """`cases`, `split` and `refused`."""
        return {"cases": self.about["cases"], "split": dict(self.split), "refused": list(self.failures)}

    def table(self) -> Table | None:
        """A row a case."""
        parts = {case: part for part in ("train", "validation", "test", "unlabelled") for case in self.split[part]}
        rows = tuple(
            (case["id"], str(case["slices"]), case["mask"] or "-", parts.get(case["id"], "-"), case["verdict"])
            for case in self.about["cases"]
        )
        return Table("Cohort", ("case", "slices", "mask", "part", "verdict"), rows) if rows else None

    def notes(self) -> Sequence[str]:
        """Refusals, then how validation is done and where the cohort lies."""
        made = len(self.about["cases"])
        return [*self.failures, f"prepare: {made} case(s) in {self.out}; validation is {self.split['validation_is']}"]


def prepare(
    source: Path,
    out: Path,
    *,
    masks: Path | None = None,
    split: str = "order",
    seed: int = 0,
    export: Literal["none", "nifti", "npy"] = "none",
    gaps: Literal["refuse", "interpolate", "split"] = "refuse",
    couch: Literal["keep", "remove"] = "keep",
    workers: int = 0,
    overwrite: bool = False,
    progress: Progress = silent,
) -> PrepareResult:
    """Make a cohort of cases: HU volumes, lung masks and a split.

    Every usable CT series becomes a case: volume, mask where there is one, and a picture in three planes. Masks are files named
    by case, or RT structure sets and DICOM segmentations anywhere in IN, joined to their series by what they refer to (so the
    LCTSC collection is read as it is delivered). A mask must lie on its volume and on lung; several of one case must agree.

    Args:
        source: Folder with CT series, de-identified ones in the ordinary run.
        out: Folder for the cohort.
        masks: Folder with masks by case, or with DICOM label objects; without it Segmentations/ and Labels/ of IN are looked
            through, and IN itself for label objects.
        split: Who tests: order (the last third by case id), seeded, or kfold:K/I.
        seed: Draws the cases of a seeded split.
        export: Also write each volume to OUT/export as NIfTI or NPY.
        gaps: What becomes of a series with lost slices: refuse, interpolate (fill them from their neighbours, and say so), or
            split (a case for each run of slices).
        couch: keep, or remove what lies around the patient (couch, blankets, wires): air stands there then, in no lung.
        workers: Threads that read; 0 chooses.
        overwrite: Replace what OUT holds.

    Returns:
        The cohort and what was refused.

    Raises:
        UsageError: an input does not exist, or OUT holds something else.
        NothingUsable: no series could be used.
        OutputFailed: OUT cannot be written.
    """
    from pleura.dicom.series import LABEL_CLASSES, find_series

    options = {"split": split, "seed": seed, "export": export, "gaps": gaps, "couch": couch}
    run = start_run(out, verb="prepare", sources=[source, *([masks] if masks else [])], options=options, overwrite=overwrite)
    if run.done:
        return _result(out, run.record["refused"])
    check_rule(split)
    seen = find_series(source, gaps=gaps, workers=workers, progress=progress)
    usable, failures = _usable([s for s in seen if s.is_ct or s.id == "unreadable"])
    found = find_masks(masks) if masks else _masks_beside(source)
    cases = {one.id for one in usable}
    named = {case: files for case, files in found.items() if case in cases or not is_object(files.path)}
    told = {line.split(":")[0] for line in failures}
    failures += _unknown({case: files for case, files in named.items() if case not in told}, usable)
    joined, strange = join((s for s in seen if s.sop_class_uid in LABEL_CLASSES), usable)
    if masks and (not named or len(named) < len(found)):  # then there may be label objects that go by what they refer to
        given = find_series(masks, workers=workers, progress=progress)
        more, unlike = join((s for s in given if s.sop_class_uid in LABEL_CLASSES), usable)
        strange += [] if joined else unlike  # `run` gives the tree before de-identification, whose UIDs may be others
        joined |= more
    failures += strange
    entries = []
    progress("prepare", 0, len(usable))
    for done, one in enumerate(usable, 1):
        try:
            told_of = _Masks(named.get(one.id), joined.get(one.id, ()))
            entries.append(_case(one, told_of, out, export, couch=couch == "remove"))
        except InputRefused as error:
            text = str(error).removeprefix(f"{one.id}: ")
            told_code = f"{error.code}: " if error.code != "REFUSED" and error.code not in text else ""
            failures.append(f"{one.id}: {told_code}{text}")
        progress("prepare", done, len(usable))
    if not entries:
        raise NothingUsable("; ".join(failures) or "no CT series here that could be used: see pleura scan")
    labelled = {entry["id"]: entry["slices"] for entry in entries if entry["mask"]}
    unlabelled = [entry["id"] for entry in entries if not entry["mask"]]
    parts = make_split(labelled, rule=split, seed=seed, unlabelled=unlabelled)
    write_cohort(out, entries, parts, verdicts=dict(Counter(entry["verdict"] for entry in entries)), refused=len(failures))
    run.finish(batch_exit(len(entries), len(failures)), refused=failures)
    return _result(out, failures)


def _result(out: Path, failures: Sequence[str]) -> PrepareResult:
    return PrepareResult(out, read_json(out / NAME), read_json(out / "split.json"), tuple(failures))


def _masks_beside(source: Path) -> dict[str, MaskFiles]:
    layout = any((source / name).is_dir() for name in ("Segmentations", "Labels"))
    return find_masks(source) if layout else {}


def _usable(series: Sequence["Series"]) -> tuple[list["Series"], list[str]]:
    """Series that make cases, and refusals: of a series, or of two CT volumes in one case folder."""
    together: dict[Path, list[Series]] = defaultdict(list)
    for one in series:
        if one.usable and one.folder is not None:
            for parent in {plane.path.parent for plane in one.files}:
                together[parent].append(one)
    kinds = {parent: len({_whole_id(one) for one in group}) for parent, group in together.items()}
    crowded = {one.id: kinds[parent] for parent, group in together.items() if kinds[parent] > 1 for one in group}
    failures = [f"{one.id}: {one.reason}" for one in series if not one.usable]
    said: set[str] = set()
    for one in series:
        if one.id in crowded and one.folder is not None and one.folder.name not in said:
            said.add(one.folder.name)
            failures.append(
                f"{one.folder.name}: TWO-SERIES-IN-CASE: {crowded[one.id]} CT series lie in one case folder; "
                "give each a folder of its own"
            )
    return [one for one in series if one.usable and one.id not in crowded], failures


def _whole_id(series: "Series") -> str:
    """The series' id; for the parts of one that was split at its gaps, what they share."""
    return series.series_uid if any(finding.code == "GAP-SPLIT" for finding in series.findings) else series.id


def _unknown(found: Mapping[str, MaskFiles], usable: Sequence["Series"]) -> list[str]:
    known = {one.id for one in usable}
    strange = [case for case in found if case not in known]
    named = [case if case.startswith("Case_") and case[5:].isdigit() else "(a name that is no case id)" for case in strange]
    hint = "check the name, and that its folder holds one series of one patient"
    return [f"{name}: a mask, but no usable CT series of that case: {hint}" for name in named]


def _case(series: "Series", masks: "_Masks", out: Path, export: str, *, couch: bool) -> dict[str, Any]:
    """Write a case, unless it is there, and tell its entry of `cohort.json`."""
    from pleura.page.planes import planes_png

    folder = out / "cases" / series.id
    if not (folder / "case.json").exists():
        judged = gate(series.read(), detail="full" if couch else "sample").require_usable()
        volume, values = judged.volume, judged.findings
        mask, odd = masks.read(volume, series)
        if couch:
            volume, found = _bared(judged.anatomy)
            values = (*values, *found)
        if export != "none":
            _export(out / "export", series.id, volume, export)
        with atomic_folder(folder) as part:
            findings = [*series.findings, *values, *odd]
            told = {"series_uid": series.series_uid, "frame_uid": series.frame_uid, "verdict": worst(findings).word}
            listed = [finding.as_json() for finding in findings]
            write_case(part, series.id, volume, mask, findings=listed, header=dict(series.header), gate=VERSION, **told)
            planes_png(volume, None if mask is None else mask.labels, part / "planes.png")
    about = Case.open(folder).about
    kind = None if about["mask"] is None else "right and left" if about["mask"]["sided"] else "both as one"
    return {"id": series.id, "slices": about["grid"]["shape"][0], "mask": kind, "verdict": about["verdict"]}


def _bared(anatomy: Anatomy) -> tuple[Volume, tuple[Finding, ...]]:
    """The volume without its couch, and what to say of it."""
    from pleura.anatomy.couch import couch_findings, couch_mask, without_couch

    volume, body = anatomy.volume, anatomy.body
    around = couch_mask(volume, body)
    return without_couch(volume, around), couch_findings(volume, body, around)


def _export(folder: Path, case: str, volume: Volume, kind: str) -> None:
    from pleura.labels.nifti import write_volume

    suffix = ".nii.gz" if kind == "nifti" else ".npy"
    with atomic_file(folder / f"{case}{suffix}") as part:
        if kind == "nifti":
            write_volume(part, volume)
        else:
            np.save(part, volume.hu, allow_pickle=False)

"""One case of `pleura measure`: its CT and any tool's mask of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pleura.core.atomic import atomic_folder
from pleura.core.codes import finding
from pleura.core.errors import InputRefused, UsageError
from pleura.core.faults import is_passing, refusal_of
from pleura.core.findings import Finding, Verdict, refusing_code, worst
from pleura.core.packed import FEW, Packed
from pleura.labels.registry import files_of_mask
from pleura.segmenting.recipe import (
    measured,
    record_of,
    refused_record,
    shown_labels,
    write_dense,
)
from pleura.store.fingerprints import fingerprint
from pleura.store.items import Done
from pleura.store.layout import DENSE_NIFTI, PLANES, SR, main_mask

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pleura.geometry.volume import LungMask, Volume
    from pleura.labels.mappings import Naming
    from pleura.store.jobs import Job


@dataclass(frozen=True)
class MaskedJob:
    """A case and its masks, which must be one."""

    case: "Job"
    masks: tuple[Path, ...] = ()

    @property
    def id(self) -> str:
        """The case's id."""
        return self.case.id

    @property
    def input(self) -> str:
        """Changes when the CT or the mask does."""
        return str(fingerprint(self.files, self.case.input)["sha256"])

    @property
    def files(self) -> list[Path]:
        """The files of the masks."""
        files: list[Path] = []
        for mask in self.masks:
            files += files_of_mask(mask)
        return files


@dataclass(frozen=True)
class MeasureRecipe:
    """Where to write, what labels mean, and what else to write."""

    out: Path
    naming: "Naming"
    sr: bool = False
    dense: bool = False

    def open(self) -> Callable[[MaskedJob], Done]:
        """The function that measures one case."""
        return lambda job: measure_case(job, self)


def measure_case(job: MaskedJob, recipe: MeasureRecipe) -> Done:
    """Measure one case. A refusal is a record with the findings that came before it."""
    from pleura.labels.registry import read_judged
    from pleura.quality.mask_fit import check_mask_fit

    findings = list(job.case.findings)
    try:
        if worst(findings) is Verdict.REFUSED:
            return Done(record_of(job.case, findings), refused=refusing_code(findings))
        if len(job.masks) != 1:
            findings.append(_without_mask(job))
            return Done(record_of(job.case, findings), refused=findings[-1].code)
        judged = job.case.judged("sample")
        if judged.usable:
            mask, odd = read_judged(
                job.masks[0], judged.volume.grid, job.case.series, recipe.naming
            )
            findings += (*odd, *check_mask_fit(mask, judged.volume))
            if mask.sided:
                judged = judged.with_lungs(mask)
            else:
                findings.append(finding("NO-SIDES"))
        findings += judged.findings
        if worst(findings) is Verdict.REFUSED:
            return Done(record_of(job.case, findings), refused=refusing_code(findings))
        labels = shown_labels(judged.volume, mask, recipe.dense)
        measures = measured(judged.volume, mask, labels)
        report = (measures, worst(findings)) if recipe.sr and measures["both"] else None
        names = _write(judged.volume, mask, recipe, job.case, labels, report)
    except InputRefused as error:
        if is_passing(error):
            raise
        refusal = _refusal(error)
        return Done(refused_record(job.case, refusal, findings), refused=refusal.code)
    return Done(record_of(job.case, findings, measures, names[0]), names)


def _without_mask(job: MaskedJob) -> Finding:
    """Why a case has no mask to measure."""
    if job.masks:
        return finding("MASKS-SEVERAL", n=len(job.masks))
    return finding("MASK-MISSING")


def _refusal(error: InputRefused) -> Finding:
    """The refusal of a case; of labels that have no meaning, with the option that gives one."""
    refusal = refusal_of(error)
    if refusal.code != "MASK-LABELS":
        return refusal
    return replace(refusal, message=f"{refusal.message}; specify the label mapping with --mapping")


def refused_masked(job: MaskedJob, refusal: Finding) -> dict[str, Any]:
    """The record of a case that was refused."""
    return refused_record(job.case, refusal)


def _write(
    volume: "Volume",
    mask: "LungMask",
    recipe: MeasureRecipe,
    case: "Job",
    labels: "NDArray[np.uint8]",
    report: tuple[dict[str, Any], Verdict] | None,
) -> tuple[str, ...]:
    """Write a case's folder, whole or not at all; return its files below OUT, the picture first.

    `labels` are those of `shown_labels`; `report` has the measures and the verdict for a DICOM SR,
    which refers to a segmentation.
    """
    from pleura.labels.registry import write_mask
    from pleura.labels.sr_writer import write_report
    from pleura.page.overlay import overlay_png

    names = [PLANES]
    with atomic_folder(recipe.out / case.id) as folder:
        overlay_png(volume, labels, folder / PLANES)
        if recipe.dense:
            write_dense(folder / DENSE_NIFTI, labels, mask.grid)
            names.append(DENSE_NIFTI)
        if report is not None:
            segmentation = main_mask("seg")
            write_mask(folder / segmentation, mask, case.series)
            assert case.series is not None
            write_report(folder / SR, folder / segmentation, case.series, *report)
            names += [segmentation, SR]
    return tuple(f"{case.id}/{name}" for name in names)


def pair_cases(
    cases: Sequence["Job"], masks: Path, names: Mapping[str, str]
) -> Sequence[MaskedJob]:
    """Each case with its mask; `names` are other names of cases, of image files and folders."""
    from pleura.labels.matching import match
    from pleura.labels.objects import Scan

    if masks.is_file():
        if len(cases) != 1:
            raise UsageError(
                f"measure: one mask for {len(cases)} CT series; give a folder with a mask for "
                "each case"
            )
        return [MaskedJob(cases[0], (masks,))]
    scans = [
        Scan(case.series.frame_uid, case.series_uid, case.id, case.series.files)
        for case in cases
        if case.series is not None
    ]
    matched = match(masks, scans, wanted=frozenset(case.id for case in cases), names=names)
    return Packed((MaskedJob(one, matched.paths.get(one.id, ())) for one in cases), FEW)

"""One case: read, checked, segmented, measured, drawn and written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pleura.core.atomic import atomic_folder
from pleura.core.codes import finding
from pleura.core.cores import threads
from pleura.core.errors import InputRefused
from pleura.core.faults import is_passing, refusal_of
from pleura.core.findings import Finding, Verdict, reason, refusing_code, worst
from pleura.store.items import Done
from pleura.store.layout import BOTH_LUNGS, CT_NIFTI, DENSE_NIFTI, PLANES, RAW, SR, main_mask

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pleura.geometry.grid import Grid
    from pleura.geometry.volume import LungMask, Volume
    from pleura.labels.algorithm import Algorithm
    from pleura.quality.gate import Judged
    from pleura.segmenters.protocol import Segmentation, Segmenter
    from pleura.store.jobs import Job

CLASSICAL = "classical"
"""`--model classical`: thresholds and components."""
SIDES = ("right", "left", "both")
INCOMPLETE = ("CHEST-CUT", "GAP-IN-SLICES", "GAP-FILLED", "LUNG-MISSING")
"""Findings that make volumes those of a part of the lungs."""


def is_trained(model: Path | None) -> bool:
    """Whether `--model` names a model that train wrote."""
    return model is not None and model != Path(CLASSICAL)


def is_lung_network(model: Path) -> bool:
    """Whether a folder has a network like the shipped one, as `train --preset fine-tune` makes."""
    from pleura.segmenters.shipped import CARD

    return (model / CARD).is_file()


def is_unet(model: Path | None) -> bool:
    """Whether `--model` names a U-Net that train wrote, which takes a threshold and a device."""
    return model is not None and is_trained(model) and not is_lung_network(model)


@dataclass(frozen=True)
class SegmentRecipe:
    """What to segment with, and what to write; opened once in each process.

    `model` is `None` for the shipped network, `classical`, or the run folder of a trained model
    with its `options`.
    """

    out: Path
    format: str
    model: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    export_ct: bool = False
    sr: bool = False
    dense: bool = False
    algorithm: "Algorithm | None" = None

    def segmenter(self) -> "Segmenter":
        """Open the segmenter."""
        if self.model is None:
            from pleura.segmenters.shipped import ShippedNetwork

            return ShippedNetwork.open()
        if self.model == Path(CLASSICAL):
            from pleura.segmenters.classical import Classical

            return Classical()
        if is_lung_network(self.model):
            from pleura.segmenters.shipped import ShippedNetwork

            return ShippedNetwork.open(self.model)
        from pleura.segmenters.onnx import OnnxSegmenter

        return OnnxSegmenter.open(self.model, **self.options)

    def open(self) -> Callable[["Job"], Done]:
        """The function that does one case."""
        segmenter = self.segmenter()
        return lambda job: segment_case(job, self, segmenter)


def segment_case(job: "Job", recipe: SegmentRecipe, segmenter: "Segmenter") -> Done:
    """Segment one case. A refusal is a record with the findings that came before it."""
    findings = list(job.findings)
    try:
        if worst(findings) is Verdict.REFUSED:
            return Done(record_of(job, findings), refused=refusing_code(findings))
        judged = job.judged("sample" if recipe.model is None else "full")
        if judged.usable:
            segmentation = segmenter(judged.volume, anatomy=judged.anatomy)
            findings += segmentation.findings
            judged = judged.with_lungs(segmentation.mask)
            if is_trained(recipe.model):
                judged = _with_any_answer(judged)
        findings += judged.findings
        if worst(findings) is Verdict.REFUSED:
            return Done(record_of(job, findings), refused=refusing_code(findings))
        labels = shown_labels(judged.volume, segmentation.mask, recipe.dense)
        measures = measured(judged.volume, segmentation.mask, labels)
        report = (measures, worst(findings)) if recipe.sr and measures["both"] else None
        files = _write(segmentation, judged, recipe, job, labels, report)
    except InputRefused as error:
        if is_passing(error):
            raise
        refusal = refusal_of(error)
        return Done(refused_record(job, refusal, findings), refused=refusal.code)
    findings += _resampled(segmentation.mask.grid, files[0])
    return Done(record_of(job, findings, measures, files[0]), files)


def _with_any_answer(judged: "Judged") -> "Judged":
    """The findings, of which an answer without lungs is one to review, not a refusal.

    The gate saw lungs in this volume. That a trained network finds none is its result, and
    `evaluate` has to count it.
    """
    coverage = [one for one in judged.coverage if one.code != "NO-LUNGS"]
    for one in judged.coverage:
        if one.code == "NO-LUNGS" and one.evidence["lungs_ml"]:  # of none the segmenter says so
            coverage.append(finding("NO-LUNGS-FOUND", ml=one.evidence["lungs_ml"]))
    return replace(judged, coverage=tuple(coverage))


def record_of(
    job: "Job",
    findings: Sequence[Finding],
    measures: Mapping[str, Any] | None = None,
    mask: str | None = None,
) -> dict[str, Any]:
    """The record of a case in `run.json`; without a mask, one that was refused."""
    # a mask without sides has no volume of a right or left lung, not 0 ml of it
    ml = measures and {side: _ml(measures[side]) for side in SIDES if side in measures}
    header = {} if job.series is None else job.series.header
    return {
        "id": job.id,
        "series_uid": job.series_uid,
        "verdict": worst(findings).word,
        "reason": reason(findings),
        "findings": [one.as_json() for one in findings],
        "volume_ml": ml,
        "mask": mask,
        "measures": measures,
        "incomplete": [one.message for one in findings if one.code in INCOMPLETE],
        "scan": {
            "slice_thickness_mm": _number(header.get("SliceThickness")),
            "kernel": _words(header.get("ConvolutionKernel")),
            "contrast": _words(header.get("ContrastBolusAgent")),
            "scanner": _scanner(header),
        },
    }


def _ml(side: Mapping[str, Any] | None) -> float:
    """The volume of a lung that was measured; 0 where there is none."""
    return round(side["ml"], 3) if side else 0.0


def refused_record(
    job: "Job", refusal: Finding, findings: Sequence[Finding] | None = None
) -> dict[str, Any]:
    """The record of a case that was refused."""
    return record_of(job, [*known_findings(job, findings), refusal])


def known_findings(job: "Job", findings: Sequence[Finding] | None) -> Sequence[Finding]:
    """The findings of a case that was refused: those given, else those of its series."""
    if findings is None:
        return job.findings
    return findings


def shown_labels(volume: "Volume", mask: "LungMask", dense: bool) -> "NDArray[np.uint8]":
    """The labels of a mask, with those of `--dense` where it is given."""
    if not dense:
        return mask.labels
    from pleura.quantify.dense import with_dense_parts

    return with_dense_parts(volume, mask)


def measured(volume: "Volume", mask: "LungMask", labels: "NDArray[np.uint8]") -> dict[str, Any]:
    """What `quantify` measures, in numbers as they are written; `labels` as in `shown_labels`."""
    from pleura.quantify.lungs import measure_lungs, rounded

    measures = measure_lungs(volume, mask)
    if labels is not mask.labels:
        from pleura.quantify.dense import dense_ml

        for side, ml in dense_ml(volume, mask, labels).items():
            if measures[side] is not None:
                measures[side]["dense_ml"] = ml
    return rounded(measures)


def _scanner(header: Mapping[str, Any]) -> str | None:
    """Manufacturer and model; `None` where the header has neither."""
    parts = (_words(header.get(name)) for name in ("Manufacturer", "ManufacturerModelName"))
    return " ".join(part for part in parts if part) or None


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _words(value: Any) -> str | None:
    """An attribute as text, its values separated by a backslash; `None` where it is empty."""
    if value is None or value == "":
        return None
    return "\\".join(str(one) for one in value) if isinstance(value, (list, tuple)) else str(value)


def _resampled(grid: "Grid", written: str) -> tuple[Finding, ...]:
    """A note where the file's format has one slice spacing only and the slices have several."""
    if grid.is_even or written.endswith((".npz", ".dcm")):
        return ()
    even = grid.even()
    return (finding("EVEN-GRID", step_mm=even.spacing_mm[0], slices=even.shape[0]),)


def _write(
    segmentation: "Segmentation",
    judged: "Judged",
    recipe: SegmentRecipe,
    job: "Job",
    labels: "NDArray[np.uint8]",
    report: tuple[dict[str, Any], Verdict] | None,
) -> tuple[str, ...]:
    """Write a case's folder, whole or not at all; return its files below OUT, the sided mask
    first. `labels` are those of `shown_labels`; `report` has the measures and the verdict for a
    DICOM SR.
    """
    from concurrent.futures import ThreadPoolExecutor

    from pleura.geometry.volume import LungMask
    from pleura.labels.registry import write_mask
    from pleura.page.overlay import overlay_png

    mask, grid = segmentation.mask, segmentation.mask.grid
    raw = LungMask(segmentation.raw.view("uint8"), grid, sided=False)
    main = main_mask(recipe.format)
    with (
        atomic_folder(recipe.out / job.id) as folder,
        ThreadPoolExecutor(threads()) as pool,  # compression does not hold the interpreter
    ):
        written = {
            main: pool.submit(write_mask, folder / main, mask, job.series, recipe.algorithm),
            PLANES: pool.submit(overlay_png, judged.volume, labels, folder / PLANES),
            RAW: pool.submit(write_mask, folder / RAW, raw),
        }
        if main != BOTH_LUNGS:
            written[BOTH_LUNGS] = pool.submit(write_mask, folder / BOTH_LUNGS, mask)
        if recipe.export_ct:
            from pleura.images.nifti import write_volume

            written[CT_NIFTI] = pool.submit(write_volume, folder / CT_NIFTI, judged.volume)
        if recipe.dense:
            written[DENSE_NIFTI] = pool.submit(write_dense, folder / DENSE_NIFTI, labels, grid)
        for one in written.values():
            one.result()
        if report is not None:
            from pleura.labels.sr_writer import write_report

            assert job.series is not None
            write_report(folder / SR, folder / main, job.series, *report, recipe.algorithm)
    names = (main, BOTH_LUNGS, RAW, PLANES, CT_NIFTI, DENSE_NIFTI)
    order = [name for name in names if name in written]
    return tuple(f"{job.id}/{name}" for name in [*order, *([SR] if report else [])])


def write_dense(path: Path, labels: "NDArray[np.uint8]", grid: "Grid") -> None:
    """Write the label map of `--dense`."""
    from pleura.images.nifti import DENSE, write_labels

    write_labels(path, labels, grid, DENSE)

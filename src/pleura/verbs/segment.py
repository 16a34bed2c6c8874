"""`pleura segment`: every CT series, or every case of a cohort, to a lung mask that says how far it can be trusted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pleura.core.atomic import atomic_folder
from pleura.core.codes import finding
from pleura.core.errors import Exit, InputRefused, NothingUsable, UsageError
from pleura.core.faults import is_passing, refusal_of
from pleura.core.findings import Finding, Verdict, reason, worst
from pleura.core.progress import Progress, silent
from pleura.core.results import Table, batch_exit, gone_notes
from pleura.labels.algorithm import algorithm_of
from pleura.store.items import Done, do_items
from pleura.store.jobs import Job, is_cohort, jobs_of
from pleura.store.layout import BOTH_LUNGS, RAW, main_mask
from pleura.store.run_record import open_run
from pleura.store.spread import How

if TYPE_CHECKING:
    from pleura.geometry.grid import Grid
    from pleura.labels.algorithm import Algorithm
    from pleura.segmenters.protocol import Segmentation, Segmenter

LABELS = {"1": "right lung", "2": "left lung"}


@dataclass(frozen=True)
class SegmentResult:
    """What was found in each case: `id`, `series_uid`, `verdict`, `reason`, `mask` (path below OUT, or `None`) and more."""

    out: Path
    cases: tuple[Mapping[str, Any], ...]
    gone: tuple[str, ...] = ()

    @property
    def exit_code(self) -> Exit:
        """1 where a case was refused, 3 where all were."""
        refused = sum(case["mask"] is None for case in self.cases)
        return batch_exit(len(self.cases) - refused, refused)

    def as_json(self) -> Any:
        """`cases` and `labels`, as in `run.json`."""
        return {"cases": [dict(case) for case in self.cases], "labels": LABELS}

    def table(self) -> Table | None:
        """One row a case."""
        rows = []
        for case in self.cases:
            ml = case["volume_ml"]
            rows.append((case["id"], case["verdict"], *(f"{ml[side]:.0f}" if ml else "-" for side in ("right", "left"))))
        return Table("Lungs", ("case", "verdict", "right [ml]", "left [ml]"), tuple(rows))

    def notes(self) -> Sequence[str]:
        """Why each case is not plainly ok, then where the masks are."""
        lines = [f"{case['id']}: {case['verdict']}: {case['reason']}" for case in self.cases if case["reason"]]
        done = sum(case["mask"] is not None for case in self.cases)
        last = f"{done} of {len(self.cases)} segmented: {self.out} (1 right lung, 2 left lung)"
        return [*lines, *gone_notes(self.gone), last]


@dataclass(frozen=True)
class _Recipe:
    """What to segment with, and how to write it; opened once in each process."""

    out: Path
    format: str
    model: Path | None
    options: Mapping[str, Any] = field(default_factory=dict)
    algorithm: "Algorithm | None" = None

    def segmenter(self) -> "Segmenter":
        if self.model is None:
            from pleura.segmenters.classical import Classical

            return Classical()
        from pleura.segmenters.onnx import OnnxSegmenter

        return OnnxSegmenter.open(self.model, **self.options)

    def open(self) -> Callable[[Job], Done]:
        segmenter = self.segmenter()
        return lambda job: _case(job, self, segmenter)


def segment(
    source: Path,
    out: Path,
    *,
    model: Path | None = None,
    format: Literal["nifti", "nrrd", "npz", "seg", "rtstruct"] = "nifti",
    threshold: float | None = None,
    gaps: Literal["refuse", "interpolate", "split"] = "refuse",
    device: Literal["cpu", "cuda"] = "cpu",
    workers: int = 1,
    verify_done: Literal["size", "hash"] = "size",
    overwrite: bool = False,
    progress: Progress = silent,
) -> SegmentResult:
    """Find the lungs in every CT series of a folder.

    Each series or case gets a folder OUT/ID: lungs.nii.gz (1 the patient's right lung, 2 the left, on the grid of the source),
    lungs_seg.npz (both as 1, key masks) and raw.npz (the output of the network or the threshold before cleaning). A case
    without lungs gets no mask but a reason. OUT/run.json lists all. The same command again finishes an interrupted run and
    does what is new in IN.

    Args:
        source: Folder of DICOM files, or a cohort that prepare wrote.
        out: Folder to write to; made if need be.
        model: Run folder of a trained model (model.onnx, model.json); without it, threshold and components.
        format: Format of the sided mask: nifti (lungs.nii.gz), nrrd (lungs.nrrd), npz (lungs_seg.npz alone), or, from DICOM
            series, seg (lungs.seg.dcm, a DICOM segmentation) or rtstruct (lungs.rtstruct.dcm, a structure set).
        threshold: Probability from which the model's answer counts as lung; by default the model's own.
        gaps: What becomes of a series with lost slices: refuse, interpolate (fill them from their neighbours; SEG
            and structure sets leave them out), or split (a mask for each run of slices).
        device: Where the model runs: cpu or cuda.
        workers: Processes, each with a case of its own and about 1.5 GB; 0 = one for each core.
        verify_done: How finished results are checked before they are kept: size, or hash (reads every file).
        overwrite: Empty OUT first.

    Returns:
        Each case with verdict, reason and the path of its mask.

    Raises:
        UsageError: the input or the model does not exist, or OUT has other content and `overwrite` is not set.
        NothingUsable: the input has no CT series.
        OutputFailed: OUT cannot be written.
    """
    if model is not None and not model.is_dir():
        raise UsageError("segment: --model is not a folder; give the run folder that train wrote (with model.onnx)")
    if not source.exists():
        raise UsageError("segment: IN does not exist; check the path")
    cohort = is_cohort(source)
    if format in ("seg", "rtstruct") and cohort:
        raise UsageError(f"segment: --format {format} refers to DICOM files; give the folder of CT series, not a cohort")
    if gaps != "refuse" and cohort:
        raise UsageError("segment: --gaps is for DICOM series; give it to prepare for a cohort")
    chosen = {"device": device} | ({} if threshold is None else {"threshold": threshold})
    recipe = _Recipe(out, format, model, {} if model is None else chosen)
    described = recipe.segmenter().describe()
    recipe = replace(recipe, algorithm=algorithm_of(described))
    options = {"segmenter": described, "format": format, "gaps": gaps} | dict(recipe.options)
    models = [] if model is None else [model]
    with open_run(
        out, verb="segment", sources=[source], options=options, also=models, overwrite=overwrite, check=verify_done
    ) as run:
        if run.done:
            return SegmentResult(out, tuple(run.record["cases"]), tuple(run.record["gone"]))
        jobs = jobs_of(source, progress, gaps)
        if not jobs:
            raise NothingUsable("segment: IN has no CT series; pleura scan lists what it has")
        batch = do_items(run, recipe, jobs, How(workers), _refused, progress=progress)
        result = SegmentResult(out, tuple(batch.records), tuple(batch.gone))
        run.finish(result.exit_code, complete=batch.complete, cases=batch.records, gone=batch.gone, labels=LABELS)
        return result


def _case(job: Job, recipe: _Recipe, segmenter: "Segmenter") -> Done:
    """One case: read, segmented, checked, written. A refusal is a record with the findings that came before it."""
    findings = list(job.findings)
    try:
        if worst(findings) is Verdict.REFUSED:
            return Done(_record(job, findings))
        judged = job.judged("full")
        if judged.usable:
            segmentation = segmenter(judged.volume, anatomy=judged.anatomy)
            findings += segmentation.findings
            judged = judged.with_lungs(segmentation.mask)
        findings += judged.findings
        if worst(findings) is Verdict.REFUSED:
            return Done(_record(job, findings))
        files = _write(segmentation, recipe, job)
    except InputRefused as error:
        if is_passing(error):
            raise
        return Done(_refused(job, refusal_of(error), findings))
    findings += _resampled(segmentation.mask.grid, files[0])
    ml = {side: round(value, 3) for side, value in segmentation.mask.volume_ml().items()}
    return Done(_record(job, findings, ml, files[0]), files)


def _record(
    job: Job, findings: Sequence[Finding], volume_ml: Mapping[str, float] | None = None, mask: str | None = None
) -> dict[str, Any]:
    return {
        "id": job.id,
        "series_uid": job.series_uid,
        "verdict": worst(findings).word,
        "reason": reason(findings),
        "findings": [one.as_json() for one in findings],
        "volume_ml": volume_ml,
        "mask": mask,
    }


def _refused(job: Job, refusal: Finding, findings: Sequence[Finding] | None = None) -> dict[str, Any]:
    return _record(job, [*(job.findings if findings is None else findings), refusal])


def _resampled(grid: "Grid", written: str) -> tuple[Finding, ...]:
    """A note where the file's format has one slice spacing only and the slices have several."""
    if grid.is_even or written.endswith((".npz", ".dcm")):
        return ()
    even = grid.even()
    return (finding("EVEN-GRID", step_mm=even.spacing_mm[0], slices=even.shape[0]),)


def _write(segmentation: "Segmentation", recipe: _Recipe, job: Job) -> tuple[str, ...]:
    """Write a case's folder, whole or not at all; return its files below OUT, the sided mask first."""
    from pleura.geometry.volume import LungMask
    from pleura.labels.registry import write_mask

    mask, grid = segmentation.mask, segmentation.mask.grid
    both = LungMask(mask.lungs.astype("uint8"), grid, sided=False)
    raw = LungMask(segmentation.raw.astype("uint8"), grid, sided=False)
    main = main_mask(recipe.format)
    with atomic_folder(recipe.out / job.id) as folder:
        write_mask(folder / BOTH_LUNGS, both)
        write_mask(folder / RAW, raw)
        if main != BOTH_LUNGS:
            write_mask(folder / main, mask, job.series, recipe.algorithm)
    return tuple(f"{job.id}/{name}" for name in dict.fromkeys((main, BOTH_LUNGS, RAW)))

"""`pleura segment`: every CT series, or every case of a cohort, to a lung mask that says how far it can be trusted."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pleura.core.atomic import atomic_folder
from pleura.core.errors import Exit, InputRefused, NothingUsable, UsageError
from pleura.core.findings import Finding, Verdict, reason, worst
from pleura.core.progress import Progress, silent
from pleura.core.results import Table, batch_exit
from pleura.labels.algorithm import algorithm_of
from pleura.store.jobs import Job, in_processes, is_cohort, jobs_of
from pleura.store.manifest import start_run

if TYPE_CHECKING:
    from pleura.geometry.grid import Grid
    from pleura.labels.algorithm import Algorithm
    from pleura.segmenters.protocol import Segmentation, Segmenter

LABELS = {"1": "right lung", "2": "left lung"}
SUFFIX = {"nifti": ".nii.gz", "nrrd": ".nrrd", "npz": ".npz", "seg": ".seg.dcm", "rtstruct": ".rtstruct.dcm"}


@dataclass(frozen=True)
class SegmentResult:
    """What was found in each case: `id`, `series_uid`, `verdict`, `reason`, `mask` (path below OUT, or `None`) and more."""

    out: Path
    cases: tuple[Mapping[str, Any], ...]

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
        return [*lines, f"{done} of {len(self.cases)} segmented: {self.out} (1 right lung, 2 left lung)"]


@dataclass(frozen=True)
class _Recipe:
    """What to segment with, and how to write it; opened in each worker."""

    out: Path
    suffix: str
    model: Path | None
    options: Mapping[str, Any] = field(default_factory=dict)
    algorithm: "Algorithm | None" = None

    def segmenter(self) -> "Segmenter":
        if self.model is None:
            from pleura.segmenters.classical import Classical

            return Classical()
        from pleura.segmenters.onnx import OnnxSegmenter

        return OnnxSegmenter.open(self.model, **self.options)


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
    overwrite: bool = False,
    progress: Progress = silent,
) -> SegmentResult:
    """Find the lungs in every CT series of a folder.

    Each series or case gets a folder OUT/ID: lungs.nii.gz (1 the patient's right lung, 2 the left, on the grid of the source),
    lungs_seg.npz (both as 1, key masks) and raw.npz (what the network or the threshold itself said, before cleaning). A case
    without lungs gets no mask but a reason. OUT/run.json lists all. The same command again goes on where it stopped.

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
        workers: Cases at a time, each in a process of its own that needs about 1.5 GB.
        overwrite: Replace what OUT holds.

    Returns:
        Each case with verdict, reason and the place of its mask.

    Raises:
        UsageError: the input or the model does not exist, or OUT holds something else and `overwrite` is not set.
        NothingUsable: the input holds no CT series.
        OutputFailed: OUT cannot be written.
    """
    if model is not None and not model.is_dir():
        raise UsageError("segment: --model is no folder: give the run folder that train wrote (it holds model.onnx)")
    chosen = {"device": device} | ({} if threshold is None else {"threshold": threshold})
    recipe = _Recipe(out, SUFFIX[format], model, {} if model is None else chosen)
    described = recipe.segmenter().describe()
    recipe = replace(recipe, algorithm=algorithm_of(described))
    options = {"segmenter": described, "format": format, "gaps": gaps} | dict(recipe.options)
    if format in ("seg", "rtstruct") and is_cohort(source):
        raise UsageError(f"segment: --format {format} refers to DICOM files: give the folder of CT series, not a cohort")
    if gaps != "refuse" and is_cohort(source):
        raise UsageError("segment: --gaps is for DICOM series; a cohort's gaps were dealt with when it was prepared")
    jobs = jobs_of(source, progress, gaps)
    if not jobs:
        raise NothingUsable("segment: IN holds no CT series: pleura scan lists what it holds")
    run = start_run(out, verb="segment", sources=[source], options=options, overwrite=overwrite)
    if run.done:
        return SegmentResult(out, tuple(run.record["cases"]))
    cases = {case["id"]: case for case in run.record.get("cases", [])}
    todo = [job for job in jobs if job.id not in cases]
    seconds = dict(run.record.get("seconds", {}))
    for done, (case, took) in enumerate(_each(todo, recipe, workers, progress), 1):
        cases[case["id"]] = case
        seconds[case["id"]] = took
        run.note(cases=[cases[job.id] for job in jobs if job.id in cases], labels=LABELS, seconds=seconds)
        progress("cases", done, len(todo))
    result = SegmentResult(out, tuple(cases[job.id] for job in jobs))
    run.finish(result.exit_code, cases=list(result.cases), labels=LABELS, seconds=seconds)
    return result


def _each(jobs: Sequence[Job], recipe: _Recipe, workers: int, progress: Progress) -> Iterator[tuple[dict[str, Any], float]]:
    """Each case's record and seconds, in order; in this process, or in `workers` of their own."""
    if workers < 2 or len(jobs) < 2:
        segmenter = recipe.segmenter()
        for job in jobs:
            yield _case(job, recipe, segmenter, progress)
        return
    yield from in_processes(partial(_in_worker, recipe), jobs, workers)


def _in_worker(recipe: _Recipe, job: Job) -> tuple[dict[str, Any], float]:
    return _case(job, recipe, recipe.segmenter(), silent)


def _case(job: Job, recipe: _Recipe, segmenter: "Segmenter", progress: Progress) -> tuple[dict[str, Any], float]:
    """One case: read, segmented, judged, written. A refusal is a record, not an error."""
    start = time.perf_counter()
    findings = list(job.findings)
    mask: str | None = None
    ml: dict[str, float] | None = None
    try:
        if worst(findings) is not Verdict.REFUSED:
            judged = job.judged("full")
            if judged.usable:
                segmentation = segmenter(judged.volume, progress, anatomy=judged.anatomy)
                findings += segmentation.findings
                judged = judged.with_lungs(segmentation.mask)
            findings += judged.findings
            if worst(findings) is not Verdict.REFUSED:
                ml = {side: round(value, 3) for side, value in segmentation.mask.volume_ml().items()}
                mask = _written(segmentation, recipe, job)
                findings += _resampled(segmentation.mask.grid, mask)
    except InputRefused as error:
        findings.append(Finding(error.code, Verdict.REFUSED, str(error)))
        mask = ml = None
    record = {
        "id": job.id,
        "series_uid": job.series_uid,
        "verdict": worst(findings).word,
        "reason": reason(findings),
        "findings": [finding.as_json() for finding in findings],
        "volume_ml": ml,
        "mask": mask,
    }
    return record, round(time.perf_counter() - start, 2)


def _resampled(grid: "Grid", written: str) -> tuple[Finding, ...]:
    """A note where the file's format knows one step only and the slices have several."""
    if grid.is_even or written.endswith((".npz", ".dcm")):
        return ()
    text = (
        f"label maps know one step: it is written on an even grid of {grid.even().spacing_mm[0]:.4g} mm (nearest slice); "
        "lungs_seg.npz has the true slices"
    )
    return (Finding("EVEN-GRID", Verdict.OK, text, {"slices": grid.even().shape[0]}),)


def _written(segmentation: "Segmentation", recipe: _Recipe, job: Job) -> str:
    """Write a case's folder, whole or not at all; return where its mask is, below OUT."""
    from pleura.geometry.volume import LungMask
    from pleura.labels.registry import write_mask

    mask, grid = segmentation.mask, segmentation.mask.grid
    both = LungMask(mask.lungs.astype("uint8"), grid, sided=False)
    raw = LungMask(segmentation.raw.astype("uint8"), grid, sided=False)
    main = "lungs_seg.npz" if recipe.suffix == ".npz" else f"lungs{recipe.suffix}"
    with atomic_folder(recipe.out / job.id) as folder:
        write_mask(folder / "lungs_seg.npz", both)
        write_mask(folder / "raw.npz", raw)
        if recipe.suffix != ".npz":
            write_mask(folder / main, mask, job.series, recipe.algorithm)
    return f"{job.id}/{main}"

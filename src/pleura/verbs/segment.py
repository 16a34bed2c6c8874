"""`pleura segment`: every CT series, or every case of a cohort, to a lung mask that says how far
it can be trusted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pleura.core.errors import Exit, NothingUsable, UsageError
from pleura.core.progress import Progress, silent
from pleura.core.results import Table, batch_exit, gone_notes
from pleura.labels.algorithm import algorithm_of
from pleura.segmenting.recipe import CLASSICAL, SegmentRecipe, refused_record
from pleura.segmenting.tables import write_tables
from pleura.store.call import Call
from pleura.store.items import do_items
from pleura.store.jobs import Job, is_cohort, jobs_of
from pleura.store.layout import INDEX
from pleura.store.part_results import PlanResult, ShareResult
from pleura.store.parts import Part
from pleura.store.spread import How

LABELS = {"1": "right lung", "2": "left lung"}


@dataclass(frozen=True)
class SegmentResult:
    """What was found in each case: `id`, `series_uid`, `verdict`, `reason`, `mask` (path below
    OUT, or `None`) and more.
    """

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
            rows.append(
                (
                    case["id"],
                    case["verdict"],
                    *(f"{ml[side]:.0f}" if ml else "-" for side in ("right", "left")),
                )
            )
        return Table("Lungs", ("case", "verdict", "right [ml]", "left [ml]"), tuple(rows))

    def notes(self) -> Sequence[str]:
        """Why each case is not plainly ok, then where the masks are."""
        lines = [
            f"{case['id']}: {case['verdict']}: {case['reason']}"
            for case in self.cases
            if case["reason"]
        ]
        done = sum(case["mask"] is not None for case in self.cases)
        last = (
            f"{done} of {len(self.cases)} segmented (1 right lung, 2 left lung); see "
            f"{self.out / INDEX}"
        )
        return [*lines, *gone_notes(self.gone), last]


def segment(
    source: Path,
    out: Path,
    *,
    model: Path | None = None,
    format: Literal["nifti", "nrrd", "npz", "seg", "rtstruct"] = "nifti",
    threshold: float | None = None,
    gaps: Literal["refuse", "interpolate", "split"] = "refuse",
    export_ct: bool = False,
    device: Literal["cpu", "cuda"] = "cpu",
    workers: int = 1,
    scheduler: str = "",
    plan: bool = False,
    tasks: int = 0,
    task: str = "",
    retry: str = "",
    verify_done: Literal["size", "hash"] = "size",
    overwrite: bool = False,
    progress: Progress = silent,
) -> SegmentResult | PlanResult | ShareResult:
    """Find the lungs in every CT series of a folder.

    Each series or case gets a folder OUT/ID: lungs.nii.gz (1 the patient's right lung, 2 the left,
    on the grid of the source), planes.png (five planes with outlines), lungs_seg.npz (both as 1,
    key masks) and raw.npz (the output of the network or the threshold before cleaning). A case
    without lungs gets no mask but a reason. OUT/index.html shows all cases; OUT/lungs.csv and
    OUT/lungs.json have their volumes and densities; OUT/run.json lists all. The same command again
    finishes an interrupted run and does what is new in IN.

    Args:
        source: Folder of DICOM files, or a cohort that prepare wrote.
        out: Folder to write to; created if it does not exist.
        model: classical (thresholds and components), or the run folder of a model that train wrote
            (model.onnx, model.json); by default the network that comes with pleura.
        format: Format of the sided mask: nifti (lungs.nii.gz), nrrd (lungs.nrrd), npz
            (lungs_seg.npz alone), or, from DICOM series, seg (lungs.seg.dcm, a DICOM segmentation)
            or rtstruct (lungs.rtstruct.dcm, a structure set).
        threshold: Probability from which the model's answer counts as lung; by default the model's
            own.
        gaps: What becomes of a series with lost slices: refuse, interpolate (fill them from their
            neighbours; SEG and structure sets leave them out), or split (a mask for each run of
            slices).
        export_ct: Also write the CT as OUT/ID/ct.nii.gz, in HU, on the grid of the mask.
        device: Where the model runs: cpu or cuda.
        workers: Processes, each with a case of its own and about 1.5 GB; 0 = one for each core.
        scheduler: Address of a Dask cluster whose workers do the cases, tcp://HOST:PORT or
            tls://HOST:PORT; they must see IN and OUT at the same paths.
        plan: Only plan the work for many tasks (a job array) in OUT/jobs.json, and print the lines
            that start them; the same command without --plan collects their results.
        tasks: With --plan, how many tasks; 0 = one for every 20 cases, 1000 at most.
        task: Do the share of one task of a plan: N, N/M (N from 0 to M - 1), or auto, which reads
            N from Slurm, PBS, Kubernetes or AWS Batch.
        retry: Do the cases again that failed with this code, which pleura status OUT lists.
        verify_done: How finished results are checked before they are kept: size, or hash (reads
            every file).
        overwrite: Empty OUT first.

    Returns:
        Each case with verdict, reason and the path of its mask; of a plan or a task, counts.

    Raises:
        UsageError: the input or the model does not exist, or OUT has other content and `overwrite`
            is not set.
        NothingUsable: the input has no CT series.
        OutputFailed: OUT cannot be written.
    """
    part = Part.of(Call.of(segment, locals()))
    source, out = part.shared(source, out)
    if model is not None and model.exists():
        (model,) = part.shared(model)
    trained = model is not None and model != Path(CLASSICAL)
    if model is not None and trained and not model.is_dir():
        raise UsageError(
            "segment: --model is not a folder; give the run folder that train wrote (with "
            "model.onnx)"
        )
    if not trained and (threshold is not None or device != "cpu"):
        raise UsageError(
            "segment: --threshold and --device are for a model that train wrote; give its folder "
            "with --model"
        )
    if not source.exists():
        raise UsageError("segment: IN does not exist; check the path")
    cohort = is_cohort(source)
    if format in ("seg", "rtstruct") and cohort:
        raise UsageError(
            f"segment: --format {format} refers to DICOM files; give the folder of CT series, not "
            "a cohort"
        )
    if gaps != "refuse" and cohort:
        raise UsageError("segment: --gaps is for DICOM series; give it to prepare for a cohort")
    chosen = {"device": device} | ({} if threshold is None else {"threshold": threshold})
    recipe = SegmentRecipe(out, format, model, chosen if trained else {}, export_ct)
    described = recipe.segmenter().describe()
    recipe = replace(recipe, algorithm=algorithm_of(described))
    options = {"segmenter": described, "format": format, "gaps": gaps, "export_ct": export_ct}
    also = [model] if model is not None and trained else []
    with part.open_run(
        out,
        verb="segment",
        sources=[source],
        options=options | dict(recipe.options),
        also=also,
        overwrite=overwrite,
        check=verify_done,
    ) as run:
        if run.done:
            return SegmentResult(out, tuple(run.record["cases"]), tuple(run.record["gone"]))
        jobs = part.jobs(run, lambda: _jobs(source, format, gaps, progress))
        if not jobs and not part.is_task:
            raise NothingUsable("segment: IN has no CT series; pleura scan lists what it has")
        if part.plan:
            return part.planned(run)
        how = How(workers, scheduler=scheduler)
        batch = do_items(run, recipe, jobs, how, refused_record, progress=progress)
        if part.is_task:
            return part.share_done(run, jobs, batch)
        result = SegmentResult(out, tuple(batch.records), tuple(batch.gone))
        files = write_tables(out, batch.records, title="Lungs")
        run.finish(
            result.exit_code,
            complete=batch.complete,
            files=files,
            cases=batch.records,
            gone=batch.gone,
            labels=LABELS,
        )
        return result


def _jobs(source: Path, format: str, gaps: Any, progress: Progress) -> list[Job]:
    jobs = jobs_of(source, progress, gaps)
    if jobs and format in ("seg", "rtstruct") and all(job.series is None for job in jobs):
        raise UsageError(
            f"segment: --format {format} refers to DICOM files; give the folder of CT series"
        )
    return jobs

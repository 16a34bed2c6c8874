"""What `segment` does for a whole input: the jobs, and the end of a run."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pleura.core.errors import NothingUsable, UsageError
from pleura.core.progress import Progress
from pleura.dicom.gaps import Gaps
from pleura.labels.algorithm import algorithm_of
from pleura.segmenting.options import FOR_DICOM, is_trained
from pleura.segmenting.recipe import SegmentRecipe, refused_record
from pleura.segmenting.result import LABELS, SegmentResult
from pleura.segmenting.tables import write_tables
from pleura.store.items import Batch, do_items
from pleura.store.jobs import Job, jobs_of
from pleura.store.part_results import PlanResult, ShareResult
from pleura.store.parts import Part
from pleura.store.run_record import RunRecord
from pleura.store.spread import How


def series_jobs(source: Path, gaps: Gaps, format: str, progress: Progress) -> list[Job]:
    """The cases to segment.

    Raises:
        UsageError: the format references DICOM files, and the input has none.
    """
    jobs = jobs_of(source, progress, gaps)
    if jobs and format in FOR_DICOM and all(job.series is None for job in jobs):
        raise UsageError(
            f"segment: --format {format} refers to DICOM files; give the folder of CT series"
        )
    return jobs


def recipe_of(
    out: Path,
    format: str,
    model: Path | None,
    device: str,
    threshold: float | None,
    export_ct: bool,
) -> tuple[SegmentRecipe, dict[str, Any]]:
    """The recipe for the options of `segment`, and the description of its segmenter."""
    chosen: dict[str, Any] = {}
    if is_trained(model):
        chosen["device"] = device
        if threshold is not None:
            chosen["threshold"] = threshold
    recipe = SegmentRecipe(out, format, model, chosen, export_ct)
    described = recipe.segmenter().describe()
    return replace(recipe, algorithm=algorithm_of(described)), described


def segment_cases(
    run: RunRecord,
    part: Part,
    recipe: SegmentRecipe,
    load: Callable[[], list[Job]],
    how: How,
    progress: Progress,
) -> PlanResult | ShareResult | None:
    """Segment the cases of a batch, or plan it, or do one task's share of a plan.

    Args:
        run: the open record of OUT.
        part: what the call does.
        recipe: how to segment.
        load: lists the cases of the input.
        how: processes and threads.
        progress: called as cases complete.

    Returns:
        The result of a plan or a task; `None` for a whole batch, whose record is then closed.

    Raises:
        NothingUsable: the input has no CT series.
    """
    jobs = part.jobs(run, load)
    if not jobs and not part.is_task:
        raise NothingUsable("segment: IN has no CT series; pleura scan lists what it has")
    if part.plan:
        return part.planned(run)
    batch = do_items(run, recipe, jobs, how, refused_record, progress=progress)
    if part.is_task:
        return part.share_done(run, jobs, batch)
    finish(run, batch)
    return None


def finish(run: RunRecord, batch: Batch) -> None:
    """Write the tables and the page of all cases, and close the record."""
    result = SegmentResult(run.folder, tuple(batch.records))
    run.finish(
        result.exit_code,
        complete=batch.complete,
        files=write_tables(run.folder, batch.records, title="Lungs"),
        cases=batch.records,
        gone=batch.gone,
        labels=LABELS,
    )

"""What `measure` does for a whole input: the jobs, and the batch."""

from collections.abc import Callable
from pathlib import Path

from pleura.core.errors import NothingUsable
from pleura.core.progress import Progress
from pleura.segmenting.measure_result import MeasureResult
from pleura.segmenting.measuring import MaskedJob, MeasureRecipe, pair_cases, refused_masked
from pleura.segmenting.tables import write_tables
from pleura.store.items import do_items
from pleura.store.job_files import JobFormat
from pleura.store.jobs import jobs_of
from pleura.store.part_results import PlanResult, ShareResult
from pleura.store.parts import Part
from pleura.store.run_record import RunRecord
from pleura.store.spread import How


def masked_jobs(source: Path, masks: Path, progress: Progress) -> list[MaskedJob]:
    """Each CT of the input with its mask.

    Raises:
        NothingUsable: the input has no CT series.
        UsageError: one mask is given for several CT.
    """
    cases = jobs_of(source, progress)
    if not cases:
        raise NothingUsable("measure: IN has no CT series; pleura scan lists what it has")
    return pair_cases(cases, masks)


def measure_cases(
    run: RunRecord,
    part: Part,
    load: Callable[[], list[MaskedJob]],
    how: How,
    progress: Progress,
) -> PlanResult | ShareResult | None:
    """Measure the cases of a batch, or plan it, or do one task's share of a plan.

    Args:
        run: the open record of OUT.
        part: what the call does.
        load: lists the cases of the input with their masks.
        how: processes and threads.
        progress: called as cases complete.

    Returns:
        The result of a plan or a task; `None` for a whole batch, whose record is then closed.
    """
    out = run.folder
    jobs = part.jobs(run, load, JobFormat((MaskedJob,)))
    if part.plan:
        return part.planned(run)
    batch = do_items(run, MeasureRecipe(out), jobs, how, refused_masked, progress=progress)
    if part.is_task:
        return part.share_done(run, jobs, batch)
    result = MeasureResult(out, tuple(batch.records), tuple(batch.gone))
    run.finish(
        result.exit_code,
        complete=batch.complete,
        files=write_tables(out, batch.records, title="Lung measurements"),
        cases=batch.records,
        gone=batch.gone,
    )
    return None

"""What `segment` and `measure` do with the cases of a batch, of a plan or of a task."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pleura.core.findings import Finding
from pleura.core.progress import Progress
from pleura.store.attempts import Recipe
from pleura.store.input_files import InputFiles
from pleura.store.items import Batch, do_items
from pleura.store.job_array import Part
from pleura.store.job_files import JobFormat
from pleura.store.part_results import PlanResult, ShareResult
from pleura.store.run_record import RunRecord
from pleura.store.spread import How


@dataclass(frozen=True)
class CaseWork:
    """What is done with each case.

    `load` lists the jobs, and the files of the input where it is a tree; `refused` makes the record
    of a job that failed; `finish` writes what is about all cases and closes the record of OUT.
    """

    recipe: Recipe
    load: Callable[[], tuple[Sequence[Any], InputFiles | None]]
    refused: Callable[[Any, Finding], Any]
    finish: Callable[[RunRecord, Batch, InputFiles | None], None]
    format: JobFormat | None = None


def do_cases(
    run: RunRecord, part: Part, work: CaseWork, how: How, progress: Progress
) -> PlanResult | ShareResult | None:
    """Do the cases of a batch, or plan them, or do one task's share of a plan.

    Returns:
        The result of a plan or a task; `None` for a whole batch, whose record is then closed.
    """

    def jobs_and_facts() -> tuple[Sequence[Any], Any]:
        jobs, files = work.load()
        return jobs, files and files.as_json()

    jobs, facts = part.jobs_and_facts(run, jobs_and_facts, work.format)
    if part.plan:
        return part.planned(run)
    batch = do_items(run, work.recipe, jobs, how, work.refused, progress=progress)
    if part.is_task:
        return part.share_done(run, jobs, batch)
    work.finish(run, batch, InputFiles.from_json(facts) if facts else None)
    return None

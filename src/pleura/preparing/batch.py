"""What `prepare` does for a whole input: the batch, and the cohort with its split."""

from collections import Counter
from collections.abc import Callable, Sequence

from pleura.core.errors import NothingUsable
from pleura.core.progress import Progress
from pleura.core.results import batch_exit
from pleura.preparing.recipe import CaseJob, CasePlan, CaseRecipe, job_format, refused_line
from pleura.store.cohort import write_cohort
from pleura.store.items import Batch, do_items
from pleura.store.layout import COHORT, SPLIT
from pleura.store.part_results import PlanResult, ShareResult
from pleura.store.parts import Part
from pleura.store.run_record import RunRecord
from pleura.store.split import make_split
from pleura.store.spread import How


def prepare_cases(
    run: RunRecord,
    part: Part,
    recipe: CaseRecipe,
    load: Callable[[], CasePlan],
    how: How,
    rule: tuple[str, int],
    progress: Progress,
) -> PlanResult | ShareResult | None:
    """Prepare the cases of a batch, or plan it, or do one task's share of a plan.

    Args:
        run: the open record of OUT.
        part: what the call does.
        recipe: how to prepare a case.
        load: reads the headers of the input.
        how: processes and threads.
        rule: the rule of the split and its seed.
        progress: called as cases complete.

    Returns:
        The result of a plan or a task; `None` for a whole batch, whose record is then closed.

    Raises:
        NothingUsable: no series could be used.
    """

    def jobs_and_lines() -> tuple[Sequence[CaseJob], list[str]]:
        found = load()
        return found.jobs, found.refused

    jobs, lines = part.jobs_and_facts(run, jobs_and_lines, job_format())
    if part.plan:
        return part.planned(run)
    batch = do_items(run, recipe, jobs, how, refused_line, progress=progress)
    if part.is_task:
        return part.share_done(run, jobs, batch)
    finish(run, batch, lines or (), *rule)
    return None


def finish(run: RunRecord, batch: Batch, failures: Sequence[str], split: str, seed: int) -> None:
    """Write the cohort with its split, and close the record."""
    entries = [record for record in batch.records if "refused" not in record]
    refused = [record["refused"] for record in batch.records if "refused" in record]
    refused = [*failures, *refused]
    if not entries:
        raise NothingUsable(
            "; ".join(refused) or "prepare: IN has no usable CT series; see pleura scan"
        )
    labelled = {entry["id"]: entry["slices"] for entry in entries if entry["mask"]}
    unlabelled = [entry["id"] for entry in entries if not entry["mask"]]
    parts = make_split(labelled, rule=split, seed=seed, unlabelled=unlabelled)
    verdicts = dict(Counter(entry["verdict"] for entry in entries))
    write_cohort(run.folder, entries, parts, verdicts=verdicts, refused=len(refused))
    run.finish(
        batch_exit(len(entries), len(refused)),
        complete=batch.complete,
        files=(COHORT, SPLIT),
        refused=refused,
        gone=batch.gone,
    )

"""What `prepare` does for a whole input: the batch, and the cohort with its split."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pleura.core.errors import NothingUsable, UsageError
from pleura.core.progress import Progress
from pleura.core.results import batch_exit
from pleura.core.text import joined
from pleura.labels.source_names import patient_id_of
from pleura.preparing.original import Original
from pleura.preparing.recipe import CaseJob, CasePlan, CaseRecipe, job_format, refused_line
from pleura.store.cohort import write_cohort
from pleura.store.input_files import InputFiles
from pleura.store.items import Batch, do_items
from pleura.store.job_array import Part
from pleura.store.layout import COHORT, SPLIT
from pleura.store.part_results import PlanResult, ShareResult
from pleura.store.planned import opened
from pleura.store.run_record import RunRecord
from pleura.store.split import make_split
from pleura.store.spread import How


@dataclass(frozen=True)
class SplitOptions:
    """How cases are split: rule, seed, and case id to PatientID of the source, if known."""

    rule: str
    seed: int
    sources: Mapping[str, str] | None

    @classmethod
    def of(cls, rule: str, seed: int, original: Original | None) -> "SplitOptions":
        """The options of a call. Raises `UsageError` for a negative seed."""
        if seed < 0:
            raise UsageError("prepare: --seed must not be negative")
        return cls(rule, seed, None if original is None else original.patients)


def prepare_cases(
    run: RunRecord,
    part: Part,
    recipe: CaseRecipe,
    load: Callable[[], CasePlan],
    how: How,
    split: SplitOptions,
    progress: Progress,
) -> PlanResult | ShareResult | None:
    """Prepare the cases of a batch, or plan it, or do one task's share of a plan.

    Args:
        run: the open record of OUT.
        part: what the call does.
        recipe: how to prepare a case.
        load: reads the headers of the input.
        how: processes and threads.
        split: how the cases are split.
        progress: called as cases complete.

    Returns:
        The result of a plan or a task; `None` for a whole batch, whose record is then closed.

    Raises:
        NothingUsable: no series could be used.
    """

    def jobs_and_facts() -> tuple[Sequence[CaseJob], dict[str, Any]]:
        found = load()
        return found.jobs, {"refused": found.refused, "files": found.files.as_json()}

    jobs, facts = part.jobs_and_facts(run, jobs_and_facts, job_format())
    if part.plan:
        return part.planned(run)
    batch = do_items(run, recipe, jobs, how, refused_line, progress=progress)
    if part.is_task:
        return part.share_done(run, jobs, batch)
    finish(run, batch, facts, split, jobs)
    return None


def finish(
    run: RunRecord,
    batch: Batch,
    facts: Mapping[str, Any],
    split: SplitOptions,
    jobs: Sequence[CaseJob],
) -> None:
    """Write the cohort with its split, and close the record; `facts` are those of the plan."""
    entries = [record for record in batch.records if "refused" not in record]
    lost = [record for record in batch.records if "refused" in record]
    refused = [*facts["refused"], *(record["refused"] for record in lost)]
    files = InputFiles.from_json(facts["files"])
    if not entries:
        raise NothingUsable(
            joined(refused) or "prepare: IN has no usable CT series; see pleura scan"
        )
    labelled = {entry["id"]: entry["slices"] for entry in entries if entry["mask"]}
    unlabelled = [entry["id"] for entry in entries if not entry["mask"]]
    known = split.sources or {job.id: patient_id_of(opened(job).series) for job in jobs}
    parts = make_split(
        labelled, rule=split.rule, seed=split.seed, unlabelled=unlabelled, sources=known
    )
    verdicts = dict(Counter(entry["verdict"] for entry in entries))
    couch = run.record["options"]["couch"]
    write_cohort(run.folder, entries, parts, verdicts=verdicts, refused=len(refused), couch=couch)
    run.finish(
        batch_exit(len(entries), len(refused)),
        complete=batch.complete,
        files=(COHORT, SPLIT),
        refused=refused,
        input=files.after({one["id"]: one["code"] for one in lost}).as_json(),
        gone=batch.gone,
    )

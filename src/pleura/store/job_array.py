"""How much of a batch a call does: all of it, its plan alone, or one task's share of a plan.

part = Part.of(Call.of(segment, locals()))
with part.open_run(out, verb=…, sources=[source], options=options) as run:
    jobs = part.jobs(run, lambda: jobs_and_files(source)[0])
    if part.plan:
        return part.planned(run)
    batch = do_items(run, recipe, jobs, How(workers), refused)
    if part.is_task:
        return part.share_done(run, jobs, batch)
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pleura.core.codes import CODES
from pleura.core.errors import UsageError
from pleura.store.call import Call
from pleura.store.claims import Claims
from pleura.store.failures import forget_failure, read_failures
from pleura.store.item import Item
from pleura.store.items import Batch
from pleura.store.job_files import JobFormat
from pleura.store.part_results import PlanResult, ShareResult
from pleura.store.planned import Plan, write_plan
from pleura.store.run_record import RunRecord, open_run
from pleura.store.task_record import open_task

AUTO = "auto"
INDEX_VARIABLES = {
    "SLURM_ARRAY_TASK_ID": "SLURM_ARRAY_TASK_COUNT",
    "PBS_ARRAY_INDEX": "",
    "JOB_COMPLETION_INDEX": "",
    "AWS_BATCH_JOB_ARRAY_INDEX": "AWS_BATCH_JOB_ARRAY_SIZE",
}
"""Variables with a task's number, and with the number of tasks where the engine says it."""


@dataclass(frozen=True)
class Part:
    """What a call does. `plan`: it only plans `tasks` tasks (0 = automatic). `number`: it is a
    task, counted from 0, of `count` (0 = as planned). `retry` is a code of failures.
    """

    call: Call
    plan: bool = False
    tasks: int = 0
    number: int | None = None
    count: int = 0
    retry: str = ""

    @classmethod
    def of(cls, call: Call) -> "Part":
        """The part that a verb's options `plan`, `tasks`, `task`, `retry` and `overwrite` name.

        Raises:
            UsageError: they contradict each other, or are not valid.
        """
        plan, tasks, task, retry, overwrite = (
            call.values[name] for name in ("plan", "tasks", "task", "retry", "overwrite")
        )
        verb = call.verb
        if plan and task:
            raise UsageError(f"{verb}: --plan and --task exclude each other: plan first, once")
        if tasks and not plan:
            raise UsageError(f"{verb}: --tasks is for --plan; a task is --task N/M")
        if tasks < 0:
            raise UsageError(f"{verb}: --tasks must not be negative")
        if task and (overwrite or retry):
            raise UsageError(
                f"{verb}: --overwrite and --retry concern all cases: give them with --plan, before "
                "the tasks start"
            )
        number, count = _task(verb, task)
        return cls(call, plan, tasks, number, count, retry)

    @property
    def is_task(self) -> bool:
        """Whether the call does a share of a plan."""
        return self.number is not None

    def shared(self, *paths: Path) -> tuple[Path, ...]:
        """Paths that other hosts can open: absolute where a plan or a scheduler needs them."""
        if self.plan or self.call.values.get("scheduler"):
            return tuple(path.absolute() for path in paths)
        return paths

    @contextmanager
    def open_run(self, out: Path, **asked: Any) -> Iterator[RunRecord]:
        """Open OUT: for this process alone, or for a task among others. See `run_record.open_run`.

        Raises:
            UsageError: as `open_run`; a task finds no plan.
        """
        if self.is_task:
            with open_task(out, verb=asked["verb"], options=asked["options"]) as run:
                yield run
            return
        if self.retry and not _is_code(out, self.retry):
            raise UsageError(
                f"{self.call.verb}: no case failed with the code of --retry, and findings have no "
                "such code; pleura status OUT lists codes"
            )
        with open_run(out, **asked) as run:
            if self.retry:
                _retry(run, self.retry)
            yield run

    def jobs(
        self,
        run: RunRecord,
        make: Callable[[], Sequence[Any]],
        format: JobFormat | None = None,
        group: str = "",
    ) -> Sequence[Any]:
        """The jobs of this part; see `jobs_and_facts`."""
        return self.jobs_and_facts(run, lambda: (make(), None), format, group)[0]

    def jobs_and_facts(
        self,
        run: RunRecord,
        make: Callable[[], tuple[Sequence[Any], Any]],
        format: JobFormat | None = None,
        group: str = "",
    ) -> tuple[Sequence[Any], Any]:
        """The jobs of this part, and other results of the scan as plain JSON values. Where OUT has
        a plan of the same input, the input is not scanned again.

        Args:
            run: the open record of OUT.
            make: scans the input.
            format: of the jobs' files, where the jobs have classes of their own.
            group: prefix of the ids, where a verb has several batches.

        Raises:
            UsageError: the number of the task is not one of the plan's.
        """
        format = format or JobFormat()
        plan = Plan.read(run.folder)
        if self.number is not None:
            return ([], None) if plan is None else self._share(plan, plan.jobs(format, group))
        if plan is not None and dict(plan.input) == dict(run.input) and not self.tasks:
            return plan.jobs(format, group), plan.facts
        jobs, facts = make()
        if self.plan and jobs:
            self.write_plan(run, {group: jobs}, format, facts)
        return jobs, facts

    def write_plan(
        self,
        run: RunRecord,
        jobs: Mapping[str, Sequence[Any]],
        format: JobFormat | None = None,
        facts: Any = None,
    ) -> None:
        """Write the plan of all jobs, by prefix; without a format each task makes the jobs."""
        redo = []
        for group, listed in jobs.items():
            inputs = {f"{group}{job.id}": job.input for job in listed}
            run.check_other_input(inputs, group)
            redo += [id for id, input in inputs.items() if run.kept(id, input) is None]
        for id in redo:
            run.forget(id)
        # after a fault the plan is of less than this input, so the end of the tasks scans it again
        input = {} if run.has_faults else run.input
        empty = Plan(run.folder, self.call.verb, self.tasks, input, (), facts)
        write_plan(empty, jobs, format, redo=redo)

    def share(self, run: RunRecord, jobs: Sequence[Any]) -> Sequence[Any]:
        """A task's share of jobs that it has made itself. Raises `UsageError` as `jobs`."""
        plan = Plan.read(run.folder)
        return [] if plan is None else self._share(plan, jobs)[0]

    def _share(self, plan: Plan, jobs: Sequence[Any]) -> tuple[Sequence[Any], Any]:
        """Every n-th job, and the plan's facts."""
        return self.own(plan, jobs), plan.facts

    def own(self, plan: Plan, listed: Sequence[Any]) -> Sequence[Any]:
        """This task's entries of a list that is in the order of the plan.

        Raises:
            UsageError: the number of the task is not one of the plan's.
        """
        assert self.number is not None
        count = self.count or plan.tasks
        if self.number >= count:
            raise UsageError(
                f"{self.call.verb}: task {self.number} of {count}: tasks are numbered from 0 to "
                f"{count - 1}; give the number of tasks as --task N/M"
            )
        return listed[self.number :: count]

    def planned(self, run: RunRecord) -> PlanResult:
        """What `--plan` gives: the commands that start the tasks."""
        plan = Plan.read(run.folder)
        assert plan is not None
        left = sum(Item.of(run.folder, id) is None for id, _, _ in plan.cases)
        return PlanResult(run.folder, self.call, len(plan.cases), left, plan.tasks)

    def share_done(
        self, run: RunRecord, jobs: Sequence[Any], batch: Batch, group: str = ""
    ) -> ShareResult:
        """What a task gives; `jobs` are those of its share."""
        failures, ids = read_failures(run.folder), [f"{group}{job.id}" for job in jobs]
        failed = {id: failures[id].code for id in ids if id in failures}
        return ShareResult(run.folder, len(ids), failed, tuple(batch.elsewhere))


def _is_code(out: Path, code: str) -> bool:
    return code in CODES or any(one.code == code for one in read_failures(out).values())


def _retry(run: RunRecord, code: str) -> None:
    """Forget the cases that failed with a code, so that they are done again."""
    claims = Claims(run.folder)
    for failure in read_failures(run.folder).values():
        if failure.code == code:
            run.forget(failure.id)
            claims.forget(failure.id)
            forget_failure(run.folder, failure.id)
            run.record["state"] = "incomplete"


def _task(verb: str, task: str) -> tuple[int | None, int]:
    """The number of a task and of all tasks, 0 where it is as planned; `None` without a task."""
    if not task:
        return None, 0
    if task == AUTO:
        task = _from_environment(verb)
    number, _, count = task.partition("/")
    if not number.isdecimal() or (count and not (count.isdecimal() and int(count) > 0)):
        raise UsageError(f"{verb}: --task is N, N/M (N from 0 to M - 1) or auto, as in --task 0/4")
    return int(number), int(count or 0)


def _from_environment(verb: str) -> str:
    """`N` or `N/M` of the array that this process is a task of."""
    for variable, size in INDEX_VARIABLES.items():
        number = os.environ.get(variable, "")
        if number:
            return f"{number}/{_size(size)}".removesuffix("/")
    raise UsageError(
        f"{verb}: --task auto found none of {', '.join(INDEX_VARIABLES)}; give --task N/M"
    )


def _size(variable: str) -> str:
    """How many tasks the engine says there are, where they are numbered from 0 without a gap."""
    size = os.environ.get(variable, "")
    if variable.startswith("SLURM"):
        first = os.environ.get("SLURM_ARRAY_TASK_MIN", "0")
        last = os.environ.get("SLURM_ARRAY_TASK_MAX", "")
        whole = size.isdecimal() and first == "0" and last == str(int(size) - 1)
        return size if whole else ""
    return size

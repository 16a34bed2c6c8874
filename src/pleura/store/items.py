"""A batch: items that are done are kept, the others are spread over processes, and each is
recorded as it completes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from pleura.core.errors import OutputFailed
from pleura.core.faults import refusal_of
from pleura.core.findings import Finding
from pleura.core.progress import Progress, silent
from pleura.store.run_record import RunRecord, measured
from pleura.store.spread import How, Outcome, Recipe, spread


class Job(Protocol):
    """One item. `input` changes when what the item is made from does."""

    @property
    def id(self) -> str: ...

    @property
    def input(self) -> str: ...


@dataclass(frozen=True)
class Done:
    """What the work on an item gives: the record, plain JSON values, and the names of its files
    below OUT.
    """

    record: Any
    files: tuple[str, ...] = ()


@dataclass
class Batch:
    """What became of all items. `records` in the order of the jobs; `complete` is false where
    the next run must try again.
    """

    records: list[Any] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    complete: bool = True


def do_items(
    run: RunRecord,
    recipe: Recipe,
    jobs: Sequence[Job],
    how: How,
    refused: Callable[[Any, Finding], Any],
    *,
    group: str = "",
    stage: str = "cases",
    progress: Progress = silent,
) -> Batch:
    """Do the items that are not done yet.

    Args:
        run: the open record of OUT.
        recipe: opens to a function from a job to `Done`.
        jobs: all items of the input, done before or not.
        how: processes and threads.
        refused: makes the record of an item that raised, from the job and the refusal.
        group: prefix of the ids in OUT's records, where a verb has several batches.
        stage: the name of the progress bar.
        progress: called in this process, as items complete.

    Raises:
        OutputConflict: OUT has results, all of other input.
        OutputFailed: there was no room for a single item.
    """
    ids = [f"{group}{job.id}" for job in jobs]
    inputs = [job.input for job in jobs]
    run.check_other_input(dict(zip(ids, inputs, strict=True)), group)
    records = [run.kept(id, input) for id, input in zip(ids, inputs, strict=True)]
    todo = [number for number, record in enumerate(records) if record is None]
    for number in todo:
        run.forget(ids[number])
    batch = Batch(records, run.gone(ids, group))
    full = 0
    done = len(jobs) - len(todo)
    progress(stage, done, len(jobs))
    for outcome in spread(_Measured(recipe, run.folder), [jobs[number] for number in todo], how):
        number = todo[outcome.index]
        failed = partial(refused, jobs[number])
        if outcome.refusal is not None:
            outcome = replace(outcome, value=_Value(failed(outcome.refusal), {}))
        outcome = _recorded(run, ids[number], inputs[number], outcome, failed)
        records[number] = outcome.value.record
        if outcome.refusal is not None:
            batch.complete &= not outcome.passing
            full += outcome.refusal.code == "DISK-FULL"
        done += 1
        progress(stage, done, len(jobs))
    if full and full == len(jobs):
        raise OutputFailed(
            "there is no room on the output disk; make room, then run the same command again"
        )
    return batch


def _recorded(
    run: RunRecord, id: str, input: str, outcome: Outcome, failed: Callable[[Finding], Any]
) -> Outcome:
    """Record an outcome, unless it is a passing fault; where that cannot be written, the outcome
    is one.
    """
    if outcome.passing:
        return outcome
    try:
        run.keep(id, input, outcome.value.record, outcome.value.files)
        return outcome
    except OSError as error:
        refusal = refusal_of(error)
        return Outcome(outcome.index, _Value(failed(refusal), {}), refusal, passing=True)


@dataclass(frozen=True)
class _Value:
    """A `Done` whose files were measured where they were written."""

    record: Any
    files: dict[str, tuple[int, str]]


@dataclass(frozen=True)
class _Measured:
    """A recipe whose results come with the size and hash of their files."""

    recipe: Recipe
    out: Path

    def open(self) -> Callable[[Job], _Value]:
        work = self.recipe.open()

        def one(job: Job) -> _Value:
            made: Done = work(job)
            return _Value(made.record, {name: measured(self.out / name) for name in made.files})

        return one

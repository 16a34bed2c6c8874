"""A batch: finished items are kept, the others spread over processes and recorded one by one."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from pleura.core.codes import finding
from pleura.core.errors import OutputBusy, OutputFailed
from pleura.core.faults import PASSING_CODES, note_passing, refusal_of
from pleura.core.findings import Finding
from pleura.core.packed import FEW, Packed, pack, unpack
from pleura.core.progress import Progress, silent
from pleura.core.text import counted
from pleura.store.attempts import Outcome, Recipe
from pleura.store.claims import Claims, Watch
from pleura.store.failures import LOST, note_attempt, write_failures
from pleura.store.item import Item
from pleura.store.planned import opened
from pleura.store.run_record import RunRecord, measured
from pleura.store.spread import How, spread

LOOK_S = 1.0
"""Seconds between two looks at the claims of others."""


class Job(Protocol):
    """One item. `input` changes when the item's input does."""

    @property
    def id(self) -> str: ...

    @property
    def input(self) -> str: ...


@dataclass(frozen=True)
class Done:
    """The result of an item: its record (plain JSON values), and names of its files below OUT.

    `refused` is the code of the finding that refused it.
    """

    record: Any
    files: tuple[str, ...] = ()
    refused: str = ""


@dataclass
class Batch:
    """The results of all items.

    `records` are in the order of the jobs; `gone` are ids whose input is gone; `complete` is false
    where the next run has to try again. `elsewhere` are ids that other processes are doing, which
    have no record yet.
    """

    records: Sequence[Any] = ()
    gone: list[str] = field(default_factory=list)
    complete: bool = True
    elsewhere: list[str] = field(default_factory=list)


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
        refused: makes the record of an item that failed, from the job and the refusal.
        group: prefix of the ids in OUT's records, where a verb has several batches.
        stage: the name of the progress bar.
        progress: called in this process, as items complete.

    Raises:
        OutputConflict: OUT has results, all of other input.
        OutputFailed: there was no room for a single item.
        OutputBusy: other processes do some of the items, and `run` is not one task of many.
    """
    work = _Work(run, recipe, jobs, how, refused, group)
    run.check_other_input(dict(zip(work.ids, work.inputs, strict=True)), group)
    records: dict[int, bytes] = {}
    for number, (id, input) in enumerate(zip(work.ids, work.inputs, strict=True)):
        if (record := run.kept(id, input)) is not None:
            records[number] = pack(record)
    todo = [number for number in range(len(jobs)) if number not in records]
    if not run.planned:
        for number in todo:
            run.forget(work.ids[number])
    batch = Batch(gone=run.gone(work.ids, group))
    full, done = 0, len(jobs) - len(todo)
    progress(stage, done, len(jobs))
    for number, outcome in work.outcomes(todo):
        if outcome is None:
            batch.elsewhere.append(work.ids[number])
            continue
        records[number] = pack(outcome.value.record)
        batch.complete &= not outcome.passing
        if outcome.refusal is not None:
            full += outcome.refusal.code == "DISK-FULL"
        done += 1
        progress(stage, done, len(jobs))
    batch.records = Packed((unpack(records.pop(number)) for number in sorted(records)), FEW)
    if not run.is_task:
        write_failures(run.folder, group, work.ids)
    if full and full == len(jobs):
        raise OutputFailed(
            "there is no room on the output disk; make room, then run the same command again"
        )
    if batch.elsewhere and not run.is_task:
        raise OutputBusy(
            f"tasks are processing {counted(len(batch.elsewhere), 'case', 'cases')}; run the same "
            "command again when these have ended"
        )
    return batch


@dataclass(frozen=True)
class _Value:
    """A `Done` with the size and hash of its files, measured where they were written."""

    record: Any
    files: Mapping[str, tuple[int, str]]
    refused: str = ""


@dataclass(frozen=True)
class _Busy:
    """Another process does this item: attempt `attempt` is its claim."""

    attempt: int


@dataclass(frozen=True)
class _Kept:
    """Another process has done this item meanwhile."""

    record: Any


@dataclass(frozen=True)
class _GivenUp:
    """An item that ended too many processes."""


@dataclass(frozen=True)
class _Sent:
    """A job as it is sent to a worker; attempts up to number `dead` are known to be over."""

    job: Any
    id: str
    input: str
    dead: int = 0


@dataclass
class _Work:
    """The items of a batch, and how each is attempted and recorded."""

    run: RunRecord
    recipe: Recipe
    jobs: Sequence[Job]
    how: How
    refused: Callable[[Any, Finding], Any]
    group: str

    def __post_init__(self) -> None:
        self.ids = [f"{self.group}{job.id}" for job in self.jobs]
        self.inputs = [job.input for job in self.jobs]
        self.claims = Claims(self.run.folder)

    def outcomes(self, todo: Sequence[int]) -> Iterator[tuple[int, Outcome | None]]:
        """Do items; yield each with its recorded outcome, `None` if another process does it."""
        watch = Watch(self.claims)
        waiting, busy = dict.fromkeys(todo, 0), dict[int, int]()
        while waiting or busy:
            for number, outcome in self._pass(waiting):
                if isinstance(outcome.value, _Busy):
                    busy[number] = outcome.value.attempt
                    watch.state(self.ids[number], busy[number])
                else:
                    yield number, self._recorded(number, outcome)
            waiting = {}
            time.sleep(LOOK_S if busy else 0)
            for number, attempt in list(busy.items()):
                state = watch.state(self.ids[number], attempt)
                if state == "alive":
                    yield number, None
                elif state == "dead":
                    waiting[number] = attempt
                if state != "unknown":
                    del busy[number]

    def _pass(self, waiting: Mapping[int, int]) -> Iterator[tuple[int, Outcome]]:
        """Attempt items once; they are numbers with the attempts that are known to be over."""
        numbers = list(waiting)
        sent = _Sendings(self, numbers, waiting)
        recipe = _Recorded(self.recipe, self.run.folder, self.claims if self.run.planned else None)
        how = replace(self.how, apart=self.how.apart or self.run.planned)
        for outcome in spread(recipe, sent, how):
            yield numbers[outcome.index], outcome

    def _recorded(self, number: int, outcome: Outcome) -> Outcome:
        """Record an outcome, unless it is passing or cannot be written and so becomes passing."""
        if isinstance(outcome.value, _Kept):
            return outcome
        if isinstance(outcome.value, _GivenUp):
            outcome = replace(outcome, refusal=finding(LOST), passing=True)
        if outcome.refusal is not None:
            outcome = replace(outcome, value=self._failed(number, outcome.refusal))
        if not outcome.passing:
            value = outcome.value
            try:
                self.run.keep(self.ids[number], self.inputs[number], value.record, value.files)
            except OSError as error:
                refusal = refusal_of(error)
                value = self._failed(number, refusal)
                outcome = Outcome(outcome.index, value, refusal, True, outcome.seconds)
        code = outcome.value.refused or ("DISK-ERROR" if outcome.passing else "")
        id, out = self.ids[number], self.run.folder
        attempt = self.claims.attempts(id) if code and self.run.planned else 0
        with suppress(OSError):  # a full disk does not end the batch
            note_attempt(out, id, code, outcome.seconds, attempt)
        return outcome

    def _failed(self, number: int, refusal: Finding) -> _Value:
        return _Value(self.refused(opened(self.jobs[number]), refusal), {}, refusal.code)


@dataclass(frozen=True)
class _Sendings(Sequence[_Sent]):
    """The jobs of these numbers as they are sent, each made when its turn comes."""

    work: _Work
    numbers: Sequence[int]
    dead: Mapping[int, int]

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: Any) -> Any:
        work, number = self.work, self.numbers[index]
        return _Sent(work.jobs[number], work.ids[number], work.inputs[number], self.dead[number])


@dataclass(frozen=True)
class _Recorded:
    """A recipe whose results come with the size and hash of their files; with claims, a case is
    claimed before it is done.
    """

    recipe: Recipe
    out: Path
    claims: Claims | None

    def open(self) -> Callable[[_Sent], Any]:
        return partial(self._one, self.recipe.open())

    def _one(self, work: Callable[[Any], Done], sent: _Sent) -> Any:
        if self.claims is None:
            return self._done(work, sent)
        claim = self.claims.take(sent.id, sent.dead)
        if claim.answer == "busy":
            return _Busy(claim.attempt)
        item = Item.standing(self.out, sent.id, sent.input, "size")
        if item is not None:
            return _Kept(item.record)
        if claim.answer == "given up":
            return _GivenUp()
        with self.claims.beating(sent.id, claim.attempt):
            return self._done(work, sent)

    def _done(self, work: Callable[[Any], Done], sent: _Sent) -> _Value:
        job = opened(sent.job)
        made = work(job)
        if any(found.code in PASSING_CODES for found in getattr(job, "findings", ())):
            note_passing()  # it was refused when the input was listed
        files = {name: measured(self.out / name) for name in made.files}
        return _Value(made.record, files, made.refused)

"""Many objects in several processes, in a fixed order: the header pass, and the writing of one unit after another."""

import multiprocessing
import os
import pickle
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any

from pleura.core.atomic import atomic_folder
from pleura.core.progress import Progress
from pleura.deid.choices import Choices
from pleura.deid.engine import Patient
from pleura.deid.headers import HeaderReader
from pleura.deid.objects import Header
from pleura.deid.plan import Unit
from pleura.deid.profile import kept_tags, profile
from pleura.deid.writing import Outcome, Verify, Writer

CHUNK = 16
FEW = 200  # files: below, a process costs more than it brings


@dataclass(frozen=True)
class Crew:
    """So many processes: this one, and those of `pool`."""

    count: int = 1
    pool: Executor | None = None

    def spread(self, work: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        """`work` on every item, in their order. This process works too, so that it never waits for others to start."""
        todo = deque(enumerate(items))
        running: dict[Future[Any], int] = {}
        done: dict[int, Any] = {}
        at = 0
        while todo or running:
            while self.pool and todo and len(running) < self.count:
                k, item = todo.popleft()
                running[self.pool.submit(work, item)] = k
            if todo:
                k, item = todo.popleft()
                done[k] = work(item)
            else:
                wait(running, return_when=FIRST_COMPLETED)
            for future in [future for future in running if future.done()]:
                done[running.pop(future)] = future.result()
            while at in done:
                yield done.pop(at)
                at += 1


@contextmanager
def crew(workers: int, files: int) -> Iterator[Crew]:
    """Processes for so many files; this one alone where they are few. 0 workers: one a core, at most 8."""
    count = workers or min(os.cpu_count() or 1, 8)
    if count == 1 or files < FEW:
        yield Crew()
        return
    with ProcessPoolExecutor(count - 1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield Crew(count, pool)


def read_headers(paths: Sequence[Path], source: Path, choices: Choices, crew: Crew, progress: Progress) -> list[Header]:
    """The header pass over all files, in their order."""
    progress("read headers", 0, len(paths))
    headers: list[Header] = []
    for some in crew.spread(partial(_read_some, source, choices), _chunks(paths)):
        headers += some
        progress("read headers", len(headers), len(paths))
    return headers


def _read_some(source: Path, choices: Choices, paths: Sequence[Path]) -> list[Header]:
    reader = _reader(source, choices)
    return [reader.read(path) for path in paths]


@lru_cache(maxsize=1)
def _reader(source: Path, choices: Choices) -> HeaderReader:
    return HeaderReader(source, kept_tags(profile(choices)))


PASSING = frozenset({"READ-FAILED", "WRITE-FAILED"})
"""Refusals that can be gone the next time: a unit that has one is done again when the command is rerun."""


@dataclass
class UnitRecord:
    """The result for one unit: counts only."""

    case: str
    series: int = 0
    files: int = 0
    refused: Counter[tuple[str, tuple[tuple[str, Any], ...]]] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Count the outcome of one file."""
        if outcome.code:
            self.refused[outcome.code, outcome.evidence] += 1
        else:
            self.files += 1
            self.actions.update(outcome.actions)

    def as_json(self) -> dict[str, Any]:
        """Plain values: `case, series, files, refused [{code, evidence, files}], actions`."""
        return {
            "case": self.case,
            "series": self.series,
            "files": self.files,
            "refused": [
                {"code": code, "evidence": dict(evidence), "files": count}
                for (code, evidence), count in sorted(self.refused.items(), key=repr)
            ],
            "actions": dict(sorted(self.actions.items())),
        }


def write_unit(
    unit: Unit,
    out: Path,
    choices: Choices,
    patient: Patient,
    verify: Verify | None,
    crew: Crew,
    advance: Callable[[int], None],
) -> dict[str, Any]:
    """De-identify the objects of `unit` into `out/<unit.folder>`, which appears whole; none where all were refused.

    Returns:
        The record of the unit, plain values.
    """
    record = UnitRecord(unit.case)
    series = set()
    with atomic_folder(out / unit.folder) as part:
        pairs = [(header.path, part / name) for name, header in unit.files]
        folders = {goal.parent for _, goal in pairs}
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        outcomes = crew.spread(partial(_write_some, _Job(choices, patient, verify)), _chunks(pairs))
        for (_, header), outcome in zip(unit.files, (one for chunk in outcomes for one in chunk), strict=True):
            record.add(outcome)
            if not outcome.code:
                series.add(header.get("SeriesInstanceUID"))
            advance(1)
        for folder in folders - {part}:
            if not any(folder.iterdir()):
                folder.rmdir()
    record.series = len(series)
    if not record.files:
        (out / unit.folder).rmdir()
    return record.as_json()


def show_unit(unit: Unit, choices: Choices, patient: Patient, crew: Crew) -> dict[str, Any]:
    """What `write_unit` would do, by a record of the same form; nothing is written."""
    record = UnitRecord(unit.case)
    paths = [header.path for _, header in unit.files]
    shown = crew.spread(partial(_show_some, _Job(choices, patient)), _chunks(paths))
    for outcome in (one for chunk in shown for one in chunk):
        record.add(outcome)
    record.series = len({header.get("SeriesInstanceUID") for _, header in unit.files})
    return record.as_json()


class _Job:
    """What the chunks of a unit share: its writer, and all that it remembers. Nothing of it is there for another unit.

    It is pickled once, not once a chunk, for it holds every UID of a patient.
    """

    def __init__(self, choices: Choices, patient: Patient, verify: Verify | None = None) -> None:
        self._what = (choices, patient, verify)

    @cached_property
    def writer(self) -> Writer:
        return Writer(*self._what)

    @cached_property
    def _pickled(self) -> bytes:
        return pickle.dumps(self._what)

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (self._pickled,)


@lru_cache(maxsize=1)
def _received(pickled: bytes) -> _Job:
    return _Job(*pickle.loads(pickled))


def _show_some(job: _Job, paths: Sequence[Path]) -> list[Outcome]:
    return [job.writer.show(path) for path in paths]


def _write_some(job: _Job, pairs: Sequence[tuple[Path, Path]]) -> list[Outcome]:
    return [job.writer.write(source, goal) for source, goal in pairs]


def _chunks(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[at : at + CHUNK] for at in range(0, len(items), CHUNK)]

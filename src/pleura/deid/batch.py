"""The header pass over many objects, and the writing of one unit after another."""

import pickle
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any, Protocol

from pleura.core.atomic import atomic_folder
from pleura.core.cores import cores
from pleura.core.findings import Finding
from pleura.core.progress import Progress
from pleura.deid.choices import Choices
from pleura.deid.engine import Patient
from pleura.deid.headers import HeaderReader
from pleura.deid.objects import Header
from pleura.deid.plan import Unit
from pleura.deid.profile import kept_tags, profile
from pleura.deid.writing import Outcome, Verify, Writer

FEW = 200
"""Files; below that, starting a process costs more than it brings."""
MOST = 8
"""Processes that are started unless more are asked for."""


class Hands(Protocol):
    """Does many small items, in this process or in others."""

    def each(self, work: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        """Yield `work(item)` for every item, in order; for an item that fails, the `Finding` that refuses it."""
        ...


def processes(workers: int, files: int) -> int:
    """How many processes to use: as asked for, 0 = one for each core; one where files are few."""
    return 1 if files < FEW else workers or min(cores(), MOST)


def read_headers(paths: Sequence[Path], source: Path, choices: Choices, hands: Hands, progress: Progress) -> list[Header]:
    """The header pass over all files, in their order."""
    progress("read headers", 0, len(paths))
    headers: list[Header] = []
    for path, header in zip(paths, hands.each(partial(_read_one, source, choices), paths), strict=True):
        failed = isinstance(header, Finding)
        headers.append(_reader(source, choices).unreadable(path) if failed else header)
        progress("read headers", len(headers), len(paths))
    return headers


def _read_one(source: Path, choices: Choices, path: Path) -> Header:
    return _reader(source, choices).read(path)


@lru_cache(maxsize=1)
def _reader(source: Path, choices: Choices) -> HeaderReader:
    return HeaderReader(source, kept_tags(profile(choices)))


MACHINE = ("WORKER-LOST", "OUT-OF-MEMORY", "DISK-FULL", "DISK-ERROR", "FILE-CHANGED", "INTERNAL-ERROR")
PASSING = frozenset({"READ-FAILED", "WRITE-FAILED", *MACHINE})
"""Refusals that can be gone the next time: a unit that has one is done again when the command is rerun."""


@dataclass
class UnitRecord:
    """The result for one unit: counts only."""

    case: str
    series: int = 0
    files: int = 0
    refused: Counter[tuple[str, tuple[tuple[str, Any], ...]]] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome | Finding) -> None:
        """Count the outcome of one file."""
        if isinstance(outcome, Finding):
            self.refused[outcome.code, tuple(sorted(outcome.evidence.items()))] += 1
        elif outcome.code:
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
    hands: Hands,
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
        outcomes = hands.each(partial(_write_one, _Job(choices, patient, verify)), pairs)
        for (_, header), (_, goal), outcome in zip(unit.files, pairs, outcomes, strict=True):
            record.add(outcome)
            if isinstance(outcome, Finding) or outcome.code:
                goal.unlink(missing_ok=True)  # a lost worker may have left a part of it
            else:
                series.add(header.get("SeriesInstanceUID"))
            advance(1)
        for folder in folders - {part}:
            if not any(folder.iterdir()):
                folder.rmdir()
    record.series = len(series)
    if not record.files:
        (out / unit.folder).rmdir()
    return record.as_json()


def show_unit(unit: Unit, choices: Choices, patient: Patient, hands: Hands) -> dict[str, Any]:
    """What `write_unit` would do, by a record of the same form; nothing is written."""
    record = UnitRecord(unit.case)
    paths = [header.path for _, header in unit.files]
    for outcome in hands.each(partial(_show_one, _Job(choices, patient)), paths):
        record.add(outcome)
    record.series = len({header.get("SeriesInstanceUID") for _, header in unit.files})
    return record.as_json()


class _Job:
    """What the files of a unit share: its writer, and all that it remembers. Nothing of it is there for another unit.

    It is pickled once, since it has every UID of a patient.
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


def _show_one(job: _Job, path: Path) -> Outcome:
    return job.writer.show(path)


def _write_one(job: _Job, pair: tuple[Path, Path]) -> Outcome:
    return job.writer.write(*pair)

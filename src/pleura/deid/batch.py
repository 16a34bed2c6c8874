"""Many objects in several processes, in a fixed order: the header pass, and the writing of one unit after another."""

import multiprocessing
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pleura.core.files import whole_folder
from pleura.core.progress import Progress
from pleura.deid.choices import Choices
from pleura.deid.engine import Patient
from pleura.deid.objects import Header, read_header
from pleura.deid.plan import Unit
from pleura.deid.profile import kept_tags, profile
from pleura.deid.writing import Outcome, Verify, Writer

CHUNK = 32
FEW = 64  # files: below, a process costs more than it brings


@contextmanager
def crew(workers: int, files: int) -> Iterator[Executor | None]:
    """Worker processes for so many files, or `None` where this process does better alone. 0 workers: one a core, at most 8."""
    count = workers or min(os.cpu_count() or 1, 8)
    if count == 1 or files < FEW:
        yield None
        return
    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


def read_headers(
    paths: Sequence[Path], source: Path, choices: Choices, pool: Executor | None, progress: Progress
) -> list[Header]:
    """The header pass over all files, in their order."""
    progress("read headers", 0, len(paths))
    headers: list[Header] = []
    for some in _spread(partial(_read_some, source, choices), list(_chunks(paths)), pool):
        headers += some
        progress("read headers", len(headers), len(paths))
    return headers


def _read_some(source: Path, choices: Choices, paths: Sequence[Path]) -> list[Header]:
    kept = kept_tags(profile(choices))
    return [read_header(path, source, kept) for path in paths]


@dataclass
class UnitRecord:
    """What became of one unit: counts only."""

    case: str
    series: int = 0
    files: int = 0
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, Any]:
        """Plain values: `case, series, files, refused [{code, reason, files}], actions`."""
        refused = [{"code": c, "reason": r, "files": n} for (c, r), n in sorted(self.refused.items())]
        return {
            "case": self.case,
            "series": self.series,
            "files": self.files,
            "refused": refused,
            "actions": dict(sorted(self.actions.items())),
        }


def write_unit(
    unit: Unit,
    out: Path,
    choices: Choices,
    patient: Patient,
    verify: Verify | None,
    pool: Executor | None,
    advance: Callable[[int], None],
) -> dict[str, Any]:
    """De-identify the objects of `unit` into `out/<unit.folder>`, which appears whole; none where all were refused.

    Returns:
        The record of the unit, plain values.
    """
    record = UnitRecord(unit.case)
    series = set()
    with whole_folder(out / unit.folder) as part:
        pairs = [(header.path, part / name) for name, header in unit.files]
        folders = {goal.parent for _, goal in pairs}
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        outcomes = _spread(partial(_write_some, choices, patient, verify), list(_chunks(pairs)), pool)
        for (_, header), outcome in zip(unit.files, (one for chunk in outcomes for one in chunk), strict=True):
            if outcome.code:
                record.refused[outcome.code, outcome.reason] += 1
            else:
                record.files += 1
                record.actions += outcome.actions
                series.add(header.get("SeriesInstanceUID"))
            advance(1)
        for folder in folders - {part}:
            if not any(folder.iterdir()):
                folder.rmdir()
    record.series = len(series)
    if not record.files:
        (out / unit.folder).rmdir()
    return record.as_json()


def show_unit(unit: Unit, choices: Choices, patient: Patient, pool: Executor | None) -> dict[str, Any]:
    """What `write_unit` would do, by a record of the same form; nothing is written."""
    record = UnitRecord(unit.case)
    paths = [header.path for _, header in unit.files]
    shown = _spread(partial(_show_some, choices, patient), list(_chunks(paths)), pool)
    for outcome in (one for chunk in shown for one in chunk):
        if outcome.code:
            record.refused[outcome.code, outcome.reason] += 1
        else:
            record.files += 1
            record.actions += outcome.actions
    record.series = len({header.get("SeriesInstanceUID") for _, header in unit.files})
    return record.as_json()


def _show_some(choices: Choices, patient: Patient, paths: Sequence[Path]) -> list[Outcome]:
    writer = Writer(choices, patient)
    return [writer.show(path) for path in paths]


def _write_some(choices: Choices, patient: Patient, verify: Verify | None, pairs: Sequence[tuple[Path, Path]]) -> list[Outcome]:
    """One worker's share: the writer and what it remembers live as long as the share."""
    writer = Writer(choices, patient, verify)
    return [writer.write(source, goal) for source, goal in pairs]


def _chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (items[at : at + CHUNK] for at in range(0, len(items), CHUNK))


def _spread(work: Callable[[Any], Any], items: Sequence[Any], pool: Executor | None) -> Iterator[Any]:
    if pool is None:
        yield from map(work, items)
    else:
        yield from pool.map(work, items)

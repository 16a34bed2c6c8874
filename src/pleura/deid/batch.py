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
from pleura.deid.objects import Header, read_header
from pleura.deid.plan import Unit
from pleura.deid.profile import PROFILES
from pleura.deid.writing import Outcome, write_object

CHUNK = 16
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


def read_headers(paths: Sequence[Path], source: Path, pool: Executor | None, progress: Progress) -> list[Header]:
    """The header pass over all files, in their order."""
    progress("read headers", 0, len(paths))
    headers = []
    for header in _spread(partial(read_header, source=source), paths, pool):
        headers.append(header)
        progress("read headers", len(headers), len(paths))
    return headers


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


def write_unit(unit: Unit, out: Path, profile: str, pool: Executor | None, advance: Callable[[int], None]) -> dict[str, Any]:
    """De-identify the objects of `unit` into `out/<unit.folder>`, which appears whole; none where all were refused.

    Returns:
        The record of the unit, plain values.
    """
    record = UnitRecord(unit.case)
    series = set()
    with whole_folder(out / unit.folder) as part:
        jobs = [(header.path, part / name, profile, unit.case) for name, header in unit.files]
        for folder in {goal.parent for _, goal, _, _ in jobs}:
            folder.mkdir(parents=True, exist_ok=True)
        for (_, header), outcome in zip(unit.files, _spread(_write_job, jobs, pool), strict=True):
            if outcome.code:
                record.refused[outcome.code, outcome.reason] += 1
            else:
                record.files += 1
                record.actions += outcome.actions
                series.add(header.get("SeriesInstanceUID"))
            advance(1)
        for folder in {goal.parent for _, goal, _, _ in jobs} - {part}:
            if not any(folder.iterdir()):
                folder.rmdir()
    record.series = len(series)
    if not record.files:
        (out / unit.folder).rmdir()
    return record.as_json()


def _write_job(job: tuple[Path, Path, str, str]) -> Outcome:
    source, goal, profile, case = job
    return write_object(source, goal, PROFILES[profile], case)


def _spread(work: Callable[[Any], Any], items: Sequence[Any], pool: Executor | None) -> Iterator[Any]:
    if pool is None:
        yield from map(work, items)
    else:
        yield from pool.map(work, items, chunksize=CHUNK)

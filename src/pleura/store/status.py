"""How far a batch is, from what its processes have recorded. Read without a lock."""

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pleura.core.atomic import BOOKKEEPING, read_json
from pleura.core.errors import UsageError
from pleura.core.locks import is_free
from pleura.store.claims import is_gone
from pleura.store.failures import Failure, read_failures
from pleura.store.item import stem_of
from pleura.store.layout import CLAIMS, ITEMS, LOCK
from pleura.store.planned import Plan
from pleura.store.run_file import head_in
from pleura.store.run_record import OUTPUTS

SILENT_S = 900.0
"""A claim of another host without a beat for this long counts as lost; clocks may differ."""
WITHOUT_CASES = ("phantom", "run", "study", "train")
"""Commands whose OUT has no record for each case."""
RECENT = 1000
"""Number of records from which the rate is computed."""


@dataclass(frozen=True)
class Standing:
    """Counts of the cases of a run; `state` as in `run.json`, `planned`, or
    `interrupted` where the process of a run has ended before its end.

    `seconds_left` is the time for the cases that are left at the present rate of all processes
    together; `None` where no rate is known.
    """

    verb: str
    state: str
    cases: int
    done: int
    failed: int
    running: int
    left: int
    seconds_left: float | None

    def as_json(self) -> dict[str, Any]:
        """The same, as plain values."""
        return asdict(self)


def standing_of(out: Path) -> tuple[Standing, Mapping[str, Failure]] | None:
    """The standing and the failed cases of a run; `None` where a folder is none.

    Raises:
        UsageError: the run has no cases.
    """
    record = head_in(out)
    if record is None or not isinstance(record.get("state"), str):
        return None
    if record["verb"] in WITHOUT_CASES:
        raise UsageError(
            f"status: OUT is of pleura {record['verb']}, which records no cases of its own; give "
            "the folder of segment, measure, prepare, evaluate or deidentify"
        )
    plan, failures = Plan.read(out), read_failures(out)
    recorded = _times(out / BOOKKEEPING / ITEMS)
    recorded.pop(stem_of(OUTPUTS), None)
    stems = {stem_of(id) for id, _, _ in plan.cases} if plan else {*recorded}
    attempts = {stem_of(id): failure.attempt for id, failure in failures.items()}
    stems |= attempts.keys()
    running = set()
    for stem, attempt in _last_claims(out).items():
        if stem in recorded and stem not in attempts:
            continue
        claim = out / BOOKKEEPING / CLAIMS / f"{stem}.{attempt}"
        if attempts.get(stem, 0) < attempt and _is_running(claim):
            running.add(stem)
    failed = attempts.keys() - running
    done = (stems & recorded.keys()) - failed - running
    left = len(stems) - len(done) - len(failed) - len(running)
    standing = Standing(
        record["verb"],
        "planned" if plan else _state(out, record["state"]),
        len(stems),
        len(done),
        len(failed),
        len(running),
        left,
        _seconds_left(list(recorded.values()), left + len(running)),
    )
    return standing, failures


def _state(out: Path, state: str) -> str:
    """The state of a run without a plan; one that runs and has no process was interrupted."""
    if state == "running" and is_free(out / BOOKKEEPING / LOCK):
        return "interrupted"
    return state


def _times(folder: Path) -> dict[str, float]:
    """Name without ending, and time of change, of every file of a folder that is a record."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return {}
    found = {}
    for entry in entries:
        if entry.name.endswith(".json") and not entry.name.startswith("."):
            with suppress(FileNotFoundError):
                found[entry.name.removesuffix(".json")] = entry.stat().st_mtime
    return found


def _last_claims(out: Path) -> dict[str, int]:
    """The number of the last attempt at each case."""
    last: dict[str, int] = {}
    with suppress(OSError):
        for entry in os.scandir(out / BOOKKEEPING / CLAIMS):
            stem, _, number = entry.name.partition(".")
            last[stem] = max(last.get(stem, 0), int(number) if number.isdecimal() else 0)
    return last


def _is_running(claim: Path) -> bool:
    """Whether the process of a claim seems to be alive."""
    holder = {}
    try:
        beat = claim.stat().st_mtime
        with suppress(ValueError):  # it has just been made and is empty still
            holder = read_json(claim)
    except OSError:
        return False
    return not is_gone(holder) and time.time() - beat < SILENT_S


def _seconds_left(times: Sequence[float], left: int) -> float | None:
    """At the rate of the last records, at most `RECENT`."""
    recent = sorted(times)[-RECENT:]
    if left == 0:
        return 0.0
    if len(recent) < 2 or recent[-1] <= recent[0]:
        return None
    return round(left * (recent[-1] - recent[0]) / (len(recent) - 1), 1)

"""Cases that failed: code, attempt, host and seconds of the last attempt, one small file for each
case.

They are bookkeeping: hosts and seconds differ between equal runs. `failures.jsonl` beside them has
one line for each.
"""

import json
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pleura.core.atomic import BOOKKEEPING, HOST, atomic_file, read_json
from pleura.store.item import stem_of
from pleura.store.layout import FAILED, FAILURES

LOST = "WORKER-LOST"


@dataclass(frozen=True)
class Failure:
    """The last failed attempt at a case."""

    id: str
    code: str
    attempt: int
    seconds: float
    host: str = HOST

    @classmethod
    def read(cls, out: Path, id: str) -> "Failure | None":
        """The failure of a case, if it failed."""
        return _read(_path(out, id))

    def write(self, out: Path) -> None:
        """Write it atomically, not flushed: a case whose failure is lost is tried again."""
        path = _path(out, self.id)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".part-{HOST}-{secrets.token_hex(8)}")
        part.write_text(json.dumps(asdict(self), sort_keys=True), encoding="utf-8")
        part.replace(path)


def note_attempt(out: Path, id: str, code: str, seconds: float, attempt: int = 0) -> None:
    """Note that a case failed with a code, or, with an empty one, that it did not.

    Args:
        out: the output folder.
        id: the case.
        code: of the finding or fault.
        seconds: the time that it took.
        attempt: the number of the attempt; 0 = one more than the last that failed.
    """
    before = Failure.read(out, id)
    if code:
        attempt = attempt or (before.attempt if before else 0) + 1
        Failure(id, code, attempt, round(seconds, 2)).write(out)
    elif before is not None:
        forget_failure(out, id)


def forget_failure(out: Path, id: str) -> None:
    """Forget that a case failed: it is done."""
    _path(out, id).unlink(missing_ok=True)


def read_failures(out: Path) -> dict[str, Failure]:
    """Every failed case, by id."""
    paths = sorted((out / BOOKKEEPING / FAILED).glob("*.json"))
    found = (_read(path) for path in paths)
    return {failure.id: failure for failure in found if failure is not None}


def write_failures(out: Path, group: str, ids: Iterable[str]) -> None:
    """Write `failures.jsonl`, one line for each failed case, sorted by id. The caller holds OUT.

    Args:
        out: the output folder.
        group: prefix of the ids of one batch.
        ids: all ids of this batch; failures of other cases of it are forgotten.
    """
    path, known = out / BOOKKEEPING / FAILURES, set(ids)
    failures = read_failures(out)
    for id in [id for id in failures if id.startswith(group) and id not in known]:
        forget_failure(out, id)
        del failures[id]
    if failures or path.exists():
        with suppress(OSError), atomic_file(path) as part:
            part.write_text(failure_lines(failures), encoding="utf-8")


def failure_lines(failures: Mapping[str, Failure]) -> str:
    """One line of JSON for each failure, sorted by id."""
    lines = [json.dumps(asdict(failures[id]), sort_keys=True) for id in sorted(failures)]
    return "".join(f"{line}\n" for line in lines)


def _path(out: Path, id: str) -> Path:
    return out / BOOKKEEPING / FAILED / f"{stem_of(id)}.json"


def _read(path: Path) -> Failure | None:
    with suppress(OSError, ValueError, TypeError, KeyError):
        value: dict[str, Any] = read_json(path)
        return Failure(
            str(value["id"]),
            str(value["code"]),
            int(value["attempt"]),
            float(value["seconds"]),
            str(value["host"]),
        )
    return None

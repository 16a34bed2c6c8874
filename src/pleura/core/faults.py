"""Turn an exception of one item into that item's refusal; distinguish passing (transient) faults
from lasting ones.

A lasting refusal says something about the input, and the next run keeps it. A passing fault says
something about the machine (memory, disk, a killed process) or about pleura itself; it is never
recorded as a result, so the next run tries again.
"""

import errno
import os
import traceback
from collections.abc import Iterator
from pathlib import Path

from pleura.core.codes import finding
from pleura.core.errors import InputRefused, MissingExtra, TimeUp, UsageError
from pleura.core.findings import Finding, Verdict

FULL = frozenset({errno.ENOSPC, errno.EROFS, getattr(errno, "EDQUOT", errno.ENOSPC)})
"""Errors of an output that has no room."""

PASSING = FULL | {
    errno.EIO,
    errno.EFBIG,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.EINTR,
    errno.EAGAIN,
    getattr(errno, "ESTALE", errno.EIO),
    getattr(errno, "ETIMEDOUT", errno.EIO),
}
"""Errors of the machine, not of the file."""

DENIED = frozenset({errno.EACCES, errno.EPERM})
"""Permission errors. Permissions can change while the file and its time stay the same."""

LISTING = frozenset({errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR})
"""Errors of a file that was there, and readable, when the input was listed."""

PASSING_CODES = frozenset(
    "CLOSED-FILES CLOSED-FOLDERS DISK-ERROR DISK-FULL FILE-CHANGED INTERNAL-ERROR OUT-OF-MEMORY "
    "READ-ERROR READ-FAILED WORKER-LOST WRITE-FAILED".split()
)
"""Codes of refusals that another try may not give."""

ROOT = Path(__file__).parents[1]

_noted: list[type[BaseException]] = []
_without_content: set[str] = set()


def stops_the_batch(error: BaseException) -> bool:
    """Whether an error is about the call and not an item: a wrong option, a missing library."""
    return isinstance(error, (UsageError, MissingExtra))


def is_passing(error: BaseException) -> bool:
    """Whether another try may succeed; everything but a plain `InputRefused` may."""
    if isinstance(error, InputRefused):
        return machine_error(error) is not None
    return True


def machine_error(error: BaseException) -> BaseException | None:
    """The error of disk, memory or permissions that is behind another one; libraries hide it."""
    return next(filter(_is_machine, _chain(error)), None)


def note(error: BaseException) -> None:
    """Note a passing fault after which work went on, with a finding or with less than the whole
    input.

    What was made meanwhile must not be recorded as done: `RunRecord.finish` and the pool compare
    `noted()` before and after. Lasting errors are not noted.
    """
    if machine_error(error) is not None:
        _noted.append(type(error))


def note_passing() -> None:
    """Note a passing fault that another process has noted."""
    _noted.append(Exception)


def noted() -> int:
    """How many passing faults this process has noted so far."""
    return len(_noted)


def note_missing_content(path: Path) -> None:
    """Note a file that stands for one whose content could not be fetched; see `check_content`."""
    _without_content.add(str(path))


def check_content(path: str) -> None:
    """Raise `OSError`, as a disk error would, where the content of a file could not be fetched."""
    if path in _without_content:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def refusal_of(error: BaseException) -> Finding:
    """The refusal of the item that raised `error`.

    Ours keeps its code, sentence and evidence. Of a library's exception only the type and the place
    in pleura are named, because its message may quote the input.
    """
    causes = list(_chain(error))
    note(error)
    if any(isinstance(cause, MemoryError) for cause in causes):
        return finding("OUT-OF-MEMORY")
    numbers = [
        cause.errno for cause in causes if isinstance(cause, OSError) and cause.errno is not None
    ]
    for number in numbers:
        if number in PASSING:
            return finding(
                "DISK-FULL" if number in FULL else "DISK-ERROR", error=errno.errorcode[number]
            )
    if isinstance(error, TimeUp):
        return finding("TIME-UP")
    if isinstance(error, InputRefused) and DENIED.isdisjoint(numbers):
        return Finding(error.code, Verdict.REFUSED, str(error), error.evidence)
    for number in numbers:
        if number in LISTING:
            return finding("FILE-CHANGED", error=errno.errorcode[number])
    return finding("INTERNAL-ERROR", error=type(error).__name__, where=_where(error))


def _is_machine(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in PASSING | DENIED
    return isinstance(error, MemoryError)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, its causes, and the errors during whose handling it was raised."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _where(error: BaseException) -> str:
    """`room/module.py:line`, the innermost place of pleura that an exception passed through."""
    place = "?"
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if ROOT in path.parents:
            place = f"{path.relative_to(ROOT).as_posix()}:{frame.lineno}"
    return place

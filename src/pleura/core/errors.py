"""Everything pleura raises on purpose.

    PleuraError
    ├── UsageError (ValueError)            the call is wrong: exit 2
    │   ├── OutputConflict (FileExistsError)   OUT has other content; the message names --overwrite
    │   └── OutputBusy                     another process writes OUT
    ├── NothingUsable (LookupError)        no input could be used at all: exit 3
    ├── InputRefused (ValueError)          one input cannot be used, the batch continues: exit 1
    │   ├── UnreadableFile (OSError)       broken, truncated, or of a kind that cannot be decoded
    │   └── GridMismatch                   two things do not lie on one grid
    ├── TimeUp                             the time limit ended before an item: exit 1
    ├── OutputFailed (OSError)             OUT cannot be written: exit 2
    └── MissingExtra (ImportError)         an optional library is not installed: exit 2

A message is one line: what, which series or case, why, what to do. It never holds the value of an
identifying attribute, nor a file name of the input, because a file name can contain a patient's
name.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """Exit codes of every command."""

    OK = 0
    SOME_FAILED = 1
    USAGE = 2
    NOTHING_USABLE = 3
    BUG = 70
    INTERRUPTED = 130


class PleuraError(Exception):
    """Base of every error that pleura raises on purpose."""

    exit_code: Exit = Exit.SOME_FAILED


class UsageError(PleuraError, ValueError):
    """The call itself is wrong: an option, a path, a combination."""

    exit_code = Exit.USAGE


class OutputConflict(UsageError, FileExistsError):
    """OUT has something that this call did not write."""


class OutputBusy(UsageError):
    """Another process is writing OUT, or a file that runs share."""


class NothingUsable(PleuraError, LookupError):
    """Nothing in the input could be used."""

    exit_code = Exit.NOTHING_USABLE


class InputRefused(PleuraError, ValueError):
    """One series, case or mask cannot be used; the batch continues with the others."""

    def __init__(
        self, message: str, *, code: str = "REFUSED", evidence: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.evidence: dict[str, Any] = dict(evidence or {})

    # keyword arguments do not pickle by themselves, and workers are spawned
    def __reduce__(self) -> tuple[Any, ...]:
        return (_refused_again, (type(self), str(self), self.code, self.evidence))


def _refused_again(
    kind: type["InputRefused"], message: str, code: str, evidence: Mapping[str, Any]
) -> "InputRefused":
    return kind(message, code=code, evidence=evidence)


class UnreadableFile(InputRefused, OSError):
    """A file is broken, truncated, or of a kind that cannot be decoded here."""


class GridMismatch(InputRefused):
    """Two arrays do not lie on one grid."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "GRID-MISMATCH",
        evidence: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, code=code, evidence=evidence)


class TimeUp(PleuraError):
    """The time limit ended before an item was started; the next run does it."""


class OutputFailed(PleuraError, OSError):
    """The output cannot be written."""

    exit_code = Exit.USAGE


class MissingExtra(PleuraError, ImportError):
    """An optional library is needed and is not installed."""

    exit_code = Exit.USAGE

"""Paths at which nothing can ever be."""

import errno
import os
from pathlib import Path
from typing import Any

from pleura.core.errors import UsageError

UNUSABLE = (errno.ENAMETOOLONG, errno.ELOOP)
"""What the file system says of a path at which nothing can ever be."""


def check_path(value: Any) -> None:
    """Refuse a path that no file system can have; any other value passes.

    Raises:
        UsageError: it is too long, runs in a circle of links, has a null character, or starts from
            a current folder that was removed.
    """
    if not isinstance(value, Path):
        return
    if not value.is_absolute():
        _check_current_folder()
    try:
        value.stat()
    except ValueError:
        raise UsageError("a path has a null character; give another path") from None
    except OSError as error:
        if error.errno not in UNUSABLE:
            return
        raise UsageError(
            f"a path cannot be used: {os.strerror(error.errno)}; give another path"
        ) from error


def _check_current_folder() -> None:
    try:
        Path.cwd()
    except OSError:
        raise UsageError(
            "the current folder does not exist any more: change to another, or give absolute paths"
        ) from None

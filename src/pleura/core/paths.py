"""Paths as callers give them: `str` or any `PathLike`."""

import errno
import inspect
import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from pleura.core.errors import UsageError

UNUSABLE = (errno.ENAMETOOLONG, errno.ELOOP)
"""What the file system says of a path at which nothing can ever be."""

P = ParamSpec("P")
R = TypeVar("R")


def accepts_str_paths(function: Callable[P, R]) -> Callable[P, R]:
    """The same function, which takes `str` or any `PathLike` where `Path` is annotated."""
    signature = inspect.signature(function)
    names = {
        name for name, parameter in signature.parameters.items() if _is_path(parameter.annotation)
    }

    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        bound = signature.bind(*args, **kwargs)
        for name in names & bound.arguments.keys():
            bound.arguments[name] = _as_path(bound.arguments[name])
        return function(*bound.args, **bound.kwargs)

    return called


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


def _is_path(annotation: Any) -> bool:
    return annotation is Path or Path in getattr(annotation, "__args__", ())


def _as_path(value: Any) -> Any:
    if not isinstance(value, str | os.PathLike):
        return value
    if value == "":  # Path("") is the current folder, which nobody meant
        raise UsageError("a path is empty, as an unset variable is; give a path")
    path = Path(value)
    check_path(path)
    return path

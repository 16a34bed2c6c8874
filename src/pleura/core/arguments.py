"""Arguments as Python callers give them, checked as the command line checks its words."""

import inspect
import os
from collections.abc import Callable
from functools import wraps
from numbers import Integral, Real
from pathlib import Path
from types import UnionType
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin

from pleura.core.errors import UsageError
from pleura.core.paths import check_path

COUNTS = ("workers", "tasks")
"""Parameters for which 0 means "choose", so a negative number is a mistake."""

P = ParamSpec("P")
R = TypeVar("R")


def checks_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """The same function, which takes `str` or any `PathLike` where `Path` is annotated, and refuses
    values that its annotations do not allow.

    The function raises `UsageError` for such a value.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        bound = signature.bind(*args, **kwargs)
        for name, value in bound.arguments.items():
            annotation = signature.parameters[name].annotation
            bound.arguments[name] = _checked(name, value, annotation)
        return function(*bound.args, **bound.kwargs)

    return called


def _checked(name: str, value: Any, annotation: Any) -> Any:
    kinds = _kinds(annotation)
    if value is None and type(None) in kinds:
        return None
    if Path in kinds:
        return _as_path(name, value)
    choices = [one for kind in kinds if get_origin(kind) is Literal for one in get_args(kind)]
    if choices and value not in choices:
        raise _wrong(name, f"one of {', '.join(map(str, choices))}", value)
    if int in kinds and (not isinstance(value, Integral) or isinstance(value, bool)):
        raise _wrong(name, "a whole number", value)
    if float in kinds and not isinstance(value, Real):
        raise _wrong(name, "a number", value)
    if str in kinds and isinstance(value, os.PathLike):  # --split takes a file too
        return os.fspath(value)
    if str in kinds and not isinstance(value, str):
        raise _wrong(name, "a text", value)
    if name in COUNTS and value < 0:
        raise _wrong(name, "0 or more", value)
    if isinstance(value, str | bytes) and any(get_origin(kind) is tuple for kind in kinds):
        raise _wrong(name, "a list or tuple", value)
    return value


def _kinds(annotation: Any) -> tuple[Any, ...]:
    """The parts of a union, or the annotation alone."""
    if get_origin(annotation) in (Union, UnionType):
        return get_args(annotation)
    return (annotation,)


def _as_path(name: str, value: Any) -> Path:
    if not isinstance(value, str | os.PathLike):
        raise _wrong(name, "a path", value)
    if value == "":  # Path("") is the current folder, which nobody meant
        raise UsageError("a path is empty, as an unset variable is; give a path")
    path = Path(value)
    check_path(path)
    return path


def _wrong(name: str, expected: str, value: Any) -> UsageError:
    return UsageError(f"{name} is {expected}; found {value!r:.60}")

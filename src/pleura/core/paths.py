"""Paths as callers give them: `str` or any `PathLike`."""

import inspect
import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

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


def _is_path(annotation: Any) -> bool:
    return annotation is Path or Path in getattr(annotation, "__args__", ())


def _as_path(value: Any) -> Any:
    return Path(value) if isinstance(value, str | os.PathLike) else value

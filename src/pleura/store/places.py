"""Checks that output is never written over input or other output."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pleura.core.errors import UsageError


def check_apart(out: Path, sources: Sequence[Path]) -> None:
    """Refuse an OUT that is an input, lies inside one, or contains one.

    Raises:
        UsageError: OUT and an input overlap, or an input does not exist.
    """
    goal = out.resolve()
    for source in sources:
        if not source.exists():
            raise UsageError("an input does not exist: check its path")
        given = source.resolve()
        if goal == given or goal in given.parents or given in goal.parents:
            raise UsageError(
                "OUT contains an input or lies inside one; input is never written to: choose a "
                "folder beside it"
            )


def check_beside(files: Mapping[str, Path], source: Path, out: Path) -> None:
    """Refuse files of a run that are in OUT or in the input, or that are the same file.

    Keys of `files` are options.

    Raises:
        UsageError: two of them are the same, or one is in OUT or in the input.
    """
    names = ", ".join(files)
    resolved = [path.resolve() for path in files.values()]
    for path in resolved:
        if out.resolve() in (path, *path.parents):
            raise UsageError(f"{names} must not lie inside OUT, which may be shared")
        if source.resolve() in (path, *path.parents):
            raise UsageError(f"{names} must not lie inside IN: input is never written to")
    if len({os.path.normcase(path) for path in resolved}) < len(resolved):
        raise UsageError(f"{names} must be {len(files)} different files")

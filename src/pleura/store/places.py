"""Checks that output is never written over input or other output."""

import os
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from pleura.core.errors import UsageError
from pleura.files.contents import is_dicom_file
from pleura.store.layout import BOOKKEEPING, INPUT, ITEMS, LOCK
from pleura.store.run_file import head_in

MEDIUM: Final = "DICOMDIR"
MOST_LOOKED_AT: Final = 1000
"""Files of a folder that are looked at; one with data has some among them."""
_ELSEWHERE: Final = "choose a folder without data"


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


def check_beside(
    files: Mapping[str, Path], source: Path, out: Path, named: Mapping[str, Path | None]
) -> None:
    """Refuse files of a run that are in OUT or in the input, or that are the same file; and those
    that the user `named` in other folders of data.

    Keys of `files` and `named` are options.

    Raises:
        UsageError: two of them are the same, or one is in OUT, in the input or in other data.
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
    _check_outside_data(named)


def _check_outside_data(files: Mapping[str, Path | None]) -> None:
    """Refuse files that the user named in another folder of data: an OUT of pleura, a folder on a
    medium, or one with DICOM or image files.

    These are read, given away and emptied, and a secret would be in them.
    """
    for option, path in files.items():
        if path is None:
            continue
        folder = path.resolve().parent
        for above in (folder, *folder.parents):
            if _is_output(above):
                raise UsageError(f"--{option} lies in the output of another command; {_ELSEWHERE}")
            if (above / MEDIUM).is_file():
                raise UsageError(f"--{option} lies on a medium with a {MEDIUM}; {_ELSEWHERE}")
        if folder.is_dir() and any(map(_is_data, islice(folder.iterdir(), MOST_LOOKED_AT))):
            raise UsageError(f"--{option} lies in a folder with DICOM or image files; {_ELSEWHERE}")


def _is_output(folder: Path) -> bool:
    """Whether a folder is an OUT; other software has files named run.json too, and a user may keep
    keys in a folder named as our bookkeeping.
    """
    bookkeeping = folder / BOOKKEEPING
    return head_in(folder) is not None or any(
        (bookkeeping / name).exists() for name in (INPUT, ITEMS, LOCK)
    )


def _is_data(path: Path) -> bool:
    from pleura.images.reading import map_suffix

    try:
        return path.is_file() and (bool(map_suffix(path)) or is_dicom_file(path))
    except OSError:
        return False

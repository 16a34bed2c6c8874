"""`--overwrite`: what may be emptied, and how. Only a folder that pleura wrote is ever emptied."""

import os
from pathlib import Path

from pleura.core.atomic import BOOKKEEPING, remove
from pleura.core.errors import OutputConflict, OutputFailed, UsageError
from pleura.store.layout import INPUT, LOCK, RUN


def check_may_empty(out: Path) -> None:
    """Refuse to empty a home, a root, the current folder, or what contains one of them.

    Raises:
        UsageError: `out` is such a folder.
    """
    here = out.resolve()
    if here == here.parent or any(
        here == p or here in p.parents for p in (Path.home().resolve(), Path.cwd().resolve())
    ):
        raise UsageError(
            "--overwrite would empty a home, a root or the current folder; choose another OUT"
        )


def check_written_by_pleura(out: Path, verb: str, has_record: bool) -> None:
    """Refuse to empty a folder without a record of a run.

    Args:
        out: a folder with content.
        verb: the verb that is asked to empty it.
        has_record: whether its `run.json` is one of pleura's. Where that file was damaged, the
            bookkeeping beside it shows whose folder it is.

    Raises:
        OutputConflict: the folder has neither, or what shows it is only a link to another place.
    """
    is_own = has_record and not (out / RUN).is_symlink()
    if not is_own and not (out / BOOKKEEPING / INPUT).is_file():
        raise OutputConflict(
            f"{verb}: OUT has files that pleura did not write, and no run.json of pleura, so "
            "--overwrite does not empty it either: choose another folder, or empty it yourself"
        )


def check_bookkeeping(out: Path, verb: str) -> None:
    """Refuse a bookkeeping folder that is a link: what is behind it would be written and emptied.

    Raises:
        OutputConflict: it is a link.
    """
    if (out / BOOKKEEPING).is_symlink():
        raise OutputConflict(
            f"{verb}: {BOOKKEEPING} in OUT is a link to another place; choose another folder, or "
            "remove the link"
        )


def empty(out: Path) -> None:
    """Empty a folder; the lock stays. What shows that pleura wrote it is removed last, so that an
    interrupted call can be repeated.

    Raises:
        OutputFailed: something in it cannot be removed.
    """
    bookkeeping = out / BOOKKEEPING
    marks = [out / RUN, bookkeeping / INPUT]
    entries = [entry for entry in out.iterdir() if entry != bookkeeping]
    entries += [entry for entry in bookkeeping.iterdir() if not entry.name.startswith(LOCK)]
    for entry in [*(entry for entry in entries if entry not in marks), *marks]:
        remove(entry)
        if os.path.lexists(entry):
            raise OutputFailed("cannot empty OUT: a file or folder in it cannot be removed")

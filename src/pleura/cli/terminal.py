"""What a person sees: tables on standard output, talk and progress on standard error. The only module that knows rich."""

import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pleura.core.atomic import dump_json
from pleura.core.errors import Exit, PleuraError
from pleura.core.progress import Progress, silent
from pleura.core.results import Result, Table

DISK = {errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM, getattr(errno, "EDQUOT", errno.ENOSPC)}
"""The errors of a disk that its owner can mend; any other OSError that gets this far is ours."""


def carry_out(name: str, verb: Callable[..., Result], values: dict[str, Any], *, json: bool, quiet: bool, debug: bool) -> int:
    """Call a verb, show what it gave, and return the exit code."""
    try:
        with _progress(quiet) as progress:
            result = verb(**values, progress=progress)
        _show(result, json=json, quiet=quiet)
        return int(result.exit_code)
    except PleuraError as error:
        if debug:
            traceback.print_exc()
        _say(f"pleura {name}: {str(error).removeprefix(f'{name}: ')}")
        return int(error.exit_code)
    except KeyboardInterrupt:
        _say(f"pleura {name}: interrupted; what is written is whole, and the same command goes on from there")
        return int(Exit.INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read us has gone
        return int(Exit.OK)
    except Exception as error:
        if debug:
            traceback.print_exc()
        if isinstance(error, OSError) and error.errno in DISK:
            _say(f"pleura {name}: the disk says: {error.strerror}; what is written is whole, and the same command goes on")
            return int(Exit.USAGE)
        handle, log = tempfile.mkstemp(prefix="pleura-bug-", suffix=".log")  # readable by its owner alone
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            traceback.print_exc(file=file)
        _say(f"pleura {name}: a bug of ours ({type(error).__name__}); details, which may quote the input, are in {log}")
        return int(Exit.BUG)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _show(result: Result, *, json: bool, quiet: bool) -> None:
    if json:
        sys.stdout.write(dump_json(result.as_json()))
    elif not quiet:
        table = result.table()
        if table is not None:
            _draw(table)
    if not quiet or result.exit_code is not Exit.OK:
        for line in result.notes():
            _say(line)


def _draw(table: Table) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table as RichTable

    drawn = RichTable(title=escape(table.title), title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in table.columns:
        numeric = column.endswith("]") or column in ("slices", "Dice", "accuracy")
        drawn.add_column(escape(column), justify="right" if numeric else "left", no_wrap=column in WHOLE, overflow="fold")
    for row in table.rows:
        drawn.add_row(*(_coloured(escape(cell)) for cell in row))
    Console(width=None if sys.stdout.isatty() else 160).print(drawn)  # a pipe has no width of its own


WHOLE = ("id", "case", "modality", "slices", "split", "part", "verdict", "Dice", "accuracy")
"""Columns that are never broken over lines."""
COLOURS = {"ok": "green", "repaired": "cyan", "review": "yellow", "refused": "red"}


def _coloured(cell: str) -> str:
    colour = COLOURS.get(cell)
    return f"[{colour}]{cell}[/{colour}]" if colour else cell


@contextmanager
def _progress(quiet: bool) -> Iterator[Progress]:
    """A bar per stage with the time left, on a terminal only."""
    if quiet or not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def progress(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total or None)
            bars.update(tasks[stage], completed=done, total=total or None)

        yield progress

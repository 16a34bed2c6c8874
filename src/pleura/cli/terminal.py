"""The terminal's output: tables on standard output, notes and progress on standard error."""

import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from pleura.core.atomic import dump_json
from pleura.core.errors import Exit, PleuraError
from pleura.core.faults import PASSING
from pleura.core.paths import check_path
from pleura.core.progress import silent
from pleura.core.results import Result, Table
from pleura.core.text import visible

DISK = PASSING | {errno.EACCES, errno.EPERM}
"""Disk errors that the user can resolve; any other OSError that gets here is an internal error."""


def carry_out(
    name: str,
    verb: Callable[..., Result],
    values: dict[str, Any],
    *,
    json: bool,
    quiet: bool,
    debug: bool,
) -> int:
    """Call a verb, show its result, and return the exit code."""
    try:
        for value in values.values():
            check_path(value)
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
        _say(
            f"pleura {name}: interrupted; output written so far is intact. Rerun the same command "
            "to resume"
        )
        return int(Exit.INTERRUPTED)
    except Exception as error:
        if debug:
            traceback.print_exc()
        if isinstance(error, OSError) and error.errno in DISK:
            _say(
                f"pleura {name}: disk error: {error.strerror}. "
                "Output written so far is intact; rerun the same command to resume"
            )
            return int(Exit.USAGE)
        # readable by its owner alone
        handle, log = tempfile.mkstemp(prefix="pleura-bug-", suffix=".log")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            traceback.print_exc(file=file)
        _say(
            f"pleura {name}: internal error ({type(error).__name__}); the log may contain input "
            f"data: {log}"
        )
        return int(Exit.BUG)


def _say(line: str) -> None:
    print(visible(line), file=sys.stderr, flush=True)


def _show(result: Result, *, json: bool, quiet: bool) -> None:
    try:
        if json:
            sys.stdout.write(dump_json(result.as_json()))
        elif not quiet and (table := result.table()) is not None:
            _draw(table)
        sys.stdout.flush()
    except BrokenPipeError:
        # the reader of the pipe has ended, as `head` does; what is noted still matters
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if not quiet or result.exit_code is not Exit.OK:
        for line in result.notes():
            _say(line)


def _draw(table: Table) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table as RichTable

    drawn = RichTable(
        title=escape(visible(table.title)),
        title_justify="left",
        box=None,
        pad_edge=False,
        header_style="bold",
    )
    for column in table.columns:
        numeric = column.endswith("]") or column in ("slices", "Dice", "accuracy")
        drawn.add_column(
            escape(visible(column)),
            justify="right" if numeric else "left",
            no_wrap=column in WHOLE,
            overflow="fold",
        )
    for row in table.rows:
        drawn.add_row(*(_coloured(escape(visible(cell))) for cell in row))
    if sys.stdout.isatty():
        Console().print(drawn)
        return
    console = Console(width=PIPE_WIDTH)
    with console.capture() as text:  # its own printing ends the process where a pipe is broken
        console.print(drawn)
    sys.stdout.write(text.get())


PIPE_WIDTH = 160
"""Characters per line where standard output is a pipe, which has no width."""
WHOLE = ("id", "case", "modality", "slices", "split", "part", "verdict", "Dice", "accuracy")
"""Columns that never wrap."""
COLOURS = {"ok": "green", "repaired": "cyan", "review": "yellow", "refused": "red"}


def _coloured(cell: str) -> str:
    colour = COLOURS.get(cell)
    if colour:
        return f"[{colour}]{cell}[/{colour}]"
    return cell


def _progress(quiet: bool) -> Any:
    """Bars on a terminal, silence elsewhere, as a context manager."""
    if quiet or not sys.stderr.isatty():
        return nullcontext(silent)
    from pleura.cli.progress_bars import progress_bars

    return progress_bars()

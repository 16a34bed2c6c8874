"""Where a run of the command `pleura` begins.

Worker processes that are started anew import this module, so click is imported by `main` alone.
"""

import os
import sys
from typing import Any

from pleura.core.cores import keep_blas_to_one_thread
from pleura.core.errors import Exit
from pleura.core.quiet import silence_libraries

EMPTY_ARGUMENT = (
    "pleura: an argument is empty, as an unset variable of the shell is; give a path or a value"
)


def main(argv: list[str] | None = None) -> Any:
    """Run the command; the process ends with one of the exit codes of docs/commands.md."""
    keep_blas_to_one_thread()
    silence_libraries()
    _replace_closed_streams()
    for stream in (sys.stdout, sys.stderr):  # a console that cannot print ≥ must not end a run
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    if "" in (sys.argv[1:] if argv is None else argv):  # as a path: the current folder
        print(EMPTY_ARGUMENT, file=sys.stderr)
        sys.exit(int(Exit.USAGE))
    from pleura.cli.commands import app

    app(args=argv, prog_name="pleura")


def _replace_closed_streams() -> None:
    """Give a stream that the caller closed (`>&-`, some schedulers) a place where nothing arrives:
    without it the next file that is opened would get its number, and what is printed.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # os.open takes the lowest free number
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))

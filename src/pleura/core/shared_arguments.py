"""Arguments that several verbs share, described once.

A docstring names them in one line, `scheduler, plan: See core.shared_arguments.`; the decorator
puts their descriptions in its place, for `help()`, the command line and the reference.
"""

import re
from collections.abc import Callable
from textwrap import fill
from typing import Any, TypeVar

Verb = TypeVar("Verb", bound=Callable[..., Any])

ARGUMENTS = {
    "scheduler": "Address of a Dask cluster whose workers do the cases, tcp://HOST:PORT or "
    "tls://HOST:PORT; they must see IN and OUT at the same paths.",
    "plan": "Only plan the work for many tasks (a job array) in OUT/jobs.json, and print the lines "
    "that start them; the same command without --plan collects their results.",
    "tasks": "With --plan, how many tasks; 0 = one for every 20 cases, 1000 at most.",
    "task": "Do the share of one task of a plan: N, N/M (N from 0 to M - 1), or auto, which reads "
    "N from Slurm, PBS, Kubernetes or AWS Batch.",
    "retry": "Do the cases again that failed with this code, which pleura status OUT lists.",
    "verify_done": "How finished results are checked before they are kept: size, or hash (reads "
    "every file).",
    "overwrite": "Empty OUT first; refused where pleura did not write OUT.",
}
_LINE = re.compile(r"^( +)([\w, ]+): See core\.shared_arguments\.$", re.MULTILINE)


def shared_arguments(verb: Verb) -> Verb:
    """Put the descriptions of shared arguments into the docstring of a verb."""
    verb.__doc__ = _LINE.sub(_described, verb.__doc__ or "")
    return verb


def _described(line: re.Match[str]) -> str:
    indent, names = line.groups()
    return "\n".join(
        fill(
            f"{name}: {ARGUMENTS[name]}",
            width=100,
            initial_indent=indent,
            subsequent_indent=indent + "    ",
        )
        for name in names.split(", ")
    )

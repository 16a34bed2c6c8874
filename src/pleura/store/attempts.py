"""One attempt of a job: the recipe, its work, and the outcome."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pleura.core.faults import is_passing, noted, refusal_of, stops_the_batch
from pleura.core.findings import Finding


class Recipe(Protocol):
    """What to do with each job. It is pickled once for each worker process."""

    def open(self) -> Callable[[Any], Any]:
        """Prepare for work, once in each process; return the function for one job.

        Jobs and values are pickled.
        """
        ...


@dataclass(frozen=True)
class Outcome:
    """The result of job `index`: a `value` or a `refusal`, after a number of `seconds`.

    A `passing` outcome, one affected by a fault of the machine, must not be recorded as a result.
    """

    index: int
    value: Any = None
    refusal: Finding | None = None
    passing: bool = False
    seconds: float = 0.0


def attempt(work: Callable[[Any], Any], index: int, job: Any) -> Outcome:
    """Do one job here. Raises errors about the call only: `UsageError`, `MissingExtra`."""
    begun, before = time.monotonic(), noted()
    try:
        value = work(job)
        seconds = time.monotonic() - begun
        return Outcome(index, value, passing=noted() > before, seconds=seconds)
    except Exception as error:
        if stops_the_batch(error):
            raise
        seconds = time.monotonic() - begun
        return Outcome(index, None, refusal_of(error), is_passing(error), seconds)


def in_this_process(recipe: Recipe, jobs: Sequence[Any]) -> Iterator[Outcome]:
    """Do every job in turn; the recipe is opened where there is one."""
    if jobs:
        work = recipe.open()
        for index, job in enumerate(jobs):
            yield attempt(work, index, job)

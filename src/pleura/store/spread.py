"""The one pool: independent items over processes; a failure concerns its item only.

    for outcome in spread(recipe, jobs, How(workers=4)):
        ...  # as they complete; `outcome.index` restores the order

A worker process opens the recipe (a model, a key, a table) once, and then calls it for one job
after another. Whatever goes wrong with an item, an exception of ours or of a library or the end of
its process, becomes the refusal of that item; the others continue.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pleura.core.cores import cores
from pleura.core.extras import need
from pleura.store.attempts import Outcome, Recipe, in_this_process


@dataclass(frozen=True)
class How:
    """Processes and threads.

    `workers` are processes, 0 = one for each core; with one, the work is done in this process.
    `threads` are those of numerical libraries in each worker, 0 = cores divided by workers. With
    `apart` even one worker is a process, so that a job that ends it does not end this one.
    `scheduler` is the address of a Dask cluster that does the jobs instead, `tcp://HOST:PORT`.
    """

    workers: int = 1
    threads: int = 0
    apart: bool = False
    scheduler: str = ""

    def count(self, jobs: int) -> int:
        """Number of processes for so many jobs."""
        return max(1, min(self.workers or cores(), jobs))


def spread(recipe: Recipe, jobs: Sequence[Any], how: How = How()) -> Iterator[Outcome]:
    """Do every job; yield outcomes as they complete.

    Args:
        recipe: what to do; `open` is called once in each process.
        jobs: one argument each for the opened recipe.
        how: processes and threads.

    Yields:
        One `Outcome` for each job, in order of completion.

    Raises:
        UsageError, MissingExtra: from the recipe, when it is opened or for a job, because they
            concern the call and not an item.
        Exception: whatever opening the recipe raises.
    """
    if how.scheduler:
        need("distributed", extra="dask", purpose="--scheduler")
        from pleura.store.cluster import spread_on_cluster

        if jobs:
            yield from spread_on_cluster(recipe, jobs, how.scheduler)
        return
    count = how.count(len(jobs))
    if count == 1 and not how.apart:
        yield from in_this_process(recipe, jobs)
        return
    from pleura.store.pool import Pool

    with Pool(count, how.threads, apart=how.apart) as pool:
        yield from pool.spread(recipe, jobs)

"""Many small items over the one pool, in order, in chunks: sending one costs more than its work."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pleura.core.faults import note_passing
from pleura.store.pool import Pool

CHUNK = 16


@dataclass(frozen=True)
class _Each:
    """Applies a function to every item of a chunk."""

    work: Callable[[Any], Any]

    def open(self) -> Callable[[Sequence[Any]], list[Any]]:
        return lambda chunk: [self.work(item) for item in chunk]


@dataclass(frozen=True)
class Ordered:
    """A pool that gives results in the order of the items."""

    pool: Pool

    def each(self, work: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        """Yield `work(item)` for every item, in order.

        An item that fails yields the `Finding` that refuses it.

        Args:
            work: a function that can be pickled.
            items: its arguments, which can be pickled.
        """
        chunks = [items[start : start + CHUNK] for start in range(0, len(items), CHUNK)]
        done: dict[int, list[Any]] = {}
        following = 0
        for outcome in self.pool.spread(_Each(work), chunks):
            if outcome.passing:
                note_passing()
            done[outcome.index] = [] if outcome.refusal is not None else outcome.value
            while done.get(following):
                yield from done.pop(following)
                following += 1
        for number in range(following, len(chunks)):
            yield from done.get(number) or self._one_by_one(work, chunks[number])

    def _one_by_one(self, work: Callable[[Any], Any], chunk: Sequence[Any]) -> list[Any]:
        """The results of a chunk in which an item failed."""
        outcomes = sorted(
            self.pool.spread(_Each(work), [[item] for item in chunk]), key=lambda one: one.index
        )
        return [one.value[0] if one.refusal is None else one.refusal for one in outcomes]

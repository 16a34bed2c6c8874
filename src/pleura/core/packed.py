"""Long sequences as compressed bytes: a cohort has millions of files and 100,000 records."""

import pickle
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

Item = TypeVar("Item", covariant=True)

BLOCK = 256
"""Most items that are compressed together, where these are small; neighbours are nearly equal."""
FEW = 16
"""The same for large items."""
OPEN_BLOCKS = 4
"""Number of blocks that stay uncompressed after use."""


class Packed(Sequence[Item]):
    """A sequence that is kept as compressed bytes.

    Its items, which must be picklable, are made anew when they are asked for, so they must not be
    changed.
    """

    __slots__ = ("_block", "_blocks", "_ends")

    def __init__(self, items: Iterable[Item] = (), block: int = BLOCK) -> None:
        self._block = block
        self._blocks: list[bytes] = []
        self._ends: list[int] = []
        self.extend(items)

    def extend(self, items: Iterable[Any]) -> None:
        """Append items. Many at once take less memory than one after another."""
        rest = iter(items)
        while block := tuple(islice(rest, self._block)):
            self._blocks.append(_packed(block))
            self._ends.append(len(self) + len(block))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[Item]:
        for block in self._blocks:
            yield from _unpacked(block)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return tuple(self[number] for number in range(*index.indices(len(self))))
        number = range(len(self))[index]
        block = bisect_right(self._ends, number)
        return _unpacked(self._blocks[block])[number - self._ends[block]]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(one == another for one, another in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(tuple(self))


def pack(value: Any) -> bytes:
    """A value as compressed bytes."""
    return zlib.compress(pickle.dumps(value, pickle.HIGHEST_PROTOCOL), level=1)


def unpack(packed: bytes) -> Any:
    """The value that `pack` made bytes of, in this process or one that sent them."""
    return pickle.loads(zlib.decompress(packed))


def _packed(items: tuple[Any, ...]) -> bytes:
    """A block. Named tuples are pickled as plain ones, which takes half the time."""
    (kind, *others) = set(map(type, items))
    if others or not hasattr(kind, "_make"):
        return pack((tuple, items))
    return pack((kind._make, list(map(tuple, items))))


@lru_cache(maxsize=OPEN_BLOCKS)
def _unpacked(block: bytes) -> tuple[Any, ...]:
    make, items = unpack(block)
    return tuple(items) if make is tuple else tuple(map(make, items))

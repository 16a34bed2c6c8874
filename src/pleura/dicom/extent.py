"""Locate the uncompressed pixels of a file, and compare their size with the header."""

from functools import lru_cache
from typing import NamedTuple

from pleura.codecs.frames import BIG_ENDIAN, NATIVE
from pleura.dicom.fast_header import Walked


class Extent(NamedTuple):
    """Offset of the pixels, whether they are complete, whether there are any, and surplus bytes."""

    offset: int | None
    complete: bool
    has_pixels: bool
    surplus: int


NOWHERE = Extent(None, True, False, 0)


def pixels_at(walked: Walked, syntax: str, length: int, size: int) -> Extent:
    """The extent of the pixels in a file of `size` bytes whose header declares `length` bytes.

    Of compressed pixel data only the presence is checked.
    """
    return _extent(walked.head[:12], walked.place, syntax, length, size)


@lru_cache(maxsize=1024)
def _extent(head: bytes, place: int, syntax: str, length: int, size: int) -> Extent:
    big = syntax == BIG_ENDIAN
    has = head[:4] == (b"\x7f\xe0\x00\x10" if big else b"\xe0\x7f\x10\x00")
    if syntax not in NATIVE:
        return Extent(None, True, has, 0)
    begin = 12 if head[4:6] in (b"OW", b"OB", b"UN") else 8
    inside = int.from_bytes(head[begin - 4 : begin], "big" if big else "little")
    offset = place + begin
    # float pixels: refused elsewhere
    floats = head[:4] in (b"\xe0\x7f\x08\x00", b"\xe0\x7f\x09\x00")
    # an undefined length is larger than any file
    complete = has and length <= inside <= size - offset
    return Extent(
        offset, floats or complete, True, inside - length if complete and not floats else 0
    )

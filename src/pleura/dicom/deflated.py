"""Inflate deflated files (PS3.5 A.5) in memory, no further than their own header declares."""

import zlib
from collections.abc import Iterator

from pleura.codecs.frames import DEFLATED, unreadable_pixels

INPUT_BYTES = 64 << 10
OUTPUT_BYTES = 1 << 20
"""[bytes] Inflated at a time, so that a bomb is recognised before it takes memory."""

SLACK_BYTES = 1 << 20
"""[bytes] A file may inflate to this much more than header and pixels: trailing private elements.
"""


def split_meta(data: bytes) -> tuple[bytes, bytes]:
    """The preamble and meta group, declaring Explicit VR Little Endian, and the deflated rest."""
    end = 132
    while data[end : end + 2] == b"\x02\x00":
        has_short_length = data[end + 4 : end + 6] not in (b"OB", b"UN", b"UT")
        length = data[end + 6 : end + 8] if has_short_length else data[end + 8 : end + 12]
        end += (8 if has_short_length else 12) + int.from_bytes(length, "little")
    return data[:end].replace(DEFLATED.encode(), b"1.2.840.10008.1.2.1\0\0\0", 1), data[end:]


def inflated_head(data: bytes, most: int) -> bytes:
    """The beginning of a deflated file in plain form: `most` bytes of the data set, or all of it.

    Raises:
        UnreadableFile: it is not a deflate stream.
    """
    meta, rest = split_meta(data)
    parts = [meta]
    size = 0
    for part in _inflate(rest):
        parts.append(part)
        size += len(part)
        if size >= most:
            break
    return b"".join(parts)


def inflated_size(data: bytes, most: int) -> int:
    """The size of a deflated file in plain form, counted without keeping it.

    Raises:
        UnreadableFile: it is not a deflate stream, or inflates to more than `most` bytes.
    """
    meta, rest = split_meta(data)
    size = len(meta)
    for part in _inflate(rest):
        size += len(part)
        _check(size, most)
    return size


def inflated(data: bytes, most: int) -> bytes:
    """A deflated file in plain form; shorter where the stream is truncated.

    Raises:
        UnreadableFile: as `inflated_size`.
    """
    meta, rest = split_meta(data)
    parts = [meta]
    size = len(meta)
    for part in _inflate(rest):
        parts.append(part)
        size += len(part)
        _check(size, most)
    return b"".join(parts)


def _check(size: int, most: int) -> None:
    if size > most + SLACK_BYTES:
        raise unreadable_pixels("bomb")


def _inflate(data: bytes) -> Iterator[bytes]:
    """Yield the inflated stream in parts of limited size."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        for start in range(0, len(data), INPUT_BYTES):
            pending = data[start : start + INPUT_BYTES]
            while pending:
                yield stream.decompress(pending, OUTPUT_BYTES)
                pending = stream.unconsumed_tail
            if stream.eof:
                return
    except zlib.error as error:
        raise unreadable_pixels("deflate") from error

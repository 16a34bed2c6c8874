"""Deflated files (PS3.5 A.5) as plain ones: inflated in memory, within bounds."""

import zlib

from pleura.codecs.frames import DEFLATED
from pleura.core.errors import UnreadableFile

GROWTH, GROWTH_FREE = 100, 64 << 20
"""A file may inflate to a hundred times its size, or 64 MiB; CT deflates to a half, a bomb to a thousandth."""


def inflated(data: bytes) -> bytes:
    """A whole deflated file as an explicit little endian one; cut short where the stream is.

    Raises:
        UnreadableFile: no deflated stream, or it would inflate to more than `GROWTH` allows.
    """
    at = 132
    while data[at : at + 2] == b"\x02\x00":
        short = data[at + 4 : at + 6] not in (b"OB", b"UN", b"UT")
        length = data[at + 6 : at + 8] if short else data[at + 8 : at + 12]
        at += (8 if short else 12) + int.from_bytes(length, "little")
    meta = data[:at].replace(DEFLATED.encode(), b"1.2.840.10008.1.2.1\0\0\0", 1)
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        body = stream.decompress(data[at:], max(GROWTH_FREE, GROWTH * len(data)))
    except zlib.error as error:
        raise UnreadableFile("a deflated file that is broken: fetch it again") from error
    if stream.unconsumed_tail:
        raise UnreadableFile("a deflated file that would grow to far more than it weighs")
    return meta + body

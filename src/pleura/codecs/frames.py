"""Decode one encoded frame by its transfer syntax (PS3.5 section 8 and annex A)."""

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.codecs.samples import SAMPLE, sample
from pleura.core.codes import refused
from pleura.core.codes.reading import PIXEL_PROBLEMS
from pleura.core.errors import InputRefused, UnreadableFile
from pleura.core.text import shown_uid

NATIVE = {
    "1.2.840.10008.1.2": "Implicit VR Little Endian",
    "1.2.840.10008.1.2.1": "Explicit VR Little Endian",
    "1.2.840.10008.1.2.1.99": "Deflated Explicit VR Little Endian",
    "1.2.840.10008.1.2.2": "Explicit VR Big Endian",
}
BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
RLE = "1.2.840.10008.1.2.5"
MOST_TILES = 4096
MOST_TRAILING_ZEROS = 5
"""Zeros that can end an RLE segment as data; an encoder writes longer runs as repeats."""

LICENCES = {
    "dicomrle": "BSD-3-Clause",
    "ljpeg": "MIT",
    "jpeg": "IJG, BSD-3-Clause",
    "jpegls": "BSD-3-Clause",
    "jpeg2k": "BSD-2-Clause",
    "htj2k": "BSD-2-Clause",
}
"""Licences of the libraries in imagecodecs that decode these formats."""

LOSSY = {"1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91"}
MOST_LOSS = 8
"""Largest difference of lossy samples, in stored values."""

ENCODED = {
    RLE: ("RLE Lossless", "dicomrle"),
    "1.2.840.10008.1.2.4.57": ("JPEG Lossless", "ljpeg"),
    "1.2.840.10008.1.2.4.70": ("JPEG Lossless, first order", "ljpeg"),
    "1.2.840.10008.1.2.4.51": ("JPEG Extended, 12 bit", "jpeg"),
    "1.2.840.10008.1.2.4.80": ("JPEG-LS Lossless", "jpegls"),
    "1.2.840.10008.1.2.4.81": ("JPEG-LS Near-lossless", "jpegls"),
    "1.2.840.10008.1.2.4.90": ("JPEG 2000 Lossless", "jpeg2k"),
    "1.2.840.10008.1.2.4.91": ("JPEG 2000", "jpeg2k"),
    "1.2.840.10008.1.2.4.201": ("High-Throughput JPEG 2000 Lossless", "htj2k"),
    "1.2.840.10008.1.2.4.202": ("High-Throughput JPEG 2000 RPCL Lossless", "htj2k"),
    "1.2.840.10008.1.2.4.203": ("High-Throughput JPEG 2000", "htj2k"),
}
"""Transfer syntax UID to its name and the decoder of imagecodecs."""


def name_of(syntax: str) -> str:
    """The name of a transfer syntax; its UID where it is unknown; `no UID` where it is none."""
    return NATIVE.get(syntax) or ENCODED.get(syntax, (shown_uid(syntax) or "no UID", ""))[0]


@lru_cache
def can_decode(syntax: str) -> bool:
    """Whether a transfer syntax can be decoded, found out with a small sample of each."""
    if syntax not in ENCODED:
        return syntax in NATIVE
    try:
        decoded = decode_frame(sample(syntax), syntax, SAMPLE.shape, 16)
    except UnreadableFile:
        return False
    return int(np.abs(decoded.astype(np.int32) - SAMPLE).max()) <= (
        MOST_LOSS if syntax in LOSSY else 0
    )


def decoder_of(syntax: str) -> str:
    """The library that decodes a compressed transfer syntax, its version and its licence."""
    import imagecodecs

    codec = ENCODED[syntax][1]
    if _decoder(syntax) is None:
        return f"imagecodecs has no {codec}"
    return f"{getattr(imagecodecs, f'{codec}_version')()} ({LICENCES[codec]})"


def decode_frame(
    encoded: bytes, syntax: str, shape: tuple[int, ...], bits_allocated: int
) -> NDArray[Any]:
    """Decode one encapsulated frame.

    Args:
        encoded: the frame's bytes.
        syntax: transfer syntax UID.
        shape: `(rows, columns)` in the header, for colour images `(rows, columns, samples)`.
        bits_allocated: 8 or 16.

    Returns:
        Stored values, uint of `bits_allocated`, in that shape; sign and unused bits are unchanged.

    Raises:
        UnreadableFile: no decoder, corrupt data, or another shape than declared.
    """
    decoder = _decoder(syntax)
    if decoder is None:
        raise unreadable_pixels("no decoder", name=syntax)
    declared = (*shape, 1)[:3]
    if syntax != RLE:
        own_size = size_in_stream(encoded)
        if own_size != declared:
            raise unreadable_pixels(
                "size", name=name_of(syntax), found=own_size or "none", declared=declared
            )
    cell = np.dtype(f"u{bits_allocated // 8}")
    try:
        if syntax == RLE:
            _check_segments(encoded, cell.itemsize)
            raw = _decode_rle(partial(decoder, dtype=f"<{cell.kind}{cell.itemsize}"), encoded)
            pixels = np.frombuffer(raw, dtype=cell).reshape(shape)
        else:
            if ENCODED[syntax][1] == "jpegls":
                encoded = _without_padding(encoded)
            pixels = np.asarray(decoder(encoded))
    except Exception as error:  # decoders of C libraries raise various exceptions
        raise unreadable_pixels("corrupt", name=name_of(syntax)) from error
    if pixels.shape != shape:
        raise unreadable_pixels("size", name=name_of(syntax), found=pixels.shape, declared=shape)
    if pixels.dtype.kind == "i":
        return pixels.astype(np.int64).astype(cell)
    return pixels.astype(cell, copy=False)


def unreadable_pixels(problem: str, **words: Any) -> InputRefused:
    """The exception for unreadable pixels: a key of `PIXEL_PROBLEMS` and the words to fill in."""
    return refused(
        "UNREADABLE-PIXELS",
        UnreadableFile,
        why=PIXEL_PROBLEMS[problem].format(**words),
        problem=problem,
    )


def _decode_rle(decode: Callable[[bytes], bytes], encoded: bytes) -> bytes:
    """Decode RLE without zeros after its end, except those that belong to it."""
    try:
        return decode(encoded)
    except Exception:
        least = len(encoded.rstrip(b"\0"))
        for length in range(least, min(least + MOST_TRAILING_ZEROS, len(encoded))):
            with suppress(Exception):
                return decode(encoded[:length])
        raise


def _without_padding(encoded: bytes) -> bytes:
    """A JPEG-LS stream without zeros after its end.

    A stream without an end marker is refused, because CharLS would search for seconds.
    """
    encoded = encoded.rstrip(b"\0")
    if not encoded.endswith(b"\xff\xd9"):
        raise ValueError("no end marker")
    return encoded


def _check_segments(encoded: bytes, count: int) -> None:
    """Check that RLE segments are inside the frame (PS3.5 G.5); the decoder would crash."""
    header = np.frombuffer(encoded[:64], "<u4")
    starts = header[1 : count + 1].astype(np.int64)
    if (
        len(header) != 16
        or header[0] != count
        or starts[0] < 64
        or (np.diff(starts) <= 0).any()
        or starts[-1] >= len(encoded)
    ):
        raise ValueError("RLE header")


def size_in_stream(encoded: bytes) -> tuple[int, int, int] | None:
    """`(rows, columns, samples)` of a JPEG, JPEG-LS or JPEG 2000 stream, before it is decoded."""
    # a codestream, or one in the boxes of a JP2 file
    start = encoded.find(b"\xff\x4f\xff\x51", 0, 512)
    if encoded[:2] != b"\xff\xd8" and 0 <= start <= len(encoded) - 42:
        right, bottom, left, top, width, height = (
            int(n) for n in np.frombuffer(encoded, ">u4", 6, start + 8)
        )
        samples = int.from_bytes(encoded[start + 40 : start + 42], "big")
        tiles = -(-right // max(width, 1)) * -(-bottom // max(height, 1))
        if tiles > MOST_TILES:
            return None
        return (bottom - top, right - left, samples)
    at = 2
    while (
        encoded[:2] == b"\xff\xd8" and encoded[at : at + 1] == b"\xff" and at + 10 <= len(encoded)
    ):
        marker = encoded[at + 1]
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            rows, columns = (int.from_bytes(encoded[at + n : at + n + 2], "big") for n in (5, 7))
            return rows, columns, encoded[at + 9]
        at += 2 + int.from_bytes(encoded[at + 2 : at + 4], "big")
    return None


def _decoder(syntax: str) -> Callable[..., Any] | None:
    if syntax not in ENCODED:
        return None
    import imagecodecs

    name = ENCODED[syntax][1]
    codec = getattr(imagecodecs, {"htj2k": "HTJ2K"}.get(name, name.upper()), None)
    if codec is None or not getattr(codec, "available", True):
        return None
    found: Callable[..., Any] = getattr(imagecodecs, f"{name}_decode")
    return found

"""Frames that lie about themselves are refused before a decoder in C believes them."""

import imagecodecs
import numpy as np
import pytest

from pleura.codecs.frames import RLE, decode_frame
from pleura.core.errors import UnreadableFile

PIXELS = np.arange(256, dtype=np.uint16).reshape(16, 16)


@pytest.mark.parametrize("start", [0, 63, 10_000, 2**31])
def test_rle_segments_outside_the_frame(start):
    half = b"\x7f" + bytes(128)
    header = np.zeros(16, "<u4")
    header[:3] = 2, 64, start
    with pytest.raises(UnreadableFile, match="RLE"):
        decode_frame(header.tobytes() + half * 4, RLE, (16, 16), 16)


@pytest.mark.parametrize(
    ("syntax", "encoded"),
    [
        ("1.2.840.10008.1.2.4.70", imagecodecs.ljpeg_encode(PIXELS, bitspersample=16)),
        ("1.2.840.10008.1.2.4.80", imagecodecs.jpegls_encode(PIXELS)),
        (
            "1.2.840.10008.1.2.4.90",
            imagecodecs.jpeg2k_encode(PIXELS, level=0, codecformat="j2k", reversible=True),
        ),
    ],
)
def test_another_size_than_declared(syntax, encoded):
    np.testing.assert_array_equal(decode_frame(bytes(encoded), syntax, (16, 16), 16), PIXELS)
    with pytest.raises(UnreadableFile, match="has size"):
        decode_frame(bytes(encoded), syntax, (512, 512), 16)

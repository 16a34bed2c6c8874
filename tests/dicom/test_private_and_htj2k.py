"""Compression that only a vendor can read is named as such; HTJ2K is read under each of its
transfer syntaxes.
"""

import imagecodecs
import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import UID
from testing import flaws

from pleura.codecs.frames import can_decode
from pleura.dicom.series import find_series
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.phantom.writer import SeriesSpec, series, write_files

SPEC = SeriesSpec(declare_padding=False)


def made():
    hu = np.random.default_rng(1).integers(-1000, 100, (6, 64, 64)).astype(np.int16)
    return Volume(hu, Grid.axial(hu.shape, (2.0, 0.7, 0.7)))


def without_pixels(slices, creator, element, compression, keep_empty=False):
    for one in slices:
        pixels = bytes(one.PixelData)
        block = one.private_block(0x07A1, creator, create=True)
        block.add_new(
            element, "OW" if element == 0x0A else "OB", pixels[: len(pixels) // 3 // 2 * 2]
        )
        if compression:
            block.add_new(0x11, "LO", compression)
        if keep_empty:
            one.PixelData = b""
        else:
            del one.PixelData
    return slices


@pytest.mark.parametrize(
    ("creator", "element", "compression"),
    [
        ("ELSCINT1", 0x0A, "PMSCT_RLE1"),
        ("ELSCINT1", 0x0A, "PMSCT_RGB1"),
        ("ELSCINT1", 0x0A, ""),
        ("OTHER VENDOR", 0x42, ""),
    ],
)
@pytest.mark.parametrize("keep_empty", [False, True])
def test_private_compression_is_named_with_its_remedy(
    creator, element, compression, keep_empty, tmp_path
):
    write_files(
        tmp_path, without_pixels(series(made(), SPEC), creator, element, compression, keep_empty)
    )
    (one,) = find_series(tmp_path)
    assert one.reason.startswith("PRIVATE-COMPRESSION: 6 of 6 slices")
    assert creator in one.reason
    assert f"(07A1,xx{element:02X})" in one.reason
    assert compression in one.reason
    assert "uncompressed" in one.reason
    assert "truncated" not in one.reason.lower()


def test_slices_without_any_pixels_are_not_called_private(tmp_path):
    slices = series(made(), SPEC)
    for one in slices:
        del one.PixelData
    write_files(tmp_path, slices)
    (one,) = find_series(tmp_path)
    assert one.reason.startswith(("NO-PIXELS", "TRUNCATED"))


@pytest.mark.parametrize(
    "syntax", ["1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"]
)
def test_htj2k_in_each_syntax(syntax, tmp_path):
    if not can_decode("1.2.840.10008.1.2.4.201"):
        pytest.skip("imagecodecs has no HTJ2K here")
    assert can_decode(syntax)
    volume = made()
    slices = series(volume, SPEC)
    for one in slices:
        stored = one.pixel_array
        encoded = imagecodecs.htj2k_encode(stored, reversible=True)
        one.PixelData = encapsulate([bytes(encoded)])
        one.file_meta.TransferSyntaxUID = UID(syntax)
        one["PixelData"].VR = "OB"
        one["PixelData"].is_undefined_length = True
    write_files(tmp_path, slices)
    (one,) = find_series(tmp_path)
    np.testing.assert_array_equal(one.read().hu, volume.hu)
    assert any(found.code == "LOSSY" for found in one.findings) == syntax.endswith("203")


def test_a_syntax_without_decoder_names_the_remedy(tmp_path):
    slices = flaws.syntaxes(series(made(), SPEC), ["rle"])
    for one in slices:
        one.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.100")
    write_files(tmp_path, slices)
    (one,) = find_series(tmp_path)
    assert "NO-DECODER" in one.reason
    assert "uncompressed" in one.reason

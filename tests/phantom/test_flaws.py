"""Each flaw is what it says, as strangers see it, and leaves the good series alone."""

import io

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from testing import flaws

from pleura.core.errors import UsageError
from pleura.phantom.anatomy import chest
from pleura.phantom.writer import SYNTAXES, SeriesSpec, series, write_files


@pytest.fixture(scope="module")
def volume():
    return chest((6, 16, 20), spacing_mm=(5, 24, 20), seed=2)[0]


@pytest.fixture(scope="module")
def good(volume):
    return series(volume, SeriesSpec(seed=1))


def z(slices):
    return [float(one.ImagePositionPatient[2]) for one in slices]


def hu(slices):
    return np.stack(
        [one.pixel_array * float(one.RescaleSlope) + float(one.RescaleIntercept) for one in slices]
    )


def uids(slices):
    return [one.SOPInstanceUID for one in slices]


def test_nothing_given_is_changed(good):
    before = [one.to_json() for one in good]
    flaws.missing(good, 1)
    flaws.duplicated(good, 1, other_pixels=True, new_uid=True)
    flaws.repeated_uid(good, 2)
    flaws.two_passes(good)
    flaws.with_localizer(good)
    flaws.tilted(good, 10)
    flaws.mirrored(good)
    flaws.upside_down(good)
    flaws.rescaled(good, 1, intercept=0)
    flaws.padded(good, 0)
    flaws.syntaxes(good, ["rle"])
    flaws.screenshots(good)
    flaws.smaller(good, 0)
    flaws.short_pixels(good, 0)
    flaws.tags(good, KVP=None)
    assert [one.to_json() for one in good] == before


def test_which_slices_there_are(good, volume):
    assert z(flaws.missing(good, 2, -1)) == [z(good)[k] for k in (0, 1, 3, 4)]
    twice = flaws.duplicated(good, 2)
    assert (len(twice), len(set(uids(twice))), len(set(z(twice)))) == (7, 6, 6)
    assert len(set(uids(flaws.duplicated(good, 2, new_uid=True)))) == 7
    differs = flaws.duplicated(good, 2, other_pixels=True)
    assert differs[2].PixelData != differs[-1].PixelData
    assert len(set(uids(flaws.repeated_uid(good, 3)))) == 5
    passes = flaws.two_passes(good)
    assert [one.AcquisitionNumber for one in passes] == [1] * 6 + [2] * 6
    assert np.array_equal(hu(passes[6:]), volume.hu + 10.0)
    assert len(set(uids(passes))) == 12
    glued = flaws.one_series(good, series(volume, SeriesSpec(seed=2)))
    assert len({one.SeriesInstanceUID for one in glued}) == 1
    scouted = flaws.with_localizer(good)
    assert scouted[0].ImageType[2] == "LOCALIZER"
    assert len(set(uids(scouted))) == 7


def test_where_slices_lie(good, volume, tmp_path):
    assert np.diff(z(flaws.shifted(good, [0, 0, 0, 2, 4, 6]))) == pytest.approx([5, 5, 7, 7, 7])
    turned = flaws.tilted(good, 15)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(p) for p in write_files(tmp_path, turned)])
    normal = np.array(reader.Execute().GetDirection()).reshape(3, 3)[:, 2]
    assert np.rad2deg(np.arccos(abs(normal[2]))) == pytest.approx(15, abs=0.01)
    assert [one.InstanceNumber for one in flaws.instance_numbers(good, [3, 1, 2, 6, 5, 4])] == [
        3,
        1,
        2,
        6,
        5,
        4,
    ]
    assert np.array_equal(hu(flaws.mirrored(good)), volume.hu[:, :, ::-1])
    inverted = sorted(flaws.upside_down(good), key=lambda one: one.ImagePositionPatient[2])
    assert np.array_equal(hu(inverted), volume.hu[::-1])


def test_what_the_header_says(good, volume):
    other = flaws.rescaled(good, 1, 3, intercept=-2000, slope=0.5)
    assert np.array_equal(hu(other), volume.hu)
    assert [float(one.RescaleIntercept) for one in other] == [
        -1024,
        -2000,
        -1024,
        -2000,
        -1024,
        -1024,
    ]
    gone = flaws.tags(good, RescaleSlope=None, Units=None, SpacingBetweenSlices="-5")
    assert all("RescaleSlope" not in one and one.SpacingBetweenSlices == -5 for one in gone)
    ring = flaws.padded(good, 0, declared=63536)
    assert all(one.pixel_array[0, 0] == 0 and one.PixelPaddingValue == 63536 for one in ring)
    assert ring[0].pixel_array[8, 10] == good[0].pixel_array[8, 10]
    small = flaws.smaller(good, 2)
    assert small[2].pixel_array.shape == (8, 10)
    assert small[2].PixelSpacing == [48, 40]
    pictures = flaws.screenshots(good)
    assert pictures[0].pixel_array.dtype == np.uint8
    assert pictures[0].SOPClassUID.name == "Secondary Capture Image Storage"
    assert len(flaws.short_pixels(good, 1)[1].PixelData) == len(good[1].PixelData) - 64


def test_overlay_bits_lie_above_the_stored_ones(volume):
    low = series(volume, SeriesSpec(bits_stored=12))
    dirty = flaws.overlay_bits(low)
    raw = np.frombuffer(dirty[0].PixelData, dtype="<u2")
    assert (raw >> 15).any()
    assert np.array_equal(raw & 0xFFF, np.frombuffer(low[0].PixelData, dtype="<u2"))
    with pytest.raises(UsageError, match="16 bits"):
        flaws.overlay_bits(series(volume))


def test_mixed_syntaxes_hold_the_same_pixels(good, volume, tmp_path):
    mixed = flaws.syntaxes(good, list(SYNTAXES))
    files = write_files(tmp_path, mixed)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(f) for f in files])
    assert np.array_equal(sitk.GetArrayFromImage(reader.Execute()), volume.hu)
    assert len({pydicom.dcmread(f).file_meta.TransferSyntaxUID for f in files}) == 6
    with pytest.raises(UsageError, match="before compression"):
        flaws.mirrored(flaws.syntaxes(good, ["rle"]))


def test_files(volume, tmp_path):
    data = write_files(tmp_path, series(volume, SeriesSpec(syntax="implicit")))[0].read_bytes()
    assert len(flaws.truncated(data)) < len(data)
    bare = pydicom.dcmread(io.BytesIO(flaws.without_preamble(data)), force=True)
    assert (bare.Rows, bare.Columns) == (16, 20)
    assert flaws.with_trailing(data).startswith(data)

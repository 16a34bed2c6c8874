"""Every case gives the clean volume, or a refusal by its name; a third outcome is a bug. Made by
the phantom writer.
"""

import numpy as np
import pytest
import SimpleITK as sitk
from testing import flaws

from pleura.core.errors import InputRefused
from pleura.core.findings import Verdict
from pleura.dicom.series import find_series
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.phantom.writer import SYNTAXES, SeriesSpec, series, write_files

SHAPE = (9, 24, 20)


def made(spacing=(2.5, 0.7, 0.9)) -> Volume:
    """Air, water and noise that tell every axis and direction apart; no constant regions."""
    s, r, c = np.indices(SHAPE)
    hu = -900 + 60 * s + 17 * r + 5 * c + np.random.default_rng(1).integers(-3, 4, SHAPE)
    return Volume(hu.astype(np.int16), Grid.axial(SHAPE, spacing, (-90.0, -80.0, 20.0)))


def spec(**changes) -> SeriesSpec:
    return SeriesSpec(**({"declare_padding": False} | changes))


def found(folder):
    return [one for one in find_series(folder) if one.is_ct]


def assert_clean(folder, volume):
    (one,) = [s for s in found(folder) if s.usable]
    read = one.read()
    np.testing.assert_array_equal(read.hu, volume.hu)
    np.testing.assert_allclose(read.grid.affine, volume.grid.affine, atol=1e-4)
    return one


SAME = {
    "order of InstanceNumber": lambda s: flaws.instance_numbers(s, [5, 3, 9, 1, 7, 2, 8, 6, 4]),
    "a copy of a slice": lambda s: flaws.duplicated(s, 3),
    "a copy under another UID": lambda s: flaws.duplicated(s, 3, new_uid=True),
    "no SOPInstanceUID": lambda s: flaws.tags(s, SOPInstanceUID=""),
    "a localizer in the series": flaws.with_localizer,
    "rescale per slice": lambda s: flaws.rescaled(s, 2, 5, 6, intercept=-2047),
    "wobble of 5 micrometres": lambda s: flaws.shifted(s, [0.005 * (k % 2) for k in range(9)]),
    "thickness is not the step": lambda s: flaws.tags(
        s, SliceThickness="5", SpacingBetweenSlices="-1.25"
    ),
    "a slope of text": lambda s: flaws.tags(s, SliceLocation="0"),
    "mixed transfer syntaxes": lambda s: flaws.syntaxes(
        s, ["explicit", "jpeg-ls", "rle", "implicit"]
    ),
    "MONOCHROME1": lambda s: flaws.tags(s, PhotometricInterpretation="MONOCHROME1"),
    "a smaller slice beside": lambda s: [
        *s,
        *flaws.smaller(flaws.tags(s[:1], SOPInstanceUID="2.25.99"), 0),
    ],
}


@pytest.mark.parametrize("case", SAME)
def test_the_same_volume(case, tmp_path):
    volume = made()
    write_files(tmp_path, SAME[case](series(volume, spec())))
    if case.startswith("wobble"):
        (one,) = found(tmp_path)
        np.testing.assert_array_equal(one.read().hu, volume.hu)
        assert one.verdict is Verdict.OK
    else:
        assert_clean(tmp_path, volume)


REFUSED = {
    "GAP-IN-SLICES": lambda s: flaws.missing(s, 4),
    "SAME-UID-DIFFERENT": lambda s: flaws.repeated_uid(s, 4),
    "SLICES-SHARE-A-PLACE": lambda s: flaws.duplicated(s, 4, new_uid=True, other_pixels=True),
    "NO-POSITION": lambda s: flaws.tags(s, 3, ImagePositionPatient=None),
    "NO-ORIENTATION": lambda s: flaws.tags(s, ImageOrientationPatient=None),
    "NO-SPACING": lambda s: flaws.tags(s, PixelSpacing=None),
    "NO-RESCALE": lambda s: flaws.tags(s, RescaleSlope=None),
    "BAD-CELLS": lambda s: flaws.tags(s, BitsStored=16, HighBit=9),
    "ZERO-SLOPE": lambda s: flaws.tags(s, RescaleSlope="0"),
    "RESCALE-NOT-HU": lambda s: flaws.tags(s, RescaleType="OD"),
    "BAD-COSINES": lambda s: flaws.tags(
        s, ImageOrientationPatient=["1", "0", "0", "0.5", "0.8", "0"]
    ),
    "TRUNCATED": lambda s: flaws.short_pixels(s, 2),
    "ONE-SLICE": lambda s: s[:1],
}


@pytest.mark.parametrize("code", REFUSED)
def test_refused_by_name(code, tmp_path):
    write_files(tmp_path, REFUSED[code](series(made(), spec())))
    refused = [one for one in found(tmp_path) if one.verdict is Verdict.REFUSED]
    assert any(code in {finding.code for finding in one.findings} for one in refused), [
        s.reason for s in found(tmp_path)
    ]
    for one in refused:
        assert code in one.reason or len(refused) > 1
        with pytest.raises(InputRefused):
            one.read()
    assert not [one for one in found(tmp_path) if one.usable and one.slices > 1]


@pytest.mark.parametrize("spacing", [["60", "60"], ["1", "31"], ["0.02", "0.02"], ["-3", "-3"]])
def test_pixels_that_no_scanner_has_are_refused(spacing, tmp_path):
    """The limits are those of image files: a field of view of 5.8 m had only a review."""
    write_files(tmp_path, flaws.tags(series(made(), spec()), PixelSpacing=spacing))
    assert {f.code for one in found(tmp_path) for f in one.findings} == {"NO-SPACING"}


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("signed", [False, True])
def test_every_transfer_syntax(syntax, signed, tmp_path):
    volume = made()
    intercept = 0.0 if signed else -1024.0
    write_files(tmp_path, series(volume, spec(syntax=syntax, signed=signed, intercept=intercept)))
    assert_clean(tmp_path, volume)


@pytest.mark.parametrize("bits", [12, 13, 14, 16])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("syntax", ["explicit", "rle", "jpeg-ls", "jpeg 2000"])
def test_stored_bits_and_sign(bits, signed, syntax, tmp_path):
    volume = made()
    write_files(
        tmp_path,
        series(
            volume,
            spec(
                bits_stored=bits, signed=signed, syntax=syntax, intercept=0.0 if signed else -1024.0
            ),
        ),
    )
    assert_clean(tmp_path, volume)


def test_overlay_in_the_unused_bits(tmp_path):
    volume = made()
    write_files(tmp_path, flaws.overlay_bits(series(volume, spec(bits_stored=12))))
    assert_clean(tmp_path, volume)


@pytest.mark.parametrize(
    ("value", "declared"), [(-2000, -2000), (-2000, None), (-2000, 0), (-2000, 63536)]
)
def test_padding_is_marked_and_kept(value, declared, tmp_path):
    volume = made()
    slices = series(volume, spec(signed=True, intercept=0.0))
    if declared == 63536:
        slices = flaws.padded(slices, value)
        for one in slices:
            one.add_new(0x00280120, "US", declared)
    else:
        slices = flaws.padded(slices, value, declared=declared)
    write_files(tmp_path, slices)
    (one,) = found(tmp_path)
    read = one.read()
    assert read.padding is not None
    np.testing.assert_array_equal(read.padding, read.hu == value)
    np.testing.assert_array_equal(read.hu[~read.padding], volume.hu[~read.padding])
    assert read.filled().min() >= -1024


def test_uneven_spacing_keeps_true_positions(tmp_path):
    offsets = np.cumsum([0, 0, 0, 0, 2.1, 2.1, 2.1, 2.1, 2.1])
    write_files(tmp_path, flaws.shifted(series(made(), spec()), offsets))
    (one,) = found(tmp_path)
    assert one.verdict is Verdict.REVIEW
    np.testing.assert_allclose(one.grid.positions_mm, 2.5 * np.arange(9) + offsets, atol=1e-6)
    for k, plane in enumerate(one.files):
        np.testing.assert_allclose(one.grid.to_world([k, 0, 0]), plane.position, atol=1e-6)


def test_tilt_keeps_the_sheared_grid(tmp_path):
    write_files(tmp_path, flaws.tilted(series(made(), spec()), 15.0))
    (one,) = found(tmp_path)
    assert "GANTRY-TILT" in one.reason
    for k, plane in enumerate(one.files):
        np.testing.assert_allclose(one.grid.to_world([k, 0, 0]), plane.position, atol=1e-6)


def test_two_passes_are_two_volumes(tmp_path):
    volume = made()
    write_files(tmp_path, flaws.two_passes(series(volume, spec())))
    both = found(tmp_path)
    assert [one.usable for one in both] == [True, True]
    assert len({one.id for one in both}) == 2
    np.testing.assert_array_equal(both[0].read().hu, volume.hu)
    assert (both[1].read().hu != volume.hu).any()


def test_no_preamble_no_suffix_and_trailing_bytes(tmp_path):
    volume = made()
    write_files(tmp_path / "a", series(volume, spec(syntax="implicit")))
    (tmp_path / "b").mkdir()
    for number, path in enumerate((tmp_path / "a").iterdir()):
        (tmp_path / "b" / f"IM{number}").write_bytes(flaws.without_preamble(path.read_bytes()))
    assert_clean(tmp_path / "b", volume)
    for path in list((tmp_path / "a").iterdir()):
        path.write_bytes(flaws.with_trailing(path.read_bytes()))
    assert_clean(tmp_path / "a", volume)


def test_guids_for_uids(tmp_path):
    volume = made()
    slices = series(volume, spec())
    name = str(slices[0].SeriesInstanceUID)
    guid = "{0C3F-a1b2}".ljust(len(name), "-")
    for path in write_files(tmp_path, slices):
        path.write_bytes(path.read_bytes().replace(name.encode(), guid.encode()))
    assert assert_clean(tmp_path, volume).series_uid == guid


def test_screenshots_are_no_ct(tmp_path):
    write_files(tmp_path, flaws.screenshots(series(made(), spec())))
    (one,) = find_series(tmp_path)
    assert not one.usable
    assert "NOT-CT" in one.reason


def test_oblique_and_flipped_stacks_equal_simpleitk(tmp_path):
    turn = np.array([[0.96, -0.28, 0], [0.28, 0.96, 0], [0, 0, 1]])
    for number, axes in enumerate(
        (np.eye(3), turn, np.diag([-1.0, -1.0, 1.0]), turn @ np.diag([1.0, -1.0, -1.0]))
    ):
        plain = made()
        affine = plain.grid.affine.copy()
        affine[:3, :3] = axes @ affine[:3, :3]
        folder = tmp_path / str(number)
        write_files(folder, series(Volume(plain.hu, Grid(SHAPE, affine)), spec()))
        (one,) = found(folder)
        image = sitk.ReadImage([str(plane.path) for plane in one.files])
        np.testing.assert_array_equal(sitk.GetArrayFromImage(image), one.read().hu)
        for index in ([0, 0, 0], [8, 23, 19], [3, 5, 7]):
            there = image.TransformIndexToPhysicalPoint(index[::-1])
            np.testing.assert_allclose(one.grid.to_world(index), there, atol=1e-3)


def test_ids(tmp_path):
    write_files(tmp_path / "Case_007", series(made(), spec(seed=1)))
    write_files(tmp_path / "Case_008" / "a", series(made(), spec(seed=2, number=2)))
    write_files(tmp_path / "Case_008" / "b", series(made(), spec(seed=3, number=1)))
    write_files(tmp_path / "Doe^Jane", series(made(), spec(seed=4)))
    ids = [one.id for one in found(tmp_path)]
    assert ids[1:] == ["Case_007", "Case_008_1", "Case_008_2"]
    assert ids[0].startswith("CT-")
    assert len(ids[0]) == 11
    assert found(tmp_path / "Case_007")[0].id == "Case_007"

"""HU are distinguished from other values, and offsets corrected only where they are certain."""

import numpy as np
import pytest
from testing.couch_scenes import narrowed

from pleura.core.findings import Verdict, worst
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.phantom.anatomy import chest as phantom
from pleura.quality.hounsfield import check_hounsfield

SHAPE = (8, 40, 40)


def chest(change=lambda hu: hu, padding=None):
    """Air, lung, fat, muscle and some bone, with noise, in parts that a chest has."""
    rng = np.random.default_rng(4)
    parts = np.sort(
        rng.choice([-1000, -850, -100, 50, 700], SHAPE, p=[0.3, 0.25, 0.15, 0.28, 0.02])
    ) + rng.normal(0, 20, SHAPE)
    hu = np.clip(np.rint(change(parts)), -32768, 32767).astype(np.int16)
    if padding is not None:
        hu[:, :10] = padding
    return Volume(hu, Grid.axial(SHAPE, (3, 1, 1)), None if padding is None else hu == padding)


def codes(volume):
    return {finding.code for finding in check_hounsfield(volume)[1]}


def test_hu_are_left_alone():
    volume = chest()
    assert check_hounsfield(volume) == (volume, ())
    padded = chest(padding=-2048)
    assert check_hounsfield(padded)[0] is padded
    assert codes(padded) == {"PADDING"}
    assert worst(check_hounsfield(padded)[1]) is Verdict.OK


@pytest.mark.parametrize("offset", [-1024, 1024, 1000, -1000])
def test_an_intercept_left_out_or_applied_twice_is_put_right(offset):
    volume, findings = check_hounsfield(chest(lambda hu: hu + offset))
    assert worst(findings) is Verdict.REPAIRED
    (evidence,) = [finding.evidence for finding in findings if finding.code == "HU-OFFSET"]
    assert abs(evidence["added_hu"] + offset) <= 24
    assert np.abs(volume.hu - chest().hu.astype(int)).max() <= 24


@pytest.mark.parametrize(
    "change",
    [
        lambda hu: hu * 2,
        lambda hu: hu / 2,
        lambda hu: (hu + 1000) / 8,
        lambda hu: np.clip((hu + 160) / 400, 0, 1) * 255,
        lambda hu: np.clip((hu + 160) / 400, 0, 1),
        lambda hu: hu * 0,
        lambda hu: hu + 500,
    ],
)
def test_what_is_not_hu_is_refused(change):
    assert codes(chest(change)) == {"NOT-HU"}
    assert worst(check_hounsfield(chest(change))[1]) is Verdict.REFUSED


@pytest.mark.parametrize("offset", [-1024, 1024])
def test_the_slip_is_told_exactly_also_where_air_is_cut_at_its_floor(offset):
    rng = np.random.default_rng(5)
    parts = np.sort(
        rng.choice([-1000, -850, -100, 50], SHAPE, p=[0.4, 0.25, 0.1, 0.25])
    ) + rng.normal(0, 20, SHAPE)
    floored = np.clip(np.rint(parts), -1024, 3071).astype(np.int16)
    volume, findings = check_hounsfield(
        Volume((floored + offset).astype(np.int16), Grid.axial(SHAPE, (3, 1, 1)))
    )
    assert [
        finding.evidence["added_hu"] for finding in findings if finding.code == "HU-OFFSET"
    ] == [-offset]
    np.testing.assert_array_equal(volume.hu, floored)


@pytest.mark.parametrize("offset", [200, -200, 300, 120, -120])
def test_other_offsets_are_refused_with_where_air_lies(offset):
    (finding,) = [
        f for f in check_hounsfield(chest(lambda hu: hu + offset))[1] if f.code == "NOT-HU"
    ]
    assert offset > 0 or abs(finding.evidence["air_hu"] - (offset - 1000)) <= 10


def test_a_body_without_air_around_it_is_not_thought_shifted():
    rng = np.random.default_rng(6)
    # as lungs vary
    parts = rng.choice([-850, -100, 50, 700], SHAPE, p=[0.55, 0.1, 0.33, 0.02]) + rng.normal(
        0, 60, SHAPE
    )
    assert codes(Volume(np.rint(parts).astype(np.int16), Grid.axial(SHAPE, (3, 1, 1)))) == set()


def test_slices_with_a_rescale_of_their_own_gone_wrong_are_refused():
    hu = chest().hu.copy()
    hu[3:5] += 1024
    assert codes(Volume(hu, chest().grid)) == {"SLICES-DISAGREE"}
    assert worst(check_hounsfield(Volume(hu, chest().grid))[1]) is Verdict.REFUSED


def test_thick_bone_in_a_head_is_no_offset():
    parts = np.random.default_rng(7).choice([-1000, 35, 1200], SHAPE, p=[0.5, 0.35, 0.15])
    volume = Volume(
        (parts + np.random.default_rng(8).integers(-9, 10, SHAPE)).astype(np.int16),
        Grid.axial(SHAPE, (3, 1, 1)),
    )
    assert "HU-OFFSET" not in codes(volume)


BODY = phantom((24, 96, 104), spacing_mm=(9, 3.6, 3.6), seed=3)[0]


@pytest.mark.parametrize("slope", [0.5, 0.8, 0.9, 1.1, 1.2, 1.25, 2, -1])
def test_a_wrong_slope_is_refused(slope):
    hu = np.rint(slope * (BODY.hu.astype(float) + 1024) - 1024).astype(np.int16)
    assert codes(Volume(hu, BODY.grid)) == {"NOT-HU"}
    assert codes(Volume(np.rint(slope * BODY.hu.astype(float)).astype(np.int16), BODY.grid)) == {
        "NOT-HU"
    }


@pytest.mark.parametrize("about", [-1024, -1000, 0])
def test_inverted_values_are_refused(about):
    assert codes(Volume((about - BODY.hu.astype(int)).astype(np.int16), BODY.grid)) == {"NOT-HU"}
    assert codes(BODY) == set()


@pytest.mark.parametrize("offset", [1000, -1000])
def test_an_offset_that_may_be_either_of_two_is_not_guessed(offset):
    """Clipped at −1024, and 1000 off: neither an intercept of −1024 nor one of −1000 puts the
    floor where it stands.
    """
    assert codes(Volume((np.maximum(BODY.hu, -1024) + offset).astype(np.int16), BODY.grid)) == {
        "NOT-HU"
    }


@pytest.mark.parametrize("seed", range(6))
def test_contrast_in_a_field_without_fat_is_hu(seed):
    volume, _ = phantom((40, 160, 160), seed=seed)
    assert codes(narrowed(volume, 95.0)) == {"PADDING"}


@pytest.mark.parametrize(("offset", "wanted"), [(0, set()), (-90, {"NOT-HU"})])
def test_the_noise_of_a_low_dose_is_no_wrong_rescale(offset, wanted):
    """The peaks of fat and muscle are one at 3 mm, and two at 6 mm."""
    volume, _ = phantom((24, 96, 96), seed=2, fat=35, noise_hu=10, blood_hu=40)
    noise = np.random.default_rng(1).normal(0, 75, volume.hu.shape)
    hu = np.clip(np.rint(volume.hu + noise + offset), -1024, 3071).astype(np.int16)
    assert codes(Volume(hu, volume.grid)) == wanted

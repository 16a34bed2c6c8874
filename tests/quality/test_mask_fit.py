"""A mask must lie on the lungs, on all of them, and call right what is right."""

import numpy as np
import pytest

from pleura.core.errors import InputRefused
from pleura.core.findings import Verdict
from pleura.geometry.volume import LEFT, RIGHT, LungMask
from pleura.phantom.anatomy import chest
from pleura.quality.mask_fit import check_mask_fit


@pytest.fixture(scope="module")
def scene():
    return chest((40, 128, 128))


def moved(mask, axis, mm):
    """The mask shifted along an axis, nothing coming in at the other end."""
    by = round(mm / mask.grid.spacing_mm[axis])
    labels = np.roll(mask.labels, by, axis)
    lost = [slice(None)] * 3
    lost[axis] = slice(0, by) if by > 0 else slice(by, None)
    labels[tuple(lost)] = 0
    return LungMask(labels, mask.grid, sided=mask.sided)


def code_of(mask, volume):
    with pytest.raises(InputRefused) as caught:
        check_mask_fit(mask, volume)
    return caught.value.code


def test_the_true_mask_fits(scene):
    volume, mask = scene
    assert check_mask_fit(mask, volume) == ()


@pytest.mark.parametrize("mm", [60, 90, 120, -60, -90])
def test_a_mask_beside_the_lungs_is_refused_even_where_it_lies_in_the_air_of_the_room(mm, scene):
    volume, mask = scene
    assert code_of(moved(mask, 1, mm), volume) == "MASK-NOT-LUNG"


def test_a_mask_that_lies_a_little_beside_is_looked_at(scene):
    volume, mask = scene
    found = check_mask_fit(moved(mask, 1, 16), volume)
    assert ("MASK-PARTLY-LUNG", Verdict.REVIEW) in [(one.code, one.verdict) for one in found]


def test_exchanged_names_are_refused_on_any_grid(scene):
    volume, mask = scene
    labels = np.choose(mask.labels, [0, LEFT, RIGHT]).astype(np.uint8)
    assert code_of(LungMask(labels, mask.grid), volume) == "SIDES-EXCHANGED"
    assert check_mask_fit(LungMask(np.minimum(labels, 1), mask.grid, sided=False), volume) == ()


def test_one_lung_alone_is_on_no_wrong_side(scene):
    volume, mask = scene
    check_mask_fit(
        LungMask(np.where(mask.labels == RIGHT, RIGHT, 0).astype(np.uint8), mask.grid), volume
    )


def test_a_mask_of_few_slices_is_looked_at(scene):
    volume, mask = scene
    labels = np.zeros_like(mask.labels)
    labels[20:22] = mask.labels[20:22]
    found = check_mask_fit(LungMask(labels, mask.grid), volume)
    assert ("MASK-ON-FEW-SLICES", Verdict.REVIEW) in [(one.code, one.verdict) for one in found]


def test_lung_that_is_left_out_is_told_in_ml(scene):
    volume, mask = scene
    labels = mask.labels.copy()
    lobe = labels == RIGHT
    lobe[len(labels) // 2 :] = False
    labels[lobe] = 0
    (finding,) = check_mask_fit(LungMask(labels, mask.grid), volume)
    assert (finding.code, finding.verdict) == ("AIR-OUTSIDE-MASK", Verdict.REVIEW)
    lost_ml = np.count_nonzero(lobe) * mask.grid.voxel_ml
    assert finding.evidence["ml"] == pytest.approx(lost_ml, rel=0.25)


def test_a_mask_of_a_smaller_patient_goes_to_review(scene):
    volume, mask = scene
    labels = mask.labels.copy()
    for axis in (1, 2):
        inside = (labels > 0) & (np.roll(labels, 4, axis) > 0) & (np.roll(labels, -4, axis) > 0)
        labels[~inside] = 0
    codes = {one.code for one in check_mask_fit(LungMask(labels, mask.grid), volume)}
    assert "AIR-OUTSIDE-MASK" in codes


def test_a_flip_is_named_only_where_it_mends(scene):
    volume, mask = scene
    assert code_of(LungMask(mask.labels[::-1].copy(), mask.grid), volume) in (
        "MASK-FLIPPED",
        "MASK-NOT-LUNG",
    )
    assert code_of(moved(mask, 0, 100), volume) == "MASK-NOT-LUNG"


def test_an_empty_mask_is_refused(scene):
    volume, mask = scene
    assert code_of(LungMask(np.zeros_like(mask.labels), mask.grid), volume) == "MASK-EMPTY"

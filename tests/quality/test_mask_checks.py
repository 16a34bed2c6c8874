"""Evidence that a mask misses lung or has its sides wrong; whole chests give none."""

import numpy as np
import pytest

from pleura.anatomy.anatomy import Anatomy
from pleura.anatomy.sides import split_sides
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LEFT, RIGHT, LungMask, Volume
from pleura.phantom.anatomy import chest
from pleura.quality.mask_checks import check_mask

SHAPE = (32, 80, 80)


@pytest.fixture(scope="module")
def whole():
    volume, mask = chest(SHAPE, seed=3)
    return Anatomy(volume), mask


def codes(labels, anatomy):
    return [finding.code for finding in check_mask(LungMask(labels, anatomy.volume.grid), anatomy)]


def test_a_whole_chest_gives_no_finding(whole):
    anatomy, mask = whole
    assert codes(mask.labels, anatomy) == []


def test_exchanged_sides_are_uncertain(whole):
    anatomy, mask = whole
    exchanged = np.select([mask.labels == RIGHT, mask.labels == LEFT], [LEFT, RIGHT], 0).astype(
        np.uint8
    )
    assert "SIDES-UNCERTAIN" in codes(exchanged, anatomy)


@pytest.mark.parametrize("side", [RIGHT, LEFT])
def test_a_lung_of_which_much_was_missed(whole, side):
    anatomy, mask = whole
    labels = mask.labels.copy()
    rows = np.nonzero(labels == side)[1]
    labels[:, int(np.percentile(rows, 40)) :][labels[:, int(np.percentile(rows, 40)) :] == side] = 0
    assert "LUNGS-UNEQUAL" in codes(labels, anatomy)


def test_a_slice_without_lung_between_slices_with_lung(whole):
    anatomy, mask = whole
    labels = mask.labels.copy()
    labels[np.flatnonzero(labels.any(axis=(1, 2)))[8]] = 0
    assert codes(labels, anatomy) == ["LUNG-INTERRUPTED"]


@pytest.mark.parametrize("part", [slice(0, 14), slice(10, 22), slice(18, 32)])
@pytest.mark.parametrize("seed", [1, 4])
def test_sides_of_a_part_of_a_chest_are_those_of_the_whole(part, seed):
    volume, truth = chest(SHAPE, seed=seed)
    hu = np.ascontiguousarray(volume.hu[part])
    anatomy = Anatomy(Volume(hu, Grid.axial(hu.shape, volume.grid.spacing_mm)))
    found, true = anatomy.mask.labels, truth.labels[part]
    both = (found > 0) & (true > 0)
    assert both.any()
    assert np.mean(found[both] == true[both]) > 0.97


def test_a_speck_beside_both_lungs_in_one_part_does_not_take_a_side():
    grid = Grid.axial((20, 60, 60), (4, 4, 4), (-118, -118, 0))
    lungs = np.zeros(grid.shape, bool)
    lungs[2:18, 20:40, 12:28] = lungs[2:18, 20:40, 32:48] = True
    lungs[8:12, 26:30, 28:32] = True  # both lungs are one part
    lungs[2:14, 22:34, 52:58] = True  # and bowel lies left of it
    labels = split_sides(lungs, grid, middle_mm=0.0).labels
    assert (labels[2:18, 20:40, 12:28] == RIGHT).all()
    assert (labels[2:18, 20:40, 32:48] == LEFT).all()

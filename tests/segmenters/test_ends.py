"""Solid slices that the network adds above an apex or below a base go; consolidated lung stays."""

import numpy as np
import pytest

from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.segmenters.ends import trim_solid_ends

SHAPE = (40, 50, 60)
STEP_MM = 2.5


def scene(tip=0, rows=(10, 16), turn=None):
    """Two aerated lungs of slices 10 to 29; above the left one, `tip` solid slices are labelled."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[10:30, 10:40, 5:25] = 1
    labels[10:30, 10:40, 35:55] = 2
    hu = np.where(labels > 0, -850, 40).astype(np.int16)
    labels[30 : 30 + tip, rows[0] : rows[1], 40:46] = 2
    grid = Grid.axial(SHAPE, (STEP_MM, 2.0, 2.0))
    return labels, Volume(hu, grid)


@pytest.mark.parametrize(("tip", "left"), [(0, 0), (3, 0), (4, 0), (5, 5)])
def test_a_short_solid_tip_goes_and_a_long_one_stays(tip, left):
    labels, volume = scene(tip)
    before = labels.copy()
    trim_solid_ends(labels, volume)
    assert np.count_nonzero(labels[30:].any(axis=(1, 2))) == left
    assert np.array_equal(labels[:30], before[:30])


def test_a_large_solid_slice_is_consolidated_lung():
    labels, volume = scene(3, rows=(10, 40))
    before = labels.copy()
    trim_solid_ends(labels, volume)
    assert np.array_equal(labels, before)


def test_a_tip_that_holds_air_stays():
    labels, volume = scene(3)
    hu = volume.hu.copy()
    hu[30:33, 10:16, 40:43] = -800
    before = labels.copy()
    trim_solid_ends(labels, Volume(hu, volume.grid))
    assert np.array_equal(labels, before)


def test_a_speck_at_the_end_goes_though_it_holds_air():
    labels, volume = scene()
    labels[30, 10, 40:44] = 2  # 0.16 cm2
    hu = volume.hu.copy()
    hu[30, 10, 40:44] = -800
    trim_solid_ends(labels, Volume(hu, volume.grid))
    assert not labels[30].any()
    assert (labels[29] == 2).any()


def test_slices_stored_from_head_to_feet_are_trimmed_alike():
    labels, volume = scene(3)
    affine = volume.grid.affine.copy()
    affine[:3, 3] += affine[:3, 0] * (SHAPE[0] - 1)
    affine[:3, 0] *= -1
    turned = np.ascontiguousarray(labels[::-1])
    trim_solid_ends(turned, Volume(np.ascontiguousarray(volume.hu[::-1]), Grid(SHAPE, affine)))
    trim_solid_ends(labels, volume)
    assert np.array_equal(turned[::-1], labels)
    assert not labels[30:].any()


def test_a_lung_without_any_air_is_left_alone():
    labels, volume = scene()
    solid = Volume(np.full(SHAPE, 40, np.int16), volume.grid)
    before = labels.copy()
    trim_solid_ends(labels, solid)
    assert np.array_equal(labels, before)

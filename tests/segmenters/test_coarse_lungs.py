"""Cleaning on the coarse lattice: what is kept, filled and given to which side."""

import numpy as np
import pytest

from pleura.geometry.volume import LEFT, RIGHT
from pleura.segmenters.coarse_lungs import cleaned, enclosed, fat, fluid, margins

MM = 3.0


def lungs():
    """Log odds of two boxes, the right lung at low columns."""
    margin = np.full((50, 40, 70), -6.0, np.float32)
    margin[8:45, 8:32, 6:28] = 6.0
    margin[8:45, 8:32, 42:64] = 6.0
    side = np.where(np.arange(70) < 35, -6.0, 6.0).astype(np.float32) * np.ones_like(margin)
    return margin, side


def test_sound_lungs_stay_as_they_are():
    margin, side = lungs()
    found = cleaned(margin, side, MM, np.ones(margin.shape, bool))
    assert np.array_equal(found.labels > 0, margin > 0)
    assert np.array_equal(found.labels == LEFT, (margin > 0) & (side > 0))
    assert (found.removed_ml, found.added_ml, found.swapped_ml) == (0, 0, 0)


@pytest.mark.parametrize(
    ("part", "kept"),
    [
        (np.s_[47:50, 30:40, 64:70], False),  # a blob far from its lung
        (np.s_[8:45, 34:37, 6:28], True),  # a part of the lung beyond an airless band
        (np.s_[3:4, 3:4, 3:4], False),  # a speck
    ],
)
def test_separate_parts(part, kept):
    margin, side = lungs()
    margin[part] = 3.0
    found = cleaned(margin, side, MM, np.ones(margin.shape, bool))
    assert bool(found.labels[part].all()) is kept
    assert bool(found.labels[part].any()) is kept
    if not kept:
        assert found.removed_ml == pytest.approx(margin[part].size * MM**3 / 1000)
        assert (found.margin[part] < 0).all()


def test_holes_are_filled_and_the_outside_of_the_body_is_not_lung():
    margin, side = lungs()
    margin[20:23, 15:18, 12:15] = -4.0
    body = np.ones(margin.shape, bool)
    body[:, :, :8] = False
    found = cleaned(margin, side, MM, body)
    assert (found.labels[20:23, 15:18, 12:15] == RIGHT).all()
    assert found.added_ml == pytest.approx(27 * MM**3 / 1000)
    assert not found.labels[:, :, :8].any()


def test_an_island_of_the_other_side_goes_to_the_lung_around_it():
    margin, side = lungs()
    side[20:24, 15:19, 12:16] = 6.0
    found = cleaned(margin, side, MM, np.ones(margin.shape, bool))
    assert (found.labels[20:24, 15:19, 12:16] == RIGHT).all()
    assert found.swapped_ml == pytest.approx(64 * MM**3 / 1000)
    assert (found.side[20:24, 15:19, 12:16] < 0).all()


def test_dense_classes_count_as_lung():
    logits = np.zeros((5, 2, 2, 2), np.float32)
    logits[3] = 4.0
    margin, side = margins(logits)
    assert (margin > 0).all()
    assert (side < 0).all()


def test_air_around_the_patient_is_outside_and_lungs_at_the_edge_of_the_field_are_not():
    hu = np.full((10, 40, 40), -1000.0, np.float32)
    hu[:, 8:32, :30] = 40.0  # the field of view cuts the chest on one side
    hu[:, 12:28, 0:12] = -850.0
    inside = enclosed(hu)
    assert inside[:, 12:28, 1:12].all()
    assert not inside[:, :6].any()
    assert not inside[:, :, 34:].any()


def test_fat_is_not_lung_and_partial_volume_at_the_rim_is():
    hu = np.full((20, 20, 20), -850.0, np.float32)
    hu[:8] = -100.0  # fat below the lung
    hu[15:16] = -100.0  # a rim of one voxel
    hu[17:] = 30.0  # consolidation
    margin = np.full(hu.shape, 1.0, np.float32)
    found = fat(hu, margin)
    assert found[:8].all()
    assert not found[8:].any()
    assert not fat(hu, margin + 3.0).any()


def test_fluid_is_even_and_as_dense_as_water_and_consolidation_is_neither():
    rng = np.random.default_rng(0)
    hu = np.full((24, 24, 24), -850.0, np.float32)
    hu[:, :8] = rng.normal(8.0, 8.0, (24, 8, 24))  # fluid
    hu[:, 16:] = rng.normal(45.0, 8.0, (24, 8, 24))  # consolidation
    margin = np.full(hu.shape, 2.0, np.float32)
    found = fluid(hu, margin)
    assert found[1:-1, 1:6, 1:-1].mean() > 0.99
    assert not found[:, 8:].any()
    assert not fluid(hu, -margin).any(), "outside the lung nothing is sought"


@pytest.mark.parametrize("change", ["bronchi", "thin"])
def test_airless_lung_with_bronchi_and_thin_layers_are_not_fluid(change):
    hu = np.full((24, 24, 24), 8.0, np.float32)
    if change == "bronchi":
        hu[::2, ::2] = -50.0
    else:
        hu[:, :10] = hu[:, 12:] = -850.0
    assert not fluid(hu, np.full(hu.shape, 2.0, np.float32)).any()

"""Slices by class, by place in the lung, and by position, on stacks that rise, fall, lean and
have gaps.
"""

import numpy as np
import pytest

from pleura.geometry.grid import Grid
from pleura.metrics.overlap import slice_overlap
from pleura.metrics.slices import (
    class_counts,
    region_scores,
    slice_classes,
    slice_positions_mm,
    slice_regions,
)


def stack(*slices):
    """One voxel a slice: whether it is lung."""
    return np.array(slices, dtype=bool).reshape(-1, 1, 1)


def test_the_four_classes():
    overlap = slice_overlap(stack(0, 1, 1, 0), stack(0, 0, 1, 1))
    assert slice_classes(overlap).tolist() == ["empty", "hallucinated", "lung", "missed"]
    assert class_counts(slice_classes(overlap)) == {
        "lung": 1,
        "empty": 1,
        "hallucinated": 1,
        "missed": 1,
    }


def test_apex_is_where_the_head_is_however_the_stack_is_stored():
    truth = stack(*[0] * 3 + [1] * 21 + [0] * 2)
    overlap = slice_overlap(truth, truth)
    rising = Grid.axial(truth.shape, (2.0, 1.0, 1.0))
    told = slice_regions(overlap, rising)
    expected = ["none"] * 3 + ["base"] * 3 + ["middle"] * 15 + ["apex"] * 3 + ["none"] * 2
    assert told.tolist() == expected
    affine = rising.affine.copy()
    affine[2, 0] = -2.0
    falling = slice_regions(overlap, Grid(truth.shape, affine))
    assert falling.tolist() == [
        {"base": "apex", "apex": "base"}.get(word, word) for word in expected
    ]


def test_a_coronal_stack_has_no_apex():
    affine = np.zeros((4, 4))
    affine[1, 0], affine[2, 1], affine[0, 2], affine[3, 3] = 2, -1, 1, 1
    truth = stack(1, 1, 1)
    assert set(slice_regions(slice_overlap(truth, truth), Grid(truth.shape, affine))) == {"none"}


def test_positions_are_the_patients():
    affine = Grid.axial((4, 1, 1), (2.0, 1.0, 1.0), (5.0, 6.0, -100.0)).affine
    grid = Grid((4, 1, 1), affine, np.array([0.0, 1.0, 2.0, 6.0]))
    assert slice_positions_mm(grid) == pytest.approx([-100, -99, -98, -94])


def test_missed_slices_pull_a_regions_mean_down():
    truth, found = stack(*[1] * 10), stack(*[1] * 9 + [0])
    overlap = slice_overlap(found, truth)
    grid = Grid.axial(truth.shape, (1.0, 1.0, 1.0))
    dice = np.array([1.0] * 9 + [0.0])
    told = region_scores(dice, slice_classes(overlap), slice_regions(overlap, grid))
    assert told["apex"] == {"slices": 1, "missed": 1, "dice": 0.0}
    assert told["base"] == {"slices": 1, "missed": 0, "dice": 1.0}
    assert told["middle"]["slices"] == 8

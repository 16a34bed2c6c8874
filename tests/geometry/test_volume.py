"""Volumes and masks refuse what does not fit, keep true values, and cannot be changed by
accident.
"""

import numpy as np
import pytest

from pleura import Grid, LungMask, Volume
from pleura.core.errors import GridMismatch

GRID = Grid.axial((2, 3, 4), (2.0, 1.0, 0.5))


def test_padding_keeps_its_true_value():
    hu = np.full(GRID.shape, 40, np.int16)
    hu[:, 0] = -2048
    volume = Volume(hu, GRID, hu == -2048)
    assert volume.hu.min() == -2048
    assert volume.filled().min() == -1024
    assert volume.hu.min() == -2048


def test_arrays_are_read_only_but_the_callers_own_is_not():
    hu = np.zeros(GRID.shape, np.int16)
    volume = Volume(hu, GRID)
    with pytest.raises(ValueError, match="read-only"):
        volume.hu[0, 0, 0] = 1
    hu[0, 0, 0] = 1


def test_refuses_floats_and_other_shapes():
    with pytest.raises(GridMismatch, match="float64"):
        Volume(np.zeros(GRID.shape), GRID)
    with pytest.raises(GridMismatch):
        Volume(np.zeros((2, 3, 5), np.int16), GRID)


def test_sides_and_millilitres():
    labels = np.zeros(GRID.shape, np.uint8)
    labels[0, 0, 0] = 1
    labels[0, 0, 1:3] = 2
    mask = LungMask(labels, GRID)
    assert mask.volume_ml() == pytest.approx({"right": 0.001, "left": 0.002, "both": 0.003})
    assert mask.right.sum() == 1
    assert mask.left.sum() == 2


def test_unsided_masks_say_so():
    mask = LungMask(np.ones(GRID.shape, np.uint8), GRID, sided=False)
    with pytest.raises(GridMismatch, match="right from left"):
        _ = mask.left
    with pytest.raises(GridMismatch, match="label 2"):
        LungMask(np.full(GRID.shape, 2, np.uint8), GRID, sided=False)

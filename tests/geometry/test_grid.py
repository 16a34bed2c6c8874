"""The grid alone: geometry without pixels, against SimpleITK and by properties."""

import json

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from testing.strategies import grids

from pleura.core.errors import GridMismatch
from pleura.geometry.grid import Grid


def test_axial_grid_reads_as_it_should():
    grid = Grid.axial((10, 20, 30), (2.5, 0.7, 0.9), (-100.0, -200.0, 50.0))
    assert grid.spacing_mm == pytest.approx((2.5, 0.7, 0.9))
    assert grid.orientation() == "SPL"
    np.testing.assert_allclose(
        grid.to_world((2, 3, 4)), (-100 + 4 * 0.9, -200 + 3 * 0.7, 50 + 2 * 2.5)
    )
    assert grid.voxel_ml == pytest.approx(2.5 * 0.7 * 0.9 / 1000)


@given(grids())
def test_world_and_index_undo_each_other(grid):
    index = np.array([[0, 0, 0], [grid.shape[0] - 1, 1, 2], [0.25, -3.0, 7.5]], dtype=float)
    np.testing.assert_allclose(grid.to_index(grid.to_world(index)), index, atol=1e-6)


@given(grids(uneven=False, left_handed=False))
def test_agrees_with_simpleitk(grid):
    image = sitk.Image([grid.shape[2], grid.shape[1], grid.shape[0]], sitk.sitkUInt8)
    dz, dy, dx = (np.linalg.norm(grid.affine[:3, k]) for k in range(3))
    direction = np.stack(
        [grid.affine[:3, 2] / dx, grid.affine[:3, 1] / dy, grid.affine[:3, 0] / dz], axis=1
    )
    image.SetSpacing([dx, dy, dz])
    image.SetDirection(direction.ravel().tolist())
    image.SetOrigin(grid.affine[:3, 3].tolist())
    for index in ((0, 0, 0), (1, 2, 3), tuple(n - 1 for n in grid.shape)):
        theirs = image.TransformIndexToPhysicalPoint([int(i) for i in index[::-1]])
        np.testing.assert_allclose(grid.to_world(index), theirs, atol=1e-6)


@given(grids())
def test_json_is_exact(grid):
    again = Grid.from_json(json.loads(json.dumps(grid.as_json())))
    assert again.shape == grid.shape
    np.testing.assert_array_equal(again.affine, grid.affine)
    assert again.same_as(grid, tolerance_mm=0.0)


@given(grids(), st.floats(0.01, 5.0))
def test_a_moved_grid_is_another(grid, step):
    affine = grid.affine.copy()
    affine[1, 3] += step
    moved = Grid(grid.shape, affine, grid.positions_mm)
    assert not grid.same_as(moved)
    assert grid.same_as(moved, tolerance_mm=step * 1.01)


def test_sheared_spacing_is_measured_along_the_normal():
    affine = Grid.axial((5, 6, 7), (2.0, 1.0, 1.0)).affine.copy()
    affine[1, 0] = 1.0  # the table moves, the gantry leans
    grid = Grid((5, 6, 7), affine)
    assert grid.spacing_mm[0] == pytest.approx(2.0)
    assert grid.voxel_ml == pytest.approx(0.002)


@pytest.mark.parametrize("shape", [(0, 1, 1), (3, 3), (1, 2, 3, 4)])
def test_refuses_bad_shapes(shape):
    with pytest.raises(GridMismatch):
        Grid(shape, np.eye(4))


def test_refuses_flat_and_broken_affines():
    for affine in (np.zeros((4, 4)), np.full((4, 4), np.nan), np.eye(3)):
        with pytest.raises(GridMismatch):
            Grid((2, 2, 2), affine)


def test_refuses_positions_that_do_not_rise():
    with pytest.raises(GridMismatch, match="rising"):
        Grid((3, 2, 2), np.eye(4), np.array([0.0, 2.0, 1.0]))

"""Right and left by where the lungs lie in the patient, whatever the grid."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from testing.strategies import grids

from pleura.anatomy.sides import split_sides
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LEFT, RIGHT


def lungs_on(
    grid: Grid, *, gap_mm: float = 8.0, bridge_mm: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Two ellipsoids side by side, sampled on any grid, and a bridge of `bridge_mm` half-width
    across the midline in front.
    """
    index = np.stack(np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij"), axis=-1)
    x, y, z = np.moveaxis(grid.to_world(index), -1, 0)
    truth = np.zeros(grid.shape, dtype=np.uint8)
    for side, sign in ((RIGHT, -1), (LEFT, 1)):
        truth[((x - sign * (45 + gap_mm / 2)) / 45) ** 2 + (y / 60) ** 2 + (z / 80) ** 2 < 1] = side
    bridge = (np.abs(x) < 20) & (np.abs(y) < bridge_mm) & (np.abs(z) < 15 * (bridge_mm > 0))
    truth[bridge & (truth == 0) & (x < 0)] = RIGHT
    truth[bridge & (truth == 0) & (x >= 0)] = LEFT
    return truth > 0, truth


def centred(axes: np.ndarray, spacing=(4.0, 3.0, 3.0), size=230.0) -> Grid:
    """A grid about the origin whose index axes run along the columns of `axes` (LPS)."""
    shape = [int(size / s) for s in spacing]
    affine = np.eye(4)
    affine[:3, :3] = axes * spacing
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid(tuple(shape), affine)


AXIAL = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])


@pytest.mark.parametrize("flips", list(itertools.product((1, -1), repeat=3)))
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
def test_any_flip_and_any_plane(flips, order):
    grid = centred((AXIAL * flips)[:, order])
    lungs, truth = lungs_on(grid)
    assert np.array_equal(split_sides(lungs, grid).labels, truth)


@pytest.mark.parametrize("bridge_mm", [2.0, 5.0, 9.0])
@pytest.mark.parametrize("turn", [(0, 0, 0), (25, 0, 0), (0, 30, 0), (20, 15, 30)])
def test_touching_lungs_part_at_the_bridge(bridge_mm, turn):
    grid = centred(
        Rotation.from_euler("xyz", turn, degrees=True).as_matrix() @ AXIAL, spacing=(3.0, 2.0, 2.0)
    )
    lungs, truth = lungs_on(grid, bridge_mm=bridge_mm)
    labels = split_sides(lungs, grid).labels
    assert np.array_equal(labels > 0, lungs)
    assert np.count_nonzero(labels != truth) < 0.003 * np.count_nonzero(lungs)


def test_tilted_gantry():
    grid = centred(AXIAL)
    affine = grid.affine.copy()
    affine[1, 0] = np.tan(np.radians(20)) * affine[2, 0]
    affine[1, 3] -= affine[1, 0] * (grid.shape[0] - 1) / 2
    sheared = Grid(grid.shape, affine)
    lungs, truth = lungs_on(sheared, bridge_mm=4.0)
    assert np.count_nonzero(split_sides(lungs, sheared).labels != truth) < 0.003 * np.count_nonzero(
        lungs
    )


@pytest.mark.parametrize("side", [RIGHT, LEFT])
def test_one_lung_alone_takes_its_side(side):
    grid = centred(AXIAL)
    _, truth = lungs_on(grid)
    alone = np.where(truth == side, truth, 0)
    assert np.array_equal(split_sides(alone > 0, grid).labels, alone)


def test_the_midline_decides_for_one_lung_off_centre():
    grid = centred(AXIAL)
    _, truth = lungs_on(grid)
    mask = split_sides(truth == RIGHT, grid, middle_mm=-130.0)
    assert mask.right.sum() == 0
    assert mask.left.sum() == (truth == RIGHT).sum()


def test_a_lobe_apart_stays_with_its_lung():
    grid = centred(AXIAL)
    _, truth = lungs_on(grid)
    truth[18:20][truth[18:20] == LEFT] = 0  # the left lung in an upper and a lower part
    assert np.array_equal(split_sides(truth > 0, grid).labels, truth)


def test_nothing_in_nothing_out():
    grid = centred(AXIAL)
    assert not split_sides(np.zeros(grid.shape, dtype=bool), grid).labels.any()


@given(grids(), st.integers(0, 2**31 - 1), st.floats(0.05, 0.95))
def test_every_voxel_gets_a_side_and_no_other_does(grid, seed, share):
    lungs = np.random.default_rng(seed).random(grid.shape) < share
    assert np.array_equal(split_sides(lungs, grid).lungs, lungs)

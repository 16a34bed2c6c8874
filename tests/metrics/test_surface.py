"""Surfaces and distances against shapes whose answer is known, and against searches that look at
every pair.
"""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import marching_cubes, mesh_surface_area
from testing.strategies import grids

from pleura.geometry.grid import Grid
from pleura.metrics.surface import (
    border_voxels,
    bounding_box,
    element_areas,
    joint_box,
    surface_distances,
    surface_elements,
)


def whole(grid):
    return tuple(slice(0, n) for n in grid.shape)


@st.composite
def grids_with_two_masks(draw):
    grid = draw(grids(largest=6))
    random = np.random.default_rng(draw(st.integers(0, 2**31 - 1)))
    masks = []
    for _ in range(2):
        mask = random.random(grid.shape) < draw(st.sampled_from([0.05, 0.3, 0.9]))
        mask[tuple(random.integers(0, n) for n in grid.shape)] = True
        masks.append(mask)
    return grid, masks[0], masks[1]


def slow_elements(mask, grid):
    """Centres of cells that hold both, one cell at a time, with the mask empty beyond its edge."""
    padded = np.pad(mask, 1)
    found = set()
    for corner in itertools.product(*(range(n + 1) for n in mask.shape)):
        cell = padded[tuple(slice(c, c + 2) for c in corner)]
        if cell.any() and not cell.all():
            found.add(tuple(np.round(grid.to_world(np.array(corner) - 0.5), 6)))
    return found


def slow_borders(mask):
    padded = np.pad(mask, 1)
    found = set()
    for voxel in zip(*np.nonzero(mask), strict=True):
        for axis, step in itertools.product(range(3), (-1, 1)):
            beside = np.array(voxel) + 1
            beside[axis] += step
            if not padded[tuple(beside)]:
                found.add(tuple(int(v) for v in voxel))
    return found


@given(grids_with_two_masks())
def test_points_are_those_a_slow_search_finds(case):
    grid, mask, _ = case
    elements = surface_elements(mask, grid, bounding_box(mask))
    assert {tuple(np.round(p, 6)) for p in elements.points} == slow_elements(mask, grid)
    assert (elements.weights > 0).all()
    borders = border_voxels(mask, grid, bounding_box(mask))
    expected = grid.to_world(np.array(sorted(slow_borders(mask))))
    np.testing.assert_allclose(borders.points, expected, atol=1e-9)


@given(grids_with_two_masks())
def test_distances_equal_looking_at_every_pair(case):
    grid, one, two = case
    for make in (surface_elements, border_voxels):
        first, second = make(one, grid, whole(grid)), make(two, grid, whole(grid))
        pairs = np.linalg.norm(first.points[:, None] - second.points[None], axis=-1)
        there, back = surface_distances(first, second)
        np.testing.assert_allclose(there, pairs.min(axis=1), atol=1e-9)
        np.testing.assert_allclose(back, pairs.min(axis=0), atol=1e-9)


@given(grids_with_two_masks())
def test_the_box_does_not_matter(case):
    grid, one, two = case
    tight = joint_box(bounding_box(one), bounding_box(two))
    for make in (surface_elements, border_voxels):
        a, b = make(one, grid, tight), make(one, grid, whole(grid))
        np.testing.assert_allclose(a.points, b.points, atol=1e-9)
        np.testing.assert_allclose(a.weights, b.weights, atol=1e-9)


def test_boxes():
    mask = np.zeros((4, 5, 6), bool)
    assert bounding_box(mask) is None
    mask[1, 2, 3] = mask[3, 2, 5] = True
    box = bounding_box(mask)
    assert box == (slice(1, 4), slice(2, 3), slice(3, 6))
    assert joint_box(None, box) == joint_box(box, None) == box
    assert joint_box((slice(0, 2),) * 3, box) == (slice(0, 4), slice(0, 3), slice(0, 6))


def test_areas_of_cells_known_by_hand():
    """Spacing 2, 3, 5: the triangle at one corner, the plane between four and four, the slope
    over an edge.
    """
    areas = element_areas(np.diag([2.0, 3.0, 5.0]))
    assert areas[0] == areas[255] == 0
    triangle = np.linalg.norm(np.cross([1.0, -1.5, 0], [1.0, 0, -2.5])) / 2
    assert areas[0b10000000] == pytest.approx(triangle)
    assert areas[0b11110000] == pytest.approx(15.0)  # first slice inside: a row-column plane
    assert areas[0b11001100] == pytest.approx(10.0)  # first row inside: a slice-column plane
    assert areas[0b11000000] == pytest.approx(5.0 * np.hypot(1.0, 1.5))  # an edge along the columns
    assert areas[0b10000001] == pytest.approx(2 * triangle)


def test_areas_do_not_know_inside_from_outside_nor_left_from_right():
    spacing = np.diag([2.0, 0.7, 1.3])
    areas = element_areas(spacing)
    codes = np.arange(256)
    np.testing.assert_allclose(areas, areas[255 - codes])
    bits = (codes[:, None] >> np.arange(7, -1, -1) & 1).reshape(256, 2, 2, 2)
    for axis in range(3):
        mirrored = np.flip(bits, axis + 1).reshape(256, 8) @ (1 << np.arange(7, -1, -1))
        np.testing.assert_allclose(areas, areas[mirrored])


def test_area_of_a_ball_equals_marching_cubes_of_another_hand():
    """scikit-image's Lorensen table on the same mask: the two differ only in how they cut loops
    that are not flat.
    """
    spacing = (2.0, 0.8, 1.1)
    z, y, x = np.meshgrid(*[np.arange(n) - n / 2 for n in (20, 40, 32)], indexing="ij")
    ball = (z * spacing[0]) ** 2 + (y * spacing[1]) ** 2 + (x * spacing[2]) ** 2 < 14.0**2
    grid = Grid.axial(ball.shape, spacing)
    ours = surface_elements(ball, grid, bounding_box(ball)).weights.sum()
    points, faces, *_ = marching_cubes(ball.astype(float), 0.5, spacing=spacing, method="lorensen")
    assert ours == pytest.approx(mesh_surface_area(points, faces), rel=0.01)
    # a staircase is larger than the smooth ball
    assert ours == pytest.approx(4 * np.pi * 14.0**2, rel=0.15)


def test_a_slab_at_the_edge_of_the_array_has_all_its_sides():
    grid = Grid.axial((6, 10, 12), (5.0, 0.5, 2.0))
    mask = np.zeros(grid.shape, bool)
    mask[:3] = True
    elements = surface_elements(mask, grid, bounding_box(mask))
    planes = 2 * 9 * 11 * 0.5 * 2.0 + 2 * 2 * 5.0 * (9 * 0.5 + 11 * 2.0)
    edges = 4 * (
        9 * 0.5 * np.hypot(2.5, 1.0)
        + 11 * 2.0 * np.hypot(2.5, 0.25)
        + 2 * 5.0 * np.hypot(0.25, 1.0)
    )
    corners = 8 * np.linalg.norm(np.cross([-2.5, 0.25, 0], [-2.5, 0, 1.0])) / 2
    assert elements.weights.sum() == pytest.approx(planes + edges + corners)
    lower = elements.points[:, 2].min()
    assert lower == pytest.approx(-2.5)


def test_uneven_slices_have_their_true_distances_and_areas():
    affine = Grid.axial((4, 8, 8), (2.0, 1.0, 1.0)).affine
    grid = Grid((4, 8, 8), affine, np.array([0.0, 1.0, 2.0, 6.0]))
    low, high = np.zeros((4, 8, 8), bool), np.zeros((4, 8, 8), bool)
    low[2, 2:6, 2:6] = high[3, 2:6, 2:6] = True
    there, back = surface_distances(
        border_voxels(low, grid, whole(grid)), border_voxels(high, grid, whole(grid))
    )
    np.testing.assert_allclose(np.concatenate([there, back]), 4.0)
    wall = np.zeros((4, 8, 8), bool)
    wall[:, :4] = True
    weights = surface_elements(wall, grid, whole(grid))
    for z, expected in ((0.5, 1.0), (1.5, 1.0), (4.0, 4.0)):
        here = np.isclose(weights.points, [3.5, 3.5, z]).all(axis=1)
        np.testing.assert_allclose(weights.weights[here], [expected])


def test_tilted_gantry_moves_points_and_areas_as_the_affine_says():
    affine = Grid.axial((5, 6, 6), (2.0, 1.0, 1.0)).affine.copy()
    affine[1, 0] = 1.0  # sheared: each slice lies 1 mm further back
    grid = Grid((5, 6, 6), affine)
    mask = np.zeros(grid.shape, bool)
    mask[:, :3] = True
    elements = surface_elements(mask, grid, whole(grid))
    inner = (
        (elements.points[:, 2] > 1)
        & (elements.points[:, 2] < 7)
        & (elements.points[:, 0] > 1)
        & (elements.points[:, 0] < 4)
    )
    back = inner & np.isclose(elements.points[:, 1] - elements.points[:, 2] / 2, 2.5)
    assert back.sum() > 0
    # the leaning wall, not its shadow
    np.testing.assert_allclose(elements.weights[back], np.sqrt(5.0))

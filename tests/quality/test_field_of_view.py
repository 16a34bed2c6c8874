"""The reconstruction circle is found where it is, and nowhere else."""

import numpy as np
import pytest

from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.quality.field_of_view import field_of_view, mark_filler


def scanned(shape, spacing, centre_mm, diameter_mm, filler, *, marked):
    grid = Grid.axial(shape, spacing, (-100.0, -90.0, 40.0))
    hu = np.random.default_rng(0).integers(-1020, 200, shape).astype(np.int16)
    points = grid.to_world(np.moveaxis(np.indices(shape), 0, -1))
    outside = (
        np.hypot(points[..., 0] - centre_mm[0], points[..., 1] - centre_mm[1]) > diameter_mm / 2
    )
    hu[outside] = filler
    return Volume(hu, grid, outside if marked else None)


@pytest.mark.parametrize(
    "diameter", [150.0, 205.0, 250.0]
)  # within the picture, cut by its edges, its corners alone
@pytest.mark.parametrize(("filler", "marked"), [(-2000, True), (-1024, False), (0, False)])
@pytest.mark.parametrize("spacing", [(3.0, 1.6, 1.6), (3.0, 1.6, 2.0)])
def test_found_in_mm(diameter, filler, marked, spacing):
    centre = (-100 + 63 * spacing[2], -90 + 60 * spacing[1])
    circle = field_of_view(scanned((9, 120, 126), spacing, centre, diameter, filler, marked=marked))
    assert circle is not None
    assert circle.centre_mm == pytest.approx((*centre, 52.0), abs=1.0)
    assert circle.diameter_mm == pytest.approx(diameter, abs=2.5)


def test_none_where_there_is_none():
    grid = Grid.axial((5, 40, 40), (3, 3, 3))
    noise = np.random.default_rng(1).integers(-1024, 200, grid.shape).astype(np.int16)
    assert field_of_view(Volume(noise, grid)) is None
    half = noise.copy()
    half[:, :20] = -2000  # a straight edge
    assert field_of_view(Volume(half, grid, half == -2000)) is None
    assert field_of_view(Volume(np.full(grid.shape, -2000, np.int16), grid)) is None


@pytest.mark.parametrize("diameter", [205.0, 250.0])
@pytest.mark.parametrize("filler", [0, 24, 3000])
def test_a_filler_that_is_not_air_is_marked(filler, diameter):
    truth = scanned((9, 120, 126), (3.0, 1.6, 1.6), (0.8, 6.0), diameter, filler, marked=True)
    hu = truth.hu.copy()
    hu[:, 60, 60] = filler  # a voxel of the body that holds it too, in every slice
    marked = mark_filler(Volume(hu, truth.grid))
    np.testing.assert_array_equal(marked.padding, truth.padding)
    np.testing.assert_array_equal(marked.hu, hu)


@pytest.mark.parametrize("filler", [-2000, -1024, -1000])
def test_air_around_the_circle_needs_no_mark(filler):
    assert (
        mark_filler(
            scanned((9, 120, 126), (3.0, 1.6, 1.6), (0.8, 6.0), 205.0, filler, marked=False)
        ).padding
        is None
    )


def test_a_patient_who_fills_the_corners_is_no_filler():
    grid = Grid.axial((5, 40, 40), (3, 3, 3))
    hu = np.zeros(grid.shape, np.int16)
    hu[:, 10:30, 15:25] = -800
    assert mark_filler(Volume(hu, grid)).padding is None  # a square hole, no circle

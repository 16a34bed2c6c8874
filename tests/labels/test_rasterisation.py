"""Polygon to mask and back: equal to a point-in-polygon test in exact fractions; unbiased;
nothing lost on the way round.
"""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import label

from pleura.labels.rasterisation import fill, polygon_area, trace


def inside(polygons, row, column):
    """Even-odd, in exact fractions, one centre at a time: crossings of the ray to the right,
    edges half open upwards.
    """
    row, column, odd = Fraction(row), Fraction(column), False
    for points in polygons:
        exact = [(Fraction(float(r)), Fraction(float(c))) for r, c in points]
        for (r0, c0), (r1, c1) in zip(exact, exact[1:] + exact[:1], strict=True):
            if (r0 <= row) != (r1 <= row):
                at = c0 + (row - r0) * (c1 - c0) / (r1 - r0)
                odd ^= at <= column
    return odd


def brute(polygons, shape):
    return np.array([[inside(polygons, r, c) for c in range(shape[1])] for r in range(shape[0])])


corners = st.lists(st.tuples(st.integers(-16, 96), st.integers(-16, 96)), min_size=3, max_size=9)
"""In eighths of a pixel, so that edges and vertices often run through centres, and outside the
picture.
"""


@given(polygons=st.lists(corners, min_size=1, max_size=3))
def test_every_centre_is_where_brute_force_puts_it(polygons):
    polygons = [np.array(points) / 8 for points in polygons]
    np.testing.assert_array_equal(fill(polygons, (10, 11)), brute(polygons, (10, 11)))


@given(seed=st.integers(0, 999))
def test_every_centre_of_free_polygons_too(seed):
    rng = np.random.default_rng(seed)
    polygons = [rng.uniform(-2, 12, (rng.integers(3, 12), 2)) for _ in range(2)]
    np.testing.assert_array_equal(fill(polygons, (10, 11)), brute(polygons, (10, 11)))


masks = st.builds(
    lambda rows, columns, seed, share: np.random.default_rng(seed).random((rows, columns)) < share,
    st.integers(1, 12),
    st.integers(1, 12),
    st.integers(0, 10**6),
    st.floats(0.1, 0.95),
)


@given(mask=masks)
def test_there_and_back_is_the_same_mask(mask):
    polygons = trace(mask)
    np.testing.assert_array_equal(fill(polygons, mask.shape), mask)
    assert len(polygons) == label(mask, connectivity=1).max()
    assert sum(polygon_area(points) for points in polygons) == np.count_nonzero(mask)


@given(mask=masks)
def test_only_corners_are_kept(mask):
    for points in trace(mask):
        along = np.roll(points, -1, axis=0) - points
        assert (np.abs(along).sum(axis=1) > 0).all()
        assert points.shape[0] >= 4


def test_a_hole_is_a_hole_by_two_contours_or_by_a_keyhole():
    square = np.array([[0.5, 0.5], [0.5, 8.5], [8.5, 8.5], [8.5, 0.5]])
    hole = np.array([[3.5, 3.5], [3.5, 5.5], [5.5, 5.5], [5.5, 3.5]])
    wanted = np.zeros((10, 10), bool)
    wanted[1:9, 1:9] = True
    wanted[4:6, 4:6] = False
    np.testing.assert_array_equal(fill([square, hole], (10, 10)), wanted)
    keyhole = np.concatenate([square[:1], hole[::-1], hole[-1:], square])
    np.testing.assert_array_equal(fill([keyhole], (10, 10)), wanted)
    (traced,) = trace(wanted)
    assert abs(polygon_area(traced)) == 60


def test_neighbours_share_no_pixel_and_leave_none():
    # the border runs through centres
    left = np.array([[-0.5, -0.5], [9.5, -0.5], [9.5, 4.0], [-0.5, 4.0]])
    right = np.array([[-0.5, 4.0], [9.5, 4.0], [9.5, 9.5], [-0.5, 9.5]])
    one, two = fill([left], (10, 10)), fill([right], (10, 10))
    assert not (one & two).any()
    assert (one | two).all()


@pytest.mark.parametrize(
    "points", [np.zeros((1, 2)), np.array([[1.0, 1.0], [5.0, 5.0]]), np.full((4, 2), 3.0)]
)
def test_degenerate_polygons_hold_nothing(points):
    assert not fill([points], (8, 8)).any()


def test_the_area_is_unbiased_over_lung_sized_contours_at_any_angle():
    """Mean signed error of the area over 200 ellipses of a lung's size, turned and shifted at
    random: at most 0.02 %.
    """
    rng = np.random.default_rng(1)
    angles = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    errors = []
    for _ in range(200):
        turn = rng.uniform(0, np.pi)
        axes = rng.uniform(45, 75), rng.uniform(80, 120)
        ring = np.stack([axes[0] * np.cos(angles), axes[1] * np.sin(angles)], axis=1)
        ring = ring @ [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]] + rng.uniform(
            127, 129, 2
        )
        errors.append(np.count_nonzero(fill([ring], (256, 256))) / abs(polygon_area(ring)) - 1)
    assert abs(np.mean(errors)) <= 2e-4

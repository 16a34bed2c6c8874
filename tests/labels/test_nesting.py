"""Contours of one plane: random polygons doubled, shifted, split, reversed and nested, with
matplotlib as the judge.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Polygon

from pleura.labels.nesting import combine, combine_xor

SHAPE = (160, 160)
CENTRES = np.argwhere(np.ones(SHAPE))


def star(seed, radius=50.0, centre=(80.0, 80.0), corners=40):
    """A polygon without crossings round a centre, so that scaled copies about the centre are
    nested.
    """
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    radii = radius * (1 + 0.3 * rng.uniform(-1, 1, corners))
    return np.stack(
        [centre[0] + radii * np.sin(angles), centre[1] + radii * np.cos(angles)], axis=1
    )


def scaled(points, factor, centre=(80.0, 80.0)):
    return centre + (points - centre) * factor


def moved(points, row, column):
    return points + np.array([row, column], dtype=float)


def inside(points):
    return Polygon(points).contains_points(CENTRES).reshape(SHAPE)


def halves(points):
    """A star polygon split along two of its rays into two that share these rays."""
    middle = np.array([80.0, 80.0])
    half = len(points) // 2
    return [np.vstack([middle, points[: half + 1]]), np.vstack([middle, points[half:], points[:1]])]


WAYS = {
    "once": lambda a: ([a], inside(a)),
    "doubled": lambda a: ([a, a], inside(a)),
    "tripled": lambda a: ([a, a, a], inside(a)),
    "reversed": lambda a: ([a, a[::-1]], inside(a)),
    "started elsewhere": lambda a: ([a, np.roll(a, 11, axis=0)], inside(a)),
    "two rounds in one contour": lambda a: ([np.concatenate([a, a])], inside(a)),
    "a round and back in one contour": lambda a: ([np.concatenate([a, a[:1], a[::-1]])], inside(a)),
    "closed by its first point": lambda a: ([np.concatenate([a, a[:1]])], inside(a)),
    "shifted": lambda a: ([a, moved(a, 9, 4)], inside(a) | inside(moved(a, 9, 4))),
    "shifted and reversed": lambda a: ([a, moved(a[::-1], -3, -8)],
                                       inside(a) | inside(moved(a, -3, -8))),
    "traced again by hand": lambda a: ([a, scaled(a, 0.99)], inside(a)),
    "split": lambda a: (halves(a), inside(a)),
    "split, and whole": lambda a: ([*halves(a), a], inside(a)),
    "nested": lambda a: ([a, scaled(a, 0.6)], inside(a) & ~inside(scaled(a, 0.6))),
    "nested, hole first": lambda a: ([scaled(a, 0.6), a], inside(a) & ~inside(scaled(a, 0.6))),
    "nested and doubled": lambda a: (
        [a, scaled(a, 0.6), a[::-1], scaled(a, 0.6)],
        inside(a) & ~inside(scaled(a, 0.6)),
    ),
    "nested thrice": lambda a: (
        [scaled(a, 0.3), a, scaled(a, 0.6)],
        inside(a) & ~inside(scaled(a, 0.6)) | inside(scaled(a, 0.3)),
    ),
    "keyhole": lambda a: (
        [np.concatenate([a[:1], scaled(a, 0.5)[::-1], scaled(a, 0.5)[-1:], a])],
        inside(a) & ~inside(scaled(a, 0.5)),
    ),
    "keyhole, both clockwise": lambda a: (
        [np.concatenate([a[:1], scaled(a, 0.5), scaled(a, 0.5)[:1], a])],
        inside(a) & ~inside(scaled(a, 0.5)),
    ),
    "keyhole, doubled": lambda a: (
        [np.concatenate([a[:1], scaled(a, 0.5)[::-1], scaled(a, 0.5)[-1:], a])] * 2,
        inside(a) & ~inside(scaled(a, 0.5)),
    ),
    "an island in a keyhole": lambda a: (
        [np.concatenate([a[:1], scaled(a, 0.5)[::-1], scaled(a, 0.5)[-1:], a]), scaled(a, 0.2)],
        inside(a) & ~inside(scaled(a, 0.5)) | inside(scaled(a, 0.2)),
    ),
    "apart": lambda a: ([moved(scaled(a, 0.4), -40, 0), moved(scaled(a, 0.4), 40, 0)],
                        inside(moved(scaled(a, 0.4), -40, 0)) | inside(moved(scaled(a, 0.4), 40,
                            0))),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@given(seed=st.integers(0, 10**6))
@settings(max_examples=15)
def test_area_is_that_of_a_stranger(way, seed):
    contours, expected = WAYS[way](star(seed))
    found = combine(contours, SHAPE).mask
    assert abs(np.count_nonzero(found) / np.count_nonzero(expected) - 1) <= 1e-3
    assert np.count_nonzero(found != expected) <= 1e-3 * np.count_nonzero(expected)


def test_repeats_and_overlaps_are_counted():
    a = star(1)
    assert combine([a, a, a[::-1]], SHAPE).repeated == 2
    assert combine([a, moved(a, 5, 0)], SHAPE).overlapped == 1
    clean = combine([a, scaled(a, 0.5), *halves(scaled(star(2), 0.2))], SHAPE)
    assert (clean.repeated, clean.overlapped) == (0, 0)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_small_holes_stay_holes(size):
    """A hole of one pixel, as tools that trace voxel edges write it, in a block with a border of
    one pixel.
    """

    def square(low, high):
        return np.array([[low, low], [low, high], [high, high], [high, low]]) - 0.5

    found = combine([square(10, 12 + size), square(11, 11 + size)], SHAPE).mask
    assert np.count_nonzero(found) == (size + 2) ** 2 - size**2


@given(seed=st.integers(0, 10**6))
def test_exclusive_or_is_what_the_standard_says(seed):
    a, b = star(seed), moved(star(seed + 1), 12, 7)
    np.testing.assert_array_equal(
        combine_xor([a, b], SHAPE).mask, combine([a], SHAPE).mask ^ combine([b], SHAPE).mask
    )
    assert not combine_xor([a, a[::-1]], SHAPE).mask.any()


def test_nothing_and_specks_enclose_nothing():
    assert not combine([], SHAPE).mask.any()
    assert not combine(
        [np.zeros((5, 2)), np.array([[3.0, 3.0], [8.0, 8.0], [5.0, 5.0]])], SHAPE
    ).mask.any()

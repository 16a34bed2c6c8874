"""Distances against a search of every pair, against shapes whose answer is known, and by their
properties.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from pleura.geometry.grid import Grid
from pleura.metrics.distance import BASIC, DISTANCES, area_distances, distances, weighted_percentile
from pleura.metrics.overlap import ratios, slice_overlap
from pleura.metrics.policy import worst_distance_mm

sys.path.insert(0, str(Path(__file__).parents[1] / "oracles"))
from peers import KEPT, SPACINGS
from peers import pair as pair_of_peers
from slow_distances import slow_distances


@st.composite
def pairs(draw, largest=5):
    shape = tuple(draw(st.integers(1, largest)) for _ in range(3))
    spacing = tuple(draw(st.sampled_from([0.5, 0.7, 1.0, 2.5, 5.0])) for _ in range(3))
    random = np.random.default_rng(draw(st.integers(0, 2**31 - 1)))
    masks = []
    for _ in range(2):
        mask = random.random(shape) < draw(st.sampled_from([0.1, 0.4, 0.9]))
        mask[tuple(random.integers(0, n) for n in shape)] = True
        masks.append(mask)
    return masks[0], masks[1], spacing


def on(masks, spacing):
    return distances(*masks, Grid.axial(masks[0].shape, spacing))


def areas_of_cuboids(spacing):
    """Area of the surface in a cell by geometry, for the patterns that a cuboid makes: a face,
    an edge or a corner of it.
    """
    slice_mm, row_mm, column_mm = spacing
    areas = np.full(256, np.nan)
    for code in range(256):
        corners = np.array([code >> (7 - bit) & 1 for bit in range(8)], bool).reshape(2, 2, 2)
        # the cuboid passes through
        whole = [np.array_equal(corners, np.flip(corners, axis)) for axis in range(3)]
        steps = np.array([slice_mm, row_mm, column_mm])
        if corners.sum() == 4 and sum(whole) == 2:
            areas[code] = steps[whole].prod()
        elif corners.sum() == 2 and sum(whole) == 1:
            areas[code] = steps[whole][0] * np.hypot(*(steps[~np.array(whole)] / 2))
        elif corners.sum() == 1:
            half = np.diag(steps / 2)
            areas[code] = np.linalg.norm(np.cross(half[1] - half[0], half[2] - half[0])) / 2
    return areas


@st.composite
def pairs_of_cuboids(draw):
    shape = tuple(draw(st.integers(2, 6)) for _ in range(3))
    spacing = tuple(draw(st.sampled_from([0.5, 0.7, 1.0, 2.5, 5.0])) for _ in range(3))
    masks = []
    for _ in range(2):
        mask = np.zeros(shape, bool)
        ends = [sorted((draw(st.integers(0, n - 1)), draw(st.integers(1, n)))) for n in shape]
        mask[tuple(slice(low, max(high, low + 1)) for low, high in ends)] = True
        masks.append(mask)
    return masks[0], masks[1], spacing


@given(pairs_of_cuboids())
@settings(max_examples=25)
def test_every_metric_of_cuboids_equals_a_search_of_all_pairs_with_areas_by_geometry(pair):
    one, two, spacing = pair
    told = on((one, two), spacing)
    expected = slow_distances(one, two, spacing, areas_of_cuboids(spacing))
    assert set(told) == set(expected) == set(DISTANCES)
    for name in DISTANCES:
        assert told[name] == pytest.approx(expected[name], abs=1e-6), name


@given(pairs())
@settings(max_examples=25)
def test_metrics_without_areas_equal_a_search_of_all_pairs_on_any_mask(pair):
    one, two, spacing = pair
    told = on((one, two), spacing)
    expected = slow_distances(one, two, spacing, np.ones(256))
    for name in (*(name for name in DISTANCES if name.endswith(("_voxel", "_pooled"))), "hd_mm"):
        assert told[name] == pytest.approx(expected[name], abs=1e-6), name


@given(pairs())
def test_symmetric_bounded_and_zero_on_itself(pair):
    one, two, spacing = pair
    there, back = on((one, two), spacing), on((two, one), spacing)
    for name in DISTANCES:
        assert there[name] == pytest.approx(back[name], abs=1e-9)
        assert 0 <= there[name] <= (1 if name.startswith("surface_dice") else math.inf)
    for end in ("", "_voxel"):
        assert there[f"msd_mm{end}"] <= there[f"hd_mm{end}"] + 1e-9
        assert there[f"hd95_mm{end}"] <= there[f"hd_mm{end}"] + 1e-9
    same = on((one, one), spacing)
    assert all(same[name] == (1 if name.startswith("surface_dice") else 0) for name in DISTANCES)


@given(pairs(), st.integers(0, 3), st.integers(0, 3))
def test_moving_both_changes_nothing(pair, before, after):
    one, two, spacing = pair
    wider = [
        np.pad(mask, ((before, after), (after, before), (before, before))) for mask in (one, two)
    ]
    a, b = on((one, two), spacing), on(wider, spacing)
    assert all(a[name] == pytest.approx(b[name], abs=1e-9) for name in DISTANCES)


@given(pairs(), st.sampled_from([0.5, 2.0, 3.0]))
def test_distances_scale_with_the_spacing(pair, scale):
    one, two, spacing = pair
    a, b = on((one, two), spacing), on((one, two), tuple(scale * s for s in spacing))
    for name in DISTANCES:
        if not name.startswith("surface_dice"):
            assert b[name] == pytest.approx(scale * a[name], abs=1e-9)


@given(pairs())
def test_the_axes_are_equals(pair):
    one, two, (a, b, c) = pair
    turned = on((one.transpose(2, 0, 1), two.transpose(2, 0, 1)), (c, a, b))
    straight = on((one, two), (a, b, c))
    assert all(straight[name] == pytest.approx(turned[name], abs=1e-9) for name in DISTANCES)


def test_missed_and_invented_have_the_worst_case_and_nothing_has_none():
    grid = Grid.axial((3, 4, 5), (2.0, 1.0, 0.5))
    some, none = np.zeros(grid.shape, bool), np.zeros(grid.shape, bool)
    some[1, 1, 1] = True
    diagonal = math.sqrt(4.0**2 + 3.0**2 + 2.0**2)
    assert worst_distance_mm(grid) == pytest.approx(diagonal)
    for pair in ((some, none), (none, some)):
        for name, value in distances(*pair, grid).items():
            assert value == pytest.approx(0 if name.startswith("surface_dice") else diagonal)
    assert all(math.isnan(value) for value in distances(none, none, grid).values())
    assert set(area_distances(none, some, grid)) == set(BASIC)


def ball(spacing, radius, centre=(0.0, 0.0, 0.0), reach=34.0):
    axes = [np.arange(-round(reach / s), round(reach / s) + 1) * s for s in spacing]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 <= radius**2


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 0.8, 0.8), (0.9, 2.0, 1.2)])
def test_balls_in_balls(spacing):
    """Concentric balls of 28 and 24 mm: every distance is 4 mm but for the voxels' own size."""
    told = on((ball(spacing, 28.0), ball(spacing, 24.0)), spacing)
    coarse = max(spacing)
    for name in ("msd_mm", "msd_mm_voxel", "msd_mm_pooled"):
        assert told[name] == pytest.approx(4.0, abs=0.5 * coarse), name
    for name in ("hd95_mm", "hd_mm", "hd95_mm_voxel", "hd_mm_voxel", "hd95_mm_pooled"):
        assert 4.0 - 0.5 * coarse < told[name] < 4.0 + 1.2 * coarse, name
    assert told["surface_dice_1mm"] == told["surface_dice_2mm_voxel"] == 0


def ellipsoid_points(axes, count=160):
    """Points of an ellipsoid's surface, evenly spaced in its parameters, and the area that each
    stands for.
    """
    u, v = np.meshgrid(
        (np.arange(count) + 0.5) * np.pi / count,
        np.arange(2 * count) * np.pi / count,
        indexing="ij",
    )
    a, b, c = axes
    points = np.stack(
        [a * np.cos(u), b * np.sin(u) * np.cos(v), c * np.sin(u) * np.sin(v)], axis=-1
    ).reshape(-1, 3)
    normal = np.stack(
        [b * c * np.cos(u), a * c * np.sin(u) * np.cos(v), a * b * np.sin(u) * np.sin(v)], axis=-1
    )
    return points, (np.sin(u) * np.linalg.norm(normal, axis=-1)).ravel()


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.5, 0.8, 0.8)])
def test_ellipsoids_in_ellipsoids(spacing):
    """Surfaces sampled from their formula, each point's distance to the other by search: no
    voxel is in the oracle.
    """
    outer, inner = (30.0, 24.0, 18.0), (26.0, 22.0, 14.0)
    grid = [np.arange(-round(34 / s), round(34 / s) + 1) * s for s in spacing]
    z, y, x = np.meshgrid(*grid, indexing="ij")
    masks = [(z / a) ** 2 + (y / b) ** 2 + (x / c) ** 2 <= 1 for a, b, c in (outer, inner)]
    told = on(masks, spacing)
    surfaces = [ellipsoid_points(axes) for axes in (outer, inner)]
    directed = []
    for (points, areas), (others, _) in (surfaces, surfaces[::-1]):
        directed.append((cKDTree(others).query(points)[0], areas))
    # a mean between staircases is about half a voxel short, whoever computes it
    slack = 0.6 * max(spacing)
    assert told["msd_mm"] == pytest.approx(
        np.mean([np.average(d, weights=w) for d, w in directed]), abs=slack
    )
    assert told["hd95_mm"] == pytest.approx(
        max(weighted_quantile(d, w, 0.95) for d, w in directed), abs=slack
    )
    assert told["hd_mm"] == pytest.approx(max(d.max() for d, _ in directed), abs=slack)
    volumes = [4 / 3 * math.pi * math.prod(axes) for axes in (outer, inner)]
    counted = [np.count_nonzero(mask) * math.prod(spacing) for mask in masks]
    assert counted == pytest.approx(volumes, rel=0.01)
    dice = ratios(slice_overlap(*masks).total(), 1.0)["dice"]
    assert dice == pytest.approx(2 * volumes[1] / sum(volumes), abs=0.01)


def weighted_quantile(values, weights, share):
    order = np.argsort(values)
    return values[order][np.searchsorted(np.cumsum(weights[order]), share * weights.sum())]


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 0.7, 1.0)])
def test_a_ball_moved(spacing):
    """Moved by d along a row, a ball's surface lies |R - |p - c|| away: d at the poles, a mean
    of d/2 to first order.
    """
    shift = 4 * spacing[2]
    told = on((ball(spacing, 25.0), ball(spacing, 25.0, centre=(0, 0, shift))), spacing)
    assert told["hd_mm"] == pytest.approx(shift, abs=1e-9)
    assert told["hd95_mm"] == pytest.approx(0.95 * shift, abs=0.1 * shift)
    assert told["msd_mm"] == pytest.approx(shift / 2, abs=0.5 * max(spacing))


@pytest.mark.parametrize(
    ("axis", "spacing"), [(0, (5.0, 1.0, 1.0)), (1, (5.0, 0.7, 1.0)), (2, (2.5, 1.0, 0.6))]
)
def test_slabs_that_touch_the_edge(axis, spacing):
    """Slabs over the whole width, three voxels apart at one face: half of the faces lie exactly
    three voxels off.
    """
    one, two = np.zeros((12, 14, 16), bool), np.zeros((12, 14, 16), bool)
    np.moveaxis(one, axis, 0)[:4] = True
    np.moveaxis(two, axis, 0)[:7] = True
    told = on((one, two), spacing)
    assert told["hd_mm"] == pytest.approx(3 * spacing[axis])
    assert told["hd_mm_voxel"] == pytest.approx(3 * spacing[axis])
    assert told["hd95_mm"] == pytest.approx(3 * spacing[axis])


def test_area_weighing_does_not_depend_on_how_finely_a_plane_is_cut():
    """A wall cut coarsely along the slices and finely along the rows: its share of the surface
    is its share of the area.
    """
    grid = Grid.axial((6, 40, 40), (5.0, 0.5, 0.5))
    one = np.zeros(grid.shape, bool)
    one[1:5, 5:35, 5:35] = True
    two = one.copy()
    two[4] = False  # the top face lies 5 mm lower
    told = distances(two, one, grid)
    top, side = 15.0 * 15.0, 4 * 15.0 * 20.0
    # of the reference: its top, and the walls more than 1 mm up
    expected = (top + 3 * 15.0 * 4) / (2 * top + side)
    assert told["surface_dice_1mm"] < 1 - expected / 2
    assert told["surface_dice_1mm"] != pytest.approx(told["surface_dice_1mm_voxel"], abs=0.05)


def test_weighted_percentile_by_hand():
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([1.0, 8.0, 1.0])
    assert [weighted_percentile(values, weights, p) for p in (50, 80, 85, 90, 95, 100)] == [
        1,
        1,
        2,
        2,
        3,
        3,
    ]


@pytest.mark.parametrize("name", SPACINGS)
def test_medpy_monai_and_deepmind_say_the_same_under_the_names_of_their_definitions(name):
    prediction, reference, spacing = pair_of_peers(name)
    told = on((prediction, reference), spacing) | ratios(
        slice_overlap(prediction, reference).total(), 1.0
    )
    for peer, values in json.loads(KEPT.read_text())[name].items():
        for metric, value in values.items():
            close = 1e-5 if peer == "MONAI" else 1e-9  # MONAI keeps float32
            assert told[metric] == pytest.approx(value, rel=close), (peer, metric)

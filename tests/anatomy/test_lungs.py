"""What is cleaned from a raw answer, and what is not; morphology against brute force and scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.distance import cdist

from pleura.anatomy.airways import airways
from pleura.anatomy.couch import body_mask, couch_mask
from pleura.anatomy.lungs import clean_lungs
from pleura.geometry.grid import Grid
from pleura.geometry.morphology import (
    closed,
    components,
    dilated,
    eroded,
    holes_filled,
    opened,
    slice_holes_filled,
)
from pleura.geometry.volume import Volume
from pleura.phantom.anatomy import chest

SHAPE = (40, 96, 96)


@pytest.fixture(scope="module")
def case():
    volume, lungs = chest(SHAPE, seed=2)
    return volume, lungs.lungs, body_mask(volume)


def dice(a, b):
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


def hallucinated(mask, truth):
    return int(np.count_nonzero(mask.any(axis=(1, 2)) & ~truth.any(axis=(1, 2))))


def missed(mask, truth):
    return int(np.count_nonzero(truth.any(axis=(1, 2)) & ~mask.any(axis=(1, 2))))


def ball(volume, at, radius_mm):
    index = np.stack(
        np.meshgrid(*[np.arange(n) for n in volume.grid.shape], indexing="ij"), axis=-1
    )
    centre = volume.grid.to_world(np.array(at, dtype=float))
    return np.linalg.norm(volume.grid.to_world(index) - centre, axis=-1) < radius_mm


def test_a_good_answer_is_left_alone(case):
    volume, truth, _ = case
    assert dice(clean_lungs(truth, volume), truth) > 0.999
    assert missed(clean_lungs(truth, volume), truth) == 0


def test_everything_below_a_threshold_becomes_lungs(case):
    volume, truth, body = case
    lungs = clean_lungs(volume.hu < -420, volume)
    assert dice(lungs, truth) > 0.985
    assert hallucinated(lungs, truth) == 0
    assert not lungs[~body].any()
    assert np.count_nonzero(lungs & airways(volume, body)) < 0.1 * np.count_nonzero(
        airways(volume, body)
    )


def test_hallucinations_of_a_net_go(case):
    volume, truth, body = case
    raw = truth | couch_mask(volume, body)
    low, high = np.flatnonzero(truth.any(axis=(1, 2)))[[0, -1]]
    raw |= ball(volume, (low // 2, 48, 48), 14)  # solid, in the belly
    # gas in the bowel
    raw |= (volume.hu < -420) & body & (np.arange(SHAPE[0])[:, None, None] < low)
    raw |= airways(volume, body)
    raw |= ball(volume, (min(high + 3, SHAPE[0] - 1), 50, 48), 9)  # solid, in the neck
    rng = np.random.default_rng(0)
    raw |= rng.random(SHAPE) < 0.0005
    lungs = clean_lungs(raw, volume)
    assert hallucinated(raw, truth) > 5
    assert hallucinated(lungs, truth) == 0
    assert missed(lungs, truth) == 0
    assert dice(lungs, truth) > 0.99


def test_solid_slices_at_the_ends_go_but_consolidation_stays(case):
    volume, truth, _ = case
    slices = np.flatnonzero(truth.any(axis=(1, 2)))
    raw = truth.copy()
    low = slices[0]
    raw[low - 1] |= truth[low] | truth[low + 1]  # a slice too many
    assert hallucinated(clean_lungs(raw, volume), truth) == 0
    hu = volume.hu.copy()
    # the lowest 7 cm are solid: pneumonia, not a mistake
    whole = truth & (np.arange(SHAPE[0])[:, None, None] < low + 8)
    hu[whole] = 40
    sick = clean_lungs(truth, Volume(hu, volume.grid))
    assert np.count_nonzero(sick & whole) > 0.9 * np.count_nonzero(whole)


def test_a_thin_leak_into_a_bubble_is_cut(case):
    volume, truth, _ = case
    slices = np.flatnonzero(truth.any(axis=(1, 2)))
    depth = ndimage.distance_transform_edt(truth[slices[0] + 8])
    row, column = np.unravel_index(np.argmax(depth), depth.shape)
    floor = int(np.flatnonzero(truth[:, row, column])[0])
    bubble = ball(volume, (floor - 5, row, column), 24) & ~truth
    leak = np.zeros(SHAPE, dtype=bool)
    leak[floor - 5 : floor + 1, row, column] = True  # one voxel wide
    hu = volume.hu.copy()
    hu[bubble], hu[leak & ~bubble] = -1000, -700
    raw = truth | bubble | leak
    joined, _ = components(raw, connectivity=6)
    assert joined[floor - 5, row, column] == joined[floor, row, column]
    lungs = clean_lungs(raw, Volume(hu, volume.grid))
    assert np.count_nonzero(lungs & bubble) < 0.05 * np.count_nonzero(bubble)
    assert dice(lungs, truth) > 0.99


def test_vessels_are_filled(case):
    volume, truth, _ = case
    raw = truth & (volume.hu < -420)
    assert np.count_nonzero(truth & ~clean_lungs(raw, volume)) < 0.5 * np.count_nonzero(
        truth & ~raw
    )


def test_nothing_in_nothing_out(case):
    volume, _, _ = case
    assert not clean_lungs(np.zeros(SHAPE, dtype=bool), volume).any()
    room = (volume.hu < -900) & ~dilated(body_mask(volume), volume.grid.spacing_mm, 5.0)
    assert room.any()
    assert not clean_lungs(room, volume).any()


masks = st.tuples(
    st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(1, 6)),
    st.integers(0, 10**6),
    st.floats(0.05, 0.95),
).map(lambda t: np.random.default_rng(t[1]).random(t[0]) < t[2])
spacings = st.tuples(*[st.sampled_from([0.7, 1.0, 2.5, 4.0])] * 3)


def brute_dilated(mask, spacing, radius):
    points = np.argwhere(mask) * spacing
    grid = np.argwhere(np.ones(mask.shape, dtype=bool)) * np.array(spacing)
    if not len(points):
        return np.zeros(mask.shape, dtype=bool)
    distance = cdist(grid, points).min(axis=1)
    return (distance <= radius + 1e-4).reshape(mask.shape)


@settings(max_examples=25)
@given(masks, spacings, st.sampled_from([1.13, 2.6, 3.0, 5.3]))
def test_morphology_is_that_of_a_ball(mask, spacing, radius):
    grown = brute_dilated(mask, spacing, radius)
    assert np.array_equal(dilated(mask, spacing, radius), grown)
    shrunk = ~brute_dilated(~mask, spacing, radius)
    assert np.array_equal(eroded(mask, spacing, radius), shrunk)
    assert np.array_equal(
        opened(mask, spacing, radius), brute_dilated(shrunk, spacing, radius) & mask
    )
    if radius < 2:
        wide = np.pad(mask, 3)
        expected = ~brute_dilated(~brute_dilated(wide, spacing, radius), spacing, radius)
        assert np.array_equal(closed(mask, spacing, radius), expected[3:-3, 3:-3, 3:-3] | mask)


@given(masks)
def test_components_and_holes_as_scipy_has_them(mask):
    for connectivity, structure in (
        (6, ndimage.generate_binary_structure(3, 1)),
        (26, np.ones((3, 3, 3))),
    ):
        labels, counts = components(mask, connectivity=connectivity)
        theirs, n = ndimage.label(mask, structure)
        assert len(counts) == n + 1
        assert sorted(counts[1:]) == sorted(np.bincount(theirs.ravel())[1:])
        assert np.array_equal(labels > 0, mask)
    assert np.array_equal(holes_filled(mask), ndimage.binary_fill_holes(mask))
    flat = np.array([ndimage.binary_fill_holes(m) for m in mask])
    assert np.array_equal(slice_holes_filled(mask, 1.0, np.inf), flat)
    assert np.array_equal(slice_holes_filled(mask, 1.0, 0.5), mask)


def test_the_trachea_is_found_and_does_not_leak():
    volume, lungs = chest(SHAPE, seed=4)
    tube = airways(volume, body_mask(volume))
    assert 5 < np.count_nonzero(tube) * volume.grid.voxel_ml < 80
    assert np.median(volume.hu[tube]) < -900
    assert np.count_nonzero(tube & lungs.lungs) < 0.002 * np.count_nonzero(lungs.lungs)


def test_no_trachea_in_a_block():
    grid = Grid.axial((10, 40, 40), (5, 5, 5))
    hu = np.full(grid.shape, -1000, dtype=np.int16)
    hu[:, 5:35, 5:35] = 40
    volume = Volume(hu, grid)
    assert not airways(volume, body_mask(volume)).any()

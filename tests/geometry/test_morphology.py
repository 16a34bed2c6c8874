"""Components and directions beside scipy's labels and plain loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from pleura.geometry.morphology import components, directions_met, inscribed_radius_mm, present

MASKS = arrays.arrays(np.bool_, arrays.array_shapes(min_dims=3, max_dims=3, max_side=6))


@pytest.mark.parametrize("connectivity", [6, 26])
@given(mask=MASKS)
def test_components_are_scipys(connectivity, mask):
    labels, counts = components(mask, connectivity=connectivity)
    wanted, number = ndimage.label(mask, np.ones((3, 3, 3)) if connectivity == 26 else None)
    assert labels.shape == mask.shape
    assert len(counts) == number + 1
    assert counts.sum() == mask.size
    pairs = {(int(a), int(b)) for a, b in zip(labels.ravel(), wanted.ravel(), strict=True)}
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
    assert [int(np.count_nonzero(labels == k)) for k in range(len(counts))] == counts.tolist()


def test_a_part_in_the_corner_of_a_large_array_keeps_its_place():
    mask = np.zeros((9, 50, 60), np.bool_)
    mask[2:4, 40:, 50:] = True
    mask[7, 1, 1] = True
    labels, counts = components(mask, connectivity=6)
    assert np.array_equal(labels > 0, mask)
    assert counts.tolist() == [mask.size - 201, 200, 1]


@given(arrays.arrays(np.bool_, arrays.array_shapes(min_dims=2, max_dims=3, max_side=6)))
def test_directions_are_those_of_a_walk(mask):
    met = directions_met(mask)
    for at in np.ndindex(mask.shape):
        *first, row, column = at
        plane = mask[tuple(first)]
        lines = (
            plane[: row + 1, column],
            plane[row:, column],
            plane[row, : column + 1],
            plane[row, column:],
        )
        assert met[at] == sum(bool(line.any()) for line in lines)


@given(st.lists(st.integers(0, 300), max_size=30))
def test_present_labels_are_numpys(values):
    labels = np.array(values, np.uint16)
    assert present(labels).tolist() == np.unique(labels).tolist()


@given(
    arrays.arrays(np.bool_, st.tuples(st.integers(3, 20), st.integers(3, 20))),
    st.floats(0.4, 4),
    st.floats(0.4, 4),
)
def test_inscribed_radius_is_the_greatest_distance_to_a_voxel_outside(mask, row_mm, column_mm):
    inside = np.argwhere(mask) * (row_mm, column_mm)
    outside = np.argwhere(~mask) * (row_mm, column_mm)
    found = inscribed_radius_mm(mask, (row_mm, column_mm))
    if not len(outside):
        assert found == np.inf
    elif not len(inside):
        assert found == 0
    else:
        distances = np.linalg.norm(inside[:, None] - outside[None], axis=2)
        assert found == pytest.approx(distances.min(axis=1).max(), rel=1e-4)


def test_a_disc_has_its_own_radius_at_any_spacing():
    y, x = np.mgrid[-30:31, -30:31]
    disc = (y * 2.0) ** 2 + (x * 1.0) ** 2 <= 20.0**2
    assert inscribed_radius_mm(disc, (2.0, 1.0)) == pytest.approx(20.0, abs=1.0)

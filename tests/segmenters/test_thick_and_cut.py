"""Thick slices and cut chests: no slice with lung where there is none, no lung outside the body."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.phantom.anatomy import chest
from pleura.segmenters.shipped import ShippedNetwork

HEIGHT_MM = 330.0
PIXEL_MM = 4.0


@pytest.fixture(scope="module")
def network():
    return ShippedNetwork.open(threads=1)


def inside(hu):
    """The filled outline of the largest solid part of each slice: patient and couch, a voxel wider
    than the skin.
    """
    body = np.zeros(hu.shape, bool)
    for k, plane in enumerate(hu > -500):
        closed = ndimage.binary_closing(np.pad(plane, 4), iterations=2)[4:-4, 4:-4]
        body[k] = ndimage.binary_dilation(ndimage.binary_fill_holes(closed | plane))
    return body


@settings(max_examples=6)
@given(
    seed=st.integers(100, 10_000),
    step=st.sampled_from([3.0, 5.0, 8.0, 10.0]),
    low=st.floats(0.0, 0.45),
    high=st.floats(0.55, 1.0),
)
@example(seed=11, step=8.0, low=0.0, high=1.0)
def test_no_slice_and_no_voxel_is_invented(network, seed, step, low, high):
    slices = round(HEIGHT_MM / step)
    volume, truth = chest((slices, 90, 105), (step, PIXEL_MM, PIXEL_MM), seed=seed)
    kept = slice(round(low * slices), round(high * slices))
    hu, wanted = np.ascontiguousarray(volume.hu[kept]), truth.labels[kept]
    found = network(Volume(hu, Grid.axial(hu.shape, volume.grid.spacing_mm)))
    labels = found.mask.labels
    for side in (1, 2):
        invented = (labels == side).any(axis=(1, 2)) & ~(wanted == side).any(axis=(1, 2))
        assert not invented.any()
    assert not (labels > 0)[~inside(hu)].any()
    other = (labels > 0) & (wanted > 0) & (labels != wanted)
    assert np.count_nonzero(other) <= 0.002 * np.count_nonzero(wanted)

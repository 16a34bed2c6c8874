"""The shipped network's path around the network: coarse copy, cleaning, rim and sides, with a
network written by hand.
"""

import json
from dataclasses import replace

import numpy as np
import pytest
from testing.networks import write_lung_network

from pleura.core.errors import InputRefused
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.phantom.anatomy import chest
from pleura.segmenters.shipped import ShippedNetwork


def dice(a, b):
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


def plain_chest(shape, spacing_mm=None, *, seed):
    """A phantom without the gas of bowel and airways, which a network of HU alone cannot tell
    from lung.
    """
    volume, truth = chest(shape, spacing_mm, seed=seed, couch=False)
    rows, columns = (
        np.abs(np.arange(n) - (n - 1) / 2) * s
        for n, s in zip(shape[1:], volume.grid.spacing_mm[1:], strict=True)
    )
    middle = (rows[:, None] < 75) & (columns[None, :] < 110)
    hu = np.where(middle & ~truth.lungs, np.maximum(volume.hu, 0), volume.hu).astype(np.int16)
    return Volume(hu, volume.grid, volume.padding), truth


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return ShippedNetwork.open(write_lung_network(tmp_path_factory.mktemp("network")))


@pytest.fixture(scope="module")
def phantom():
    return plain_chest((48, 128, 128), seed=2)


@pytest.fixture(scope="module")
def straight(network, phantom):
    return network(phantom[0])


def test_lungs_on_the_volumes_own_voxels(straight, phantom):
    volume, truth = phantom
    assert straight.mask.grid is volume.grid
    assert dice(straight.mask.right, truth.right) > 0.97
    assert dice(straight.mask.left, truth.left) > 0.97
    assert straight.raw.sum() > straight.mask.lungs.sum()  # the rim of the skin is in it


def turned(volume, axes, flips):
    """The same patient stored otherwise: axes exchanged and flipped, with the grid that says so."""
    affine = np.array(volume.grid.affine)
    affine[:, :3] = affine[:, axes]
    hu = volume.hu.transpose(axes)
    padding = None if volume.padding is None else volume.padding.transpose(axes)
    for axis in flips:
        affine[:3, 3] += affine[:3, axis] * (hu.shape[axis] - 1)
        affine[:3, axis] *= -1
        hu = np.flip(hu, axis)
        padding = None if padding is None else np.flip(padding, axis)
    grid = Grid(hu.shape, affine)
    return Volume(
        np.ascontiguousarray(hu), grid, None if padding is None else np.ascontiguousarray(padding)
    )


@pytest.mark.parametrize(
    ("axes", "flips"),
    [
        ((0, 1, 2), (0,)),
        ((0, 1, 2), (1, 2)),
        ((1, 0, 2), ()),
        ((2, 0, 1), (0, 2)),
        ((2, 1, 0), (1,)),
    ],
)
def test_however_the_stack_is_stored_the_same_lungs(network, phantom, straight, axes, flips):
    other = network(turned(phantom[0], axes, flips)).mask.labels
    for axis in flips:
        other = np.flip(other, axis)
    other = other.transpose(np.argsort(axes))
    assert np.mean(other != straight.mask.labels) < 1e-5


def test_a_tilted_gantry_gives_the_same_lungs(network):
    volume, _ = plain_chest((40, 96, 96), seed=4)
    affine = np.array(volume.grid.affine)
    affine[1, 0] = 0.3 * affine[2, 0]  # slices slide backwards as they rise
    grid = Grid(volume.grid.shape, affine)
    found = network(Volume(volume.hu, grid, volume.padding))
    straight = network(volume)
    assert dice(found.mask.right, straight.mask.right) > 0.97
    assert dice(found.mask.left, straight.mask.left) > 0.97


def test_uneven_slices_keep_their_true_positions(network):
    volume, _ = plain_chest((60, 96, 96), (5, 4.4, 4.4), seed=4)
    keep = np.r_[0:20, 20:40:2, 40:60]
    positions = keep * 5.0
    affine = np.array(volume.grid.affine)
    affine[:3, 0] *= (positions[-1] / (len(keep) - 1)) / 5.0
    grid = Grid((len(keep), 96, 96), affine, positions)
    padding = None if volume.padding is None else volume.padding[keep]
    found = network(Volume(volume.hu[keep], grid, padding))
    assert dice(found.mask.lungs, network(volume).mask.lungs[keep]) > 0.97


def test_padding_counts_as_air(network, phantom):
    volume, _ = phantom
    hu = np.array(volume.hu)
    padding = np.zeros(hu.shape, np.bool_)
    padding[:, :, :12] = True
    hu[padding] = -700
    found = network(Volume(hu, volume.grid, padding))
    assert not found.mask.lungs[padding].any()
    assert found.mask.lungs.any()


def test_nothing_found_is_said(network):
    grid = Grid.axial((20, 40, 40), (5, 5, 5))
    found = network(Volume(np.full(grid.shape, 40, dtype=np.int16), grid))
    assert not found.mask.lungs.any()
    assert [finding.code for finding in found.findings] == ["NO-LUNGS-FOUND"]


@pytest.mark.parametrize("shape", [(1, 64, 64), (2, 3, 64), (5, 512, 7)])
def test_odd_shapes_are_segmented_or_found_empty(network, shape):
    grid = Grid.axial(shape, (2.5, 0.9, 0.9))
    rng = np.random.default_rng(0)
    found = network(Volume(rng.integers(-1024, 400, shape).astype(np.int16), grid))
    assert found.mask.labels.shape == shape


def test_the_same_volume_gives_the_same_mask(network, phantom, straight):
    assert np.array_equal(network(phantom[0]).mask.labels, straight.mask.labels)


@pytest.mark.parametrize("threads", [1, 3, 60])
def test_the_number_of_threads_changes_nothing(network, phantom, straight, threads):
    found = replace(network, threads=threads)(phantom[0])
    assert np.array_equal(found.mask.labels, straight.mask.labels)
    assert np.array_equal(found.raw, straight.raw)


def test_changed_weights_are_refused(tmp_path):
    folder = write_lung_network(tmp_path)
    data = bytearray((folder / "lungs.onnx").read_bytes())
    data[100] ^= 1
    (folder / "lungs.onnx").write_bytes(bytes(data))
    with pytest.raises(InputRefused) as error:
        ShippedNetwork.open(folder)
    assert error.value.code == "WEIGHTS-CHANGED"


def test_it_says_what_it_is_and_no_path(network):
    codes = json.dumps(network.describe())
    assert network.card["sha256"] in codes
    assert "/" not in codes

"""Body and couch on synthetic chests of every build, and on narrow fields of view."""

import numpy as np
import pytest

from pleura.arrays.grid import Grid
from pleura.arrays.tabletop import body_mask, couch_mask
from pleura.arrays.volume import Volume
from pleura.phantom.anatomy import chest

SHAPE = (32, 96, 96)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("arms", ["up", "down"])
@pytest.mark.parametrize("padding_hu", [None, -2000])
def test_the_couch_goes_and_no_lung_with_it(seed, arms, padding_hu):
    volume, lungs = chest(SHAPE, seed=seed, arms=arms, padding_hu=padding_hu)
    bare, _ = chest(SHAPE, seed=seed, arms=arms, padding_hu=padding_hu, couch=False)
    body = body_mask(volume)
    couch = couch_mask(volume, body)
    assert body[lungs.lungs].all()
    assert not (couch & lungs.lungs).any()
    assert not (couch & body).any()
    assert np.count_nonzero(couch) > 500
    assert volume.hu[couch].min() > -900
    if volume.padding is not None:
        assert not body[volume.padding].any()
    patient = bare.hu > -300 if bare.grid.same_as(volume.grid) else body
    solid = patient & (volume.hu > -300)
    assert np.count_nonzero(couch & solid) <= 0.001 * np.count_nonzero(solid)


def test_without_a_couch_next_to_nothing_is_taken():
    volume, _ = chest(SHAPE, seed=1, couch=False)
    couch = couch_mask(volume, body_mask(volume))
    assert np.count_nonzero(couch) < 0.0005 * couch.size


def narrowed(volume: Volume, radius_mm: float, at: tuple[float, float]) -> Volume:
    """The volume with everything beyond a circle padded, as a targeted reconstruction has it."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in volume.grid.shape], indexing="ij"), axis=-1)
    x, y, _ = np.moveaxis(volume.grid.to_world(index), -1, 0)
    outside = (x - at[0]) ** 2 + (y - at[1]) ** 2 > radius_mm**2
    return Volume(np.where(outside, -2000, volume.hu).astype(np.int16), volume.grid, outside)


@pytest.mark.parametrize("at", [(-55.0, 0.0), (55.0, 0.0), (0.0, 0.0)])
def test_a_narrow_field_keeps_the_lungs_it_cuts(at):
    volume, lungs = chest((32, 128, 128), seed=2)
    volume = narrowed(volume, 95.0, at)
    inside = lungs.lungs & ~volume.padding
    body = body_mask(volume)
    assert np.count_nonzero(body & inside) > 0.97 * np.count_nonzero(inside)
    assert np.count_nonzero(couch_mask(volume, body) & inside) == 0


def test_the_space_under_wide_shoulders_is_not_body():
    grid = Grid.axial((12, 100, 100), (4, 4, 4))
    hu = np.full(grid.shape, -1000, dtype=np.int16)
    hu[:, 20:50] = 40  # a patient from edge to edge
    hu[:, 50:96] = -920  # foam
    hu[:, 70:72] = 0  # the couch's shell
    body = body_mask(Volume(hu, grid))
    assert body[:, 22:48].all()
    assert not body[:, 53:].any()
    assert not body[:, :18].any()
    assert couch_mask(Volume(hu, grid), body)[:, 70:72].all()


def test_nothing_but_air():
    grid = Grid.axial((4, 20, 20), (5, 5, 5))
    volume = Volume(np.full(grid.shape, -1000, dtype=np.int16), grid)
    assert not body_mask(volume).any()
    assert not couch_mask(volume, body_mask(volume)).any()


def test_the_same_body_however_the_stack_is_stored():
    volume, _ = chest((24, 64, 64), seed=3)
    body = body_mask(volume)
    affine = volume.grid.affine[:, [2, 0, 1, 3]].copy()  # sagittal: columns become slices
    turned = Volume(np.ascontiguousarray(volume.hu.transpose(2, 0, 1)), Grid((64, 24, 64), affine))
    assert np.array_equal(body_mask(turned), body.transpose(2, 0, 1))

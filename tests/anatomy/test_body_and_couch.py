"""Body and couch on synthetic chests of every build, and on narrow fields of view."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pleura.anatomy.couch import body_mask, couch_mask, hidden_slices, without_couch
from pleura.geometry.grid import Grid
from pleura.geometry.morphology import dilated, eroded
from pleura.geometry.volume import AIR_HU, Volume
from pleura.phantom.anatomy import chest, couch

SHAPE = (32, 96, 96)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("arms", ["up", "down"])
@pytest.mark.parametrize("padding_hu", [None, -2000])
def test_the_couch_goes_and_no_lung_with_it(seed, arms, padding_hu):
    told = {"seed": seed, "arms": arms, "padding_hu": padding_hu}
    volume, lungs = chest(SHAPE, **told)
    truth = couch(SHAPE, **told)
    body = body_mask(volume)
    found = couch_mask(volume, body)
    assert body[lungs.lungs].all()
    assert not (found & lungs.lungs).any()
    assert not (found & body).any()
    solid = truth & (volume.hu > -900)
    assert np.count_nonzero(found & solid) > 0.7 * np.count_nonzero(solid)
    beyond = found & ~dilated(truth, volume.grid.spacing_mm, 9.0)
    assert np.count_nonzero(beyond) <= 40, (
        "blur spreads the couch, no more; a shoulder blade of one body juts out of its skin"
    )
    if volume.padding is not None:
        assert not (body | found)[volume.padding].any()


def test_a_hollow_couch_goes_with_its_core():
    shape = (6, 256, 256)
    told = {
        "spacing_mm": (10.0, 1.64, 1.64),
        "seed": 4,
        "couch_thickness": 60.0,
        "couch_hollow_hu": -980.0,
    }
    volume, _ = chest(shape, **told)
    core = eroded(couch(shape, **told), volume.grid.spacing_mm, 9.0)
    found = couch_mask(volume, body_mask(volume))
    assert np.count_nonzero(found & core) > 0.9 * np.count_nonzero(core)
    bare = without_couch(volume, found)
    assert (bare.hu[found] == AIR_HU).all()
    assert np.array_equal(bare.hu[~found], volume.hu[~found])


def test_without_a_couch_next_to_nothing_is_taken():
    volume, _ = chest(SHAPE, seed=1, couch=False)
    found = couch_mask(volume, body_mask(volume))
    assert np.count_nonzero(found) < 0.0005 * found.size


def narrowed(volume: Volume, radius_mm: float, at: tuple[float, float]) -> Volume:
    """The volume with everything beyond a circle padded, as a targeted reconstruction has it."""
    index = np.stack(
        np.meshgrid(*[np.arange(n) for n in volume.grid.shape], indexing="ij"), axis=-1
    )
    x, y, _ = np.moveaxis(volume.grid.to_world(index), -1, 0)
    outside = (x - at[0]) ** 2 + (y - at[1]) ** 2 > radius_mm**2
    return Volume(np.where(outside, -2000, volume.hu).astype(np.int16), volume.grid, outside)


@pytest.mark.parametrize("at", [(-55.0, 0.0), (55.0, 0.0), (0.0, 0.0)])
@pytest.mark.parametrize("radius_mm", [60.0, 95.0, 120.0])
def test_a_narrow_field_keeps_the_lungs_it_cuts(at, radius_mm):
    volume, lungs = chest((32, 128, 128), seed=2)
    volume = narrowed(volume, radius_mm, at)
    inside = lungs.lungs & ~volume.padding
    body = body_mask(volume)
    if radius_mm == 95.0:
        assert np.count_nonzero(body & inside) > 0.97 * np.count_nonzero(inside)
    assert np.count_nonzero(couch_mask(volume, body) & inside) == 0
    assert (hidden_slices(volume, body) == 32) == (radius_mm < 100)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    radius_mm=st.floats(60, 230),
    x=st.floats(-80, 80),
    y=st.floats(-50, 50),
    arms=st.sampled_from(["up", "down"]),
    hollow=st.floats(-985, -600),
)
def test_no_voxel_of_lung_is_ever_altered(seed, radius_mm, x, y, arms, hollow):
    volume, lungs = chest((16, 72, 72), seed=seed, arms=arms, couch_hollow_hu=hollow)
    volume = narrowed(volume, radius_mm, (x, y))
    found = couch_mask(volume, body_mask(volume))
    assert not (found & lungs.lungs & ~volume.padding).any()


def test_a_patient_turned_over_keeps_the_lungs_and_loses_the_couch():
    volume, lungs = chest(SHAPE, seed=5)
    body = body_mask(volume)
    rows = np.flatnonzero(body.any(axis=(0, 2)))
    box = (slice(None), slice(rows[0], rows[-1] + 1))
    hu = np.where(body, -1000, volume.hu).astype(np.int16)
    hu[box][body[box][:, ::-1]] = volume.hu[box][:, ::-1][body[box][:, ::-1]]
    turned = np.zeros_like(body)
    turned[box] = lungs.lungs[box][:, ::-1]
    prone = Volume(hu, volume.grid)
    found = couch_mask(prone, body_mask(prone))
    assert not (found & turned).any()
    solid = couch(SHAPE, seed=5) & (hu > -900)
    assert np.count_nonzero(found & solid) > 0.7 * np.count_nonzero(solid)


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

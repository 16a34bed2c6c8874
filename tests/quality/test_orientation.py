"""The side gate: straight stacks pass, flipped ones do not, whatever the grid says."""

import itertools

import numpy as np
import pytest

from pleura.core.findings import Verdict, worst
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume
from pleura.phantom.anatomy import chest
from pleura.quality.orientation import check_orientation

SHAPE = (32, 80, 80)


def flipped(volume, flips):
    """Voxels flipped, grid kept: a lie."""
    padding = None if volume.padding is None else np.ascontiguousarray(volume.padding[flips])
    return Volume(np.ascontiguousarray(volume.hu[flips]), volume.grid, padding)


def flips_of(signs):
    return tuple(slice(None, None, sign) for sign in signs)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("variation", [{}, {"arms": "down", "padding_hu": -2000}, {"couch": False}])
def test_a_straight_chest_passes(seed, variation):
    volume, mask = chest(SHAPE, seed=seed, **variation)
    assert check_orientation(volume, mask) == ()
    assert check_orientation(volume) == ()


@pytest.mark.parametrize("signs", list(itertools.product((1, -1), repeat=3))[1:])
@pytest.mark.parametrize("seed", [0, 5])
def test_every_lie_is_caught(signs, seed):
    volume, mask = chest(SHAPE, seed=seed)
    lie = flipped(volume, flips_of(signs))
    told = LungMask(np.ascontiguousarray(mask.labels[flips_of(signs)]), mask.grid)
    for findings in (check_orientation(lie), check_orientation(lie, told)):
        codes = {finding.code for finding in findings}
        if signs[0] < 0:
            assert "UPSIDE-DOWN" in codes
        if signs[1] < 0:
            assert "SPINE-IN-FRONT" in codes
        if signs[:2] == (1, 1):
            assert codes == {"MIRRORED"}
        assert worst(findings) is (Verdict.REVIEW if codes == {"MIRRORED"} else Verdict.REFUSED)


@pytest.mark.parametrize("signs", list(itertools.product((1, -1), repeat=3)))
def test_a_flip_that_the_grid_tells_of_is_no_lie(signs):
    volume, _ = chest(SHAPE, seed=2)
    affine = volume.grid.affine.copy()
    for axis, sign in enumerate(signs):
        if sign < 0:
            affine[:3, 3] += affine[:3, axis] * (SHAPE[axis] - 1)
            affine[:3, axis] *= -1
    assert (
        check_orientation(
            Volume(np.ascontiguousarray(volume.hu[flips_of(signs)]), Grid(SHAPE, affine))
        )
        == ()
    )


def test_contrast_in_the_heart_is_not_taken_for_the_spine():
    volume, mask = chest(SHAPE, seed=1)
    hu = volume.hu.copy()
    slices = np.flatnonzero(mask.lungs.any(axis=(1, 2)))
    row = int(np.nonzero(mask.lungs)[1].mean())
    heart = np.zeros(SHAPE, dtype=bool)
    heart[slices[0] + 4 : slices[0] + 12, row - 14 : row - 2, 36:50] = True
    hu[heart & (hu > -100)] = 400
    assert check_orientation(Volume(hu, volume.grid)) == ()


def test_nothing_is_said_where_nothing_is_seen():
    grid = Grid.axial((10, 30, 30), (6, 8, 8))
    assert check_orientation(Volume(np.full(grid.shape, -1000, dtype=np.int16), grid)) == ()
    coarse, _ = chest((12, 20, 20), seed=1)
    assert check_orientation(flipped(coarse, flips_of((1, -1, 1)))) == ()
    volume, mask = chest(SHAPE, seed=3)
    top = slice(int(np.flatnonzero(mask.lungs.any(axis=(1, 2)))[-1]) - 1, None)
    apex = Volume(
        np.ascontiguousarray(volume.hu[top]),
        Grid.axial(volume.hu[top].shape, volume.grid.spacing_mm),
    )
    assert check_orientation(apex) == ()


@pytest.mark.parametrize("signs", list(itertools.product((1, -1), repeat=3)))
def test_pixels_of_a_centimetre_still_tell(signs):
    volume, _ = chest((24, 40, 40), seed=6)
    found = check_orientation(flipped(volume, flips_of(signs)))
    assert bool(found) == (signs != (1, 1, 1))


def test_bases_of_lungs_alone_lie_behind_the_spine_and_are_no_lie():
    volume, mask = chest(SHAPE, seed=3)
    low = int(np.flatnonzero(mask.lungs.any(axis=(1, 2)))[0])
    part = slice(low - 2, low + 6)
    base = Volume(
        np.ascontiguousarray(volume.hu[part]),
        Grid.axial(volume.hu[part].shape, volume.grid.spacing_mm),
    )
    assert "SPINE-IN-FRONT" not in {finding.code for finding in check_orientation(base)}


def test_stacks_far_from_upright_are_not_judged():
    volume, _ = chest(SHAPE, seed=1)
    c = np.sqrt(0.5)
    affine = volume.grid.affine.copy()
    affine[:3] = np.array([[1, 0, 0], [0, c, -c], [0, c, c]]) @ affine[:3]
    assert check_orientation(Volume(volume.hu, Grid(SHAPE, affine))) == ()


@pytest.mark.parametrize(
    "turn",
    [
        lambda a: np.rot90(a, 1, (1, 2)),
        lambda a: np.rot90(a, 3, (1, 2)),
        lambda a: a.transpose(0, 2, 1),
    ],
)
@pytest.mark.parametrize("seed", range(4))
def test_a_chest_on_its_side_is_caught(turn, seed):
    volume, _ = chest(SHAPE, seed=seed)
    hu = np.ascontiguousarray(turn(volume.hu))
    a, b, c = volume.grid.spacing_mm
    lie = Volume(hu, Grid.axial(hu.shape, (a, c, b)))
    assert worst(check_orientation(lie)) is Verdict.REFUSED
    assert "SIDEWAYS" in [finding.code for finding in check_orientation(lie)]


def test_where_the_sides_are_cut_off_width_tells_little():
    volume, _ = chest(SHAPE, seed=0)
    middle = slice(SHAPE[2] // 2 - 14, SHAPE[2] // 2 + 14)
    cut = Volume(
        np.ascontiguousarray(volume.hu[:, :, middle]),
        Grid.axial((*SHAPE[:2], 28), volume.grid.spacing_mm),
    )
    assert [f.verdict for f in check_orientation(cut) if f.code == "SIDEWAYS"] in (
        [],
        [Verdict.REVIEW],
    )


@pytest.mark.parametrize("seed", [1, 4])
def test_gas_in_the_bowel_is_no_trachea_where_the_head_end_is_cut(seed):
    volume, mask = chest((34, 84, 84), seed=seed, gas=7)
    lungs = np.flatnonzero(mask.labels.any(axis=(1, 2)))
    top = int(lungs[0] + 0.7 * (lungs[-1] - lungs[0]))
    hu = np.ascontiguousarray(volume.hu[:top])
    assert check_orientation(Volume(hu, Grid.axial(hu.shape, volume.grid.spacing_mm))) == ()


@pytest.mark.parametrize(("seed", "first"), [(4, 1), (7, 0)])
def test_gas_below_the_domes_is_no_trachea_where_the_head_end_is_cut(seed, first):
    """The lower third of these parts has gas, and hardly any lung."""
    volume, _ = chest((40, 128, 128), seed=seed)
    hu = np.ascontiguousarray(volume.hu[first : first + 16])
    found = check_orientation(Volume(hu, Grid.axial(hu.shape, volume.grid.spacing_mm)))
    assert "UPSIDE-DOWN" not in {finding.code for finding in found}

"""Slices that do not go with their neighbours are seen; those of whole chests are not."""

import numpy as np
import pytest

from pleura.core.findings import Verdict
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.phantom.anatomy import chest
from pleura.quality.slices import check_neighbours

SHAPE = (36, 64, 64)


def found(hu, volume):
    return check_neighbours(
        Volume(np.ascontiguousarray(hu), Grid.axial(hu.shape, volume.grid.spacing_mm))
    )


@pytest.mark.parametrize("step", [1, 2, 3, 5])
@pytest.mark.parametrize("seed", range(4))
def test_whole_chests_pass(seed, step):
    volume, _ = chest(SHAPE, seed=seed)
    assert found(volume.hu[::step], volume) == ()


@pytest.mark.parametrize("k", [8, 17, 25])
@pytest.mark.parametrize(
    "change",
    [
        lambda hu, k: hu[(k + 16) % 36],
        lambda hu, k: hu[k, ::-1],
        lambda hu, k: hu[k] + 150,
        lambda hu, k: np.roll(hu[k], 9, 1),
    ],
    ids=["elsewhere", "upside down", "150 HU", "rolled"],
)
def test_one_slice_out_of_place_wants_a_look(change, k):
    volume, _ = chest(SHAPE, seed=2)
    hu = volume.hu.copy()
    hu[k] = change(volume.hu, k)
    (finding,) = found(hu, volume)
    assert (finding.code, finding.verdict) == ("SLICES-OUT-OF-PLACE", Verdict.REVIEW)
    assert f"(slice {k + 1})" in finding.message


CHANGES = {
    "left to right": lambda hu, k: hu[k][:, ::-1],
    "by 180 degrees": lambda hu, k: hu[k][::-1, ::-1],
    "another patient's": lambda hu, k: chest(hu.shape, seed=102)[0].hu[k],
    "repeated from elsewhere": lambda hu, k: hu[(k + 20) % len(hu)],
}


@pytest.mark.parametrize("k", [20, 32, 41])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("seed", range(3))
def test_one_of_64_slices_that_was_changed_wants_a_look(seed, change, k):
    """A chest is nearly as its mirror image, so a mirrored slice still resembles its neighbours."""
    volume, _ = chest((64, 64, 64), seed=seed)
    hu = volume.hu.copy()
    hu[k] = change(volume.hu, k)
    (finding,) = found(hu, volume)
    assert (finding.code, finding.verdict) == ("SLICES-OUT-OF-PLACE", Verdict.REVIEW)
    assert f"(slice {k + 1})" in finding.message


@pytest.mark.parametrize("block", [slice(20, 23), slice(20, 40), slice(40, None), slice(None, 30)])
def test_slices_that_were_mirrored_together_want_a_look(block):
    volume, _ = chest((64, 64, 64), seed=2)
    hu = volume.hu.copy()
    hu[block] = hu[block, :, ::-1]
    (finding,) = found(hu, volume)
    assert finding.verdict is Verdict.REVIEW
    ends = [k for k in (block.start, block.stop) if k]
    assert f"(slice after {', '.join(map(str, ends))})" in finding.message


def test_two_slices_exchanged_want_a_look():
    """Blocks on a slant, far above their noise: of noise alone nothing can be told."""
    hu = np.full((20, 60, 60), -800, np.int16)
    for k in range(20):
        hu[k, 10 : 20 + 2 * k, 10:50] = 40
    hu[[8, 9]] = hu[[9, 8]]
    (finding,) = check_neighbours(Volume(hu, Grid.axial(hu.shape, (3, 3, 3))))
    assert finding.verdict is Verdict.REVIEW
    assert "slice 9, 10)" in finding.message


@pytest.mark.parametrize("seed", range(4))
def test_shuffled_slices_are_refused(seed):
    volume, _ = chest(SHAPE, seed=seed)
    (finding,) = found(volume.hu[np.random.default_rng(seed).permutation(len(volume.hu))], volume)
    assert finding.verdict is Verdict.REFUSED


@pytest.mark.parametrize("slices", [1, 2, 3, 4])
def test_few_slices_tell_little(slices):
    volume, _ = chest(SHAPE, seed=0)
    assert found(volume.hu[10 : 10 + slices], volume) == ()
    noise = np.random.default_rng(0).integers(-1000, 200, SHAPE).astype(np.int16)
    assert found(noise, volume) == ()


def test_padding_is_as_air():
    volume, _ = chest(SHAPE, seed=1, padding_hu=-2000)
    assert check_neighbours(volume) == ()


def test_other_stacks_than_axial_are_not_judged():
    volume, _ = chest(SHAPE, seed=1)
    coronal = np.ascontiguousarray(
        volume.hu.transpose(1, 0, 2)[np.random.default_rng(0).permutation(64)]
    )
    affine = volume.grid.affine[:, [1, 0, 2, 3]]
    assert check_neighbours(Volume(coronal, Grid(coronal.shape, affine))) == ()


@pytest.mark.parametrize("at", [12, 18, 24])
@pytest.mark.parametrize(
    "change",
    [lambda hu: hu[:, ::-1], lambda hu: np.roll(hu, 8, 1), lambda hu: hu + 200],
    ids=["upside down", "rolled", "200 HU"],
)
def test_a_jump_wants_a_look(change, at):
    volume, _ = chest(SHAPE, seed=2)
    hu = volume.hu.copy()
    hu[at:] = change(hu[at:])
    (finding,) = found(hu, volume)
    assert (finding.verdict, finding.evidence) == (Verdict.REVIEW, {"n": 1, "where": f"after {at}"})
    assert f"slice after {at})" in finding.message


def test_where_steps_change_the_picture_may_jump():
    volume, _ = chest(SHAPE, seed=2)
    hu = volume.hu.copy()
    hu[18:] += 200
    uneven = np.where(np.arange(36) < 18, np.arange(36) * 3.0, 54.0 + (np.arange(36) - 18) * 9.0)
    affine = Grid.axial(hu.shape, (uneven[-1] / 35, *volume.grid.spacing_mm[1:])).affine
    assert check_neighbours(Volume(hu, Grid(hu.shape, affine, uneven))) == ()

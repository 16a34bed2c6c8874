"""Synthetic chests are deterministic, plausible, and hold the temptations that real ones do."""

import numpy as np
import pytest
from scipy import ndimage

from pleura.core.errors import UsageError
from pleura.phantom.anatomy import chest
from pleura.phantom.body import Body

SEEDS = range(8)


def test_same_arguments_same_voxels():
    one, same, other = (
        chest((24, 24, 24), seed=3),
        chest((24, 24, 24), seed=3),
        chest((24, 24, 24), seed=4),
    )
    assert np.array_equal(one[0].hu, same[0].hu)
    assert np.array_equal(one[1].labels, same[1].labels)
    assert not np.array_equal(one[1].labels, other[1].labels)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_right_lung_is_larger_and_both_are_of_human_size(seed):
    volume, mask = chest((34, 64, 64), seed=seed)
    ml = mask.volume_ml()
    assert 1000 < ml["left"] < ml["right"] < 3000
    right, left = np.argwhere(mask.right), np.argwhere(mask.left)
    # L is positive: the patient's right is negative
    assert volume.grid.to_world(right)[:, 0].mean() < -30
    assert volume.grid.to_world(left)[:, 0].mean() > 30


@pytest.mark.parametrize("seed", SEEDS)
def test_slices_lie_above_and_below_the_lungs(seed):
    with_lung = chest((34, 48, 48), seed=seed)[1].lungs.any(axis=(1, 2))
    assert not with_lung[:3].any()
    assert not with_lung[-3:].any()
    assert with_lung.sum() > 17


@pytest.mark.parametrize("seed", SEEDS)
def test_hounsfield_units_are_those_of_tissues(seed):
    volume, mask = chest((34, 96, 96), seed=seed)
    assert -900 < np.median(volume.hu[mask.lungs]) < -750
    body = volume.hu[:6, 30:60, 30:66]
    assert 0 < np.median(body) < 90
    assert volume.hu.max() > 350  # bone
    assert volume.hu.min() >= -1024


def test_trachea_couch_and_bowel_gas_tempt_a_threshold():
    volume, mask = chest(
        (60, 128, 128), seed=2, couch=True, couch_hollow_hu=-930.0, noise_hu=5.0, gas=6
    )
    dark = (volume.hu < -500) & ~mask.lungs
    labels, _ = ndimage.label(dark)
    border = np.unique(
        np.concatenate([labels[:, 0].ravel(), labels[:, -1].ravel(), labels[:, :, 0].ravel()])
    )
    enclosed = dark & ~np.isin(labels, border)
    centre = volume.grid.to_world(np.argwhere(enclosed))
    # the couch's hollow, behind the back
    assert ((centre[:, 1] > 105) & (np.abs(centre[:, 0]) < 60)).sum() > 1000
    assert ((centre[:, 2] < -80) & (centre[:, 1] < 60)).sum() > 50  # gas below the diaphragm
    assert ((centre[:, 2] > 60) & (np.abs(centre[:, 0]) < 10)).sum() > 50  # the trachea
    lungs, _ = ndimage.label(mask.lungs)
    sizes = np.bincount(lungs.ravel())[1:]
    assert np.sort(sizes)[::-1][:2].sum() > 0.995 * sizes.sum()  # two lungs and no crumbs


def test_arms_couch_and_padding_are_there_when_asked_for():
    down, up = (chest((20, 64, 64), seed=5, arms=arms)[0].hu[6] for arms in ("down", "up"))
    assert (down[:, 0] > -500).any()
    assert not (up[:25, 0] > -500).any()
    assert (chest((20, 64, 64), seed=5, couch=False)[0].hu[6, -6:] < -800).all()
    padded, mask = chest((20, 64, 64), seed=5, padding_hu=-2000)
    assert padded.padding is not None
    assert (padded.hu[padded.padding] == -2000).all()
    assert padded.padding[0, 0, 0]
    assert not padded.padding[:, 32, 32].any()
    assert not (mask.lungs & padded.padding).any()


def test_unknown_measures_are_refused():
    with pytest.raises(UsageError, match="tail"):
        Body.sample(1, tail=3)


def test_spacing_is_kept_and_lungs_do_not_depend_on_it():
    volume, fine = chest((110, 100, 90), spacing_mm=(3.0, 4.0, 4.5), seed=1)
    assert volume.grid.spacing_mm == pytest.approx((3.0, 4.0, 4.5))
    coarse = chest((55, 60, 60), spacing_mm=(6.0, 7.0, 7.0), seed=1)[1]
    assert fine.volume_ml()["both"] == pytest.approx(coarse.volume_ml()["both"], rel=0.02)

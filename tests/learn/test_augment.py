"""Augmentation moves picture and target alike, changes values only within bounds, and is decided
by its generator.
"""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from pleura.core.errors import UsageError
from pleura.geometry.network_grid import NetInput
from pleura.learn.augment import BLUR_RADIUS, augmented, blurred
from pleura.learn.recipe import AUGMENTATIONS, augmentations

INPUT = NetInput(48)


def pictures(count=16, side=48):
    """A disc off the centre: picture and mask at once."""
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    disc = ((rows - 20) ** 2 + (columns - 28) ** 2 < 100).float()
    return disc.expand(count, 1, side, side).clone()


def drawn(seed=0):
    both = pictures()
    return augmented(both * 0.8, both, torch.Generator().manual_seed(seed), AUGMENTATIONS, INPUT)


def test_the_target_goes_where_the_picture_goes():
    network_input, targets = drawn()
    for picture, target in zip(network_input, targets, strict=True):
        found, true = picture > 0.4, target > 0.5
        assert true.sum() > 100
        assert 2 * (found & true).sum() / (found.sum() + true.sum()) > 0.97


def test_bodies_differ_in_place_size_and_side():
    _, targets = drawn()
    areas = targets.sum(dim=(1, 2, 3))
    left = targets[..., :24].sum(dim=(1, 2, 3)) > targets[..., 24:].sum(dim=(1, 2, 3))
    assert areas.max() / areas.min() > 1.5
    assert 0 < left.sum() < len(left)


def test_values_stay_in_the_window():
    network_input, targets = drawn()
    for values in (network_input, targets):
        assert values.min() >= 0
        assert values.max() <= 1


def test_the_generator_decides_all():
    first, again, other = drawn(1), drawn(1), drawn(2)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])


def test_the_input_is_left_alone():
    both = pictures()
    kept = both.clone()
    augmented(both, both, torch.Generator().manual_seed(0), AUGMENTATIONS, INPUT)
    assert torch.equal(both, kept)


@pytest.mark.parametrize("sigma", [0.4, 0.7, 1.0])
def test_blur_is_gaussian(sigma):
    values = np.random.default_rng(0).random((1, 1, 20, 24)).astype(np.float32)
    ours = blurred(torch.from_numpy(values), torch.tensor([sigma]))[0, 0].numpy()
    theirs = gaussian_filter(
        values[0, 0].astype(float), sigma, mode="nearest", truncate=BLUR_RADIUS / sigma
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_each_sample_has_a_blur_of_its_own():
    values = torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    together = blurred(values, torch.tensor([0.4, 0.7, 1.0]))
    for number, sigma in enumerate((0.4, 0.7, 1.0)):
        alone = blurred(values[number : number + 1], torch.tensor([sigma]))
        torch.testing.assert_close(together[number : number + 1], alone)


def changed(chosen, seed=3, network_input=INPUT):
    """Slices and targets, minus what they were, with the chosen augmentations only."""
    both = pictures()
    before = both * network_input.span * 0.8 + network_input.air
    after, targets = augmented(
        before, both, torch.Generator().manual_seed(seed), chosen, network_input
    )
    return after - before, targets - both


def test_nothing_chosen_changes_nothing():
    for difference in changed(()):
        assert difference.abs().max() < 1e-6


@pytest.mark.parametrize("name", [name for name in AUGMENTATIONS if name != "thicken"])
def test_each_augmentation_is_at_work(name):
    values, targets = changed((name,))
    moved = name in {"rotate", "scale", "stretch", "translate", "flip"}
    assert values.abs().max() > 0.01
    assert bool(targets.abs().max() > 0.01) is moved


@pytest.mark.parametrize("left_out", ["rotate", "noise", "blur"])
def test_one_less_leaves_the_others_as_they_were(left_out):
    """The flips drawn are the same, whatever else is chosen."""
    flips = [changed(chosen)[1] for chosen in (("flip",), ("flip", "contrast"))]
    assert torch.equal(*flips)
    both = tuple(name for name in ("rotate", "flip", "noise", "blur") if name != left_out)
    assert torch.equal(
        changed(both)[1], changed(tuple(name for name in both if name not in ("noise", "blur")))[1]
    )


def test_hu_stay_hu():
    network_input = NetInput(48, scaling="none")
    values, _ = changed(("contrast",), network_input=network_input)
    assert 10 < values.abs().max() < 0.25 * network_input.span
    after, _ = augmented(
        pictures() * 1400 - 1000,
        pictures(),
        torch.Generator().manual_seed(0),
        ("translate",),
        network_input,
    )
    assert after.min() == pytest.approx(-1000, abs=0.01)


def test_names_of_augmentations():
    assert augmentations("all") == AUGMENTATIONS
    assert augmentations("none") == ()
    assert augmentations("blur, rotate") == ("rotate", "blur")
    with pytest.raises(UsageError, match="unknown turn"):
        augmentations("turn,rotate")

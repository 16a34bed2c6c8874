"""Augmentation moves picture and target alike, changes values only within bounds, and is decided by its generator."""

import torch

from pleura.learn.augment import augmented


def pictures(count=16, side=48):
    """A disc off the centre: picture and mask at once."""
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    disc = ((rows - 20) ** 2 + (columns - 28) ** 2 < 100).float()
    return disc.expand(count, 1, side, side).clone()


def drawn(seed=0):
    both = pictures()
    return augmented(both * 0.8, both, torch.Generator().manual_seed(seed))


def test_the_target_goes_where_the_picture_goes():
    shown, targets = drawn()
    for picture, target in zip(shown, targets, strict=True):
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
    shown, targets = drawn()
    for values in (shown, targets):
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
    augmented(both, both, torch.Generator().manual_seed(0))
    assert torch.equal(both, kept)

"""Losses against sums written out, scikit-learn, and the two cases in which Eq. 2.4 as printed
fails.
"""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from pleura.learn.losses import bce, dice_as_printed, loss_of, soft_dice, soft_dice_squares
from pleura.learn.recipe import Recipe

SURE = 40.0
"""A logit whose probability is 1 in float32."""


def slices(seed, shape=(3, 1, 8, 8)):
    drawn = np.random.default_rng(seed)
    logits = drawn.normal(0, 3, shape)
    return logits, (drawn.random(shape) < 0.3).astype(float)


def tensors(*arrays):
    return [torch.tensor(array, dtype=torch.float64) for array in arrays]


def whole_slice(side=512, lung=50_000):
    """A slice of the report's size with a usual share of lung, and the logits of the perfect
    answer.
    """
    truth = torch.zeros(1, 1, side, side)
    truth.view(-1)[:lung] = 1
    return torch.where(truth > 0, SURE, -SURE), truth


def test_bce_is_the_log_loss_of_scikit_learn():
    logits, truth = slices(1)
    p = 1 / (1 + np.exp(-logits))
    assert bce(*tensors(logits, truth)).item() == pytest.approx(
        log_loss(truth.ravel(), p.ravel()), rel=1e-9
    )


@pytest.mark.parametrize("seed", range(4))
def test_the_sums_of_soft_dice(seed):
    logits, truth = slices(seed)
    p = 1 / (1 + np.exp(-logits))
    both = 2 * sum(a * b for a, b in zip(p.ravel(), truth.ravel(), strict=True)) + 1
    y = 1 - both / (sum(p.ravel()) + sum(truth.ravel()) + 1)
    y2 = 1 - both / (sum(p.ravel() ** 2) + sum(truth.ravel() ** 2) + 1)
    assert soft_dice(*tensors(logits, truth)).item() == pytest.approx(y, rel=1e-9)
    assert soft_dice_squares(*tensors(logits, truth)).item() == pytest.approx(y2, rel=1e-9)
    assert y != pytest.approx(y2, rel=1e-3)


@pytest.mark.parametrize("loss", [soft_dice, soft_dice_squares])
def test_a_perfect_slice_costs_nothing_and_hallucinated_lung_costs_all(loss):
    perfect, truth = whole_slice()
    empty = torch.zeros_like(truth)
    assert loss(perfect, truth).item() == pytest.approx(0, abs=1e-4)
    assert loss(torch.full_like(truth, -SURE), empty).item() == pytest.approx(0, abs=1e-6)
    assert loss(perfect, empty).item() == pytest.approx(1, abs=1e-4)


def test_equation_2_4_as_printed_is_degenerate():
    perfect, truth = whole_slice()
    assert dice_as_printed(perfect, truth).item() == pytest.approx(0.99996, abs=1e-6)
    assert dice_as_printed(perfect, torch.zeros_like(truth)).item() == 0.0


def test_the_printed_form_prefers_hallucination_to_the_truth():
    """A slope that leads away from the truth is worse than none."""
    perfect, truth = whole_slice(side=64, lung=600)
    assert dice_as_printed(perfect, truth) > dice_as_printed(perfect, torch.zeros_like(truth))
    assert soft_dice(perfect, truth) < soft_dice(perfect, torch.zeros_like(truth))


@given(alpha=st.floats(0, 1), seed=st.integers(0, 50))
def test_the_combined_loss_mixes_by_alpha(alpha, seed):
    pair = tensors(*slices(seed))
    mixed = loss_of(Recipe(loss="bce_dice", alpha=alpha))(*pair).item()
    assert mixed == pytest.approx(
        alpha * bce(*pair).item() + (1 - alpha) * soft_dice(*pair).item(), rel=1e-9
    )


@pytest.mark.parametrize("form", ["sum", "squares", "as_printed"])
def test_the_recipe_names_the_form(form):
    pair = tensors(*slices(3))
    wanted = {"sum": soft_dice, "squares": soft_dice_squares, "as_printed": dice_as_printed}[form]
    assert loss_of(Recipe(loss="dice", dice=form))(*pair) == wanted(*pair)
    assert loss_of(Recipe(loss="bce", dice=form))(*pair) == bce(*pair)


@pytest.mark.parametrize("loss", ["bce", "dice", "bce_dice"])
def test_gradients_stay_finite_at_the_ends(loss):
    logits = torch.tensor([1e4, -1e4, 0.0, 88.0]).reshape(1, 1, 2, 2).requires_grad_()
    loss_of(Recipe(loss=loss))(logits, torch.zeros(1, 1, 2, 2)).backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("seed", range(4))
def test_equation_2_4_as_printed(seed):
    """1 − (2 Σ y·ŷ + ε) / (Σ y² · Σ ŷ² + ε), for probabilities inside (0, 1) and soft targets."""
    logits, _ = slices(seed)
    truth = np.random.default_rng(seed + 99).random(logits.shape)
    p = 1 / (1 + np.exp(-logits))
    wanted = 1 - (2 * (p * truth).sum() + 1e-7) / ((truth**2).sum() * (p**2).sum() + 1e-7)
    assert dice_as_printed(*tensors(logits, truth)).item() == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("form", [bce, soft_dice, soft_dice_squares, dice_as_printed])
def test_gradients_are_those_of_finite_differences(form):
    logits, truth = tensors(*slices(5, (1, 1, 4, 4)))
    assert torch.autograd.gradcheck(
        lambda given: form(given, truth), (logits.requires_grad_(),), eps=1e-6
    )

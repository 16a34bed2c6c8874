"""Losses against sums written out, scikit-learn, and the two cases in which Eq. 2.4 as printed
fails.
"""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from pleura.learn.loop import RunningScore
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


EPSILON, SMOOTH = 1e-7, 1.0
"""ε of Eq. 2.4 as printed, and what the other forms add."""


@st.composite
def batches(draw):
    """Probabilities inside (0, 1), with their logits, and targets from 0 to 1: plain arrays."""
    shape = draw(st.tuples(st.integers(1, 3), st.just(1), st.integers(1, 6), st.integers(1, 6)))
    drawn = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    p = drawn.uniform(*draw(st.sampled_from([(0.001, 0.999), (0.001, 0.1), (0.9, 0.999)])), shape)
    share = draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    y = (drawn.random(shape) < share) * draw(st.sampled_from([1.0, drawn.random(shape)]))
    return p, np.log(p) - np.log1p(-p), y


def bce_by_hand(p, y):
    """Eq. 2.2, and its slope in p."""
    return np.mean(-y * np.log(p) - (1 - y) * np.log(1 - p)), (p - y) / (p * (1 - p)) / p.size


def fraction(p, y, denominator, slope, added):
    """1 − (2 Σ p·y + added) / (denominator + added), and its slope in p by the quotient rule."""
    numerator, whole = 2 * np.sum(p * y) + added, denominator + added
    return 1 - numerator / whole, -(2 * y * whole - numerator * slope) / whole**2


def sum_by_hand(p, y):
    return fraction(p, y, np.sum(p) + np.sum(y), np.ones_like(p), SMOOTH)


def squares_by_hand(p, y):
    return fraction(p, y, np.sum(p**2) + np.sum(y**2), 2 * p, SMOOTH)


def printed_by_hand(p, y):
    """Eq. 2.4 as printed: the two sums multiplied."""
    return fraction(p, y, np.sum(y**2) * np.sum(p**2), np.sum(y**2) * 2 * p, EPSILON)


FORMS = {"sum": sum_by_hand, "squares": squares_by_hand, "as_printed": printed_by_hand}


def value_and_gradient(loss, logits, y):
    """Our loss of a batch, and its gradient in the logits."""
    given, target = tensors(logits, y)
    given.requires_grad_()
    value = loss(given, target)
    value.backward()
    return value.item(), given.grad.numpy()


@settings(max_examples=60, deadline=None)
@given(batch=batches(), form=st.sampled_from(["bce", *FORMS]))
def test_value_and_gradient_are_those_of_the_formula(batch, form):
    p, logits, y = batch
    recipe = Recipe(loss="bce") if form == "bce" else Recipe(loss="dice", dice=form)
    value, gradient = value_and_gradient(loss_of(recipe), logits, y)
    wanted, slope = bce_by_hand(p, y) if form == "bce" else FORMS[form](p, y)
    assert value == pytest.approx(wanted, rel=1e-6, abs=1e-9)
    largest = np.abs(slope * p * (1 - p)).max()
    np.testing.assert_allclose(gradient, slope * p * (1 - p), rtol=1e-6, atol=1e-8 * largest)


@settings(max_examples=40, deadline=None)
@given(batch=batches(), form=st.sampled_from(list(FORMS)), alpha=st.floats(0, 1))
def test_equation_2_5_mixes_values_and_gradients(batch, form, alpha):
    p, logits, y = batch
    recipe = Recipe(loss="bce_dice", dice=form, alpha=alpha)
    value, gradient = value_and_gradient(loss_of(recipe), logits, y)
    (one, first), (two, second) = bce_by_hand(p, y), FORMS[form](p, y)
    assert value == pytest.approx(alpha * one + (1 - alpha) * two, rel=1e-6, abs=1e-9)
    wanted = (alpha * first + (1 - alpha) * second) * p * (1 - p)
    np.testing.assert_allclose(gradient, wanted, rtol=1e-6, atol=1e-8 * np.abs(wanted).max())


@settings(max_examples=40, deadline=None)
@given(batch=batches())
def test_accuracy_and_dice_are_counted_by_hand(batch):
    """Eq. 2.1 and Eq. 2.3 at probability 0.5, pixel by pixel."""
    p, logits, y = batch
    score = RunningScore()
    pairs = [(int(a >= 0.5), int(b >= 0.5)) for a, b in zip(p.ravel(), y.ravel(), strict=True)]
    score.add(*tensors(logits, y), 0.25)
    ours = score.mean()
    assert ours["accuracy"] == pytest.approx(sum(a == b for a, b in pairs) / len(pairs))
    areas = sum(a + b for a, b in pairs)
    both = 2 * sum(a * b for a, b in pairs)
    assert ours["dice"] == pytest.approx(both / areas if areas else 1.0)
    assert ours["loss"] == pytest.approx(0.25)

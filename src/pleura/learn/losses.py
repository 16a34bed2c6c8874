"""The report's losses (§2.2) on logits; targets are from 0 to 1 (the share of lung in a pixel)."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from pleura.learn.recipe import Recipe

SMOOTH = 1.0
"""Added to numerator and denominator, so that an empty slice with an empty output has no loss."""
EPSILON = 1e-7
"""ε of Eq. 2.4 as printed."""

LossFunction = Callable[[Tensor, Tensor], Tensor]


def bce(logits: Tensor, target: Tensor) -> Tensor:
    """Mean binary cross-entropy (Eq. 2.2), computed from logits so that it cannot overflow."""
    return binary_cross_entropy_with_logits(logits, target)


def soft_dice(logits: Tensor, target: Tensor) -> Tensor:
    """1 − (2 Σ p·y + 1) / (Σ p + Σ y + 1) over the whole batch: the sum form of Eq. 2.4.

    After Milletari F, Navab N, Ahmadi S-A (2016), 3DV, with sums for squares. Because it is summed
    over the batch, hallucinated lung in an empty slice costs in proportion to its area.
    """
    p = torch.sigmoid(logits)
    return 1 - (2 * (p * target).sum() + SMOOTH) / (p.sum() + target.sum() + SMOOTH)


def soft_dice_squares(logits: Tensor, target: Tensor) -> Tensor:
    """Like `soft_dice`, with Σ p² + Σ y² in the denominator."""
    p = torch.sigmoid(logits)
    return 1 - (2 * (p * target).sum() + SMOOTH) / (
        (p * p).sum() + (target * target).sum() + SMOOTH
    )


def dice_as_printed(logits: Tensor, target: Tensor) -> Tensor:
    """Eq. 2.4 as printed: 1 − (2 Σ p·y + ε) / (Σ y² · Σ p² + ε).

    The *product* of the two sums makes it degenerate: a perfect slice has a loss near 1, and an
    empty slice full of hallucinated lung a loss of 0 (tests/learn). It is here for comparison only.
    """
    p = torch.sigmoid(logits)
    return 1 - (2 * (p * target).sum() + EPSILON) / (
        (target * target).sum() * (p * p).sum() + EPSILON
    )


DICE: dict[str, LossFunction] = {
    "sum": soft_dice,
    "squares": soft_dice_squares,
    "as_printed": dice_as_printed,
}


def loss_of(recipe: Recipe) -> LossFunction:
    """The recipe's loss: `bce`; `dice`; `bce_dice`: α·BCE + (1 − α)·SoftDice (Eq. 2.5)."""
    dice = DICE[recipe.dice]
    if recipe.loss == "bce":
        return bce
    if recipe.loss == "dice":
        return dice

    def combined(logits: Tensor, target: Tensor) -> Tensor:
        return recipe.alpha * bce(logits, target) + (1 - recipe.alpha) * dice(logits, target)

    return combined

"""What decides a training: a preset and what the user changed. No torch here."""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from pleura.core.errors import UsageError

Loss = Literal["bce", "dice", "bce_dice"]
Schedule = Literal["constant", "one_cycle"]


@dataclass(frozen=True)
class Recipe:
    """Every number that decides a run; the same recipe on the same cases gives the same weights on one machine."""

    loss: Loss = "bce_dice"
    alpha: float = 0.5
    dice: Literal["sum", "squares", "as_printed"] = "sum"
    epochs: int = 12
    lr: float = 3e-3
    schedule: Schedule = "one_cycle"
    batch: int = 4
    size: int = 256
    dropout: float = 0.1
    augment: bool = True
    weight_decay: float = 0.0
    seed: int = 0

    def as_json(self) -> dict[str, Any]:
        """Plain values for `run.json` and `model.json`."""
        return asdict(self)


REPORT = Recipe(epochs=10, lr=0.1, schedule="constant", batch=3, size=512, augment=False)
"""The report's: Adam, learning rate 0.1, batch 3, 10 epochs, α 0.5, 512²."""
DEFAULT = Recipe()
"""What works on a laptop and generalises from few cases: docs/training.md tells how it was found."""
PRESETS = {"default": DEFAULT, "report": REPORT}
STEPS = 720
"""Optimiser steps that preset `default` takes, whatever the cohort: epochs are counted from it, 2 to 60."""


def make_recipe(preset: str, **changes: Any) -> Recipe:
    """A preset with what the user changed; `None` means unchanged.

    Raises:
        UsageError: a number is out of range.
    """
    recipe = replace(PRESETS[preset], **{name: value for name, value in changes.items() if value is not None})
    checks = {
        "--size must be at least 16": recipe.size >= 16,
        "--epochs must be at least 1": recipe.epochs >= 1,
        "--batch must be at least 1": recipe.batch >= 1,
        "--lr must be a number above 0": 0 < recipe.lr < math.inf,
        "--alpha must be from 0 to 1": 0 <= recipe.alpha <= 1,
        "--seed must not be negative": recipe.seed >= 0,
    }
    for sentence, holds in checks.items():
        if not holds:
            raise UsageError(f"train: {sentence}")
    return recipe


def epochs_for(slices: int, batch: int) -> int:
    """Epochs that make about `STEPS` steps of `batch` from so many slices."""
    return min(60, max(2, round(STEPS * batch / max(slices, 1))))

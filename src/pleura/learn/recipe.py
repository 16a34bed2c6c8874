"""What decides a training: a preset and what the user changed. No torch here."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

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


def epochs_for(slices: int, batch: int) -> int:
    """Epochs that make about `STEPS` steps of `batch` from so many slices."""
    return min(60, max(2, round(STEPS * batch / max(slices, 1))))

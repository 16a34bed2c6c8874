"""The recipe of a training: a preset and the user's changes. This module does not import torch."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from pleura.core.errors import UsageError

Loss = Literal["bce", "dice", "bce_dice"]
DiceForm = Literal["sum", "squares", "as_printed"]
Schedule = Literal["constant", "one_cycle"]
Network = Literal["light", "report"]
Keep = Literal["best", "last"]

AUGMENTATIONS = tuple("rotate scale stretch translate flip contrast noise blur thicken".split())
"""Every augmentation by name, in the order of application; docs/training.md has their ranges."""


@dataclass(frozen=True)
class Recipe:
    """Every number that decides a training.

    On one machine, the same recipe on the same cases gives the same weights.

    * `network`: variant of the U-Net (`learn.unet`); `dropout`: rate in its max-pool block.
    * `scaling`: input of the network, `window` (HU from −1000 to 400 as 0 to 1) or `none` (HU).
    * `steps`: where given, the training ends after this many optimiser steps.
    * `validation`: whether the held-out part of the split is left out of the training.
    * `keep`: the epoch whose weights are exported.
    * `watch_test`: record loss and accuracy on the test part each epoch, as the report does; they
      decide nothing.
    """

    loss: Loss = "bce_dice"
    alpha: float = 0.5
    dice: DiceForm = "sum"
    epochs: int = 12
    steps: int | None = None
    lr: float = 3e-3
    schedule: Schedule = "one_cycle"
    batch: int = 4
    size: int = 256
    network: Network = "light"
    dropout: float = 0.1
    scaling: Literal["window", "none"] = "window"
    augment: tuple[str, ...] = AUGMENTATIONS
    keep: Keep = "best"
    validation: Literal["held_out", "none"] = "held_out"
    watch_test: bool = False
    weight_decay: float = 0.0
    seed: int = 0

    def as_json(self) -> dict[str, Any]:
        """Plain values for `run.json` and `model.json`."""
        return asdict(self) | {"augment": list(self.augment)}

    def check(self) -> None:
        """Raise `UsageError` that names the first option out of range."""
        rules = {
            "--size must be at least 16": self.size >= 16,
            "--epochs must be at least 1": self.epochs >= 1,
            "--steps must be at least 1": self.steps is None or self.steps >= 1,
            "--batch must be at least 1": self.batch >= 1,
            "--lr must be a number above 0": 0 < self.lr < math.inf,
            "--alpha must be from 0 to 1": 0 <= self.alpha <= 1,
            "--dropout must be from 0 to below 1": 0 <= self.dropout < 1,
            "--seed must not be negative": self.seed >= 0,
        }
        for rule, holds in rules.items():
            if not holds:
                raise UsageError(f"train: {rule}")


REPORT = Recipe(
    epochs=10,
    lr=0.1,
    schedule="constant",
    batch=3,
    size=512,
    network="report",
    dropout=0.5,
    scaling="none",
    augment=(),
    keep="last",
    validation="none",
    watch_test=True,
)
"""The student report's experiment.

Adam, learning rate 0.1, batch 3, 10 epochs, α 0.5, 512², HU as they are, dropout 0.5 in the
max-pool block, no augmentation, no validation part, the last epoch kept, curves on the test part.
"""
DEFAULT = Recipe()
"""Works on a laptop and generalises from few cases; docs/training.md says how it was found."""
PRESETS = {"default": DEFAULT, "report": REPORT}
STEPS = 720
"""Optimiser steps of preset `default` for any cohort; they give 2 to 60 epochs."""


def parsed(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a command as a recipe has them: names of augmentations, schedule with `_`.

    Raises:
        UsageError: a name is not one of `AUGMENTATIONS`.
    """
    changes = dict(options)
    if changes["schedule"] is not None:
        changes["schedule"] = changes["schedule"].replace("-", "_")
    if changes["augment"] is not None:
        changes["augment"] = augmentations(changes["augment"])
    return changes


def make_recipe(preset: str, **changes: Any) -> Recipe:
    """A preset with the user's changes; `None` means unchanged.

    Raises:
        UsageError: a number is out of range.
    """
    recipe = replace(
        PRESETS[preset], **{name: value for name, value in changes.items() if value is not None}
    )
    recipe.check()
    return recipe


FACTORS = tuple(
    "alpha dice lr schedule augment dropout scaling keep validation weight_decay seed".split()
)
"""What may differ between models of one OUT. Size, batch, length and preset are the same in all."""
UNUSED: dict[str, tuple[str, ...]] = {"bce": ("alpha", "dice"), "dice": ("alpha",)}
"""Factors without a meaning for a loss."""


def losses_of(loss: str | None, preset: str) -> tuple[Loss, ...]:
    """The losses to train: those of `--loss`, or the preset's."""
    chosen = loss or ("both" if preset == "report" else "bce_dice")
    return ("bce", "bce_dice") if chosen == "both" else (chosen,)  # type: ignore[return-value]


def recipe_key(recipe: Recipe, preset: str) -> str:
    """The name of a model's folder: its loss, then each factor that differs from the preset, as
    `bce_dice-alpha-0.25`.
    """
    usual = PRESETS[preset]
    parts: list[str] = [recipe.loss]
    for name in FACTORS:
        value = getattr(recipe, name)
        if name in UNUSED.get(recipe.loss, ()) or value == getattr(usual, name):
            continue
        if name == "augment":
            value = "-".join(value) or "none"
        text = f"{value:g}" if isinstance(value, float) else str(value)
        parts.append(f"{name.replace('_', '-')}-{text.replace('_', '-')}")
    return "-".join(parts)


def epochs_for(slices: int, batch: int) -> int:
    """Number of epochs that make about `STEPS` steps of `batch` from a number of slices."""
    return min(60, max(2, round(STEPS * batch / max(slices, 1))))


def augmentations(text: str) -> tuple[str, ...]:
    """The augmentations of `--augment`, in the order of application.

    `text` is `all`, `none`, or names separated by commas.

    Raises:
        UsageError: a name is unknown.
    """
    if text == "all":
        return AUGMENTATIONS
    named = {name.strip() for name in text.split(",") if name.strip()} - {"none"}
    unknown = sorted(named - set(AUGMENTATIONS))
    if unknown:
        raise UsageError(
            f"--augment: unknown {', '.join(unknown)}; choose all, none or from "
            f"{', '.join(AUGMENTATIONS)}"
        )
    return tuple(name for name in AUGMENTATIONS if name in named)

"""`pleura train`: a U-Net for each loss asked for, from the training cases of a cohort."""

import os
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pleura.core.atomic import read_json
from pleura.core.errors import UsageError
from pleura.core.extras import need
from pleura.core.progress import Progress, silent
from pleura.learn.result import FineTuneResult, TrainResult
from pleura.store.layout import CARD, FINE_TUNED
from pleura.store.remote import over_object_stores
from pleura.store.run_record import open_run

if TYPE_CHECKING:
    from pleura.store.cohort import Cohort


CHANGES = (
    *("alpha", "epochs", "steps", "lr", "schedule", "batch", "size", "augment", "dropout"),
    *("scaling", "keep", "validation", "watch_test", "dice", "seed"),
)
"""Options that change the recipe of a preset."""


@over_object_stores(reads_results=True)
def train(
    cohort: Path,
    out: Path,
    *,
    preset: Literal["default", "report", "fine-tune"] = "default",
    loss: Literal["bce", "dice", "bce_dice", "both"] | None = None,
    alpha: float | None = None,
    dice: Literal["sum", "squares", "as_printed"] = "sum",
    epochs: int | None = None,
    steps: int | None = None,
    lr: float | None = None,
    schedule: Literal["constant", "one-cycle"] | None = None,
    batch: int | None = None,
    size: int | None = None,
    augment: str | None = None,
    dropout: float | None = None,
    scaling: Literal["window", "none"] | None = None,
    keep: Literal["best", "last"] | None = None,
    validation: Literal["held_out", "none"] | None = None,
    watch_test: Literal["yes", "no"] | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    seed: int = 0,
    overwrite: bool = False,
    progress: Progress = silent,
) -> TrainResult | FineTuneResult:
    """Train the U-Net on the training cases of a cohort.

    Needs the extra `train`. Test cases are opened by --watch-test alone, and never decide anything.
    The same command resumes from the last epoch. Recipes that differ in loss, alpha, learning rate,
    augmentation or seed may share OUT: each has a folder of its own, as bce_dice-alpha-0.25.

    Args:
        cohort: Cohort that prepare wrote.
        out: Folder to write to; each recipe gets a folder in it.
        preset: default works on a laptop; report is the student report's experiment
            (docs/report.md); fine-tune trains the network that comes with pleura further, and
            takes --steps, --lr and --seed.
        loss: bce, dice, bce_dice, or both (bce and bce_dice, one after the other); by default
            bce_dice, in preset report both.
        alpha: Share of BCE in bce_dice, 0 to 1; the rest is soft Dice.
        dice: Form of soft Dice: sum, squares, or as_printed (Eq. 2.4 of the report as printed,
            which is degenerate).
        epochs: Number of epochs; by default the preset's (default: as many as make about 720
            steps).
        steps: Number of optimiser steps, instead of epochs.
        lr: Learning rate.
        schedule: Learning rate over the steps: constant or one-cycle.
        batch: Batch size (slices per step).
        size: Rows and columns of the network's input; never more than the slices have.
        augment: all, none, or names with commas: rotate, scale, stretch, translate, flip, contrast,
            noise, blur, thicken.
        dropout: Dropout rate in the max-pool block.
        scaling: What the network sees: window (HU from -1000 to 400 as 0 to 1) or none (HU as they
            are).
        keep: Which epoch to export: best (highest validation Dice) or last.
        validation: held_out leaves the split's validation part out of the training; none trains on
            it too.
        watch_test: yes scores the test cases each epoch, for curves as the report has them; no
            leaves them closed.
        device: cpu, cuda, or auto.
        seed: Random seed for weights, order and augmentation.
        overwrite: Empty OUT first; refused where pleura did not write OUT.

    Returns:
        A model card for each loss; of fine-tune, one.

    Raises:
        MissingExtra: torch is not installed.
        UsageError: an option is out of range, no cohort there, or OUT holds something else.
        NothingUsable: no training case has a mask.
    """
    call = locals()
    from pleura.learn.recipe import FACTORS, losses_of, recipe_key
    from pleura.store.cohort import Cohort

    _check_machine(device)
    from pleura.learn.train_loss import cohort_recipe, train_recipes

    changes = _changes(call)
    prepared = Cohort.open(cohort)
    if preset == "fine-tune":
        given = changes | {"loss": loss, "dice": None if dice == "sum" else dice}
        given |= {"device": None if device in ("auto", "cpu") else device}
        return _fine_tuned(prepared, out, given, overwrite, progress)
    recipe = cohort_recipe(preset, prepared, changes)
    recipes = [replace(recipe, loss=one) for one in losses_of(loss, preset)]
    keyed = {recipe_key(one, preset): one for one in recipes}
    same = {k: v for k, v in recipe.as_json().items() if k not in (*FACTORS, "loss")}
    options = same | {"preset": preset}
    with open_run(
        out, verb="train", sources=[cohort], options=options, grows=False, overwrite=overwrite
    ) as run:
        if not run.done or any(run.kept(key, "") is None for key in keyed):
            train_recipes(run, keyed, preset, prepared, device, progress)
    return TrainResult(out, {key: read_json(out / key / CARD) for key in keyed})


def _changes(call: Mapping[str, Any]) -> dict[str, Any]:
    """What the options of a call change in a preset's recipe; `None` leaves it."""
    from pleura.learn.recipe import parsed

    changes = parsed({name: call[name] for name in CHANGES})
    if changes["watch_test"] is not None:
        changes["watch_test"] = changes["watch_test"] == "yes"
    return changes


def _fine_tuned(
    cohort: "Cohort", out: Path, given: Mapping[str, Any], overwrite: bool, progress: Progress
) -> FineTuneResult:
    """Train the shipped network further, or return what OUT has of it."""
    from pleura.learn.fine_tune import FineTuning, fine_tune, training_cases
    from pleura.segmenters.shipped import CARD as LUNGS_CARD

    known = [field.name for field in fields(FineTuning)]
    others = sorted(name for name, value in given.items() if value is not None)
    unused = [f"--{name.replace('_', '-')}" for name in others if name not in known]
    if unused:
        raise UsageError(
            f"train: --preset fine-tune takes --steps, --lr and --seed; leave out {unused[0]}"
        )
    tuning = FineTuning(**{name: given[name] for name in known if given[name] is not None})
    tuning.check()
    training_cases(cohort)
    options = asdict(tuning) | {"preset": "fine-tune"}
    with open_run(
        out,
        verb="train",
        sources=[cohort.folder],
        options=options,
        grows=False,
        overwrite=overwrite,
    ) as run:
        if not run.done or run.kept(FINE_TUNED, "") is None:
            return FineTuneResult(out, fine_tune(run, cohort, tuning, progress))
    return FineTuneResult(out, read_json(out / FINE_TUNED / LUNGS_CARD))


def _check_machine(device: str) -> None:
    """Refuse to train where the extra is not installed, or the device is not there."""
    # threads that spin cost 4 times the time where a core is shared
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    for library in ("torch", "safetensors", "onnx"):
        need(library, extra="train", purpose="training")
    from pleura.learn.loop import device_of

    device_of(device)

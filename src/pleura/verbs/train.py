"""`pleura train`: a U-Net for each loss asked for, from the training cases of a cohort."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pleura.core.atomic import read_json, sha256_file, write_json
from pleura.core.errors import Exit, NothingUsable, UsageError
from pleura.core.extras import need
from pleura.core.progress import Progress, silent
from pleura.core.results import Table
from pleura.store.layout import ARCHITECTURE, BEST, CARD, MODEL
from pleura.store.run_record import RunRecord, measured, open_run

if TYPE_CHECKING:
    from pleura.learn.recipe import Recipe
    from pleura.store.cohort import Cohort

FORMAT = "pleura-model/1"


@dataclass(frozen=True)
class TrainResult:
    """The models: loss name to the content of its `model.json`."""

    out: Path
    models: Mapping[str, Mapping[str, Any]]

    @property
    def exit_code(self) -> Exit:
        return Exit.OK

    def as_json(self) -> dict[str, Any]:
        """`models`: loss name to model card."""
        return {"models": {name: dict(card) for name, card in self.models.items()}}

    def table(self) -> Table | None:
        """A row a loss: epochs, and loss and accuracy of the epoch that was kept."""
        rows = []
        for name, card in self.models.items():
            kept = card["kept"]
            judged = kept["validation"] or kept["train"]
            part = "validation" if kept["validation"] else "train"
            numbers = (
                f"{kept['epoch']} of {card['recipe']['epochs']}",
                f"{judged['loss']:.4f}",
                f"{judged['accuracy']:.4f}",
            )
            rows.append((name, *numbers, part))
        return Table(
            "Trained", ("loss", "kept epoch", "loss value", "accuracy", "judged on"), tuple(rows)
        )

    def notes(self) -> Sequence[str]:
        """Where each model lies."""
        return [f"train: {name}: {self.out / name / MODEL}" for name in self.models]


def train(
    cohort: Path,
    out: Path,
    *,
    preset: Literal["default", "report"] = "default",
    loss: Literal["bce", "dice", "bce_dice", "both"] | None = None,
    alpha: float | None = None,
    dice: Literal["sum", "squares", "as_printed"] = "sum",
    epochs: int | None = None,
    steps: int | None = None,
    lr: float | None = None,
    schedule: Literal["constant", "one_cycle"] | None = None,
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
) -> TrainResult:
    """Train the U-Net on the training cases of a cohort.

    Needs the extra `train`. Test cases are opened by --watch-test alone, and never decide anything.
    The same command resumes from the last epoch.

    Args:
        cohort: Cohort that prepare wrote.
        out: Folder to write to; each loss gets a folder in it.
        preset: default works on a laptop; report is the student report's experiment
            (docs/report.md).
        loss: bce, dice, bce_dice, or both (bce and bce_dice, one after the other); by default
            bce_dice, in preset report both.
        alpha: Share of BCE in bce_dice, 0 to 1; the rest is soft Dice.
        dice: Form of soft Dice: sum, squares, or as_printed (Eq. 2.4 of the report as printed,
            which is degenerate).
        epochs: Number of epochs; by default the preset's (default: as many as make about 720
            steps).
        steps: Number of optimiser steps, instead of epochs.
        lr: Learning rate.
        schedule: Learning rate over the steps: constant or one_cycle.
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
        overwrite: Replace what OUT contains.

    Returns:
        A model card for each loss.

    Raises:
        MissingExtra: torch is not installed.
        UsageError: an option is out of range, no cohort there, or OUT holds something else.
        NothingUsable: no training case has a mask.
    """
    from pleura.learn.recipe import augmentations, make_recipe
    from pleura.store.cohort import Cohort

    os.environ.setdefault(
        "OMP_WAIT_POLICY", "passive"
    )  # threads that spin cost 4 times the time where a core is shared
    for library in ("torch", "torchmetrics", "safetensors", "onnx"):
        need(library, extra="train", purpose="training")
    from pleura.learn.loop import device_of

    device_of(device)  # one that is not there is refused before anything is written
    changes = {
        "alpha": alpha,
        "epochs": epochs,
        "steps": steps,
        "lr": lr,
        "schedule": schedule,
        "batch": batch,
        "size": size,
        "augment": None if augment is None else augmentations(augment),
        "dropout": dropout,
        "scaling": scaling,
        "keep": keep,
        "validation": validation,
        "watch_test": None if watch_test is None else watch_test == "yes",
    }
    recipe = make_recipe(preset, dice=dice, seed=seed, **changes)
    prepared = Cohort.open(cohort)
    recipe = _fitted(
        recipe, prepared, counted=epochs is None and steps is None and preset == "default"
    )
    chosen = loss or ("both" if preset == "report" else "bce_dice")
    losses: tuple[Any, ...] = ("bce", "bce_dice") if chosen == "both" else (chosen,)
    options = recipe.as_json() | {"preset": preset, "loss": chosen}
    with open_run(
        out, verb="train", sources=[cohort], options=options, grows=False, overwrite=overwrite
    ) as run:
        if not run.done:
            for name in losses:
                _train(run, replace(recipe, loss=name), preset, prepared, device, progress)
            run.finish(Exit.OK, losses=list(losses))
        return TrainResult(out, {name: read_json(out / name / CARD) for name in losses})


def _fitted(recipe: "Recipe", cohort: "Cohort", *, counted: bool) -> "Recipe":
    """The recipe with its size and epochs fitted to the cohort."""
    from pleura.learn.recipe import epochs_for

    if not cohort.split.train:
        raise NothingUsable(
            "train: no training case has a mask: give prepare the masks with --masks"
        )
    grids = [cohort.case(name).grid for name in cohort.split.train]
    largest = max(max(grid.shape[1:]) for grid in grids)
    size = min(recipe.size, largest) // 8 * 8
    slices = sum(grid.shape[0] for grid in grids)
    slices -= sum(
        end - first for blocks in cohort.split.validation_slices.values() for first, end in blocks
    )
    if size < 16:
        raise UsageError(f"train: slices of {largest} pixels are too small; at least 16 are needed")
    return replace(
        recipe, size=size, epochs=epochs_for(slices, recipe.batch) if counted else recipe.epochs
    )


def _train(
    run: RunRecord, recipe: "Recipe", preset: str, cohort: "Cohort", device: str, progress: Progress
) -> None:
    """Train one loss and export it, unless that is done."""
    from pleura.geometry.network_grid import NetInput
    from pleura.learn.dataset import SliceDataset
    from pleura.learn.export import write_onnx
    from pleura.learn.loop import device_of, fit
    from pleura.learn.unet import architecture

    if run.kept(recipe.loss, "") is not None:
        return
    out = run.folder / recipe.loss
    out.mkdir(parents=True, exist_ok=True)
    net_input = NetInput(recipe.size, scaling=recipe.scaling)
    split = cohort.split if recipe.validation == "held_out" else cohort.split.without_validation()
    cases = [cohort.case(name) for name in (*split.train, *split.validation)]
    thicken_seed = recipe.seed if "thicken" in recipe.augment else None
    learnt = SliceDataset(cases, split, "train", net_input, thicken_seed=thicken_seed)
    validated = SliceDataset(cases, split, "validation", net_input)
    watched = None
    if recipe.watch_test and split.test:
        watched = SliceDataset([cohort.case(name) for name in split.test], split, "test", net_input)
    net = fit(
        recipe, learnt, validated, out, device=device_of(device), test=watched, progress=progress
    ).cpu()
    write_onnx(net, recipe.size, out / MODEL)
    write_json(out / ARCHITECTURE, architecture(net, recipe.size))
    best = read_json(out / f"{BEST}.json")
    write_json(
        out / CARD,
        {
            "format": FORMAT,
            "sha256": sha256_file(out / MODEL),
            "input": net_input.as_json(),
            "threshold": 0.5,
            "loss": recipe.loss,
            "preset": preset,
            "recipe": recipe.as_json(),
            "kept": {key: best[key] for key in ("epoch", "train", "validation")},
            "watched_test": watched is not None,
            "trained_on": list(split.train),
            "validated_on": list(split.validation)
            or {k: list(v) for k, v in split.validation_slices.items()},
        },
    )
    files = {f"{recipe.loss}/{name}": measured(out / name) for name in (MODEL, CARD, ARCHITECTURE)}
    run.keep(recipe.loss, "", {"loss": recipe.loss}, files)

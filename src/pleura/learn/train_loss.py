"""One training: a recipe, from the recipe to the exported model and its card."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pleura.core.atomic import read_json, sha256_file, write_json
from pleura.core.errors import Exit, NothingUsable, UsageError
from pleura.core.progress import Progress
from pleura.geometry.network_grid import NetInput
from pleura.learn.dataset import SliceDataset
from pleura.learn.export import write_onnx
from pleura.learn.loop import device_of, fit
from pleura.learn.recipe import Recipe, epochs_for, make_recipe
from pleura.learn.unet import architecture
from pleura.store.case import Case
from pleura.store.cohort import Cohort
from pleura.store.item import read_items
from pleura.store.layout import ARCHITECTURE, BEST, CARD, MODEL, VOLUME
from pleura.store.run_record import RunRecord, measured
from pleura.store.split import Split

FORMAT = "pleura-model/1"


def cohort_recipe(preset: str, cohort: Cohort, changes: Mapping[str, Any]) -> Recipe:
    """A preset with the user's changes, its size and epochs fitted to the cohort.

    Epochs are derived from the cohort under preset `default`, unless the user gave epochs or steps.

    Raises:
        UsageError: an option is out of range, or the slices are too small.
        NothingUsable: no training case has a mask.
    """
    recipe = make_recipe(preset, **changes)
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
    recipe = replace(recipe, size=size)
    if preset == "default" and changes["epochs"] is None and changes["steps"] is None:
        recipe = replace(recipe, epochs=epochs_for(slices, recipe.batch))
    return recipe


def train_recipes(
    run: RunRecord,
    keyed: Mapping[str, Recipe],
    preset: str,
    cohort: Cohort,
    device: str,
    progress: Progress,
) -> None:
    """Train each recipe that is not trained yet, and close the record of OUT; `keyed` are recipes
    by the name of their folder.
    """
    for key, recipe in keyed.items():
        train_recipe(run, key, recipe, preset, cohort, device, progress)
    run.finish(Exit.OK, models=sorted(item.id for item in read_items(run.folder)))


def train_recipe(
    run: RunRecord,
    key: str,
    recipe: Recipe,
    preset: str,
    cohort: Cohort,
    device: str,
    progress: Progress,
) -> None:
    """Train one recipe and export it, unless that is done."""
    if run.kept(key, "") is not None:
        return
    out = run.folder / key
    out.mkdir(parents=True, exist_ok=True)
    net_input = NetInput(recipe.size, scaling=recipe.scaling)
    split = cohort.split if recipe.validation == "held_out" else cohort.split.without_validation()
    cases = [cohort.case(name) for name in (*split.train, *split.validation)]
    cases.sort(key=_content)
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
    card = {
        "format": FORMAT,
        "sha256": sha256_file(out / MODEL),
        "input": net_input.as_json(),
        "threshold": 0.5,
        "loss": recipe.loss,
        "preset": preset,
        "recipe": recipe.as_json(),
        "couch": cohort.about.get("couch", "keep"),
        "kept": {key: best[key] for key in ("epoch", "train", "validation")},
        "watched_test": watched is not None,
        **_cases_of(split),
        "findings": _findings_of(cases),
    }
    write_json(out / CARD, card)
    files = {f"{key}/{name}": measured(out / name) for name in (MODEL, CARD, ARCHITECTURE)}
    run.keep(key, "", {"loss": recipe.loss}, files)


def _content(case: Case) -> str:
    """A digest of a case's volume: it orders cases by content, not by name."""
    return sha256_file(case.folder / VOLUME)


def _cases_of(split: Split) -> dict[str, Any]:
    """The cases for training and validation; blocks of slices where no case was held out."""
    blocks = {case: list(slices) for case, slices in split.validation_slices.items()}
    return {
        "trained_on": list(split.train),
        "validated_on": list(split.validation) or blocks,
    }


def _findings_of(cases: Sequence[Case]) -> dict[str, list[dict[str, Any]]]:
    """What `prepare` found in each case, by case id; cases without findings are left out."""
    return {
        case.id: [found.as_json() for found in case.findings] for case in cases if case.findings
    }

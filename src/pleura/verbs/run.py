"""`pleura run`: scan, de-identify, prepare, train, segment, evaluate and report, in one command."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pleura.core.atomic import read_json
from pleura.core.errors import Exit, UsageError
from pleura.core.progress import Progress, silent
from pleura.scoring.run_result import RunResult
from pleura.store.input_files import account_line
from pleura.store.layout import (
    MASKS_STAGE,
    PAGE,
    RESULTS_STAGE,
    SCORES,
    SCORES_CSV,
    primary_model,
)
from pleura.store.remote import over_object_stores
from pleura.store.run_record import Check, RunRecord, is_complete, open_run, results_stand
from pleura.store.split_rules import read_rule
from pleura.verbs.run_stages import UNTRAINED, Stages


@over_object_stores(writes=False)
def run(
    source: Path,
    out: Path,
    *,
    profile: Literal["basic", "report"] = "basic",
    masks: Path | None = None,
    split: str = "order",
    gaps: Literal["refuse", "interpolate", "split"] = "refuse",
    couch: Literal["keep", "remove"] = "keep",
    preset: Literal["default", "report"] = "default",
    loss: Literal["bce", "dice", "bce_dice", "both"] | None = None,
    alpha: float | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    lr: float | None = None,
    schedule: Literal["constant", "one-cycle"] | None = None,
    augment: str | None = None,
    batch: int | None = None,
    size: int | None = None,
    threshold: float | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    seed: int = 0,
    workers: int = 0,
    verify_done: Literal["size", "hash"] = "size",
    overwrite: bool = False,
    progress: Progress = silent,
) -> RunResult:
    """Run the full pipeline, from a folder of CT to a report.

    Scan, de-identify, prepare, train, segment every case, evaluate, report. The same command again
    finishes an interrupted run, and takes in what is new in IN: models, masks and scores are then
    made again. A folder without any masks gives volumes, masks by the network that comes with
    pleura, and a report without scores.

    Args:
        source: Folder with CT series, and masks in Segmentations/ or Labels/.
        out: Folder for everything; the re-identification map is written beside it, as OUT.map.json.
        profile: How identity is removed: basic, or report (the report's four rules).
        masks: Folder with masks by case, where they are not in IN.
        split: Which cases test: order (the last third, by Case_NNN folder or PatientID of the
            source), seeded, kfold:K/I, leave-one-out:I, lctsc (as that collection's names say),
            or a CSV file with columns patient or case, and part (train, validation, test, unused).
        gaps: What becomes of a series with missing slices: refuse, interpolate (fill them from
            their neighbours, and report it), or split (a case for each run of slices).
        couch: keep, or remove what lies around the patient before training; the model card says so,
            and segment does the same. False lung in its place still counts.
        preset: How to train: default, or report (the report's own settings).
        loss: bce, dice, bce_dice, or both; by default the preset's.
        alpha: Share of BCE in bce_dice.
        epochs: Number of epochs; by default the preset's.
        steps: Number of optimiser steps, instead of epochs.
        lr: Learning rate.
        schedule: Learning rate over the steps: constant or one-cycle.
        augment: all, none, or names with commas: rotate, scale, stretch, translate, flip, contrast,
            noise, blur, thicken.
        batch: Batch size, in slices.
        size: Rows and columns of the network's input.
        threshold: Probability from which a voxel is lung; by default 0.5.
        device: cpu, cuda, or auto.
        seed: Decides a seeded split, weights, order and augmentation.
        workers: Processes that de-identify and evaluate; 0 = one for each core.
        verify_done: How finished results are checked before they are kept: size, or hash (reads
            every file).
        overwrite: Empty OUT first; refused where pleura did not write OUT.

    Returns:
        Scores of every case that has a reference.

    Raises:
        UsageError: an input does not exist, an option is wrong, or OUT has other content.
        NothingUsable: no CT series could be used.
        OutputFailed: OUT cannot be written.
        MissingExtra: torch is not installed, and there are masks to train from.
    """
    recipe = {
        "preset": preset,
        "loss": loss,
        "alpha": alpha,
        "epochs": epochs,
        "steps": steps,
        "lr": lr,
        "schedule": schedule,
        "augment": augment,
        "batch": batch,
        "size": size,
    }
    if threshold is not None and not 0 < threshold < 1:
        raise UsageError("run: --threshold must be between 0 and 1")
    models = _models(recipe, seed)
    drawn = seed if split == "seeded" else 0
    parts = {"split": split, "seed": drawn, "couch": couch}
    asked = {"profile": profile, "gaps": gaps, "threshold": threshold, "preset": preset}
    same = {name: recipe[name] for name in ("epochs", "steps", "batch", "size")}
    options: dict[str, Any] = {**asked, **parts, **same, "split": read_rule(split).text}
    sources = [source, *([masks] if masks else [])]
    with open_run(
        out, verb="run", sources=sources, options=options, overwrite=overwrite, check=verify_done
    ) as whole:
        if _is_done(whole, verify_done, models):
            return _result(whole, whole.exit_code, whole.record["notes"], models)
        stages = Stages(whole, source, verify_done, workers, progress)
        stages.to_cohort(masks, profile, gaps, parts)
        names = stages.to_models(recipe, device, seed)
        stages.to_scores(names, threshold, device)
        stages.to_report()
        _finish(whole, stages, names)
    return _result(whole, stages.worst, stages.notes, names)


def _models(options: Mapping[str, Any], seed: int) -> set[str]:
    """The names of the models that `train` makes of these options.

    Raises:
        UsageError: a number or a name is wrong; before anything is done.
    """
    from pleura.learn.recipe import losses_of, make_recipe, parsed, recipe_key

    changes = parsed(options)
    preset, loss = changes.pop("preset"), changes.pop("loss")
    recipe = make_recipe(preset, seed=seed, **changes)
    losses = losses_of(loss, preset)
    return {recipe_key(replace(recipe, loss=loss), preset) for loss in losses}


def _is_done(whole: RunRecord, check: Check, models: set[str]) -> bool:
    """Whether nothing is left to do: the record is complete, and so is the output of each stage.

    A run that made other models is done with those only; where nothing could be trained, there are
    none to make.
    """
    if not whole.done:
        return False
    made = set(whole.record["models"])
    stand = all(results_stand(whole.folder / stage, check) for stage in whole.record["stages"])
    return stand and (models <= made or made == {UNTRAINED})


def _with_earlier(
    whole: RunRecord, stages: Sequence[str], models: Sequence[str]
) -> dict[str, list[str]]:
    """Stages and models of this call, and those of earlier ones with other recipes."""
    folder, before = whole.folder, whole.record
    earlier = [one for one in before.get("stages", ()) if is_complete(folder / one)]
    made = [one for one in before.get("models", ()) if (folder / MASKS_STAGE / one).is_dir()]
    return {"stages": sorted({*stages, *earlier}), "models": sorted({*models, *made})}


def _finish(whole: RunRecord, stages: Stages, models: Sequence[str]) -> None:
    """Close the record of the whole run."""
    out = whole.folder
    whole.finish(
        stages.worst,
        complete=all(is_complete(out / stage) for stage in stages.done),
        files=[name for name in (PAGE, SCORES, SCORES_CSV) if (out / name).exists()],
        notes=stages.notes,
        input=stages.input,
        **_with_earlier(whole, stages.done, models),
    )


def _result(whole: RunRecord, code: Exit, notes: Sequence[str], models: Iterable[str]) -> RunResult:
    """The result of the models of this call; OUT may have more."""
    out, files = whole.folder, whole.record.get("input")
    scores = out / RESULTS_STAGE / str(primary_model(models)) / SCORES
    ends = [f"run: {out / PAGE}"] if (out / PAGE).exists() else []
    lines = (*notes, *account_line("run", files), *ends)
    return RunResult(code, read_json(scores) if scores.exists() else None, lines, files)

"""`pleura run`: scan, de-identify, prepare, train, segment, evaluate and report, in one command."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pleura.core.atomic import read_json
from pleura.core.errors import Exit, UsageError
from pleura.core.progress import Progress, silent
from pleura.scoring.run_result import RunResult
from pleura.store.layout import PAGE, SCORES, SCORES_CSV
from pleura.store.run_record import Check, RunRecord, is_complete, open_run, results_stand
from pleura.store.split import check_rule
from pleura.verbs.run_stages import Stages


def run(
    source: Path,
    out: Path,
    *,
    profile: Literal["basic", "report"] = "basic",
    masks: Path | None = None,
    split: str = "order",
    gaps: Literal["refuse", "interpolate", "split"] = "refuse",
    preset: Literal["default", "report"] = "default",
    loss: Literal["bce", "dice", "bce_dice", "both"] | None = None,
    alpha: float | None = None,
    epochs: int | None = None,
    lr: float | None = None,
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
        split: Which cases test: order (the last third by case id), seeded, or kfold:K/I.
        gaps: What becomes of a series with missing slices: refuse, interpolate (fill them from
            their neighbours, and report it), or split (a case for each run of slices).
        preset: How to train: default, or report (the report's own settings).
        loss: bce, dice, bce_dice, or both; by default the preset's.
        alpha: Share of BCE in bce_dice.
        epochs: Number of epochs; by default the preset's.
        lr: Learning rate.
        batch: Batch size, in slices.
        size: Rows and columns of the network's input.
        threshold: Probability from which a voxel is lung; by default 0.5.
        device: cpu, cuda, or auto.
        seed: Decides a seeded split, weights, order and augmentation.
        workers: Processes that de-identify and evaluate; 0 = one for each core.
        verify_done: How finished results are checked before they are kept: size, or hash (reads
            every file).
        overwrite: Empty OUT first.

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
        "lr": lr,
        "batch": batch,
        "size": size,
    }
    asked = {"profile": profile, "split": split, "gaps": gaps, "threshold": threshold, "seed": seed}
    options = asked | recipe
    _check_options(options)
    sources = [source, *([masks] if masks else [])]
    with open_run(
        out, verb="run", sources=sources, options=options, overwrite=overwrite, check=verify_done
    ) as whole:
        if _is_done(whole, verify_done):
            return _result(out, whole.exit_code, whole.record["notes"])
        stages = Stages(whole, source, verify_done, workers, progress)
        stages.to_cohort(masks or source, profile, gaps, {"split": split, "seed": seed})
        names = stages.to_models(recipe, device, seed)
        stages.to_scores(names, threshold, device)
        stages.to_report(names)
        _finish(whole, stages)
    return _result(out, stages.worst, stages.notes)


def _check_options(options: Mapping[str, Any]) -> None:
    """Refuse a wrong number or rule before anything is done."""
    from pleura.learn.recipe import make_recipe

    check_rule(options["split"])
    make_recipe(
        options["preset"],
        **{name: options[name] for name in ("alpha", "epochs", "lr", "batch", "size", "seed")},
    )
    if options["threshold"] is not None and not 0 < options["threshold"] < 1:
        raise UsageError("run: --threshold must be between 0 and 1")


def _is_done(whole: RunRecord, check: Check) -> bool:
    """Whether nothing is left to do: the record is complete, and so is the output of each stage."""
    if not whole.done:
        return False
    return all(results_stand(whole.folder / stage, check) for stage in whole.record["stages"])


def _finish(whole: RunRecord, stages: Stages) -> None:
    """Close the record of the whole run."""
    out = whole.folder
    whole.finish(
        stages.worst,
        complete=all(is_complete(out / stage) for stage in stages.done),
        files=[name for name in (PAGE, SCORES, SCORES_CSV) if (out / name).exists()],
        notes=stages.notes,
        stages=stages.done,
    )


def _result(out: Path, code: Exit, notes: Sequence[str]) -> RunResult:
    scores = out / SCORES
    ends = [f"run: {out / PAGE}"] if (out / PAGE).exists() else []
    return RunResult(code, read_json(scores) if scores.exists() else None, (*notes, *ends))

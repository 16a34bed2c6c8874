"""The full pipeline: scan, de-identify, prepare, train, segment, evaluate, report; each stage
resumable by itself.
"""

import gc
import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pleura.core.atomic import atomic_file, read_json, remove
from pleura.core.errors import Exit, NothingUsable, UsageError
from pleura.core.progress import Progress, silent
from pleura.core.results import Result, Table
from pleura.store.layout import (
    BESIDE,
    COHORT,
    COHORT_STAGE,
    DEIDENTIFIED_STAGE,
    MASKS_STAGE,
    MODELS_STAGE,
    PAGE,
    RESULTS_STAGE,
    SCORES,
    SCORES_CSV,
    SPLIT,
    beside,
)
from pleura.store.run_record import Check, RunRecord, is_complete, open_run, results_stand
from pleura.store.split import check_rule

PRIMARY = ("bce_dice", "dice", "bce")
"""Whose scores are at OUT's top, of the losses that were trained: the report's own proposal
first.
"""
UNTRAINED = "lungs"
"""The name in a loss's place where nothing could be trained: masks by the network that comes
with pleura.
"""


@dataclass(frozen=True)
class RunResult:
    """The result of a run. `scores` is the content of `OUT/scores.json`, or `None` where no case
    has a reference.
    """

    exit_code: Exit
    scores: Mapping[str, Any] | None
    lines: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The scores' cases, and the notes."""
        return {
            "cases": self.scores["cases"] if self.scores else [],
            "notes": list(self.lines),
            "exit_code": int(self.exit_code),
        }

    def table(self) -> Table | None:
        """One row a case: split, Dice and accuracy of the volume, slices by class."""
        if not self.scores:
            return None
        columns = ("case", "split", "Dice", "accuracy", "hallucinated [slices]", "missed [slices]")
        return Table(
            "Lungs against references", columns, tuple(_row(case) for case in self.scores["cases"])
        )

    def notes(self) -> Sequence[str]:
        """Refusals of every stage, then where the report is."""
        return self.lines


def _row(case: Mapping[str, Any]) -> tuple[str, ...]:
    numbers = (
        "-" if case.get(name) is None else f"{case[name]:.4f}" for name in ("dice", "accuracy")
    )
    counts = (str(case["slices"][name]) for name in ("hallucinated", "missed"))
    return (str(case["case"]), str(case.get("split") or "-"), *numbers, *counts)


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
    finishes an interrupted run,
    and takes in what is new in IN: models, masks and scores are then made again. A folder without
    any masks gives volumes, masks by thresholds, and a report without scores.

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
    options = {
        "profile": profile,
        "split": split,
        "gaps": gaps,
        "threshold": threshold,
        "seed": seed,
        **recipe,
    }
    _check_options(options)
    sources = [source, *([masks] if masks else [])]
    with open_run(
        out, verb="run", sources=sources, options=options, overwrite=overwrite, check=verify_done
    ) as whole:
        if whole.done and all(
            results_stand(out / stage, verify_done) for stage in whole.record["stages"]
        ):
            return _result(out, whole.exit_code, whole.record["notes"])
        journey = _Journey(whole, source, out, verify_done, workers, progress)
        journey.to_cohort(masks or source, profile, gaps, {"split": split, "seed": seed})
        names = journey.to_models(recipe, device, seed)
        journey.to_scores(names, threshold, device)
        journey.to_report(names)
        files = [name for name in (PAGE, SCORES, SCORES_CSV) if (out / name).exists()]
        complete = all(is_complete(out / stage) for stage in journey.stages)
        whole.finish(
            journey.worst,
            complete=complete,
            files=files,
            notes=journey.notes,
            stages=journey.stages,
        )
    return _result(out, journey.worst, journey.notes)


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


def _result(out: Path, code: Exit, notes: Sequence[str]) -> RunResult:
    scores = out / SCORES
    ends = [f"run: {out / PAGE}"] if (out / PAGE).exists() else []
    return RunResult(code, read_json(scores) if scores.exists() else None, (*notes, *ends))


class _Journey:
    """The stages in their order; their notes, how long they took, and the worst exit code."""

    def __init__(
        self,
        whole: RunRecord,
        source: Path,
        out: Path,
        check: Check,
        workers: int,
        progress: Progress,
    ) -> None:
        self.whole, self.source, self.out, self.progress = whole, source, out, progress
        self.workers, self.check = workers, check
        self.stages: list[str] = []
        self.notes: list[str] = []
        self.worst = Exit.OK

    @contextmanager
    def stage(self, name: str, folder: str = "") -> Iterator[Path]:
        """Time a stage; seconds add up over interruptions. Yields the stage's folder."""
        begun = time.monotonic()
        yield self.out / folder
        self.whole.note_seconds(name, time.monotonic() - begun)
        if folder:
            self.stages.append(folder)
        gc.collect()

    def take(self, result: Result) -> None:
        """Keep a stage's refusals and exit code; its last note, where it wrote, is given once at
        the end of the run.
        """
        if result.exit_code is not Exit.OK:
            self.notes += list(result.notes())[:-1]
            self.worst = Exit.SOME_FAILED

    def to_cohort(self, masks: Path, profile: Any, gaps: Any, parts: Mapping[str, Any]) -> None:
        """Scan, de-identify, prepare."""
        from pleura.deid.vault import read_map
        from pleura.labels.source_names import names_of_cases
        from pleura.verbs.deidentify import deidentify
        from pleura.verbs.prepare import prepare
        from pleura.verbs.scan import scan

        with self.stage("scan"):
            seen = scan(self.source, gaps=gaps, workers=self.workers, progress=self.progress)
            if seen.exit_code is Exit.NOTHING_USABLE:
                raise NothingUsable("; ".join(list(seen.notes())[:5]))
            self.take(seen)
        with self.stage("deidentify", DEIDENTIFIED_STAGE) as clean:
            places: dict[str, Any] = {
                name: beside(self.out, name)
                for name in BESIDE
                if profile == "basic" or name != "key"
            }
            common: Any = {"workers": self.workers, "progress": self.progress}
            self.take(deidentify(self.source, clean, profile=profile, **places, **common))
        with self.stage("prepare", COHORT_STAGE) as cohort:
            names = names_of_cases(self.source, read_map(places["map"]))
            common = {"verify_done": self.check, "progress": self.progress}
            made = prepare(clean, cohort, masks=masks, gaps=gaps, **parts, names=names, **common)
            self.take(made)
        self._drop_what_other_cases_made(cohort)

    def _drop_what_other_cases_made(self, cohort: Path) -> None:
        """Remove models, masks and scores of a cohort that had other cases or another split."""
        digest = hashlib.sha256(
            (cohort / COHORT).read_bytes() + (cohort / SPLIT).read_bytes()
        ).hexdigest()
        if self.whole.kept("cohort", digest) is None:
            for folder in (MODELS_STAGE, MASKS_STAGE, RESULTS_STAGE):
                remove(self.out / folder)
            self.whole.keep("cohort", digest, {"sha256": digest})

    def to_models(self, recipe: Mapping[str, Any], device: Any, seed: int) -> tuple[str, ...]:
        """Train, where there is a mask to train from. Returns the losses, or the name that
        stands in for them.
        """
        cohort = self.out / COHORT_STAGE
        if not read_json(cohort / SPLIT)["train"]:
            self.notes.append(
                "run: no case has a mask, so nothing was trained or scored; masks are by the "
                "network of pleura"
            )
            return (UNTRAINED,)
        from pleura.verbs.train import train

        with self.stage("train", MODELS_STAGE) as models:
            result = train(
                cohort, models, **recipe, device=device, seed=seed, progress=self.progress
            )
        return tuple(result.models)

    def to_scores(self, names: Sequence[str], threshold: float | None, device: str) -> None:
        """Segment every case, and evaluate what has a reference."""
        from pleura.verbs.evaluate import evaluate
        from pleura.verbs.segment import segment

        cohort = self.out / COHORT_STAGE
        common: Any = {"verify_done": self.check, "progress": self.progress}
        for name in names:
            model = None if name == UNTRAINED else self.out / MODELS_STAGE / name
            chosen: Any = "cuda" if device == "cuda" else "cpu"
            options: Any = {} if model is None else {"threshold": threshold, "device": chosen}
            with self.stage(f"segment {name}", f"{MASKS_STAGE}/{name}") as masks:
                self.take(segment(cohort, masks, model=model, **options, **common))
            if model is not None:
                with self.stage(f"evaluate {name}", f"{RESULTS_STAGE}/{name}") as results:
                    self.take(evaluate(masks, cohort, results, workers=self.workers, **common))

    def to_report(self, names: Sequence[str]) -> None:
        """Draw the page, and put the scores of the primary loss at the top."""
        from pleura.verbs.report import report

        with self.stage("report"):
            self.take(report(self.out, progress=self.progress))
            first = next((name for name in PRIMARY if name in names), None)
            for file in (SCORES, SCORES_CSV) if first else ():
                with atomic_file(self.out / file) as part:
                    part.write_bytes((self.out / RESULTS_STAGE / str(first) / file).read_bytes())

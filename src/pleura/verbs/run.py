"""The whole journey: scan, de-identify, prepare, train, segment, evaluate, report; each stage resumable by itself."""

import gc
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pleura.core.atomic import atomic_file, read_json
from pleura.core.errors import Exit, NothingUsable
from pleura.core.progress import Progress, silent
from pleura.core.results import Result, Table
from pleura.store.manifest import Run, start_run

PRIMARY = ("bce_dice", "dice", "bce")
"""Whose scores stand at OUT's top, of the losses that were trained: the report's own proposal first."""
THRESHOLDS = "classical"
"""What stands in a loss's place where nothing could be trained: masks by threshold and components."""

BESIDE = {"map": "map.json", "audit": "audit.json", "key": "key"}
"""What de-identification keeps out of the output: beside OUT, under OUT's name."""


@dataclass(frozen=True)
class RunResult:
    """What a run came to. `scores` is the content of `OUT/scores.json`, or `None` where no case has a reference."""

    exit_code: Exit
    scores: Mapping[str, Any] | None
    said: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The scores' cases, and what was said."""
        return {
            "cases": self.scores["cases"] if self.scores else [],
            "notes": list(self.said),
            "exit_code": int(self.exit_code),
        }

    def table(self) -> Table | None:
        """One row a case: split, Dice and accuracy of the volume, slices by class."""
        if not self.scores:
            return None
        columns = ("case", "split", "Dice", "accuracy", "hallucinated [slices]", "missed [slices]")
        return Table("Lungs against references", columns, tuple(_row(case) for case in self.scores["cases"]))

    def notes(self) -> Sequence[str]:
        """Refusals of every stage, then where the report is."""
        return self.said


def _row(case: Mapping[str, Any]) -> tuple[str, ...]:
    numbers = ("-" if case.get(name) is None else f"{case[name]:.4f}" for name in ("dice", "accuracy"))
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
    overwrite: bool = False,
    progress: Progress = silent,
) -> RunResult:
    """Run the full pipeline, from a folder of CT to a report.

    Scan, de-identify, prepare, train, segment every case, evaluate, report. Killed at any moment, the same command goes on. A
    folder without any masks gives volumes, masks by thresholds, and a report without scores.

    Args:
        source: Folder with CT series, and masks in Segmentations/ or Labels/.
        out: Folder for everything; the identity map lies beside it, as OUT.map.json.
        profile: How identity is taken out: basic, or report (the report's four rules).
        masks: Folder with masks by case, where they are not in IN.
        split: Who tests: order (the last third by case id), seeded, or kfold:K/I.
        gaps: What becomes of a series with lost slices: refuse, interpolate (fill them from their neighbours, and say so), or
            split (a case for each run of slices).
        preset: How to train: default, or report (the report's own settings).
        loss: bce, dice, bce_dice, or both; by default the preset's.
        alpha: Share of BCE in bce_dice.
        epochs: Times over all training slices; by default the preset's.
        lr: Learning rate.
        batch: Slices a step.
        size: Rows and columns of the network's input.
        threshold: Probability from which a voxel is lung; by default 0.5.
        device: cpu, cuda, or auto.
        seed: Decides a seeded split, weights, order and augmentation.
        workers: Processes that de-identify and evaluate; 0 takes one a core.
        overwrite: Replace what OUT holds.

    Returns:
        Scores of every case that has a reference.

    Raises:
        UsageError: an input does not exist, an option is wrong, or OUT holds something else.
        NothingUsable: no CT series could be used.
        OutputFailed: OUT cannot be written.
        MissingExtra: torch is not installed, and there are masks to train from.
    """
    given = {
        "profile": profile,
        "split": split,
        "gaps": gaps,
        "preset": preset,
        "loss": loss,
        "alpha": alpha,
        "epochs": epochs,
        "lr": lr,
        "batch": batch,
        "size": size,
        "threshold": threshold,
        "seed": seed,
    }
    whole = start_run(out, verb="run", sources=[source, *([masks] if masks else [])], options=given, overwrite=overwrite)
    if whole.done:
        return _result(out, whole.exit_code, whole.record["said"])
    journey = _Journey(whole, source, out, progress, workers)
    journey.to_cohort(masks or source, profile, gaps, {"split": split, "seed": seed})
    recipe = {"preset": preset, "loss": loss, "alpha": alpha, "epochs": epochs, "lr": lr, "batch": batch, "size": size}
    names = journey.to_models(recipe, device, seed)
    journey.to_scores(names, threshold, device)
    journey.to_report(names)
    whole.finish(journey.worst, said=journey.said, seconds=journey.seconds, stages=list(journey.seconds))
    return _result(out, journey.worst, journey.said)


def _result(out: Path, code: Exit, said: Sequence[str]) -> RunResult:
    scores = out / "scores.json"
    ends = [f"run: {out / 'report.html'}"] if (out / "report.html").exists() else []
    return RunResult(code, read_json(scores) if scores.exists() else None, (*said, *ends))


class _Journey:
    """The stages in their order; what each said, how long it took, and the worst exit code."""

    def __init__(self, whole: Run, source: Path, out: Path, progress: Progress, workers: int) -> None:
        self.whole, self.source, self.out, self.progress, self.workers = whole, source, out, progress, workers
        self.seconds: dict[str, float] = dict(whole.record.get("seconds", {}))
        self.said: list[str] = []
        self.worst = Exit.OK

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage; seconds add up over interruptions."""
        begun = time.monotonic()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - begun, 1)
        self.whole.note(seconds=self.seconds)
        gc.collect()

    def keep(self, result: Result) -> None:
        """Remember a stage's refusals and its exit code; its last note, where it wrote, the run says once at its end."""
        if result.exit_code is not Exit.OK:
            self.said += list(result.notes())[:-1]
            self.worst = Exit.SOME_FAILED

    def to_cohort(self, masks: Path, profile: Any, gaps: Any, parts: Mapping[str, Any]) -> None:
        """Scan, de-identify, prepare."""
        from pleura.verbs.deidentify import deidentify
        from pleura.verbs.prepare import prepare
        from pleura.verbs.scan import scan

        with self.stage("scan"):
            seen = scan(self.source, gaps=gaps, workers=self.workers, progress=self.progress)
            if seen.exit_code is Exit.NOTHING_USABLE:
                raise NothingUsable("; ".join(list(seen.notes())[:5]))
            self.keep(seen)
        with self.stage("deidentify"):
            beside = {name: self.out.with_name(f"{self.out.name}.{end}") for name, end in BESIDE.items()}
            beside = beside if profile == "basic" else {name: path for name, path in beside.items() if name != "key"}
            clean = self.out / "deidentified"
            self.keep(
                deidentify(self.source, clean, profile=profile, **beside, workers=self.workers, progress=self.progress)  # type: ignore[arg-type]
            )
        with self.stage("prepare"):
            cohort = self.out / "cohort"
            made = prepare(clean, cohort, masks=masks, gaps=gaps, **parts, workers=self.workers, progress=self.progress)
            self.keep(made)

    def to_models(self, recipe: Mapping[str, Any], device: Any, seed: int) -> tuple[str, ...]:
        """Train, where there is a mask to train from. Returns the losses, or the stand-in for them."""
        if not read_json(self.out / "cohort" / "split.json")["train"]:
            self.said.append("run: no case has a mask, so nothing was trained or scored: masks are by threshold and components")
            return (THRESHOLDS,)
        from pleura.verbs.train import train

        with self.stage("train"):
            result = train(self.out / "cohort", self.out / "runs", **recipe, device=device, seed=seed, progress=self.progress)
        return tuple(result.models)

    def to_scores(self, names: Sequence[str], threshold: float | None, device: str) -> None:
        """Segment every case, and evaluate what has a reference."""
        from pleura.verbs.evaluate import evaluate
        from pleura.verbs.segment import segment

        cohort = self.out / "cohort"
        for name in names:
            model = None if name == THRESHOLDS else self.out / "runs" / name
            chosen: Any = "cuda" if device == "cuda" else "cpu"
            with self.stage(f"segment {name}"):
                masks = self.out / "masks" / name
                self.keep(segment(cohort, masks, model=model, threshold=threshold, device=chosen, progress=self.progress))
            if model is not None:
                with self.stage(f"evaluate {name}"):
                    results = self.out / "results" / name
                    self.keep(evaluate(masks, cohort, results, workers=self.workers, progress=self.progress))

    def to_report(self, names: Sequence[str]) -> None:
        """Draw the page, and put the scores of the primary loss at the top."""
        from pleura.verbs.report import report

        with self.stage("report"):
            self.keep(report(self.out, progress=self.progress))
            first = next((name for name in PRIMARY if name in names), None)
            for file in ("scores.json", "scores.csv") if first else ():
                with atomic_file(self.out / file) as part:
                    part.write_bytes((self.out / "results" / str(first) / file).read_bytes())

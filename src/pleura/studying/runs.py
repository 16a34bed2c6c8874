"""The runs of a study: each arm on each fold with each seed."""

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from pleura.core.atomic import BOOKKEEPING, read_json, write_json
from pleura.core.errors import TimeUp
from pleura.core.findings import Finding
from pleura.learn.recipe import Recipe
from pleura.store.item import digest_of, stem_of
from pleura.store.items import Done
from pleura.store.layout import HISTORY, STUDY_RUNS
from pleura.store.split import make_split
from pleura.studying.design import Arm, Design
from pleura.studying.ready_slices import ReadyCase, read_ready, version_name
from pleura.studying.run_scores import score_answer, score_failure

CPU_SECONDS = "cpu-seconds"
"""Folder of the bookkeeping with what each run cost; not a result, so not in `run.json`."""


@dataclass(frozen=True)
class RunJob:
    """One arm on one fold with one seed. `cases` is a digest of the slices it is made from."""

    arm: str
    recipe: Recipe
    couch: str
    fold: int
    train: tuple[str, ...]
    test: tuple[str, ...]
    cases: str

    @property
    def id(self) -> str:
        """The folder of the run below `OUT/runs`."""
        return f"{self.arm}/fold-{self.fold}-seed-{self.recipe.seed}"

    @property
    def input(self) -> str:
        """Changes with the recipe, the cases and what they are."""
        parts = [list(self.train), list(self.test), self.cases]
        return digest_of([self.recipe.as_json(), self.couch, *parts])


def run_jobs(design: Design, slices: Mapping[str, int], cases: str) -> list[RunJob]:
    """All runs: seed by seed, so that what is done after some time is a smaller whole study.

    Args:
        design: what was declared.
        slices: case to its number of slices.
        cases: digest of the ready slices.
    """
    folds = [
        make_split(slices, rule=f"kfold:{design.folds}/{fold}").without_validation()
        for fold in range(1, design.folds + 1)
    ]
    jobs = []
    for seed in design.seeds:
        for arm in design.arms():
            recipe = replace(arm.recipe, seed=seed)
            jobs += [_job(arm, recipe, fold, split, cases) for fold, split in enumerate(folds, 1)]
    return jobs


def _job(arm: Arm, recipe: Recipe, fold: int, split: Any, cases: str) -> RunJob:
    train = tuple(sorted(split.train))
    return RunJob(arm.key, recipe, arm.couch, fold, train, tuple(split.test), cases)


def refused_run(job: RunJob, refusal: Finding) -> dict[str, Any]:
    """The record of a run that could not be done."""
    return {"arm": job.arm, "fold": job.fold, "seed": job.recipe.seed, "refused": refusal.message}


@dataclass(frozen=True)
class RunRecipe:
    """How runs are done. After `until` (seconds since the epoch) no run is begun."""

    out: Path
    until: float | None = None

    def open(self) -> Callable[[RunJob], Done]:
        """The function that does one run; cases stay in memory between runs."""
        return _Runs(self).do


@dataclass
class _Runs:
    recipe: RunRecipe
    cases: dict[str, ReadyCase] = field(default_factory=dict)

    def do(self, job: RunJob) -> Done:
        """Train and score one run."""
        from pleura.learn.arm import trained_answers
        from pleura.learn.loop import Diverged

        if self.recipe.until is not None and time.time() >= self.recipe.until:
            raise TimeUp
        begun = time.process_time()
        folder = self.recipe.out / STUDY_RUNS / job.id
        folder.mkdir(parents=True, exist_ok=True)
        version = version_name(job.couch, job.recipe.scaling)
        train = [(case.pictures[version], case.targets) for case in map(self.case, job.train)]
        tested = [self.case(name) for name in job.test]
        try:
            pictures = [case.pictures[version] for case in tested]
            answers = trained_answers(job.recipe, train, pictures, folder)
            scores = [_score(case, answer) for case, answer in zip(tested, answers, strict=True)]
            diverged = False
        except Diverged:
            scores = [
                score_failure(case.targets >= 0.5, case.places, case.pixel_ml) for case in tested
            ]
            diverged = True
        self._add_seconds(job, time.process_time() - begun)
        record = {
            "arm": job.arm,
            "fold": job.fold,
            "seed": job.recipe.seed,
            "diverged": diverged,
            "cases": dict(zip(job.test, map(_rounded, scores), strict=True)),
        }
        return Done(record, _without_checkpoints(folder, f"{STUDY_RUNS}/{job.id}"))

    def case(self, name: str) -> ReadyCase:
        """A case, read once in a process."""
        if name not in self.cases:
            self.cases[name] = read_ready(self.recipe.out, name)
        return self.cases[name]

    def _add_seconds(self, job: RunJob, seconds: float) -> None:
        path = self.recipe.out / BOOKKEEPING / CPU_SECONDS / f"{stem_of(job.id)}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        before = read_json(path)["seconds"] if path.exists() else 0.0
        write_json(path, {"arm": job.arm, "seconds": round(before + seconds, 2)})


def _score(case: ReadyCase, answer: np.ndarray) -> dict[str, Any]:
    return score_answer(answer, case.targets >= 0.5, case.places, case.pixel_ml)


def _rounded(scores: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: round(value, 6) if isinstance(value, float) else value
        for name, value in scores.items()
    }


def _without_checkpoints(folder: Path, name: str) -> tuple[str, ...]:
    """Remove what was needed to resume only; return the files that stay, below OUT."""
    history = folder / HISTORY
    for path in sorted(folder.iterdir(), reverse=True):  # `last` first: without it all is redone
        if path != history:
            path.unlink() if path.is_file() else shutil.rmtree(path)
    return (f"{name}/{HISTORY}",) if history.exists() else ()


def cpu_minutes(out: Path, arms: Sequence[str]) -> dict[str, float]:
    """CPU minutes of each arm so far, over all its runs, interrupted ones as far as noted."""
    total = dict.fromkeys(arms, 0.0)
    for path in sorted((out / BOOKKEEPING / CPU_SECONDS).glob("*.json")):
        noted = json.loads(path.read_text(encoding="utf-8"))
        if noted["arm"] in total:
            total[noted["arm"]] += noted["seconds"] / 60
    return total

"""Train the network that comes with pleura further, on the training cases of a cohort."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pleura.core.atomic import write_json
from pleura.core.errors import Exit, NothingUsable, UsageError
from pleura.core.progress import Progress
from pleura.learn.lungs.bodies import synthetic_chest, without_lungs
from pleura.learn.lungs.corpus import RealCase, TrainingVolume, resampled
from pleura.learn.lungs.export import write_onnx
from pleura.learn.lungs.pool import Pool
from pleura.learn.lungs.samples import smoothed
from pleura.learn.lungs.training import Learner, Phase, run_phase
from pleura.learn.lungs.weights import read_onnx
from pleura.segmenters.shipped import CARD, WEIGHTS, ShippedNetwork
from pleura.store.case import Case
from pleura.store.cohort import Cohort
from pleura.store.layout import BOOKKEEPING, FINE_TUNED, LAST
from pleura.store.run_record import RunRecord, measured

SHARES = (0.8, 0.1, 0.1)
"""Samples from the user's cases, from phantoms and from bodies without lungs: the last two keep
what the network knew."""
PHANTOMS, BODIES = 3, 4
"""Synthetic volumes of each."""
LAST_RATE = 0.05
"""The last learning rate, as a share of the first."""
WARM_UP = 10


@dataclass(frozen=True)
class FineTuning:
    """The numbers that decide a fine-tuning: optimiser steps of two samples, first learning rate,
    and the seed of the samples.
    """

    steps: int = 200
    lr: float = 3e-4
    seed: int = 0

    def check(self) -> None:
        """Raise `UsageError` that names the first option out of range."""
        rules = {
            "--steps must be at least 1": self.steps >= 1,
            "--lr must be a number above 0": 0 < self.lr < math.inf,
            "--seed must not be negative": self.seed >= 0,
        }
        for rule, holds in rules.items():
            if not holds:
                raise UsageError(f"train: {rule}")


def training_cases(cohort: Cohort) -> list[Case]:
    """The training cases of the split, whose masks have sides; validation and test cases stay
    closed.

    Raises:
        NothingUsable: no training case has a mask.
        UsageError: a mask has no sides.
    """
    cases = [cohort.case(name) for name in cohort.split.train]
    if not cases:
        raise NothingUsable(
            "train: no training case has a mask: give prepare the masks with --masks"
        )
    unsided = [case.id for case in cases if not case.about["mask"]["sided"]]
    if unsided:
        raise UsageError(
            f"train: the masks of {len(unsided)} training cases have no left and right; the lung "
            "network needs both"
        )
    return cases


def fine_tune(
    run: RunRecord, cohort: Cohort, tuning: FineTuning, progress: Progress
) -> dict[str, Any]:
    """Train further, write the model, and close the record of OUT.

    Returns:
        The model's card.
    """
    cases = training_cases(cohort)
    out = run.folder / FINE_TUNED
    out.mkdir(parents=True, exist_ok=True)
    shipped = ShippedNetwork.open()
    checkpoint = out / f"{LAST}.safetensors"
    if not checkpoint.exists():
        Learner.of(read_onnx(shipped.weights), tuning.seed).save(checkpoint)
    pool = _pool(cases, run.folder / BOOKKEEPING / "samples", tuning.seed)
    phase = Phase(tuning.steps, tuning.lr, LAST_RATE * tuning.lr, warm_up=WARM_UP)

    def report(entry: dict[str, Any]) -> None:
        progress("train", entry["step"], tuning.steps)

    run_phase(phase, pool, checkpoint, report=report)
    write_onnx(Learner.load(checkpoint).averaged(), out / WEIGHTS)
    card = _card(shipped, out / WEIGHTS, tuning, cases)
    write_json(out / CARD, card)
    files = {f"{FINE_TUNED}/{name}": measured(out / name) for name in (WEIGHTS, CARD)}
    run.keep(FINE_TUNED, "", {"preset": "fine-tune"}, files)
    run.finish(Exit.OK, models=[FINE_TUNED])
    return card


def _pool(cases: Sequence[Case], folder: Path, seed: int) -> Pool:
    own = [smoothed(_volume_of(case)) for case in cases]
    phantoms = [smoothed(synthetic_chest(number)) for number in range(PHANTOMS)]
    bodies = [smoothed(without_lungs(number)) for number in range(BODIES)]
    return Pool((own, phantoms, bodies), SHARES, folder, seed=seed)


def _volume_of(case: Case) -> TrainingVolume:
    return resampled(RealCase(case.id, case.id, ""), case.volume(), case.mask())


def _card(
    shipped: ShippedNetwork, weights: Path, tuning: FineTuning, cases: Sequence[Case]
) -> dict[str, Any]:
    """The shipped card with the new weights and what they were made from; scores of the shipped
    network are not those of this one.
    """
    kept = ("date", "held_out_scores", "training", "sha256")
    card = {key: value for key, value in shipped.card.items() if key not in kept}
    return card | {
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "fine_tuned": {
            "from_sha256": shipped.card["sha256"],
            **asdict(tuning),
            "trained_on": [case.id for case in cases],
        },
    }

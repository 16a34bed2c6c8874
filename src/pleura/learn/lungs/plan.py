"""The runs that make the shipped network: shared phases, cross-validation, the final model.

Every patient is held out once, in one of three folds of three patients. All runs start from a
network that was trained on phantoms only; the network that scores a patient was trained without
the three patients of its fold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pleura.learn.lungs.bodies import synthetic_chest, without_lungs
from pleura.learn.lungs.corpus import REAL_CASES, TrainingVolume
from pleura.learn.lungs.pool import Pool
from pleura.learn.lungs.training import Phase

PHANTOMS, NEGATIVES = 32, 20
"""Synthetic chests, and synthetic bodies without lungs."""

PHANTOM_PHASE = Phase(steps=250, first_rate=2e-3, last_rate=1.5e-3, warm_up=30)
BASE_PHASE = Phase(steps=500, first_rate=2e-3, last_rate=1.5e-3)
FOLD_PHASE = Phase(steps=250, first_rate=1.5e-3, last_rate=2e-5, skip=500)
FINAL_PHASES = (
    Phase(steps=500, first_rate=2e-3, last_rate=1.5e-3),
    Phase(steps=2500, first_rate=1.5e-3, last_rate=2e-5, skip=500),
)
FOLD_GROUPS = (
    ("LIDC-IDRI-1011", "LIDC-IDRI-0001", "C3N-00247"),
    ("LIDC-IDRI-0003", "A0001", "LIDC-IDRI-0314"),
    ("113_HM10395", "R01-001", "LIDC-IDRI-0002"),
)
"""Patients that are held out together; every patient with a reference occurs once."""


@dataclass(frozen=True)
class Run:
    """One phase of training: its start, the patients that are held out, and its pool of samples."""

    name: str
    phase: Phase
    start: str | None
    pool: str
    held_out: tuple[str, ...] = ()


def runs() -> list[Run]:
    """All runs, in an order in which every start exists."""
    first = Run("phantoms", PHANTOM_PHASE, None, "phantoms")
    final = Run("final-1", FINAL_PHASES[0], first.name, "chests")
    plan = [first, final]
    for number, group in enumerate(FOLD_GROUPS):
        base = Run(f"base-{number}", BASE_PHASE, first.name, "chests", group)
        plan += [base, Run(f"fold-{number}", FOLD_PHASE, base.name, "chests", group)]
    plan.append(Run("final-2", FINAL_PHASES[1], final.name, "chests"))
    return plan


def fold_name(patient: str) -> str:
    """Name of the run that was trained without a patient."""
    (number,) = [number for number, group in enumerate(FOLD_GROUPS) if patient in group]
    return f"fold-{number}"


def synthetic_volumes(cache: Path) -> tuple[list[TrainingVolume], list[TrainingVolume]]:
    """Phantom chests and bodies without lungs, computed once and kept in `cache`."""
    chests = [
        _cached(cache / f"phantom_{seed:03d}.npz", seed, lungs=True) for seed in range(PHANTOMS)
    ]
    others = [
        _cached(cache / f"negative_{seed:03d}.npz", seed, lungs=False) for seed in range(NEGATIVES)
    ]
    return chests, others


def _cached(path: Path, seed: int, *, lungs: bool) -> TrainingVolume:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        volume = synthetic_chest(seed) if lungs else without_lungs(seed)
        volume.save(path)
    return TrainingVolume.load(path)


def pools(
    real: Sequence[TrainingVolume],
    phantoms: Sequence[TrainingVolume],
    negatives: Sequence[TrainingVolume],
    folder: Path,
) -> dict[str, Pool]:
    """The two sequences of samples: phantoms only, and everything.

    The first has no volume of a patient with a reference, because all folds start from it. A
    negative volume of such a patient (a neck) is in the second only.
    """
    with_reference = {case.patient for case in REAL_CASES}
    chests = [volume for volume in real if volume.name in {case.name for case in REAL_CASES}]
    others = [volume for volume in real if volume.name not in {case.name for case in REAL_CASES}]
    strangers = [volume for volume in others if volume.patient not in with_reference]
    return {
        "phantoms": Pool(
            ([], phantoms, [*negatives, *strangers, *strangers]),
            (0, 0.72, 0.28),
            folder / "phantoms",
            seed=1,
        ),
        "chests": Pool(
            (chests, phantoms, [*negatives, *others, *others]),
            (0.72, 0.14, 0.14),
            folder / "chests",
            seed=2,
        ),
    }

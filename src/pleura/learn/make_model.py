"""Make the shipped lung network: `python -m pleura.learn.make_model DATA OUT`.

Prepares the volumes, trains all runs of the plan, scores every patient with the network that was
trained without them, and writes `lungs.onnx` and `lungs.json`. Every step resumes: run the same
command again. docs/model.md has the durations.
"""

import argparse
import datetime
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pleura.core.atomic import atomic_file, write_json
from pleura.learn.lungs import plan
from pleura.learn.lungs.corpus import (
    AIR_HU,
    REAL_CASES,
    RealCase,
    TrainingVolume,
    prepare,
    prepare_all,
)
from pleura.learn.lungs.export import write_onnx
from pleura.learn.lungs.net import MULTIPLE, multiply_adds
from pleura.learn.lungs.samples import NETWORK_MM, smoothed
from pleura.learn.lungs.scores import CoarseScore, logits_of, predictor, score
from pleura.learn.lungs.training import Learner, run_phase

FORMAT = "pleura-lungs/1"
LABELS = ["background", "right", "left", "dense right", "dense left"]
REAL_TEXT = (
    "9 patients of LIDC-IDRI, Lung-PET-CT-Dx, 4D-Lung, CPTAC-LSCC and NSCLC Radiogenomics "
    "(TCIA); see docs/model.md"
)


def main(arguments: list[str] | None = None) -> int:
    """Run all steps that are not done yet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "data", type=Path, help="folder with chests, chests2, training and oddities"
    )
    parser.add_argument(
        "out", type=Path, help="folder for volumes, checkpoints, fold networks and the result"
    )
    parser.add_argument("--threads", type=int, default=1, help="torch threads")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    train(options.data, options.out)
    scores = cross_validate(options.data, options.out)
    ship(options.out, scores)
    return 0


def train(data: Path, out: Path) -> None:
    """Train every run of the plan, resuming where it stopped."""
    real = [smoothed(volume) for volume in prepare_all(data, out / "volumes")]
    phantoms, negatives = plan.synthetic_volumes(out / "volumes")
    pools = plan.pools(
        real,
        [smoothed(volume) for volume in phantoms],
        [smoothed(volume) for volume in negatives],
        out / "pool",
    )
    for run in plan.runs():
        path = checkpoint(out, run.name)
        start = None if run.start is None else checkpoint(out, run.start)
        report = _Report(run.name, run.phase.steps)
        run_phase(
            run.phase,
            pools[run.pool],
            path,
            start=start,
            held_out=run.held_out,
            report=report,
        )


def checkpoint(out: Path, name: str) -> Path:
    """The path of a run's state."""
    path = out / "checkpoints" / f"{name}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def cross_validate(data: Path, out: Path) -> list[CoarseScore]:
    """Score every case with the network of its fold; keep network and logits on the coarse grid."""
    scores = []
    for case in REAL_CASES:
        network = out / "folds" / f"{case.patient}.onnx"
        if not network.exists():
            network.parent.mkdir(parents=True, exist_ok=True)
            write_onnx(
                Learner.load(checkpoint(out, plan.fold_name(case.patient))).averaged(), network
            )
        volume = coarse_volume(case, data, out)
        logits = logits_of(predictor(network.read_bytes()), volume.hu)
        _keep_logits(out / "oof" / f"{case.name}.npz", volume, logits)
        scores.append(score(volume, logits))
    write_json(out / "scores.json", [entry.as_json() for entry in scores])
    return scores


def coarse_volume(case: RealCase, data: Path, out: Path) -> TrainingVolume:
    """A case on the network's grid, computed once."""
    path = out / "coarse" / f"{case.name}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        prepare(case, data, NETWORK_MM).save(path)
    return TrainingVolume.load(path)


def ship(out: Path, scores: list[CoarseScore]) -> None:
    """Write `lungs.onnx` and its card."""
    network = out / "lungs.onnx"
    write_onnx(Learner.load(checkpoint(out, "final-2")).averaged(), network)
    write_card(network, out / "lungs.json", scores)


def write_card(network: Path, path: Path, scores: list[CoarseScore]) -> None:
    """Write what readers and `segment` must know about the weights."""
    card = {
        "format": FORMAT,
        "sha256": hashlib.sha256(network.read_bytes()).hexdigest(),
        "date": datetime.date.today().isoformat(),
        "spacing_mm": NETWORK_MM,
        "multiple_of": MULTIPLE,
        "padding_hu": AIR_HU,
        "axes": "SPL",
        "labels": LABELS,
        "convention": "RTOG 1106",
        "multiply_adds_per_voxel": multiply_adds(),
        "training": {
            "real": REAL_TEXT,
            "phantoms": plan.PHANTOMS,
            "negatives": plan.NEGATIVES,
            "recipe": [_described(run) for run in plan.runs()],
        },
        "held_out_scores": [entry.as_json() for entry in scores],
    }
    write_json(path, card)


def _described(run: plan.Run) -> dict[str, Any]:
    return {
        "name": run.name,
        "start": run.start,
        "held_out": list(run.held_out),
        "steps": run.phase.steps,
        "rates": [run.phase.first_rate, run.phase.last_rate],
    }


def _keep_logits(path: Path, volume: TrainingVolume, logits: Any) -> None:
    """Write logits as float16, with the affine from index `[slice, row, column]` to LPS mm."""
    affine = np.zeros((4, 4))
    affine[2, 0] = affine[1, 1] = affine[0, 2] = volume.spacing_mm
    affine[:, 3] = [*volume.origin_lps, 1.0]
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as part, part.open("wb") as file:
        np.savez_compressed(file, logits=logits.astype(np.float16), affine=affine)


class _Report:
    """Prints the mean loss of every ten steps as one JSON line."""

    def __init__(self, name: str, steps: int) -> None:
        self.name, self.steps = name, steps
        self.losses: list[float] = []

    def __call__(self, entry: dict[str, Any]) -> None:
        self.losses.append(entry["loss"])
        if entry["step"] % 10 == 0 or entry["step"] == self.steps:
            line = {
                "run": self.name,
                "step": entry["step"],
                "loss": round(float(np.mean(self.losses)), 4),
            }
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
            self.losses.clear()


if __name__ == "__main__":
    sys.exit(main())

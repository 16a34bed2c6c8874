"""Scores of the shipped network: `python bench/model.py DATA OUT` writes `docs/model-scores.md`.

OUT is the folder of `pleura.learn.make_model`. Every real case is scored with the network of its
fold, which never saw its
patient: on the network's grid, at full resolution through `segment`'s own path, and with disease
painted in.
"""

import hashlib
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pleura.labels.registry import read_mask
from pleura.learn.lungs.bodies import without_lungs
from pleura.learn.lungs.corpus import DOUBTFUL, REAL_CASES, RealCase, TrainingVolume, read_ct
from pleura.learn.lungs.disease import PAINTERS, one_lung
from pleura.learn.lungs.samples import NETWORK_MM, Sample, upright
from pleura.learn.lungs.scores import (
    Predict,
    dense_of,
    dice,
    logits_of,
    predictor,
    reference_sides,
    sides_of,
)
from pleura.metrics.distance import area_distances
from pleura.metrics.statistics import bootstrap_intervals
from pleura.segmenters.shipped import ShippedNetwork

DOC = Path(__file__).parents[1] / "docs" / "model-scores.md"
PICTURES = DOC.parent / "pictures"
PICTURED = ("Case_001", "C3N-00247", "LIDC-IDRI-0314")
UNSEEN = 5000
"""Seeds from here on were in no training."""
COARSE = ("dice_right", "dice_left", "dice", "surface_mm", "hd95_mm", "stray_ml", "stray_slices")
FULL = ("dice_right", "dice_left", "dice", "surface_mm", "hd95_right", "hd95_left", "stray_slices")
HEADS = {
    "dice_right": "Dice right",
    "dice_left": "Dice left",
    "dice": "Dice both",
    "surface_mm": "mean surface distance (mm)",
    "hd95_mm": "HD95 (mm)",
    "hd95_right": "HD95 right (mm)",
    "hd95_left": "HD95 left (mm)",
    "stray_ml": "lung > 10 mm outside (ml)",
    "stray_slices": "slices with lung where the reference has none",
}
PLACES = {"dice": 3, "surface": 2, "hd95": 1, "stray_ml": 1, "stray_slices": 0}


def main() -> int:
    """Write all tables."""
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    coarse = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    parts = [
        "<!-- written by bench/model.py -->",
        "### On the network's grid, held-out patients, before any cleaning",
        table(coarse, COARSE),
        "### At full resolution, held-out patients, as `segment` writes them",
        table(full_resolution(data, out), FULL),
        "### Disease painted into held-out patients, on the network's grid",
        disease_table(out),
        "### What is not a chest: lung found, before any cleaning",
        negative_table(out),
    ]
    DOC.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    for name in PICTURED:
        picture(out, name)
    return 0


def picture(out: Path, name: str) -> None:
    """Draw held-out logits of one case: agreement green, false lung red, missed lung blue,
    doubtful voxels dark blue.
    """
    volume = TrainingVolume.load(out / "coarse" / f"{name}.npz")
    with np.load(out / "oof" / f"{name}.npz") as file:
        found = sides_of(file["logits"].astype(np.float32)) > 0
    truth = reference_sides(volume) > 0
    doubtful = volume.flags & DOUBTFUL > 0
    wrong = (found != truth) & ~doubtful
    weights = wrong.sum(axis=(1, 2)), wrong.sum(axis=(0, 2)), wrong.sum(axis=(0, 1))
    axial, coronal, sagittal = (int(weight.argmax()) for weight in weights)
    upwards = slice(None, None, -1)
    panels = [
        _panel(volume.hu[cut], found[cut], truth[cut], doubtful[cut])
        for cut in ((axial,), (upwards, coronal), (upwards, slice(None), sagittal))
    ]
    height = max(panel.shape[0] for panel in panels)
    padded = [np.pad(panel, ((0, height - panel.shape[0]), (0, 4), (0, 0))) for panel in panels]
    image = Image.fromarray(np.hstack(padded))
    image.resize((image.width * 3, image.height * 3), Image.Resampling.NEAREST).save(
        PICTURES / f"model-{name}.png"
    )


def _panel(hu: Any, found: Any, truth: Any, doubtful: Any) -> Any:
    grey = np.clip((hu.astype(np.float32) + 1000) / 1400 * 255, 0, 255)
    panel = np.repeat(grey[..., None], 3, axis=-1)
    for where, colour in (
        (found & truth, (0, 160, 0)),
        (doubtful, (0, 0, 120)),
        (found & ~truth & ~doubtful, (255, 60, 0)),
        (truth & ~found & ~doubtful, (0, 120, 255)),
    ):
        panel[where] = 0.6 * panel[where] + 0.4 * np.array(colour)
    return panel.astype(np.uint8)


def shown(key: str, value: float | None) -> str:
    """A number with the places that suit its measure."""
    if value is None:
        return ""
    places = next(n for start, n in PLACES.items() if key.startswith(start))
    return f"{value:.{places}f}"


def table(rows: Sequence[dict[str, Any]], keys: Sequence[str]) -> str:
    """One row a case, then the mean with its 95 % bootstrap interval over patients, and the
    worst.
    """
    lines = [
        "| case | " + " | ".join(HEADS[key] for key in keys) + " |",
        "|---" * (len(keys) + 1) + "|",
    ]
    for row in rows:
        lines.append(
            f"| {row['name']} | " + " | ".join(shown(key, row[key]) for key in keys) + " |"
        )
    values = np.array([[row[key] for key in keys] for row in rows], dtype=float)
    low, high = bootstrap_intervals(values)
    means = [
        f"{shown(key, mean)} [{shown(key, a)}, {shown(key, b)}]"
        for key, mean, a, b in zip(keys, values.mean(axis=0), low, high, strict=True)
    ]
    lines.append("| **mean [95 %]** | " + " | ".join(means) + " |")
    worst = [
        shown(key, line.min() if key.startswith("dice") else line.max())
        for key, line in zip(keys, values.T, strict=True)
    ]
    lines.append("| **worst** | " + " | ".join(worst) + " |")
    return "\n".join(lines)


def full_resolution(data: Path, out: Path) -> list[dict[str, Any]]:
    """Segment each case with the network of its fold and score it on its own grid, without the
    doubtful voxels.

    Results are kept in OUT/full; remove them to score again.
    """
    card = json.loads((out / "lungs.json").read_text(encoding="utf-8"))
    rows = []
    for case in REAL_CASES:
        path = out / "full" / f"{case.name}.json"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(full_case(case, data, out, card)), encoding="utf-8")
        rows.append(json.loads(path.read_text(encoding="utf-8")))
    return rows


def full_case(case: RealCase, data: Path, out: Path, card: dict[str, Any]) -> dict[str, Any]:
    """Scores of one case at full resolution."""
    volume = read_ct(data / case.images)
    assert case.labels is not None
    labels = read_mask(data / case.labels).labels
    with tempfile.TemporaryDirectory() as folder:
        weights = (out / "folds" / f"{case.patient}.onnx").read_bytes()
        (Path(folder) / "lungs.onnx").write_bytes(weights)
        own = card | {"sha256": hashlib.sha256(weights).hexdigest()}
        (Path(folder) / "lungs.json").write_text(json.dumps(own), encoding="utf-8")
        found = np.array(ShippedNetwork.open(Path(folder))(volume).mask.labels)
    stray = int(np.count_nonzero((found > 0).any(axis=(1, 2)) & ~(labels > 0).any(axis=(1, 2))))
    counts = np.ones(labels.shape, dtype=np.bool_)
    if case.doubtful is not None:
        counts = read_mask(data / case.doubtful).labels == 0
    row: dict[str, Any] = {"name": case.name, "stray_slices": stray}
    for name, label in (("right", 1), ("left", 2)):
        answer, truth = (found == label) & counts, (labels == label) & counts
        row[f"dice_{name}"] = dice(truth, answer)
        row[f"hd95_{name}"] = area_distances(answer, truth, volume.grid)["hd95_mm"]
    answer, truth = (found > 0) & counts, (labels > 0) & counts
    row["dice"] = dice(truth, answer)
    row["surface_mm"] = area_distances(answer, truth, volume.grid)["msd_mm"]
    return row


def disease_table(out: Path) -> str:
    """Mean Dice per painted disease, with and without it, over the held-out patients."""
    lines = [
        "| disease | Dice of lung | worst | Dice of dense lung | lung without the disease |",
        "|---|---|---|---|---|",
    ]
    cases = []
    for case in REAL_CASES:
        volume = TrainingVolume.load(out / "coarse" / f"{case.name}.npz")
        predict = predictor((out / "folds" / f"{case.patient}.onnx").read_bytes())
        cases.append((upright(volume), predict))
    plain = [overlap(sample, predict)[0] for sample, predict in cases]
    for number, name in enumerate(PAINTERS):
        lung, dense = [], []
        for index, (sample, predict) in enumerate(cases):
            rng = np.random.default_rng([UNSEEN, number, index])
            side = one_lung(sample, rng)
            if side is None:
                continue
            whole, airless = overlap(PAINTERS[name][0](sample, side, rng), predict)
            lung.append(whole)
            if airless is not None:
                dense.append(airless)
        airless_text = f"{np.mean(dense):.3f}" if dense else ""
        row = (
            name.replace("_", " "),
            f"{np.mean(lung):.3f}",
            f"{min(lung):.3f}",
            airless_text,
            f"{np.mean(plain):.3f}",
        )
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def overlap(sample: Sample, predict: Predict) -> tuple[float, float | None]:
    """Dice of the lungs, and of dense lung where there is some."""
    logits = logits_of(predict, sample.hu)
    counts = ~sample.ignore
    whole = dice((sample.label > 0) & counts, (sides_of(logits) > 0) & counts)
    judged = counts & ~sample.density_unknown
    truth = (sample.label > 2) & judged
    airless = (
        dice(truth, dense_of(logits) & judged)
        if np.count_nonzero(truth) * NETWORK_MM**3 > 10_000
        else None
    )
    return whole, airless


def negative_table(out: Path) -> str:
    """Lung found by the shipped network in bodies without lungs, in ml."""
    predict = predictor((out / "lungs.onnx").read_bytes())
    lines = ["| synthetic body | lung found (ml) |", "|---|---|"]
    for kind, name in enumerate(("head", "pelvis", "legs", "empty couch, water phantom")):
        found = [lung_ml(upright(without_lungs(UNSEEN + 4 * k + kind)), predict) for k in range(4)]
        lines.append(f"| {name} | " + ", ".join(f"{ml:.0f}" for ml in found) + " |")
    return "\n".join(lines)


def lung_ml(sample: Sample, predict: Predict) -> float:
    """Volume that a network calls lung."""
    return float(np.count_nonzero(sides_of(logits_of(predict, sample.hu))) * NETWORK_MM**3 / 1000)


if __name__ == "__main__":
    sys.exit(main())

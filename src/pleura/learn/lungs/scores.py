"""Predict and score whole volumes on the network's grid."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.learn.lungs.corpus import AIR_HU, DENSE, DENSITY_UNKNOWN, DOUBTFUL, TrainingVolume
from pleura.learn.lungs.net import MULTIPLE

Floats = NDArray[np.float32]
Predict = Callable[[Floats], Floats]
"""HU `(1, 1, D, H, W)` to logits `(1, 5, D, H, W)`."""


def predictor(data: bytes, threads: int = 1) -> Predict:
    """Open an exported network from its bytes."""
    from pleura.segmenters.runtime import open_network

    run = open_network(data, ["logits"], threads=threads)

    def predict(hu: Floats) -> Floats:
        return run({"ct": hu})[0]

    return predict


def logits_of(predict: Predict, hu: NDArray[Any]) -> Floats:
    """Logits `(5, D, H, W)` of a volume `(D, H, W)` on the network's grid.

    The volume is padded with air to a multiple, which is cut off from the logits.
    """
    widths = [(0, -n % MULTIPLE) for n in hu.shape]
    padded = np.pad(hu.astype(np.float32), widths, constant_values=AIR_HU)
    logits = predict(padded[None, None])[0]
    return np.ascontiguousarray(logits[:, : hu.shape[0], : hu.shape[1], : hu.shape[2]])


def sides_of(logits: Floats) -> NDArray[np.uint8]:
    """0 background, 1 right, 2 left, by the largest summed probability; dense lung has its side."""
    powers = np.exp(logits - logits.max(axis=0))
    sums = np.stack([powers[0], powers[1] + powers[3], powers[2] + powers[4]])
    return sums.argmax(axis=0).astype(np.uint8)


def dense_of(logits: Floats) -> NDArray[np.bool_]:
    """Where lung is more probably dense than aerated."""
    return (sides_of(logits) > 0) & (
        np.maximum(logits[3], logits[4]) > np.maximum(logits[1], logits[2])
    )


@dataclass(frozen=True)
class CoarseScore:
    """Scores of one case on the network's grid, without doubtful voxels.

    `stray_ml` is predicted lung more than 10 mm outside the reference. `stray_slices` counts slices
    with predicted lung where the reference has none. Surface distances are in mm.
    """

    name: str
    dice_right: float
    dice_left: float
    dice: float
    surface_mm: float
    hd95_mm: float
    stray_ml: float
    stray_slices: int
    dice_dense: float | None
    dense_false_ml: float

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def score(volume: TrainingVolume, logits: Floats) -> CoarseScore:
    """Score logits against a volume's reference."""
    from scipy import ndimage

    counts = volume.flags & DOUBTFUL == 0
    truth = reference_sides(volume)
    found = sides_of(logits)
    lung = (truth > 0) & counts
    answer = (found > 0) & counts
    away = ndimage.distance_transform_edt(truth == 0) * volume.spacing_mm
    empty = np.logical_not(np.any(truth > 0, axis=(1, 2)))
    dense = volume.flags & DENSE > 0
    judged = counts & (volume.flags & DENSITY_UNKNOWN == 0)
    called = dense_of(logits) & judged
    surfaces = surface_distances(lung, answer, volume.spacing_mm)
    voxel_ml = volume.spacing_mm**3 / 1000
    surface_mm = hd95_mm = float("inf")
    if surfaces.size:
        surface_mm, hd95_mm = float(surfaces.mean()), float(np.percentile(surfaces, 95))
    return CoarseScore(
        name=volume.name,
        dice_right=dice((truth == 1) & counts, (found == 1) & counts),
        dice_left=dice((truth == 2) & counts, (found == 2) & counts),
        dice=dice(lung, answer),
        surface_mm=surface_mm,
        hd95_mm=hd95_mm,
        stray_ml=float(np.count_nonzero(answer & (away > 10)) * voxel_ml),
        stray_slices=int(np.count_nonzero((answer & empty[:, None, None]).any(axis=(1, 2)))),
        dice_dense=dice(dense & judged, called) if (dense & judged).any() else None,
        dense_false_ml=float(np.count_nonzero(called & ~dense) * voxel_ml),
    )


def reference_sides(volume: TrainingVolume) -> NDArray[np.uint8]:
    """0 background, 1 right, 2 left, where at least half of a voxel is lung."""
    total = volume.right.astype(int) + volume.left
    side = np.where(volume.right >= volume.left, 1, 2)
    return np.where(total > 127, side, 0).astype(np.uint8)


def dice(one: NDArray[np.bool_], two: NDArray[np.bool_]) -> float:
    """Dice coefficient; 1 where both are empty."""
    total = np.count_nonzero(one) + np.count_nonzero(two)
    if total == 0:
        return 1.0
    return float(2 * np.count_nonzero(one & two) / total)


def surface_distances(
    one: NDArray[np.bool_], two: NDArray[np.bool_], spacing_mm: float
) -> NDArray[np.float64]:
    """Distances in mm from the border voxels of each mask to those of the other.

    Empty where a mask is empty.
    """
    from scipy import ndimage

    borders = [mask & ~ndimage.binary_erosion(mask) for mask in (one, two)]
    if not (borders[0].any() and borders[1].any()):
        return np.zeros(0)
    there = ndimage.distance_transform_edt(~borders[1])[borders[0]]
    back = ndimage.distance_transform_edt(~borders[0])[borders[1]]
    return np.concatenate([there, back]) * spacing_mm

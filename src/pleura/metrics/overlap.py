"""Counts of voxels and their ratios, of slices and of volumes. Pure functions over bool arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bool = NDArray[np.bool_]
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

RATIOS = ("dice", "iou", "precision", "recall", "accuracy")


@dataclass(frozen=True, eq=False)
class Overlap:
    """Voxels that both masks have (`tp`), only the prediction (`fp`), only the reference (`fn`),
    neither (`tn`).

    Four int64 arrays of one shape: `(slices,)` slice by slice, `()` for a volume.
    """

    tp: Counts
    fp: Counts
    fn: Counts
    tn: Counts

    def total(self) -> "Overlap":
        """The counts of all slices together."""
        return Overlap(*(np.asarray(part.sum()) for part in (self.tp, self.fp, self.fn, self.tn)))

    @property
    def predicted(self) -> Counts:
        """Voxels of the prediction."""
        return self.tp + self.fp

    @property
    def true(self) -> Counts:
        """Voxels of the reference."""
        return self.tp + self.fn


def slice_overlap(prediction: Bool, reference: Bool) -> Overlap:
    """Count the voxels of two masks slice by slice.

    Args:
        prediction: bool `[slice, row, column]`.
        reference: bool of the same shape.

    Returns:
        Counts of shape `(slices,)`.
    """
    if prediction.shape != reference.shape:
        raise ValueError(
            f"masks of shapes {prediction.shape} and {reference.shape} cannot be compared"
        )
    both = np.array(
        [np.count_nonzero(p & r) for p, r in zip(prediction, reference, strict=True)],
        dtype=np.int64,
    )
    predicted = np.array([np.count_nonzero(p) for p in prediction], dtype=np.int64)
    true = np.array([np.count_nonzero(r) for r in reference], dtype=np.int64)
    size = prediction.shape[1] * prediction.shape[2]
    return Overlap(both, predicted - both, true - both, size - predicted - true + both)


def ratios(overlap: Overlap, empty: float) -> dict[str, Floats]:
    """Dice, IoU, precision, recall and binary accuracy.

    Dice = 2 tp / (2 tp + fp + fn); IoU = tp / (tp + fp + fn); precision = tp / (tp + fp); recall =
    tp / (tp + fn); accuracy = (tp + tn) / all.

    Args:
        overlap: the counts.
        empty: value of the first four where neither mask has a voxel; NaN for undefined. Where only
            one mask is empty they are 0, even if the denominator is 0.

    Returns:
        Name to float64 array of the counts' shape.
    """
    tp, fp, fn, tn = overlap.tp, overlap.fp, overlap.fn, overlap.tn
    parts = {
        "dice": (2 * tp, 2 * tp + fp + fn),
        "iou": (tp, tp + fp + fn),
        "precision": (tp, tp + fp),
        "recall": (tp, tp + fn),
    }
    nothing = tp + fp + fn == 0
    values = {
        name: np.where(nothing, empty, above / np.where(below == 0, 1, below))
        for name, (above, below) in parts.items()
    }
    return values | {"accuracy": np.asarray((tp + tn) / (tp + fp + fn + tn))}

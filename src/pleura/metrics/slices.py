"""Class (lung, empty, missed, hallucinated) and region (apex, middle, base) of each slice."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.geometry.grid import Grid
from pleura.metrics.overlap import Overlap
from pleura.metrics.policy import APEX_AND_BASE

Words = NDArray[np.str_]

CLASSES = ("lung", "empty", "hallucinated", "missed")
REGIONS = ("apex", "middle", "base")


def slice_classes(overlap: Overlap) -> Words:
    """Name slices `lung`, `empty` (rightly), `hallucinated` or `missed`, by counts `(slices,)`."""
    found, true = overlap.predicted > 0, overlap.true > 0
    return np.where(
        true, np.where(found, "lung", "missed"), np.where(found, "hallucinated", "empty")
    )


def class_counts(classes: Words) -> dict[str, int]:
    """Number of slices of each class; all four are given, also those that are 0."""
    return {name: int(np.count_nonzero(classes == name)) for name in CLASSES}


def slice_regions(overlap: Overlap, grid: Grid) -> Words:
    """Name each slice `apex`, `middle` or `base` of the reference's lung, or `none` outside it.

    Args:
        overlap: counts `(slices,)`.
        grid: shows which end is nearer the head; every slice of a stack that is not axial is
            `none`.

    Returns:
        `(slices,)` words.
    """
    regions = np.full(grid.shape[0], "none", dtype="<U6")
    lung = np.flatnonzero(overlap.true > 0)
    rises_to = grid.orientation()[0]
    if not len(lung) or rises_to not in "SI":
        return regions
    height = slice_positions_mm(grid) * (1 if rises_to == "S" else -1)
    low, high = height[lung].min(), height[lung].max()
    share = (height - low) / max(high - low, 1e-9)
    inside = np.zeros(grid.shape[0], dtype=bool)
    inside[lung[0] : lung[-1] + 1] = True
    regions[inside] = "middle"
    regions[inside & (share <= APEX_AND_BASE)] = "base"
    regions[inside & (share >= 1 - APEX_AND_BASE)] = "apex"
    return regions


def slice_positions_mm(grid: Grid) -> NDArray[np.float64]:
    """Position of each slice `(slices,)` in mm along the normal, from patient space's origin."""
    first_voxels = np.zeros((grid.shape[0], 3))
    first_voxels[:, 0] = np.arange(grid.shape[0])
    positions: NDArray[np.float64] = grid.to_world(first_voxels) @ grid.normal
    return positions


def region_scores(
    dice: NDArray[np.float64], classes: Words, regions: Words
) -> dict[str, dict[str, Any]]:
    """For apex, middle, base: slices, how many are missed, their mean Dice with missed as 0."""
    counts = {}
    for name in REGIONS:
        here = (regions == name) & np.isin(classes, ("lung", "missed"))
        counts[name] = {
            "slices": int(here.sum()),
            "missed": int(np.count_nonzero(classes[here] == "missed")),
            "dice": float(dice[here].mean()) if here.any() else None,
        }
    return counts

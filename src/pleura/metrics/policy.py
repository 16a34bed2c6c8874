"""The rules for empty and missed structures, which every score follows and `scores.json` states."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from pleura.geometry.grid import Grid

Empty = Literal["one", "zero", "undefined"]

EMPTY_VALUE: dict[str, float] = {"one": 1.0, "zero": 0.0, "undefined": math.nan}
"""What a ratio counts as where prediction and reference are both empty."""

APEX_AND_BASE = 0.1
"""The highest and the lowest part of a lung's height in the reference: its apex and its base."""

EMPTY_TEXT = {
    "one": (
        "where prediction and reference are both empty, Dice, IoU, precision and recall count as "
        "1: the answer is right"
    ),
    "zero": (
        "where prediction and reference are both empty, Dice, IoU, precision and recall count as 0"
    ),
    "undefined": (
        "where prediction and reference are both empty, Dice, IoU, precision and recall are "
        "undefined and left out of means; accuracy and the slice's class still count it"
    ),
}


@dataclass(frozen=True)
class Policy:
    """How empty and missed structures count; `empty` decides a ratio where both masks are empty."""

    empty: Empty = "one"

    @property
    def empty_value(self) -> float:
        """The ratio's value where both masks are empty; NaN stands for undefined."""
        return EMPTY_VALUE[self.empty]

    def as_json(self) -> dict[str, Any]:
        """Every rule as a sentence, for `scores.json`."""
        return {
            "empty": self.empty,
            "both_empty": EMPTY_TEXT[self.empty],
            "one_empty": (
                "where only one of the two is empty, Dice, IoU, precision and recall are 0, "
                "never left out"
            ),
            "distances_one_empty": (
                "a missed structure, or one found where there is none, has the scan's diagonal "
                "for a distance (the two farthest voxel centres of the reference's grid) and a "
                "surface Dice of 0, never left out"
            ),
            "distances_both_empty": "undefined: there is no surface",
            "slice_classes": (
                "lung: lung in reference and prediction; empty: in neither; hallucinated: any "
                "predicted voxel where the reference is empty; missed: no predicted voxel where "
                "the reference has lung"
            ),
            "hallucinated": (
                "n of N: slices with any predicted voxel, of those without lung in the "
                "reference; hallucinated_ml is the predicted volume on these slices, by place "
                "where CT is at hand: airway, body (elsewhere in the body), couch, outside_body "
                "(neither body nor couch); false_positive_*_ml is the same over all slices"
            ),
            "missed": (
                "per lung: slices where the reference has that lung and the mask has none of it; "
                "missed_ml is the reference's volume on these slices"
            ),
            "regions": (
                f"apex and base: slices in the highest and lowest {APEX_AND_BASE:.0%} of the "
                "structure's height in the reference; middle: between them; none: outside, and "
                "in stacks that are not axial"
            ),
            "surface": (
                "marching-cubes elements between voxel centres, weighted by area in mm² (msd_mm, "
                "hd95_mm, hd_mm, surface_dice_*); suffix _voxel: border voxels (a face neighbour "
                "outside), equal weights; suffix _pooled: border voxels, both directions pooled "
                "before the mean or percentile; beyond the image there is no lung"
            ),
            "msd_mm": "mean of the two directed mean distances",
            "hd95_mm": "larger of the two directed 95th percentiles",
            "hd_mm": "larger of the two directed maxima",
            "surface_dice": (
                "area of both surfaces within the tolerance of the other, over the area of both"
            ),
            "volumes": "voxels times the mean voxel's volume",
            "slices": "numbered from 0 by ascending position along the slice normal",
        }


def worst_distance_mm(grid: Grid) -> float:
    """Distance in mm of the two farthest voxel centres of a grid, which a missed structure gets."""
    corners = grid.to_world(
        np.array(np.meshgrid(*[(0, n - 1) for n in grid.shape])).reshape(3, -1).T
    )
    return float(np.linalg.norm(corners[:, None] - corners[None], axis=-1).max())

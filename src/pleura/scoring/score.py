"""`pleura.score`: one mask against one reference in memory; nothing is read or written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pleura.geometry.grid import Grid
from pleura.geometry.images import as_mask
from pleura.geometry.volume import LungMask
from pleura.metrics.case import is_one_lung_alone, score_case
from pleura.metrics.policy import Policy
from pleura.metrics.ranking import worse_lung


@dataclass(frozen=True, repr=False)
class Score:
    """The scores of a case as in `scores.json`: `score["right"]["hd95_mm"]`, `score.dice`."""

    values: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @property
    def dice(self) -> float | None:
        """Dice of both lungs."""
        dice: float | None = self.values["dice"]
        return dice

    @property
    def findings(self) -> tuple[str, ...]:
        """Findings that need a look, one sentence each."""
        return tuple(one["message"] for one in self.values["findings"])

    def as_json(self) -> Mapping[str, Any]:
        """Plain values for JSON."""
        return self.values

    def __repr__(self) -> str:
        sides = [
            f"{side} {_short(self.values[side].get('dice'), 4)}"
            for side in ("right", "left")
            if self.values[side]
        ]
        hd95, furthest = (
            _short(worse_lung(self.values, metric)[0], 2) for metric in ("hd95_mm_voxel", "hd_mm")
        )
        missed = worse_lung(self.values, "slices_missed")[0] or 0
        false = self.values["slices"]["hallucinated"]
        dice = ", ".join([f"Dice {_short(self.dice, 4)}", *sides])
        return (
            f"Score({dice}; HD95 voxel {hd95} mm, max. {furthest} mm; {missed} slice(s) missed, "
            f"{false} hallucinated)"
        )


def score(
    pred: Any,
    ref: Any,
    spacing_mm: Sequence[float] | None = None,
    *,
    empty: Literal["one", "zero", "undefined"] = "one",
) -> Score:
    """Score a lung mask against a reference.

    Args:
        pred: the mask: an array `[slice, row, column]` (1 right, 2 left; or bool for both lungs), a
            SimpleITK or nibabel image, or a `LungMask`.
        ref: the reference, on the same grid.
        spacing_mm: `(slice, row, column)` in mm, for arrays; images have their own.
        empty: Dice where neither mask has lung: one, zero, or undefined.

    Returns:
        Every metric of `evaluate`, for right, left and both lungs.

    Raises:
        UsageError: an array without spacing, or not a lung mask.
        GridMismatch: the two do not lie on one grid.
    """
    masks = [as_mask(image, spacing_mm) for image in (pred, ref)]
    shared = _shared_sides(masks[0], masks[1])
    return Score(score_case(*shared, Policy(empty), places={}))


def _shared_sides(mask: LungMask, reference: LungMask) -> tuple[LungMask, LungMask]:
    """The masks as `evaluate` compares them: float32 geometry is made equal, and label 1 alone
    is the right lung.
    """
    grid: Grid = reference.grid
    if mask.grid.same_as(grid, tolerance_mm=0.01):
        mask = LungMask(mask.labels, grid, mask.sided)
    if is_one_lung_alone(mask, reference):
        mask = LungMask(mask.labels, mask.grid)
    return mask, reference


def _short(value: float | None, digits: int) -> str:
    if value is None:
        return "–"
    return f"{value:.{digits}f}"

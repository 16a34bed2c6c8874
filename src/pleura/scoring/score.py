"""`pleura.score`: one mask against one reference in memory; nothing is read or written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pleura.core.text import counted
from pleura.geometry.volume import LungMask
from pleura.labels.in_memory import as_mask, is_array, mask_on
from pleura.labels.lattice import mismatch, union
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
            f"Score({dice}; HD95 voxel {hd95} mm, max. {furthest} mm; "
            f"{counted(missed, 'slice', 'slices')} missed, {false} hallucinated)"
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
            SimpleITK or nibabel image, a `LungMask`, or what `find_lungs` returned.
        ref: the reference; images may run in any direction, if their voxels coincide.
        spacing_mm: `(slice, row, column)` in mm, where both are arrays; images have their own.
        empty: Dice where neither mask has lung: one, zero, or undefined.

    Returns:
        Every metric of `evaluate`, for right, left and both lungs.

    Raises:
        UsageError: an array without spacing, or not an image.
        InputRefused: values that are not labels of lungs.
        GridMismatch: the voxels of the two do not coincide.
    """
    shared = _shared_sides(*_masks(pred, ref, spacing_mm))
    return Score(score_case(*shared, Policy(empty), places={}))


def _masks(pred: Any, ref: Any, spacing_mm: Sequence[float] | None) -> tuple[LungMask, LungMask]:
    """Both masks; an array lies on the other one, voxel by voxel."""
    if is_array(pred):
        reference = as_mask(ref, spacing_mm)
        return mask_on(pred, reference.grid), reference
    mask = as_mask(pred, spacing_mm)
    if is_array(ref):
        return mask, mask_on(ref, mask.grid)
    return mask, as_mask(ref, spacing_mm)


def _shared_sides(mask: LungMask, reference: LungMask) -> tuple[LungMask, LungMask]:
    """The masks as `evaluate` compares them: on the smallest grid that holds both, and label 1
    alone is the right lung.
    """
    if not mask.grid.same_as(reference.grid):
        reference, mask = union(reference, mask)
    if not mask.grid.same_as(reference.grid):
        raise mismatch(mask.grid, reference.grid, other="reference")
    if is_one_lung_alone(mask, reference):
        mask = LungMask(mask.labels, mask.grid)
    return mask, reference


def _short(value: float | None, digits: int) -> str:
    if value is None:
        return "–"
    return f"{value:.{digits}f}"

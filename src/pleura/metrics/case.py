"""All scores of one case, as plain values: what `scores.json` holds of it, and a table of its slices."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.errors import GridMismatch
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask
from pleura.metrics.distance import distances
from pleura.metrics.overlap import RATIOS, Overlap, ratios, slice_overlap
from pleura.metrics.policy import Policy
from pleura.metrics.slices import class_counts, region_scores, slice_classes, slice_positions_mm, slice_regions

Bool = NDArray[np.bool_]

STRUCTURES = ("right", "left", "both")
UNSIDED = "a mask does not tell right from left"
EXCHANGED = "right and left look exchanged: each side lies in the reference's other one"
ABSENT = "in neither mask"
MISSED = "missed: counted as the worst case"
INVENTED = "not in the reference: counted as the worst case"


def score_case(prediction: LungMask, reference: LungMask, policy: Policy, *, places: Mapping[str, Bool]) -> dict[str, Any]:
    """Score a lung mask against a reference on the same grid.

    Args:
        prediction: the mask to judge.
        reference: what is taken for true.
        policy: what empty and missed structures count as.
        places: bool arrays `[slice, row, column]` by name (`outside_body`, `couch`), in which predicted voxels that the
            reference has not are counted in ml; none where no volume is known.

    Returns:
        `dice`, `accuracy` (of both lungs), `slices` (how many of each class), `regions`, `right`, `left`, `both` (metric to
        value, `None` where undefined), `notes` (structure to metric to reason), `remarks` (sentences), `per_slice` (see
        `slice_table`).

    Raises:
        GridMismatch: the masks do not lie on one grid.
    """
    if not prediction.grid.same_as(reference.grid):
        raise GridMismatch("prediction and reference do not lie on one grid")
    grid = reference.grid
    sided = prediction.sided and reference.sided
    scores: dict[str, dict[str, Any]] = {}
    notes: dict[str, dict[str, str]] = {}
    tables = []
    for name in STRUCTURES:
        if name != "both" and not sided:
            scores[name] = {}
            notes[name] = {"*": UNSIDED}
            continue
        masks = [mask.lungs if name == "both" else getattr(mask, name) for mask in (prediction, reference)]
        overlap = slice_overlap(masks[0], masks[1])
        scores[name], notes[name] = _structure(masks[0], masks[1], overlap, grid, policy)
        tables.append(slice_table(overlap, grid, policy, structure=name, source="clean"))
    remarks = [EXCHANGED] if sided and _exchanged(prediction, reference) else []
    scores["both"] |= _false_positives(prediction.lungs & ~reference.lungs, places, grid)
    return _told(scores["both"], tables[-1]) | scores | {"notes": notes, "remarks": remarks, "per_slice": tables}


def score_raw(raw: Bool, reference: LungMask, policy: Policy, *, places: Mapping[str, Bool]) -> dict[str, Any]:
    """Score what a network said before cleaning, as `score_case` does but for both lungs together and without distances."""
    grid = reference.grid
    overlap = slice_overlap(raw, reference.lungs)
    both = _ratios(overlap, policy) | _volumes(overlap, grid)
    both |= _false_positives(raw & ~reference.lungs, places, grid)
    table = slice_table(overlap, grid, policy, structure="both", source="raw")
    return _told(both, table) | {"both": both, "per_slice": [table]}


def slice_table(overlap: Overlap, grid: Grid, policy: Policy, *, structure: str, source: str) -> dict[str, Any]:
    """The slices of one structure as columns, ascending: `slice`, `position_mm`, `class`, `region` and each ratio."""
    values = ratios(overlap, policy.empty_value)
    return {
        "structure": structure,
        "source": source,
        "slice": list(range(grid.shape[0])),
        "position_mm": [round(float(x), 4) for x in slice_positions_mm(grid)],
        "class": [str(word) for word in slice_classes(overlap)],
        "region": [str(word) for word in slice_regions(overlap, grid)],
        **{name: [_number(x) for x in values[name]] for name in RATIOS},
    }


def _told(both: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """The head of a case: both lungs' Dice and accuracy, and its slices by class and by region."""
    classes, regions = np.array(table["class"]), np.array(table["region"])
    dice = np.array([math.nan if x is None else x for x in table["dice"]])
    return {
        "dice": both["dice"],
        "accuracy": both["accuracy"],
        "slices": class_counts(classes),
        "regions": region_scores(dice, classes, regions),
        "mean_slice_dice": _number(np.nanmean(dice)) if not np.isnan(dice).all() else None,
    }


def _structure(
    prediction: Bool, reference: Bool, overlap: Overlap, grid: Grid, policy: Policy
) -> tuple[dict[str, Any], dict[str, str]]:
    values = _ratios(overlap, policy) | _volumes(overlap, grid)
    apart = {name: _number(value) for name, value in distances(prediction, reference, grid).items()}
    predicted, true = bool(overlap.predicted.sum()), bool(overlap.true.sum())
    if predicted and true:
        return values | apart, {}
    reason = MISSED if true else INVENTED if predicted else ABSENT
    concerned = [name for name in RATIOS if name != "accuracy"] + list(apart)
    notes = dict.fromkeys(concerned, reason)
    if not true:
        notes["relative_volume_error"] = "the reference is empty"
    return values | apart, notes


def is_one_lung_alone(prediction: LungMask, reference: LungMask) -> bool:
    """Whether a mask that only holds label 1 leaves the reference's left lung out: missed, whichever way it was meant."""
    if prediction.sided or not reference.sided:
        return False
    covered = int(np.count_nonzero(prediction.lungs & reference.left))
    return 2 * covered <= int(np.count_nonzero(reference.left))


def _exchanged(prediction: LungMask, reference: LungMask) -> bool:
    own = np.count_nonzero((prediction.labels == reference.labels) & reference.lungs)
    others = np.count_nonzero(prediction.lungs & reference.lungs) - own
    return bool(others > own)


def _ratios(overlap: Overlap, policy: Policy) -> dict[str, Any]:
    return {name: _number(value) for name, value in ratios(overlap.total(), policy.empty_value).items()}


def _volumes(overlap: Overlap, grid: Grid) -> dict[str, Any]:
    """Volumes in ml; the error is prediction less reference, and relative to the reference."""
    each = grid.thickness_mm * (grid.voxel_ml / grid.spacing_mm[0])  # of a voxel in each slice, ml
    predicted, true = (float(each @ counts) for counts in (overlap.predicted, overlap.true))
    return {
        "volume_ml": predicted,
        "reference_volume_ml": true,
        "volume_error_ml": predicted - true,
        "absolute_volume_error_ml": abs(predicted - true),
        "relative_volume_error": (predicted - true) / true if true else None,
    }


def _false_positives(wrong: Bool, places: Mapping[str, Bool], grid: Grid) -> dict[str, float]:
    voxels = {name: np.count_nonzero(wrong & place) for name, place in places.items()}
    return {f"false_positive_{name}_ml": count * grid.voxel_ml for name, count in voxels.items()}


def _number(value: Any) -> float | None:
    return None if math.isnan(value) else float(value)

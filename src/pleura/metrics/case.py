"""All scores of one case, as plain values for `scores.json`, and a table of its slices."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.codes import finding
from pleura.core.errors import GridMismatch
from pleura.core.findings import Finding
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask
from pleura.metrics.distance import distances
from pleura.metrics.overlap import RATIOS, Overlap, ratios, slice_overlap
from pleura.metrics.policy import Policy
from pleura.metrics.slices import (
    class_counts,
    region_scores,
    slice_classes,
    slice_positions_mm,
    slice_regions,
)

Bool = NDArray[np.bool_]

STRUCTURES = ("right", "left", "both")
NAMES = {"right": "right lung", "left": "left lung", "both": "lungs"}
PLACES = ("airway", "body", "couch", "outside_body")
"""Where lung can be predicted wrongly: airways, elsewhere in the body, couch, outside."""
UNSIDED = "the mask has no left/right labels"
ABSENT = "in neither mask"
MISSED = "missed: counted as the worst case"
INVENTED = "not in the reference: counted as the worst case"


def score_case(
    prediction: LungMask, reference: LungMask, policy: Policy, *, places: Mapping[str, Bool]
) -> dict[str, Any]:
    """Score a lung mask against a reference on the same grid.

    Args:
        prediction: the mask to score.
        reference: the mask taken as correct.
        policy: what empty and missed structures count as.
        places: bool arrays `[slice, row, column]` by name (`PLACES`, none overlapping another).
            False positives in each are given in ml; empty where no CT is at hand.

    Returns:
        `dice`, `accuracy` (of both lungs), `slices` (number of each class), `regions`, `right`,
        `left`, `both` (metric to value, `None` where undefined), `notes` (structure to metric to
        reason), `findings` (as `Finding.as_json`), `per_slice` (see `slice_table`).

    Raises:
        GridMismatch: the masks do not lie on one grid.
    """
    if not prediction.grid.same_as(reference.grid):
        raise GridMismatch("prediction and reference do not lie on one grid")
    grid = reference.grid
    sided = prediction.sided and reference.sided
    scores: dict[str, dict[str, Any]] = {}
    notes: dict[str, dict[str, str]] = {}
    findings: list[Finding] = []
    tables = []
    for name in STRUCTURES:
        if name != "both" and not sided:
            scores[name] = {}
            notes[name] = {"*": UNSIDED}
            continue
        masks = [
            mask.lungs if name == "both" else getattr(mask, name)
            for mask in (prediction, reference)
        ]
        overlap = slice_overlap(masks[0], masks[1])
        scores[name], notes[name] = _structure(masks[0], masks[1], overlap, grid, policy)
        tables.append(slice_table(overlap, grid, policy, structure=name, source="clean"))
        if name != "both" or not sided:
            findings += _missing(name, overlap, grid)
    scores["both"] |= false_positives(
        prediction.lungs & ~reference.lungs, reference.lungs, places, grid
    )
    findings += _hallucinated(scores["both"])
    if sided and _exchanged(prediction, reference):
        findings.append(finding("SIDES-EXCHANGED"))
    listed = [one.as_json() for one in findings]
    return (
        _head(scores["both"], tables[-1])
        | scores
        | {"notes": notes, "findings": listed, "per_slice": tables}
    )


def score_raw(
    raw: Bool, reference: LungMask, policy: Policy, *, places: Mapping[str, Bool]
) -> dict[str, Any]:
    """Score the mask before cleaning as `score_case` does, both lungs only, without distances."""
    grid = reference.grid
    overlap = slice_overlap(raw, reference.lungs)
    both = _ratios(overlap, policy) | _volumes(overlap, grid) | _slice_counts(overlap, grid)
    both |= false_positives(raw & ~reference.lungs, reference.lungs, places, grid)
    table = slice_table(overlap, grid, policy, structure="both", source="raw")
    return _head(both, table) | {"both": both, "per_slice": [table]}


def slice_table(
    overlap: Overlap, grid: Grid, policy: Policy, *, structure: str, source: str
) -> dict[str, Any]:
    """Slices of a structure as columns: `slice`, `position_mm`, `class`, `region`, each ratio."""
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


def false_positives(
    wrong: Bool, reference: Bool, places: Mapping[str, Bool], grid: Grid
) -> dict[str, float]:
    """Volume in ml of wrongly predicted voxels by place: anywhere, and on slices without lung in
    the reference.

    Args:
        wrong: bool `[slice, row, column]`, predicted and not in the reference.
        reference: bool of the same shape.
        places: bool arrays by name.
        grid: where they lie.

    Returns:
        `false_positive_PLACE_ml` and `hallucinated_PLACE_ml` for each place.
    """
    empty = ~reference.any(axis=(1, 2))
    slice_ml = _slice_ml(grid)
    volumes = {}
    for name, place in places.items():
        counts = np.array([np.count_nonzero(w & p) for w, p in zip(wrong, place, strict=True)])
        volumes[f"false_positive_{name}_ml"] = float(slice_ml @ counts)
        volumes[f"hallucinated_{name}_ml"] = float(slice_ml[empty] @ counts[empty])
    return volumes


def is_one_lung_alone(prediction: LungMask, reference: LungMask) -> bool:
    """Whether a mask with label 1 alone lacks the reference's left lung, which is then missed."""
    if prediction.sided or not reference.sided:
        return False
    covered = int(np.count_nonzero(prediction.lungs & reference.left))
    return 2 * covered <= int(np.count_nonzero(reference.left))


def _head(both: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """The head of a case: Dice and accuracy of both lungs, its slices by class and region."""
    classes, regions = np.array(table["class"]), np.array(table["region"])
    dice = np.array(table["dice"], dtype=np.float64)  # NaN where there is none
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
    values = _ratios(overlap, policy) | _volumes(overlap, grid) | _slice_counts(overlap, grid)
    surface = {
        name: _number(value) for name, value in distances(prediction, reference, grid).items()
    }
    predicted, true = bool(overlap.predicted.sum()), bool(overlap.true.sum())
    if predicted and true:
        return values | surface, {}
    reason = ABSENT
    if predicted or true:
        reason = MISSED if true else INVENTED
    concerned = [name for name in RATIOS if name != "accuracy"] + list(surface)
    notes = dict.fromkeys(concerned, reason)
    if not true:
        notes["relative_volume_error"] = "the reference is empty"
    return values | surface, notes


def _missing(structure: str, overlap: Overlap, grid: Grid) -> list[Finding]:
    """A finding where a structure has slices in the reference and none in the mask, or no slice
    in the reference.
    """
    true, predicted = overlap.true > 0, overlap.predicted > 0
    name = NAMES[structure]
    if not true.any():
        if predicted.any():
            return [finding("LUNG-INVENTED", structure=name, ml=_ml(overlap.predicted, grid))]
        return []
    if not predicted.any():
        return [finding("LUNG-MISSED", structure=name, ml=_ml(overlap.true, grid))]
    missed = true & ~predicted
    if not missed.any():
        return []
    numbers: dict[str, Any] = {
        "n": int(missed.sum()),
        "of": int(true.sum()),
        "mm": round(float(grid.thickness_mm[missed].sum()), 2),
    }
    return [
        finding("MISSED-SLICES", structure=name, **numbers, ml=_ml(overlap.true * missed, grid))
    ]


def _hallucinated(both: Mapping[str, Any]) -> list[Finding]:
    """A finding where slices without lung in the reference have some in the mask; by place where
    CT is at hand.
    """
    n = both["slices_hallucinated"]
    if not n:
        return []
    words = {
        "airway": "airways",
        "body": "elsewhere in the body",
        "couch": "couch",
        "outside_body": "outside the body",
    }
    volumes = {place: both.get(f"hallucinated_{place}_ml") for place in PLACES}
    parts = [f"{words[place]} {ml:.2f}" for place, ml in volumes.items() if ml]
    where = f": {', '.join(parts)}" if parts else ""
    numbers = {
        "n": n,
        "of": n + both["slices_empty"],
        "ml": round(both["hallucinated_ml"], 3),
        "where": where,
    }
    return [finding("HALLUCINATED-SLICES", **numbers)]


def _exchanged(prediction: LungMask, reference: LungMask) -> bool:
    own = np.count_nonzero((prediction.labels == reference.labels) & reference.lungs)
    others = np.count_nonzero(prediction.lungs & reference.lungs) - own
    return bool(others > own)


def _ratios(overlap: Overlap, policy: Policy) -> dict[str, Any]:
    return {
        name: _number(value) for name, value in ratios(overlap.total(), policy.empty_value).items()
    }


def _volumes(overlap: Overlap, grid: Grid) -> dict[str, Any]:
    """Volumes in ml; the error is prediction minus reference, and relative to the reference."""
    slice_ml = _slice_ml(grid)
    predicted, true = (float(slice_ml @ counts) for counts in (overlap.predicted, overlap.true))
    return {
        "volume_ml": predicted,
        "reference_volume_ml": true,
        "volume_error_ml": predicted - true,
        "absolute_volume_error_ml": abs(predicted - true),
        "relative_volume_error": (predicted - true) / true if true else None,
    }


def _slice_counts(overlap: Overlap, grid: Grid) -> dict[str, Any]:
    """Number of slices of each class, and ml on hallucinated and on missed slices."""
    counts = class_counts(slice_classes(overlap))
    volumes = {
        "hallucinated_ml": float(_slice_ml(grid) @ (overlap.predicted * (overlap.true == 0))),
        "missed_ml": float(_slice_ml(grid) @ (overlap.true * (overlap.predicted == 0))),
    }
    return {f"slices_{name}": count for name, count in counts.items()} | volumes


def _slice_ml(grid: Grid) -> NDArray[np.float64]:
    """Volume in ml of a voxel in each slice, `(slices,)`."""
    return grid.thickness_mm * (grid.voxel_ml / grid.spacing_mm[0])


def _ml(counts: NDArray[np.int64], grid: Grid) -> float:
    return round(float(_slice_ml(grid) @ counts), 3)


def _number(value: Any) -> float | None:
    if math.isnan(value):
        return None
    return float(value)

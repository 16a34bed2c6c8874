"""Many cases in a few numbers: spread over cases, and one ratio from all their voxels together."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pleura.measure.case import STRUCTURES


def summaries(cases: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Spread of every metric over cases, for all cases and for each split.

    Returns:
        split (`all`, `train` …) to structure to metric to `mean`, `sd` (of the sample), `median`, `lowest`, `highest`, `n`
        (cases that have a value) and `undefined` (cases that have none).
    """
    splits = sorted({str(case["split"]) for case in cases if case.get("split")})
    groups = {"all": list(cases)} | {split: [case for case in cases if case.get("split") == split] for split in splits}
    return {
        name: {structure: _metrics([case[structure] for case in group]) for structure in STRUCTURES}
        for name, group in groups.items()
    }


def pooled(cases: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One Dice and one IoU per structure from all cases' volume together, so that large lungs weigh more.

    Both follow from the volumes and each case's Dice: the shared volume is Dice (prediction + reference) / 2.
    """
    told = {}
    for structure in STRUCTURES:
        scores = [case[structure] for case in cases if case[structure].get("dice") is not None]
        sizes = [score["volume_ml"] + score["reference_volume_ml"] for score in scores]
        shared = sum(score["dice"] * size / 2 for score, size in zip(scores, sizes, strict=True))
        union = sum(sizes) - shared
        known = bool(scores) and union > 0
        told[structure] = {
            "dice": 2 * shared / sum(sizes) if known else None,
            "iou": shared / union if known else None,
            "n": len(scores),
        }
    return told


def _metrics(scores: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names = list(dict.fromkeys(metric for score in scores for metric in score))
    return {name: spread([score.get(name) for score in scores]) for name in names}


def spread(values: Sequence[float | None]) -> dict[str, Any]:
    """Mean, sample standard deviation, median, extremes and counts of the values that are defined."""
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    told: dict[str, Any] = {"n": len(known), "undefined": len(values) - len(known)}
    if not len(known):
        return told | dict.fromkeys(("mean", "sd", "median", "lowest", "highest"))
    return told | {
        "mean": float(known.mean()),
        "sd": float(known.std(ddof=1)) if len(known) > 1 else None,
        "median": float(np.median(known)),
        "lowest": float(known.min()),
        "highest": float(known.max()),
    }

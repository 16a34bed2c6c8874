"""Summaries over cases: spread over patients, by site, two methods compared, all voxels."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.metrics.case import STRUCTURES
from pleura.metrics.published import LCTSC
from pleura.metrics.ranking import ranking
from pleura.metrics.statistics import (
    LEVEL,
    RESAMPLES,
    bootstrap_intervals,
    holm,
    paired_test,
    patient_means,
)

Case = Mapping[str, Any]
Floats = NDArray[np.float64]

METHOD = (
    f"mean over patients; low and high: percentile bootstrap by patient, {RESAMPLES} resamples, "
    f"{LEVEL:.0%}"
)
COMPARED_METRICS = ("dice", "msd_mm", "hd95_mm", "hd95_mm_voxel")
"""Metrics that stand beside published ones."""
TESTED = ("dice", "msd_mm", "hd95_mm", "surface_dice_2mm")
"""Metrics on which two methods are compared, each for right, left and both lungs; Holm's
adjustment is over all of these.
"""


def over_cases(cases: Sequence[Case]) -> dict[str, Any]:
    """The part of `scores.json` about all cases together."""
    return {
        "ranking": ranking(cases),
        "summary": summaries(cases),
        "summary_method": METHOD,
        "pooled": pooled(cases),
        "sites": site_summaries(cases),
        "lctsc": lctsc_protocol(cases),
    }


def summaries(cases: Sequence[Case]) -> dict[str, Any]:
    """Spread of every metric, for all cases and for each split.

    Args:
        cases: as `scores.json` has them, with `patient`.

    Returns:
        split (`all`, `train` …) to structure to metric to `mean`, `low`, `high`, `sd` (of the
        sample), `median`, `lowest`, `highest`, `n` (patients with a value) and `undefined`
        (patients without one).
    """
    parts = {"all": list(cases)}
    for name in _values(cases, "split"):
        parts[name] = _where(cases, "split", name)
    return {name: _spreads(part) for name, part in parts.items()}


def _spreads(cases: Sequence[Case]) -> dict[str, Any]:
    return {structure: spread(cases, structure) for structure in STRUCTURES}


def site_summaries(cases: Sequence[Case]) -> dict[str, Any]:
    """Means of each site, and of all other sites without it (leave one site out): how much one site
    weighs in the whole.

    Returns:
        site to structure to `own` and `others` (metric to spread, as in `summaries`); empty where
        no case has a site.
    """
    summary = {}
    for site in _values(cases, "site"):
        own, others = (
            _where(cases, "site", site),
            [case for case in cases if case.get("site") != site],
        )
        summary[site] = {
            structure: {"own": spread(own, structure), "others": spread(others, structure)}
            for structure in STRUCTURES
        }
    return summary


def spread(cases: Sequence[Case], structure: str) -> dict[str, Any]:
    """Every metric of one structure over the patients of some cases; see `summaries`."""
    metrics = list(dict.fromkeys(metric for case in cases for metric in case[structure]))
    if not metrics:
        return {}
    values = patient_means(_matrix(cases, structure, metrics), [case["patient"] for case in cases])
    low, high = bootstrap_intervals(values)
    return {metric: _describe(values[:, k], low[k], high[k]) for k, metric in enumerate(metrics)}


def comparison(first: Sequence[Case], second: Sequence[Case]) -> list[dict[str, Any]]:
    """Two methods on the patients that both have: Wilcoxon's signed-rank test, its effect size,
    Holm over all rows.

    Args:
        first: cases of the method that is judged.
        second: cases of the other, scored against the same references.

    Returns:
        One row for each structure and metric of `TESTED` that both have: `structure`, `metric`,
        `first`, `second` (means), `n`, `difference` (median of first less second), `effect`, `p`,
        `adjusted_p`.
    """
    shared = sorted({case["case"] for case in first} & {case["case"] for case in second})
    if not shared:
        return []
    sides = []
    for cases in (first, second):
        by_name = {case["case"]: case for case in cases}
        sides.append([by_name[name] for name in shared])
    rows, tests = [], []
    for structure in STRUCTURES:
        matrices = [_matrix(cases, structure, TESTED) for cases in sides]
        a, b = (
            patient_means(matrix, [case["patient"] for case in sides[0]]) for matrix in matrices
        )
        for k, metric in enumerate(TESTED):
            both = ~np.isnan(a[:, k]) & ~np.isnan(b[:, k])
            if both.any():
                tests.append(paired_test(a[both, k], b[both, k]))
                means = {"first": float(a[both, k].mean()), "second": float(b[both, k].mean())}
                rows.append({"structure": structure, "metric": metric} | means)
    adjusted = holm([test.p for test in tests])
    return [
        row | asdict(replace(test, adjusted_p=p))
        for row, test, p in zip(rows, tests, adjusted, strict=True)
    ]


def lctsc_protocol(cases: Sequence[Case]) -> dict[str, Any]:
    """Dice, mean surface distance and HD95 per lung as the LCTSC challenge reports them, beside
    published results.

    Returns:
        `ours` (structure to metric to mean and sample sd over patients), `published`, and a
        `caution`.
    """
    ours = {}
    for structure in ("left", "right"):
        summary = spread(cases, structure)
        metrics = [name for name in COMPARED_METRICS if name in summary]
        ours[structure] = {
            name: {k: summary[name][k] for k in ("mean", "sd", "n")} for name in metrics
        }
    caution = (
        "not the same cases, references or programs: each row names its split; distances here "
        "are as this file's policy defines them; references that follow air flatter methods that "
        "do"
    )
    return {"ours": ours, "published": [row.as_json() for row in LCTSC], "caution": caution}


def pooled(cases: Sequence[Case]) -> dict[str, Any]:
    """Ratios per structure from all cases' volume together, so that large lungs weigh more.

    They follow from the volumes and each case's Dice: the shared volume is Dice (prediction +
    reference) / 2.

    Returns:
        structure to `dice`, `iou`, `precision`, `recall` (`None` where there is no volume) and `n`
        (cases).
    """
    summary = {}
    for structure in STRUCTURES:
        scores = [case[structure] for case in cases if case[structure].get("dice") is not None]
        predicted, true = (
            sum(score[name] for score in scores) for name in ("volume_ml", "reference_volume_ml")
        )
        shared = sum(
            score["dice"] * (score["volume_ml"] + score["reference_volume_ml"]) / 2
            for score in scores
        )
        parts = {
            "dice": (2 * shared, predicted + true),
            "iou": (shared, predicted + true - shared),
            "precision": (shared, predicted),
            "recall": (shared, true),
        }
        ratios = {name: above / below if below else None for name, (above, below) in parts.items()}
        summary[structure] = ratios | {"n": len(scores)}
    return summary


def _matrix(cases: Sequence[Case], structure: str, metrics: Sequence[str]) -> Floats:
    values = [[case[structure].get(metric) for metric in metrics] for case in cases]
    return np.array(values, dtype=np.float64)  # NaN for None


def _describe(values: Floats, low: float, high: float) -> dict[str, Any]:
    known = values[~np.isnan(values)]
    summary: dict[str, Any] = {"n": len(known), "undefined": len(values) - len(known)}
    if not len(known):
        return summary | dict.fromkeys(("mean", "low", "high", "sd", "median", "lowest", "highest"))
    interval: dict[str, Any] = {"low": None, "high": None, "sd": None}
    if len(known) > 1:
        interval = {"low": float(low), "high": float(high), "sd": float(known.std(ddof=1))}
    return summary | {
        "mean": float(known.mean()),
        **interval,
        "median": float(np.median(known)),
        "lowest": float(known.min()),
        "highest": float(known.max()),
    }


def _values(cases: Sequence[Case], key: str) -> list[str]:
    return sorted({str(case[key]) for case in cases if case.get(key)})


def _where(cases: Sequence[Case], key: str, value: str) -> list[Case]:
    return [case for case in cases if case.get(key) == value]

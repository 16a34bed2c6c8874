"""How sure a number is: intervals by patient, paired tests between two methods, and the weight of each site."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RESAMPLES = 10_000
SEED = 20260


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` patients with its interval: `low` to `high` holds `level` of the bootstrap's means."""

    value: float
    low: float
    high: float
    n: int
    level: float = 0.95

    def as_json(self) -> dict[str, Any]:
        """Plain values, and how they were made."""
        return {
            "mean": self.value,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "level": self.level,
            "method": f"percentile bootstrap by patient, {RESAMPLES} resamples",
        }


def bootstrap_mean(values: Sequence[float], patients: Sequence[str], *, level: float = 0.95) -> Estimate:
    """The mean over patients with a percentile bootstrap interval (Efron and Tibshirani 1993, ch. 13).

    Patients are drawn, not cases: two scans of one patient are not two independent looks. A patient's value is the mean of
    their cases. Seeded: the same values give the same interval.

    Args:
        values: one per case, all defined.
        patients: whose case each is.
        level: the share of bootstrap means between `low` and `high`.

    Returns:
        The estimate; with one patient, `low` and `high` are the value itself.

    Raises:
        ValueError: no values, or not as many patients as values.
    """
    if not values or len(values) != len(patients):
        raise ValueError("a mean needs at least one value, and a patient for each")
    each = np.array([np.mean([v for v, p in zip(values, patients, strict=True) if p == who]) for who in sorted(set(patients))])
    drawn = np.random.default_rng(SEED).integers(0, len(each), (RESAMPLES, len(each)))
    tail = (1 - level) / 2 * 100
    low, high = np.percentile(each[drawn].mean(axis=1), [tail, 100 - tail])
    return Estimate(float(each.mean()), float(low), float(high), len(each), level)


@dataclass(frozen=True)
class PairedTest:
    """Two methods on the same patients. `difference` is the median of first less second.

    `effect` is the matched-pairs rank-biserial correlation, -1 to 1 (Kerby 2014, doi:10.2466/11.IT.3.1): the share of rank
    weight that favours the first, less the share against it. `p` is of the two-sided Wilcoxon signed-rank test, `adjusted_p`
    Holm's. All three are `None` where no pair differs.
    """

    n: int
    difference: float
    effect: float | None
    p: float | None
    adjusted_p: float | None = None


def paired_test(first: Sequence[float], second: Sequence[float]) -> PairedTest:
    """Compare two methods by their values on the same patients: Wilcoxon's signed-rank test and its effect size.

    Zero differences are left out (Wilcoxon 1945); the p value is exact up to 50 pairs without ties, else normal with tie
    correction (scipy.stats.wilcoxon). Below six pairs no two-sided p value can reach 0.05.

    Args:
        first: a value per patient.
        second: the other method's, in the same order.

    Returns:
        The test, not yet adjusted for others.

    Raises:
        ValueError: the two differ in length, or are empty.
    """
    from scipy.stats import rankdata, wilcoxon

    if len(first) != len(second) or not len(first):
        raise ValueError("a paired test needs the same patients, at least one, in both methods")
    difference = np.subtract(first, second)
    apart = difference[difference != 0]
    median = float(np.median(difference))
    if not len(apart):
        return PairedTest(len(difference), median, None, None)
    ranks = rankdata(np.abs(apart))
    effect = float((ranks[apart > 0].sum() - ranks[apart < 0].sum()) / ranks.sum())
    tied = len(np.unique(np.abs(apart))) < len(apart) or len(apart) > 50
    p = float(wilcoxon(apart, method="asymptotic" if tied else "exact").pvalue)
    return PairedTest(len(difference), median, effect, p)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """P values adjusted for each other by Holm's step-down method (Holm 1979), in the given order; `None` stays `None`."""
    known = sorted((p, k) for k, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, k) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(known) - rank)))
        adjusted[k] = highest
    return adjusted


def leave_one_out(values: Sequence[float], sites: Sequence[str]) -> dict[str, dict[str, float | int | None]]:
    """For each site, its own mean and the mean of all others: how far one site carries the whole.

    Args:
        values: one per case, all defined.
        sites: where each case is from.

    Returns:
        site to `n`, `mean` (of its cases), `mean_without` (of all others; `None` where there are none).
    """
    told: dict[str, dict[str, float | int | None]] = {}
    for site in sorted(set(sites)):
        here = [v for v, s in zip(values, sites, strict=True) if s == site]
        others = [v for v, s in zip(values, sites, strict=True) if s != site]
        told[site] = {
            "n": len(here),
            "mean": float(np.mean(here)),
            "mean_without": float(np.mean(others)) if others else None,
        }
    return told


def compare(
    first: Mapping[str, Mapping[str, float | None]], second: Mapping[str, Mapping[str, float | None]]
) -> dict[str, PairedTest]:
    """Every metric of two methods on the patients that both have, Holm-adjusted over the metrics.

    Args:
        first: patient to metric to value.
        second: the same of the other method.

    Returns:
        metric to test, for the metrics that some patient has in both.
    """
    shared = sorted(first.keys() & second.keys())
    metrics = list(dict.fromkeys(metric for patient in shared for metric in first[patient]))
    tests = {}
    for metric in metrics:
        pairs = [(first[who].get(metric), second[who].get(metric)) for who in shared]
        known = [(a, b) for a, b in pairs if a is not None and b is not None]
        if known:
            tests[metric] = paired_test([a for a, _ in known], [b for _, b in known])
    adjusted = holm([test.p for test in tests.values()])
    return {
        metric: PairedTest(test.n, test.difference, test.effect, test.p, fair)
        for (metric, test), fair in zip(tests.items(), adjusted, strict=True)
    }

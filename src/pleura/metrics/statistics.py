"""Uncertainty of scores: confidence intervals by patient, and paired tests between two methods."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RESAMPLES = 10_000
SEED = 20260
LEVEL = 0.95


def patient_means(values: Floats, patients: Sequence[str]) -> Floats:
    """Means over the cases of each patient.

    Args:
        values: `(cases, metrics)`, NaN where undefined.
        patients: the patient of each case.

    Returns:
        `(patients, metrics)` in order of the patients' names; NaN where none of a patient's cases
        has a value.
    """
    names = np.array(patients)
    rows = []
    for name in sorted(set(patients)):
        own = values[names == name]
        known = ~np.isnan(own)
        counts = known.sum(axis=0)
        rows.append(
            np.where(counts, np.where(known, own, 0).sum(axis=0) / np.maximum(counts, 1), np.nan)
        )
    return np.array(rows)


def bootstrap_intervals(values: Floats, *, level: float = LEVEL) -> tuple[Floats, Floats]:
    """Percentile bootstrap intervals of means over patients (Efron and Tibshirani 1993, ch. 13).

    Patients are drawn, not cases, because two scans of one patient are not independent. All
    metrics share the draws. Seeded: the same values give the same interval. With few patients such
    intervals are too narrow; with one they have no width.

    Args:
        values: `(patients, metrics)`; NaN, where undefined, is left out of that metric's means.
        level: the share of bootstrap means between the two ends.

    Returns:
        Lower and upper ends, `(metrics,)` each; NaN where no patient has a value.
    """
    patients = len(values)
    weights = (
        np.random.default_rng(SEED)
        .multinomial(patients, np.full(patients, 1 / patients), RESAMPLES)
        .astype(np.float64)
    )
    known = ~np.isnan(values)
    counts = weights @ known
    means = weights @ np.where(known, values, 0.0) / np.where(counts == 0, np.nan, counts)
    ends = np.full((2, values.shape[1]), np.nan)
    some = known.any(axis=0)
    tail = (1 - level) / 2 * 100
    ends[:, some] = np.nanpercentile(means[:, some], [tail, 100 - tail], axis=0)
    return ends[0], ends[1]


@dataclass(frozen=True)
class PairedTest:
    """Two methods on the same patients. `difference` is the median of first minus second.

    `effect` is the matched-pairs rank-biserial correlation, -1 to 1 (Kerby 2014,
    doi:10.2466/11.IT.3.1): the share of rank weight that favours the first, less the share against
    it. `p` is of the two-sided Wilcoxon signed-rank test, `adjusted_p` Holm's; all three are `None`
    where no pair differs.
    """

    n: int
    difference: float
    effect: float | None
    p: float | None
    adjusted_p: float | None = None


def paired_test(first: Sequence[float], second: Sequence[float]) -> PairedTest:
    """Compare two methods by their values on the same patients: Wilcoxon's signed-rank test and its
    effect size.

    Zero differences are left out (Wilcoxon 1945), ties share their rank. The p value is exact
    up to 100 pairs, by the distribution of rank sums over all signs (scipy.stats.wilcoxon has it
    without ties only), and scipy's beyond. Below six pairs no two-sided p value can reach 0.05.

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
    p = _exact_p(ranks, apart > 0) if len(apart) <= 100 else float(wilcoxon(apart).pvalue)
    return PairedTest(len(difference), median, effect, p)


def _exact_p(ranks: Floats, favours: NDArray[np.bool_]) -> float:
    """Probability of a rank sum as far from its mean as the observed, if both signs are equal."""
    doubled = np.rint(2 * ranks).astype(int)  # shared ranks are halves
    chances = np.ones(1)
    for rank in doubled:
        chances = (np.pad(chances, (0, rank)) + np.pad(chances, (rank, 0))) / 2
    apart = np.abs(np.arange(len(chances)) - doubled.sum() / 2)
    seen = abs(doubled[favours].sum() - doubled.sum() / 2)
    return min(1.0, float(chances[apart >= seen].sum()))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """P values adjusted by Holm's step-down method (Holm 1979), in order; `None` stays `None`."""
    known = sorted((p, k) for k, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, k) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(known) - rank)))
        adjusted[k] = highest
    return adjusted

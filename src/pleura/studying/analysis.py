"""The analysis of a study: the patient is the unit, and nothing is tested with too few of them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.metrics.statistics import bootstrap_intervals, holm, paired_test
from pleura.store.split import patient_of
from pleura.studying.design import Arm, Design, Factor

TESTABLE = 6
"""Patients from which a two-sided signed-rank test can reach p < 0.05."""

Values = Mapping[str, Mapping[str, float]]
"""Arm to patient to value."""


@dataclass(frozen=True)
class Comparison:
    """An arm less its reference, by patient. `low` and `high` are the bootstrap interval of the
    mean difference; `p` and `adjusted_p` are `None` for secondary endpoints and with few patients.
    """

    arm: str
    against: str
    endpoint: str
    differences: Mapping[str, float]
    mean: float
    low: float
    high: float
    p: float | None = None
    adjusted_p: float | None = None

    @property
    def rises(self) -> int:
        """Patients in whom the endpoint is higher than in the reference."""
        return sum(value > 0 for value in self.differences.values())

    @property
    def falls(self) -> int:
        """Patients in whom it is lower."""
        return sum(value < 0 for value in self.differences.values())

    @property
    def same_direction(self) -> bool:
        """Whether all patients differ, and in one direction."""
        return len(self.differences) in (self.rises, self.falls)


@dataclass(frozen=True)
class Trend:
    """A monotone trend of the primary endpoint over a factor's levels.

    `tau`: Kendall's, by patient. `p`: two-sided, of Page's test, `None` with few patients.
    """

    factor: int
    levels: Sequence[float]
    tau: Mapping[str, float]
    p: float | None = None
    adjusted_p: float | None = None


@dataclass(frozen=True)
class Analysis:
    """What a study found. `values`: endpoint to arm to patient; `missing` arms have runs that
    were not done; `diverged` counts runs by arm.
    """

    patients: Sequence[str]
    values: Mapping[str, Values]
    comparisons: Sequence[Comparison]
    trends: Sequence[Trend]
    missing: Mapping[str, int]
    diverged: Mapping[str, int]
    runs: Mapping[str, int]

    @property
    def tested(self) -> bool:
        """Whether there are patients enough for a test."""
        return len(self.patients) >= TESTABLE

    def of(self, arm: str, endpoint: str) -> Comparison | None:
        """The comparison of an arm, `None` where there is none."""
        found = (one for one in self.comparisons if (one.arm, one.endpoint) == (arm, endpoint))
        return next(found, None)


def analyse(design: Design, records: Iterable[Mapping[str, Any]]) -> Analysis:
    """Analyse the runs that are done.

    An arm counts when all its runs are done. Seeds, then the cases of a patient, are averaged; a
    run that diverged counts with its score of a failure. The family for Holm's adjustment is every
    comparison of the primary endpoint and every declared trend.
    """
    arms = design.arms()
    runs = _by_arm(records)
    wanted = design.folds * len(design.seeds)
    missing = {arm.key: wanted - len(runs[arm.key]) for arm in arms}
    missing = {key: count for key, count in missing.items() if count}
    done = [arm for arm in arms if arm.key not in missing]
    values = {
        endpoint: {arm.key: _patients(runs[arm.key], endpoint) for arm in done}
        for endpoint in design.endpoints
    }
    patients = sorted({name for one in values[design.primary].values() for name in one})
    comparisons = [
        _comparison(arm, endpoint, values[endpoint])
        for endpoint in design.endpoints
        for arm in done
        if arm.against in values[endpoint]
    ]
    trends = [
        _trend(design, number, factor, values[design.primary])
        for number, factor in enumerate(design.factors)
        if factor.trend
    ]
    known = [trend for trend in trends if trend is not None]
    if len(patients) >= TESTABLE:
        comparisons, known = _tested(design, comparisons, known, values[design.primary])
    return Analysis(
        patients,
        values,
        comparisons,
        known,
        missing,
        {key: sum(one["diverged"] for one in own) for key, own in runs.items()},
        {key: len(own) for key, own in runs.items()},
    )


def _by_arm(records: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Arm to the records of its runs that have scores."""
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for record in records:
        if "refused" not in record:
            found[record["arm"]].append(record)
    return found


def _patients(runs: Sequence[Mapping[str, Any]], endpoint: str) -> dict[str, float]:
    """Patient to the mean over seeds and cases; patients without a value are left out."""
    by_case: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        for case, scores in run["cases"].items():
            if scores[endpoint] is not None:
                by_case[case].append(scores[endpoint])
    by_patient: dict[str, list[float]] = defaultdict(list)
    for case in sorted(by_case):
        by_patient[patient_of(case)].append(float(np.mean(by_case[case])))
    return {patient: float(np.mean(own)) for patient, own in sorted(by_patient.items())}


def _comparison(arm: Arm, endpoint: str, values: Values) -> Comparison:
    own, reference = values[arm.key], values[str(arm.against)]
    differences = {name: own[name] - reference[name] for name in own if name in reference}
    column = np.array(list(differences.values()))[:, None]
    low, high = bootstrap_intervals(column)
    ends = float(low[0]), float(high[0])
    mean = float(column.mean())
    return Comparison(arm.key, str(arm.against), endpoint, differences, mean, *ends)


def _trend(design: Design, number: int, factor: Factor, values: Values) -> Trend | None:
    """The trend over a factor; `None` where fewer than three of its levels are done."""
    from scipy.stats import kendalltau

    table = levels_of(design, number, factor, values)
    if len(table) < 3:
        return None
    levels = sorted(table)
    patients = sorted(set.intersection(*(set(own) for own in table.values())))
    tau = {
        name: float(kendalltau(levels, [table[level][name] for level in levels]).statistic)
        for name in patients
    }
    return Trend(number, levels, {name: _or_zero(value) for name, value in tau.items()})


def _or_zero(tau: float) -> float:
    """0 where all values are equal and tau is undefined."""
    return 0.0 if np.isnan(tau) else tau


def levels_of(
    design: Design, number: int, factor: Factor, values: Values
) -> dict[float, Mapping[str, float]]:
    """Level of a factor to its values by patient; the reference's level is one of them."""
    reference = design.reference_key(factor)
    keys = {arm.level: arm.key for arm in design.arms() if arm.factor == number}
    for level in factor.levels:
        keys.setdefault(level, reference)
    return {float(level): values[key] for level, key in keys.items() if key in values}


def _tested(
    design: Design, comparisons: Sequence[Comparison], trends: Sequence[Trend], values: Values
) -> tuple[list[Comparison], list[Trend]]:
    """Comparisons of the primary endpoint and trends with their p values, adjusted together."""
    primary = [one for one in comparisons if one.endpoint == design.primary]
    others = [one for one in comparisons if one.endpoint != design.primary]
    p_values = [
        paired_test(list(one.differences.values()), [0.0] * len(one.differences)).p
        for one in primary
    ]
    p_values += [_page(design, trend, values) for trend in trends]
    adjusted = holm(p_values)
    pairs = list(zip(p_values, adjusted, strict=True))
    tested = [
        replace(one, p=p, adjusted_p=q)
        for one, (p, q) in zip(primary, pairs[: len(primary)], strict=True)
    ]
    rising = [
        replace(one, p=p, adjusted_p=q)
        for one, (p, q) in zip(trends, pairs[len(primary) :], strict=True)
    ]
    return [*tested, *others], rising


def _page(design: Design, trend: Trend, values: Values) -> float:
    """Page's test (1963, doi:10.1080/01621459.1963.10500843) in both directions."""
    from scipy.stats import page_trend_test

    table = levels_of(design, trend.factor, design.factors[trend.factor], values)
    data: NDArray[np.float64] = np.array(
        [[table[level][patient] for level in trend.levels] for patient in trend.tau]
    )
    return min(1.0, 2 * min(float(page_trend_test(one).pvalue) for one in (data, data[:, ::-1])))

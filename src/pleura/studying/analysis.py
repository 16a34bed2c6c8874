"""The analysis of a study: the patient is the unit, and nothing is tested with too few of them."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
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
Levels = Mapping[float, Mapping[str, float]]
"""Level to patient to value."""
Runs = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Comparison:
    """An arm less its reference, by patient, over the `seeds` that both have whole. `low` and
    `high` are the bootstrap interval of the mean difference; `p` and `adjusted_p` are `None` for
    secondary endpoints and with few patients.
    """

    arm: str
    against: str
    endpoint: str
    differences: Mapping[str, float]
    mean: float
    low: float
    high: float
    seeds: tuple[int, ...]
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
    """What a study found. `values`: endpoint to arm to patient, over the arm's whole `seeds`;
    `missing` arms have runs that were not done; `diverged` counts runs by arm.
    """

    patients: Sequence[str]
    values: Mapping[str, Values]
    comparisons: Sequence[Comparison]
    trends: Sequence[Trend]
    missing: Mapping[str, int]
    diverged: Mapping[str, int]
    runs: Mapping[str, int]
    seeds: Mapping[str, tuple[int, ...]]

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

    A seed of an arm is whole when all its folds are done, so that every patient has a value; other
    runs count nowhere. A comparison takes the seeds that both arms have whole, a trend those of
    all its levels. Seeds, then the cases of a patient, are averaged; a run that diverged counts
    with its score of a failure. The family for Holm's adjustment is every comparison of the
    primary endpoint and every declared trend.
    """
    arms = design.arms()
    runs = _by_arm(records)
    wanted = design.folds * len(design.seeds)
    missing = {arm.key: wanted - len(runs[arm.key]) for arm in arms}
    missing = {key: count for key, count in missing.items() if count}
    seeds = {arm.key: _whole_seeds(design, runs[arm.key]) for arm in arms}
    done = [arm for arm in arms if seeds[arm.key]]
    values = {
        endpoint: {arm.key: _patients(runs[arm.key], endpoint, seeds[arm.key]) for arm in done}
        for endpoint in design.endpoints
    }
    patients = sorted({name for one in values[design.primary].values() for name in one})
    compared = [arm for arm in done if set(seeds[arm.key]) & set(seeds.get(str(arm.against), ()))]
    comparisons = [
        _comparison(arm, endpoint, runs, seeds) for endpoint in design.endpoints for arm in compared
    ]
    trends = [
        _trend(number, _trend_table(design, number, runs, seeds))
        for number, factor in enumerate(design.factors)
        if factor.trend
    ]
    known = [trend for trend in trends if trend is not None]
    if len(patients) >= TESTABLE:
        tables = {one.factor: _trend_table(design, one.factor, runs, seeds) for one in known}
        comparisons, known = _tested(design, comparisons, known, tables)
    return Analysis(
        patients,
        values,
        comparisons,
        known,
        missing,
        {key: sum(one["diverged"] for one in own) for key, own in runs.items()},
        {key: len(own) for key, own in runs.items()},
        seeds,
    )


def _by_arm(records: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Arm to the records of its runs that have scores."""
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for record in records:
        if "refused" not in record:
            found[record["arm"]].append(record)
    return found


def _whole_seeds(design: Design, runs: Sequence[Mapping[str, Any]]) -> tuple[int, ...]:
    """The seeds of which all folds are done."""
    folds = {seed: {run["fold"] for run in runs if run["seed"] == seed} for seed in design.seeds}
    return tuple(seed for seed, own in folds.items() if len(own) == design.folds)


def _patients(
    runs: Sequence[Mapping[str, Any]], endpoint: str, seeds: Collection[int]
) -> dict[str, float]:
    """Patient to the mean over seeds and cases; patients without a value are left out."""
    by_case: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        if run["seed"] not in seeds:
            continue
        for case, scores in run["cases"].items():
            if scores[endpoint] is not None:
                by_case[case].append(scores[endpoint])
    by_patient: dict[str, list[float]] = defaultdict(list)
    for case in sorted(by_case):
        by_patient[patient_of(case)].append(float(np.mean(by_case[case])))
    return {patient: float(np.mean(own)) for patient, own in sorted(by_patient.items())}


def _comparison(
    arm: Arm, endpoint: str, runs: Mapping[str, Runs], seeds: Mapping[str, Sequence[int]]
) -> Comparison:
    against = str(arm.against)
    shared = tuple(seed for seed in seeds[arm.key] if seed in seeds[against])
    own, reference = (_patients(runs[key], endpoint, shared) for key in (arm.key, against))
    differences = {name: own[name] - reference[name] for name in own if name in reference}
    column = np.array(list(differences.values()))[:, None]
    low, high = bootstrap_intervals(column)
    ends = float(low[0]), float(high[0])
    mean = float(column.mean())
    return Comparison(arm.key, against, endpoint, differences, mean, *ends, shared)


def _trend_table(
    design: Design, number: int, runs: Mapping[str, Runs], seeds: Mapping[str, Sequence[int]]
) -> Levels:
    """Level of a factor to the primary endpoint by patient, over the seeds of all levels done."""
    factor = design.factors[number]
    keys = {arm.key for arm in design.arms() if arm.factor == number}
    keys = {key for key in (*keys, design.reference_key(factor)) if seeds[key]}
    shared = set.intersection(*(set(seeds[key]) for key in keys)) if keys else set()
    if not shared:
        return {}
    values = {key: _patients(runs[key], design.primary, shared) for key in keys}
    return levels_of(design, number, factor, values)


def _trend(number: int, table: Levels) -> Trend | None:
    """The trend over a factor; `None` where fewer than three of its levels are done."""
    from scipy.stats import kendalltau

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


def levels_of(design: Design, number: int, factor: Factor, values: Values) -> Levels:
    """Level of a factor to its values by patient; the reference's level is one of them."""
    reference = design.reference_key(factor)
    keys = {arm.level: arm.key for arm in design.arms() if arm.factor == number}
    for level in factor.levels:
        keys.setdefault(level, reference)
    return {float(level): values[key] for level, key in keys.items() if key in values}


def _tested(
    design: Design,
    comparisons: Sequence[Comparison],
    trends: Sequence[Trend],
    tables: Mapping[int, Levels],
) -> tuple[list[Comparison], list[Trend]]:
    """Comparisons of the primary endpoint and trends with their p values, adjusted together."""
    primary = [one for one in comparisons if one.endpoint == design.primary]
    others = [one for one in comparisons if one.endpoint != design.primary]
    p_values = [
        paired_test(list(one.differences.values()), [0.0] * len(one.differences)).p
        for one in primary
    ]
    p_values += [_page(tables[trend.factor], trend) for trend in trends]
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


def _page(table: Levels, trend: Trend) -> float:
    """Page's test (1963, doi:10.1080/01621459.1963.10500843) in both directions."""
    from scipy.stats import page_trend_test

    data: NDArray[np.float64] = np.array(
        [[table[level][patient] for level in trend.levels] for patient in trend.tau]
    )
    return min(1.0, 2 * min(float(page_trend_test(one).pvalue) for one in (data, data[:, ::-1])))

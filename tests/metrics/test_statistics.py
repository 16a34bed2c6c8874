"""Intervals, tests and sites against scipy, textbook values and simulation."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import bootstrap as scipy_bootstrap
from scipy.stats import wilcoxon

from pleura.metrics.statistics import bootstrap_intervals, holm, paired_test, patient_means


def interval(values, patients):
    means = patient_means(np.array(values, dtype=float)[:, None], patients)
    low, high = bootstrap_intervals(means)
    return means[:, 0], low[0], high[0]


def test_the_interval_covers_as_often_as_it_says():
    """Of 400 samples of 25 patients, the 95 % interval holds the true mean about 95 times in a
    hundred (a little less).
    """
    samples = np.random.default_rng(4).normal(0.9, 0.05, (25, 400))
    low, high = bootstrap_intervals(samples)
    assert 0.89 <= np.mean((low <= 0.9) & (high >= 0.9)) <= 0.98


def test_the_interval_is_that_of_scipy():
    values = np.random.default_rng(2).gamma(2.0, 1.0, (20, 1))
    low, high = bootstrap_intervals(values)
    other = scipy_bootstrap(
        (values[:, 0],), np.mean, n_resamples=10_000, method="percentile", rng=1
    ).confidence_interval
    assert (low[0], high[0]) == pytest.approx((other.low, other.high), rel=0.02)


def test_patients_count_not_scans():
    """Ten copies of one patient's scan add nothing to one: the interval does not shrink."""
    values, patients = [0.9, 0.8, 0.95, 0.85], ["a", "b", "c", "d"]
    once, often = interval(values, patients), interval(values * 10, patients * 10)
    assert len(often[0]) == 4
    assert often[1:] == pytest.approx(once[1:])
    assert once[1] < np.mean(values) < once[2]


def test_one_patient_has_no_spread_and_the_undefined_is_left_out():
    means, low, high = interval([0.7, 0.9], ["a", "a"])
    assert low == high == means[0] == pytest.approx(0.8)
    table = np.array([[0.5, np.nan, np.nan], [0.7, 0.6, np.nan]])
    low, high = bootstrap_intervals(patient_means(table, ["a", "b"]))
    assert low[1] == high[1] == 0.6
    assert np.isnan([low[2], high[2]]).all()
    np.testing.assert_allclose(patient_means(table, ["a", "a"])[0], [0.6, 0.6, np.nan])


def slow_signed_rank(difference):
    """The exact two-sided p value, by every sign that the ranks could have had; equal
    differences share their rank.
    """
    sizes = np.abs(difference)
    ranks = np.array([(sizes < size).sum() + ((sizes == size).sum() + 1) / 2 for size in sizes])
    seen = ranks[np.array(difference) > 0].sum()
    middle = ranks.sum() / 2
    sums = [
        sum(r for r, s in zip(ranks, signs, strict=True) if s)
        for signs in itertools.product((0, 1), repeat=len(ranks))
    ]
    return np.mean([abs(total - middle) >= abs(seen - middle) for total in sums])


@given(st.lists(st.integers(-12, 12).filter(bool), min_size=1, max_size=9))
def test_the_exact_p_value_equals_counting_every_sign(difference):
    told = paired_test(difference, [0] * len(difference))
    assert told.p == pytest.approx(slow_signed_rank(difference))
    assert told.difference == np.median(difference)
    assert -1 <= told.effect <= 1
    swapped = paired_test([0] * len(difference), difference)
    assert swapped.effect == pytest.approx(-told.effect)
    assert swapped.p == pytest.approx(told.p)


@pytest.mark.parametrize("n", [9, 40, 99, 150])
def test_p_values_without_ties_are_scipys(n):
    difference = np.random.default_rng(n).normal(0.3, 1.0, n)
    method = "exact" if n <= 100 else "auto"
    assert paired_test(difference, np.zeros(n)).p == pytest.approx(
        wilcoxon(difference, method=method).pvalue
    )


def test_effect_size_by_hand():
    """Differences 1, 2, -3, 4: ranks for 7, against 3, of 10."""
    assert paired_test([1, 2, -3, 4], [0, 0, 0, 0]).effect == pytest.approx(0.4)
    assert paired_test([1, 2, 3], [0, 0, 0]).effect == 1
    same = paired_test([0.9, 0.8], [0.9, 0.8])
    assert (same.effect, same.p, same.difference) == (None, None, 0)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, None, 0.6]) == [1.0, None, 1.0]
    assert holm([]) == []

"""Intervals, tests and sites against scipy, textbook values and simulation."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleura.measure.statistics import bootstrap_mean, compare, holm, leave_one_out, paired_test


def test_the_interval_covers_as_often_as_it_says():
    """Of 300 samples of 25 patients, the 95 % interval holds the true mean about 95 times in a hundred (a little less)."""
    random = np.random.default_rng(4)
    held = 0
    for _ in range(300):
        sample = random.normal(0.9, 0.05, 25)
        told = bootstrap_mean(list(sample), [str(k) for k in range(25)])
        held += told.low <= 0.9 <= told.high
    assert 0.89 <= held / 300 <= 0.98


def test_patients_count_not_scans():
    """Ten copies of one patient's scan tell no more than one: the interval does not shrink."""
    values, patients = [0.9, 0.8, 0.95, 0.85], ["a", "b", "c", "d"]
    once = bootstrap_mean(values, patients)
    often = bootstrap_mean(values * 10, patients * 10)
    assert often.n == once.n == 4
    assert (often.low, often.high) == pytest.approx((once.low, once.high))
    assert once.value == pytest.approx(np.mean(values))
    assert once.low < once.value < once.high


def test_one_patient_has_no_spread_and_none_is_refused():
    told = bootstrap_mean([0.7, 0.9], ["a", "a"])
    assert told.low == told.high == told.value == pytest.approx(0.8)
    with pytest.raises(ValueError, match="at least one"):
        bootstrap_mean([], [])


def slow_signed_rank(difference):
    """The exact two-sided p value, by every sign that the ranks could have had."""
    ranks = np.argsort(np.argsort(np.abs(difference))) + 1
    seen = ranks[np.array(difference) > 0].sum()
    middle = ranks.sum() / 2
    sums = [sum(r for r, s in zip(ranks, signs, strict=True) if s) for signs in itertools.product((0, 1), repeat=len(ranks))]
    return np.mean([abs(total - middle) >= abs(seen - middle) for total in sums])


@given(st.lists(st.integers(-1000, 1000).filter(bool), min_size=3, max_size=9, unique_by=abs))
def test_the_exact_p_value_equals_counting_every_sign(difference):
    told = paired_test(difference, [0] * len(difference))
    assert told.p == pytest.approx(slow_signed_rank(difference))
    assert told.difference == np.median(difference)
    assert -1 <= told.effect <= 1
    swapped = paired_test([0] * len(difference), difference)
    assert swapped.effect == pytest.approx(-told.effect)
    assert swapped.p == pytest.approx(told.p)


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


def test_sites_with_and_without():
    told = leave_one_out([1.0, 0.8, 0.5], ["one", "one", "two"])
    assert told["one"] == {"n": 2, "mean": pytest.approx(0.9), "mean_without": 0.5}
    assert told["two"]["mean_without"] == pytest.approx(0.9)
    assert leave_one_out([1.0], ["one"])["one"]["mean_without"] is None


def test_methods_are_compared_on_shared_patients_and_adjusted_together():
    random = np.random.default_rng(1)
    first = {str(k): {"dice": float(x), "hd": None} for k, x in enumerate(random.normal(0.95, 0.01, 12))}
    second = {who: {"dice": scores["dice"] - 0.02 - 0.001 * int(who), "hd": 3.0} for who, scores in first.items()}
    second["alone"] = {"dice": 0.1, "hd": 1.0}
    told = compare(first, second)
    assert set(told) == {"dice"}
    assert told["dice"].n == 12
    assert told["dice"].effect == 1
    assert told["dice"].adjusted_p == told["dice"].p == pytest.approx(2 / 2**12)

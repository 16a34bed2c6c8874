"""The analysis against numbers that are worked out by hand, and by scipy."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import wilcoxon

from pleura.studying.analysis import analyse
from pleura.studying.conclusions import conclusions
from pleura.studying.design import read_design
from pleura.studying.tables import study_content

TEXT = """
size = 32
steps = 5
folds = 2
seeds = [0, 1]
[[factor]]
name = "alpha"
levels = [0.0, 0.5, 1.0]
trend = true
[[factor]]
name = "couch"
levels = ["keep", "remove"]
"""


@pytest.fixture
def design(tmp_path):
    file = tmp_path / "d.toml"
    file.write_text(TEXT)
    return read_design(file)


def records(dice, cases):
    """Runs of two folds and two seeds; `dice(arm, case number, seed)`."""
    made = []
    for arm, fold, seed in product(
        ("baseline", "alpha-0", "alpha-1", "couch-remove"), (1, 2), (0, 1)
    ):
        own = {
            name: {"dice": dice(arm, number, seed)}
            for number, name in enumerate(cases)
            if number % 2 == fold - 1
        }
        made.append({"arm": arm, "fold": fold, "seed": seed, "diverged": False, "cases": own})
    return made


FOUR = [f"Case_00{k}" for k in range(4)]
TWELVE = [f"Case_{k:03d}" for k in range(12)]
SHIFT = {"baseline": 0.0, "alpha-0": -0.1, "alpha-1": 0.2, "couch-remove": 0.0}


def shifted(arm, number, seed):
    """Differences that vary a little by patient, and by seed with mean 0; the couch goes both
    ways.
    """
    wobble = 0.01 * (number + 1) if arm != "baseline" else 0.0
    if arm == "couch-remove":
        wobble *= 1 if number % 2 else -1
    return 0.5 + SHIFT[arm] + wobble + (0.05 if seed else -0.05)


def test_seeds_are_averaged_and_differences_are_by_patient(design):
    found = analyse(design, records(shifted, FOUR))
    assert found.patients == FOUR
    one = found.of("alpha-1", "dice")
    for number, case in enumerate(FOUR):
        assert one.differences[case] == pytest.approx(0.2 + 0.01 * (number + 1))
    assert one.mean == pytest.approx(0.225)
    assert (one.rises, one.falls, one.same_direction) == (4, 0, True)
    assert 0.21 <= one.low < one.mean < one.high <= 0.24


def test_two_cases_of_a_patient_are_one_patient(design):
    cases = ["Case_000_1", "Case_001", "Case_000_2", "Case_002"]
    found = analyse(design, records(shifted, cases))
    assert found.patients == ["Case_000", "Case_001", "Case_002"]
    assert found.of("alpha-1", "dice").differences["Case_000"] == pytest.approx(0.22)


def test_four_patients_are_not_tested(design):
    found = analyse(design, records(shifted, FOUR))
    assert not found.tested
    assert all(one.p is None for one in found.comparisons)
    assert all(trend.p is None for trend in found.trends)
    text = " ".join(conclusions(design, found)["What these numbers can and cannot say"])
    assert "below 0.125" in text
    assert "2 of 3 comparisons go in one direction" in text


def test_twelve_patients_are_tested_exactly_and_adjusted_together(design):
    found = analyse(design, records(shifted, TWELVE))
    assert found.tested
    p = {}
    for one in found.comparisons:
        differences = np.round(list(one.differences.values()), 9)
        p[one.arm] = one.p
        if len(set(np.abs(differences))) == len(differences):
            assert one.p == pytest.approx(wilcoxon(differences, method="exact").pvalue)
    assert p["alpha-0"] > p["alpha-1"] == pytest.approx(2 / 2**12)
    smallest = found.of("alpha-1", "dice")
    assert smallest.adjusted_p == pytest.approx(3 * smallest.p)  # one trend is smaller still
    lines = " ".join(conclusions(design, found)["α, the share of BCE"])
    assert "higher, p =" in lines
    assert "no difference shown" in " ".join(conclusions(design, found)["Couch"])


def test_a_trend_is_by_patient_and_both_ways(design):
    def up(arm, number, seed):
        return {"alpha-0": 0.1, "alpha-1": 0.9}.get(arm, 0.5) + 0.01 * number

    rising = analyse(design, records(up, TWELVE)).trends[0]
    assert rising.levels == [0.0, 0.5, 1.0]
    assert all(tau == pytest.approx(1.0) for tau in rising.tau.values())
    falling = analyse(design, records(lambda *key: -up(*key), TWELVE)).trends[0]
    assert all(tau == pytest.approx(-1.0) for tau in falling.tau.values())
    assert rising.p == pytest.approx(falling.p)
    # 12 patients agree: L is at its maximum, which 1 of 6 orders gives in each of them
    assert rising.p == pytest.approx(2 / 6**12, rel=1e-6)


def test_an_arm_with_a_run_missing_is_in_no_comparison(design):
    some = [one for one in records(shifted, FOUR) if (one["arm"], one["fold"]) != ("alpha-1", 2)]
    found = analyse(design, some)
    assert found.missing == {"alpha-1": 2}
    assert found.of("alpha-1", "dice") is None
    assert "Not run: α, the share of BCE 1." in next(iter(conclusions(design, found).values()))


def test_a_comparison_is_over_the_seeds_that_both_arms_have_whole(design):
    """Seed 1 of α 1 lacks a fold: the baseline's seed 1, far off, must not be in its comparison."""

    def dice(arm, number, seed):
        return 0.5 + 0.3 * (arm == "baseline") * seed + 0.1 * (arm == "alpha-1")

    some = [
        run
        for run in records(dice, FOUR)
        if (run["arm"], run["seed"], run["fold"]) != ("alpha-1", 1, 2)
    ]
    found = analyse(design, some)
    assert found.seeds == {
        "baseline": (0, 1),
        "alpha-0": (0, 1),
        "alpha-1": (0,),
        "couch-remove": (0, 1),
    }
    assert found.missing == {"alpha-1": 1}
    assert found.of("alpha-1", "dice").mean == pytest.approx(0.1)
    assert found.of("alpha-1", "dice").seeds == (0,)
    assert found.of("alpha-0", "dice").mean == pytest.approx(-0.15)
    assert found.values["dice"]["baseline"]["Case_000"] == pytest.approx(0.65)
    (trend,) = found.trends
    assert list(trend.tau.values()) == pytest.approx([0.816497] * 4, abs=1e-6)  # 0.5, 0.5, 0.6
    lines = conclusions(design, found)["What these numbers can and cannot say"]
    assert "Runs are missing: comparisons are over 1 to 2 of the 2 declared seeds." in lines
    content = study_content(design, found, some)
    (unfinished,) = [one for one in content.tables if "not whole" in one.caption]
    assert [row[:4] for row in unfinished.rows] == [
        ["α 1", "1", "1", "Case_000"],
        ["α 1", "1", "1", "Case_002"],
    ]


def test_a_refused_run_is_a_missing_one(design):
    some = records(shifted, FOUR)
    some[0] = {"arm": "baseline", "fold": 1, "seed": 0, "refused": "no room"}
    assert analyse(design, some).missing == {"baseline": 1}


def test_diverged_runs_count(design):
    some = records(shifted, FOUR)
    for one in some:
        if one["arm"] == "alpha-1":
            one["diverged"] = True
            one["cases"] = {case: {"dice": 0.0} for case in one["cases"]}
    found = analyse(design, some)
    assert found.diverged["alpha-1"] == 4
    assert found.of("alpha-1", "dice").mean == pytest.approx(-0.5)

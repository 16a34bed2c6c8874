"""Summaries over patients, sites and methods, counted by hand."""

import numpy as np
import pytest

from pleura.metrics.summary import comparison, lctsc_protocol, pooled, site_summaries, summaries


def case(name, dice, *, patient=None, split=None, site=None, volume=100.0, hd=5.0):
    scores = {
        "dice": dice,
        "volume_ml": volume,
        "reference_volume_ml": volume,
        "msd_mm": 1.0,
        "hd95_mm": hd,
    }
    head = {"case": name, "patient": patient or name, "split": split, "site": site}
    return head | {"right": scores, "left": dict(scores), "both": dict(scores)}


def test_patients_are_averaged_before_cases_and_splits_are_apart():
    told = summaries(
        [
            case("a1", 0.8, patient="a", split="train"),
            case("a2", 0.6, patient="a", split="train"),
            case("b", 0.9, split="test"),
        ]
    )
    dice = told["all"]["both"]["dice"]
    assert (dice["n"], dice["undefined"]) == (2, 0)
    assert dice["mean"] == pytest.approx((0.7 + 0.9) / 2)
    assert dice["sd"] == pytest.approx(np.std([0.7, 0.9], ddof=1))
    assert dice["low"] <= dice["mean"] <= dice["high"]
    assert told["test"]["both"]["dice"]["mean"] == 0.9
    assert told["test"]["both"]["dice"]["sd"] is None


def test_a_missed_lung_lowers_the_mean_and_an_undefined_one_is_told():
    told = summaries([case("a", 1.0), case("b", 0.0, hd=400.0), case("c", None, hd=None)])["all"][
        "right"
    ]
    assert told["dice"]["mean"] == 0.5
    assert told["hd95_mm"]["mean"] == pytest.approx(202.5)
    assert (told["hd95_mm"]["n"], told["hd95_mm"]["undefined"]) == (2, 1)


def test_sites_alone_and_without():
    told = site_summaries(
        [case("a", 1.0, site="S1"), case("b", 0.8, site="S1"), case("c", 0.5, site="S2")]
    )
    assert told["S1"]["both"]["own"]["dice"]["mean"] == pytest.approx(0.9)
    assert told["S1"]["both"]["others"]["dice"]["mean"] == 0.5
    assert told["S2"]["both"]["others"]["dice"]["mean"] == pytest.approx(0.9)
    assert site_summaries([case("a", 1.0)]) == {}
    assert site_summaries([case("a", 1.0, site="S1")])["S1"]["both"]["others"] == {}


def test_two_methods_on_shared_patients_adjusted_together():
    names = [f"c{k}" for k in range(8)]
    first = [case(name, 0.95 + k / 1000) for k, name in enumerate(names)]
    second = [case(name, 0.90 - k / 1000) for k, name in enumerate(names)] + [case("alone", 0.1)]
    rows = comparison(first, second)
    dice = [row for row in rows if row["metric"] == "dice"]
    assert [row["structure"] for row in dice] == ["right", "left", "both"]
    assert all(row["n"] == 8 and row["effect"] == 1 for row in dice)
    assert dice[0]["p"] == pytest.approx(2 / 2**8)
    # three structures; the equal distances have no p value
    assert dice[0]["adjusted_p"] == pytest.approx(3 * 2 / 2**8)
    assert dice[0]["difference"] == pytest.approx(
        np.median([0.05 + 2 * k / 1000 for k in range(8)])
    )
    same = next(row for row in rows if row["metric"] == "hd95_mm")
    assert (same["p"], same["adjusted_p"], same["effect"]) == (None, None, None)
    assert not any(row["metric"] == "surface_dice_2mm" for row in rows)


def test_pooled_is_of_all_voxels():
    """100 against 100 ml of which 50 are shared, and 300 against 300 ml of which all are."""
    told = pooled([case("a", 0.5, volume=100.0), case("b", 1.0, volume=300.0)])["both"]
    assert told["dice"] == pytest.approx(700 / 800)
    assert told["iou"] == pytest.approx(350 / 450)
    assert told["precision"] == told["recall"] == pytest.approx(350 / 400)
    assert pooled([case("a", None)])["both"] == dict.fromkeys(
        ("dice", "iou", "precision", "recall")
    ) | {"n": 0}


def test_the_challenges_protocol_stands_beside_published_numbers_with_their_source():
    told = lctsc_protocol([case("a", 0.9), case("b", 0.7)])
    assert told["ours"]["left"]["dice"]["mean"] == pytest.approx(0.8)
    assert set(told["ours"]["right"]) == {"dice", "msd_mm", "hd95_mm"}
    assert all("doi:" in row["source"] and row["split"] for row in told["published"])
    assert "not the same cases" in told["caution"]

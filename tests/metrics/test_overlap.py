"""Ratios against scikit-learn, slice by slice and whole, and the policy for the empty."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, jaccard_score, precision_score, recall_score

from pleura.metrics.overlap import ratios, slice_overlap

STRANGER = {
    "dice": f1_score,
    "iou": jaccard_score,
    "precision": precision_score,
    "recall": recall_score,
}


@st.composite
def mask_pairs(draw):
    shape = tuple(draw(st.integers(1, 5)) for _ in range(3))
    random = np.random.default_rng(draw(st.integers(0, 2**31 - 1)))
    density = [draw(st.sampled_from([0.0, 0.1, 0.5, 1.0])) for _ in range(2)]
    return random.random(shape) < density[0], random.random(shape) < density[1]


def strangers(prediction, reference, empty):
    y, x = reference.ravel(), prediction.ravel()
    told = {name: score(y, x, zero_division=0.0) for name, score in STRANGER.items()}
    if not (x.any() or y.any()):
        told = dict.fromkeys(told, empty)
    return told | {"accuracy": accuracy_score(y, x)}


@given(mask_pairs(), st.sampled_from([1.0, 0.0, math.nan]))
def test_ratios_equal_scikit_learn(pair, empty):
    overlap = slice_overlap(*pair)
    whole, each = ratios(overlap.total(), empty), ratios(overlap, empty)
    for name, expected in strangers(*pair, empty).items():
        np.testing.assert_allclose(whole[name], expected, rtol=1e-12)
    for k in range(len(pair[0])):
        for name, expected in strangers(pair[0][k], pair[1][k], empty).items():
            np.testing.assert_allclose(each[name][k], expected, rtol=1e-12)


@given(mask_pairs())
def test_symmetry_bounds_and_the_perfect_answer(pair):
    a, b = (
        ratios(slice_overlap(*pair).total(), 1.0),
        ratios(slice_overlap(*pair[::-1]).total(), 1.0),
    )
    assert a["dice"] == b["dice"]
    assert a["iou"] == b["iou"]
    assert a["precision"] == b["recall"]
    assert all(0 <= value <= 1 for value in a.values())
    assert a["iou"] <= a["dice"]
    assert all(
        value == 1 for value in ratios(slice_overlap(pair[0], pair[0]).total(), 1.0).values()
    )


@given(mask_pairs(), st.integers(0, 3))
def test_moving_both_masks_changes_only_accuracy(pair, by):
    moved = [np.pad(mask, ((by, 0), (0, by), (by, by))) for mask in pair]
    a, b = ratios(slice_overlap(*pair).total(), 1.0), ratios(slice_overlap(*moved).total(), 1.0)
    assert all(a[name] == b[name] for name in STRANGER)
    assert b["accuracy"] >= a["accuracy"]


def test_accuracy_hides_what_dice_shows():
    """The report's finding: an empty answer on a slice that is one tenth lung."""
    lung = np.zeros((1, 10, 10), bool)
    lung[0, 0] = True
    told = ratios(slice_overlap(np.zeros_like(lung), lung).total(), 1.0)
    assert told["accuracy"] == 0.9
    assert told["dice"] == told["precision"] == told["recall"] == 0


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="cannot be compared"):
        slice_overlap(np.zeros((1, 2, 3), bool), np.zeros((1, 3, 2), bool))

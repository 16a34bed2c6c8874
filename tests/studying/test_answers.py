"""The score of an answer against counts that are made here in another way."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from pleura.metrics.case import PLACES
from pleura.studying.run_scores import score_answer, score_failure


@pytest.fixture
def drawn():
    """Six slices of 9²: the first two and the last without lung."""
    rng = np.random.default_rng(5)
    lungs = rng.random((6, 9, 9)) < 0.4
    lungs[[0, 1, 5]] = False
    answer = rng.random((6, 9, 9)) < 0.3
    answer[[1, 3]] = False
    return answer, lungs, rng.integers(0, 4, lungs.shape).astype(np.uint8)


def test_dice_and_accuracy_are_scikit_learns(drawn):
    answer, lungs, places = drawn
    scores = score_answer(answer, lungs, places, 0.5)
    assert scores["dice"] == pytest.approx(f1_score(lungs.ravel(), answer.ravel()))
    assert scores["accuracy"] == pytest.approx(accuracy_score(lungs.ravel(), answer.ravel()))


def test_hallucination_is_counted_on_empty_slices_and_by_place(drawn):
    answer, lungs, places = drawn
    scores = score_answer(answer, lungs, places, 0.5)
    assert (scores["empty_slices"], scores["hallucinated_slices"]) == (3, 2)
    assert scores["hallucinated_percent"] == pytest.approx(200 / 3)
    assert (scores["lung_slices"], scores["missed_slices"]) == (3, 1)
    assert scores["missed_percent"] == pytest.approx(100 / 3)
    wanted = dict.fromkeys(PLACES, 0)
    everywhere = dict.fromkeys(PLACES, 0)
    for k, row, column in np.argwhere(answer):
        if lungs[k, row, column]:
            continue
        place = PLACES[places[k, row, column]]
        everywhere[place] += 1
        wanted[place] += k in (0, 1, 5)
    for place in PLACES:
        assert scores[f"hallucinated_{place}_ml"] == wanted[place] * 0.5
        assert scores[f"false_{place}_ml"] == everywhere[place] * 0.5
    assert scores["hallucinated_ml"] == sum(wanted.values()) * 0.5


def test_a_failure_is_the_worst_answer_there_is(drawn):
    _, lungs, places = drawn
    scores = score_failure(lungs, places, 0.5)
    assert (scores["dice"], scores["accuracy"]) == (0, 0)
    assert scores["hallucinated_percent"] == 100


def test_a_case_without_an_empty_slice_has_no_share_of_them(drawn):
    answer, _, places = drawn
    scores = score_answer(answer, np.ones_like(answer), places, 1.0)
    assert scores["hallucinated_percent"] is None

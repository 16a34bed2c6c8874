"""The report's numbers stand beside ours, each from the right part, loss and epoch."""

from types import SimpleNamespace

from pleura.page.report_numbers import PUBLISHED, published_rows
from pleura.page.story import SliceScore


def line(train, test):
    return {"train": {"loss": train}, "test": {"loss": test}}


def slice_of(case, kind, dice, accuracy, source="raw"):
    return SliceScore(case, 0, 0.0, kind, source, dice, accuracy)


def story():
    slices = [
        slice_of("a", "lung", 0.5, 0.97),
        slice_of("a", "lung", 0.9, 0.99),
        slice_of("a", "lung", 1.0, 1.0, source="clean"),
        slice_of("b", "hallucinated", 0.0, 0.8),
        slice_of("b", "empty", None, 1.0),
        slice_of("b", "empty", None, 1.0),
        slice_of("b", "missed", 0.0, 0.9),
    ]
    return SimpleNamespace(
        cards={"bce": {}, "bce_dice": {}},
        histories={"bce": [line(0.9, 0.2), line(0.4, 0.7), line(0.3, 0.5)]},
        slices={"bce": slices},
        split={"train": ["a"], "test": ["b"]},
    )


def test_each_row_has_the_reports_two_values_and_ours():
    rows = {row[0]: row[1:] for row in published_rows(story())}
    assert len(rows) == len(PUBLISHED)
    assert rows["final training loss"] == ["0.011", "0.236", "0.300", "–"]
    assert rows["final test loss"] == ["0.036", "0.279", "0.500", "–"]
    assert rows["epoch with the highest test loss"][2] == "2"
    assert rows["training slices"] == ["1,151", "1,151", "2", "–"]
    assert rows["test slices"][2] == "4"
    assert rows["accuracy of training slices"][2] == "0.9700 to 0.9900"
    assert rows["Dice of training slices"][2] == "0.5000 to 0.9000"
    assert rows["test slices hallucinated"][2] == "1 of 3 empty ones"


def test_a_run_that_watched_no_test_part_has_no_test_loss():
    unwatched = story()
    unwatched.histories["bce"] = [{"train": {"loss": 0.3}, "validation": None}]
    rows = {row[0]: row[1:] for row in published_rows(unwatched)}
    assert rows["final test loss"][2] == "–"
    assert rows["final training loss"][2] == "0.300"

"""Figures and rows of a run's and a study's page show the values that they were given."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import colors

from pleura.page.network import network_png
from pleura.page.palette import LEFT_LUNG, PREDICTION, RIGHT_LUNG, rgb
from pleura.page.run_page import _film_drawing, _frame, _score_row, _slice_drawings
from pleura.page.slices import volumes_png
from pleura.page.story import SliceScore
from pleura.page.study_figures import DifferenceRow, differences_png, levels_png
from pleura.store.pictures import View

ROWS = (
    DifferenceRow("first", {"Case_000": -0.5, "Case_001": 0.25}, -0.125, -0.4, 0.1),
    DifferenceRow("second", {"Case_000": 0.75, "Case_001": 1.0}, 0.875, 0.8, 0.9),
)


def test_every_difference_of_a_study_is_drawn_in_its_row_with_its_sign(drawn, tmp_path):
    differences_png(ROWS, ["Case_000", "Case_001"], "Dice", tmp_path / "x.png")
    (axis,) = drawn[0].axes
    labels = [tick.get_text() for tick in axis.get_yticklabels()]
    for row in ROWS:
        height = labels.index(row.label)
        here = [line for line in axis.get_lines() if set(line.get_ydata()) == {height}]
        spans = [list(line.get_xdata()) for line in here]
        assert [row.low, row.high] in spans
        points = {x for span in spans for x in span if len(span) == 1}
        assert points == {row.mean, *row.differences.values()}
    assert labels.index("first") > labels.index("second"), "the first row is on top"


def test_a_patients_mark_is_the_one_of_the_legend(drawn, tmp_path):
    differences_png(ROWS, ["Case_000", "Case_001"], "Dice", tmp_path / "x.png")
    (axis,) = drawn[0].axes
    named = {line.get_label(): line for line in axis.get_lines() if "Case_" in line.get_label()}
    for patient, value in ROWS[0].differences.items():
        (line,) = [one for one in axis.get_lines() if list(one.get_xdata()) == [value]]
        for of in (lambda one: one.get_marker(), lambda one: colors.to_hex(one.get_color())):
            assert of(line) == of(named[patient])


def test_lines_of_a_study_go_by_level(drawn, tmp_path):
    values = {"Case_000": {0.1: 3.0, 0.001: 1.0, 0.01: 2.0}}
    levels_png(values, ("learning rate", "Dice"), tmp_path / "x.png")
    (axis,) = drawn[0].axes
    assert list(axis.get_lines()[0].get_ydata()) == [1.0, 2.0, 3.0]
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["0.001", "0.01", "0.1"]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("learning rate", "Dice")


def test_the_networks_boxes_have_channels_sides_and_parameters(drawn, tmp_path):
    stages = [
        {"name": "down 1", "kind": "double convolution", "channels": 16, "side": 64},
        {"name": "pool 1", "kind": "max-pool and dropout", "channels": 17, "side": 32},
    ]
    for stage, parameters in zip(stages, (2512, 0), strict=True):
        stage["parameters"] = parameters
    about = {"stages": stages, "input": [1, 64, 64], "parameters": 536913}
    network_png(about, tmp_path / "x.png")
    (axis,) = drawn[0].axes
    assert [text.get_text() for text in axis.texts if text.get_text()] == [
        "16 ch\n64²",
        "2,512",
        "17 ch\n32²",
    ]
    assert "536,913 parameters" in axis.get_title(loc="left")


def test_volumes_are_predicted_less_reference(drawn, tmp_path):
    rows = [("a", "right", 90.0, 100.0), ("a", "left", 130.0, 100.0)]
    volumes_png(rows, tmp_path / "x.png")
    (axis,) = drawn[0].axes
    points = {
        colors.to_hex(one.get_facecolor()[0]): one.get_offsets().tolist()
        for one in axis.collections
    }
    assert points[RIGHT_LUNG.lower()] == [[95.0, -10.0]]
    assert points[LEFT_LUNG.lower()] == [[115.0, 30.0]]


def test_a_row_of_scores_has_each_value_under_its_heading():
    hallucinated = {
        f"hallucinated_{place}_ml": float(number)
        for number, place in enumerate(("airway", "body", "couch", "outside_body"), 1)
    }
    raw_both = {name: 10 * value for name, value in hallucinated.items()}
    case = {
        "case": "Case_000",
        "split": "test",
        "dice": 0.9,
        "accuracy": 0.99,
        "right": {"dice": 0.8, "slices_missed": 1},
        "left": {"dice": 0.7, "slices_missed": 2},
        "both": hallucinated | {"hd95_mm_voxel": 12.0},
        "slices": {"hallucinated": 3, "empty": 4},
        "raw": {
            "dice": 0.5,
            "accuracy": 0.6,
            "slices": {"hallucinated": 5, "empty": 2},
            "both": raw_both,
        },
    }
    assert _score_row(case, "BCE") == [
        "Case_000",
        "test",
        "BCE",
        "0.9000 (0.5000)",
        "0.8000",
        "0.7000",
        "0.9900 (0.6000)",
        "12.0",
        "1 / 2",
        "3 (5) of 7",
        "1.0 (10.0)",
        "2.0 (20.0)",
        "3.0 (30.0)",
        "4.0 (40.0)",
    ]


def test_a_frame_of_the_film_has_the_networks_answer_on_the_left():
    empty = np.zeros((40, 40), np.uint8)
    raw, cleaned = empty.copy(), empty.copy()
    raw[4:14, 10:30] = 1
    cleaned[24:34, 10:30] = 1
    view = View("axial", ("film",), 0, 1, ("R", "L"), 1.0, 1.0, cleaned, empty, raw=raw)
    pixels = np.asarray(_frame("Case_000", view))
    assert pixels.shape == (512, 1024, 3)
    purple = (pixels == rgb(PREDICTION)).all(axis=-1)
    left, right = (np.nonzero(half)[0] for half in (purple[:, :512], purple[:, 512:]))
    assert left.max() < 256 < right.min()


def test_slices_of_each_part_are_of_its_own_cases(drawn, tmp_path):
    slices = [
        SliceScore(case, number, 0.0, "lung", source, dice, 0.9)
        for case, dice in (("a", 0.25), ("b", 0.75))
        for source in ("raw", "clean")
        for number in range(2)
    ]
    story = SimpleNamespace(
        slices={"bce": slices},
        split={"train": ["a"], "validation": [], "test": ["b"]},
        scores={},
    )
    found = {}
    for drawing in _slice_drawings(story):
        (image,) = drawing.images
        image.draw(tmp_path / "x.png")
        (axis,) = drawn[-1].axes
        (points,) = axis.collections
        found[image.slug] = {y for _, y in points.get_offsets().tolist()}
    assert found["train-bce-dice-network.png"] == found["train-bce-dice-cleaned.png"] == {0.25}
    assert found["test-bce-dice-network.png"] == found["test-bce-dice-cleaned.png"] == {0.75}
    assert found["test-bce-accuracy-network.png"] == {0.9}


def test_the_film_is_of_a_case_that_was_not_trained_on(tmp_path):
    parts = {"a": "train", "b": "test"}
    for case in parts:
        place = tmp_path / "masks" / "bce" / case
        place.mkdir(parents=True)
        (place / "lungs.nii.gz").write_bytes(b"")
        (tmp_path / "cohort" / "cases" / case).mkdir(parents=True)
    story = SimpleNamespace(
        folder=tmp_path, drawable=lambda _: list(parts), part_of=lambda case: parts[case]
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pleura.page.run_page.Case.open", lambda folder: folder.name)
        (film,) = _film_drawing(story, "bce")
    assert film.images[0].draw.args[0] == "b"
    assert film.caption.startswith("Through b, a test case, on which nothing was trained")

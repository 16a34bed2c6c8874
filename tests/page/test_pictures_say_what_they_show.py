"""Each picture shows what its label says: best is best, the prediction is the prediction,
accuracy is accuracy.
"""

import errno
from zipfile import BadZipFile

import numpy as np
import pytest
from matplotlib import colors
from matplotlib.text import Text

from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask
from pleura.metrics.case import score_case, score_raw
from pleura.metrics.policy import Policy
from pleura.page import canvas, curves, slices
from pleura.page.gallery import choose
from pleura.page.palette import BLACK, GREEN, GREY, PREDICTION, PURPLE, REFERENCE, WRONG_SIDE, rgb
from pleura.page.panels import panel
from pleura.page.story import SliceScore
from pleura.store.pictures import Pictures, View
from pleura.store.views import picture_case

GRID = Grid.axial((8, 16, 20), (2.0, 1.0, 1.0))


def lungs():
    labels = np.zeros(GRID.shape, np.uint8)
    labels[2:6, 4:12, 2:8] = 1
    labels[2:6, 4:12, 12:18] = 2
    return labels


def pictured(prediction, raw=None, case="Case_000"):
    masks = [LungMask(labels.astype(np.uint8), GRID) for labels in (prediction, lungs())]
    tables = score_case(*masks, Policy(), places={})["per_slice"]
    if raw is not None:
        tables += score_raw(raw, masks[1], Policy(), places={})["per_slice"]
    return {case: picture_case(None, *masks, raw, tables)}


def degraded():
    """Slice 2 perfect, 3 a little worse, 4 half, 5 missed, 7 hallucinated."""
    labels = lungs()
    labels[3, 4] = 0
    labels[4, :, 12:] = 0
    labels[5] = 0
    labels[7, 0, :5] = 1
    return labels


def test_best_median_and_worst_are_what_they_are_called():
    chosen = choose(pictured(degraded()))
    (best,), (median,) = chosen["best"], chosen["median"]
    assert (best.view.index, median.view.index) == (2, 3)  # of Dice 0, 0.5, 0.9, 1
    assert best.score("dice") == 1 > median.score("dice") > 0.8
    assert [one.view.index for one in chosen["worst"]][:2] == [7, 5]
    assert [one.word for one in chosen["worst"]][:2] == ["hallucinated", "missed"]


def test_the_worst_hallucination_is_pictured_though_its_slice_is_empty_in_the_reference():
    labels = lungs()
    labels[0, 0, 0] = 1
    labels[7, :6, :6] = 1
    (worst, *_) = choose(pictured(labels))["worst"]
    assert (worst.view.index, worst.score("class"), worst.view.reference.any()) == (
        7,
        "hallucinated",
        False,
    )


def test_masks_before_cleaning_are_shown_where_they_were_kept():
    raw = lungs() > 0
    raw[0, 2:9, 2:9] = True
    (worst, *_) = choose(pictured(lungs(), raw))["worst"]
    assert worst.before_cleaning
    assert worst.view.index == 0
    drawn_pixels = np.asarray(panel(worst.view, "outlines", before_cleaning=True))
    assert (drawn_pixels == rgb(PREDICTION)).all(axis=-1).any(), (
        "the raw mask is drawn, the cleaned one has nothing here"
    )
    assert not (np.asarray(panel(worst.view, "outlines")) == rgb(PREDICTION)).all(axis=-1).any()


def of(image, colour):
    return (np.asarray(image) == rgb(colour)).all(axis=-1)


@pytest.fixture
def view():
    """Reference above, prediction below, apart."""
    reference, prediction = np.zeros((40, 40), np.uint8), np.zeros((40, 40), np.uint8)
    reference[4:14, 10:30] = 1
    prediction[24:34, 10:30] = 1
    return View("axial", ("worst",), 0, 1, ("R", "L"), 1.0, 1.0, prediction, reference)


@pytest.mark.parametrize("kind", ["outlines", "errors"])
def test_reference_and_prediction_are_drawn_each_in_its_own_colour_and_place(view, kind):
    image = panel(view, kind)
    height = np.asarray(image).shape[0]
    upper, lower = np.nonzero(of(image, REFERENCE))[0], np.nonzero(of(image, PREDICTION))[0]
    assert len(upper) > 100
    assert len(lower) > 100
    assert upper.max() < height / 2 < lower.min()


def test_errors_are_hatched_in_opposite_directions_so_that_colour_is_not_needed(view):
    image = panel(view, "errors")
    inner = {
        "missed": (slice(100, 160), slice(160, 340)),
        "added": (slice(350, 400), slice(160, 340)),
    }
    for word, colour, direction in (("missed", REFERENCE, -1), ("added", PREDICTION, 1)):
        pattern = of(image, colour)[inner[word]]
        assert 0.3 < pattern.mean() < 0.7, "hatched, not filled"
        along = (
            pattern[1:, 1:] == pattern[:-1, :-1]
            if direction == 1
            else pattern[1:, :-1] == pattern[:-1, 1:]
        )
        assert along.mean() > 0.9, word


def test_no_error_is_marked_where_masks_agree_and_a_wrong_side_has_its_own_colour():
    labels = lungs()[3]
    same = View("axial", (), 0, 1, ("R", "L"), 1.0, 1.0, labels, labels)
    image = panel(same, "errors")
    assert not of(image, REFERENCE).any()
    assert not of(image, PREDICTION).any()
    swapped = View(
        "axial", (), 0, 1, ("R", "L"), 1.0, 1.0, np.array([0, 2, 1], np.uint8)[labels], labels
    )
    assert of(panel(swapped, "errors"), WRONG_SIDE).any()


def test_pictures_come_back_as_they_were_written(tmp_path):
    (pictures,) = pictured(degraded()).values()
    pictures.write(tmp_path / "a.npz")
    pictures.write(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    again = Pictures.read(tmp_path / "a.npz")
    assert [view.about() for view in again.views] == [view.about() for view in pictures.views]
    np.testing.assert_array_equal(again.views[0].prediction, pictures.views[0].prediction)
    (tmp_path / "a.npz").write_bytes(b"broken")
    assert Pictures.read(tmp_path / "a.npz").views == []
    assert Pictures.read(tmp_path / "missing.npz").views == []


@pytest.mark.parametrize("problem", [errno.EIO, errno.ENOSPC, errno.EACCES])
def test_a_failing_disk_is_not_taken_for_missing_pictures(tmp_path, monkeypatch, problem):
    (pictures,) = pictured(degraded()).values()
    pictures.write(tmp_path / "a.npz")

    def failing(*_, **__):
        try:
            raise OSError(problem, "of the disk")
        except OSError:
            raise BadZipFile from None  # as zipfile hides it

    monkeypatch.setattr(np, "load", failing)
    with pytest.raises(OSError, match="of the disk"):
        Pictures.read(tmp_path / "a.npz")


HISTORY = [
    {
        "epoch": k,
        "train": {"loss": 1 / k, "accuracy": 0.8 + k / 100},
        "validation": {"loss": 2 / k, "accuracy": 0.5 + k / 100},
    }
    for k in (1, 2, 3)
]


@pytest.mark.parametrize("metric", ["loss", "accuracy"])
def test_each_curve_is_of_its_part_and_metric(drawn, tmp_path, metric):
    curves.curves_png({"bce": HISTORY}, metric, tmp_path / "x.png")
    (axis,) = drawn[0].axes
    lines = {line.get_label(): line for line in axis.get_lines()}
    for part, colour in (("train", BLACK), ("validation", GREY)):
        assert list(lines[part].get_ydata()) == [entry[part][metric] for entry in HISTORY]
        assert colors.to_hex(lines[part].get_color()) == colors.to_hex(colour)
    assert metric in axis.get_ylabel()
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["train", "validation"]


KINDS = ("lung", "empty", "hallucinated", "missed")


@pytest.mark.parametrize("metric", ["dice", "accuracy"])
def test_every_slice_has_a_point_of_its_class_and_metric(drawn, tmp_path, metric):
    scores = [
        SliceScore("Case_000", k, 2.0 * k, kind, "raw", 0.1 * k, 0.9 + 0.01 * k)
        for k, kind in enumerate(KINDS)
    ]
    slices.slices_png(scores, metric, "words", tmp_path / "x.png")
    (axis,) = drawn[0].axes
    points = {
        one.get_label().split(" ")[0].rstrip(":"): one.get_offsets() for one in axis.collections
    }
    assert set(points) == set(KINDS)
    for k, kind in enumerate(KINDS):
        assert points[kind].tolist() == [[k, pytest.approx(getattr(scores[k], metric))]]
    looks = {
        one.get_label().split(" ")[0].rstrip(":"): colors.to_hex(one.get_facecolor()[0])
        for one in axis.collections
    }
    assert looks["hallucinated"] == PURPLE.lower()
    assert looks["missed"] == GREEN.lower()


def test_names_that_no_font_has_are_numbers_and_dollars_are_no_formula(drawn, tmp_path, recwarn):
    scores = [
        SliceScore(name, 0, 0.0, "lung", "clean", 0.5, 0.9)
        for name in ("$x_1$ 5$", "\U0001342f", "plain", "\ue000")
    ]
    slices.positions_png(scores, tmp_path / "x.png")
    drawn[0].draw_without_rendering()
    titles = [axis.get_title(loc="left") for axis in drawn[0].axes]
    assert "$x_1$ 5$" in titles
    named = [text for text in drawn[0].findobj(Text) if "$" in text.get_text()]
    assert named
    assert not any(text.get_parse_math() for text in named)
    assert "plain" in titles
    assert sum(title.startswith("no. ") for title in titles) == 2
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]


@pytest.mark.parametrize("name", ["田中太郎", "김민수", "Łukasz", "Όμηρος", "محمد", "שלום", "राम"])
def test_any_script_is_drawn_or_numbered_without_a_warning(name, drawn, tmp_path, recwarn):
    labels = canvas.figure_names([name, "b"])
    assert labels[name] in (name, "no. 1")
    slices.positions_png([SliceScore(name, 0, 0.0, "lung", "clean", 0.5, 0.9)], tmp_path / "x.png")
    drawn[0].draw_without_rendering()
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]


def test_long_names_that_begin_alike_stay_apart():
    names = [f"{'a' * 40}{k}" for k in range(3)]
    assert len(set(canvas.figure_names(names).values())) == 3

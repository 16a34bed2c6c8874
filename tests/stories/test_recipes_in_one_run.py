"""Several recipes through `run` in one OUT: side by side, in whatever order they came."""

import json

import pytest

from pleura.phantom.dataset import write_dataset
from pleura.verbs import evaluate as evaluating
from pleura.verbs.run import run

TINY = {"profile": "report", "loss": "bce_dice", "lr": 0.01, "size": 32, "steps": 12, "workers": 1}
pytestmark = pytest.mark.usefixtures("one_thread_and_one_date")
LOW, HIGH = "bce_dice-alpha-0-lr-0.01", "bce_dice-alpha-1-lr-0.01"


@pytest.fixture(scope="module")
def chests(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "chests"
    write_dataset(folder, cases=2, shape=(9, 32, 32), seed=3)
    return folder


@pytest.fixture(scope="module")
def both(chests, tmp_path_factory):
    """OUT, and the results of its two calls."""
    out = tmp_path_factory.mktemp("both") / "out"
    return out, [run(chests, out, **TINY, alpha=alpha) for alpha in (0.0, 1.0)]


def results(folder):
    """Every result's bytes; times are in `.pleura` only."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".pleura" not in path.parts
    }


def test_each_recipe_has_its_own_model_masks_and_scores(both):
    out, _ = both
    for stage in ("runs", "masks", "results"):
        assert {path.name for path in (out / stage).glob("bce*")} == {LOW, HIGH}
    cards = [json.loads((out / "runs" / name / "model.json").read_text()) for name in (LOW, HIGH)]
    assert [card["recipe"]["alpha"] for card in cards] == [0.0, 1.0]
    assert cards[0]["sha256"] != cards[1]["sha256"]
    record = json.loads((out / "run.json").read_text())
    assert record["models"] == [LOW, HIGH]
    for name in (LOW, HIGH):
        assert f"results/{name}" in record["stages"]


def test_a_call_returns_the_scores_of_its_own_recipe(both, chests):
    out, calls = both
    for call, alpha, name in zip(calls, (0.0, 1.0), (LOW, HIGH), strict=True):
        own = json.loads((out / "results" / name / "scores.json").read_text())
        assert call.scores == own
        assert run(chests, out, **TINY, alpha=alpha).scores == own
    assert calls[0].scores["cases"] != calls[1].scores["cases"]


def test_the_page_has_both_side_by_side(both):
    out, _ = both
    page = (out / "report.html").read_text(encoding="utf-8")
    scores = page[page.index('<h2 id="scores"') : page.index('<h2 id="cases"')]
    heads = page[page.index('<h2 id="settings"') : page.index('<h2 id="pictures"')]
    for alpha in (0.0, 1.0):
        assert scores.count(f">BCE + soft Dice (alpha {alpha:g} lr 0.01)<") == 2
        assert f"here, BCE + soft Dice (alpha {alpha:g} lr 0.01)" in heads
    assert "<tr><td>α</td><td>0.5</td><td>0</td><td>1</td></tr>" in heads


def test_again_it_changes_nothing(both, chests):
    out, _ = both
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    for alpha in (1.0, 0.0):
        run(chests, out, **TINY, alpha=alpha)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


class Killed(BaseException):
    """What a kill looks like from within."""


def test_in_the_other_order_and_killed_it_ends_with_the_same_bytes(
    both, chests, tmp_path, monkeypatch
):
    out, _ = both
    run(chests, tmp_path / "out", **TINY, alpha=1.0)
    evaluate = evaluating.evaluate

    def killed(masks, *given, **options):
        if masks.name == LOW:
            raise Killed
        return evaluate(masks, *given, **options)

    monkeypatch.setattr(evaluating, "evaluate", killed)
    with pytest.raises(Killed):
        run(chests, tmp_path / "out", **TINY, alpha=0.0)
    monkeypatch.undo()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    run(chests, tmp_path / "out", **TINY, alpha=0.0)
    again, before = results(tmp_path / "out"), results(out)
    assert set(again) == set(before)
    assert [name for name in before if again[name] != before[name]] == []

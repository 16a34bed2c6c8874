"""A network that finds no lung, or next to none, failed: its cases count with the Dice that they
have, never less of them.
"""

import csv
import json

import numpy as np
import pytest
from testing.networks import write_run

from pleura.phantom.dataset import write_dataset
from pleura.verbs.evaluate import evaluate
from pleura.verbs.prepare import prepare
from pleura.verbs.report import report
from pleura.verbs.run import run
from pleura.verbs.segment import segment
from pleura.verbs.train import train

CASES = 2
NOTHING, LITTLE = -1100.0, -940.0
"""HU below which the hand-made network says lung, from −950 HU on."""


@pytest.fixture(scope="module")
def chests(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "chests"
    write_dataset(folder, cases=CASES, shape=(9, 32, 32), seed=3)
    return folder


@pytest.fixture(scope="module")
def cohort(chests, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort") / "cohort"
    prepare(chests, folder, workers=1)
    return folder


@pytest.fixture(scope="module", params=[NOTHING, LITTLE], ids=["nothing", "little"])
def scored(request, cohort, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scored")
    model = write_run(folder / "model", size=32, below=request.param)
    found = segment(cohort, folder / "masks", model=model, workers=1)
    result = evaluate(folder / "masks", cohort, folder / "scores", workers=1)
    report(folder / "scores")
    return found, result, folder


def test_every_case_has_a_mask_and_the_verdict_review(scored):
    found, _, folder = scored
    assert found.exit_code == 0
    assert len(found.cases) == CASES
    for case in found.cases:
        assert (case["verdict"], case["mask"] is None) == ("review", False)
        assert "NO-LUNGS-FOUND" in case["reason"]
        assert [one["code"] for one in case["findings"]].count("NO-LUNGS-FOUND") == 1
        assert (folder / "masks" / case["mask"]).is_file()


def test_every_case_is_in_scores_tables_and_page(scored):
    _, result, folder = scored
    assert result.exit_code == 0
    assert len(result.scores["cases"]) == CASES
    assert result.scores["unanswered"] == []
    for case in result.scores["cases"]:
        assert case["dice"] < 0.1
        assert case["raw"]["dice"] < 0.1
        codes = {one["code"] for one in case["findings"]}
        assert codes & {"LUNG-MISSED", "MISSED-SLICES"}
    with (folder / "scores" / "scores.csv").open(newline="") as file:
        rows = [(row["case"], row["value"]) for row in csv.DictReader(file) if is_dice(row)]
    assert [case for case, _ in rows] == [case["case"] for case in result.scores["cases"]]
    assert [float(dice) for _, dice in rows] == pytest.approx(dices(result), abs=1e-6)
    page = (folder / "scores" / "report.html").read_text(encoding="utf-8")
    assert all(page.count(case["case"]) > 1 for case in result.scores["cases"])


def dices(result):
    return [case["dice"] for case in result.scores["cases"]]


def is_dice(row):
    return (row["structure"], row["metric"]) == ("both", "dice")


def test_means_count_them(scored):
    _, result, _ = scored
    dice = result.scores["summary"]["all"]["both"]["dice"]
    assert (dice["n"], dice["undefined"]) == (CASES, 0)
    assert dice["mean"] == pytest.approx(np.mean(dices(result)))


def test_nothing_found_is_dice_0(scored):
    found, result, _ = scored
    if all(case["volume_ml"]["both"] == 0 for case in found.cases):
        assert dices(result) == [0] * CASES
        assert [case["raw"]["dice"] for case in result.scores["cases"]] == [0] * CASES


def test_run_counts_them_too(chests, tmp_path, monkeypatch):
    """Training is replaced by a network that finds nothing, at the place where `run` calls it."""

    def trained(cohort, out, **options):
        result = train(cohort, out, **options)
        for loss in result.models:
            write_run(out / loss, size=32, below=NOTHING, loss=loss, **recipe_of(out / loss))
        return result

    def recipe_of(folder):
        card = json.loads((folder / "model.json").read_text())
        return {"recipe": card["recipe"], "preset": card["preset"]}

    monkeypatch.setattr("pleura.verbs.train.train", trained)
    options = {"loss": "bce", "steps": 1, "size": 32, "workers": 1}
    result = run(chests, tmp_path / "out", **options)
    assert result.exit_code == 0
    assert [(case["dice"], case["raw"]["dice"]) for case in result.scores["cases"]] == [
        (0, 0)
    ] * CASES
    assert json.loads((tmp_path / "out" / "scores.json").read_text()) == result.scores
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "NO-LUNGS-FOUND" in page
    for case in result.scores["cases"]:
        assert f'<td data-label="case">{case["case"]}</td>' in page


@pytest.mark.parametrize("form", ["nii.gz", "npz", "seg.nrrd"])
def test_an_empty_mask_of_any_tool_counts_as_nothing(form, cohort, tmp_path):
    from pleura.geometry.volume import LungMask
    from pleura.labels.registry import write_mask
    from pleura.store.cohort import Cohort

    for case in Cohort.open(cohort).cases:
        name = f"{case.id}.{form}" if form != "npz" else f"{case.id}_seg.npz"
        empty = LungMask(np.zeros(case.grid.shape, np.uint8), case.grid)
        (tmp_path / "pred").mkdir(exist_ok=True)
        write_mask(tmp_path / "pred" / name, empty)
    result = evaluate(tmp_path / "pred", cohort, tmp_path / "scores", workers=1)
    assert [case["dice"] for case in result.scores["cases"]] == [0] * CASES
    assert result.exit_code == 0

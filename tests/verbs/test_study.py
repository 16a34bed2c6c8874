"""`pleura study`: the same bytes however often it was stopped, and what it says of its runs."""

import csv
import json

import numpy as np
import pytest
import torch

from pleura.core.errors import Exit, NothingUsable, OutputConflict, UsageError
from pleura.learn import arm, loop
from pleura.phantom.anatomy import chest
from pleura.store.case import write_case
from pleura.store.cohort import write_cohort
from pleura.store.split import make_split
from pleura.verbs import study as studying
from pleura.verbs.study import study

DESIGN = """
name = "tiny"
size = 16
steps = 9
folds = 2
endpoints = ["dice", "hallucinated_ml"]
[[factor]]
name = "alpha"
levels = [0.5, 1.0]
[[factor]]
name = "lr"
levels = [0.1, 1e30]
[[factor]]
name = "couch"
levels = ["remove"]
"""
NAMES = ("Case_000", "Case_001", "Case_002", "Case_003")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    for seed, name in enumerate(NAMES):
        volume, mask = chest((8, 32, 32), seed=seed)
        (folder / "cases" / name).mkdir(parents=True)
        write_case(folder / "cases" / name, name, volume, mask)
    write_cohort(folder, [{"id": name} for name in NAMES], make_split(dict.fromkeys(NAMES, 8)))
    return folder


@pytest.fixture(scope="module")
def design(tmp_path_factory):
    file = tmp_path_factory.mktemp("design") / "tiny.toml"
    file.write_text(DESIGN, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def done(cohort, design, tmp_path_factory):
    out = tmp_path_factory.mktemp("study") / "out"
    return study(design, out, data=cohort), out


def content(folder):
    """All bytes but what a run cost, and which tries failed."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "cpu-seconds" not in path.parts and path.name != "failures.jsonl"
    }


def test_what_a_study_writes(done):
    result, out = done
    assert result.exit_code is Exit.OK
    names = {name for name in content(out) if not name.startswith((".pleura/", "runs/"))}
    assert names == {
        "run.json",
        "study.html",
        "study.json",
        "study.csv",
        "figures/study-differences.png",
        "figures/study-alpha-9.png",
        "figures/study-lr-9.png",
        *(f"slices/{name}.npz" for name in NAMES),
    }
    assert not list(out.rglob("*.safetensors"))
    assert len(list(out.rglob("history.jsonl"))) == 6  # 3 arms that train, 2 folds
    assert len(result.table().rows) == 4


def test_every_patient_is_tested_once_in_every_arm(done):
    rows = list(csv.DictReader((done[1] / "study.csv").read_text().splitlines()))
    tested = sorted((row["arm"], row["case"]) for row in rows)
    arms = ("alpha-1", "baseline", "couch-remove", "lr-1e+30")
    assert tested == [(arm, case) for arm in arms for case in NAMES]


def test_a_run_that_diverged_is_a_failure_and_is_counted(done):
    about = json.loads((done[1] / "study.json").read_text())
    assert about["diverged"] == {"alpha-1": 0, "baseline": 0, "couch-remove": 0, "lr-1e+30": 2}
    assert set(about["values"]["dice"]["lr-1e+30"].values()) == {0.0}
    page = (done[1] / "study.html").read_text()
    assert "2 of 2 runs diverged, counted as Dice 0" in page
    assert "2 of 8 runs diverged" in page


def test_the_page_shows_every_patients_difference_and_no_test(done):
    page = (done[1] / "study.html").read_text()
    assert "no two-sided signed-rank test can give p below 0.125" in page
    assert all(page.count(name) >= 2 for name in NAMES)
    assert "<th>p</th>" not in page


def test_the_same_command_again_does_nothing(done, cohort, design):
    before = content(done[1])
    calls = []
    again = study(design, done[1], data=cohort, progress=lambda *call: calls.append(call))
    assert again == done[0]
    assert calls == []
    assert content(done[1]) == before


class Killed(BaseException):
    """What a kill looks like from within."""


@pytest.mark.parametrize(
    ("module", "function", "after"),
    [(loop, "_save", 1), (loop, "_save", 5), (arm, "_answer", 3)],
    ids=["in the first run", "between epochs", "before its score"],
)
def test_killed_at_any_moment_it_ends_with_the_same_bytes(
    done, cohort, design, tmp_path, monkeypatch, module, function, after
):
    real = getattr(module, function)
    calls = []

    def killer(*given):
        calls.append(1)
        if len(calls) == after:
            raise Killed
        return real(*given)

    monkeypatch.setattr(module, function, killer)
    with pytest.raises(Killed):
        study(design, tmp_path / "out", data=cohort)
    monkeypatch.undo()
    study(design, tmp_path / "out", data=cohort)
    assert content(tmp_path / "out") == content(done[1])


def test_stopped_by_minutes_it_says_what_is_missing_and_goes_on(done, cohort, design, tmp_path):
    first = study(design, tmp_path / "out", data=cohort, minutes=1e-9)
    assert (first.exit_code, first.left) == (Exit.NOTHING_USABLE, 8)
    assert "Not run" in (tmp_path / "out" / "study.html").read_text()
    study(design, tmp_path / "out", data=cohort)
    assert content(tmp_path / "out") == content(done[1])


def test_it_writes_its_page_while_it_runs(done, cohort, design, tmp_path, monkeypatch):
    """Killed in the third run, it leaves the page of two; resumed, it ends with the same bytes."""
    monkeypatch.setattr(studying, "INTERIM_S", 0.0)
    real, calls = arm._answer, []

    def killer(*given):
        calls.append(1)
        if len(calls) == 5:  # two test cases a run
            raise Killed
        return real(*given)

    monkeypatch.setattr(arm, "_answer", killer)
    with pytest.raises(Killed):
        study(design, tmp_path / "out", data=cohort)
    monkeypatch.undo()
    page = (tmp_path / "out" / "study.html").read_text()
    assert "alpha 1" in page or "α 1" in page
    about = json.loads((tmp_path / "out" / "study.json").read_text())
    assert about["runs"] == {"baseline": 2, "alpha-1": 0, "lr-1e+30": 0, "couch-remove": 0}
    assert about["missing"] == {"alpha-1": 2, "lr-1e+30": 2, "couch-remove": 2}
    study(design, tmp_path / "out", data=cohort)
    assert content(tmp_path / "out") == content(done[1])


def test_with_0_minutes_it_writes_the_page_of_what_is_done(done, cohort, design, tmp_path):
    result = study(design, tmp_path / "out", data=cohort, minutes=0)
    assert result.left == 8
    with pytest.raises(UsageError, match="--minutes"):
        study(design, tmp_path / "other", data=cohort, minutes=-1)


def test_workers_change_nothing(done, cohort, design, tmp_path):
    study(design, tmp_path / "out", data=cohort, workers=2)
    assert content(tmp_path / "out") == content(done[1])


def test_arms_start_alike_and_see_slices_in_one_order(cohort, design, tmp_path, monkeypatch):
    seen = {}
    fit = arm.fit

    def noting(recipe, train, *rest, **options):
        torch.manual_seed(recipe.seed)
        weights = loop.LightUNet(dropout=recipe.dropout, variant=recipe.network).head.weight
        key = (train.arrays[0][0].tobytes(), recipe.seed)
        seen.setdefault(key[1], []).append(weights.detach().numpy().copy())
        return fit(recipe, train, *rest, **options)

    monkeypatch.setattr(arm, "fit", noting)
    study(design, tmp_path / "out", data=cohort)
    assert len(seen[0]) == 8
    assert all(np.array_equal(one, seen[0][0]) for one in seen[0])


def test_the_couch_is_gone_in_its_arm_only(done):
    with np.load(done[1] / "slices" / "Case_000.npz") as held:
        kept, removed = held["keep_none"], held["remove_none"]
        places = held["places"]
    changed = kept != removed
    assert changed.any()
    assert (removed[changed] < kept[changed]).all()
    assert not changed[places == 1].any()


def test_another_design_is_a_conflict(done, cohort, design, tmp_path):
    other = tmp_path / "other.toml"
    other.write_text(DESIGN.replace("steps = 9", "steps = 8"), encoding="utf-8")
    with pytest.raises(OutputConflict):
        study(other, done[1], data=cohort)


def test_more_folds_than_patients(cohort, design, tmp_path):
    many = tmp_path / "many.toml"
    many.write_text(DESIGN.replace("folds = 2", "folds = 5"), encoding="utf-8")
    with pytest.raises(NothingUsable, match="5 folds"):
        study(many, tmp_path / "out", data=cohort)


def test_a_design_may_name_its_cases(cohort, tmp_path):
    own = tmp_path / "own.toml"
    own.write_text(f'data = "{cohort}"\n' + DESIGN.replace("steps = 9", "steps = 1"))
    assert study(own, tmp_path / "out").left == 0
    own.write_text(DESIGN)
    with pytest.raises(UsageError, match="--data"):
        study(own, tmp_path / "other")

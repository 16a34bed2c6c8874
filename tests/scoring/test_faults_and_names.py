"""A passing fault is never a result; names of files reach no result; nothing of a name runs in a
spreadsheet or a page.
"""

import csv
import errno
import json

import numpy as np
import pytest
import SimpleITK as sitk

from pleura.core.errors import Exit, UsageError
from pleura.metrics.tables import as_csv, cell, score_notes
from pleura.verbs.evaluate import evaluate
from pleura.verbs.report import report

SHAPE = (8, 12, 14)


def lungs():
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:6, 2:10, 1:6] = 1
    labels[2:7, 2:10, 8:13] = 2
    return labels


def put(path, labels):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(labels.astype(np.uint8))
    image.SetSpacing((1.5, 2.0, 4.0))
    sitk.WriteImage(image, str(path))


@pytest.fixture
def folders(tmp_path):
    for k in range(3):
        put(tmp_path / "ref" / f"Case_00{k}.nii.gz", lungs())
        put(tmp_path / "pred" / f"Case_00{k}.nii.gz", lungs())
    return tmp_path


def score(folders, **options):
    return evaluate(folders / "pred", folders / "ref", folders / "out", workers=1, **options)


def faulty(error):
    """`read_pair`, failing for Case_001."""
    from pleura.scoring import case

    true = case.read_pair

    def read(mask, *rest):
        if "Case_001" in mask.name:
            raise error
        return true(mask, *rest)

    return read


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EIO, "EIO"),
        MemoryError(),
        OSError(errno.EMFILE, "too many files"),
        RuntimeError(),
    ],
)
def test_a_passing_fault_refuses_one_case_and_the_next_run_scores_it(folders, monkeypatch, error):
    with monkeypatch.context() as patched:
        patched.setattr("pleura.scoring.case.read_pair", faulty(error))
        first = score(folders)
    assert first.exit_code is Exit.SOME_FAILED
    assert [case["case"] for case in first.scores["cases"]] == ["Case_000", "Case_002"]
    assert [entry["case"] for entry in first.scores["refused"]] == ["Case_001"]
    second = score(folders)
    assert second.exit_code is Exit.OK
    assert len(second.scores["cases"]) == 3


def test_overwrite_scores_again_what_is_done(folders):
    score(folders)
    path = folders / "out" / "cases" / "Case_000.json"
    before = path.stat().st_mtime_ns
    score(folders)
    assert path.stat().st_mtime_ns == before
    assert len(score(folders, overwrite=True).scores["cases"]) == 3
    assert path.stat().st_mtime_ns > before


SECRETS = ["Mustermann_Max", "=HYPERLINK(1)", "$x^2$", "田中太郎", "@SUM(A1)", "-2+3", "+1"]


@pytest.fixture
def named(tmp_path):
    for name in SECRETS:
        put(tmp_path / "ref" / f"{name}.nii.gz", lungs())
        put(tmp_path / "pred" / f"{name}.nii.gz", lungs())
    put(tmp_path / "pred" / "Alone_Anna.nii.gz", lungs())
    put(tmp_path / "ref" / "Unanswered_Uwe.nii.gz", lungs())
    return tmp_path


def results(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_no_name_of_a_file_is_in_the_results(named):
    result = score(named)
    report(named / "out")
    files = results(named / "out")
    text = b"".join(files.values()) + "".join(result.notes()).encode() + "".join(files).encode()
    for secret in [*SECRETS[:5], "Alone_Anna", "Unanswered_Uwe"]:
        assert secret.encode() not in text, secret
    assert result.scores["without_reference"] == ["hidden_003"] or result.scores[
        "without_reference"
    ][0].startswith("hidden_")
    beside = json.loads((named / "out.names.json").read_text())["names"]
    assert set(beside.values()) >= {*SECRETS[:5], "Alone_Anna", "Unanswered_Uwe"}


def test_with_paths_the_names_stand_and_none_is_a_formula(named):
    score(named, paths=True)
    with (named / "out" / "scores.csv").open(newline="", encoding="utf-8") as file:
        cases = {row["case"] for row in csv.DictReader(file)}
    assert {case for case in cases if case.startswith(("=", "+", "-", "@"))} == set()
    assert "'=HYPERLINK(1)" in cases
    assert "Mustermann_Max" in cases
    assert not (named / "out.names.json").exists()


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_text_cell_never_starts_as_a_formula(start):
    (line,) = as_csv(("case", "value"), [(f"{start}1", "-2.5")]).splitlines()[1:]
    first, number = next(csv.reader([line]))
    assert first.startswith("'")
    assert number == "-2.5", "a number keeps its sign"


@pytest.mark.parametrize("control", ["\x1b[31m", "\x07", "\u202e", "\x00", "\u2028"])
def test_no_control_character_reaches_a_table_or_a_line(control):
    assert control not in cell(f"a{control}b")
    scores = {
        "refused": [{"case": f"a{control}b", "reason": "r"}],
        "cases": [],
        "unanswered": [],
        "without_reference": [],
        "against": None,
    }
    assert not any(control in line for line in score_notes(scores))


def people(folders, *rows, heading="case,patient,site"):
    path = folders / "people.csv"
    path.write_text("\n".join([heading, *rows]) + "\n", encoding="utf-8")
    return path


def test_a_table_that_names_no_case_is_refused(folders):
    with pytest.raises(UsageError, match="none of the 3 cases"):
        score(folders, patients=people(folders, "Case_100,P1,A", "Case_101,P2,A"))


def test_a_table_that_lacks_a_case_is_refused(folders):
    with pytest.raises(UsageError, match="lacks 1 of 3 cases"):
        score(folders, patients=people(folders, "Case_000,P1,A", "Case_001,P2,A"))


@pytest.mark.parametrize("row", ["Case_002,,A", "Case_002"])
def test_a_case_without_a_patient_in_a_table_of_patients_is_refused(folders, row):
    with pytest.raises(UsageError, match="patient"):
        score(folders, patients=people(folders, "Case_000,P1,A", "Case_001,P1,A", row))


def test_repeats_of_a_patient_are_one_patient(folders):
    rows = ["Case_000,P1,A", "Case_001,P1,A", "Case_002,P2,A"]
    scores = score(folders, patients=people(folders, *rows)).scores
    assert scores["summary"]["all"]["both"]["dice"]["n"] == 2
    assert [case["patient"] for case in scores["cases"]] == ["P1", "P1", "P2"]


def test_patients_with_names_are_hidden_but_still_grouped(folders):
    rows = ["Case_000,Max Mustermann,A", "Case_001,Max Mustermann,A", "Case_002,Erika,A"]
    scores = score(folders, patients=people(folders, *rows)).scores
    assert [case["patient"] for case in scores["cases"]] == [
        "patient_001",
        "patient_001",
        "patient_002",
    ] or len({case["patient"] for case in scores["cases"]}) == 2
    assert b"Mustermann" not in b"".join(results(folders / "out").values())


def test_a_table_with_other_rows_too_and_semicolons_is_complete(folders):
    rows = ["Case_000;P1", "Case_001;P2", "Case_002;P3", "Case_999;P4"]
    scores = score(folders, patients=people(folders, *rows, heading="case;patient")).scores
    assert scores["summary"]["all"]["both"]["dice"]["n"] == 3

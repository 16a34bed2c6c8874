"""The engine with the report's four rules: those change, at every depth, and nothing else does."""

from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pleura.core.codes import CODES
from pleura.deid.choices import Choices
from pleura.deid.engine import Patient
from pleura.deid.writing import Outcome, Writer
from pleura.phantom.anatomy import chest
from pleura.phantom.writer import SYNTAXES, SeriesSpec, write_series

FOUR = {"PatientName", "PatientID", "PatientBirthDate", "PatientBirthTime"}


def by_the_report(source: Path, goal: Path, case: str) -> Outcome:
    return Writer(Choices("report"), Patient(case)).write(source, goal)


@pytest.fixture(scope="module")
def one_slice():
    volume, _ = chest((2, 24, 24), seed=3)
    return volume


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_report_changes_four_attributes_and_no_byte_of_the_pixels(one_slice, tmp_path, syntax):
    source = write_series(
        tmp_path / "in", one_slice, SeriesSpec(syntax=syntax, signed=True, intercept=0)
    )[0]
    goal = tmp_path / "out.dcm"
    assert not by_the_report(source, goal, "Case_007").code
    before, after = pydicom.dcmread(source), pydicom.dcmread(goal)
    assert (after.PatientName, after.PatientID, after.PatientBirthDate) == (
        "Case_007",
        "Case_007",
        "",
    )
    assert "PatientBirthTime" not in after
    assert after.PixelData == before.PixelData
    assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
    for element in before:
        if element.keyword not in FOUR:
            assert after[element.tag] == element
    assert {e.keyword for e in before} - {e.keyword for e in after} == {"PatientBirthTime"}


def test_nested_identity_goes_too(one_slice, tmp_path):
    source = write_series(tmp_path / "in", one_slice)[0]
    dataset = pydicom.dcmread(source)
    item, deeper = Dataset(), Dataset()
    deeper.PatientName = "Deep^Down"
    deeper.PatientBirthTime = "010203"
    item.OtherPatientIDsSequence = Sequence([deeper])
    item.PatientID = "MRN-NESTED"
    dataset.ReferencedPatientSequence = Sequence([item])
    dataset.save_as(source)
    goal = tmp_path / "out.dcm"
    by_the_report(source, goal, "Case_001")
    raw = goal.read_bytes()
    assert b"Deep" not in raw
    assert b"NESTED" not in raw
    assert pydicom.dcmread(goal).ReferencedPatientSequence[0].PatientID == "Case_001"


@pytest.mark.parametrize("cut", [1, 2, 100, 1000])
def test_a_truncated_object_is_refused_and_leaves_no_file(one_slice, tmp_path, cut):
    source = write_series(tmp_path / "in", one_slice)[0]
    source.write_bytes(source.read_bytes()[:-cut])
    outcome = by_the_report(source, tmp_path / "out.dcm", "Case_000")
    assert outcome.code == "FILE-TRUNCATED"
    assert not (tmp_path / "out.dcm").exists()


@pytest.mark.parametrize("syntax", ["rle", "jpeg 2000", "jpeg-ls", "deflated"])
@pytest.mark.parametrize("cut", [9, 60, 250])
def test_a_truncated_compressed_object_is_refused(one_slice, tmp_path, syntax, cut):
    source = write_series(tmp_path / "in", one_slice, SeriesSpec(syntax=syntax))[0]
    source.write_bytes(source.read_bytes()[:-cut])
    assert by_the_report(source, tmp_path / "out.dcm", "Case_000").code
    assert list(tmp_path.glob("*.dcm")) == []


def test_the_reason_of_a_refusal_names_no_file_and_no_patient(one_slice, tmp_path):
    folder = tmp_path / "Canary^Name"
    source: Path = write_series(folder, one_slice)[0]
    name = str(pydicom.dcmread(source).PatientName)
    for cut in (1, 5000, 400):
        source.write_bytes(source.read_bytes()[:-cut])
        outcome = by_the_report(source, tmp_path / "out.dcm", "Case_000")
        reason = CODES[outcome.code].message(dict(outcome.evidence))
        assert reason
        assert "Canary" not in reason
        assert name not in reason

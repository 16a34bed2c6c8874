"""`pleura deidentify` from end to end on synthetic chests in the report's layout, and on real
chests.
"""

import json
import os
import shutil
import stat
from collections import Counter

import pydicom
import pytest

from pleura.core.codes import CODES
from pleura.core.errors import Exit, NothingUsable, OutputConflict, UsageError
from pleura.deid.writing import Writer
from pleura.phantom.dataset import write_dataset
from pleura.publishing.result import DeidentifyResult
from pleura.verbs.deidentify import deidentify


@pytest.fixture(scope="module")
def chests(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "chests"
    write_dataset(folder, cases=2, shape=(3, 16, 16), seed=5)
    return folder


@pytest.fixture
def source(chests, tmp_path):
    return shutil.copytree(chests, tmp_path / "in")


def content(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()
    }


def identities(folder):
    for path in folder.rglob("*.dcm"):
        dataset = pydicom.dcmread(path)
        yield from (dataset.PatientID.encode(), dataset.PatientBirthDate.encode())


def test_a_tree_in_the_layout_of_the_report(source, tmp_path):
    before = content(source)
    result = deidentify(source, tmp_path / "out", profile="report")
    assert result.exit_code is Exit.OK
    assert content(source) == before
    assert sorted(
        p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.dcm")
    ) == [f"Case_00{case}/00000{n}.dcm" for case in (0, 1) for n in range(3)]
    assert result.as_json()["left"]["others"] == 2  # the two .npz
    for path in (tmp_path / "out" / "Case_001").glob("*.dcm"):
        assert pydicom.dcmread(path).PatientName == "Case_001"


def test_ids_and_birth_dates_are_in_nothing_that_is_written_but_for_the_map(source, tmp_path):
    words = set(identities(source))
    assert len(words) == 4
    result = deidentify(source, tmp_path / "out", profile="report")
    told = json.dumps(result.as_json()) + "\n".join(result.notes())
    written = b"\0".join(
        [
            *content(tmp_path / "out").values(),
            (tmp_path / "out.audit.json").read_bytes(),
            told.encode(),
        ]
    )
    assert not [word for word in words if word in written]
    assert all(word in (tmp_path / "out.map.json").read_bytes() for word in words)


@pytest.mark.skipif(
    os.name == "nt", reason="modes of files are Unix's; on Windows an access list does it"
)
def test_the_map_is_for_its_owner_alone(source, tmp_path):
    deidentify(source, tmp_path / "out", profile="report")
    assert stat.S_IMODE((tmp_path / "out.map.json").stat().st_mode) == 0o600


def test_the_same_command_again_does_nothing_and_says_the_same(source, tmp_path):
    first = deidentify(source, tmp_path / "out", profile="report")
    stamps = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    again = deidentify(source, tmp_path / "out", profile="report")
    assert again == first
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == stamps


def test_two_runs_and_two_worker_counts_write_the_same_bytes(source, tmp_path, monkeypatch):
    monkeypatch.setattr("pleura.deid.batch.FEW", 1)
    deidentify(source, tmp_path / "one", profile="report", workers=1)
    deidentify(source, tmp_path / "two", profile="report", workers=2)
    assert content(tmp_path / "one") == content(tmp_path / "two")
    assert (tmp_path / "one.audit.json").read_bytes() == (tmp_path / "two.audit.json").read_bytes()


def test_a_run_that_was_killed_goes_on_and_ends_the_same(source, tmp_path, monkeypatch):
    deidentify(source, tmp_path / "whole", profile="report")
    write, written = Writer.write, []

    def dies(self, path, goal):
        if len(written) == 4:
            raise KeyboardInterrupt
        written.append(path)
        return write(self, path, goal)

    monkeypatch.setattr(Writer, "write", dies)
    with pytest.raises(KeyboardInterrupt):
        deidentify(source, tmp_path / "out", profile="report", workers=1)
    assert (tmp_path / "out" / "Case_000").exists()
    assert not (tmp_path / "out" / "Case_001").exists()
    monkeypatch.setattr(
        Writer, "write", lambda self, path, goal: (written.append(path), write(self, path, goal))[1]
    )
    result = deidentify(source, tmp_path / "out", profile="report", workers=1)
    assert len(written) == 7  # the first case is not written twice
    assert result.files == 6
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_a_broken_object_is_refused_in_one_line_and_the_rest_goes_on(source, tmp_path):
    victim = sorted((source / "Images" / "Case_000").glob("*.dcm"))[0]
    victim.write_bytes(victim.read_bytes()[:-7])
    (source / "Smith^John.dcm").write_bytes(bytes(128) + b"DICM" + b"nonsense")
    result = deidentify(source, tmp_path / "out", profile="report")
    assert result.exit_code is Exit.SOME_FAILED
    assert result.files == 5
    assert [
        line
        for line in result.notes()
        if "refused" in line and "Case_000" in line and "TRUNCATED" in line
    ]
    assert "Smith" not in "\n".join(result.notes())
    assert deidentify(source, tmp_path / "out", profile="report").exit_code is Exit.SOME_FAILED


def test_files_that_cannot_be_read_are_refused_with_what_happened(source, tmp_path):
    (source / "export.zip").write_bytes(b"PK\3\4" + bytes(40))
    (source / "gone").symlink_to(source / "nowhere")
    for _ in range(2):  # a run, and the report of a finished run
        told = deidentify(source, tmp_path / "out").notes()
        assert "1 file refused: ARCHIVE-REFUSED: 1 archive or file in it" in " ".join(told)
        assert "1 symbolic link leads to a file or folder that does not exist" in " ".join(told)


@pytest.mark.parametrize("code", [code for code in CODES if CODES[code].remedy])
def test_every_code_can_be_that_of_a_file_that_was_not_read(code, tmp_path):
    """Of a header only the code is kept; a sentence that needs more must not end the command."""
    left = Counter({"unreadable": 0, f"refused {code}": 1})
    told = DeidentifyResult(tmp_path, "basic", {}, left, ()).notes()
    assert told[0].startswith(f"1 file refused: {code}: ")
    assert "{" not in told[0]


def test_a_folder_that_is_named_as_a_patient_is_numbered(chests, tmp_path):
    shutil.copytree(chests / "Images" / "Case_001", tmp_path / "in" / "Smith^John 19500101")
    deidentify(tmp_path / "in", tmp_path / "out", profile="report")
    assert (tmp_path / "out" / "Deid_000" / "1" / "000000.dcm").exists()


def test_errors_say_what_to_do(source, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingUsable, match="no DICOM"):
        deidentify(tmp_path / "empty", tmp_path / "out", profile="report")
    assert not (tmp_path / "out").exists()
    with pytest.raises(UsageError, match="does not exist"):
        deidentify(tmp_path / "none", tmp_path / "out", profile="report")
    with pytest.raises(UsageError, match="inside"):
        deidentify(source, source / "out", profile="report")
    with pytest.raises(UsageError, match=r"^OUT contains an input"):
        deidentify(source, source / "out")
    with pytest.raises(UsageError, match="empty rectangle"):
        deidentify(source, tmp_path / "out", blank=("0,0,5,5", "9,3,4,8"))
    assert not (tmp_path / "out").exists()
    (tmp_path / "held").mkdir()
    (tmp_path / "held" / "mine.txt").write_text("mine")
    with pytest.raises(OutputConflict, match="--overwrite"):
        deidentify(source, tmp_path / "held", profile="report")
    (tmp_path / "else.map.json").write_text("{}")
    with pytest.raises(UsageError, match="re-identification map"):
        deidentify(source, tmp_path / "else", profile="report")


def test_real_chests_keep_every_element_but_four(real_data, tmp_path):
    chest = real_data / "chests" / "Images" / "Case_003"
    result = deidentify(chest, tmp_path / "out", profile="report")
    assert result.files == 64
    before = {
        str(d.SOPInstanceUID): d for d in map(pydicom.dcmread, list(chest.glob("*.dcm"))[::16])
    }
    seen = 0
    for path in (tmp_path / "out" / "Case_003").glob("*.dcm"):
        dataset = pydicom.dcmread(path)
        if dataset.SOPInstanceUID in before:
            other = before[dataset.SOPInstanceUID]
            changed = {e.keyword for e in dataset if e.tag not in other or other[e.tag] != e}
            assert changed <= {"PatientName", "PatientID", "PatientBirthDate"}
            assert dataset.PixelData == other.PixelData
            seen += 1
    assert seen == 4


def test_a_case_folder_with_two_patients_names_neither_and_that_is_said(source, tmp_path):
    for path in (source / "Images" / "Case_001").iterdir():
        path.rename(source / "Images" / "Case_000" / f"more-{path.name}")
    result = deidentify(source, tmp_path / "out")
    (line,) = [line for line in result.notes() if "several patients" in line]
    assert line.startswith("Case_000: ")
    assert all(
        unit["case"] in line and unit["case"] != "Case_000" for unit in result.units.values()
    )
    assert len(result.units) == 2

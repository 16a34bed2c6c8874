"""Between files: pairing without names, references, patients, dates of one patient, names of
files.
"""

import json
import shutil
import sys
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.sequence import Sequence

from pleura.audit.tree import verify_tree
from pleura.core.errors import Exit, NothingUsable, UsageError
from pleura.phantom.anatomy import chest
from pleura.phantom.writer import SeriesSpec, series
from pleura.verbs.verify import verify

sys.path.insert(0, str(Path(__file__).parent))
from cleaner import cleaned, coded, new_uid


def write(path, ds):
    path.parent.mkdir(parents=True, exist_ok=True)
    dcmwrite(path, ds, enforce_file_format=True)


@pytest.fixture
def trees(tmp_path):
    """Two patients; the second one's slices refer to each other; the output flat, in another
    order, dates shifted.
    """
    for p in range(2):
        slices = series(chest((3, 16, 16), seed=p)[0], SeriesSpec(seed=p))
        for k, ds in enumerate(slices):
            item = Dataset()
            item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = (
                ds.SOPClassUID,
                slices[k - 1].SOPInstanceUID,
            )
            ds.SourceImageSequence = Sequence([item])
            write(tmp_path / "in" / f"patient{p}" / f"{k}.dcm", ds)
            write(tmp_path / "out" / f"{9 - k}{p}.dcm", cleaned(ds, f"Case_{p:03d}", shift=50 + p))
    return tmp_path / "in", tmp_path / "out"


def codes(source, out, **more):
    return verify_tree(source, out, **more).counts()


def test_a_clean_output(trees):
    report = verify_tree(*trees)
    assert report.counts() == {}
    assert report.clean
    assert (report.files, report.sources, report.published) == (6, 6, 6)
    result = verify(*trees)
    assert result.exit_code == Exit.OK
    assert result.as_json()["clean"] is True


def change(out, name, edit):
    ds = dcmread(out / name)
    edit(ds)
    write(out / name, ds)


def test_damage_between_files(trees):
    source, out = trees
    spare = out.parent / "spare"
    shutil.copytree(out, spare)

    def after(name, edit):
        shutil.rmtree(out)
        shutil.copytree(spare, out)
        change(out, name, edit)
        return codes(source, out)

    def point(uid):
        return lambda ds: setattr(ds.SourceImageSequence[0], "ReferencedSOPInstanceUID", uid)

    assert "REFERENCE-BROKEN" in after("90.dcm", point(new_uid("nothing")))
    assert "REFERENCE-BROKEN" in after("90.dcm", point(dcmread(spare / "91.dcm").SOPInstanceUID))
    assert "REFERENCE-LOST" in after("90.dcm", lambda ds: delattr(ds, "SourceImageSequence"))
    assert "UID-INCONSISTENT" in after(
        "90.dcm", lambda ds: setattr(ds, "StudyInstanceUID", new_uid("x"))
    )
    assert "PATIENT-SPLIT" in after("90.dcm", lambda ds: setattr(ds, "PatientID", "Case_007"))
    assert "PATIENTS-MERGED" in after("90.dcm", lambda ds: setattr(ds, "PatientID", "Case_001"))

    def later(ds):
        for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
            setattr(ds, keyword, "20190101")

    assert "SHIFT-VARIES" in after("90.dcm", later)
    assert "NO-SOURCE" in after("90.dcm", lambda ds: setattr(ds, "InstanceNumber", "99"))
    result = verify(source, out)
    assert result.exit_code == Exit.SOME_FAILED
    assert "Identifiers found" in result.notes()[-1]


def test_other_files_names_and_the_key(trees):
    source, out = trees
    one = dcmread(next(source.rglob("*.dcm")))
    family = str(one.PatientName.family_name)
    (out / "notes.txt").write_text(f"made for {family}", encoding="utf-8")
    (out / f"{family.lower()}.csv").write_text("1,2", encoding="utf-8")
    key = source.parent / "key"
    key.write_text("ab" * 32)
    (out / "log.txt").write_text(f"key={'ab' * 32}")
    found = verify_tree(source, out, key=key)
    assert found.counts() == {"KEY-LEFT": 1, "PATH-LEFT": 1, "TEXT-LEFT": 1}
    assert family.lower() not in json.dumps(found.as_json()).lower()


def test_profile_report_is_declared_by_the_folder(tmp_path):
    for k, ds in enumerate(series(chest((2, 16, 16), seed=1)[0])):
        write(tmp_path / "in" / f"{k}.dcm", ds)
        ds.PatientID = ds.PatientName = "Case_000"
        ds.PatientBirthDate = ""
        del ds.PatientBirthTime
        write(tmp_path / "out" / f"{k}.dcm", ds)
    assert "UID-LEFT" in codes(tmp_path / "in", tmp_path / "out")
    record = {"verb": "deidentify", "options": {"profile": "report"}}
    (tmp_path / "out" / "run.json").write_text(json.dumps(record))
    report = verify_tree(tmp_path / "in", tmp_path / "out")
    assert report.counts() == {"REPORT-KEEPS": 2}
    assert report.clean


def test_an_empty_file_of_the_input_hides_nobody(trees):
    source, out = trees
    (source / "placeholder.dcm").write_bytes(b"")
    (source / "zeros.IMA").write_bytes(bytes(2000))
    assert verify(source, out).exit_code == Exit.OK


def test_input_that_cannot_be_read_proves_nothing_and_finds_nobody(trees):
    source, out = trees
    (source / "export.zip").write_bytes(b"PK\3\4" + bytes(40))
    result = verify(source, out)
    assert result.exit_code == Exit.SOME_FAILED
    assert "nothing is proved" in result.notes()[-1]
    assert "(INPUT-UNREAD 1)" in result.notes()[-1]  # --quiet drops the table
    assert "nothing is proved" in result.certificate[-1].read_text(encoding="utf-8")


def test_ends_without_input(trees, tmp_path):
    source, out = trees
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingUsable, match="OUT"):
        verify(source, tmp_path / "empty")
    with pytest.raises(NothingUsable, match="IN"):
        verify(tmp_path / "empty", out)
    with pytest.raises(UsageError, match="IN does not exist"):
        verify(tmp_path / "nowhere", out)
    with pytest.raises(UsageError, match="key"):
        verify(source, out, key=tmp_path / "nokey")


def test_pixels_that_were_blanked_or_damaged_have_their_source_still(trees):
    source, out = trees

    def blank(ds):
        ds.PixelData = bytes(len(ds.PixelData))
        ds.DeidentificationMethodCodeSequence.append(coded("113101", "Clean Pixel Data Option"))

    change(out, "90.dcm", blank)
    assert codes(source, out) == {}
    change(out, "91.dcm", lambda ds: setattr(ds, "PixelData", bytes(len(ds.PixelData))))
    assert codes(source, out) == {"PIXELS-CHANGED": 1}


def test_an_object_that_lost_its_name_is_judged(trees):
    source, out = trees

    def nameless(ds):
        del ds.SOPInstanceUID
        ds.file_meta.MediaStorageSOPInstanceUID = ""

    ds = dcmread(out / "90.dcm")
    nameless(ds)
    dcmwrite(out / "90.dcm", ds)
    report = verify_tree(source, out)
    assert report.files == 6
    assert "TYPE-LOST" in report.counts()


def test_objects_that_tell_of_nobody_are_neither_split_nor_merged(trees):
    source, out = trees
    for place, name in (
        (source / "patient0" / "0.dcm", "90.dcm"),
        (source / "patient1" / "0.dcm", "91.dcm"),
    ):
        for path in (place, out / name):
            ds = dcmread(path)
            ds.PatientName = ds.PatientBirthDate = ds.StudyInstanceUID = ""
            ds.PatientID = "" if path == place else "Case_009"
            write(path, ds)
    assert not {"PATIENT-SPLIT", "PATIENTS-MERGED"} & set(codes(source, out))

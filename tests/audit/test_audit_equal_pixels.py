"""Patients whose pixels are equal: no false alarm, and what is really wrong is still found."""

import sys
from pathlib import Path

import pytest
from pydicom import dcmread, dcmwrite

from pleura.audit.tree import verify_tree
from pleura.phantom.anatomy import chest
from pleura.phantom.writer import SeriesSpec, series

sys.path.insert(0, str(Path(__file__).parent))
from cleaner import cleaned, new_uid

SLICES = 3
NAMES = [f"Quill{letter * 3}by^Ott{letter * 2}" for letter in "abcdefghijklmnopqrstuvwxyz"]
VOLUME = chest((SLICES, 16, 16), seed=1)[0]


def write(path, ds):
    path.parent.mkdir(parents=True, exist_ok=True)
    dcmwrite(path, ds, enforce_file_format=True)


def tree(folder, people, *, order, short=()):
    """Input and output of patients who have so many studies of the same slices; the output is
    read in the order of its patients. `short` patients lack their last slice.
    """
    place = {patient: k for k, patient in enumerate(order)}
    for patient, studies in people.items():
        for study in range(studies):
            slices = series(VOLUME, SeriesSpec(seed=10 * patient + study, study=patient))
            for k, ds in enumerate(slices[: SLICES - (patient in short)]):
                ds.PatientName = NAMES[patient]
                ds.StudyInstanceUID = f"{ds.StudyInstanceUID}.{study}"
                ds.SeriesInstanceUID = f"{ds.SeriesInstanceUID}.{study}"
                ds.SOPInstanceUID = f"{ds.SOPInstanceUID}.{study}"
                ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
                write(folder / "in" / f"{patient}" / f"{study}{k}.dcm", ds)
                clean = cleaned(ds, f"Case_{place[patient]:03d}", shift=50 + patient)
                write(folder / "out" / f"{place[patient]:02d}{study}{k}.dcm", clean)
    return folder / "in", folder / "out"


PEOPLE = {
    "two patients": ({0: 1, 1: 1}, (1, 0), ()),
    "two studies and one, the one first": ({0: 2, 1: 1}, (1, 0), ()),
    "one and two, the one first": ({0: 1, 1: 2}, (0, 1), ()),
    "one and three": ({0: 3, 1: 1, 2: 2}, (1, 2, 0), ()),
    "twenty patients": (dict.fromkeys(range(20), 1), tuple(range(19, -1, -1)), ()),
    "one with fewer slices, first": ({0: 1, 1: 1}, (1, 0), (1,)),
    "one with fewer slices and more studies": ({0: 1, 1: 2, 2: 1}, (2, 1, 0), (1,)),
}


@pytest.mark.parametrize(("people", "order", "short"), PEOPLE.values(), ids=PEOPLE)
def test_patients_with_equal_pixels_raise_no_alarm(people, order, short, tmp_path):
    report = verify_tree(*tree(tmp_path, people, order=order, short=short))
    assert report.counts() == {}
    assert report.published == report.sources


def changed(out, pattern, edit):
    paths = sorted(out.glob(pattern))
    assert paths
    for path in paths:
        ds = dcmread(path)
        edit(ds)
        write(path, ds)


@pytest.mark.parametrize("people", [{0: 1, 1: 1}, {0: 2, 1: 1}, {0: 1, 1: 2}])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_true_merge_of_equal_patients_is_found(people, order, tmp_path):
    """Under one PatientID, and with one UID of study and series too."""
    source, out = tree(tmp_path, people, order=order)
    changed(out, "01*.dcm", lambda ds: setattr(ds, "PatientID", "Case_000"))
    assert "PATIENTS-MERGED" in verify_tree(source, out).counts()

    def one_study(ds):
        ds.StudyInstanceUID, ds.SeriesInstanceUID = new_uid("study"), new_uid("series")

    changed(out, "*.dcm", one_study)
    assert {"PATIENTS-MERGED", "UID-INCONSISTENT"} <= set(verify_tree(source, out).counts())


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_true_split_of_equal_patients_is_found(order, tmp_path):
    source, out = tree(tmp_path, {0: 2, 1: 1}, order=order)
    first = f"{order.index(0):02d}1*.dcm"
    changed(out, first, lambda ds: setattr(ds, "PatientID", "Case_007"))
    assert "PATIENT-SPLIT" in verify_tree(source, out).counts()


@pytest.mark.parametrize("patient", [0, 1])
def test_a_name_that_was_left_is_found_whichever_of_equal_patients_it_is(patient, tmp_path):
    source, out = tree(tmp_path, {0: 1, 1: 1}, order=(1, 0))
    name = dcmread(source / f"{patient}" / "00.dcm").PatientName
    place = (1, 0).index(patient)
    changed(out, f"{place:02d}00.dcm", lambda ds: setattr(ds, "ImageComments", f"as {name}"))
    counts = verify_tree(source, out).counts()
    assert "NAME-LEFT" in counts

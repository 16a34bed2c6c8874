"""Segmentations and structure sets end to end: from a series, plain or de-identified, to a file
that strangers accept.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from testing.classical import segment

from pleura.core.atomic import read_json
from pleura.core.errors import Exit, InputRefused, UsageError
from pleura.dicom.series import find_series
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume
from pleura.labels.registry import read_mask, write_mask
from pleura.phantom.dataset import write_dataset
from pleura.phantom.enhanced import enhanced
from pleura.phantom.writer import series as plain_series
from pleura.phantom.writer import write_files
from pleura.store.cohort import Cohort
from pleura.verbs.deidentify import deidentify
from pleura.verbs.evaluate import evaluate
from pleura.verbs.prepare import prepare

FORMATS = {"seg": "lungs.seg.dcm", "rtstruct": "lungs.rtstruct.dcm"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One chest: as written, de-identified by the Basic Profile, and segmented from both as
    NIfTI.
    """
    folder = tmp_path_factory.mktemp("made")
    write_dataset(folder / "chests", cases=1, shape=(16, 48, 64), seed=4, label=write_mask)
    deidentify(folder / "chests" / "Images", folder / "basic", profile="basic")
    for name in ("chests", "basic"):
        segment(folder / name, folder / f"{name}-nifti")
    return folder


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("source", ["chests", "basic"])
def test_segment_writes_label_objects_that_hold_the_same_lungs(made, source, kind, tmp_path):
    result = segment(made / source, tmp_path / "out", format=kind)
    assert result.exit_code is Exit.OK
    (case,) = result.cases
    assert case["mask"] == f"{case['id']}/{FORMATS[kind]}"
    (series,) = (s for s in find_series(made / source) if s.is_ct)
    mask = read_mask(tmp_path / "out" / case["mask"], series.grid, series)
    plain = read_mask(made / f"{source}-nifti" / case["id"] / "lungs.nii.gz", series.grid)
    np.testing.assert_array_equal(mask.labels, plain.labels)
    written, of = (
        pydicom.dcmread(tmp_path / "out" / case["mask"]),
        pydicom.dcmread(series.files[0].path),
    )
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID"):
        assert written[keyword].value == of[keyword].value
    assert written.SeriesInstanceUID != of.SeriesInstanceUID
    if source == "basic":
        assert written.PatientIdentityRemoved == "YES"


@pytest.mark.parametrize("profile", ["report", "basic"])
@pytest.mark.parametrize("kind", FORMATS)
def test_de_identified_label_objects_still_belong_to_their_scans(made, kind, profile, tmp_path):
    for series in (s for s in find_series(made / "chests") if s.is_ct):
        truth = read_mask(made / "chests" / "Labels" / f"{series.id}.nii.gz", series.grid)
        write_mask(tmp_path / "in" / series.id / f"labels.{kind}.dcm", truth, series)
        shutil.copytree(made / "chests" / "Images" / series.id, tmp_path / "in" / series.id / "ct")
    assert deidentify(tmp_path / "in", tmp_path / "clean", profile=profile).exit_code is Exit.OK
    assert prepare(tmp_path / "clean", tmp_path / "cohort").exit_code is Exit.OK
    (case,) = Cohort.open(tmp_path / "cohort").cases
    np.testing.assert_array_equal(case.mask().labels, truth.labels)
    assert case.about["findings"] == []


@pytest.mark.parametrize("kind", FORMATS)
def test_frames_of_one_enhanced_object_in_any_order(kind, tmp_path):
    grid = Grid.axial((6, 20, 24), (2.5, 0.7, 0.8), (-10, 20, 30))
    slices = plain_series(Volume(np.zeros(grid.shape, np.int16), grid))
    write_files(tmp_path / "ct", [enhanced(slices, order=[3, 1, 0, 5, 4, 2])])
    (series,) = find_series(tmp_path / "ct")
    labels = np.zeros(grid.shape, np.uint8)
    labels[1:4, 4:15, 2:9], labels[1:5, 4:15, 13:20] = 1, 2
    write_mask(tmp_path / f"m.{kind}.dcm", LungMask(labels, series.grid), series)
    np.testing.assert_array_equal(
        read_mask(tmp_path / f"m.{kind}.dcm", series.grid, series).labels, labels
    )
    written = pydicom.dcmread(tmp_path / f"m.{kind}.dcm")
    if kind == "rtstruct":
        positions = [g.PlanePositionSequence[0].ImagePositionPatient[2] for g in enhanced(
            slices, order=[3, 1, 0, 5, 4, 2]).PerFrameFunctionalGroupsSequence]  # fmt: skip
        for roi in written.ROIContourSequence:
            for contour in roi.ContourSequence:
                frame = contour.ContourImageSequence[0].ReferencedFrameNumber
                assert abs(contour.ContourData[2] - positions[frame - 1]) < 1e-4


@pytest.mark.parametrize("kind", FORMATS)
def test_evaluate_takes_them(made, kind, tmp_path):
    prepare(made / "chests", tmp_path / "cohort")
    segment(made / "chests", tmp_path / "out", format=kind)
    evaluate(tmp_path / "out", tmp_path / "cohort", tmp_path / "scores", workers=1)
    evaluate(made / "chests-nifti", tmp_path / "cohort", tmp_path / "plain", workers=1)
    scores, plain = (
        read_json(tmp_path / name / "scores.json")["cases"][0] for name in ("scores", "plain")
    )
    assert scores["dice"] == plain["dice"]
    assert (
        "where its centre is"
        in read_json(tmp_path / "scores" / "scores.json")["policy"]["rasterisation"]
    )


@pytest.mark.parametrize("kind", FORMATS)
def test_labels_of_another_frame_of_reference_are_refused_and_the_rest_goes_on(
    made, kind, tmp_path
):
    """Masks of the de-identified series lie in another frame of reference than the series as it
    came.
    """
    write_dataset(tmp_path / "two", cases=2, shape=(16, 48, 64), seed=4, label=write_mask)
    prepare(tmp_path / "two", tmp_path / "cohort")
    segment(tmp_path / "two", tmp_path / "out", format=kind)
    segment(made / "basic", tmp_path / "other", format=kind)
    (strange,) = (tmp_path / "other").rglob(FORMATS[kind])
    shutil.copy(strange, tmp_path / "out" / "Case_000" / FORMATS[kind])
    result = evaluate(tmp_path / "out", tmp_path / "cohort", tmp_path / "scores", workers=1)
    assert result.exit_code is Exit.SOME_FAILED
    (refused,) = result.scores["refused"]
    assert refused["case"] == "Case_000"
    assert "frame of reference" in refused["reason"]
    assert [case["case"] for case in result.scores["cases"]] == ["Case_001"]


def test_a_folder_of_label_objects_by_case_name(made, tmp_path):
    """As other tools leave them: CASE.dcm, of either kind, beside a reference with a grid."""
    (series,) = (s for s in find_series(made / "chests") if s.is_ct)
    mask = read_mask(made / "chests-nifti" / "Case_000" / "lungs.nii.gz", series.grid)
    for kind in FORMATS:
        write_mask(tmp_path / kind / f"m.{kind}.dcm", mask, series)
        (tmp_path / kind / f"m.{kind}.dcm").rename(tmp_path / kind / "Case_000.dcm")
        shutil.copy(series.files[0].path, tmp_path / kind / "a slice of the CT.dcm")
        result = evaluate(
            tmp_path / kind, made / "chests" / "Labels", tmp_path / f"{kind}-scores", workers=1
        )
        assert result.exit_code is Exit.OK
        assert result.scores["without_reference"] == []


@pytest.mark.parametrize("kind", FORMATS)
def test_evaluate_matches_label_objects_by_what_they_refer_to(kind, tmp_path):
    write_dataset(tmp_path / "two", cases=2, shape=(16, 48, 64), seed=4, label=write_mask)
    prepare(tmp_path / "two", tmp_path / "cohort")
    for number, series in enumerate(find_series(tmp_path / "two" / "Images")):
        mask = read_mask(tmp_path / "two" / "Labels" / f"{series.id}.nii.gz", series.grid)
        write_mask(tmp_path / "pred" / f"export {7 - number}.{kind}.dcm", mask, series)
    result = evaluate(tmp_path / "pred", tmp_path / "cohort", tmp_path / "scores", workers=1)
    assert result.exit_code is Exit.OK
    assert [(case["case"], case["dice"]) for case in result.scores["cases"]] == [
        ("Case_000", 1.0),
        ("Case_001", 1.0),
    ]


def test_a_cohort_has_no_series_to_refer_to(made, tmp_path):
    prepare(made / "chests", tmp_path / "cohort")
    with pytest.raises(UsageError, match="not a cohort"):
        segment(tmp_path / "cohort", tmp_path / "out", format="seg")


@pytest.fixture(scope="module")
def dciodvfy():
    """The errors that dciodvfy finds in a file."""
    program = shutil.which("dciodvfy") or shutil.which(
        "dciodvfy", path=str(Path(sys.executable).parent)
    )
    if program is None:
        pytest.skip(
            "dciodvfy (dicom3tools) is not installed: label objects were not held against it"
        )

    def errors(path):
        notes = subprocess.run([program, "-new", str(path)], capture_output=True, text=True)
        return [line for line in notes.stderr.splitlines() if "Error" in line] + ["failed"] * (
            notes.returncode != 0
        )

    return errors


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("source", ["chests", "basic"])
def test_dciodvfy_finds_no_error(made, source, kind, tmp_path, dciodvfy):
    segment(made / source, tmp_path / "out", format=kind)
    (path,) = (tmp_path / "out").rglob(FORMATS[kind])
    assert dciodvfy(path) == []


def odd_headers(folder, **tags):
    """A series of three slices with a header as scanners and other tools leave it."""
    volume = Volume(np.full((3, 16, 16), -800, np.int16), Grid.axial((3, 16, 16), (3.0, 1.0, 1.0)))
    slices = plain_series(volume)
    for one in slices:
        for keyword, value in tags.items():
            setattr(one, keyword, value)
    write_files(folder, slices)
    (series,) = find_series(folder)
    labels = np.zeros(series.grid.shape, np.uint8)
    labels[:, 2:6, 2:6], labels[:, 8:12, 2:9] = 1, 2
    return LungMask(labels, series.grid), series


def incomplete():
    item = pydicom.Dataset()
    item.ReferencedSOPInstanceUID = "1.2.3"
    return [item]


@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_incomplete_in_a_scan_does_not_spoil_its_labels(kind, tmp_path, dciodvfy):
    """As found in real scans: references without their class, and values that may be absent but
    not empty.
    """
    odd = {"ReferencedStudySequence": incomplete(), "ReferencedPatientSequence": incomplete(),
           "ProcedureCodeSequence": [],
           "SpecificCharacterSet": None, "DeidentificationMethod": None,
           "PatientIdentityRemoved": ""}  # fmt: skip
    mask, series = odd_headers(tmp_path / "ct", **odd)
    path = tmp_path / f"m.{kind}.dcm"
    write_mask(path, mask, series)
    assert dciodvfy(path) == []
    np.testing.assert_array_equal(read_mask(path, series.grid, series).labels, mask.labels)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_scan_that_cannot_be_referred_to_has_no_labels_in_dicom(kind, tmp_path):
    mask, series = odd_headers(tmp_path / "ct", StudyInstanceUID="")
    with pytest.raises(InputRefused, match="Write NIfTI"):
        write_mask(tmp_path / f"m.{kind}.dcm", mask, series)
    assert list(tmp_path.glob("*.dcm")) == []


def test_highdicom_reads_what_is_written_by_source_instance(made, tmp_path):
    (series,) = (s for s in find_series(made / "chests") if s.is_ct)
    mask = read_mask(made / "chests-nifti" / "Case_000" / "lungs.nii.gz", series.grid)
    write_mask(tmp_path / "m.seg.dcm", mask, series)
    read = hd.seg.segread(tmp_path / "m.seg.dcm")
    codes = [
        read.get_segment_description(n).segmented_property_type.value for n in read.segment_numbers
    ]
    assert codes == ["3341006", "44029006"]
    sources = [plane.sop_uid for plane in series.files]
    found = read.get_pixels_by_source_instance(
        sources, combine_segments=True, assert_missing_frames_are_empty=True
    )
    np.testing.assert_array_equal(found, mask.labels)

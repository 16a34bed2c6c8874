"""DICOM SR of measurements: valid, read back by highdicom with the numbers of `lungs.json`, about
the segmentation beside it, and the same bytes for the same content.
"""

import json
import sys
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from testing import flaws
from testing.classical import segment

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from label_objects import dciodvfy

from pleura.core.errors import UsageError
from pleura.core.findings import Verdict
from pleura.dicom.series import find_series
from pleura.geometry.volume import LungMask
from pleura.labels.registry import write_mask
from pleura.labels.sr_writer import MEASURES, write_report
from pleura.phantom.anatomy import chest
from pleura.phantom.writer import SeriesSpec, series, write_files, write_series
from pleura.quantify.lungs import measure_lungs
from pleura.verbs.measure import measure

SIDES = {"right": "Right", "left": "Left", "both": "Right and left"}
UNITS = {"ml": "ml", "g": "g", "hu": "[hnsf'U]", "percent": "%"}


@pytest.fixture(scope="module")
def ct(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ct")
    write_series(folder, chest((24, 64, 64), seed=3)[0])
    return folder


@pytest.fixture(scope="module")
def segmented(ct, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "out"
    result = segment(ct, out, format="seg", sr=True)
    return out, result.cases[0]


def groups_of(path):
    found = hd.sr.srread(path).content.get_volumetric_roi_measurement_groups()
    return {group.finding_sites[0].laterality.meaning: group for group in found}


def check_numbers(path, measures):
    """Every number of a report is that of `measures`, under its name and unit."""
    groups = groups_of(path)
    wanted = {SIDES[side] for side in SIDES if measures.get(side) and SIDES[side] in groups}
    assert wanted == groups.keys()
    for side, meaning in SIDES.items():
        if meaning not in groups:
            continue
        numbers = groups[meaning].get_measurements()
        assert len(numbers) == len(MEASURES)
        for name, number in zip(MEASURES, numbers, strict=True):
            assert number.value == pytest.approx(measures[side][name], rel=1e-12)
            assert number.unit.value == UNITS[name.rsplit("_")[-1]]
    derived = [number.derivation for number in numbers]
    assert [one.meaning for one in derived if one] == ["Mean", "Median", "15th percentile"]


def test_segment_reports_what_it_measured_about_its_segmentation(segmented):
    out, case = segmented
    folder = out / case["id"]
    path = folder / "measurements.sr.dcm"
    assert dciodvfy(path) == []
    check_numbers(path, case["measures"])
    groups, mask = groups_of(path), pydicom.dcmread(folder / "lungs.seg.dcm")
    for meaning, label in (("Right", "Lung_R"), ("Left", "Lung_L")):
        (item,) = groups[meaning].referenced_segment[0:1]
        (segment_of,) = item.ReferencedSOPSequence
        assert segment_of.ReferencedSOPInstanceUID == mask.SOPInstanceUID
        (one,) = (
            item
            for item in mask.SegmentSequence
            if item.SegmentNumber == segment_of.ReferencedSegmentNumber
        )
        assert one.SegmentLabel == label
        named = {
            one.name.value: one.value.value for one in groups[meaning].get_qualitative_evaluations()
        }
        assert named["VERDICT"] == case["verdict"].upper()
    report = pydicom.dcmread(path)
    assert report.StudyInstanceUID == mask.StudyInstanceUID
    assert report.SeriesInstanceUID != mask.SeriesInstanceUID
    assert json.loads((out / "run.json").read_text())["options"]["sr"] is True


def test_measure_reports_any_mask_with_a_segmentation_of_it(ct, segmented, tmp_path):
    out, case = segmented
    result = measure(ct, out / case["id"] / "lungs.seg.dcm", tmp_path / "again", sr=True)
    folder = tmp_path / "again" / result.cases[0]["id"]
    check_numbers(folder / "measurements.sr.dcm", case["measures"])
    assert dciodvfy(folder / "measurements.sr.dcm") == dciodvfy(folder / "lungs.seg.dcm") == []


def test_same_content_same_bytes_and_another_number_another_uid(ct, tmp_path):
    (one,) = find_series(ct)
    volume = one.read()
    labels = np.array(chest((24, 64, 64), seed=3)[1].labels)
    unsided = LungMask((labels > 0).astype(np.uint8), volume.grid, sided=False)
    write_mask(tmp_path / "m.seg.dcm", unsided, one)
    measures = measure_lungs(volume, unsided)
    paths = [tmp_path / f"{k}.sr.dcm" for k in range(3)]
    for path, verdict in zip(paths, (Verdict.OK, Verdict.OK, Verdict.REVIEW), strict=True):
        write_report(path, tmp_path / "m.seg.dcm", one, measures, verdict)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert dciodvfy(paths[0]) == []
    check_numbers(paths[0], measures)
    uids = {pydicom.dcmread(path).SOPInstanceUID for path in paths}
    assert len(uids) == 2


@pytest.mark.filterwarnings("ignore")
def test_a_sloppy_header_gives_a_valid_report(tmp_path):
    volume, mask = chest((24, 64, 64), seed=3)
    slices = flaws.tags(
        series(volume, SeriesSpec()), SpecificCharacterSet="GB18030", PatientName="王^小东"
    )
    for one in slices:
        del one.StudyID, one.PatientBirthDate
    write_files(tmp_path / "ct", slices)
    (one,) = find_series(tmp_path / "ct")
    write_mask(tmp_path / "m.seg.dcm", mask, one)
    path = tmp_path / "m.sr.dcm"
    write_report(path, tmp_path / "m.seg.dcm", one, measure_lungs(volume, mask), Verdict.OK)
    assert dciodvfy(path) == []
    assert pydicom.dcmread(path).PatientName == "王^小东"


def test_a_report_needs_a_segmentation(ct, tmp_path):
    with pytest.raises(UsageError, match="--format seg"):
        segment(ct, tmp_path / "out", sr=True)
    assert not (tmp_path / "out").exists()

"""SEG and RTSTRUCT of sloppy CT: valid, true about their algorithm, and the same bytes for the
same content.
"""

import sys
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from testing import flaws

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))

from label_objects import boxes, dciodvfy, problems

from pleura.dicom.series import find_series
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume
from pleura.labels.algorithm import algorithm_of
from pleura.labels.registry import read_judged, write_mask
from pleura.phantom.writer import SeriesSpec, series, write_files

GRID = Grid.axial((5, 16, 24), (3.0, 1.0, 1.0), (-12.0, -10.0, 100.0))
SLICES = series(Volume(np.zeros(GRID.shape, np.int16), GRID), SeriesSpec(declare_padding=False))
MODEL = algorithm_of({"name": "unet", "sha256": "ab" * 32, "threshold": 0.5})
SUFFIXES = (".seg.dcm", ".rtstruct.dcm")


def tags(**values):
    return lambda slices: flaws.tags(slices, **values)


def without(*keywords):
    def change(slices):
        for one in slices:
            for keyword in keywords:
                if keyword in one:
                    del one[keyword]
        return slices

    return change


def noisy_cosines(slices):
    rng = np.random.default_rng(1)
    noise = rng.uniform(-1e-4, 1e-4, 6)
    for one in slices:
        one.ImageOrientationPatient = [f"{x:.7f}" for x in np.array([1, 0, 0, 0, 1, 0]) + noise]
    return slices


def raw(keyword, vr, value):
    """A value that pydicom would not write by itself."""

    def change(slices):
        for one in slices:
            one[keyword] = pydicom.DataElement(
                keyword, vr, value, validation_mode=pydicom.config.IGNORE
            )
        return slices

    return change


SLOPPY = {
    "character set ISO 2022 IR 87": tags(SpecificCharacterSet=["", "ISO 2022 IR 87"],
                                         PatientName="YAMADA^TAROU"),
    "character set GB18030": tags(SpecificCharacterSet="GB18030", PatientName="王^小东"),
    "character set misspelt": raw("SpecificCharacterSet", "CS", "ISO-IR 100"),
    "sex U": raw("PatientSex", "CS", "U"),
    "sex in words": raw("PatientSex", "CS", "FEMALE"),
    "no slice thickness": without("SliceThickness"),
    "noisy cosines": noisy_cosines,
    "dates as ACR-NEMA": raw("StudyDate", "DA", "2001.02.03"),
    "dates that are none": lambda s: raw("StudyDate", "DA",
                                         "20011399")(raw("PatientBirthDate", "DA", "unknown")(s)),
    "time with colons": raw("StudyTime", "TM", "10:20:30"),
    "time that is none": raw("StudyTime", "TM", "noon"),
    "no type 2 attributes": without(
        "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime",
        "StudyID", "AccessionNumber",
        "ReferringPhysicianName", "PositionReferenceIndicator",
    ),
    "long study id": raw("StudyID", "SH", "a study id of more than 16 characters"),
    "line break in a name": raw("PatientName", "PN", "Doe^Jane\r\n"),
    "empty de-identification flags": lambda s: raw("PatientIdentityRemoved", "CS", "")(
        raw("LongitudinalTemporalInformationModified", "CS", "MAYBE")(s)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SLOPPY)
@pytest.mark.filterwarnings("ignore")
def test_sloppy_headers_give_valid_objects(name, tmp_path):
    slices = series(Volume(np.zeros(GRID.shape, np.int16), GRID), SeriesSpec(declare_padding=False))
    write_files(tmp_path / "ct", SLOPPY[name](slices))
    (one,) = find_series(tmp_path / "ct")
    assert one.usable, one.reason
    assert list(problems(one, tmp_path)) == []


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ct")
    write_files(folder, SLICES)
    return find_series(folder)[0]


def written(one, folder, suffix, algorithm=None, mask=None):
    path = folder / f"m{suffix}"
    write_mask(path, boxes(one) if mask is None else mask, one, algorithm)
    return path


def test_the_algorithm_is_told_truly(one, tmp_path):
    dataset = pydicom.dcmread(written(one, tmp_path, ".seg.dcm", MODEL))
    assert dataset.SoftwareVersions[1] == "ab" * 32
    for segment in dataset.SegmentSequence:
        (identification,) = segment.SegmentationAlgorithmIdentificationSequence
        assert identification.AlgorithmFamilyCodeSequence[0].CodeValue == "123110"
        assert "ab" * 32 in identification.AlgorithmParameters
        assert segment.SegmentAlgorithmType == "AUTOMATIC"
    thresholds = algorithm_of({"name": "classical", "threshold_hu": -400})
    dataset = pydicom.dcmread(written(one, tmp_path, ".seg.dcm", thresholds))
    (identification,) = dataset.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence
    assert identification.AlgorithmFamilyCodeSequence[0].CodeValue == "123104"
    assert (
        pydicom.dcmread(written(one, tmp_path, ".seg.dcm")).SegmentSequence[0].SegmentAlgorithmType
        == "SEMIAUTOMATIC"
    )


def test_series_numbers_dates_and_uids(one, tmp_path):
    """Different for SEG and RTSTRUCT; by source series and algorithm; an object by its whole
    content; the same bytes again.
    """
    found = {}
    for suffix in SUFFIXES:
        for name, algorithm in (
            ("model", MODEL),
            ("other", algorithm_of({"name": "unet", "sha256": "cd" * 32})),
        ):
            path = written(one, tmp_path, suffix, algorithm)
            again = path.read_bytes()
            dataset = pydicom.dcmread(path)
            assert written(one, tmp_path, suffix, algorithm).read_bytes() == again
            assert dataset.SeriesDate == one_date(one)
            assert dataset.SeriesTime
            found[suffix, name] = dataset
    seg, rtstruct = found[".seg.dcm", "model"], found[".rtstruct.dcm", "model"]
    assert seg.SeriesNumber != rtstruct.SeriesNumber
    assert len({d.SeriesInstanceUID for d in found.values()}) == 4
    assert len({d.SOPInstanceUID for d in found.values()}) == 4
    less = boxes(one).labels.copy()
    less[2, 5, 8] = 0
    changed = pydicom.dcmread(written(one, tmp_path, ".seg.dcm", MODEL, LungMask(less, one.grid)))
    assert changed.SOPInstanceUID != seg.SOPInstanceUID
    assert changed.SeriesInstanceUID == seg.SeriesInstanceUID


def one_date(one):
    return (
        pydicom.dcmread(one.files[0].path).get("SeriesDate")
        or pydicom.dcmread(one.files[0].path).StudyDate
    )


def test_contours_of_more_than_64_kb(tmp_path):
    """A comb of 1,500 teeth: one contour of 3,000 corners and more; PS3.3 C.8.8.6 asks for
    Implicit VR then.
    """
    grid = Grid.axial((3, 40, 3000), (3.0, 0.513, 0.517), (-712.123, -10.456, 100.0))
    write_files(
        tmp_path / "ct",
        series(Volume(np.zeros(grid.shape, np.int16), grid), SeriesSpec(declare_padding=False)),
    )
    (one,) = find_series(tmp_path / "ct")
    labels = np.zeros(grid.shape, np.uint8)
    labels[1, 2:38, ::2] = 1
    labels[1, 20] = 1
    mask = LungMask(labels, one.grid, sided=False)
    path = written(one, tmp_path, ".rtstruct.dcm", MODEL, mask)
    assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == "1.2.840.10008.1.2"
    assert dciodvfy(path) == []
    np.testing.assert_array_equal(read_judged(path, one.grid, one)[0].labels, labels)


def test_highdicom_reads_the_volume_of_a_segmentation(one, tmp_path):
    mask = boxes(one)
    image = hd.seg.segread(written(one, tmp_path, ".seg.dcm", MODEL))
    volume = image.get_volume(combine_segments=True)
    affine = one.grid.affine
    back = np.zeros(mask.labels.shape, np.uint8)
    for index in np.argwhere(volume.array):
        world = volume.affine @ [*index, 1]
        place = np.rint(np.linalg.inv(affine) @ world).astype(int)[:3]
        back[tuple(place)] = volume.array[tuple(index)]
    np.testing.assert_array_equal(back, mask.labels)


def test_a_mask_without_lung_is_written_too(one, tmp_path):
    empty = LungMask(np.zeros(GRID.shape, np.uint8), one.grid)
    for suffix in SUFFIXES:
        assert dciodvfy(written(one, tmp_path, suffix, MODEL, empty)) == []

"""Segments of other tools: SRT codes, lobes, tissue with a region, two readers, fractions: read,
or refused by a code.
"""

from copy import deepcopy

import numpy as np
import pydicom
import pytest
from pydicom import Dataset

from pleura.core.errors import GridMismatch, InputRefused
from pleura.dicom.series import find_series
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume
from pleura.labels.registry import read_judged, read_mask, write_mask
from pleura.phantom.writer import SeriesSpec, series, write_files

GRID = Grid.axial((6, 12, 16), (3.0, 1.0, 1.0), (-12.0, -10.0, 100.0))
LABELS = np.zeros(GRID.shape, np.uint8)
LABELS[1:5, 3:9, 2:6], LABELS[2:4, 3:9, 9:14] = 1, 2


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ct")
    write_files(
        folder,
        series(Volume(np.zeros(GRID.shape, np.int16), GRID), SeriesSpec(declare_padding=False)),
    )
    return find_series(folder)[0]


def code(value, scheme="SCT"):
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, scheme, "meaning"
    return made


def changed(one, folder, change, labels=LABELS):
    path = folder / "m.seg.dcm"
    write_mask(path, LungMask(labels, one.grid), one)
    dataset = pydicom.dcmread(path)
    change(dataset)
    dataset.save_as(path)
    return path


def typed(*types, modifiers=(), regions=(), region_modifiers=(), labels=("a", "b")):
    """Give the segments these property types, modifiers and anatomic regions."""

    def change(dataset):
        for k, segment in enumerate(dataset.SegmentSequence):
            segment.SegmentLabel = labels[k]
            segment.SegmentedPropertyTypeCodeSequence = [types[k]]
            if modifiers:
                segment.SegmentedPropertyTypeCodeSequence[
                    0
                ].SegmentedPropertyTypeModifierCodeSequence = [modifiers[k]]
            if regions:
                segment.AnatomicRegionSequence = [deepcopy(regions[k])]
            if region_modifiers:
                segment.AnatomicRegionSequence[0].AnatomicRegionModifierSequence = [
                    region_modifiers[k]
                ]

    return change


RIGHT, LEFT = code("24028007"), code("7771000")
READ = {
    "SRT lung with G-A100 and G-A101": typed(
        code("T-28000", "SRT"),
        code("T-28000", "SRT"),
        modifiers=(code("G-A100", "SRT"), code("G-A101", "SRT")),
    ),
    "SRT under the name SNM3": typed(
        code("T-28000", "SNM3"),
        code("T-28000", "SNM3"),
        modifiers=(code("G-A100", "SNM3"), code("G-A101", "SNM3")),
    ),
    "SRT right and left lung": typed(code("T-28100", "SRT"), code("T-28500", "SRT")),
    "SCT lung with an SRT side": typed(
        code("39607008"), code("39607008"), modifiers=(code("G-A100", "SRT"), code("G-A101", "SRT"))
    ),
    "FMA": typed(code("7309", "FMA"), code("7310", "FMA")),
    "tissue with a region": typed(
        code("85756007"), code("T-D0050", "SRT"), regions=(code("3341006"), code("44029006"))
    ),
    "tissue with a region and its side": typed(
        code("85756007"),
        code("85756007"),
        regions=(code("39607008"), code("T-28000", "SRT")),
        region_modifiers=(RIGHT, code("G-A101", "SRT")),
    ),
    "organ with a region": typed(
        code("113343008"), code("113343008"), regions=(code("3341006"), code("44029006"))
    ),
    "lung codes, sides in the labels": typed(
        code("39607008"), code("39607008"), labels=("Right lung", "Left lung")
    ),
    "codes of another scheme, labels": typed(
        code("x", "99A"), code("y", "99A"), labels=("Lung_R", "Lung_L")
    ),
}


@pytest.mark.parametrize("name", READ)
def test_codes_that_mean_the_lungs(name, one, tmp_path):
    mask = read_mask(changed(one, tmp_path, READ[name]), one.grid, one)
    np.testing.assert_array_equal(mask.labels, LABELS)
    assert mask.sided


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            typed(code("4147007"), code("4147007"), regions=(code("3341006"), code("44029006"))),
            "NO-LUNG",
        ),
        (typed(code("27925004"), code("86049000"), labels=("Lung nodule", "Neoplasm")), "NO-LUNG"),
        (typed(code("3341006"), code("3341006")), "LUNG-TWICE"),
        (typed(code("x"), code("y"), labels=("Lung~_R", "Lung_L")), "LUNG-PARTIAL"),
    ],
)
def test_segments_that_are_no_lung_or_contradict_each_other(change, expected, one, tmp_path):
    with pytest.raises(InputRefused) as caught:
        read_mask(changed(one, tmp_path, change), one.grid, one)
    assert caught.value.code == expected


def test_two_identical_segments_of_one_side_are_one(one, tmp_path):
    def change(dataset):
        dataset.SegmentSequence.append(deepcopy(dataset.SegmentSequence[0]))
        dataset.SegmentSequence[2].SegmentNumber = 3
        frames = list(dataset.PerFrameFunctionalGroupsSequence)
        bits = np.unpackbits(np.frombuffer(dataset.PixelData, np.uint8), bitorder="little")
        size = dataset.Rows * dataset.Columns
        more, pixels = [], [bits[: size * len(frames)]]
        for k, frame in enumerate(frames):
            if frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber == 1:
                again = deepcopy(frame)
                again.SegmentIdentificationSequence[0].ReferencedSegmentNumber = 3
                more.append(again)
                pixels.append(bits[k * size : (k + 1) * size])
        dataset.PerFrameFunctionalGroupsSequence = [*frames, *more]
        dataset.NumberOfFrames = len(frames) + len(more)
        dataset.PixelData = np.packbits(np.concatenate(pixels), bitorder="little").tobytes()

    mask, findings = read_judged(changed(one, tmp_path, change), one.grid, one)
    np.testing.assert_array_equal(mask.labels, LABELS)
    assert [finding.code for finding in findings] == ["LUNG-REPEATED"]


def test_lobes_of_a_segmentation(one, tmp_path):
    def change(dataset):
        for segment, value in zip(dataset.SegmentSequence, ("42400003", "44714003"), strict=True):
            segment.SegmentedPropertyTypeCodeSequence = [code(value)]

    mask, findings = read_judged(changed(one, tmp_path, change), one.grid, one)
    np.testing.assert_array_equal(mask.labels, LABELS)
    assert [finding.code for finding in findings] == ["LOBES-MISSING", "LOBES-MISSING"]


def test_positions_with_few_digits_are_read_and_shifts_refused(one, tmp_path):
    def moved(by):
        def change(dataset):
            for frame in dataset.PerFrameFunctionalGroupsSequence:
                place = frame.PlanePositionSequence[0]
                place.ImagePositionPatient = [
                    float(x) + d for x, d in zip(place.ImagePositionPatient, by, strict=True)
                ]

        return change

    for by in ((0.04, 0, 0), (0, -0.1, 0), (0, 0, 0.5)):
        np.testing.assert_array_equal(
            read_mask(changed(one, tmp_path, moved(by)), one.grid, one).labels, LABELS
        )
    for by in ((0.3, 0, 0), (0, -0.3, 0), (0, 0, 0.9)):
        with pytest.raises(GridMismatch) as caught:
            read_mask(changed(one, tmp_path, moved(by)), one.grid, one)
        assert caught.value.code == "GRID-MISMATCH"
        assert str(caught.value).count("origin") == 2

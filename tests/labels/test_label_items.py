"""Items of sequences are counted without reading them; what pydicom reads is the measure."""

from io import BytesIO

import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom import Sequence as Items
from pydicom.filereader import read_dataset
from testing.bombs import good_mask

from pleura.core.errors import UnreadableFile
from pleura.labels.objects import items_in
from pleura.labels.registry import read_mask

SYNTAXES = {
    "implicit": {"implicit_vr": True, "little_endian": True},
    "explicit": {"implicit_vr": False, "little_endian": True},
    "big endian": {"implicit_vr": False, "little_endian": False},
}


def written(items, syntax, *, undefined=False, undefined_items=False):
    """A data set with a sequence, written and read again: nothing of it is parsed yet."""
    dataset = Dataset()
    dataset.ContourSequence = Items(items)
    dataset["ContourSequence"].is_undefined_length = undefined
    for item in dataset.ContourSequence:
        item.is_undefined_length_sequence_item = undefined_items
    file = BytesIO()
    dcmwrite(file, dataset, **SYNTAXES[syntax], enforce_file_format=False)
    file.seek(0)
    return read_dataset(file, SYNTAXES[syntax]["implicit_vr"], SYNTAXES[syntax]["little_endian"])


def item(points):
    one = Dataset()
    one.ContourGeometricType = "CLOSED_PLANAR"
    one.ContourData = [0.0, 1.0, 2.0] * points
    one.ContourImageSequence = Items([Dataset()])
    return one


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("count", [0, 1, 7])
@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("undefined_items", [False, True])
def test_as_many_as_pydicom_reads(syntax, count, undefined, undefined_items):
    items = [item(k) for k in range(count)]
    dataset = written(items, syntax, undefined=undefined, undefined_items=undefined_items)
    assert items_in(dataset, "ContourSequence") == len(dataset.ContourSequence) == count
    assert items_in(dataset, "ContourSequence") == count  # read by now


def test_an_absent_sequence_has_no_items():
    assert items_in(Dataset(), "ContourSequence") == 0


@pytest.mark.parametrize("kept", [slice(1, None), slice(None)])
def test_a_segmentation_needs_a_position_for_each_frame(tmp_path, kept):
    path = good_mask(tmp_path, "Case_000.seg.dcm")
    dataset = dcmread(path)
    groups = list(dataset.PerFrameFunctionalGroupsSequence)
    dataset.PerFrameFunctionalGroupsSequence = Items(groups[kept])
    dataset.save_as(path)
    if kept == slice(None):
        assert read_mask(path).labels.any()
        return
    with pytest.raises(UnreadableFile, match=r"describes 3 frames.* NumberOfFrames is 4"):
        read_mask(path)


def lost(*path):
    """A change that removes an attribute, in the functional groups of each frame or shared."""

    def change(dataset):
        for place in (*dataset.PerFrameFunctionalGroupsSequence,
                      *dataset.SharedFunctionalGroupsSequence, dataset):  # fmt: skip
            for keyword in path[:-1]:
                place = place[keyword][0] if keyword in place else Dataset()
            if path[-1] in place:
                del place[path[-1]]

    return change


def odd(sequence, keyword, value):
    def change(dataset):
        for place in (*dataset.PerFrameFunctionalGroupsSequence,
                      *dataset.SharedFunctionalGroupsSequence):  # fmt: skip
            if sequence in place:
                setattr(place[sequence].value[0], keyword, value)

    return change


def stated(frames):
    return lambda dataset: setattr(dataset, "NumberOfFrames", frames)


def cut(dataset):
    dataset.PixelData = dataset.PixelData[:-2]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lost("PlanePositionSequence"), "frame 1 .* no usable PlanePositionSequence"),
        (lost("PlanePositionSequence", "ImagePositionPatient"), "no usable ImagePositionPatient"),
        (odd("PlanePositionSequence", "ImagePositionPatient", [1, 2]), "ImagePositionPatient"),
        (lost("PlaneOrientationSequence"), "no usable PlaneOrientationSequence"),
        (odd("PlaneOrientationSequence", "ImageOrientationPatient", None), "Orientation"),
        (lost("PixelMeasuresSequence"), "no usable PixelMeasuresSequence"),
        (lost("PixelMeasuresSequence", "PixelSpacing"), "no usable PixelSpacing"),
        (lost("SegmentIdentificationSequence"), "no usable SegmentIdentificationSequence"),
        (lost("SegmentIdentificationSequence", "ReferencedSegmentNumber"), "SegmentNumber"),
        (lost("PerFrameFunctionalGroupsSequence"), "describes 0 frames .* NumberOfFrames is 4"),
        (lost("SegmentSequence"), "no usable SegmentSequence"),
        (lost("PixelData"), "no usable PixelData"),
        (lost("Rows"), "no usable Rows"),
        (stated(3), "describes 4 frames.* NumberOfFrames is 3"),
        (stated(900), "describes 4 frames.* NumberOfFrames is 900"),
        (cut, "truncated: .* bytes of pixels, .* expected for 4 frames"),
    ],
)
def test_what_a_segmentation_lacks_is_the_reason(tmp_path, change, reason):
    path = good_mask(tmp_path, "Case_000.seg.dcm")
    dataset = dcmread(path)
    change(dataset)
    dataset.save_as(path)
    with pytest.raises(UnreadableFile, match=reason) as caught:
        read_mask(path)
    assert caught.value.code in ("SEG-LACKS", "SEG-FRAMES", "SEG-PIXELS")

"""Faults L10 and L11: SEG and RTSTRUCT as written."""

from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread

from pleura.dicom.series import Series, find_series
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume
from pleura.labels.algorithm import Algorithm, algorithm_of
from pleura.labels.registry import read_judged, write_mask
from pleura.phantom.writer import SeriesSpec, series, write_files
from testing.field_cases.case import FieldCase, collector
from testing.field_cases.labels_in import GRID, TRUTH, ct

CASES: list[FieldCase] = []
NETWORK = algorithm_of({"name": "unet", "sha256": "ab" * 32, "threshold": 0.5})
OTHER = algorithm_of({"name": "unet", "sha256": "cd" * 32, "threshold": 0.5})
THRESHOLDS = algorithm_of({"name": "classical"})


def made(one: Series, path: Path, algorithm: Algorithm | None = NETWORK) -> Dataset:
    write_mask(path, LungMask(TRUTH, one.grid), one, algorithm)
    return dcmread(path)


L10 = collector("L10", CASES)


@L10(
    "SEG of the network and of the thresholds: algorithm",
    before="type AUTOMATIC, family Manual Processing, SoftwareVersions 1",
    authority="PS3.16 CID 7162 (123110 Artificial Intelligence, 123104 Morphological Operations)",
    right=r"^network: AUTOMATIC, 123110 .*; thresholds: AUTOMATIC, 123104 .*; the model's SHA-256 "
    r"is named$",
)
def algorithm(folder: Path) -> str:
    one, words = ct(folder), []
    for name, by in (("network", NETWORK), ("thresholds", THRESHOLDS)):
        segment = made(one, folder / f"{name}.seg.dcm", by).SegmentSequence[0]
        (algorithm_item,) = segment.SegmentationAlgorithmIdentificationSequence
        family = algorithm_item.AlgorithmFamilyCodeSequence[0]
        words.append(
            f"{name}: {segment.SegmentAlgorithmType}, {family.CodeValue} {family.CodeMeaning}"
        )
    versions = str(dcmread(folder / "network.seg.dcm").SoftwareVersions)
    named = "is named" if "ab" * 32 in versions else "is missing"
    return "; ".join([*words, f"the model's SHA-256 {named}"])


@L10(
    "SEG and RTSTRUCT of one CT: series",
    before="both with SeriesNumber 1000, no SeriesDate",
    authority="PS3.3 C.7.3.1; OHIF sorts by SeriesDate and SeriesTime",
    right=r"^different SeriesNumber and SeriesInstanceUID; SeriesDate and SeriesTime in both$",
)
def series_of_objects(folder: Path) -> str:
    one = ct(folder)
    objects = [made(one, folder / f"m{suffix}") for suffix in (".seg.dcm", ".rtstruct.dcm")]
    differ = all(
        objects[0][keyword].value != objects[1][keyword].value
        for keyword in ("SeriesNumber", "SeriesInstanceUID")
    )
    dated = all(thing.get("SeriesDate") and thing.get("SeriesTime") for thing in objects)
    return (
        f"{'different' if differ else 'the same'} SeriesNumber and SeriesInstanceUID; "
        f"SeriesDate and SeriesTime in {'both' if dated else 'neither'}"
    )


@L10(
    "the same mask written again, by another model, and with one voxel less",
    before="one SOPInstanceUID whatever the model or version: an archive keeps the old object",
    authority="PS3.5 9 (a UID identifies one object)",
    right=r"^again: same bytes; another model: other SOPInstanceUID and SeriesInstanceUID; "
    r"a voxel less: other SOPInstanceUID, same SeriesInstanceUID$",
)
def uids(folder: Path) -> str:
    one, path = ct(folder), folder / "m.seg.dcm"
    first = made(one, path)
    data = path.read_bytes()
    made(one, path)
    again = "same bytes" if path.read_bytes() == data else "other bytes"
    model = made(one, path, OTHER)
    less = TRUTH.copy()
    less[2, 5, 8] = 0
    write_mask(path, LungMask(less, one.grid), one, NETWORK)
    smaller = dcmread(path)
    return (
        f"again: {again}; another model: {_differs(first, model, 'SOPInstanceUID')} and "
        f"{_differs(first, model, 'SeriesInstanceUID').partition(' ')[2]}; a voxel less: "
        f"{_differs(first, smaller, 'SOPInstanceUID')}, "
        f"{_differs(first, smaller, 'SeriesInstanceUID')}"
    )


def _differs(one: Dataset, other: Dataset, keyword: str) -> str:
    return f"{'same' if one[keyword].value == other[keyword].value else 'other'} {keyword}"


@collector("L11", CASES)(
    "RTSTRUCT with a contour of more than 64 kB of text",
    before="VR UN in Explicit VR",
    authority="PS3.3 C.8.8.6 (note), PS3.5 6.2.2",
    right=r"^Implicit VR Little Endian; contour of (6[5-9]|[7-9]\d|\d{3}) kB; same voxels$",
)
def long_contour(folder: Path) -> str:
    """A comb of 1,500 teeth is one contour."""
    grid = Grid.axial((3, 40, 3000), (3.0, 0.513, 0.517), (-712.123, -10.456, 100.0))
    spec = SeriesSpec(declare_padding=False)
    write_files(folder / "ct", series(Volume(np.zeros(grid.shape, np.int16), grid), spec))
    (one,) = find_series(folder / "ct")
    labels = np.zeros(grid.shape, np.uint8)
    labels[1, 2:38, ::2] = 1
    labels[1, 20] = 1
    path = folder / "m.rtstruct.dcm"
    write_mask(path, LungMask(labels, one.grid, sided=False), one, NETWORK)
    written = dcmread(path)
    contour = written.ROIContourSequence[0].ContourSequence[0]
    size = len("\\".join(str(x) for x in contour.ContourData)) / 1000
    same = np.array_equal(read_judged(path, one.grid, one)[0].labels, labels)
    return (
        f"{written.file_meta.TransferSyntaxUID.name.partition(':')[0]}; contour of {size:.0f} kB; "
        f"{'same' if same else 'other'} voxels"
    )


SLOPPY = {
    "SpecificCharacterSet \\ISO 2022 IR 87": {"SpecificCharacterSet": ["", "ISO 2022 IR 87"]},
    "PatientSex U": {"PatientSex": "U"},
    "no SliceThickness": {"SliceThickness": None},
    "cosines with 1e-4 noise": {
        "ImageOrientationPatient": ["0.9999", "0.0001", "0", "-0.0001", "0.9999", "0"]
    },
}


@collector("R2", CASES)(
    "`--format seg` on CT with " + ", ".join(SLOPPY),
    before="exit 70; the whole batch is lost",
    authority="PS3.3 C.12.1.1.2; our own rule: an item fails alone",
    right=r"^4 of 4 written and read back with the same voxels$",
)
def sloppy(folder: Path) -> str:
    good = 0
    for number, values in enumerate(SLOPPY.values()):
        place = folder / str(number)
        spec = SeriesSpec(declare_padding=False)
        slices = series(Volume(np.zeros(GRID.shape, np.int16), GRID), spec)
        for one in slices:
            for keyword, value in values.items():
                setattr(one, keyword, value)
        write_files(place / "ct", slices)
        (found,) = find_series(place / "ct")
        write_mask(place / "m.seg.dcm", LungMask(TRUTH, found.grid), found, NETWORK)
        back = read_judged(place / "m.seg.dcm", found.grid, found)[0]
        good += np.array_equal(back.labels, TRUTH)
    return f"{good} of {len(SLOPPY)} written and read back with the same voxels"

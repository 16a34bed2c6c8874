"""Hostile label objects beside a good series, each declared in a line (cases 23 to 25): structure
sets and segmentations.

Made with pydicom alone. Each gives its true mask through `prepare` and `evaluate`, or the refusal
that is named here.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.phantom.identity import uid
from pleura.phantom.writer import SeriesSpec, series, write_files

if TYPE_CHECKING:
    from pydicom import Dataset

Labels = NDArray[np.uint8]
SHAPE = (10, 32, 36)
RTSTRUCT, SEG = "1.2.840.10008.5.1.4.1.1.481.3", "1.2.840.10008.5.1.4.1.1.66.4"
BOXES = {"Lung_R": (8, 24, 4, 14), "Lung_L": (8, 24, 22, 32)}
"""First and last rows and columns (the last one out) of two box-shaped lungs, on all slices but
the outer two.
"""
RISE = range(2, 8)
Square = tuple[int, int, int, int]


@dataclass(frozen=True)
class LabelCase:
    """A hostile label object. `write` fills a folder and returns the true labels, or `None` where
    it must be refused.

    `codes` are findings, or the code of the refusal, that must be told.
    """

    number: str
    name: str
    codes: tuple[str, ...]
    write: Callable[[Path], Labels | None]


def boxes() -> tuple[Volume, Labels]:
    """Two boxes of lung in soft tissue amid air, and their labels: 1 right, 2 left."""
    hu = np.full(SHAPE, -1000, np.int16)
    hu[:, 2:30, 2:34] = 40
    labels = np.zeros(SHAPE, np.uint8)
    for label, (top, bottom, first, last) in enumerate(BOXES.values(), 1):
        labels[RISE.start : RISE.stop, top:bottom, first:last] = label
    hu[labels > 0] = -850
    hu += np.random.default_rng(0).integers(-9, 10, SHAPE).astype(np.int16)
    return Volume(hu, Grid.axial(SHAPE, (18.0, 8.0, 9.6), (-160.0, -120.0, 50.0))), labels


def square(k: float, box: Square, grid: Grid) -> list[str]:
    """ContourData of a box round its pixels, in the plane of slice `k`."""
    top, bottom, first, last = (edge - 0.5 for edge in box)
    corners = [[k, top, first], [k, top, last], [k, bottom, last], [k, bottom, first]]
    return [f"{x:.4f}" for x in grid.to_world(corners).ravel()]


def structure_set(
    slices: "Sequence[Dataset]",
    grid: Grid,
    *,
    off: float = 0.0,
    named: str | None = "own",
    names: dict[str, str] | None = None,
    extra: "Callable[[Dataset], None] | None" = None,
    hole: Square | None = None,
    **tags: Any,
) -> "Dataset":
    """The boxes as contours `off` slices higher; `named` tells which instances contours name:
    own, next, or `None`.
    """

    frame = slices[0].FrameOfReferenceUID
    rois, drawn = [], []
    for number, (name, box) in enumerate(BOXES.items(), 1):
        contours = []
        for k in RISE:
            for shape in (box, *([hole] if hole and name == "Lung_R" else [])):
                contour = _item(
                    ContourGeometricType="CLOSED_PLANAR",
                    NumberOfContourPoints=4,
                    ContourData=square(k + off, shape, grid),
                )
                if named:
                    of = slices[k + (named == "next")]
                    image = _item(
                        ReferencedSOPClassUID=of.SOPClassUID,
                        ReferencedSOPInstanceUID=of.SOPInstanceUID,
                    )
                    contour.ContourImageSequence = [image]
                contours.append(contour)
        rois.append(
            _item(
                ROINumber=number,
                ROIName=(names or {}).get(name, name),
                ReferencedFrameOfReferenceUID=frame,
            )
        )
        drawn.append(_item(ReferencedROINumber=number, ContourSequence=contours))
    # of which nothing is drawn
    rois.append(_item(ROINumber=9, ROIName="Heart", ReferencedFrameOfReferenceUID=frame))
    one = _object(slices, RTSTRUCT, "RTSTRUCT")
    of_series = _item(SeriesInstanceUID=slices[0].SeriesInstanceUID)
    of_study = _item(RTReferencedSeriesSequence=[of_series])
    one.ReferencedFrameOfReferenceSequence = [
        _item(FrameOfReferenceUID=frame, RTReferencedStudySequence=[of_study])
    ]
    one.StructureSetROISequence, one.ROIContourSequence = rois, drawn
    if extra:
        extra(one)
    for keyword, value in tags.items():
        setattr(one, keyword, value)
    return one


def _item(**values: Any) -> "Dataset":
    """A sequence item with these attributes."""
    from pydicom import Dataset

    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def segmentation(
    slices: "Sequence[Dataset]",
    labels: Labels,
    *,
    order: int = 1,
    empty: bool = False,
    shift_mm: float = 0.0,
) -> "Dataset":
    """The labels as a binary segmentation, frames in either `order`; `empty` frames are left out
    or written.
    """

    one = _object(slices, SEG, "SEG")
    one.Rows, one.Columns = labels.shape[1:]
    one.SamplesPerPixel, one.PhotometricInterpretation, one.PixelRepresentation = (
        1,
        "MONOCHROME2",
        0,
    )
    one.BitsAllocated, one.BitsStored, one.HighBit = 1, 1, 0
    one.ImageType, one.SegmentationType, one.ContentLabel = (
        ["DERIVED", "PRIMARY"],
        "BINARY",
        "LUNGS",
    )
    one.ReferencedSeriesSequence = [
        _item(
            SeriesInstanceUID=slices[0].SeriesInstanceUID,
            ReferencedInstanceSequence=[
                _item(
                    ReferencedSOPClassUID=s.SOPClassUID, ReferencedSOPInstanceUID=s.SOPInstanceUID
                )
                for s in slices
            ],
        )
    ]

    def code(value: str, meaning: str) -> "Dataset":
        return _item(CodeValue=value, CodingSchemeDesignator="SCT", CodeMeaning=meaning)

    anatomy = code("123037004", "Anatomical Structure")
    one.SegmentSequence = [
        _item(
            SegmentNumber=number,
            SegmentLabel=name,
            SegmentAlgorithmType="MANUAL",
            SegmentedPropertyCategoryCodeSequence=[anatomy],
            SegmentedPropertyTypeCodeSequence=[code(value, meaning)],
        )
        for number, (name, value, meaning) in enumerate(
            (("Lung_R", "3341006", "Right lung"), ("Lung_L", "44029006", "Left lung")), 1
        )
    ]
    first = slices[0]
    one.SharedFunctionalGroupsSequence = [
        _item(
            PlaneOrientationSequence=[_item(ImageOrientationPatient=first.ImageOrientationPatient)],
            PixelMeasuresSequence=[
                _item(PixelSpacing=first.PixelSpacing, SliceThickness=first.SliceThickness)
            ],
        )
    ]
    frames, groups = [], []
    for number in (1, 2)[::order]:
        for k in range(labels.shape[0])[::order]:
            there = labels[k] == number
            if not (there.any() or empty):
                continue
            x, y, z = (float(c) for c in slices[k].ImagePositionPatient)
            frames.append(there)
            groups.append(
                _item(
                    PlanePositionSequence=[_item(ImagePositionPatient=[x + shift_mm, y, z])],
                    SegmentIdentificationSequence=[_item(ReferencedSegmentNumber=number)],
                    FrameContentSequence=[_item(DimensionIndexValues=[number, k + 1])],
                )
            )
    organisation = uid("organisation", one.SOPInstanceUID)
    one.DimensionOrganizationSequence = [_item(DimensionOrganizationUID=organisation)]
    one.DimensionIndexSequence = [
        _item(
            DimensionOrganizationUID=organisation,
            DimensionIndexPointer=tag,
            FunctionalGroupPointer=group,
        )
        for tag, group in ((0x0062000B, 0x0062000A), (0x00200032, 0x00209113))
    ]
    one.PerFrameFunctionalGroupsSequence, one.NumberOfFrames = groups, str(len(frames))
    bits = np.packbits(np.array(frames).ravel(), bitorder="little").tobytes()
    one.add_new(0x7FE00010, "OB", bits + b"\0" * (len(bits) % 2))
    return one


def _object(slices: "Sequence[Dataset]", sop_class: str, modality: str) -> "Dataset":
    """The head of a label object of the slices' patient and study."""
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian

    one = Dataset()
    for keyword in (
        "PatientName",
        "PatientID",
        "StudyInstanceUID",
        "FrameOfReferenceUID",
        "StudyDate",
    ):
        setattr(one, keyword, slices[0].get(keyword))
    one.SOPClassUID, one.Modality = sop_class, modality
    one.SeriesInstanceUID, one.SOPInstanceUID = (
        uid("labels of", slices[0].SeriesInstanceUID),
        uid("label", modality),
    )
    one.file_meta = FileMetaDataset()
    one.file_meta.MediaStorageSOPClassUID, one.file_meta.MediaStorageSOPInstanceUID = (
        UID(sop_class),
        one.SOPInstanceUID,
    )
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return one


def _hashed(one: "Dataset") -> None:
    """References made before the scan's UIDs were hashed."""
    frame = one.ReferencedFrameOfReferenceSequence[0]
    frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence[0].SeriesInstanceUID = uid(
        "before"
    )
    for roi in one.ROIContourSequence:
        for contour in roi.ContourSequence:
            del contour.ContourImageSequence


def _degenerate(one: "Dataset") -> None:
    contours = one.ROIContourSequence[0].ContourSequence
    point = contours[0].ContourData[:3]
    for values in (point, [*point, *point]):
        more = deepcopy(contours[0])
        more.ContourData, more.NumberOfContourPoints = values, len(values) // 3
        contours.append(more)


def _other_frame(one: "Dataset") -> None:
    other = uid("another frame")
    one.FrameOfReferenceUID = one.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID = other
    for roi in one.StructureSetROISequence:
        roi.ReferencedFrameOfReferenceUID = other


def _contours(
    shift: int = 0, hollow: bool = False, usable: bool = True, **told: Any
) -> Callable[[Path], Labels | None]:
    def write(folder: Path) -> Labels | None:
        volume, labels = boxes()
        slices = series(volume, SeriesSpec(declare_padding=False))
        hole = (12, 16, 7, 10) if hollow else None
        write_files(folder / "Case_001", slices)
        write_files(folder / "labels", [structure_set(slices, volume.grid, hole=hole, **told)])
        if hole:
            labels[RISE.start : RISE.stop, hole[0] : hole[1], hole[2] : hole[3]] = 0
        return np.roll(labels, shift, axis=0) if usable else None

    return write


def _frames(usable: bool = True, **told: Any) -> Callable[[Path], Labels | None]:
    def write(folder: Path) -> Labels | None:
        volume, labels = boxes()
        slices = series(volume, SeriesSpec(declare_padding=False))
        write_files(folder / "Case_001", slices)
        write_files(folder / "labels", [segmentation(slices, labels, **told)])
        return labels if usable else None

    return write


LABEL_CASES: tuple[LabelCase, ...] = (
    LabelCase("23", "structure set, clean", (), _contours()),
    LabelCase("23", "contours name no instance", (), _contours(named=None)),
    LabelCase(
        "23",
        "contours name the next slice's instance",
        ("CONTOURS-WRONG-INSTANCE",),
        _contours(named="next"),
    ),
    LabelCase(
        "23",
        "contours of one and two points",
        ("CONTOURS-DEGENERATE",),
        _contours(extra=_degenerate),
    ),
    LabelCase("23", "a hole by even-odd", (), _contours(hollow=True)),
    LabelCase(
        "23", "contours 0.3 of a slice too high", ("CONTOURS-BETWEEN-SLICES",), _contours(off=0.3)
    ),
    LabelCase(
        "23",
        "names as clinics write them",
        (),
        _contours(names={"Lung_R": "RT LUNG", "Lung_L": "Lung L"}),
    ),
    LabelCase(
        "23",
        "no lung among the names",
        ("NO-LUNG",),
        _contours(names={"Lung_R": "GTV", "Lung_L": "Cord"}, usable=False),
    ),
    LabelCase(
        "23",
        "two right lungs",
        ("LUNG-TWICE",),
        _contours(names={"Lung_L": "Right lung"}, usable=False),
    ),
    LabelCase("24", "segmentation, empty frames left out", (), _frames()),
    LabelCase("24", "frames in reverse, empty ones there", (), _frames(order=-1, empty=True)),
    LabelCase(
        "24", "frames half a pixel off", ("GRID-MISMATCH",), _frames(shift_mm=4.8, usable=False)
    ),
    LabelCase(
        "25",
        "references from before de-identification",
        ("LABELS-JOINED",),
        _contours(extra=_hashed),
    ),
    LabelCase(
        "25",
        "another frame of reference",
        ("FRAME-OF-REFERENCE",),
        _contours(extra=_other_frame, usable=False),
    ),
)

"""Write DICOM Segmentations (PS3.3 A.51): BINARY, by segment, then slice, no empty frames."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask
from pleura.labels.algorithm import Algorithm
from pleura.labels.encoder import ELEMENTS, Item, decimal, encode_file
from pleura.labels.object_header import (
    coded,
    common_header,
    content_date,
    instances,
    names_of,
    reference,
    uid_of,
    with_uid,
)
from pleura.labels.objects import SEGMENTATIONS

if TYPE_CHECKING:
    from pleura.dicom.plane import Plane
    from pleura.dicom.series import Series

TYPES = {
    "Lung_R": ("3341006", "Right lung"),
    "Lung_L": ("44029006", "Left lung"),
    "Lungs": ("39607008", "Lung"),
}
"""SNOMED CT codes of the segments."""
COLOURS = {
    "Lung_R": (41975, 30040, 25700),
    "Lung_L": (43690, 42405, 50629),
    "Lungs": (45875, 25700, 40092),
}
"""CIELab values as PS3.3 C.10.7.1.1 encodes them."""
DIMENSIONS = (
    ("ReferencedSegmentNumber", "SegmentIdentificationSequence", "Referenced Segment Number"),
    ("ImagePositionPatient", "PlanePositionSequence", "Image Position Patient"),
)


def write(path: Path, mask: LungMask, series: "Series", algorithm: Algorithm | None = None) -> None:
    """Write a segmentation on the slices of `series`, with references to every instance.

    UIDs come from the content and dates from the series, so the same mask by the same algorithm
    gives the same bytes.

    Raises:
        InputRefused: `NO-UIDS`: the series cannot be referenced.
    """
    path.write_bytes(encode_file(segmentation(mask, series, algorithm)))


def segmentation(mask: LungMask, series: "Series", algorithm: Algorithm | None) -> dict[str, Any]:
    """The data set of a segmentation."""
    made = common_header(series, SEGMENTATIONS[0], "SEG", algorithm)
    day, time = content_date(made)
    names = names_of(mask)
    frames = _frames(mask, list(names.values()))
    organisation = uid_of(made["SeriesInstanceUID"], "dimensions")
    made |= {
        "ImageType": ["DERIVED", "PRIMARY"],
        "ContentDate": day,
        "ContentTime": time,
        "SeriesDescription": "Lungs (pleura)",
        "DeviceSerialNumber": "software",
        "ReferencedSeriesSequence": [
            {
                "SeriesInstanceUID": series.series_uid,
                "ReferencedInstanceSequence": instances(series.files),
            }
        ],
        "DimensionOrganizationSequence": [{"DimensionOrganizationUID": organisation}],
        "DimensionIndexSequence": [
            _dimension(organisation, *dimension) for dimension in DIMENSIONS
        ],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "NumberOfFrames": len(frames),
        "Rows": mask.grid.shape[1],
        "Columns": mask.grid.shape[2],
        "BitsAllocated": 1,
        "BitsStored": 1,
        "HighBit": 0,
        "PixelRepresentation": 0,
        "LossyImageCompression": "00",
        "SegmentationType": "BINARY",
        "SegmentsOverlap": "NO",
        "SegmentSequence": [
            _segment(number, name, algorithm) for number, name in enumerate(names, 1)
        ],
        "ContentLabel": "LUNGS",
        "ContentDescription": "",
        "ContentCreatorName": "",
        "SharedFunctionalGroupsSequence": [_shared(mask.grid)],
        "PerFrameFunctionalGroupsSequence": [
            _frame(number, k, series.files[k], mask.grid) for number, _, k in frames
        ],
        "PixelData": _bits(mask, [(label, k) for _, label, k in frames]),
    }
    return with_uid(made)


def _frames(mask: LungMask, labels: list[int]) -> list[tuple[int, int, int]]:
    """Segment number, label and slice of each frame; all of the first segment if empty."""
    found = []
    for number, label in enumerate(labels, 1):
        for k in np.flatnonzero(mask.counts(label)[0]).tolist():
            found.append((number, label, k))
    return found or [(1, labels[0], k) for k in range(mask.grid.shape[0])]


def _bits(mask: LungMask, frames: list[tuple[int, int]]) -> bytes:
    """The pixels of each frame (label and slice), one bit each, without gaps (PS3.5 8.1.1).

    Eight frames at a time fill whole bytes, whatever their size.
    """
    packed = []
    for start in range(0, len(frames), 8):
        pixels = [mask.labels[k] == label for label, k in frames[start : start + 8]]
        packed.append(np.packbits(np.stack(pixels), bitorder="little").tobytes())
    return b"".join(packed)


def _dimension(organisation: str, pointer: str, group: str, label: str) -> Item:
    return {
        "DimensionOrganizationUID": organisation,
        "DimensionIndexPointer": ELEMENTS[pointer][0],
        "FunctionalGroupPointer": ELEMENTS[group][0],
        "DimensionDescriptionLabel": label,
    }


def _segment(number: int, name: str, algorithm: Algorithm | None) -> Item:
    made: dict[str, Any] = {
        "SegmentNumber": number,
        "SegmentLabel": name,
        "SegmentedPropertyCategoryCodeSequence": [coded("123037004", "Anatomical Structure")],
        "SegmentedPropertyTypeCodeSequence": [coded(*TYPES[name])],
        "RecommendedDisplayCIELabValue": COLOURS[name],
    }
    if algorithm is None:  # the caller's own mask, of unknown origin
        return made | {
            "SegmentAlgorithmType": "SEMIAUTOMATIC",
            "SegmentAlgorithmName": "not stated",
        }
    parameters = [f"model_sha256={algorithm.model_sha256}"] if algorithm.model_sha256 else []
    parameters += [algorithm.parameters] if algorithm.parameters else []
    identification = {
        "AlgorithmFamilyCodeSequence": [coded(*algorithm.family, scheme="DCM")],
        "AlgorithmName": algorithm.name,
        "AlgorithmVersion": algorithm.version,
        "AlgorithmParameters": ", ".join(parameters) or None,
    }
    return made | {
        "SegmentAlgorithmType": "AUTOMATIC",
        "SegmentAlgorithmName": algorithm.name,
        "SegmentationAlgorithmIdentificationSequence": [identification],
    }


def _shared(grid: Grid) -> Item:
    """Attributes of all frames: orthonormal cosines, pixel spacing, and a uniform slice spacing."""
    row = grid.affine[:3, 2] / np.linalg.norm(grid.affine[:3, 2])
    column = grid.affine[:3, 1] - row * (row @ grid.affine[:3, 1])
    column = column / np.linalg.norm(column)
    step, *spacing = grid.spacing_mm
    measures = {
        "SliceThickness": decimal(step),
        "SpacingBetweenSlices": decimal(step) if grid.is_even else None,
        "PixelSpacing": [decimal(mm) for mm in spacing],
    }
    cosines = {"ImageOrientationPatient": [decimal(x) for x in (*row, *column)]}
    return {"PixelMeasuresSequence": [measures], "PlaneOrientationSequence": [cosines]}


def _frame(number: int, k: int, plane: "Plane", grid: Grid) -> Item:
    position = plane.position if plane.position is not None else grid.to_world([k, 0, 0])
    source = {
        **reference(plane),
        "SpatialLocationsPreserved": "YES",
        "PurposeOfReferenceCodeSequence": [
            coded("121322", "Source image for image processing operation", "DCM")
        ],
    }
    derivation = {
        "SourceImageSequence": [source],
        "DerivationCodeSequence": [coded("113076", "Segmentation", "DCM")],
    }
    return {
        "DerivationImageSequence": [derivation],
        "FrameContentSequence": [{"DimensionIndexValues": [number, k + 1]}],
        "PlanePositionSequence": [{"ImagePositionPatient": [decimal(x) for x in position]}],
        "SegmentIdentificationSequence": [{"ReferencedSegmentNumber": number}],
    }

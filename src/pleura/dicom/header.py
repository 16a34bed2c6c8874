"""Headers: what one image plane says of itself. A frame of a multi-frame object is a plane like any file (pitfall 16)."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pleura.core.errors import UnreadableFile

TECHNICAL = (
    "Manufacturer",
    "ManufacturerModelName",
    "ConvolutionKernel",
    "KVP",
    "SliceThickness",
    "SpacingBetweenSlices",
    "GantryDetectorTilt",
    "PatientPosition",
    "BodyPartExamined",
    "ImageType",
    "LossyImageCompression",
    "BurnedInAnnotation",
)
"""Attributes kept for people to read; none of them names anybody."""

TELLING = (
    "AcquisitionNumber",
    "TemporalPositionIdentifier",
    "NominalPercentageOfCardiacPhase",
    "TriggerTime",
    "ConvolutionKernel",
    "ImageType",
    "AcquisitionTime",
    "ContentTime",
)
"""What may tell volumes apart that share a SeriesInstanceUID, in the order that it is asked (pitfall 3)."""

WANTED = [
    *TECHNICAL,
    *TELLING,
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "FrameOfReferenceUID",
    "Modality",
    "InstanceNumber",
    "NumberOfFrames",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    "Rows",
    "Columns",
    "PixelSpacing",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
    "ModalityLUTSequence",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
]


class Cells(NamedTuple):
    """How stored values lie in their cells (PS3.5 section 8)."""

    allocated: int
    stored: int
    high_bit: int
    signed: bool
    samples: int
    photometric: str


PLAIN = Cells(16, 16, 15, False, 1, "MONOCHROME2")


@dataclass(frozen=True)
class Plane:
    """One image plane, or one object without an image: its place, its values' meaning and where its pixels are.

    `offset` and `length` are the place of uncompressed pixels in the file; `None` where the file must be decoded. Lengths in
    mm, LPS. `position`, `orientation` and `spacing` are `None` where the header is silent.
    """

    path: Path
    frame: int
    sop_class: str
    sop_uid: str
    study_uid: str
    series_uid: str
    frame_uid: str
    modality: str
    syntax: str
    rows: int = 0
    columns: int = 0
    position: tuple[float, ...] | None = None
    orientation: tuple[float, ...] | None = None
    spacing: tuple[float, ...] | None = None
    slope: float | None = None
    intercept: float | None = None
    rescale_type: str = ""
    modality_lut: bool = False
    cells: Cells = PLAIN
    padding: tuple[int, int] | None = None
    image_type: tuple[str, ...] = ()
    series_number: int = 0
    instance_number: int | None = None
    telling: tuple[str, ...] = ()
    technical: Mapping[str, str] = field(default_factory=dict)
    offset: int | None = None
    length: int = 0
    complete: bool = True
    has_pixels: bool = True


def read_planes(path: Path) -> list[Plane]:
    """The planes of a DICOM file: one, or as many as it has frames; one without pixels for an object that is no image.

    Raises:
        UnreadableFile: DICOM by its looks, but broken.
    """
    from pydicom import dcmread

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what pydicom warns of (odd values) is judged below or harmless
        try:
            with path.open("rb") as file:
                dataset = dcmread(file, stop_before_pixels=True, specific_tags=WANTED, force=True)
                place = file.tell()
                head = file.read(16)
            size = path.stat().st_size
            return _planes(path, dataset, place, head, size)
        except UnreadableFile:
            raise
        except Exception as error:  # a broken header fails in any of pydicom's many ways
            raise UnreadableFile("a DICOM file whose header is broken") from error


def _planes(path: Path, dataset: Any, place: int, head: bytes, size: int) -> list[Plane]:
    if "SOPClassUID" not in dataset and "Rows" not in dataset:
        raise UnreadableFile("a DICOM file without SOPClassUID and Rows: broken or cut off")
    meta = dataset.file_meta
    syntax = str(meta.get("TransferSyntaxUID", "") or _guessed(dataset))
    frames = int(dataset.get("NumberOfFrames") or 1)
    common: dict[str, Any] = {
        "path": path,
        "sop_class": str(dataset.get("SOPClassUID") or meta.get("MediaStorageSOPClassUID") or _class_by_looks(dataset)),
        "sop_uid": str(dataset.get("SOPInstanceUID", "")),
        "study_uid": str(dataset.get("StudyInstanceUID", "")),
        "series_uid": str(dataset.get("SeriesInstanceUID", "")),
        "frame_uid": str(dataset.get("FrameOfReferenceUID", "")),
        "modality": str(dataset.get("Modality", "")),
        "syntax": syntax,
        "series_number": _whole(dataset.get("SeriesNumber")) or 0,
        "technical": {name: _text(dataset.get(name)) for name in TECHNICAL if _text(dataset.get(name))},
    }
    if "Rows" not in dataset or "BitsAllocated" not in dataset:
        return [Plane(frame=0, has_pixels=False, **common)]
    common |= _pixels(dataset, syntax, place, head, size, frames)
    shared = dataset.get("SharedFunctionalGroupsSequence")
    each = dataset.get("PerFrameFunctionalGroupsSequence")
    planes = []
    for number in range(frames):
        groups = [dataset]
        groups += [shared[0]] if shared else []
        groups += [each[number]] if each and number < len(each) else []
        told = common | _geometry(groups)
        if told["offset"] is not None:
            told["offset"] += number * told["length"]
        planes.append(Plane(frame=number, telling=tuple(_text(dataset.get(name)) for name in TELLING), **told))
    return planes


def _pixels(dataset: Any, syntax: str, place: int, head: bytes, size: int, frames: int) -> dict[str, Any]:
    """What the header says of the cells, and where in the file uncompressed pixels lie."""
    from pleura.codecs.frames import BIG_ENDIAN, NATIVE

    allocated = int(dataset.BitsAllocated)
    stored = int(dataset.get("BitsStored") or allocated)
    signed = bool(int(dataset.get("PixelRepresentation") or 0))
    samples = int(dataset.get("SamplesPerPixel") or 1)
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    length = rows * columns * samples * allocated // 8
    native = syntax in NATIVE and "Deflated" not in NATIVE[syntax]
    offset, complete, has = None, True, True
    if native:
        big = syntax == BIG_ENDIAN
        tag = head[:4]
        has = tag == (b"\x7f\xe0\x00\x10" if big else b"\xe0\x7f\x10\x00")
        offset = place + (12 if head[4:6] in (b"OW", b"OB", b"UN") else 8)
        complete = has and offset + length * frames <= size
        # cut off before the pixels begin reads as no pixels at all: an image object must have them
    high = int(dataset.get("HighBit") if dataset.get("HighBit") is not None else stored - 1)
    photometric = str(dataset.get("PhotometricInterpretation", ""))
    return {
        "rows": rows,
        "columns": columns,
        "cells": Cells(allocated, stored, high, signed, samples, photometric),
        "padding": _padding(dataset, signed, allocated),
        "image_type": tuple(str(v) for v in _several(dataset.get("ImageType"))),
        "instance_number": _whole(dataset.get("InstanceNumber")),
        "modality_lut": bool(dataset.get("ModalityLUTSequence")),
        "offset": offset,
        "length": length,
        "complete": complete,
        "has_pixels": has or native,
    }


def _geometry(groups: list[Any]) -> dict[str, Any]:
    """Place and rescale of one frame: the last group that tells a thing is right."""
    told: dict[str, Any] = {}
    sequences = {
        "PlanePositionSequence": {"ImagePositionPatient": "position"},
        "PlaneOrientationSequence": {"ImageOrientationPatient": "orientation"},
        "PixelMeasuresSequence": {"PixelSpacing": "spacing"},
        "PixelValueTransformationSequence": {
            "RescaleSlope": "slope",
            "RescaleIntercept": "intercept",
            "RescaleType": "rescale_type",
        },
    }
    for group in groups:
        for sequence, names in sequences.items():
            inner = group.get(sequence)
            for source in (group, inner[0] if inner else None):
                for name, key in names.items():
                    value = source.get(name) if source is not None else None
                    if value is not None and value != "":
                        told[key] = value
    lengths = {"position": 3, "orientation": 6, "spacing": 2}
    for key, length in lengths.items():
        values = tuple(float(v) for v in _several(told.get(key)))
        told[key] = values if len(values) == length else None
    for key in ("slope", "intercept"):
        told[key] = None if told.get(key) is None else float(told[key])
    told["rescale_type"] = str(told.get("rescale_type", ""))
    return told


def _padding(dataset: Any, signed: bool, allocated: int) -> tuple[int, int] | None:
    """Declared padding in stored units, lowest and highest; a US that means a negative SS is read so (pitfall 18)."""
    value = _whole(dataset.get("PixelPaddingValue"))
    if value is None:
        return None
    limit = _whole(dataset.get("PixelPaddingRangeLimit"))
    ends = [_as_stored(v, signed, allocated) for v in (value, value if limit is None else limit)]
    return min(ends), max(ends)


def _as_stored(value: int, signed: bool, allocated: int) -> int:
    if signed and value >= 1 << (allocated - 1):
        return value - (1 << allocated)
    if not signed and value < 0:
        return value + (1 << allocated)
    return value


def _class_by_looks(dataset: Any) -> str:
    """CT Image, where an anonymiser took the class away from what says CT and holds an image plane."""
    looks = dataset.get("Modality") == "CT" and "Rows" in dataset and "ImagePositionPatient" in dataset
    return "1.2.840.10008.5.1.4.1.1.2" if looks else ""


def _guessed(dataset: Any) -> str:
    """The syntax of a file without meta header, as pydicom found it."""
    if getattr(dataset, "original_encoding", (True, True))[0]:
        return "1.2.840.10008.1.2"
    return "1.2.840.10008.1.2.1" if dataset.original_encoding[1] else "1.2.840.10008.1.2.2"


def _several(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return list(value) if not isinstance(value, (str, int, float)) and hasattr(value, "__iter__") else [value]


def _text(value: Any) -> str:
    return "\\".join(str(v) for v in _several(value)).strip()


def _whole(value: Any) -> int | None:
    values = _several(value)
    if not values:
        return None
    try:
        return int(values[0]) if not isinstance(values[0], bytes) else int.from_bytes(values[0][:2], "little", signed=True)
    except (TypeError, ValueError):
        return None

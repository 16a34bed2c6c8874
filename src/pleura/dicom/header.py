"""Headers: what one image plane says of itself. A frame of a multi-frame object is a plane like any file (pitfall 16)."""

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pleura.codecs.frames import BIG_ENDIAN, NATIVE
from pleura.core.errors import UnreadableFile
from pleura.dicom.walk import FIRST_READ, TAGS, Walked, walk

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

WANTED = [*TAGS.values(), "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "ModalityLUTSequence"]


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

    `offset` and `length` are the place of uncompressed pixels in the file; `None` where the file must be decoded, and then
    `place` is where PixelData begins, if it is one frame. Of a `member` of an `archive` (zip, tar), `path` is the archive's own
    path with the member's name behind it. Lengths in mm, LPS. `position`, `orientation` and `spacing` are `None` where the
    header is silent.
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
    place: int | None = None
    length: int = 0
    archive: Path | None = None
    member: str = ""
    complete: bool = True
    has_pixels: bool = True


HEADLESS = (b"\x02\x00", b"\x08\x00", b"\x00\x08")
"""How a file without preamble begins: group 0002 or 0008, either byte order."""


def begins_dicom(head: bytes) -> bool:
    """Whether a file's first 132 bytes are DICOM's: DICM after the preamble, or a data set at once (pitfall 6)."""
    if head[128:132] == b"DICM":
        return True
    if len(head) < 132 or head[:2] not in HEADLESS:
        return False
    element = int.from_bytes(head[2:4], "little" if head[0] else "big")
    return element <= 0x0070 and (head[4:6].isalpha() or head[6:8] == b"\0\0" or head[4:6] == b"\0\0")


def read_planes(path: Path) -> list[Plane]:
    """The planes of a DICOM file: one, or as many as it has frames; one without pixels for an object that is no image.

    Raises:
        UnreadableFile: broken, or no DICOM at all.
    """
    with path.open("rb", buffering=0) as file:
        planes = planes_of(file, os.fstat(file.fileno()).st_size, path)
    if not planes:
        raise UnreadableFile("not a DICOM file")
    return planes


def planes_of(file: BinaryIO, size: int, path: Path, archive: Path | None = None, member: str = "") -> list[Plane]:
    """As `read_planes`, from an open file of `size` bytes; empty where it is no DICOM by its looks."""
    try:
        head = file.read(FIRST_READ)
        if not begins_dicom(head):
            return []
        return _planes((path, archive, member), walk(file, size, head) or _parsed(file), size)
    except UnreadableFile:
        raise
    except Exception as error:  # a broken header fails in any of pydicom's many ways
        raise UnreadableFile("a DICOM file whose header is broken") from error


def _parsed(file: BinaryIO) -> Walked:
    """What `walk` gives, from pydicom: for files that are not plain."""
    from pydicom import dcmread

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what pydicom warns of (odd values) is judged elsewhere or harmless
        file.seek(0)
        dataset = dcmread(file, stop_before_pixels=True, specific_tags=WANTED, force=True)
        place = file.tell()
        values = {name: dataset.get(name) for name in WANTED if name in dataset}
    meta = dataset.file_meta
    syntax = str(meta.get("TransferSyntaxUID", "") or _guessed(dataset))
    return Walked(values, syntax, str(meta.get("MediaStorageSOPClassUID", "")), place, file.read(16))


def _planes(where: tuple[Path, Path | None, str], walked: Walked, size: int) -> list[Plane]:
    told = walked.values
    if "SOPClassUID" not in told and "Rows" not in told:
        raise UnreadableFile("a DICOM file without SOPClassUID and Rows: broken or cut off")
    frames = _whole(told.get("NumberOfFrames")) or 1
    if not 0 < frames <= size:
        raise UnreadableFile("a DICOM file that declares more frames than it can hold")
    common = dict(_shared_by_slices(*(_hashable(told.get(name)) for name in SHARED)))
    common |= {
        "path": where[0],
        "archive": where[1],
        "member": where[2],
        "sop_class": str(told.get("SOPClassUID") or walked.media_class or _class_by_looks(told)),
        "sop_uid": str(told.get("SOPInstanceUID") or ""),
        "syntax": walked.syntax,
    }
    if "Rows" not in told or "BitsAllocated" not in told:
        return [Plane(frame=0, has_pixels=False, **common)]
    common |= _pixels(walked, size, frames)
    common["telling"] = tuple([_text(told.get(name)) for name in TELLING])
    shared = told.get("SharedFunctionalGroupsSequence")
    each = told.get("PerFrameFunctionalGroupsSequence")
    start = common.pop("offset")
    planes = []
    for number in range(frames):
        groups: list[Any] = [told]
        groups += [shared[0]] if shared else []
        groups += [each[number]] if each and number < len(each) else []
        common |= _geometry(groups)
        place = None if start is None else start + number * common["length"]
        planes.append(Plane(frame=number, offset=place, **common))
    return planes


def _pixels(walked: Walked, size: int, frames: int) -> dict[str, Any]:
    """What the header says of the cells, and where in the file uncompressed pixels lie."""
    told, syntax, head = walked.values, walked.syntax, walked.head
    allocated = int(told["BitsAllocated"])
    stored = int(told.get("BitsStored") or allocated)
    high = told.get("HighBit")
    signed = bool(int(told.get("PixelRepresentation") or 0))
    samples = int(told.get("SamplesPerPixel") or 1)
    rows, columns = int(told["Rows"]), int(told["Columns"])
    length = rows * columns * samples * allocated // 8
    native = syntax in NATIVE and "Deflated" not in NATIVE[syntax]
    big = syntax == BIG_ENDIAN
    has = "Deflated" in NATIVE.get(syntax, "") or head[:4] == (b"\x7f\xe0\x00\x10" if big else b"\xe0\x7f\x10\x00")
    offset, complete = None, True
    if native:
        offset = walked.place + (12 if head[4:6] in (b"OW", b"OB", b"UN") else 8)
        inside = int.from_bytes(head[offset - walked.place - 4 : offset - walked.place], "big" if big else "little")
        complete = has and offset + length * frames <= size and inside >= length * frames
    return {
        "rows": rows,
        "columns": columns,
        "cells": Cells(
            allocated,
            stored,
            stored - 1 if high is None else int(high),
            signed,
            samples,
            _text(told.get("PhotometricInterpretation")),
        ),
        "padding": _padding(told, signed, allocated),
        "image_type": tuple(str(v) for v in _several(told.get("ImageType"))),
        "instance_number": _whole(told.get("InstanceNumber")),
        "modality_lut": bool(told.get("ModalityLUTSequence")),
        "offset": offset,
        "length": length,
        "place": walked.place if frames == 1 and head[8:12] == b"\xff\xff\xff\xff" else None,
        "complete": complete,
        "has_pixels": has or native,
    }


SHARED = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Modality", "SeriesNumber", *TECHNICAL)


@lru_cache(maxsize=1024)
def _shared_by_slices(study: Any, series: Any, frame: Any, modality: Any, number: Any, *technical: Any) -> Mapping[str, Any]:
    """What the slices of a series mostly agree in, worked out once."""
    texts = zip(TECHNICAL, map(_text, technical), strict=True)
    return {
        "study_uid": str(study or ""),
        "series_uid": str(series or ""),
        "frame_uid": str(frame or ""),
        "modality": str(modality or ""),
        "series_number": _whole(number) or 0,
        "technical": {name: text for name, text in texts if text},
    }


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) or hasattr(value, "append") else value


DIRECT = {
    "ImagePositionPatient": "position",
    "ImageOrientationPatient": "orientation",
    "PixelSpacing": "spacing",
    "RescaleSlope": "slope",
    "RescaleIntercept": "intercept",
    "RescaleType": "rescale_type",
}
NESTED = (
    "PlanePositionSequence",
    "PlaneOrientationSequence",
    "PixelMeasuresSequence",
    "PixelValueTransformationSequence",
)
"""Functional groups of a multi-frame object, which hold what a single slice says outright."""


def _geometry(groups: list[Any]) -> dict[str, Any]:
    """Place and rescale of one frame: the last group that tells a thing is right."""
    told: dict[str, Any] = {}
    for group in groups:
        inner = [group.get(sequence) for sequence in NESTED] if len(groups) > 1 else []
        for source in (group, *(items[0] for items in inner if items)):
            for name, key in DIRECT.items():
                value = source.get(name)
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


def _padding(told: Mapping[str, Any], signed: bool, allocated: int) -> tuple[int, int] | None:
    """Declared padding in stored units, lowest and highest; a US that means a negative SS is read so (pitfall 18)."""
    value = _whole(told.get("PixelPaddingValue"))
    if value is None:
        return None
    limit = _whole(told.get("PixelPaddingRangeLimit"))
    ends = [_as_stored(v, signed, allocated) for v in (value, value if limit is None else limit)]
    return min(ends), max(ends)


def _as_stored(value: int, signed: bool, allocated: int) -> int:
    if signed and value >= 1 << (allocated - 1):
        return value - (1 << allocated)
    if not signed and value < 0:
        return value + (1 << allocated)
    return value


def _class_by_looks(told: Mapping[str, Any]) -> str:
    """CT Image, where an anonymiser took the class away from what says CT and holds an image plane."""
    looks = told.get("Modality") == "CT" and "Rows" in told and "ImagePositionPatient" in told
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
    if value is None or isinstance(value, str):
        return (value or "").strip()
    return "\\".join(str(v) for v in _several(value)).strip()


def _whole(value: Any) -> int | None:
    values = _several(value)
    if not values:
        return None
    try:
        return int(values[0]) if not isinstance(values[0], bytes) else int.from_bytes(values[0][:2], "little", signed=True)
    except (TypeError, ValueError):
        return None

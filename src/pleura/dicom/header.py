"""Headers: what one image plane says of itself. A frame of a multi-frame object is a plane like any file (pitfall 16)."""

import os
import warnings
from collections.abc import Mapping
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pleura.codecs.frames import DEFLATED
from pleura.core.errors import UnreadableFile
from pleura.dicom.deflated import inflated
from pleura.dicom.extent import NOWHERE, pixels_at
from pleura.dicom.fast_header import FIRST_READ, LAST_READ, TAGS, Known, Walked, Way, walk
from pleura.dicom.values import digest, numbers, padding_of, several, text, whole
from pleura.files.contents import is_dicom

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

SEPARATORS = (
    "AcquisitionNumber",
    "TemporalPositionIdentifier",
    "NominalPercentageOfCardiacPhase",
    "TriggerTime",
    "ConvolutionKernel",
    "SliceThickness",
    "KVP",
    "ImageType",
    "StackID",
    "SeriesNumber",
    "SeriesDescription",
    "AcquisitionTime",
    "ContentTime",
)
"""Attributes that can separate volumes with one SeriesInstanceUID, in the order in which they are tried."""

SHARED_GROUPS, FRAME_GROUPS = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"
LUT = "ModalityLUTSequence"
WANTED = [*TAGS.values(), SHARED_GROUPS, FRAME_GROUPS, LUT]
MOST_ITEMS, MOST_FRAMES, LEAST_FRAME = 100_000, 1 << 16, 16
"""Sequence items and frames of a file, at most, and bytes of a frame, at least: each costs memory before it can be judged."""
OWN = {"SOPInstanceUID", "InstanceNumber", "ImagePositionPatient", "NumberOfFrames", *SEPARATORS, SHARED_GROUPS, FRAME_GROUPS}
"""What each slice or frame has for itself; the slices of a series mostly agree in all the rest."""
BOTH = {"ConvolutionKernel", "ImageType", "SliceThickness", "KVP", "SeriesNumber"}
ALIKE = tuple(name for name in WANTED if name not in OWN or name in BOTH)


class Cells(NamedTuple):
    """How stored values lie in their cells (PS3.5 section 8)."""

    allocated: int
    stored: int
    high_bit: int
    signed: bool
    samples: int
    photometric: str
    sign_declared: bool = True


PLAIN = Cells(16, 16, 15, False, 1, "MONOCHROME2")


class Plane(NamedTuple):
    """One image plane, or one object without an image: its place, its values' meaning and where its pixels are.

    `offset` and `length` are the place of uncompressed pixels in the (inflated) file, and `place` is where the PixelData
    element of encapsulated ones begins, `frames` of them; the other is `None`. `surplus` bytes are more than declared.
    Of an `archive` (zip, tar), `member` is the number of the file in it, and `file` the archive's own path with the member's
    name behind it. Lengths in mm, LPS. `position`, `orientation` and `spacing` are `None` where the header is silent.
    `patient` tells patients apart, namelessly; `part` is which of how many objects of a concatenation it is from.
    """

    file: str
    frame: int
    archive: Path | None
    member: int
    sop_uid: str
    sop_class: str
    position: tuple[float, ...] | None
    instance_number: int | None
    separators: tuple[str, ...]
    offset: int | None
    pixel_data: int | None
    frames: int
    complete: bool
    has_pixels: bool
    surplus: int
    # the fields from here on are mostly those of the neighbours: `_alike`
    patient: str
    study_uid: str
    series_uid: str
    frame_uid: str
    modality: str
    syntax: str
    rows: int = 0
    columns: int = 0
    orientation: tuple[float, ...] | None = None
    spacing: tuple[float, ...] | None = None
    slope: float | None = None
    intercept: float | None = None
    rescale_type: str = ""
    modality_lut: bool = False
    cells: Cells = PLAIN
    padding: tuple[int, int] | None = None
    image_type: tuple[str, ...] = ()
    part: tuple[int, int] = (1, 1)
    series_number: int = 0
    technical: Mapping[str, str] = {}
    length: int = 0

    @property
    def path(self) -> Path:
        """`file` as a path, which takes longer to make than a header to read."""
        return Path(self.file)


FIRST_ALIKE = Plane._fields.index("patient")
DICOMDIR = "1.2.840.10008.1.3.10"
"""A list of files, which has no SOPClassUID of its own."""


def read_planes(path: Path) -> list[Plane]:
    """The planes of a DICOM file: one, or as many as it has frames; one without pixels for an object that is no image.

    Raises:
        UnreadableFile: broken, or no DICOM at all.
    """
    with path.open("rb", buffering=0) as file:
        planes = planes_of(file, os.fstat(file.fileno()).st_size, str(path), Known())
    if not planes:
        raise UnreadableFile("not a DICOM file")
    return planes


def planes_of(
    file: BinaryIO,
    size: int,
    name: str,
    known: Known,
    archive: Path | None = None,
    member: int = -1,
    head: bytes = b"",
) -> list[Plane]:
    """As `read_planes`, from an open file of `size` bytes; empty where it is not DICOM. `known` as in `walk`.

    `head` is what was read of the file already.
    """
    try:
        head = head or file.read(FIRST_READ)
        if not is_dicom(head):
            return []
        where = (name, archive, member)
        walked = walk(file, size, head, known)
        if walked is not None:
            return _planes(where, walked, size)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom quotes odd values in its warnings; they are judged elsewhere
            if DEFLATED.encode() not in head:
                return _planes(where, _parsed(file), size)
            file.seek(0)
            plain = inflated(file.read())
            file = BytesIO(plain)
            walked = walk(file, len(plain), file.read(FIRST_READ), known) or _parsed(file)
            told = walked.values | {"TransferSyntaxUID": DEFLATED}
            return _planes(where, Walked(told, walked.place, walked.head), len(plain))
    except UnreadableFile:
        raise
    except Exception as error:  # a broken header fails in any of pydicom's many ways
        raise UnreadableFile("a DICOM file whose header is broken") from error


def _parsed(file: BinaryIO) -> Walked:
    """What `walk` gives, from pydicom: for files that are not plain."""
    from pydicom import dcmread

    file.seek(0)
    if file.read(LAST_READ).count(b"\xfe\xff\x00\xe0") > MOST_ITEMS:
        raise UnreadableFile("a DICOM file of more sequence items than any CT has")
    file.seek(0)
    dataset = dcmread(file, stop_before_pixels=True, specific_tags=WANTED, force=True)
    place = file.tell()
    values = {name: _told(dataset, name) for name in WANTED if name in dataset}
    if LUT in values:
        values[LUT] = bool(values[LUT])  # what it holds is not read
    meta = dataset.file_meta
    syntax = str(meta.get("TransferSyntaxUID", "") or _guessed(dataset))
    media = str(meta.get("MediaStorageSOPClassUID", ""))
    return Walked({"MediaStorageSOPClassUID": media, **values, "TransferSyntaxUID": syntax}, place, file.read(16))


def _told(dataset: Any, name: str) -> Any:
    """A value; several as a tuple, which can be remembered; a sequence as it is; `None` for a number that is none."""
    try:
        value = dataset.get(name)
    except ValueError:
        return None
    return tuple(value) if hasattr(value, "append") and not (value and hasattr(value[0], "walk")) else value


def _planes(where: tuple[str, Path | None, int], walked: Walked, size: int) -> list[Plane]:
    told = walked.values
    if "SOPClassUID" not in told and "Rows" not in told and told.get("MediaStorageSOPClassUID") != DICOMDIR:
        raise UnreadableFile("a DICOM file without SOPClassUID and Rows: broken or cut off")
    frames = whole(told.get("NumberOfFrames")) or 1
    has_too_many_frames = not 0 < frames <= min(size // LEAST_FRAME, MOST_FRAMES)
    if has_too_many_frames:
        frames = 1
    image = "Rows" in told and "BitsAllocated" in told
    name, archive, member = where
    alike = (walked.way and _alike_along(walked.way)) or _alike(image, *map(told.get, ALIKE))
    extent = pixels_at(walked, alike.syntax, alike.length * frames, size) if image else NOWHERE
    own = (
        name,
        0,
        archive,
        member,
        str(told.get("SOPInstanceUID") or ""),
        alike.sop_class or _class_by_looks(told),
        numbers(told.get("ImagePositionPatient"), 3),
        whole(told.get("InstanceNumber")),
        _separators(*map(told.get, SEPARATORS)),
        extent.offset,
        walked.place if walked.head[8:12] == b"\xff\xff\xff\xff" else None,
        frames,
        *extent[1:],
    )
    plane = Plane._make(own + alike[FIRST_ALIKE:])
    if has_too_many_frames:
        return [plane._replace(complete=False)]
    shared, each = told.get(SHARED_GROUPS), told.get(FRAME_GROUPS)
    if frames == 1 and not shared and not each:
        return [plane]
    if each and len(each) != frames:
        plane = plane._replace(complete=False)  # which of its frames are left out, nobody knows
    planes = []
    for number in range(frames):
        groups = [told, *(shared[:1] if shared else ()), *(each[number : number + 1] if each else ())]
        start = None if extent.offset is None else extent.offset + number * plane.length
        planes.append(plane._replace(frame=number, offset=start, **_geometry(groups), **_of_frame(plane, groups)))
    return planes


@lru_cache(maxsize=64)
def _alike_along(way: Way) -> Plane | None:
    """As `_alike`, of all headers that go one way; `None` where they may differ."""
    told = way.values
    if any(name in ALIKE for _, name, _, _ in way.own):
        return None
    return _alike("Rows" in told and "BitsAllocated" in told, *map(told.get, ALIKE))


@lru_cache(maxsize=1024)
def _alike(image: bool, *values: Any) -> Plane:
    """What the slices of a series mostly agree in, worked out once; `values` are those of `ALIKE`."""
    told = dict(zip(ALIKE, values, strict=True))
    technical = {name: text(told[name]) for name in TECHNICAL}
    plane = Plane(
        file="",
        frame=0,
        archive=None,
        member=-1,
        sop_uid="",
        sop_class=str(told["SOPClassUID"] or told["MediaStorageSOPClassUID"] or ""),
        position=None,
        instance_number=None,
        separators=(),
        offset=None,
        pixel_data=None,
        frames=1,
        complete=True,
        has_pixels=False,
        surplus=0,
        patient=digest(text(told["PatientID"])),
        study_uid=str(told["StudyInstanceUID"] or ""),
        series_uid=str(told["SeriesInstanceUID"] or ""),
        frame_uid=str(told["FrameOfReferenceUID"] or ""),
        modality=str(told["Modality"] or ""),
        syntax=told["TransferSyntaxUID"],
        series_number=whole(told["SeriesNumber"]) or 0,
        technical={name: said for name, said in technical.items() if said},
    )
    if not image:
        return plane
    allocated = int(told["BitsAllocated"])
    stored = int(told["BitsStored"] or allocated)
    sign = told["PixelRepresentation"]
    signed = bool(int(sign or 0))
    samples = int(told["SamplesPerPixel"] or 1)
    rows, columns = int(told["Rows"]), int(told["Columns"])
    high = stored - 1 if told["HighBit"] is None else int(told["HighBit"])
    return plane._replace(
        rows=rows,
        columns=columns,
        cells=Cells(allocated, stored, high, signed, samples, text(told["PhotometricInterpretation"]), sign is not None),
        padding=padding_of(told, signed, allocated),
        image_type=tuple(str(v).upper() for v in several(told["ImageType"])),
        part=(whole(told["InConcatenationNumber"]) or 1, whole(told["InConcatenationTotalNumber"]) or 1),
        modality_lut=bool(told[LUT]),
        length=rows * columns * samples * allocated // 8,
        **_geometry([told]),
    )


FRAME_SEPARATORS = {
    "AcquisitionNumber": ("FrameContentSequence", "FrameAcquisitionNumber"),
    "TemporalPositionIdentifier": ("FrameContentSequence", "TemporalPositionIndex"),
    "NominalPercentageOfCardiacPhase": ("CardiacSynchronizationSequence", "NominalPercentageOfCardiacPhase"),
    "ConvolutionKernel": ("CTReconstructionSequence", "ConvolutionKernel"),
    "ImageType": ("CTImageFrameTypeSequence", "FrameType"),
    "StackID": ("FrameContentSequence", "StackID"),
    "SliceThickness": ("PixelMeasuresSequence", "SliceThickness"),
    "KVP": ("CTXRayDetailsSequence", "KVP"),
}
"""Where a frame of a multi-frame object tells what a slice tells outright."""


def _of_frame(plane: Plane, groups: list[Any]) -> dict[str, Any]:
    """`separators` and `image_type` of a frame, where its functional groups have them; else those of the object."""
    told = dict(zip(SEPARATORS, plane.separators, strict=True))
    image_type = plane.image_type
    for name, (sequence, inner) in FRAME_SEPARATORS.items():
        items = [item for group in groups[1:] for item in (group.get(sequence) or ())[:1]]
        value = next((item.get(inner) for item in reversed(items) if item.get(inner) not in (None, "")), None)
        if value is not None:
            told[name] = text(value)
            if name == "ImageType":
                object_type = () if "MIXED" in image_type else image_type  # what is said of all frames holds for each
                image_type = tuple(dict.fromkeys((*map(str, several(value)), *object_type)))
    return {"separators": tuple(told.values()), "image_type": image_type}


@lru_cache(maxsize=1024)
def _separators(*values: Any) -> tuple[str, ...]:
    """The values of `SEPARATORS` in a form that compares; a description only as its digest, for it can identify."""
    texts = [text(value) for value in values]
    for name in ("SliceThickness", "KVP"):
        index = SEPARATORS.index(name)
        number = numbers(values[index], 1)
        texts[index] = texts[index] if number is None else f"{number[0]:g}"
    index = SEPARATORS.index("SeriesDescription")
    texts[index] = digest(texts[index])
    return tuple(texts)


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
    for key, length in (("position", 3), ("orientation", 6), ("spacing", 2)):
        told[key] = numbers(told.get(key), length)
    for key in ("slope", "intercept"):
        told[key] = (numbers(told.get(key), 1) or (None,))[0]
    told["rescale_type"] = str(told.get("rescale_type", ""))
    return told


def _class_by_looks(told: Mapping[str, Any]) -> str:
    """CT Image, where an anonymiser took the class away from what says CT and holds an image plane."""
    looks = told.get("Modality") == "CT" and "Rows" in told and "ImagePositionPatient" in told
    return "1.2.840.10008.5.1.4.1.1.2" if looks else ""


def _guessed(dataset: Any) -> str:
    """The syntax of a file without meta header, as pydicom found it."""
    if getattr(dataset, "original_encoding", (True, True))[0]:
        return "1.2.840.10008.1.2"
    return "1.2.840.10008.1.2.1" if dataset.original_encoding[1] else "1.2.840.10008.1.2.2"

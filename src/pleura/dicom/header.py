"""Headers: the attributes of an image plane, which is a file or a frame of a multi-frame object."""

import os
import warnings
from collections.abc import Mapping
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from pleura.codecs.frames import DEFLATED
from pleura.core.codes import refused
from pleura.core.errors import UnreadableFile
from pleura.dicom.deflated import inflated_head, inflated_size
from pleura.dicom.extent import NOWHERE, pixels_at
from pleura.dicom.fast_header import (
    FIRST_READ,
    LAST_READ,
    MOST_ITEMS,
    Known,
    Walked,
    Way,
    walk,
)
from pleura.dicom.frame_groups import COMPUTED, attributes_of_frame, geometry_of
from pleura.dicom.header_values import TAGS
from pleura.dicom.patient import unlike_an_adult
from pleura.dicom.plane import Cells, Plane
from pleura.dicom.projections import is_described_as_projection
from pleura.dicom.separators import SEPARATORS, separators_of
from pleura.dicom.values import (
    digest,
    image_type_of,
    modality_of,
    numbers,
    padding_of,
    technical_of,
    text,
    whole,
)
from pleura.files.contents import is_dicom

TECHNICAL = tuple(
    "Manufacturer ManufacturerModelName ConvolutionKernel KVP SliceThickness "
    "SpacingBetweenSlices GantryDetectorTilt PatientPosition BodyPartExamined "
    "ContrastBolusAgent ImageType LossyImageCompression BurnedInAnnotation".split()
)
"""Technical attributes for users to read; none of them identifies."""

SHARED_GROUPS, FRAME_GROUPS = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"
LUT = "ModalityLUTSequence"
WANTED = [*TAGS.values(), SHARED_GROUPS, FRAME_GROUPS, LUT]
MOST_FRAMES, LEAST_FRAME = 1 << 16, 16
"""Most frames of a file, and fewest bytes of a frame: frames take memory before they are checked.
"""
OWN = {
    "SOPInstanceUID",
    "InstanceNumber",
    "ImagePositionPatient",
    "NumberOfFrames",
    *SEPARATORS,
    SHARED_GROUPS,
    FRAME_GROUPS,
}
"""Attributes that differ from slice to slice; the slices of a series usually agree in all others.
"""
BOTH = {
    *("ConvolutionKernel", "ImageType", "SliceThickness", "KVP", "SeriesNumber"),
    "SeriesDescription",
}
ALIKE = tuple(name for name in WANTED if name not in OWN or name in BOTH)


OF_PATIENT = tuple(
    "PatientAge PatientBirthDate StudyDate PatientWeight PatientSpeciesDescription".split()
)
"""The arguments of `unlike_an_adult`."""

FIRST_ALIKE = Plane._fields.index("patient")
DICOMDIR = "1.2.840.10008.1.3.10"
"""SOP class of a DICOMDIR, which names it in its meta group only."""
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


def read_planes(path: Path) -> list[Plane]:
    """The planes of a DICOM file: one for each frame.

    An object that is not an image gives one plane without pixels.

    Raises:
        UnreadableFile: the file is broken, or is not DICOM.
    """
    with path.open("rb", buffering=0) as file:
        planes = planes_of(file, os.fstat(file.fileno()).st_size, str(path), Known())
    if not planes:
        raise refused("UNREADABLE-FILES", UnreadableFile, n=1)
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
    """The planes of an open file of `size` bytes; empty where it is not DICOM.

    `known` is as in `walk`. `head` is the beginning of the file, where it was read already.
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
            warnings.simplefilter("ignore")  # pydicom quotes values in its warnings
            if DEFLATED.encode() not in head:
                return _planes(where, _parsed(file), size)
            return _deflated_planes(where, file, known)
    except UnreadableFile:
        raise
    except Exception as error:  # pydicom raises many kinds of exceptions on a broken header
        raise refused("UNREADABLE-FILES", UnreadableFile, n=1) from error


def _deflated_planes(
    where: tuple[str, Path | None, int], file: BinaryIO, known: Known
) -> list[Plane]:
    """The planes of a deflated file.

    Its header is inflated; its size is then counted, up to the size that the header declares.
    """
    file.seek(0)
    data = file.read()
    start = inflated_head(data, LAST_READ)
    plain = BytesIO(start)
    walked = walk(plain, len(start), plain.read(FIRST_READ), known) or _parsed(plain)
    size = inflated_size(data, walked.place + 12 + _declared_bytes(walked.values))
    values = walked.values | {"TransferSyntaxUID": DEFLATED}
    return _planes(where, Walked(values, walked.place, walked.head), size)


def _declared_bytes(values: Mapping[str, Any]) -> int:
    """Bytes of uncompressed pixels according to the header."""
    size = 1
    for name in ("Rows", "Columns", "SamplesPerPixel", "NumberOfFrames", "BitsAllocated"):
        size *= whole(values.get(name)) or 1
    return max(0, size) // 8


def _parsed(file: BinaryIO) -> Walked:
    """The result of `walk`, read with pydicom, for files that `walk` does not read."""
    from pydicom import dcmread

    file.seek(0)
    if file.read(LAST_READ).count(b"\xfe\xff\x00\xe0") > MOST_ITEMS:
        raise refused("UNREADABLE-FILES", UnreadableFile, n=1)
    file.seek(0)
    dataset = dcmread(file, stop_before_pixels=True, specific_tags=WANTED, force=True)
    place = file.tell()
    values = {name: _value_of(dataset, name) for name in WANTED if name in dataset}
    if LUT in values:
        values[LUT] = bool(values[LUT])  # its content is not read
    meta = dataset.file_meta
    syntax = str(meta.get("TransferSyntaxUID", "") or _syntax_found(dataset))
    media = str(meta.get("MediaStorageSOPClassUID", ""))
    return Walked(
        {"MediaStorageSOPClassUID": media, **values, "TransferSyntaxUID": syntax},
        place,
        file.read(16),
    )


def _value_of(dataset: Any, name: str) -> Any:
    """A value; several as a tuple, which is hashable; a sequence unchanged.

    `None` where the text is not a number.
    """
    try:
        value = dataset.get(name)
    except ValueError:
        return None
    if hasattr(value, "append") and not (value and hasattr(value[0], "walk")):
        return tuple(value)
    return value


def _planes(where: tuple[str, Path | None, int], walked: Walked, size: int) -> list[Plane]:
    attributes = walked.values
    if (
        "SOPClassUID" not in attributes
        and "Rows" not in attributes
        and attributes.get("MediaStorageSOPClassUID") != DICOMDIR
    ):
        raise refused("UNREADABLE-FILES", UnreadableFile, n=1)
    frames = whole(attributes.get("NumberOfFrames")) or 1
    has_too_many_frames = not 0 < frames <= min(size // LEAST_FRAME, MOST_FRAMES)
    if has_too_many_frames:
        frames = 1
    image = "Rows" in attributes and "BitsAllocated" in attributes
    name, archive, member = where
    alike = (walked.way and _alike_along(walked.way)) or _alike(image, *map(attributes.get, ALIKE))
    extent = pixels_at(walked, alike.syntax, alike.length * frames, size) if image else NOWHERE
    own = (
        name,
        0,
        archive,
        member,
        str(attributes.get("SOPInstanceUID") or ""),
        alike.sop_class or _inferred_class(attributes),
        numbers(attributes.get("ImagePositionPatient"), 3),
        whole(attributes.get("InstanceNumber")),
        separators_of(*map(attributes.get, SEPARATORS)),
        extent.offset,
        walked.place if walked.head[8:12] == b"\xff\xff\xff\xff" else None,
        frames,
        *extent[1:],
    )
    plane = Plane._make(own + alike[FIRST_ALIKE:])
    if has_too_many_frames:
        return [plane._replace(complete=False)]
    shared, each = attributes.get(SHARED_GROUPS), attributes.get(FRAME_GROUPS)
    if frames == 1 and not shared and not each:
        return [plane]
    if each and len(each) != frames:
        plane = plane._replace(complete=False)  # which frames are missing is not known
    planes = []
    for number in range(frames):
        of_frame = each[number : number + 1] if each else ()
        groups = [attributes, *(shared or ())[:1], *of_frame]
        start = None if extent.offset is None else extent.offset + number * plane.length
        planes.append(
            plane._replace(
                frame=number,
                offset=start,
                **geometry_of(groups),
                **attributes_of_frame(plane, groups),
            )
        )
    return planes


@lru_cache(maxsize=64)
def _alike_along(way: Way) -> Plane | None:
    """The result of `_alike` for all headers of one way; `None` where they may differ."""
    attributes = way.values
    if any(name in ALIKE for _, name, _, _ in way.own):
        return None
    return _alike(
        "Rows" in attributes and "BitsAllocated" in attributes, *map(attributes.get, ALIKE)
    )


@lru_cache(maxsize=1024)
def _alike(image: bool, *values: Any) -> Plane:
    """Attributes in which slices of a series usually agree; `values` are those of `ALIKE`."""
    attributes = dict(zip(ALIKE, values, strict=True))
    technical = {name: technical_of(name, attributes[name]) for name in TECHNICAL}
    plane = Plane(
        file="",
        frame=0,
        archive=None,
        member=-1,
        sop_uid="",
        sop_class=str(attributes["SOPClassUID"] or attributes["MediaStorageSOPClassUID"] or ""),
        position=None,
        instance_number=None,
        separators=(),
        offset=None,
        pixel_data=None,
        frames=1,
        complete=True,
        has_pixels=False,
        surplus=0,
        patient=digest(text(attributes["PatientID"])),
        study_uid=str(attributes["StudyInstanceUID"] or ""),
        series_uid=str(attributes["SeriesInstanceUID"] or ""),
        frame_uid=str(attributes["FrameOfReferenceUID"] or ""),
        modality=modality_of(attributes["Modality"]),
        syntax=attributes["TransferSyntaxUID"],
        series_number=whole(attributes["SeriesNumber"]) or 0,
        technical={name: value for name, value in technical.items() if value},
        described_as_projection=is_described_as_projection(text(attributes["SeriesDescription"])),
        unlike_adult=unlike_an_adult(*map(attributes.get, OF_PATIENT)),
    )
    return _of_image(plane, attributes) if image else plane


def _of_image(plane: Plane, attributes: Mapping[str, Any]) -> Plane:
    """The plane with what describes its pixels."""
    allocated = int(attributes["BitsAllocated"])
    stored = int(attributes["BitsStored"] or allocated)
    sign = attributes["PixelRepresentation"]
    signed = bool(int(sign or 0))
    samples = int(attributes["SamplesPerPixel"] or 1)
    rows, columns = int(attributes["Rows"]), int(attributes["Columns"])
    high = stored - 1 if attributes["HighBit"] is None else int(attributes["HighBit"])
    return plane._replace(
        rows=rows,
        columns=columns,
        cells=Cells(
            allocated,
            stored,
            high,
            signed,
            samples,
            text(attributes["PhotometricInterpretation"]),
            sign is not None,
        ),
        padding=padding_of(attributes, signed, allocated),
        image_type=image_type_of(attributes["ImageType"], *map(attributes.get, COMPUTED)),
        part=(
            whole(attributes["InConcatenationNumber"]) or 1,
            whole(attributes["InConcatenationTotalNumber"]) or 1,
        ),
        modality_lut=bool(attributes[LUT]),
        length=rows * columns * samples * allocated // 8,
        **geometry_of([attributes]),
    )


def _inferred_class(attributes: Mapping[str, Any]) -> str:
    """CT Image, for an image plane of modality CT whose SOP class was removed."""
    is_plane = {"Rows", "ImagePositionPatient"} <= attributes.keys()
    if is_plane and attributes.get("Modality") == "CT":
        return CT_IMAGE
    return ""


def _syntax_found(dataset: Any) -> str:
    """The transfer syntax of a file without meta group, as pydicom detected it."""
    if getattr(dataset, "original_encoding", (True, True))[0]:
        return "1.2.840.10008.1.2"
    if dataset.original_encoding[1]:
        return "1.2.840.10008.1.2.1"
    return "1.2.840.10008.1.2.2"

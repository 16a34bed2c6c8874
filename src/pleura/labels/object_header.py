"""The header of a new label object: patient and study of its series, made valid, none invented."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from pleura import __version__
from pleura.core.codes import refused
from pleura.geometry.volume import LEFT, RIGHT, LungMask
from pleura.labels.algorithm import Algorithm
from pleura.labels.encoder import Item, encode
from pleura.labels.objects import source_headers

if TYPE_CHECKING:
    from pleura.dicom.plane import Plane
    from pleura.dicom.series import Series

NAMES = ("PatientName", "ReferringPhysicianName")
LONG = {"PatientID": 64, "PositionReferenceIndicator": 64, "StudyID": 16, "AccessionNumber": 16}
DATES = ("PatientBirthDate", "StudyDate")
DATE_SOURCES = ("SeriesDate", "AcquisitionDate", "ContentDate", "StudyDate")
TIME_SOURCES = ("SeriesTime", "AcquisitionTime", "ContentTime", "StudyTime")
CHOICES = {
    "PatientSex": ("M", "F", "O"),
    "PatientIdentityRemoved": ("YES", "NO"),
    "LongitudinalTemporalInformationModified": ("UNMODIFIED", "MODIFIED", "REMOVED"),
}
REQUIRED = {"PatientSex"}
"""Type 2 attributes, which must be present; the other choices are left out if not valid."""
CHARACTER_SETS = re.compile(
    r"(ISO_IR (6|13|100|101|109|110|126|127|138|144|148|166|192|203))|"
    r"GB18030|GBK|(ISO 2022 IR \d+)|"
)
UTF8 = "ISO_IR 192"
UID = re.compile(r"(?=.{3,64}$)\d+(\.\d+)+")
UNKNOWN_DATE = "19000101"
"""Content Date of a segmentation (Type 1) whose series has no date."""
SERIES_NUMBERS = {"SEG": 1, "RTSTRUCT": 2, "SR": 3}
"""Series number of a label object: a thousand times that of its source, plus this."""


def uid_of(*parts: str | bytes) -> str:
    """A UID under 2.25 (PS3.5 B.2) derived from the parts; equal content has equal UIDs."""
    data = b"\0".join(part if isinstance(part, bytes) else part.encode() for part in parts)
    return f"2.25.{int.from_bytes(hashlib.sha256(data).digest()[:16], 'big')}"


def check_references(planes: Sequence["Plane"], series: "Series") -> None:
    """Raise `InputRefused` (NO-UIDS) where slices or series cannot be referenced.

    A reference repeats a UID, so that it finds its source; a GUID is no value that an element of VR
    UI can have (PS3.5 9.1).
    """
    uids = (series.study_uid, series.series_uid, series.frame_uid)
    if not all(UID.fullmatch(uid) for uid in (*uids, *(plane.sop_uid for plane in planes))):
        raise refused("NO-UIDS")


def common_header(
    series: "Series", sop_class: str, modality: str, algorithm: Algorithm | None
) -> dict[str, Any]:
    """Patient, study, series and equipment modules of a label object, without SOPInstanceUID."""
    check_references(series.files, series)
    (source,) = source_headers(series.files[:1])
    made: dict[str, Any] = _patient_and_study(source)
    day, time = _first(source, DATE_SOURCES, _date), _first(source, TIME_SOURCES, _time)
    if day:
        made |= {"SeriesDate": day, "SeriesTime": time or None}
    number = series.files[0].series_number
    base = 1000 * number if 0 < number < 2_000_000 else 1000
    versions = [f"pleura {__version__}"]
    if algorithm is not None:
        versions = [f"{algorithm.name} {algorithm.version}"[:64], algorithm.model_sha256]
    key = () if algorithm is None else algorithm.key
    return made | {
        "SOPClassUID": sop_class,
        "Modality": modality,
        "StudyInstanceUID": series.study_uid,
        "SeriesInstanceUID": uid_of(series.series_uid, sop_class, *key),
        "FrameOfReferenceUID": series.frame_uid,
        "SeriesNumber": base + SERIES_NUMBERS[modality],
        "InstanceNumber": 1,
        "Manufacturer": "pleura",
        "ManufacturerModelName": "pleura",
        "SoftwareVersions": [version for version in versions if version],
    }


def with_uid(made: dict[str, Any]) -> dict[str, Any]:
    """The data set with a SOPInstanceUID derived from all of its content."""
    return made | {"SOPInstanceUID": uid_of("object", encode(made, implicit=True))}


def content_date(made: Mapping[str, Any]) -> tuple[str, str]:
    """Date and time of the content, which are those of the series."""
    return made.get("SeriesDate") or UNKNOWN_DATE, made.get("SeriesTime") or "000000"


def names_of(mask: LungMask) -> dict[str, int]:
    """The labels of a mask by the TG-263 names of their structures."""
    if mask.sided:
        return {"Lung_R": RIGHT, "Lung_L": LEFT}
    return {"Lungs": RIGHT}


def coded(value: str, meaning: str, scheme: str = "SCT") -> Item:
    """A coded concept (PS3.3 8.8)."""
    return {"CodeValue": value, "CodingSchemeDesignator": scheme, "CodeMeaning": meaning}


def reference(plane: "Plane") -> dict[str, Any]:
    """A reference to the instance of a slice, and to its frame in a multi-frame object."""
    made: dict[str, Any] = {
        "ReferencedSOPClassUID": plane.sop_class,
        "ReferencedSOPInstanceUID": plane.sop_uid,
    }
    if plane.frames > 1:
        made["ReferencedFrameNumber"] = plane.frame + 1
    return made


def instances(planes: Sequence["Plane"]) -> list[Item]:
    """A reference to each instance of the slices, once each."""
    found = dict.fromkeys((plane.sop_class, plane.sop_uid) for plane in planes)
    return [{"ReferencedSOPClassUID": kind, "ReferencedSOPInstanceUID": uid} for kind, uid in found]


def _patient_and_study(source: Any) -> dict[str, Any]:
    charset, text = _text_of(source)
    made: dict[str, Any] = {"SpecificCharacterSet": charset}
    for keyword in NAMES:
        made[keyword] = _clean(text(keyword))
    for keyword, longest in LONG.items():
        value = _clean(text(keyword))
        if len(value) > longest:
            value = value[:longest] if keyword == "PatientID" else b""
        made[keyword] = value
    for keyword in DATES:
        made[keyword] = _date(_ascii(source, keyword))
    made["StudyTime"] = _time(_ascii(source, "StudyTime"))
    for keyword, valid in CHOICES.items():
        choice = _ascii(source, keyword).strip().upper()
        if choice in valid:
            made[keyword] = choice
        elif keyword in REQUIRED:
            made[keyword] = ""
    description = _clean(text("StudyDescription"))
    if 0 < len(description) <= 64:
        made["StudyDescription"] = description
    return made | _deidentification(source, text)


def _deidentification(source: Any, text: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    method = _clean(text("DeidentificationMethod"))
    if method:
        made["DeidentificationMethod"] = method
    keywords = ("CodeValue", "CodingSchemeDesignator", "CodingSchemeVersion", "CodeMeaning")
    codes = []
    for item in source.get("DeidentificationMethodCodeSequence") or ():
        code = {keyword: str(item.get(keyword) or "") or None for keyword in keywords}
        if code["CodeValue"] and code["CodingSchemeDesignator"] and code["CodeMeaning"]:
            codes.append(code)
    if codes:
        made["DeidentificationMethodCodeSequence"] = codes
    return made


def _text_of(source: Any) -> tuple[str | None, Any]:
    """The character set to declare, and a function for the bytes of an attribute in it.

    Text is copied byte for byte. Where the declared character set is not in the Standard, text is
    decoded and written as UTF-8.
    """
    declared = source.get("SpecificCharacterSet")
    terms = [declared] if isinstance(declared, str) else list(declared or ())
    words = [str(term or "").strip() for term in terms]
    if all(CHARACTER_SETS.fullmatch(word) for word in words):
        return "\\".join(words) or None, lambda keyword: _raw(source, keyword)
    return UTF8, lambda keyword: str(source.get(keyword) or "").encode("utf-8", "replace")


def _raw(source: Any, keyword: str) -> bytes:
    """The bytes of an attribute as they are in the file."""
    if keyword not in source:
        return b""
    element = source.get_item(keyword)
    if isinstance(element.value, bytes):
        return element.value
    value = element.value
    if value is None:
        return b""
    original = getattr(value, "original_string", None)
    if isinstance(original, bytes):
        return original
    text = "\\".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text.encode("ascii", "replace")


def _ascii(source: Any, keyword: str) -> str:
    return _raw(source, keyword).decode("ascii", "replace").strip("\0 ")


def _clean(value: bytes) -> bytes:
    """Text without control characters (except escapes of character sets) and trailing padding."""
    return bytes(byte for byte in value if byte >= 0x20 or byte == 0x1B).strip(b" ")


def _first(source: Any, keywords: Sequence[str], valid: Any) -> str:
    return next(
        (value for value in (valid(_ascii(source, keyword)) for keyword in keywords) if value), ""
    )


def _date(value: str) -> str:
    """A valid DA value of `value` (also from ACR-NEMA's `2001.02.03`), or empty."""
    found = re.fullmatch(r"(\d{4})([.\-/]?)(\d{2})\2(\d{2})", value)
    if not found:
        return ""
    year, month, day = (int(found[k]) for k in (1, 3, 4))
    try:
        return date(year, month, day).strftime("%Y%m%d").zfill(8)
    except ValueError:
        return ""


def _time(value: str) -> str:
    """A valid TM value of `value` (also from ACR-NEMA's `10:20:30`), or empty."""
    found = re.fullmatch(r"([01]\d|2[0-3])(?::?([0-5]\d)(?::?([0-5]\d|60)(\.\d{1,6})?)?)?", value)
    if found:
        return "".join(part or "" for part in found.groups())
    return ""

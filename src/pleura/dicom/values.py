"""Attribute values as Python types, for values read by `fast_header` and by pydicom."""

import hashlib
from collections.abc import Mapping
from math import isnan
from typing import Any

from pleura.core.text import shown_uid

MILLION = 1e6
"""Lengths in mm, slopes and intercepts are smaller, so NaN and infinity are refused too."""

NO_CONTRAST = {"", "NO", "NONE", "NON CONTRAST", "WITHOUT"}
"""ContrastBolusAgent of scans that had none."""

TERMS = """
ANN AR ASMT AU BDUS BI BMD CFM CR CT CTPROTOCOL DG DMS DOC DX ECG EEG EMG EOG EPS ES FID GM HC HD IO
IOL IVOCT IVUS KER KO LEN LS M3D MG MR NM OAM OCT OP OPM OPT OPTBSV OPTENF OPV OSS OT PA PLAN POS PR
PT PX REG RESP RF RG RTDOSE RTIMAGE RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN RTSTRUCT RWV SEG SM SMR
SR SRF STAIN TEXTUREMAP TG US VA XA XAPROTOCOL XC
AS CD CF CP CS DD DF DM DS EC FA FS LP MA MS OPR ST VF
"""
"""Defined terms of Modality, and retired ones (PS3.3 C.7.3.1.1.1)."""
MODALITIES = frozenset(TERMS.split())
UNKNOWN_MODALITY = "unknown"

ORDINARY = {"", "NONE", "VOLUME", "MIXED"}
"""Values of VolumetricProperties and VolumeBasedCalculationTechnique that say nothing special."""

NUMERIC = {"KVP", "SliceThickness", "SpacingBetweenSlices", "GantryDetectorTilt"}


def several(value: Any) -> list[Any]:
    """The values of an attribute as a tuple; empty where it has none."""
    if value is None or value == "":
        return []
    if not isinstance(value, (str, int, float)) and hasattr(value, "__iter__"):
        return list(value)
    return [value]


def text(value: Any) -> str:
    """A value as text; several values are separated by backslashes."""
    if value is None or isinstance(value, str):
        return (value or "").strip()
    return "\\".join(str(v) for v in several(value)).strip()


def contrast_of(agent: str) -> str:
    """`yes` where a scan had contrast agent: its name is free text, of which nothing is kept."""
    if agent.upper() in NO_CONTRAST:
        return ""
    return "yes"


def modality_of(value: Any) -> str:
    """A defined term, `unknown` for any other text, which can be anything, or empty."""
    term = text(value).upper()
    return term if term in MODALITIES or not term else UNKNOWN_MODALITY


def technical_of(name: str, value: Any) -> str:
    """A technical attribute as text. Of a contrast agent only whether there was one is kept, and a
    number that is none is left out, for other text can be anything.
    """
    if name == "ContrastBolusAgent":
        return contrast_of(text(value))
    if name not in NUMERIC:
        return text(value)
    try:
        return text(value) if [float(part) for part in several(value)] else ""
    except (TypeError, ValueError):
        return ""


def image_type_of(image_type: Any, volumetric: Any, technique: Any) -> tuple[str, ...]:
    """The values of ImageType (or FrameType) in capitals, and after them how an enhanced image was
    computed.

    Args:
        image_type: ImageType or FrameType.
        volumetric: VolumetricProperties (PS3.3 C.8.16.2.1.2), left out where it is VOLUME.
        technique: VolumeBasedCalculationTechnique (C.8.16.2.1.3), left out where it is NONE.
    """
    values = [str(value).upper() for value in several(image_type)]
    computed = [text(value).upper() for value in (volumetric, technique)]
    return (*values, *(value for value in computed if value not in ORDINARY))


def whole(value: Any) -> int | None:
    """The first value as an int, or `None` where it is not one."""
    if type(value) is int:
        return value
    values = several(value)
    if not values:
        return None
    try:
        if not isinstance(values[0], bytes):
            return int(values[0])
        return int.from_bytes(values[0][:2], "little", signed=True)
    except (TypeError, ValueError):
        return None


def numbers(value: Any, count: int) -> tuple[float, ...] | None:
    """`count` plausible numbers, or `None`."""
    try:
        values = tuple(map(float, value if type(value) is tuple else several(value)))
    except ValueError:  # a decimal comma, or not a number
        return None
    if (
        len(values) != count
        or min(values) <= -MILLION
        or max(values) >= MILLION
        or isnan(sum(values))
    ):
        return None
    return values


def digest(name: str) -> str:
    """A digest that compares identifying values without keeping them; empty for an empty value."""
    if name:
        return hashlib.sha256(name.encode()).hexdigest()[:16]
    return ""


def in_words(uid: str) -> str:
    """The name of a UID of the Standard; any other UID unchanged; empty where it is no UID."""
    from pydicom.config import IGNORE
    from pydicom.uid import UID

    return UID(shown_uid(uid), IGNORE).name if shown_uid(uid) else ""


def padding_of(
    attributes: Mapping[str, Any], signed: bool, allocated: int
) -> tuple[int, int] | None:
    """Declared padding in stored units, lowest and highest.

    A US value that stands for a negative SS is read as such.
    """
    value = whole(attributes.get("PixelPaddingValue"))
    if value is None:
        return None
    limit = whole(attributes.get("PixelPaddingRangeLimit"))
    ends = [_as_stored(v, signed, allocated) for v in (value, value if limit is None else limit)]
    return min(ends), max(ends)


def _as_stored(value: int, signed: bool, allocated: int) -> int:
    if signed and value >= 1 << (allocated - 1):
        return value - (1 << allocated)
    if not signed and value < 0:
        return value + (1 << allocated)
    return value

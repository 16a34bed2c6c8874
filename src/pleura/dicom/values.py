"""Attribute values as Python types, for values read by `fast_header` and by pydicom."""

import hashlib
from collections.abc import Mapping
from math import isnan
from typing import Any

MILLION = 1e6
"""Lengths in mm, slopes and intercepts are smaller, so NaN and infinity are refused too."""

NO_CONTRAST = {"", "NO", "NONE", "NON CONTRAST", "WITHOUT"}
"""ContrastBolusAgent of scans that had none."""


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
    """The name of a UID of the Standard; any other UID unchanged."""
    from pydicom.config import IGNORE
    from pydicom.uid import UID

    if uid:
        return UID(uid, IGNORE).name
    return ""


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

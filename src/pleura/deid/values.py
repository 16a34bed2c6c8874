"""Values by VR (PS3.5 table 6.2-1): valid forms, replacement values, and shifted dates."""

import re
from datetime import date, timedelta
from typing import Any

TEXT = {"SH", "LO", "ST", "LT", "UC", "UT"}
LENGTHS = {"SH": 16, "LO": 64, "ST": 1024, "LT": 10240, "CS": 16, "AE": 16}

VALID = {
    "CS": re.compile(r"[A-Z0-9 _]{0,16}"),
    "DS": re.compile(r" *+[+-]?(\d++(\.\d*+)?|\.\d++)([eE][+-]?\d+)? *| *"),
    "IS": re.compile(r" *[+-]?\d{1,12} *| *"),
    "AS": re.compile(r"\d{3}[DWMY]|"),
    "DA": re.compile(r"(\d{4})[.:]?(0\d|1[0-2])[.:]?([0-3]\d)| *"),
    "TM": re.compile(r"[0-2]\d(:?[0-5]\d(:?[0-6]\d(\.\d{1,6})?)?)? *| *"),
    "DT": re.compile(r"(\d{4})(0\d|1[0-2])?([0-3]\d)?(\d{2}){0,3}(\.\d{1,6})?([+-]\d{4})? *| *"),
}
"""The form of a single value, with old forms of dates and times, and padding."""

WIDTHS = {
    **dict.fromkeys(("US", "SS", "OW"), 2),
    **dict.fromkeys(("AT", "UL", "SL", "FL", "OF", "OL"), 4),
    **dict.fromkeys(("FD", "UV", "SV", "OD", "OV"), 8),
}

DUMMIES = {
    "PN": "ANONYMOUS",
    "AE": "REMOVED",
    "AS": "000Y",
    "CS": "REMOVED",
    "DA": "19000101",
    "TM": "000000",
    "DT": "19000101000000",
    "DS": "0",
    "IS": "0",
    "UI": "2.25.0",
    "UR": "urn:removed",
    **dict.fromkeys(TEXT, "REMOVED"),
}
BINARY_DUMMY = {
    "OB": b"\0\0",
    "UN": b"\0\0",
    "AT": 0,
    **dict.fromkeys(("OW", "OF", "OL", "OD", "OV"), bytes(8)),
}


def dummy(vr: str) -> object:
    """A value of this VR that carries no information (PS3.15 action D)."""
    return DUMMIES.get(vr, BINARY_DUMMY.get(vr, 0))


def valid(vr: str, value: bytes) -> bool:
    """Whether bytes can be a value of this VR; a VR without a form of its own accepts any."""
    if vr in WIDTHS:
        return len(value) % WIDTHS[vr] == 0
    form = VALID.get(vr)
    if form is None:
        return True
    try:
        text = value.decode("ascii").rstrip("\0")
    except UnicodeDecodeError:
        return False
    return all(form.fullmatch(part.strip(" ") if vr == "CS" else part) for part in text.split("\\"))


def day_of(value: str) -> str:
    """The day of a DA or DT value as `YYYYMMDD`; 1951.03.12 is an old form (PS3.5 6.2)."""
    return re.sub("[.:-]", "", value.strip())[:8]


def shifted(vr: str, text: str, days: int) -> str | None:
    """A DA or DT moved by whole days, its time and zone kept; `None` for an incomplete date."""
    parts = []
    for part in text.rstrip(" \0").split("\\"):
        match = re.fullmatch(r"(\d{4})[.:]?(\d{2})[.:]?(\d{2})(.*)", part.strip())
        if not match or (vr == "DA" and match[4]) or not VALID[vr].fullmatch(part.strip()):
            return None
        try:
            moved = date(int(match[1]), int(match[2]), int(match[3])) + timedelta(days)
        except (ValueError, OverflowError):
            return None
        parts.append(f"{moved:%Y%m%d}".zfill(8) + match[4])
    return "\\".join(parts)


NUMBERS_AND_DATES = {"DA", "DT", "TM", "DS", "IS", "AS"}


def stored_bytes(element: Any, vr: str) -> bytes | None:
    """The bytes of a value, also of a number or date that is decoded already, as the harvest of
    identifiers leaves it in sequences.

    `None` where it has no plain text form.
    """
    if element.is_raw:
        if isinstance(element.value, bytes):
            return element.value
        return None
    if vr not in NUMBERS_AND_DATES:
        return None
    parts = element.value if element.VM > 1 else [element.value]
    return "\\".join(str(part) for part in parts).encode("ascii", "replace")


def capped_age(age: str) -> str | None:
    """An age with those over 89 years as `090Y`; `None` where it is not a valid age."""
    if age[:-1].isdecimal() and age[-1:] == "Y" and int(age[:-1]) > 89:
        return "090Y"
    return age if valid("AS", age.encode()) else None


FAMILIES = (
    {"SH", "LO", "ST", "LT", "UC", "UT"},
    {"IS", "DS"},
    {"US", "SS", "OW", "OB"},
    {"UL", "SL"},
    {"DA", "DT"},
)


def same_family(one: str, other: str) -> bool:
    """Whether two VRs hold the same kind of value, so that one may be encoded for the other."""
    return one == other or any(one in family and other in family for family in FAMILIES)

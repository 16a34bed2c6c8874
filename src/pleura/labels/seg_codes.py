"""Lungs and lobes by codes: SNOMED CT, the older SRT codes, and FMA."""

from collections.abc import Iterable
from typing import Any

from pleura.core.lung_names import Lobe, LungPart, part_of
from pleura.core.lung_words import Side

LUNG = ("SCT", "39607008")
TISSUE = {
    ("SCT", "85756007"),
    ("SCT", "113343008"),
    ("SCT", "123037004"),
    ("SCT", "91723000"),
    ("SCT", "91832008"),
}
"""Property types that do not name a structure (tissue, organ); the region then counts."""
PARTS: dict[tuple[str, str], LungPart] = {
    LUNG: LungPart("both"),
    ("SCT", "74101002"): LungPart("both"),
    ("SCT", "3341006"): LungPart("right"),
    ("SCT", "44029006"): LungPart("left"),
    ("SCT", "42400003"): LungPart("right", "upper"),
    ("SCT", "72481006"): LungPart("right", "middle"),
    ("SCT", "266005"): LungPart("right", "lower"),
    ("SCT", "44714003"): LungPart("left", "upper"),
    ("SCT", "41224006"): LungPart("left", "lower"),
    ("FMA", "7195"): LungPart("both"),
    ("FMA", "68877"): LungPart("both"),
    ("FMA", "7309"): LungPart("right"),
    ("FMA", "7310"): LungPart("left"),
    ("FMA", "7333"): LungPart("right", "upper"),
    ("FMA", "7383"): LungPart("right", "middle"),
    ("FMA", "7337"): LungPart("right", "lower"),
    ("FMA", "7370"): LungPart("left", "upper"),
    ("FMA", "7371"): LungPart("left", "lower"),
}
"""Lung (39607008, pair of lungs 74101002), right and left lung, and the five lobes."""
LOBES: dict[tuple[str, str], Lobe] = {
    ("SCT", "45653009"): "upper",
    ("SCT", "40020002"): "middle",
    ("SCT", "90572001"): "lower",
}
"""Lobes without a side, which a modifier gives."""
SIDES: dict[tuple[str, str], Side] = {
    ("SCT", "24028007"): "right",
    ("SCT", "7771000"): "left",
    ("SCT", "51440002"): "both",
}
SRT: dict[str, str] = {
    "T-28000": "39607008",
    "T-28100": "3341006",
    "T-28500": "44029006",
    "T-28200": "42400003",
    "T-28300": "72481006",
    "T-28400": "266005",
    "T-28600": "44714003",
    "T-28700": "41224006",
    "T-28820": "45653009",
    "T-28825": "40020002",
    "T-28830": "90572001",
    "T-D0050": "85756007",
    "T-D0060": "113343008",
    "T-D000A": "123037004",
    "G-A100": "24028007",
    "G-A101": "7771000",
    "G-A102": "51440002",
}
"""SNOMED RT codes to SNOMED CT (PS3.16 annex on SNOMED concept identifier mapping)."""
SCHEMES = {
    "SRT": "SRT",
    "SNM3": "SRT",
    "99SDM": "SRT",
    "SCT": "SCT",
    "SNOMED-CT": "SCT",
    "FMA": "FMA",
}

Code = tuple[str, str]


def part_of_segment(segment: Any) -> LungPart | None:
    """The lung or lobe of a segment, by property type, else by anatomic region, else by label."""
    types = codes_of(segment.get("SegmentedPropertyTypeCodeSequence"))
    regions = codes_of(segment.get("AnatomicRegionSequence"))
    label = part_of(str(segment.get("SegmentLabel") or ""))
    sides = _sides(segment)
    for code in types:
        part = _part(code, sides, label)
        if part is not None:
            return part
    if not types or any(code in TISSUE for code in types):
        for code in regions:
            part = _part(code, sides, label)
            if part is not None:
                return part
    return label


def codes_of(sequence: Any) -> list[Code]:
    """The codes of a code sequence, with SRT codes as their SCT equivalents."""
    return [
        as_sct(str(item.get("CodingSchemeDesignator") or ""), _value(item))
        for item in sequence or ()
    ]


def as_sct(scheme: str, value: str) -> Code:
    """A code with a uniform name of its scheme; an SRT code as its SCT equivalent."""
    known = SCHEMES.get(scheme.strip().upper(), scheme.strip().upper())
    value = value.strip()
    if known in ("SRT", "SCT") and value.upper() in SRT:
        return "SCT", SRT[value.upper()]
    return known, value


def part_of_codes(kind: Code, modifier: Code | None) -> LungPart | None:
    """The lung or lobe of a property type and its modifier, as in Slicer's terminology entries."""
    return _part(kind, {SIDES[modifier]} if modifier in SIDES else set(), None)


def _part(code: Code, sides: set[Side], label: LungPart | None) -> LungPart | None:
    lobe = LOBES.get(code)
    if lobe is not None:
        if len(sides) == 1 and "both" not in sides:
            return LungPart(next(iter(sides)), lobe)
        return None
    part = PARTS.get(code)
    if part is None or part.side != "both":
        return part
    if len(sides) == 1:
        return LungPart(next(iter(sides)))
    # a lung without laterality: its label may give the side, or mark it as partial
    return label or part


def _sides(segment: Any) -> set[Side]:
    """The sides of the modifiers of type and region."""
    modifiers: list[Any] = list(segment.get("SegmentedPropertyTypeModifierCodeSequence") or ())
    for keyword in ("SegmentedPropertyTypeCodeSequence", "AnatomicRegionSequence"):
        for item in segment.get(keyword) or ():
            modifiers += item.get("SegmentedPropertyTypeModifierCodeSequence") or ()
            modifiers += item.get("AnatomicRegionModifierSequence") or ()
    return {SIDES[code] for code in codes_of(modifiers) if code in SIDES}


def _value(item: Any) -> str:
    values: Iterable[Any] = (
        item.get(key) for key in ("CodeValue", "LongCodeValue", "URNCodeValue")
    )
    return next((str(value) for value in values if value), "")

"""Locate the top-level elements of a file (PS3.5 7.1), to compare files without decoding values."""

import struct
from typing import NamedTuple

EXPLICIT_LITTLE, IMPLICIT_LITTLE, BIG, DEFLATED = (
    f"1.2.840.10008.1.2{end}" for end in (".1", "", ".2", ".1.99")
)
NATIVE = (EXPLICIT_LITTLE, IMPLICIT_LITTLE)
META_SYNTAX, META_NAME = 0x00020010, 0x00020003
PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
_LONG = frozenset(
    {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)
_SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_ITEM, _ITEM_END, _SEQUENCE_END, _UNDEFINED = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD, 0xFFFFFFFF
_DEEPEST = 16
_with_vr = struct.Struct("<HH2sH").unpack_from
_without_vr = struct.Struct("<HHI").unpack_from
_long = struct.Struct("<I").unpack_from


class Element(NamedTuple):
    """One element; `data[start:end]` includes its header."""

    tag: int
    start: int
    end: int


class Parts(NamedTuple):
    """The elements of a file in order of tags: `meta` of group 2, `elements` of the data set."""

    syntax: str
    meta: list[Element]
    elements: list[Element]


def take_apart(data: bytes, *, until_pixels: bool = False) -> Parts | None:
    """Locate the elements of a file; with `until_pixels` those before the pixel data.

    With `until_pixels`, `data` may be the beginning of a file.

    Returns:
        `None` for files that are not plain: no meta group, deflated, big-endian, unknown VRs,
        elements out of order, bytes outside all elements, or sequences without an end.
    """
    if data[128:132] != b"DICM":
        return None
    try:
        meta, at = _elements(data, 132, explicit=True, stop=0x00030000)
        syntax = next(
            (
                value(data, one).rstrip(b" \0").decode("latin-1")
                for one in meta
                if one.tag == META_SYNTAX
            ),
            "",
        )
        explicit = syntax != IMPLICIT_LITTLE
        if syntax in ("", DEFLATED, BIG) or (not explicit and data[at + 4 : at + 6].isalpha()):
            return None
        elements, at = _elements(
            data, at, explicit=explicit, stop=PIXELS[0] if until_pixels else _UNDEFINED
        )
    except (struct.error, _NotPlain):
        return None
    if until_pixels or at == len(data):
        return Parts(syntax, meta, elements)
    return None


def split(data: bytes, at: int, *, explicit: bool) -> list[Element] | None:
    """Locate the elements of a data set that begins at `at`; `None` as for `take_apart`."""
    try:
        elements, at = _elements(data, at, explicit=explicit, stop=_UNDEFINED)
    except (struct.error, _NotPlain):
        return None
    if at == len(data):
        return elements
    return None


def is_vr(code: bytes) -> bool:
    """Whether two bytes are the code of a VR."""
    return code in _SHORT or code in _LONG


def value(data: bytes, element: Element) -> bytes:
    """The value of an element whose VR has a short header."""
    return data[element.start + 8 : element.end]


class _NotPlain(Exception):
    """The file is not one that `take_apart` handles."""


def _elements(data: bytes, at: int, *, explicit: bool, stop: int) -> tuple[list[Element], int]:
    found: list[Element] = []
    last, size = 0, len(data)
    while at < size:
        tag, end = _element(data, at, 0, explicit=explicit, stop=stop)
        if tag >= stop:
            break
        if tag <= last or end > size:
            raise _NotPlain
        found.append(Element(tag, at, end))
        last, at = tag, end
    return found, at


def _element(
    data: bytes, at: int, depth: int, *, explicit: bool, stop: int = _UNDEFINED
) -> tuple[int, int]:
    """The tag and the end of the element at `at`.

    The end has no meaning for a tag from `stop` on, and for the delimiter of an item.
    """
    if not explicit:
        group, element, length = _without_vr(data, at)
        tag, vr, start = group << 16 | element, b"", at + 8
    else:
        group, element, vr, length = _with_vr(data, at)
        tag, start = group << 16 | element, at + 8
        if tag >= stop or tag == _ITEM_END:
            return tag, start
        if vr in _LONG:
            length, start = _long(data, at + 8)[0], at + 12
        elif vr not in _SHORT:
            raise _NotPlain
    if length != _UNDEFINED or tag >= stop:
        return tag, start + length
    if tag not in PIXELS and vr not in (b"SQ", b""):
        raise _NotPlain
    return tag, _items(data, start, depth + 1, explicit=explicit)


def _items(data: bytes, at: int, depth: int, *, explicit: bool) -> int:
    """The end of a sequence, or of encapsulated pixels, of undefined length."""
    if depth > _DEEPEST:
        raise _NotPlain
    while True:
        group, element, length = _without_vr(data, at)
        at += 8
        if group << 16 | element == _SEQUENCE_END:
            return at
        if group << 16 | element != _ITEM:
            raise _NotPlain
        if length != _UNDEFINED:
            at += length
            continue
        tag = 0
        while tag != _ITEM_END:
            tag, at = _element(data, at, depth, explicit=explicit)

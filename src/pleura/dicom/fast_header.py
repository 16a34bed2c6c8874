"""A walk over a file's first kilobytes that reads the few attributes pleura wants, far faster than
a full parser.

Only what is plain is walked: a preamble, little endian, tags in rising order. Anything else gives
`None`, and pydicom reads that file instead; pydicom is also the oracle of the tests. Hand-written
because header scans are what `scan` waits for; what that buys, and dicomsdl beside it, stands in
docs/benchmarks.md.

A slice's header is mostly its neighbour's. So stretches of elements are remembered with the values
in them, and where the next file holds the very same bytes, they are passed over at once; and so is
the way that a walk took over stretches and elements, which the next one tries first. What is
remembered decides the time, never the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import Any, BinaryIO, NamedTuple

from pleura.dicom.header_values import LONG, TAGS, Unusual, value_of

NESTED = {0x00283000, 0x52009229, 0x52009230}
"""Modality LUT and functional groups: a file that holds one is read by pydicom."""
PIXELS = 0x7FE00010
META_END = 0x00030000
GROUP_LENGTH = 0x00020000
"""Changes with the length of the UID that follows it: in no stretch."""
META, EXPLICIT, IMPLICIT = range(3)
"""How elements are encoded where the walk is: the meta group is explicit whatever follows it."""
STRETCH = b"known"
"""In place of a VR."""
MANY = 32
"""Steps that a walk takes where neighbours differ in fifteen elements or so; where it took more,
it learns.
"""
MOST_KNOWN = 8192
IMPLICIT_SYNTAX = "1.2.840.10008.1.2"
OTHER_WALKS = {"1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99", "1.2.840.113619.5.2"}
"""Big endian and deflated: pydicom's work."""
SHORT = {
    *(
        b"AE",
        b"AS",
        b"AT",
        b"CS",
        b"DA",
        b"DS",
        b"DT",
        b"FL",
        b"FD",
        b"IS",
        b"LO",
        b"LT",
        b"PN",
        b"SH",
        b"SL",
        b"SS",
    ),
    *(b"ST", b"TM", b"UI", b"UL", b"US"),
}
UNDEFINED = 0xFFFFFFFF
DEEPEST = 32
MOST_ITEMS = 100_000
"""Levels of a sequence, and items of one level, above which a file is not plain."""
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
FIRST_READ, LAST_READ = 8 << 10, 16 << 20

_explicit = Struct("<HH2sH").unpack_from
_implicit = Struct("<HHI").unpack_from
_long = Struct("<I").unpack_from


@dataclass(frozen=True, eq=False)
class Way:
    """A header of which only some elements change: for each, the bytes from the one before to its
    length, its name, VR and how many bytes its length takes; then the bytes to PixelData's tag.
    `values` are those of one header that went it."""

    values: dict[str, Any]
    own: tuple[tuple[bytes, str | None, bytes, int], ...]
    tail: bytes


class Walked(NamedTuple):
    """Values by keyword, TransferSyntaxUID among them, where PixelData's element begins, its first
    bytes, and the way there, where it was known."""

    values: dict[str, Any]
    place: int
    head: bytes
    way: Way | None = None


class Stretch(NamedTuple):
    """Whole elements in a row: their bytes, the values in them, the first tag and the last."""

    raw: bytes
    values: dict[str, Any]
    first: int
    last: int


@dataclass
class Known:
    """What earlier files taught: elements seen, and stretches of such, by how they are encoded and
    their first eight bytes; what the last walk met, stretch by stretch and element by element, and
    a way that two walks took in succession."""

    elements: set[bytes] = field(default_factory=set)
    stretches: tuple[dict[bytes, Stretch], ...] = field(default_factory=lambda: ({}, {}, {}))
    met: list[bytes | int] = field(default_factory=list)
    way: Way | None = None


class Step(NamedTuple):
    """What a walk passed at once: its first and last tag, where it begins and ends, and, of an
    element that was no known stretch, its VR and how many bytes its length takes; 0 for one
    without."""

    first: int
    last: int
    start: int
    end: int
    vr: bytes
    size: int


class _Short(Exception):
    """The buffer ends before the header does."""


def walk(file: BinaryIO, size: int, buffer: bytes, known: Known) -> Walked | None:
    """Read what `TAGS` names, or `None` where the file is anything but plain. Reads no more than
    the header needs.

    `buffer` is what was read of the file already, from its beginning; `known` what files before it
    taught, and is added to.
    """
    want = FIRST_READ
    while True:
        if buffer[128:132] != b"DICM":
            return None
        try:
            return _along(known.way, buffer) or _walked(buffer, known, whole=len(buffer) >= size)
        except (IndexError, _Short):
            if len(buffer) >= size or want >= LAST_READ:
                return None
            want *= 8
            buffer += file.read(want)
        except (Unusual, ValueError):
            return None


def _along(way: Way | None, buffer: bytes) -> Walked | None:
    """What `_walked` gives, if the header goes that way."""
    if way is None:
        return None
    at, end, values = 132, len(buffer), way.values.copy()
    for raw, name, vr, size in way.own:
        if not buffer.startswith(raw, at):
            return None
        start = at + len(raw) + size
        at = start + int.from_bytes(buffer[start - size : start], "little")
        if at > end:
            return None
        if name is not None:
            values[name] = value_of(name, vr, buffer[start:at])
    place = at + len(way.tail) - 4
    if place + 16 > end or not buffer.startswith(way.tail, at):
        return None
    return Walked(values, place, buffer[place : place + 16], way)


def _walked(buffer: bytes, known: Known, *, whole: bool) -> Walked:
    """Values by keyword up to PixelData: of the meta group, then of the data set, encoded as the
    meta group says.
    """
    values: dict[str, Any] = {}
    steps: list[Step] = []
    stretches, mode, stop = known.stretches[META], META, META_END
    at, last, end = 132, 0, len(buffer)
    while True:
        if at + 12 > end:
            raise _Short
        stretch = stretches.get(buffer[at : at + 8])
        if stretch is not None and stretch.first > last and buffer.startswith(stretch.raw, at):
            values.update(stretch.values)
            last = stretch.last
            steps.append(Step(stretch.first, last, at, at + len(stretch.raw), STRETCH, 0))
            at += len(stretch.raw)
            continue
        start = at
        vr = b""
        if mode == IMPLICIT:
            group, element, length = _implicit(buffer, at)
        else:
            group, element, vr, length = _explicit(buffer, at)
        tag = group << 16 | element
        if tag >= stop:
            if mode != META:
                break
            mode, last, stop = _encoding(values.get("TransferSyntaxUID")), 0, PIXELS
            stretches = known.stretches[mode]
            continue
        if tag <= last or tag in NESTED:
            raise Unusual
        last = tag
        size = 4 if mode == IMPLICIT else 2
        if vr in LONG:
            length, at, size = _long(buffer, at + 8)[0], at + 4, 4
        elif mode != IMPLICIT and vr not in SHORT:
            raise Unusual
        at += 8
        if length == UNDEFINED:
            size = 0
            at = _past_items(
                buffer, at, implicit=mode == IMPLICIT or vr == b"UN", until=SEQUENCE_END, depth=0
            )
        elif at + length > end:
            raise _Short
        else:
            name = TAGS.get(tag)
            if name is not None:
                values[name] = value_of(name, vr, buffer[at : at + length])
            at += length
        steps.append(Step(tag, tag, start, at, vr, size))
    if tag != PIXELS:
        raise Unusual
    if at + 16 > end and not whole:
        raise _Short
    if len(steps) > MANY or not any(step.vr == STRETCH for step in steps):
        _learn(known, buffer, steps, values, mode)
    else:
        met = [
            buffer[step.start : step.end] if step.vr == STRETCH else step.first for step in steps
        ]
        if met == known.met:
            known.way = _way(buffer, steps, values) or known.way
        known.met = met
    return Walked(values, at, buffer[at : at + 16])


def _encoding(syntax: Any) -> int:
    if not isinstance(syntax, str) or syntax in OTHER_WALKS:
        raise Unusual
    return IMPLICIT if syntax == IMPLICIT_SYNTAX else EXPLICIT


def _way(buffer: bytes, steps: Sequence[Step], values: dict[str, Any]) -> Way | None:
    """The way that a walk took, if those that go it may differ in all elements that were no
    stretches.
    """
    own: list[tuple[bytes, str | None, bytes, int]] = []
    begin, end = 132, 132
    for step in steps:
        end = step.end
        if step.vr == STRETCH:
            continue
        name = TAGS.get(step.first)
        if not step.size or name == "TransferSyntaxUID":  # which tells how to go on
            return None
        length = step.start + (4 if step.vr == b"" else 8 if step.vr in LONG else 6)
        own.append((buffer[begin:length], name, step.vr, step.size))
        begin = end
    return Way(values, tuple(own), buffer[begin : end + 4])


def _learn(
    known: Known, buffer: bytes, steps: Sequence[Step], values: dict[str, Any], mode: int
) -> None:
    """Join steps that were seen before into stretches: they were the neighbour's, and will be
    the next one's.
    """
    if len(known.elements) > MOST_KNOWN:
        known.elements.clear()
        for stretches in known.stretches:
            stretches.clear()
    joined: list[list[int]] = []
    for first, last, start, end, _, _ in steps:
        if first == GROUP_LENGTH:
            continue
        raw = buffer[start:end]
        stretch = known.stretches[META if first < META_END else mode].get(raw[:8])
        if raw not in known.elements and (stretch is None or stretch.raw != raw):
            known.elements.add(raw)
        elif joined and joined[-1][3] == start and (joined[-1][0] < META_END) == (first < META_END):
            joined[-1][1], joined[-1][3] = last, end
        else:
            joined.append([first, last, start, end])
    for first, last, start, end in joined:
        inside = {
            name: values[name]
            for tag, name in TAGS.items()
            if first <= tag <= last and name in values
        }
        stretches = known.stretches[META if first < META_END else mode]
        stretches[buffer[start : start + 8]] = Stretch(buffer[start:end], inside, first, last)


def _past_items(buffer: bytes, at: int, *, implicit: bool, until: int, depth: int) -> int:
    """Where a sequence, or an item, of undefined length ends."""
    if depth > DEEPEST:
        raise Unusual
    for _ in range(MOST_ITEMS):
        if at + 12 > len(buffer):
            raise _Short
        group, element, length = _implicit(buffer, at)
        tag = group << 16 | element
        if tag == until:
            return at + 8
        if group == 0xFFFE:
            if tag != ITEM or until != SEQUENCE_END:
                raise Unusual
            inner = ITEM_END
        else:
            if until != ITEM_END:
                raise Unusual
            inner = SEQUENCE_END
            if not implicit:
                vr = buffer[at + 4 : at + 6]
                if vr in LONG:
                    length, at = _long(buffer, at + 8)[0], at + 4
                elif vr in SHORT:
                    length &= 0xFFFFFFFF
                    length >>= 16
                else:
                    raise Unusual
        at += 8
        if length == UNDEFINED:
            at = _past_items(buffer, at, implicit=implicit, until=inner, depth=depth + 1)
        else:
            at += length
    raise Unusual  # pydicom counts the items, and refuses what has too many

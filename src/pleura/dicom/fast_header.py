"""Read the few attributes that pleura needs from the beginning of a file, far faster than a parser.

Only plain files are read: a preamble, little endian, tags in rising order. For all others `walk`
returns `None`, and pydicom reads the file. pydicom is also the oracle of the tests. It is written
by hand because `scan` waits for headers; docs/benchmarks.md has the gain, and dicomsdl for
comparison.

Headers of neighbouring slices are nearly equal, so runs of elements (`Stretch`) are remembered with
their values. Where the next file has the same bytes, they are skipped at once. A whole header in
which only some elements change is remembered as a `Way`, which is tried first. What is remembered
changes the time, never the result.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import Any, BinaryIO, NamedTuple

from pleura.dicom.header_values import LONG, TAGS, Unusual, value_of

NESTED = {0x00283000, 0x52009229, 0x52009230}
"""Modality LUT and functional groups: files with one of these are read by pydicom."""
PIXELS = 0x7FE00010
META_END = 0x00030000
GROUP_LENGTH = 0x00020000
"""Its value changes with the length of the next UID, so it is never part of a stretch."""
META, EXPLICIT, IMPLICIT = range(3)
"""How elements are encoded; the meta group is always explicit."""
STRETCH = b"known"
"""Stands in place of a VR for a known stretch."""
MANY = 32
"""[steps] A longer walk adds to what is known. Neighbours differ in about fifteen elements."""
MOST_KNOWN = 8192
IMPLICIT_SYNTAX = "1.2.840.10008.1.2"
OTHER_WALKS = {"1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99", "1.2.840.113619.5.2"}
"""Big endian and deflated files, which pydicom reads."""
_SHORT_NAMES = "AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US"
SHORT = frozenset(vr.encode() for vr in _SHORT_NAMES.split())
"""VRs whose length takes two bytes (PS3.5 section 7.1.2)."""
UNDEFINED = 0xFFFFFFFF
DEEPEST = 32
MOST_ITEMS = 100_000
"""Most levels of nested sequences, and most items of one level, of a plain file."""
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
FIRST_READ, LAST_READ = 8 << 10, 16 << 20

_tag = Struct("<HH").unpack_from
_explicit = Struct("<2sH").unpack_from
_long = Struct("<I").unpack_from


@dataclass(frozen=True, eq=False)
class Way:
    """A header in which only some elements change.

    `own` has for each of these the bytes from the previous one up to its length field, its keyword,
    its VR, and the size of its length field. `tail` are the bytes from the last one to the tag of
    PixelData. `values` are those of one such header.
    """

    values: dict[str, Any]
    own: tuple[tuple[bytes, str | None, bytes, int], ...]
    tail: bytes


class Walked(NamedTuple):
    """What a walk read.

    `values` are by keyword, TransferSyntaxUID included. `place` is where the element PixelData
    begins, `head` its first bytes. `way` is the way, where it was known.
    """

    values: dict[str, Any]
    place: int
    head: bytes
    way: Way | None = None


class Stretch(NamedTuple):
    """A run of whole elements: their bytes, their values, the first tag and the last."""

    raw: bytes
    values: dict[str, Any]
    first: int
    last: int


@dataclass
class Known:
    """What was learnt from earlier files.

    `elements` are elements that were seen. `stretches` are by encoding and first eight bytes. `met`
    is what the last walk met, stretch by stretch and element by element. `way` is one that two
    successive walks took.
    """

    elements: set[bytes] = field(default_factory=set)
    stretches: tuple[dict[bytes, Stretch], ...] = field(default_factory=lambda: ({}, {}, {}))
    met: list[bytes | int] = field(default_factory=list)
    way: Way | None = None


class Step(NamedTuple):
    """What a walk passed at once: an element, or a known stretch.

    It has the first and last tag, start and end, the VR (`STRETCH` for a stretch), and the size of
    the length field (0 for undefined length).
    """

    first: int
    last: int
    start: int
    end: int
    vr: bytes
    size: int


class _Short(Exception):
    """The buffer ends before the header does."""


def walk(file: BinaryIO, size: int, buffer: bytes, known: Known) -> Walked | None:
    """Read the attributes of `TAGS`; `None` for a file that is not plain.

    No more of the file is read than the header needs. `buffer` is its beginning, which was read
    already. `known` is what was learnt from earlier files; it is added to.
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
    """The result of `_walked`, where the header follows a known way; else `None`."""
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
    """Walk the meta group and the data set up to PixelData; return the values by keyword."""
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
        group, element = _tag(buffer, at)
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
        step = _passed(buffer, at, tag, mode, values)
        steps.append(step)
        at = step.end
    if tag != PIXELS:
        raise Unusual
    if at + 16 > end and not whole:
        raise _Short
    _remember(known, buffer, steps, values, mode)
    return Walked(values, at, buffer[at : at + 16])


def _passed(buffer: bytes, at: int, tag: int, mode: int, values: dict[str, Any]) -> Step:
    """Pass over one element; its value is added to `values` where pleura wants it."""
    vr, length, start, size = _value(buffer, at, mode)
    if length == UNDEFINED:
        implicit = mode == IMPLICIT or vr == b"UN"
        end = _past_items(buffer, start, implicit=implicit, until=SEQUENCE_END, depth=0)
        return Step(tag, tag, at, end, vr, 0)
    end = start + length
    if end > len(buffer):
        raise _Short
    name = TAGS.get(tag)
    if name is not None:
        values[name] = value_of(name, vr, buffer[start:end])
    return Step(tag, tag, at, end, vr, size)


def _value(buffer: bytes, at: int, mode: int) -> tuple[bytes, int, int, int]:
    """VR, length, start of the value, and size of the length field of the element at `at`."""
    if mode == IMPLICIT:
        return b"", _long(buffer, at + 4)[0], at + 8, 4
    vr, length = _explicit(buffer, at + 4)
    if vr in LONG:
        return vr, _long(buffer, at + 8)[0], at + 12, 4
    if vr not in SHORT:
        raise Unusual
    return vr, length, at + 8, 2


def _remember(
    known: Known, buffer: bytes, steps: Sequence[Step], values: dict[str, Any], mode: int
) -> None:
    """Add what a walk met to `known`, for the next file."""
    if len(steps) > MANY or not any(step.vr == STRETCH for step in steps):
        _learn(known, buffer, steps, values, mode)
        return
    met: list[bytes | int] = []
    for step in steps:
        met.append(buffer[step.start : step.end] if step.vr == STRETCH else step.first)
    if met == known.met:
        known.way = _way(buffer, steps, values) or known.way
    known.met = met


def _encoding(syntax: Any) -> int:
    if not isinstance(syntax, str) or syntax in OTHER_WALKS:
        raise Unusual
    if syntax == IMPLICIT_SYNTAX:
        return IMPLICIT
    return EXPLICIT


def _way(buffer: bytes, steps: Sequence[Step], values: dict[str, Any]) -> Way | None:
    """The way of a walk: every element may change that is not in a stretch."""
    own: list[tuple[bytes, str | None, bytes, int]] = []
    begin, end = 132, 132
    for step in steps:
        end = step.end
        if step.vr == STRETCH:
            continue
        name = TAGS.get(step.first)
        # the transfer syntax decides the encoding of what follows
        if not step.size or name == "TransferSyntaxUID":
            return None
        length_at = step.start + _offset_of_length(step.vr)
        own.append((buffer[begin:length_at], name, step.vr, step.size))
        begin = end
    return Way(values, tuple(own), buffer[begin : end + 4])


def _offset_of_length(vr: bytes) -> int:
    """Offset of the length field in an element; `vr` is empty where it is implicit."""
    if vr == b"":
        return 4
    if vr in LONG:
        return 8
    return 6


def _learn(
    known: Known, buffer: bytes, steps: Sequence[Step], values: dict[str, Any], mode: int
) -> None:
    """Join elements that were seen before into stretches, which the next file probably has too."""
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
    """Where a sequence, or an item, of undefined length ends.

    `until` is the delimiter: of a sequence, which has items, or of an item, which has elements.
    """
    if depth > DEEPEST:
        raise Unusual
    for _ in range(MOST_ITEMS):
        if at + 12 > len(buffer):
            raise _Short
        group, element = _tag(buffer, at)
        tag = group << 16 | element
        if tag == until:
            return at + 8
        is_item = tag == ITEM
        if is_item != (until == SEQUENCE_END) or (group == ITEM >> 16 and not is_item):
            raise Unusual
        mode = IMPLICIT if implicit or is_item else EXPLICIT
        _, length, start, _ = _value(buffer, at, mode)
        if length == UNDEFINED:
            inner = ITEM_END if is_item else SEQUENCE_END
            at = _past_items(buffer, start, implicit=implicit, until=inner, depth=depth + 1)
        else:
            at = start + length
    raise Unusual  # pydicom counts the items, and refuses what has too many

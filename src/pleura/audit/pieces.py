"""A DICOM file taken apart into pieces of bytes, so that a search knows where it found something
(PS3.5 7, PS3.10 7.1).

Written by hand and without pydicom on purpose: the proof must not inherit the mistakes of the
library that wrote the file, and it must cost a small part of a write. It never raises on a broken
file: what it cannot take apart is one loose piece.
"""

import struct
import zlib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

IMPLICIT, BIG, DEFLATED = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
EXPLICIT = "1.2.840.10008.1.2.1"
NATIVE = (IMPLICIT, EXPLICIT, BIG, DEFLATED)
"""Syntaxes whose pixels are not compressed one by one."""
PIXEL_DATA = (0x7FE00008, 0x7FE00009, 0x7FE00010)
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_LONG = frozenset(
    {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)
_SHORT = frozenset(
    {
        b"AE",
        b"AS",
        b"AT",
        b"CS",
        b"DA",
        b"DS",
        b"DT",
        b"FD",
        b"FL",
        b"IS",
        b"LO",
        b"LT",
        b"PN",
        b"SH",
        b"SL",
        b"SS",
        b"ST",
    }
    | {b"TM", b"UI", b"UL", b"US"}
)
_DEEPEST = 48

Path_ = tuple[int, ...]
"""Where an element stands: tag, or tag, item number, tag, … of nested ones."""


class Piece(NamedTuple):
    """The value of one element, `data[start:end]`; `vr` is empty where the encoding does not
    tell it.
    """

    path: Path_
    vr: str
    start: int
    end: int


@dataclass(frozen=True)
class Layout:
    """A file in pieces. `data` is what is searched: the file, or for a deflated one its meta group
    and inflated rest.

    `loose` is where bytes begin that belong to no element (`len(data)` where there are none);
    `groups` says that group 2 was there, `broken` that taking apart failed before the end.
    """

    data: bytes
    pieces: tuple[Piece, ...]
    syntax: str
    preamble: bytes
    loose: int
    broken: bool
    big: bool = False
    starts: list[int] = field(default_factory=list, repr=False)

    @cached_property
    def values(self) -> Mapping[Path_, Piece]:
        """The pieces by path."""
        return {piece.path: piece for piece in self.pieces}

    @cached_property
    def pixels(self) -> tuple[int, int]:
        """Start and end of the top-level pixel data's value; both 0 where there is none."""
        for piece in reversed(self.pieces):
            if len(piece.path) == 1 and piece.path[0] in PIXEL_DATA:
                return piece.start, piece.end
        return 0, 0

    def raw(self, *path: int) -> bytes | None:
        """The value at `path` as it stands, `None` where there is no such element."""
        piece = self.values.get(path)
        return None if piece is None else self.data[piece.start : piece.end]

    def text(self, *path: int) -> str:
        """The value at `path` as text without padding; empty where there is none."""
        return (self.raw(*path) or b"").rstrip(b" \0").decode("latin-1")

    def number(self, *path: int) -> int:
        """The value at `path`, of VR US, as a number; 0 where there is none."""
        raw = self.raw(*path) or b""
        return int.from_bytes(raw, "big" if self.big else "little") if len(raw) == 2 else 0

    def at(self, offset: int) -> Piece | None:
        """The piece that holds the byte at `offset`, `None` for headers and loose bytes."""
        k = bisect_right(self.starts, offset) - 1
        return self.pieces[k] if k >= 0 and offset < self.pieces[k].end else None


def shown(path: Path_) -> str:
    """A path as people read it: `(0008,1140)[0].(0008,1155)`."""
    words = []
    for k, part in enumerate(path):
        words.append(f"({part >> 16:04x},{part & 0xFFFF:04x})" if k % 2 == 0 else f"[{part}].")
    return "".join(words)


def take_apart(source: bytes | Path) -> Layout:
    """Take a DICOM file apart, given as bytes or as a path."""
    data = source if isinstance(source, bytes) else source.read_bytes()
    walker = _Walker(data)
    part10 = data[128:132] == b"DICM"
    pos = 132 if part10 else 0
    syntax, explicit, big = "", True, False
    try:
        pos = walker.dataset(pos, len(data), (), explicit=True, big=False, only_group=2)
        meta = {piece.path[0]: piece for piece in walker.pieces}
        if 0x00020010 in meta:
            syntax = (
                data[meta[0x00020010].start : meta[0x00020010].end].rstrip(b" \0").decode("latin-1")
            )
        if syntax == DEFLATED:
            inflated, left = _inflate(data[pos:])
            walker.data = data[:pos] + inflated + left
        if syntax in (IMPLICIT, EXPLICIT):  # some writers declare one and write the other
            explicit = data[pos + 4 : pos + 6] in _SHORT | _LONG
            syntax = EXPLICIT if explicit else IMPLICIT
        elif syntax:
            explicit, big = True, syntax == BIG
        else:
            explicit, big = _guess(data, pos)
        pos = walker.dataset(pos, len(walker.data), (), explicit=explicit, big=big)
        broken = False
    except (struct.error, _Broken, zlib.error):
        pos, broken = walker.good, True
    pieces = tuple(sorted(walker.pieces, key=lambda piece: piece.start))
    starts = [piece.start for piece in pieces]
    return Layout(
        walker.data, pieces, syntax, data[:128] if part10 else b"", pos, broken, big, starts
    )


def _inflate(data: bytes) -> tuple[bytes, bytes]:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    return inflater.decompress(data), inflater.unused_data.strip(b"\0")


def _guess(data: bytes, pos: int) -> tuple[bool, bool]:
    """Explicit and big endian, of a data set without file meta."""
    explicit = data[pos + 4 : pos + 6] in _SHORT | _LONG
    return explicit, explicit and data[pos : pos + 1] == b"\0"


class _Broken(Exception):
    """The bytes are no data set from here on."""


class _Walker:
    """Collects pieces; `good` is the end of the last whole element at top level."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.pieces: list[Piece] = []
        self.good = 0

    def dataset(
        self, pos: int, end: int, path: Path_, *, explicit: bool, big: bool, only_group: int = -1
    ) -> int:
        """Walk elements from `pos` to `end`, or to an item's delimiter, or out of `only_group`;
        returns where it stopped.
        """
        data, order = self.data, ">" if big else "<"
        head = struct.Struct(order + "HH")
        long = struct.Struct(order + "I")
        short = struct.Struct(order + "H")
        while pos + 8 <= end:
            group, element = head.unpack_from(data, pos)
            if only_group >= 0 and group != only_group:
                return pos
            tag = group << 16 | element
            if tag in (_ITEM_END, _SEQUENCE_END):
                return pos
            vr = b""
            if explicit:
                vr = data[pos + 4 : pos + 6]
                if vr in _SHORT:
                    length, start = short.unpack_from(data, pos + 6)[0], pos + 8
                elif vr in _LONG or (vr.isalpha() and vr.isupper()):
                    length, start = long.unpack_from(data, pos + 8)[0], pos + 12
                else:  # no VR at all: some writers slip implicit elements in
                    vr, length, start = b"", long.unpack_from(data, pos + 4)[0], pos + 8
            else:
                length, start = long.unpack_from(data, pos + 4)[0], pos + 8
            here = (*path, tag)
            if length == _UNDEFINED:
                pos = self._undefined(start, end, here, vr, explicit=explicit, big=big)
            elif start + length > end:
                raise _Broken
            else:
                pos = start + length
                if not self._sequence(start, pos, here, vr, explicit=explicit, big=big):
                    self.pieces.append(Piece(here, vr.decode("latin-1"), start, pos))
            if not path:
                self.good = pos
        return pos

    def _sequence(
        self, start: int, end: int, path: Path_, vr: bytes, *, explicit: bool, big: bool
    ) -> bool:
        """Try a value of known length as a sequence of items; False where it is none, and then
        nothing is collected.
        """
        if vr not in (b"SQ", b"UN", b"") or path[-1] in PIXEL_DATA:
            return False
        if end - start < 8 or self.data[start : start + 4] != (
            b"\xff\xfe\xe0\x00" if big else b"\xfe\xff\x00\xe0"
        ):
            return False
        before = len(self.pieces)
        try:
            if self._items(start, end, path, explicit=explicit and vr != b"UN", big=big) == end:
                return True
        except (_Broken, struct.error):
            if vr == b"SQ":
                raise
        del self.pieces[before:]
        return False

    def _undefined(
        self, start: int, end: int, path: Path_, vr: bytes, *, explicit: bool, big: bool
    ) -> int:
        """A value of undefined length: encapsulated pixels are one piece, everything else is a
        sequence of items.
        """
        if path[-1] in PIXEL_DATA:
            stop = self._fragments(start, end)
            self.pieces.append(Piece(path, vr.decode("latin-1"), start, stop))
            return stop
        before = len(self.pieces)
        stop = self._items(start, end, path, explicit=explicit and vr != b"UN", big=big)
        if len(self.pieces) == before:
            self.pieces.append(Piece(path, "SQ", start, start))
        return stop

    def _fragments(self, pos: int, end: int) -> int:
        while pos + 8 <= end:
            group, element, length = struct.unpack_from("<HHI", self.data, pos)
            pos += 8
            if group << 16 | element == _SEQUENCE_END:
                return pos
            if group << 16 | element != _ITEM or pos + length > end:
                raise _Broken
            pos += length
        raise _Broken

    def _items(self, pos: int, end: int, path: Path_, *, explicit: bool, big: bool) -> int:
        """Items up to the sequence's delimiter or `end`."""
        if len(path) > 2 * _DEEPEST:
            raise _Broken
        order = ">" if big else "<"
        number = 0
        while pos + 8 <= end:
            group, element, length = struct.unpack_from(order + "HHI", self.data, pos)
            tag = group << 16 | element
            pos += 8
            if tag == _SEQUENCE_END:
                return pos
            if tag != _ITEM:
                raise _Broken
            stop = end if length == _UNDEFINED else pos + length
            if stop > end:
                raise _Broken
            reached = self.dataset(pos, stop, (*path, number), explicit=explicit, big=big)
            if length == _UNDEFINED:
                if self.data[reached : reached + 4] != (
                    b"\xff\xfe\xe0\x0d" if big else b"\xfe\xff\x0d\xe0"
                ):
                    raise _Broken
                reached += 8
            elif reached != stop:
                raise _Broken
            pos = reached
            number += 1
        return pos

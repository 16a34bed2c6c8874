"""Parse a DICOM file into pieces of bytes, so that a search can name the element of a find.

See PS3.5 section 7 and PS3.10 7.1. Written without pydicom on purpose: the check must not repeat
the mistakes of the library that wrote the file, and it must take a small part of the time of a
write. It never raises on a broken file; what it cannot parse is one loose piece.
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
"""Transfer syntaxes with uncompressed pixels."""
PIXEL_DATA = (0x7FE00008, 0x7FE00009, 0x7FE00010)
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_LONG = frozenset(
    {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)
_SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_DEEPEST = 48
_ITEM_BYTES = {False: b"\xfe\xff\x00\xe0", True: b"\xff\xfe\xe0\x00"}
"""The tag of an item in little endian, and in big endian."""
_ITEM_END_BYTES = {False: b"\xfe\xff\x0d\xe0", True: b"\xff\xfe\xe0\x0d"}

Path_ = tuple[int, ...]
"""Path of an element: its tag, or for nested ones tag, item number, tag and so on."""


class Piece(NamedTuple):
    """The value of one element, `data[start:end]`; `vr` is empty where it is not encoded."""

    path: Path_
    vr: str
    start: int
    end: int


@dataclass(frozen=True)
class Layout:
    """A file in pieces.

    `data` is what is searched: the file itself; of a deflated file, its meta group and its inflated
    data set. `loose` is where bytes begin that belong to no element (`len(data)` where there are
    none). `groups` says that group 2 was there, `broken` that parsing failed before the end.
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
        """The value at `path` as bytes, or `None` where there is no such element."""
        piece = self.values.get(path)
        if piece is None:
            return None
        return self.data[piece.start : piece.end]

    def text(self, *path: int) -> str:
        """The value at `path` as text without padding; empty where there is none."""
        return (self.raw(*path) or b"").rstrip(b" \0").decode("latin-1")

    def number(self, *path: int) -> int:
        """The value at `path`, of VR US, as a number; 0 where there is none."""
        raw = self.raw(*path) or b""
        if len(raw) != 2:
            return 0
        return int.from_bytes(raw, "big" if self.big else "little")

    def at(self, offset: int) -> Piece | None:
        """The piece that holds the byte at `offset`, `None` for headers and loose bytes."""
        k = bisect_right(self.starts, offset) - 1
        if k >= 0 and offset < self.pieces[k].end:
            return self.pieces[k]
        return None


def shown(path: Path_) -> str:
    """A path in readable form: `(0008,1140)[0].(0008,1155)`."""
    words = []
    for k, part in enumerate(path):
        words.append(f"({part >> 16:04x},{part & 0xFFFF:04x})" if k % 2 == 0 else f"[{part}].")
    return "".join(words)


def take_apart(source: bytes | Path | Layout) -> Layout:
    """Parse a DICOM file, given as bytes or as a path, into pieces; a layout is one already."""
    if isinstance(source, Layout):
        return source
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
        if syntax in (IMPLICIT, EXPLICIT):  # some writers declare one and use the other
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
    """Whether a data set without file meta information is explicit, and whether big endian."""
    explicit = data[pos + 4 : pos + 6] in _SHORT | _LONG
    return explicit, explicit and data[pos : pos + 1] == b"\0"


class _Broken(Exception):
    """The bytes from here on are not a data set."""


_LONG_LITTLE, _LONG_BIG = struct.Struct("<I").unpack_from, struct.Struct(">I").unpack_from
_SHORT_LITTLE, _SHORT_BIG = struct.Struct("<H").unpack_from, struct.Struct(">H").unpack_from


class _Walker:
    """Collects pieces; `good` is the end of the last complete top-level element."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.pieces: list[Piece] = []
        self.good = 0

    def dataset(
        self, pos: int, end: int, path: Path_, *, explicit: bool, big: bool, only_group: int = -1
    ) -> int:
        """Walk elements from `pos` and return where the walk stopped.

        It stops at `end`, at the delimiter of an item, and at the first element out of
        `only_group`.
        """
        head = struct.Struct(">HH" if big else "<HH")
        while pos + 8 <= end:
            group, element = head.unpack_from(self.data, pos)
            if only_group >= 0 and group != only_group:
                return pos
            tag = group << 16 | element
            if tag in (_ITEM_END, _SEQUENCE_END):
                return pos
            vr, length, start = self._value_at(pos, explicit=explicit, big=big)
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

    def _value_at(self, pos: int, *, explicit: bool, big: bool) -> tuple[bytes, int, int]:
        """VR, length and start of the value of the element at `pos`; VR is empty if implicit."""
        data = self.data
        long, short = (_LONG_BIG, _SHORT_BIG) if big else (_LONG_LITTLE, _SHORT_LITTLE)
        vr = data[pos + 4 : pos + 6] if explicit else b""
        if vr in _SHORT:
            return vr, short(data, pos + 6)[0], pos + 8
        if vr in _LONG or (vr.isalpha() and vr.isupper()):
            return vr, long(data, pos + 8)[0], pos + 12
        # implicit; or, in an explicit data set, an element that its writer left without a VR
        return b"", long(data, pos + 4)[0], pos + 8

    def _sequence(
        self, start: int, end: int, path: Path_, vr: bytes, *, explicit: bool, big: bool
    ) -> bool:
        """Try to parse a value of known length as a sequence of items.

        Returns False, with nothing collected, where it is not a sequence.
        """
        if vr not in (b"SQ", b"UN", b"") or path[-1] in PIXEL_DATA:
            return False
        if end - start < 8 or self.data[start : start + 4] != _ITEM_BYTES[big]:
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
        """Parse a value of undefined length; return where it ends.

        Encapsulated pixels are one piece; every other value is a sequence of items.
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
        """Parse items up to the delimiter of the sequence or `end`; return where they end."""
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
                if self.data[reached : reached + 4] != _ITEM_END_BYTES[big]:
                    raise _Broken
                reached += 8
            elif reached != stop:
                raise _Broken
            pos = reached
            number += 1
        return pos

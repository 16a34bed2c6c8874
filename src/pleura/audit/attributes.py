"""Compare attributes with the source's: what must be gone, what must be kept, what is claimed."""

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from math import prod

from pleura.audit import declared as d
from pleura.audit import vocabulary as v
from pleura.audit.declared import Declared
from pleura.audit.parsing import NATIVE, PIXEL_DATA, Layout, Path_, Piece
from pleura.audit.private import is_safe
from pleura.audit.required import required
from pleura.audit.vocabulary import (
    is_known,
    is_number,
    is_private,
    stands_for_nobody,
    vr_of,
    vr_of_tag,
)

Seen = Iterator[tuple[str, Path_]]
"""Pairs of a finding's code and the path of the attribute."""

_SC, _DOSE, _DOCUMENT = (f"1.2.840.10008.5.1.4.1.1.{number}" for number in ("7", "88", "104"))
SC_CLASSES = (_SC, *(f"{_SC}.{number}" for number in range(1, 5)))
UNSAFE_CLASSES = (
    *(*SC_CLASSES, "1.2.840.10008.1.3.10", f"{_DOSE}.67", f"{_DOSE}.68"),
    *(f"{_DOCUMENT}.{number}" for number in range(1, 4)),
)
"""Secondary captures, DICOMDIR, dose reports, documents: their content cannot be searched."""


def gone(before: Layout, after: Layout, said: Declared) -> Seen:
    """Attributes that the profile and the declared options remove, and that are still there."""
    forbidden = v.NEVER.union(
        *(tags for option, tags in v.GONE_UNLESS.items() if not said.has(option))
    )
    for piece in after.pieces:
        tag = piece.path[-1]
        tags = piece.path[::2]
        group = tag >> 16
        if group == 0x0002:
            yield from _meta(piece, after)
            continue
        if _private(tags):
            if not said.has(d.SAFE_PRIVATE) or not is_safe(after, piece.path):
                yield "PRIVATE-LEFT", piece.path
            continue
        present = tags if piece.end > piece.start else tags[:-1]  # an empty value identifies nobody
        if not forbidden.isdisjoint(present):
            yield "FORBIDDEN-LEFT", piece.path
            continue
        code = _unwanted(piece, said)
        if code:
            yield code, piece.path
        elif piece.end > piece.start:
            yield from _kept(piece, before, after, said)
    yield from _unsafe(after, said)


def _unwanted(piece: Piece, said: Declared) -> str:
    """The code of an element that no profile keeps, whatever its value; empty for others."""
    tag = piece.path[-1]
    group = tag >> 16
    if tag & 0xFFFF == 0:
        return "GROUP-LENGTH-LEFT"
    if 0x5000 <= group <= 0x50FF:
        return "CURVE-LEFT"
    if 0x6000 <= group <= 0x60FF and not said.has(d.CLEAN_GRAPHICS):
        return "OVERLAY-LEFT"
    if not is_known(tag) or (vr_of(piece) == "UN" != vr_of_tag(tag)):
        return "UNKNOWN-LEFT"
    return ""


def _meta(piece: Piece, after: Layout) -> Seen:
    tag = piece.path[-1]
    if tag in (
        0x00020016,
        0x00020017,
        0x00020018,
        0x00020026,
        0x00020027,
        0x00020028,
        0x00020100,
        0x00020102,
    ):
        yield "META-LEFT", piece.path
    if tag == 0x00020003 and after.text(0x00020003) != after.text(0x00080018):
        yield "META-DISAGREES", piece.path
    if tag == 0x00020002 and after.text(0x00020002) != after.text(0x00080016):
        yield "META-DISAGREES", piece.path


def _kept(piece: Piece, before: Layout, after: Layout, said: Declared) -> Seen:
    """Attributes that identify and still have the value of the source."""
    tag, vr = piece.path[-1], vr_of(piece)
    if len(piece.path) == 1 and tag in PIXEL_DATA:  # compared as pixels
        return
    value = _value(after, piece)
    old = before.values.get(piece.path)
    same = old is not None and _value(before, old) == value
    if tag == 0x00101010 and said.has(d.CHARACTERISTICS):
        years = re.match(rb"(\d+)Y", value)
        if years and int(years[1]) > 90:  # 090Y stands for 90 or more
            yield "AGE-OVER-89", piece.path
        return
    if not value or not same or stands_for_nobody(value.decode("latin-1")):
        return
    if _is_personal(tag, vr, said):
        yield "VALUE-LEFT", piece.path
    elif tag in v.DEVICE_DATES and said.has(d.DEVICE) and said.dates == "removed":
        return
    elif (vr == "TM" and said.dates == "removed") or (vr in ("DA", "DT") and said.dates != "kept"):
        if value.strip(b"0.:") and not (vr != "TM" and value[:4] in (b"1900", b"0001")):
            yield "DATE-LEFT", piece.path
    elif vr == "UI" and not _may_keep_uid(tag, value, said):
        yield "UID-LEFT", piece.path


def _is_personal(tag: int, vr: str, said: Declared) -> bool:
    """Whether an attribute names or describes people, and no declared option keeps it."""
    if vr == "PN" or tag in v.IDS:
        return True
    if tag in v.IDENTIFYING and not _may_stay(tag, said):
        return True
    if tag in v.CHARACTERISTICS and not said.has(d.CHARACTERISTICS):
        return True
    if tag in v.PLACES_AND_LENSES and not said.has(d.DEVICE):
        return True
    return tag in v.DESCRIPTORS and not said.has(d.CLEAN_DESCRIPTORS)


def _may_keep_uid(tag: int, value: bytes, said: Declared) -> bool:
    """Whether a UID of the source may be kept.

    It may where it is defined by the Standard, names a class, or a declared option keeps it.
    """
    if said.has(d.UIDS) or (tag == v.DEVICE_UID and said.has(d.DEVICE)):
        return True
    return tag in v.TAGS_OF_CLASSES or value.startswith(v.STANDARD_ROOT)


def _may_stay(tag: int, said: Declared) -> bool:
    """Whether identifying text may be kept, cleaned, under one of the declared options."""
    if tag == v.TIME_ZONE:
        return said.dates != "removed"
    options = {
        d.CLEAN_DESCRIPTORS: v.COMMENTS,
        d.CHARACTERISTICS: v.STATE,
        d.INSTITUTION: v.INSTITUTION_TEXT,
    }
    return any(said.has(option) and tag in tags for option, tags in options.items())


def _unsafe(after: Layout, said: Declared) -> Seen:
    kind = after.text(0x00080016)
    if kind in UNSAFE_CLASSES and not (kind in SC_CLASSES and said.has(d.CLEAN_PIXELS)):
        yield "UNSAFE-OBJECT", (0x00080016,)
    if after.text(0x00280301).upper() == "YES":
        yield "BURNED-IN", (0x00280301,)


def claims(after: Layout, said: Declared) -> Seen:
    """What the file must declare about its de-identification, and does not (PS3.15 E.2)."""
    if after.text(d.REMOVED) != "YES":
        yield "NOT-DECLARED", (d.REMOVED,)
    if not after.text(d.METHOD) and not said.codes:
        yield "NOT-DECLARED", (d.METHOD,)
    if not said.has(d.BASIC_PROFILE):
        yield "NOT-DECLARED", (d.METHOD_CODES,)
    expected = {"removed": "REMOVED", "shifted": "MODIFIED", "kept": "UNMODIFIED"}[said.dates]
    if after.text(d.TEMPORAL) != expected:
        yield "DATES-MISDECLARED", (d.TEMPORAL,)


def form(after: Layout) -> Seen:
    """The form of the file: a blank preamble, complete elements, and no bytes behind them."""
    if after.preamble.strip(b"\0") or not after.preamble:
        yield "PREAMBLE-LEFT", ()
    if after.broken:
        yield "NOT-PARSABLE", ()
    elif after.loose < len(after.data):
        yield "TRAILING-BYTES", ()
    for tag in (0x00020010, 0x00080018):
        if not after.text(tag):
            yield "NOT-PARSABLE", (tag,)


def stayed(before: Layout, after: Layout) -> Seen:
    """Values that research needs and that are lost or changed, in every item that was kept.

    These are numbers, coded terms and technical words.
    """
    items: set[Path_] = set()
    for piece in after.pieces:
        items.add(piece.path[:-1])
        items.update(piece.path[:k] for k in range(2, len(piece.path), 2))
    schemes: dict[Path_, bytes] = {}
    for piece in before.pieces:
        if piece.path[-1] == d.CODE_SCHEME:
            schemes[piece.path[:-1]] = _value(before, piece)
    for piece in before.pieces:
        tag, path = piece.path[-1], piece.path
        if path[:-1] not in items or _private(path[::2]) or not v.NEVER.isdisjoint(path[::2]):
            continue
        code = tag in (d.CODE_VALUE, d.CODE_SCHEME) and schemes.get(path[:-1]) in v.STANDARD_SCHEMES
        number = _is_number(tag, vr_of(piece)) and (
            vr_of(piece) not in ("DS", "IS") or is_number(_value(before, piece))
        )
        kind = (
            tag in v.TAGS_OF_CLASSES
            and tag >> 16 > 2
            and _value(before, piece).startswith(v.STANDARD_ROOT)
        )
        if (
            not (code or tag in v.TECHNICAL or number or kind)
            or tag in v.DEIDENTIFICATION
            or d.METHOD_CODES in path
        ):
            continue
        new = after.values.get(path)
        if new is None:
            yield "VALUE-LOST", path
        # what was empty may be filled
        elif piece.end > piece.start and _value(before, piece) != _value(after, new):
            yield "VALUE-CHANGED", path


@lru_cache(maxsize=4096)
def _private(tags: Path_) -> bool:
    return any(is_private(tag) for tag in tags)


@lru_cache(maxsize=4096)
def _is_number(tag: int, vr: str) -> bool:
    group = tag >> 16
    if (
        tag in v.NUMBERS_OF_PEOPLE
        or tag in PIXEL_DATA
        or tag & 0xFFFF == 0
        or group in (0x0002, 0x0004, 0x0400)
    ):
        return False
    if 0x5000 <= group <= 0x50FF or 0x6000 <= group <= 0x60FF or not is_known(tag):
        return False
    return vr in v.NUMERIC


def complete(before: Layout, after: Layout) -> Seen:
    """Attributes of Type 1 and 2 that the source has and the output lost.

    Attributes of Type 1 that the output has without a value count as lost (PS3.5 7.4).
    """
    kinds = required(before.text(0x00080016))
    if not kinds:
        return
    items: dict[Path_, None] = {(): None}
    for piece in after.pieces:
        for k in range(2, len(piece.path), 2):
            items[piece.path[:k]] = None
    present = {piece.path for piece in after.pieces}
    sequences = {path[: k + 1] for path in present for k in range(0, len(path) - 1, 2)}
    for piece in before.pieces:
        for k in range(1, len(piece.path) + 1, 2):
            path = piece.path[:k]
            kind = kinds.get(path[::2])
            if kind is None or path[:-1] not in items:
                continue
            new = after.values.get(path)
            if path not in present and path not in sequences:
                yield "TYPE-LOST", path
            elif kind == 1 and new is not None and new.start == new.end and piece.end > piece.start:
                yield "TYPE-EMPTY", path


def shifts(before: Layout, after: Layout) -> dict[int, list[Path_]]:
    """Paths of dates by the number of whole days by which each moved.

    A birth date is not among them, wherever it stands: it is removed or replaced, not shifted.
    """
    born = _day(before.text(0x00100030).encode("ascii", "replace"))
    moved: dict[int, list[Path_]] = defaultdict(list)
    for piece in after.pieces:
        if vr_of(piece) in ("DA", "DT") and piece.path in before.values:
            old, new = _day(_value(before, before.values[piece.path])), _day(_value(after, piece))
            if old and new and old != born:
                moved[(new - old).days].append(piece.path)
    return dict(moved)


def report_rules(after: Layout) -> Seen:
    """Check the report's four rules.

    PatientID and PatientName are the case id, the birth date is empty, and there is no birth time.
    """
    case = after.text(0x00100020)
    if not re.fullmatch(r"(?i)(?:case|deid)_\d+", case):
        yield "REPORT-RULE", (0x00100020,)
    if after.text(0x00100010) != case:
        yield "REPORT-RULE", (0x00100010,)
    if after.raw(0x00100030) is None or after.text(0x00100030):
        yield "REPORT-RULE", (0x00100030,)
    if after.raw(0x00100032) is not None:
        yield "REPORT-RULE", (0x00100032,)


def declared_bytes(layout: Layout) -> int:
    """Bytes of uncompressed PixelData as the header declares (PS3.3 C.7.6.3), or 0."""
    if layout.syntax not in NATIVE or PIXEL_DATA[-1:] not in layout.values:
        return 0
    bits = [layout.number(tag) for tag in (0x00280010, 0x00280011, 0x00280100)]
    frames, samples = layout.text(0x00280008).strip() or "1", layout.number(0x00280002) or 1
    if not frames.isdecimal() or not all(bits) or layout.text(0x00280004) == "YBR_FULL_422":
        return 0
    return (prod(bits) * samples * int(frames) + 7) // 8


def _value(layout: Layout, piece: Piece) -> bytes:
    return layout.data[piece.start : piece.end].strip(b" \0")


def _day(value: bytes) -> datetime | None:
    try:
        return datetime.strptime(value[:8].decode("ascii"), "%Y%m%d")
    except ValueError:
        return None

"""Identifiers of a source file, in every form in which people write them."""

import re
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

from pleura.audit.parsing import Layout, take_apart
from pleura.audit.search import Identifier
from pleura.audit.terms import is_of_collection
from pleura.audit.vocabulary import (
    DEVICE,
    IDS,
    INSTITUTION,
    PLACEHOLDERS,
    STANDARD_ROOT,
    TAGS_OF_CLASSES,
    stands_for_nobody,
    vr_of,
)

_ENGLISH = "January February March April May June July August September October November December"
_GERMAN = "Januar Februar März April Mai Juni Juli August September Oktober November Dezember"
_MONTHS = tuple(zip(_ENGLISH.split(), _GERMAN.split(), strict=True))


def harvest(source: bytes | Path | Layout) -> frozenset[Identifier]:
    """Collect the identifiers of a source file: patient, staff, places, devices, and every date.

    Names come by component, reordered, joined and as initials; ids with and without separators;
    dates in a dozen written forms. UIDs are not included; see `original_uids`.
    """
    layout = take_apart(source)
    held: set[tuple[str, bytes]] = set()
    for piece in layout.pieces:
        kind = _kind(piece.path[-1], vr_of(piece))
        if kind and piece.end > piece.start:
            held.add((kind, layout.data[piece.start : piece.end]))
    return _expanded(frozenset(held), layout.text(0x00080005))


def original_uids(layout: Layout, only: int | None = None) -> frozenset[bytes]:
    """UIDs of the source that name an instance, series, study, frame, device or the like.

    UIDs that the Standard defines are left out. `only` restricts the result to one tag.
    """
    found: set[bytes] = set()
    for piece in layout.pieces:
        if (
            vr_of(piece) == "UI"
            and piece.path[-1] not in TAGS_OF_CLASSES
            and only in (None, piece.path[-1])
        ):
            for value in layout.data[piece.start : piece.end].split(b"\\"):
                value = value.strip(b" \0")
                if value.count(b".") >= 2 and not value.startswith(STANDARD_ROOT):
                    found.add(value)
    return frozenset(found)


def _kind(tag: int, vr: str) -> str:
    if vr == "PN":
        return "name"
    if vr in ("DA", "DT"):
        if tag == 0x00100030:
            return "birth"
        return "date"
    if tag in IDS:
        return "id"
    if tag in INSTITUTION:
        return "place"
    if tag in DEVICE:
        return "device"
    return ""


@lru_cache(maxsize=256)
def _expanded(held: frozenset[tuple[str, bytes]], charset: str) -> frozenset[Identifier]:
    found: set[Identifier] = set()
    for kind, raw in held:
        for value in decoded(raw, charset, person=kind == "name").split("\\"):
            value = value.strip(" \0")
            if not value or stands_for_nobody(value):
                continue
            if kind == "name":
                forms = _name_forms(value)
            elif kind in ("date", "birth"):
                forms = date_forms(value[:8])
            elif kind == "id":
                bare = re.sub(r"[^0-9A-Za-z]", "", value)
                digits = re.sub(r"\D", "", value)
                forms = {value}
                if len(bare) >= 5:
                    forms.add(bare)
                if len(digits) >= 6:
                    forms.add(digits)
            else:
                forms = {value}
            found |= {Identifier(kind, form) for form in forms}
    births = {text for kind, text in found if kind == "birth"}
    return frozenset(i for i in found if i.kind != "date" or i.text not in births)


def decoded(raw: bytes, charset: str, *, person: bool) -> str:
    """A text value as `str`, decoded by the character sets that the file declares."""
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii")
    from pydicom.charset import convert_encodings, decode_bytes

    encodings = convert_encodings([part.strip() for part in charset.split("\\")])
    try:
        if person:
            return "=".join(decode_bytes(group, encodings, {0x5E}) for group in raw.split(b"="))
        return decode_bytes(raw, encodings, {0x5C, 0x0A, 0x0C, 0x0D})
    except (ValueError, LookupError, TypeError):
        return raw.decode("latin-1")


def _name_forms(value: str) -> set[str]:
    """Forms of a person's name: by component, by word, joined, and with initials.

    Prefixes and suffixes (Dr, MD) identify nobody and are left out.
    """
    forms: set[str] = set()
    for group in value.split("="):
        parts = [part.strip() for part in group.split("^")]
        if len(parts) == 1 and "," in group:
            parts = [part.strip() for part in group.split(",")]
        named = [part for part in parts[:3] if part and not stands_for_nobody(part)]
        words = {
            word for part in named for word in re.split(r"[\s\-_,.;]+", part) if len(word) >= 4
        }
        words -= {word for word in words if word.casefold() in PLACEHOLDERS}  # "Removed by CTP"
        words -= {word for word in words if is_of_collection(word, group)}
        forms |= set(named) | words
        if len(named) >= 2:
            family, given = named[0], named[1]
            forms |= {f"{family}{given}", f"{given}{family}", f"{family}^{given}"}
            if family.isascii() and len(family) >= 3:
                forms |= {f"{given[0]}{family}", f"{family}{given[0]}"}
            if len(family) < 4 or len(given) < 4:
                forms |= {
                    f"{a}{gap}{b}"
                    for gap in (" ", ", ", ",", "_", ".", "-")
                    for a, b in ((family, given), (given, family))
                }
        if named and named[0].isascii() and len(named[0]) >= 4:
            forms.add(f"{named[0]}s")
    return {form for form in forms if len(form) > 1}


def date_forms(value: str) -> set[str]:
    """A DICOM date as people write it; empty where it is none, or a placeholder."""
    try:
        day = datetime.strptime(value, "%Y%m%d").date()
    except ValueError:
        return set()
    if day < date(1880, 1, 1) or value in ("19000101", "19700101"):
        return set()
    y, m, d, yy = f"{day.year}", f"{day.month:02d}", f"{day.day:02d}", f"{day.year % 100:02d}"
    forms = {value} | {f"{y}{s}{m}{s}{d}" for s in "-./ "}
    for dd, mm in {(d, m), (str(day.day), str(day.month)), (str(day.day), m)}:
        forms |= {f"{dd}{s}{mm}{s}{y}" for s in "-./"} | {f"{mm}{s}{dd}{s}{y}" for s in "-./"}
    forms |= {f"{d}.{m}.{yy}", f"{m}/{d}/{yy}", f"{d}/{m}/{yy}", f"{yy}-{m}-{d}"}
    forms |= {f"{yy}{m}{d}"} if yy > "24" else set()  # otherwise it could be a time of day
    for month in {name for full in _MONTHS[day.month - 1] for name in (full, full[:3])}:
        for dd in {d, str(day.day)}:
            forms |= {
                f"{dd} {month} {y}",
                f"{dd}-{month}-{y}",
                f"{dd}{month}{y}",
                f"{dd}. {month} {y}",
                f"{month} {dd}, {y}",
            }
            forms |= {f"{month} {dd} {y}", f"{y} {month} {dd}", f"{dd} {month}, {y}"}
    return forms

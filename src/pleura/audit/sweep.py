"""The sweep: the bytes that were written, searched for identifiers and original UIDs in every
encoding. No pydicom here.
"""

import base64
import binascii
import re
from collections.abc import Callable, Collection, Iterable
from functools import lru_cache
from typing import NamedTuple

from pleura.audit.pieces import Layout, Path_, Piece

ENCODINGS = (
    "utf-8", "latin-1", "cp1252", "iso8859-2", "iso8859-5", "iso8859-6", "iso8859-7", "iso8859-8",
    "iso8859-9",
    "tis-620", "shift_jis", "euc_jp", "iso2022_jp", "iso2022_jp_2", "euc_kr", "iso2022_kr",
    "gb18030", "big5",
    "utf-16-le", "utf-16-be",
)  # fmt: skip
_UTF16 = re.compile(rb"(?:[\x20-\x7e]\x00){4,}|(?:\x00[\x20-\x7e]){4,}")
_WIDE = re.compile(
    rb"\x00[\x20-\x7e]\x00[\x20-\x7e]\x00[\x20-\x7e]\x00"
)  # in every find of _UTF16, and found faster
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{10,}={0,2}")
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}[ :-]?){8,}")
_UID = re.compile(
    rb"(?<!\d)\d++(?:\.\d++){2,}"
)  # never from within a number: long ones would be tried at every digit
ENCODED: Path_ = ()
"""The path of a find in something encoded, or outside every element."""


class Identifier(NamedTuple):
    """One thing to look for. `kind`: name, id, birth, date, place, device; `text` as somebody
    could have written it.
    """

    kind: str
    text: str


class Hit(NamedTuple):
    """One find: what kind of identifier, and in which element."""

    kind: str
    path: Path_


class Needle(NamedTuple):
    """What to look for: bytes in lower case and what must not stand beside them: `d`igits,
    `l`etters, nothing (empty).

    `w` is for what was found as a whole value.
    """

    kind: str
    raw: bytes
    bound: str


class Needles(NamedTuple):
    """Identifiers made ready for a search; `whole` are those too short to be looked for inside
    text.
    """

    inside: tuple[Needle, ...]
    whole: dict[bytes, str]


@lru_cache(maxsize=64)
def needles(identifiers: frozenset[Identifier]) -> Needles:
    """Identifiers as bytes: every encoding that can write them, once each."""
    inside: set[Needle] = set()
    whole: dict[bytes, str] = {}
    for kind, text in identifiers:
        if len(text) < (4 if text.isascii() else 2):
            whole[text.lower().encode()] = kind
            continue
        if text.isascii():
            raw = text.lower().encode()
            bound = _bound(kind, text.lower())
            inside.add(Needle(kind, raw, bound))
            continue
        for encoding in ENCODINGS:
            for form in {text, text.lower(), text.upper()}:
                try:
                    inside.add(Needle(kind, form.encode(encoding).lower(), ""))
                except UnicodeEncodeError:
                    break
    return Needles(tuple(sorted(n for n in inside if len(n.raw) >= 3)), whole)


def _bound(kind: str, text: str) -> str:
    if not re.search("[a-z]{4}", text):
        return "l" if kind == "name" else "d"
    return "l" if len(text) < 6 else ""


def sweep(
    layout: Layout,
    wanted: Needles,
    is_original: Callable[[bytes], bool],
    *,
    without: tuple[int, int] = (0, 0),
    excused: Callable[[Needle, Piece, int], bool] = lambda needle, piece, at: False,
    text_pieces: Iterable[Piece] = (),
) -> list[Hit]:
    """Search a file for identifiers and UIDs.

    Args:
        layout: the file, taken apart.
        wanted: what to look for.
        is_original: whether a UID is one that must not be there.
        without: start and end of pixel bytes that were proved equal to the source's and are left
            out.
        excused: whether a find in a piece, at a position in the file, is none: a kept technical
            value, a standard meaning.
        text_pieces: the pieces that short identifiers may not be the whole value of.

    Returns:
        Every find; nothing that was found is in it.
    """
    data = layout.data
    start, end = without
    searched = (data[:start] + b"\n" + data[end:]) if end > start else data
    lower = searched.lower()

    def original(offset: int) -> int:
        return offset if offset < start or end <= start else offset - start - 1 + end

    hits: list[Hit] = []
    for needle in wanted.inside:
        offset = lower.find(needle.raw)
        while offset >= 0:
            place = original(offset)
            piece = layout.at(place)
            if _bounded(lower, offset, needle, piece, place) and not (
                piece and excused(needle, piece, place)
            ):
                hits.append(Hit(needle.kind, piece.path if piece else ENCODED))
            offset = lower.find(needle.raw, offset + 1)
    for view in _views(searched):
        hits += [
            Hit(n.kind, ENCODED)
            for n in wanted.inside
            if n.raw in view and _telling(n) and _alone(view, n)
        ]
        hits += [Hit("uid", ENCODED) for uid in _UID.findall(view) if is_original(uid)]
    for match in _UID.finditer(searched):
        if is_original(match[0]):
            piece = layout.at(original(match.start()))
            hits.append(Hit("uid", piece.path if piece else ENCODED))
    if wanted.whole:
        for piece in text_pieces:
            for value in data[piece.start : piece.end].lower().split(b"\\"):
                value = value.strip(b" \0^=\r\n")
                kind = wanted.whole.get(value)
                if kind and not excused(Needle(kind, value, "w"), piece, piece.start):
                    hits.append(Hit(kind, piece.path))
    return hits


def shares(wanted: Needles, value: bytes, common: Collection[bytes]) -> bool:
    """Whether a value has a word, or digits, of something that is looked for, other than those
    of everybody.
    """
    lower = value.lower()
    words = {
        *re.findall(rb"[a-z\x80-\xff]{4,}|\d{4,}", lower),
        *(d for d in (re.sub(rb"\D", b"", lower),) if len(d) > 5),
    }
    whole = not wanted.whole.keys().isdisjoint(re.findall(rb"[^\W_]+", lower))
    return whole or any(
        word in needle.raw for word in words.difference(common) for needle in wanted.inside
    )


def _bounded(lower: bytes, offset: int, needle: Needle, piece: Piece | None, place: int) -> bool:
    """Whether a find stands by itself; the edge of an element's value is an edge, whatever byte
    lies beyond.
    """
    if not needle.bound:
        return True
    stop = offset + len(needle.raw)
    before = lower[offset - 1 : offset] if piece is None or place > piece.start else b""
    after = lower[stop : stop + 1] if piece is None or place + len(needle.raw) < piece.end else b""
    if needle.bound == "d":
        return not (before.isdigit() or after.isdigit())
    return not (before.isalpha() or after.isalpha())


def _telling(needle: Needle) -> bool:
    """Whether a find in decoded bytes means something: four or five digits turn up in them by
    chance.
    """
    return needle.bound != "d" or len(needle.raw) > 5


def _alone(view: bytes, needle: Needle) -> bool:
    if not needle.bound:
        return True
    beside = rb"[0-9]" if needle.bound == "d" else rb"[a-z]"
    return (
        re.search(rb"(?<!%s)%s(?!%s)" % (beside, re.escape(needle.raw), beside), view) is not None
    )


def _views(data: bytes) -> list[bytes]:
    """What the bytes say to somebody who decodes them: UTF-16 of either order, swapped words,
    base64, hexadecimal.
    """
    views = []
    if _WIDE.search(data):
        views.append(b"\n".join(run.replace(b"\0", b"") for run in _UTF16.findall(data)).lower())
    for shift in (0, 1):
        words = bytearray(data[shift : len(data) - (len(data) - shift) % 2])
        words[0::2], words[1::2] = words[1::2], words[0::2]
        views.append(bytes(words).lower())
    plain = []
    for run in _BASE64.findall(data):
        if run.isdigit():
            continue
        run = run.replace(b"-", b"+").replace(b"_", b"/").rstrip(b"=")
        for skip in range(4):
            part = run[skip:]
            plain.append(base64.b64decode(part[: len(part) - len(part) % 4] + _padding(part)))
    for match in _HEX.finditer(data):
        run = re.sub(rb"[ :-]", b"", match[0])
        plain += [binascii.unhexlify(part[: len(part) & ~1]) for part in (run, run[1:])]
    if plain:
        views.append(b"\n".join(_without_nul(text) for text in plain).lower())
    return views


def _padding(part: bytes) -> bytes:
    left = len(part) % 4
    return part[len(part) - left :] + b"=" * (4 - left) if left > 1 else b""


def _without_nul(text: bytes) -> bytes:
    return text.replace(b"\0", b"") if text.count(b"\0") * 3 > len(text) else text

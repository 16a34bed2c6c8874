"""Search the written bytes for identifiers and original UIDs in every encoding; no pydicom."""

import base64
import binascii
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from pleura.audit.parsing import Layout, Path_, Piece

ENCODINGS = tuple(
    "utf-8 latin-1 cp1252 iso8859-2 iso8859-5 iso8859-6 iso8859-7 iso8859-8 iso8859-9 tis-620 "
    "shift_jis euc_jp iso2022_jp iso2022_jp_2 euc_kr iso2022_kr gb18030 big5 utf-16-le "
    "utf-16-be".split()
)
_UTF16 = re.compile(rb"(?:[\x20-\x7e]\x00){4,}|(?:\x00[\x20-\x7e]){4,}")
# in every find of _UTF16, and found faster
_WIDE = re.compile(rb"\x00[\x20-\x7e]\x00[\x20-\x7e]\x00[\x20-\x7e]\x00")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{10,}={0,2}")
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}[ :-]?){8,}")
# never from within a number: long ones would be tried at every digit
_UID = re.compile(rb"(?<!\d)\d++(?:\.\d++){2,}")
ENCODED: Path_ = ()
"""Path of a find inside encoded content, or outside every element."""


class Identifier(NamedTuple):
    """An identifier to search for: name, id, birth, date, place or device, as people write it."""

    kind: str
    text: str


class Hit(NamedTuple):
    """One find: the kind of identifier, and the path of the element."""

    kind: str
    path: Path_


class Needle(NamedTuple):
    """Bytes to search for, in lower case, and which characters must not be next to them.

    `bound` is `d` (digits), `l` (letters) or empty (any may be). `w` marks a find as a whole value.
    """

    kind: str
    raw: bytes
    bound: str


class Needles(NamedTuple):
    """Identifiers ready for a search.

    `whole` are identifiers that are too short to search for inside text; they are compared with
    whole values.
    """

    inside: tuple[Needle, ...]
    whole: dict[bytes, str]


@lru_cache(maxsize=64)
def needles(identifiers: frozenset[Identifier]) -> Needles:
    """Encode identifiers in every way in which a file can hold them, once each."""
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
        if kind == "name":
            return "l"
        return "d"
    if len(text) < 6:
        return "l"
    return ""


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
        layout: the parsed file.
        wanted: the identifiers.
        is_original: whether a UID is one of the source's.
        without: start and end of pixel bytes that are known to be equal to the source's; these are
            not searched.
        excused: whether a find, in a piece and at a position in the file, is allowed: a kept
            technical value, or a standard meaning.
        text_pieces: pieces whose whole value is compared with short identifiers.

    Returns:
        Every find, without the identifier itself.
    """
    data = layout.data
    start, end = without
    has_gap = end > start
    searched = (data[:start] + b"\n" + data[end:]) if has_gap else data
    lower = searched.lower()

    def original(offset: int) -> int:
        is_behind_gap = has_gap and offset >= start
        if is_behind_gap:
            return offset - start - 1 + end
        return offset

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
        hits += _whole_values(data, wanted.whole, text_pieces, excused)
    return hits


def _whole_values(
    data: bytes,
    wanted: Mapping[bytes, str],
    pieces: Iterable[Piece],
    excused: Callable[[Needle, Piece, int], bool],
) -> Iterator[Hit]:
    """Identifiers that are too short to search for in text, as whole values of text elements."""
    for piece in pieces:
        for value in data[piece.start : piece.end].lower().split(b"\\"):
            value = value.strip(b" \0^=\r\n")
            kind = wanted.get(value)
            if kind and not excused(Needle(kind, value, "w"), piece, piece.start):
                yield Hit(kind, piece.path)


def shares(wanted: Needles, value: bytes, common: Collection[bytes]) -> bool:
    """Whether a value contains a word or number of an identifier, common words aside."""
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
    """Whether a find stands alone and is not part of a longer word or number.

    The ends of an element's value are boundaries, whatever the next byte is.
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
    """Whether a find in decoded bytes is significant; four or five digits occur there by chance."""
    return needle.bound != "d" or len(needle.raw) > 5


def _alone(view: bytes, needle: Needle) -> bool:
    if not needle.bound:
        return True
    beside = rb"[0-9]" if needle.bound == "d" else rb"[a-z]"
    return (
        re.search(rb"(?<!%s)%s(?!%s)" % (beside, re.escape(needle.raw), beside), view) is not None
    )


def _views(data: bytes) -> list[bytes]:
    """The bytes decoded otherwise: UTF-16 in both orders, swapped words, base64, hexadecimal."""
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
    if left > 1:
        return part[len(part) - left :] + b"=" * (4 - left)
    return b""


def _without_nul(text: bytes) -> bytes:
    if text.count(b"\0") * 3 > len(text):
        return text.replace(b"\0", b"")
    return text

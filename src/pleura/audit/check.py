"""Compare one de-identified file with its source, and return what is wrong as findings."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from pleura.audit import attributes
from pleura.audit import declared as d
from pleura.audit import vocabulary as v
from pleura.audit.declared import Declared, declared
from pleura.audit.identifiers import harvest, original_uids
from pleura.audit.parsing import Layout, Path_, Piece, shown, take_apart
from pleura.audit.required import is_image
from pleura.audit.search import ENCODED, Identifier, Needle, Needles, needles, shares, sweep
from pleura.audit.terms import is_structure, is_technical, meanings
from pleura.audit.texts import aged_pieces, dated_pieces, spelled_pieces
from pleura.audit.vocabulary import is_number, vr_of
from pleura.core.codes import finding
from pleura.core.findings import Finding, Verdict, worst

BIRTH_DATE = 0x00100030
PAD, SEQUENCE_END = b"\0", b"\xfe\xff\xdd\xe0\0\0\0\0"
_KINDS = {"name": "NAME-LEFT", "id": "ID-LEFT", "birth": "BIRTH-LEFT", "date": "DATE-LEFT"}
_KINDS |= {"place": "PLACE-LEFT", "device": "DEVICE-LEFT", "uid": "UID-LEFT"}


def check_file(
    source: bytes | Path | Layout,
    written: bytes | Path | Layout,
    *,
    profile: str | None = None,
    identifiers: Collection[Identifier] = (),
    uids: Collection[bytes] = (),
) -> tuple[Finding, ...]:
    """Check a de-identified file against its source.

    Args:
        source: the original file.
        written: the de-identified file.
        profile: `basic` or `report`; by default the profile that the file declares.
        identifiers: identifiers to search for besides those of `source`, for example from other
            files of the same patient (`harvest`).
        uids: original UIDs to search for besides those of `source`; pass a set where there are
            many.

    Returns:
        Findings with tag paths and counts, never with values; empty where the file may be
        published. Under `report`, one finding of verdict `OK` (`REPORT-KEEPS`) lists what that
        profile leaves; it does not stand against publishing.
    """
    before, after = take_apart(source), take_apart(written)
    declaration = declared(after, profile)
    pixels = _same_pixels(before, after)
    seen: list[tuple[str, Path_]] = [
        *attributes.form(after),
        *_pixels(before, after, declaration, same=pixels),
    ]
    seen += attributes.complete(before, after)
    seen += _stayed(before, after, declaration, identifiers)
    without = after.pixels if pixels else (0, 0)
    if declaration.profile == d.REPORT:
        kept = {
            path
            for _, path in _found(before, after, declaration, identifiers, uids, without=without)
        }
        as_before = {*attributes.form(before), *_pixels(before, before, declaration, same=True)} - {
            ("NOT-PARSABLE", ())
        }
        kept |= {path for code, path in seen if (code, path) in as_before}
        seen = [one for one in seen if one not in as_before]
        return (*_findings([*seen, *attributes.report_rules(after)]), *_keeps(kept))
    seen += attributes.gone(before, after, declaration)
    seen += attributes.claims(after, declaration)
    seen += _dates(before, after, declaration)
    seen += _found(before, after, declaration, identifiers, uids, without=without)
    return _findings(seen)


def passes(findings: Iterable[Finding]) -> bool:
    """Whether a file with these findings may be published."""
    return worst(findings) < Verdict.REFUSED


def _stayed(
    before: Layout, after: Layout, declaration: Declared, identifiers: Collection[Identifier]
) -> attributes.Seen:
    """Attributes that should have been kept and were removed or changed.

    A technical term that could describe a person, and a long number that could be an id, may go.
    """
    for code, path in attributes.stayed(before, after):
        piece = before.values[path]
        old, vr = before.data[piece.start : piece.end], vr_of(piece)
        fixed = path[-1] in (d.CODE_VALUE, d.CODE_SCHEME) or (
            vr in v.NUMERIC and (vr not in ("DS", "IS") or len(old) < 6)
        )
        suspect = not fixed and vr not in v.NUMERIC and v.SUSPECT.search(old)
        if not suspect and (
            fixed
            or not shares(
                _wanted(harvest(before), frozenset(identifiers), declaration), old, v.COMMON
            )
        ):
            yield code, path


def _pixels(before: Layout, after: Layout, declaration: Declared, *, same: bool) -> attributes.Seen:
    if after.pixels == (0, 0):
        if before.pixels != (0, 0) or is_image(before.text(0x00080016)):
            yield "PIXELS-LOST", (0x7FE00010,)
    elif not same and not declaration.has(d.CLEAN_PIXELS):
        yield "PIXELS-CHANGED", (0x7FE00010,)
    declared_size = attributes.declared_bytes(after)
    if (
        declared_size
        and not declared_size <= after.pixels[1] - after.pixels[0] <= declared_size + 1
    ):
        yield "PIXELS-SIZE", (0x7FE00010,)


def _same_pixels(before: Layout, after: Layout) -> bool:
    if before.syntax != after.syntax and before.syntax:
        return False
    (start, end), (first, last) = before.pixels, after.pixels
    # compared in place: slices would be copied, and comparing views is slow
    same = before.data.startswith(memoryview(after.data)[first : first + end - start], start, end)
    more = after.data[first + end - start : last]
    return same and last - first >= end - start and (not more or more in _may_follow(end - start))


def _may_follow(length: int) -> tuple[bytes, ...]:
    """Bytes that a writer may append to pixel data without changing a pixel.

    These are the byte that makes the length even, and the end of a sequence of fragments.
    """
    if length % 2:
        return (PAD, SEQUENCE_END)
    return (SEQUENCE_END,)


def _dates(before: Layout, after: Layout, declaration: Declared) -> attributes.Seen:
    if declaration.dates != "shifted":
        return
    moved = attributes.shifts(before, after)
    if 0 in moved:
        for path in moved[0]:
            yield "DATES-NOT-SHIFTED", path
    elif len(moved) > 1:
        for paths in sorted(moved.values(), key=len)[:-1]:
            for path in paths:
                yield "DATES-UNEVEN", path


def _found(
    before: Layout,
    after: Layout,
    declaration: Declared,
    identifiers: Collection[Identifier],
    uids: Collection[bytes],
    *,
    without: tuple[int, int],
) -> list[tuple[str, Path_]]:
    """Search the file for identifiers, leaving out finds that the declared options allow."""
    wanted = _wanted(harvest(before), frozenset(identifiers), declaration)
    own = original_uids(before)
    devices = original_uids(before, only=v.DEVICE_UID) if declaration.has(d.DEVICE) else frozenset()
    seek = declaration.sought("uid")
    shifted = _shifted_dates(before, after) if declaration.dates == "shifted" else set()

    def excused(needle: Needle, piece: Piece, at: int) -> bool:
        is_date = vr_of(piece) in ("DA", "DT")
        if piece.path in shifted and needle.kind == "date":
            return True
        is_device_date = piece.path[-1] in v.DEVICE_DATES and declaration.has(d.DEVICE)
        if is_device_date and needle.kind in ("date", "birth"):
            return True
        if declaration.dates == "kept" and needle.kind == "id" and is_date:
            # another date may have the digits of the id
            return piece.path[-1] != BIRTH_DATE
        return _excused(before, after, needle, piece, at)

    texts = [
        p for p in after.pieces if vr_of(p) in v.TEXT and not _same(before, after, p, v.KEPT_TEXT)
    ]
    hits = sweep(
        after,
        wanted,
        lambda uid: seek and uid not in devices and (uid in own or uid in uids),
        without=without,
        excused=excused,
        text_pieces=texts,
    )
    found = [(_KINDS[hit.kind], hit.path) for hit in hits]
    seen = {path for code, path in found if code == "NAME-LEFT"}
    others = [piece for piece in texts if piece.path not in seen]
    everyone = harvest(before) | frozenset(identifiers)
    for piece, word in spelled_pieces(after, others, everyone):
        if not excused(Needle("name", word.encode(), ""), piece, piece.start):
            found.append(("NAME-LEFT", piece.path))
    sought = frozenset(one for one in everyone if declaration.sought(one.kind))
    for piece, kind in dated_pieces(after, texts, sought):
        if (_KINDS[kind], piece.path) not in found:
            found.append((_KINDS[kind], piece.path))
    found += [("AGE-OVER-89", piece.path) for piece in aged_pieces(after, texts)]
    return [*found, *_birth_times(before, after)]


def _birth_times(before: Layout, after: Layout) -> Iterator[tuple[str, Path_]]:
    """A birth date in a DT value with a time behind it, which the search for dates passes over."""
    born = before.text(BIRTH_DATE).encode()
    if len(born) != 8:
        return
    for piece in after.pieces:
        parts = after.data[piece.start : piece.end].split(b"\\") if vr_of(piece) == "DT" else ()
        if any(part.strip().startswith(born) for part in parts):
            yield "BIRTH-LEFT", piece.path


def _shifted_dates(before: Layout, after: Layout) -> set[Path_]:
    """Paths of the shifted dates, where all moved by the same number of days; else none."""
    moved = attributes.shifts(before, after)
    if len(moved) != 1 or 0 in moved:
        return set()
    (paths,) = moved.values()
    return set(paths)


@lru_cache(maxsize=64)
def _wanted(
    own: frozenset[Identifier], more: frozenset[Identifier], declaration: Declared
) -> Needles:
    return needles(frozenset(i for i in own | more if declaration.sought(i.kind)))


def _same(before: Layout, after: Layout, piece: Piece, tags: Collection[int]) -> bool:
    """Whether a piece has one of the `tags` and the same value as in the source."""
    return piece.path[-1] in tags and before.raw(*piece.path) == after.data[piece.start : piece.end]


def _excused(before: Layout, after: Layout, needle: Needle, piece: Piece, at: int) -> bool:
    """Whether a find is not a leak.

    Numbers and technical words that stayed as they were, parts of words, and standard meanings are
    not leaks.
    """
    tag, vr = piece.path[-1], vr_of(piece)
    value = after.data[piece.start : piece.end]
    if vr == "UI":
        return value.startswith(v.STANDARD_ROOT) or tag == 0x00020012
    if tag in (0x00100010, 0x00100020) and v.CASE.fullmatch(value.strip(b" \0").decode("latin-1")):
        return True  # a case id, even if a person is called Case
    if tag in v.SAYING and needle.kind == "name":
        return _is_made_of(needle.raw, v.CLAIMS)
    unchanged = before.raw(*piece.path) == value
    if needle.bound == "w":
        return _is_excused_short(after, needle, piece, unchanged=unchanged)
    if vr in v.NUMERIC:
        return unchanged and (vr not in ("DS", "IS") or is_number(value))
    if tag in LABELS and unchanged and is_structure(value.strip(b" \0").decode("latin-1")):
        return True
    if _same(before, after, piece, v.KEPT_TEXT) or vr == "CS":
        return _is_excused_text(needle, piece, value, at)
    if tag in (d.CODE_MEANING, d.CODE_VALUE):
        standard = tag == d.CODE_VALUE and _scheme(after, piece) in v.STANDARD_SCHEMES
        if unchanged and (_is_made_of(needle.raw, v.COMMON) or standard):
            return True
        return _standard(after, piece)
    return False


def _is_made_of(raw: bytes, words: Collection[bytes]) -> bool:
    return all(word in words for word in raw.split())


def _is_excused_short(after: Layout, needle: Needle, piece: Piece, *, unchanged: bool) -> bool:
    """Whether a short id or name is excused: only where the attribute does not describe people."""
    tag = piece.path[-1]
    if tag in (d.CODE_VALUE, d.CODE_MEANING):
        has_scheme = after.raw(*piece.path[:-1], d.CODE_SCHEME) is not None
        return has_scheme and _scheme(after, piece) in v.STANDARD_SCHEMES
    describes_people = tag in v.IDS or tag in v.IDENTIFYING or tag in v.DESCRIPTORS
    return needle.kind == "id" and not describes_people and unchanged


def _is_excused_text(needle: Needle, piece: Piece, value: bytes, at: int) -> bool:
    """Whether a find in kept text is a part of a longer word, a common or a technical word."""
    tag = piece.path[-1]
    inside = at - piece.start
    beside = value[max(0, inside - 1) : inside] + value[inside + len(needle.raw) :][:1]
    if beside.isalnum() or _is_made_of(needle.raw, v.COMMON):
        return True
    return tag in v.KEPT_TEXT and (needle.kind != "name" or is_technical(value.decode("latin-1")))


LABELS = frozenset({0x30060026, 0x00620005, 0x30060085, 0x00620006})
"""Names of structures and segments."""


def _scheme(layout: Layout, piece: Piece) -> bytes:
    return (layout.raw(*piece.path[:-1], d.CODE_SCHEME) or b"").strip(b" \0")


def _standard(after: Layout, piece: Piece) -> bool:
    """Whether a code's meaning is the one that the Standard gives to its value (PS3.16)."""
    item = piece.path[:-1]
    value, scheme, meaning = (
        after.text(*item, tag) for tag in (d.CODE_VALUE, d.CODE_SCHEME, d.CODE_MEANING)
    )
    return meaning in meanings().get((scheme, value), ())


def _findings(seen: Iterable[tuple[str, Path_]]) -> tuple[Finding, ...]:
    where: dict[str, set[str]] = defaultdict(set)
    count: dict[str, int] = defaultdict(int)
    for code, path in seen:
        where[code].add(shown(path) if path != ENCODED else "encoded or outside every element")
        count[code] += 1
    return tuple(
        finding(code, count=count[code], where=sorted(where[code])) for code in sorted(where)
    )


def _keeps(paths: Collection[Path_]) -> tuple[Finding, ...]:
    if not paths:
        return ()
    return (
        finding(
            "REPORT-KEEPS", count=len(paths), where=sorted(shown(p) or "preamble" for p in paths)
        ),
    )

"""Search the texts of a file for names in other spellings and for dates in other words."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from pleura.audit.ages import has_age_over_89
from pleura.audit.dates import days_in
from pleura.audit.identifiers import decoded
from pleura.audit.parsing import Layout, Piece
from pleura.audit.search import Identifier
from pleura.audit.spelling import Names, names, spelled

CHARACTER_SET = 0x00080005
_MAY_BE_AGED = re.compile(rb"9\d|1[01]\d")


def spelled_pieces(
    after: Layout, texts: Iterable[Piece], identifiers: frozenset[Identifier]
) -> Iterator[tuple[Piece, str]]:
    """Pieces of text that contain a name of the source in another spelling, each with that word."""
    wanted = names(identifiers)
    charset = after.text(CHARACTER_SET)
    if wanted.empty:
        return
    for piece in texts:
        for word in _words_that_spell(after.data[piece.start : piece.end], charset, wanted):
            yield piece, word


@lru_cache(maxsize=4096)
def _words_that_spell(raw: bytes, charset: str, wanted: Names) -> tuple[str, ...]:
    return tuple(word.lower() for word in spelled(decoded(raw, charset, person=False), wanted))


def dated_pieces(
    after: Layout, texts: Iterable[Piece], identifiers: frozenset[Identifier]
) -> Iterator[tuple[Piece, str]]:
    """Pieces of text that contain a date of the source in other words, each with its kind."""
    wanted = _wanted(identifiers)
    charset = after.text(CHARACTER_SET)
    for piece in texts if wanted else ():
        for day in _days(after.data[piece.start : piece.end], charset):
            if kind := dict(wanted).get(day):
                yield piece, kind


def aged_pieces(after: Layout, texts: Iterable[Piece]) -> Iterator[Piece]:
    """Pieces of text that state an age over 89."""
    charset = after.text(CHARACTER_SET)
    return (piece for piece in texts if _is_aged(after.data[piece.start : piece.end], charset))


@lru_cache(maxsize=4096)
def _is_aged(raw: bytes, charset: str) -> bool:
    if raw.isascii() and not _MAY_BE_AGED.search(raw):
        return False
    return has_age_over_89(decoded(raw, charset, person=False))


@lru_cache(maxsize=64)
def _wanted(identifiers: frozenset[Identifier]) -> tuple[tuple[str, str], ...]:
    """The dates among the identifiers, as `YYYYMMDD`, each with its kind."""
    dates = (one for one in identifiers if one.kind in ("date", "birth"))
    return tuple((one.text, one.kind) for one in dates if len(one.text) == 8 and one.text.isdigit())


@lru_cache(maxsize=4096)
def _days(raw: bytes, charset: str) -> tuple[str, ...]:
    if not any(48 <= byte < 58 for byte in raw) and raw.isascii():
        return ()
    return tuple(days_in(decoded(raw, charset, person=False)))

"""Remove identifiers from free text, in any order, spelling and punctuation.

Anything that looks like an identifier is removed too. The time is linear in the length of the text:
names are looked up word by word, ids letter by letter, and every pattern has a bounded width and
cannot backtrack.
"""

import re
from collections.abc import Callable, Iterable, Iterator

from pleura.deid import damaged
from pleura.deid.ages import AGES
from pleura.deid.date_patterns import DATES, date_pattern
from pleura.deid.folding import composed, plain, spellings, tokens, usual
from pleura.deid.identifiers import Identifiers
from pleura.deid.names import WORD, Index, Names, Span

MASK = "***"

MAIL = r"[\w.+-]{1,64}+ ?(?:@|[(\[]at[)\]]) ?[\w-]{1,63}+(?:\.[\w-]{1,63}+){1,6}+"
ADDRESSES = (
    r"(?:https?|ftp|file)://\S{1,200}+|www\.\S{1,200}+|[a-z]:\\\S{1,200}+|\\\\\w\S{1,200}+|"
    r"(?:/[\w.~-]{1,64}+){3,12}+"
)
_TELEPHONE = (
    "tel|telefon|telefono|telefone|telephone|phone|call|fax|mobil|mobile|handy|cell|pager|beeper|"
    "durchwahl|ext|extension|movil|celular|gsm|тел|телефон|电话|電話|手机|携帯|전화"
)
OTHERS = (
    r"(?<![\d.])\d{1,64}+(?:\.\d{1,64}+){5,24}+(?!\d)",  # UIDs
    # telephone numbers: in groups, behind a word for them, with the zero of an area in front
    r"(?<!\w)[+(]?\d{1,4}+[ ()./-]{1,3}+\d{2,5}+[ )./-]{1,3}+\d{3,12}+"
    r"(?:[ ./-]\d{2,12}+){0,4}+(?!\w)",
    # (LOW EXT 5.0 is an extremity in slices of 5 mm)
    rf"(?<![^\W_])(?:{_TELEPHONE})[\W_]{{0,4}}+(?!\d{{1,2}}[.,]\d{{1,3}}(?![.,]?\d))"
    r"[+(]?\d[\d ()./-]{1,24}\d(?!\d)",
    r"(?<![\d.])0\d{1,5}+(?:[ /-]\d{5,9}|(?: \d{2,4}){3,5})(?!\d)",
    *AGES,
    r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)",  # social security numbers
    r"(?<![^\W_])(?:dr|mrs|mr|(?<!\d)(?<!\d )ms|prof|herr|frau)\b\.?\s{1,3}+"
    r"[^\W\d_][\w'-]{1,40}+(?:\s{1,3}[a-z][\w'-]{1,40}+)?",
)

PHRASE = 4  # letters and digits: a shorter id is found as a whole value only
PARTED = 6  # letters: a longer name is found with separators between its letters
LONGEST = 200  # letters and digits of an id


class Scrubber:
    """Removes the identifiers of one patient from texts; with `any_date`, every date too."""

    def __init__(self, identifiers: Identifiers, *, any_date: bool) -> None:
        self._names = Names(identifiers.words)
        phrases = {
            form
            for phrase in identifiers.phrases
            if len(form := usual(composed(phrase))[0]) <= LONGEST
        }
        full = {form for name in identifiers.names for form in _whole(name)}
        ids = {form for form in phrases if len(form) >= PHRASE} | {
            form for form in full if len(form) >= WORD
        }
        # Quill feather, Q u i l l f e a t h e r
        ids |= {form for form in self._names.words if len(form) >= PARTED}
        self._phrases = Index(ids, WORD)
        self._glued = Index({form for name in identifiers.names for form in _glued(name)}, 2)
        self._whole = frozenset(
            phrases | full | {form for word in identifiers.words for form in _whole(word)}
        )
        self._damaged = Index(damaged.misreadings(identifiers.words), damaged.SHORTEST)
        parts = [
            *OTHERS,
            *damaged.losses(identifiers.words),
            *(DATES if any_date else ()),
            *(date_pattern(day) for day in sorted(identifiers.dates)),
        ]
        # a telephone number must not be matched by its last digits
        parts.sort(key=lambda part: (-len(part), part))
        self._others = re.compile("|".join(f"(?:{part})" for part in parts), re.IGNORECASE)
        self._mail, self._addresses = re.compile(MAIL), re.compile(ADDRESSES)

    def clean(self, text: str) -> str:
        """`text` with a mask for every find; the same object where there is none."""
        if self.is_whole(text):
            return MASK
        read = composed(text)
        spans = _merged(self._found(read))
        for start, end in reversed(spans):
            read = read[:start] + MASK + read[end:]
        if any(self._names.found(repaired) for repaired in damaged.repairs(read)):
            return MASK
        if spans:
            return read
        return text

    def is_whole(self, text: str) -> bool:
        """Whether a whole text is one of the identifiers; short identifiers count only here."""
        form = usual(composed(text))[0]
        return bool(form) and form in self._whole

    def names_somebody(self, value: bytes) -> bool:
        """Whether bytes that are not text contain an identifier in a common encoding."""
        for encoding in ("latin-1", "utf-16-le", "utf-16-be"):
            text = value.decode(encoding, "replace")
            found = (text[start:end] for start, end in self._found(text))
            if any(len(part) > 3 and any(c.isalpha() for c in part) for part in found):
                return True
        return False

    def _found(self, text: str) -> list[Span]:
        spans = self._names.found(text)
        spans += self._ids(text)
        spans += self._damaged.found(damaged.lowered(text))
        flat = plain(text)
        spans += [found.span() for found in self._others.finditer(flat)]
        spans += _wide_spans(flat, self._mail, _of_mail)
        spans += _wide_spans(flat, self._addresses, _of_address)
        return spans

    def _ids(self, text: str) -> Iterator[Span]:
        form, places = usual(text)
        for index, bounded in ((self._phrases, True), (self._glued, False)):
            for start, end in index.found(form):
                span = places[start], places[end - 1] + 1
                if not bounded or _stands_alone(text, span, digits=form[start:end].isdigit()):
                    yield span


def _stands_alone(text: str, span: Span, *, digits: bool) -> bool:
    """Whether a find is not part of a longer number or word.

    No digit may be next to a number, and no letter or digit next to another id.
    """
    before, after = text[span[0] - 1 : span[0]] if span[0] else "", text[span[1] : span[1] + 1]
    if digits:
        ahead = text[max(0, span[0] - LONGEST) : span[0]].rstrip("0")[-1:]  # 0004471902
        return not (ahead.isdecimal() or after.isdecimal())
    return not (before.isalnum() or after.isalnum())


def _whole(word: str) -> set[str]:
    """The key of a value that consists of these words, in any order."""
    parts = [token.text for token in tokens(composed(word))]
    orders = (parts, parts[::-1]) if len(parts) < 5 else (parts,)
    return {form for order in orders for form in spellings("".join(order)) if form}


def _glued(name: str) -> set[str]:
    """A full name in a script without spaces, with its parts in either order."""
    parts = [token for token in tokens(composed(name)) if token.continuous]
    both = ("".join(part.text for part in parts), "".join(part.text for part in reversed(parts)))
    if len(parts) > 1:
        return {form for text in both for form in spellings(text) if len(form) > 1}
    return set()


def _of_mail(character: str) -> bool:
    return character.isalnum() or character in "_.+-"


def _of_address(character: str) -> bool:
    return not character.isspace()


def _wide_spans(
    text: str, pattern: re.Pattern[str], belongs: Callable[[str], bool]
) -> Iterator[Span]:
    """The finds of a pattern, each extended to all characters that belong to it."""
    done = 0
    while found := pattern.search(text, done):
        start, end = found.span()
        while belongs is _of_mail and start > done and belongs(text[start - 1]):
            start -= 1
        while end < len(text) and belongs(text[end]):
            end += 1
        yield start, end
        done = end


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, with overlapping ones joined."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged

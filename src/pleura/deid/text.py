"""Remove identifiers from free text, in any order, spelling and punctuation.

Anything that looks like an identifier is removed too. The time is linear in the length of the text:
names are looked up word by word, ids letter by letter, and every pattern has a bounded width and
cannot backtrack.
"""

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from functools import cache

from pleura.deid.folding import Token, composed, plain, readings, spellings, tokens, usual
from pleura.deid.identifiers import Identifiers

MASK = "***"

MONTHS = (
    "jan(?:uary|uar|vier)?|ene(?:ro)?",
    "feb(?:ruary|ruar|rero)?|fevrier",
    "mar(?:ch|s|zo)?|maerz|marz",
    "apr(?:il)?|avril|abril",
    "may|mai|mayo",
    "june?|juni|juin|junio",
    "july?|juli|juillet|julio",
    "aug(?:ust)?|aout|agosto",
    "sept?(?:ember|embre|iembre)?",
    "oct(?:ober|obre|ubre)?|okt(?:ober)?",
    "nov(?:ember|embre|iembre)?",
    "dec(?:ember|embre)?|dez(?:ember)?|dic(?:iembre)?",
)
ANY_MONTH = "(?:" + "|".join(MONTHS) + ")"
GAP = r"[ .-]{0,3}+"

MAIL = r"[\w.+-]{1,64}+@[\w-]{1,63}+(?:\.[\w-]{1,63}+){1,6}+"
ADDRESSES = (
    r"(?:https?|ftp|file)://\S{1,200}+|www\.\S{1,200}+|[a-z]:\\\S{1,200}+|\\\\\w\S{1,200}+|"
    r"(?:/[\w.~-]{1,64}+){3,12}+"
)
OTHERS = (
    r"(?<![\d.])\d{1,64}+(?:\.\d{1,64}+){5,24}+(?!\d)",  # UIDs
    # telephone numbers
    r"(?<!\w)[+(]?\d{1,4}+[ ()./-]{1,3}+\d{2,5}+[ )./-]{1,3}+\d{3,12}+"
    r"(?:[ ./-]\d{2,12}+){0,4}+(?!\w)",
    r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)",  # social security numbers
    r"(?<![^\W_])(?:dr|mrs|mr|(?<!\d)(?<!\d )ms|prof|herr|frau)\b\.?\s{1,3}+"
    r"[^\W\d_][\w'-]{1,40}+(?:\s{1,3}[a-z][\w'-]{1,40}+)?",
)
EVERYBODY = (MAIL, ADDRESSES, *OTHERS)
"""Mail and other addresses, paths, UIDs, telephone and social security numbers of anybody."""

DATES = (
    r"(?<!\d)(?:19|20)\d\d[-./ ]?(?:0[1-9]|1[0-2])[-./ ]?(?:0[1-9]|[12]\d|3[01])(?!\d)",
    r"(?<![\d.])\d{1,2}[-./]\d{1,2}[-./](?:19|20)\d\d(?!\d)",
    rf"(?<![^\W_])\d{{1,2}}(?:st|nd|rd|th|\.)?{GAP}(?:of |de )?{ANY_MONTH}"
    rf"\.?,?{GAP}(?:de )?(?:(?:19|20)?\d\d)(?!\d)",
    rf"(?<![^\W_]){ANY_MONTH}\.?{GAP}\d{{1,2}}(?:st|nd|rd|th)?,?[ .-]{{1,3}}+(?:19|20)\d\d(?!\d)",
)
"""Dates as people write them, of anybody."""

INSIDE = 5  # letters: a longer name is found inside a word too, and the whole word goes
WORD = (
    3  # letters: a shorter name is found as a whole value only, or beside another part of the name
)
PHRASE = 4  # letters and digits: a shorter id is found as a whole value only
LONGEST = 200  # letters and digits of an id
BESIDE = 3  # characters between the parts of one name

ENDINGS = {
    "cyrillic": (
        "а я о е ё ы и й у ю ь ом ем ой ей ою ею ым им ых их ому ему ого его ами ями ах ях ов ев "
        "ая яя ую юю ий ый"
    ),
    "greek": "ος ου ο ον ε οι ων ους ης η ην ας α αν ες ις ι ως ω",
}
STEM = 3
PREFIXES = ("ال", "و", "ب", "ل", "ف", "ك", "לה", "ל", "ב", "מ", "ו", "ה", "ש", "כ")
"""Articles, prepositions and conjunctions that Arabic and Hebrew attach to a name."""

Span = tuple[int, int]


class _Index:
    """Forms by their first letters, so that each position of a text is looked up once."""

    def __init__(self, forms: Iterable[str], width: int) -> None:
        self.width = width
        self._by_start: dict[str, list[str]] = defaultdict(list)
        for form in forms:
            self._by_start[form[:width]].append(form)

    def found(self, text: str) -> Iterator[Span]:
        """Start and end of every form in a text."""
        if not self._by_start:
            return
        for at in range(len(text) - self.width + 1):
            for form in self._by_start.get(text[at : at + self.width], ()):
                if text.startswith(form, at):
                    yield at, at + len(form)


class Names:
    """The names of one patient, their staff and their places, in all spellings."""

    def __init__(self, words: Iterable[str]) -> None:
        spaced: set[str] = set()
        continuous: set[str] = set()
        for word in words:
            for token in tokens(composed(word)):
                forms = continuous if token.continuous else spaced
                forms.update(spellings(token.text))
        self._words = {form for form in spaced if len(form) >= WORD}
        self._words |= {form + "s" for form in spaced if len(form) > WORD}
        self._short = {form for form in spaced if len(form) < WORD} | {
            form for form in continuous if len(form) < 2
        }
        self._stems = {stem for form in spaced for stem in _stems(form)}
        self._inside = _Index((form for form in spaced if len(form) >= INSIDE), INSIDE)
        self._continuous = _Index((form for form in continuous if len(form) > 1), 2)

    def found(self, text: str) -> list[Span]:
        """Where a text names somebody.

        A short name counts only next to another part of the name.
        """
        cut = list(tokens(text))
        spans = [span for token in cut for span in self._in_token(token)]
        if spans and self._short:
            spans += self._beside(text, cut, spans)
        return spans

    def _in_token(self, token: Token) -> Iterator[Span]:
        if token.continuous:
            form, places = usual(token.text)
            for start, end in self._continuous.found(form):
                yield token.start + places[start], token.start + places[end - 1] + 1
        elif any(self._spells(form) for form in readings(token.text)):
            yield token.start, token.end

    def _spells(self, form: str) -> bool:
        if form in self._words or any(True for _ in self._inside.found(form)):
            return True
        if any(stem in self._stems for stem in _stems(form)):
            return True
        return any(
            form.startswith(prefix) and form[len(prefix) :] in self._words for prefix in PREFIXES
        )

    def _beside(self, text: str, cut: list[Token], spans: list[Span]) -> Iterator[Span]:
        starts, ends = sorted(start for start, _ in spans), sorted(end for _, end in spans)
        for token in cut:
            parts = [(token.start, token.end, token.text)]
            if token.continuous:
                parts = [
                    (token.start + k, token.start + k + 1, character)
                    for k, character in enumerate(token.text)
                ]
            for start, end, word in parts:
                if self._short.isdisjoint(readings(word)):
                    continue
                after, before = bisect_left(starts, end), bisect_right(ends, start) - 1
                gaps = (
                    [text[end : starts[after]]]
                    if after < len(starts) and starts[after] - end <= BESIDE
                    else []
                )
                gaps += (
                    [text[ends[before] : start]]
                    if before >= 0 and start - ends[before] <= BESIDE
                    else []
                )
                if any(not any(c.isalnum() for c in gap) for gap in gaps):
                    yield start, end


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
        self._phrases = _Index(ids, WORD)
        self._glued = _Index({form for name in identifiers.names for form in _glued(name)}, 2)
        self._whole = frozenset(
            phrases | full | {form for word in identifiers.words for form in _whole(word)}
        )
        parts = [
            *OTHERS,
            *(DATES if any_date else ()),
            *(_date(day) for day in sorted(identifiers.dates)),
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
        return not (before.isdecimal() or after.isdecimal())
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


def _stems(form: str) -> set[str]:
    """A Cyrillic or Greek word with and without its case ending; empty for other scripts."""
    script = _script(form[:1]) if len(form) > STEM else ""
    if not script:
        return set()
    stems = {form, *(form.removesuffix(ending) for ending in _endings(script))}
    return {f"{script} {stem}" for stem in stems if len(stem) >= STEM}


def _script(letter: str) -> str:
    if "а" <= letter <= "ѿ":
        return "cyrillic"
    if "α" <= letter <= "ω":
        return "greek"
    return ""


@cache
def _endings(script: str) -> tuple[str, ...]:
    return tuple(plain(ending) for ending in ENDINGS[script].split())


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


def _date(day: str) -> str:
    """A pattern for one day as people write it."""
    try:
        moment = date(int(day[:4]), int(day[4:6]), int(day[6:8]))
    except ValueError:
        return re.escape(day)
    y, yy, m, d = f"{moment:%Y}", f"{moment:%y}", rf"0?{moment.month}", rf"0?{moment.day}"
    gap, month = r"(?:[-./ ,]|de |of ){0,4}+", f"(?:{MONTHS[moment.month - 1]})"
    th = r"(?:st|nd|rd|th|\.)?"
    forms = [
        rf"{y}{gap}{moment:%m}{gap}{moment:%d}",
        rf"{y}[-./ ]{m}[-./ ]{d}",
        rf"{d}[-./ ]{m}[-./ ](?:{y}|{yy})",
        rf"{m}[-./ ]{d}[-./ ](?:{y}|{yy})",
        f"{moment:%d%m%Y}|{moment:%m%d%Y}|{moment:%y%m%d}|{moment:%d%m%y}|{moment:%m%d%y}",
        rf"{yy}[-./ ]{moment:%m}[-./ ]{moment:%d}",
        rf"{d}{th}{gap}{month}{gap}(?:{y}|{yy})",
        rf"{month}{gap}{d}{th}{gap}(?:{y}|{yy})",
        rf"{y}{gap}{month}{gap}{d}",
    ]
    return r"(?<!\d)(?:" + "|".join(forms) + r")(?!\d)"

"""Find the names of a patient in a text, word by word, in every spelling.

The time is linear in the length of the text: every word is looked up in sets.
"""

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache

from pleura.deid.folding import Token, composed, plain, readings, spellings, tokens, usual
from pleura.deid.romanised import foreign_keys, is_foreign, latin_keys

INSIDE = 5  # letters: a longer name is found inside a word too, and the whole word goes
WORD = 3  # letters: a shorter name is found as a whole value only, or beside another part of it
BEGINS = 4  # letters: in scripts other than Latin, a longer name is found with other endings
MOST_ENDING = 4  # letters
BESIDE = 3  # characters between the parts of one name

ENDINGS = {
    "cyrillic": (
        "а я о е ё ы и й у ю ь ом ем ой ей ою ею ым им ых их ому ему ого его ами ями ах ях ов ев "
        "ая яя ую юю ий ый"
    ),
    "greek": "ος ου ο ον ε οι ων ους ης η ην ας α αν ες ις ι ως ω",
}
STEM = 3
_VOWEL_ENDINGS = "y e ie a o u ou i in ina ova owa ovi owi em om ej iej iego iemu im ich"
"""Case endings of Slavic and Romanian names in plain Latin, after a final or a lost vowel."""

PREFIXES = ("ال", "و", "ب", "ل", "ف", "ك", "לה", "ל", "ב", "מ", "ו", "ה", "ש", "כ")
"""Articles, prepositions and conjunctions that Arabic and Hebrew attach to a name."""

_LATIN = "A-Za-zÀ-ɏ"
_SEAM = re.compile(
    rf"(?<=[a-zß-öø-ÿ])(?=[A-ZÀ-ÖØ-Þ])|(?<=[{_LATIN}])(?=[Ͱ-῿])|(?<=[Ͱ-῿])(?=[{_LATIN}])"
)
"""Where a word goes on in a capital letter or in another script."""

Span = tuple[int, int]


class Index:
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
    """The names of one patient, their staff and their places, in all spellings.

    `words` are their plain forms in scripts with spaces.
    """

    def __init__(self, words: Iterable[str]) -> None:
        spaced: set[str] = set()
        continuous: set[str] = set()
        for word in words:
            for token in tokens(composed(word)):
                forms = continuous if token.continuous else spaced
                forms.update(spellings(token.text))
        self.words = {form for form in spaced if len(form) >= WORD}
        self.words |= {form + "s" for form in spaced if len(form) > WORD}
        self.words.update(*map(_inflected, spaced))
        self._short = {form for form in spaced if len(form) < WORD} | {
            form for form in continuous if len(form) < 2
        }
        self._stems = set().union(*map(_stems, spaced))
        self._inside = Index(set().union(*map(_inside, spaced)), INSIDE)
        self._begins = Index(set().union(*map(_beginnings, spaced)), BEGINS)
        self._foreign = frozenset().union(*map(foreign_keys, {*spaced, *self._stems}))
        bare = {form.rstrip("aeiouy") for form in spaced if len(form) >= INSIDE}
        self._latin = frozenset().union(*map(latin_keys, spaced | bare))
        self._continuous = Index((form for form in continuous if len(form) > 1), 2)

    def found(self, text: str) -> list[Span]:
        """Where a text names somebody. A short name counts only beside another part of the name."""
        cut = list(tokens(text))
        spans = [span for token in cut for span in self._in_token(text, token)]
        if spans and self._short:
            spans += self._beside(text, cut, spans)
        return spans

    def _in_token(self, text: str, token: Token) -> Iterator[Span]:
        if token.continuous:
            form, places = usual(token.text)
            for start, end in self._continuous.found(form):
                yield token.start + places[start], token.start + places[end - 1] + 1
        elif any(self._spells(form) for form in readings(token.text)) or self._has_name_as_part(
            text[token.start : token.end]
        ):
            yield token.start, token.end

    def _spells(self, form: str) -> bool:
        if form in self.words or any(True for _ in self._inside.found(form)):
            return True
        if self._begins_with_name(form) or not self._stems.isdisjoint(_stems(form)):
            return True
        if not self._foreign.isdisjoint(latin_keys(form)) or self._spells_in_latin(form):
            return True
        return any(
            form.startswith(prefix) and form[len(prefix) :] in self.words for prefix in PREFIXES
        )

    def _begins_with_name(self, form: str) -> bool:
        return not form.isascii() and any(
            start == 0 and len(form) - end <= MOST_ENDING for start, end in self._begins.found(form)
        )

    def _spells_in_latin(self, form: str) -> bool:
        """Whether a Cyrillic or Greek word, with or without its ending, is a Latin name."""
        if not self._latin or not is_foreign(form):
            return False
        return any(not self._latin.isdisjoint(foreign_keys(stem)) for stem in {form} | _stems(form))

    def _has_name_as_part(self, word: str) -> bool:
        """Whether a part of a word like vanderBerg or Hallу is a name."""
        parts = _SEAM.split(word)
        return len(parts) > 1 and any(
            not self.words.isdisjoint(readings(part)) for part in parts if len(part) >= WORD
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


@lru_cache(maxsize=1024)
def _inflected(form: str) -> frozenset[str]:
    """A Latin name with other endings: Żaneta as Żanety, Čapek as Čapkovi."""
    if not form.isascii():
        return frozenset()
    if len(form) > INSIDE and form[-1] in "aeiouy":
        return frozenset(form[:-1] + ending for ending in _VOWEL_ENDINGS.split())
    if len(form) >= INSIDE and form[-2] == "e" and form[-1] in "kcl":
        return frozenset(form[:-2] + form[-1] + ending for ending in _VOWEL_ENDINGS.split())
    return frozenset()


def _inside(form: str) -> set[str]:
    """What of a name is looked for inside words; other scripts may change its last letter."""
    if form.isascii() or _script(form[:1]):
        return {form} if len(form) >= INSIDE else set()
    return {part for part in (form, form[:-1]) if len(part) >= INSIDE}


def _beginnings(form: str) -> set[str]:
    """A name outside of ASCII, and without the last letter, which an ending may replace."""
    if form.isascii():
        return set()
    return {part for part in (form, form[:-1]) if len(part) >= BEGINS}


@lru_cache(maxsize=4096)
def _stems(form: str) -> frozenset[str]:
    """A Cyrillic or Greek word with and without its case ending; empty for other scripts."""
    script = _script(form[:1]) if len(form) > STEM else ""
    if not script:
        return frozenset()
    stems = {form, *(form.removesuffix(ending) for ending in _endings(script))}
    return frozenset(stem for stem in stems if len(stem) >= STEM)


def _script(letter: str) -> str:
    if "а" <= letter <= "ѿ":
        return "cyrillic"
    if "α" <= letter <= "ω":
        return "greek"
    return ""


@cache
def _endings(script: str) -> tuple[str, ...]:
    return tuple(plain(ending) for ending in ENDINGS[script].split())

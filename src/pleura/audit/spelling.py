"""Find names in other spellings, using the Unicode names of their letters.

O WITH STROKE is an O, and HALFWIDTH KATAKANA KA is a KA. This module does not use the engine's
tables, so it does not repeat their mistakes; the Unicode name says which letter a character is, in
any width, case or script.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice, product
from typing import NamedTuple

from pleura.audit.repaired import repaired
from pleura.audit.romanised import romanised
from pleura.audit.search import Identifier
from pleura.audit.terms import is_of_collection

_LATIN = re.compile(
    r"(?:FULLWIDTH |MODIFIER LETTER |SUPERSCRIPT )?LATIN (?:SMALL |CAPITAL |)?"
    r"(?:LETTER|LIGATURE)(?: SMALL CAPITAL)?"
    r" (?P<base>.+?)(?: WITH (?P<mark>.+))?"
)
_NAMED_BASE = {
    **{
        "SHARP S": ("ss", "sz"),
        "ETH": ("d", "th", "dh"),
        "THORN": ("th", "t"),
        "DOTLESS I": ("i",),
        "ENG": ("ng", "n"),
    },
    **{
        "KRA": ("k",),
        "SCHWA": ("e", "a"),
        "LONG S": ("s",),
        "OPEN E": ("e",),
        "OPEN O": ("o",),
        "AE": ("ae", "a"),
    },
    **{"OE": ("oe", "o"), "FF": ("ff",), "FI": ("fi",), "FL": ("fl",), "IJ": ("ij",)},
}
_MARKED = {
    **{
        ("O", "STROKE"): "oe",
        ("A", "RING ABOVE"): "aa",
        ("D", "STROKE"): "dj",
        ("O", "MACRON"): "ou",
        ("U", "MACRON"): "uu",
    },
    **{(base, "DIAERESIS"): base.lower() + "e" for base in "AOU"},
    **{(base, "DOUBLE ACUTE"): base.lower() + "e" for base in "OU"},
    **{(base, mark): base.lower() + "h" for base in "CSZ" for mark in ("CARON", "CEDILLA")},
    ("S", "COMMA BELOW"): "sh",
}
"""Alternative spellings of letters with a mark; the first is the letter without the mark."""

_KANA = re.compile(r"(?:HALFWIDTH )?(?:HIRAGANA|KATAKANA) LETTER (?:SMALL )?(\w+)")
_UNVOICED = {"G": "K", "Z": "S", "D": "T", "B": "H", "P": "H", "V": ""}
_GREEK_OR_CYRILLIC = re.compile(
    r"((?:GREEK|CYRILLIC) (?:SMALL|CAPITAL) LETTER [A-Z ]+?)(?: WITH .+)?"
)
_OTHER_ABJAD = re.compile(r"(ARABIC|HEBREW) LETTER (?:FINAL |FARSI )?([A-Z]+)(?: .+)?")
_SAME_ABJAD = {"KEHEH": "KAF", "TEH MARBUTA": "HEH", "ALEF MAKSURA": "YEH", "TATWEEL": ""}
_SAME = {
    "CYRILLIC SMALL LETTER SHORT I": "и",
    "CYRILLIC SMALL LETTER IO": "е",
    "GREEK SMALL LETTER FINAL SIGMA": "σ",
}
_UNSPACED = (
    "CJK",
    "HIRAGANA",
    "KATAKANA",
    "HALFWIDTH KATAKANA",
    "HANGUL",
    "THAI",
    "LAO",
    "KHMER",
    "MYANMAR",
    "BOPOMOFO",
)
_MOST = 16

LONE, INSIDE, UNSPACED, FOREIGN = 4, 6, 2, 3
"""Fewest letters of a name that is found as a word, inside a word, in a script without spaces, and
as a word in a script other than Latin.
"""
_CHANGED, _LONGER = 4, 2
"""Letters of a name that stay before another case ending, and letters by which it may be longer."""
_UNSEEN = ("VARIATION SELECTOR", "FILLER", "GRAPHEME JOINER")


class Names(NamedTuple):
    """Names in plain form: whole words, names in scripts without spaces, and romanised words."""

    words: frozenset[str]
    unspaced: frozenset[str]
    romanised: frozenset[str]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to look for."""
        return not (self.words or self.unspaced or self.romanised)


@lru_cache(maxsize=64)
def names(identifiers: frozenset[Identifier]) -> Names:
    """The plain forms of all names among the identifiers."""
    words: set[str] = set()
    unspaced: set[str] = set()
    latin: set[str] = set()
    for kind, text in identifiers:
        if kind != "name":
            continue
        cut = [one for one in _cut(text) if not is_of_collection(one[0], text)]
        if 1 < len(cut) < 4 and not any(is_unspaced for _, is_unspaced in cut):
            # O'Brien, Al-Ali written as one word
            cut.append(("".join(word for word, _ in cut), False))
        for word, is_unspaced in cut:
            forms = _forms(word)
            if is_unspaced:
                unspaced |= {form for form in forms if len(word) >= UNSPACED}
            else:
                words |= {form for form in forms if len(form) >= _fewest(form)}
                words |= {
                    re.sub("([oau])e|(a)a", r"\1\2", form) for form in forms if len(form) > LONE
                }
                latin |= {form for form in romanised(word) if len(form) >= LONE}
    return Names(frozenset(words), frozenset(unspaced), frozenset(latin))


def _fewest(form: str) -> int:
    return LONE if form.isascii() else FOREIGN


def spelled(text: str, wanted: Names) -> Iterator[str]:
    """The words of a text that spell one of the names, in plain form.

    Names in plain letters are also found by the sweep. Other readings of a damaged text are
    searched too.
    """
    yield from _spelled(text, wanted)
    for reading in repaired(text):
        yield from _spelled(reading, wanted)


def _spelled(text: str, wanted: Names) -> Iterator[str]:
    inside = [word for word in wanted.words if len(word) >= INSIDE]
    cut = list(_cut(text))
    for word, is_unspaced in cut:
        if is_unspaced:
            if any(part in form for form in _forms(word) for part in wanted.unspaced):
                yield word
        elif _is_name(word, wanted, inside):
            yield word
    yield from _parted(["" if is_unspaced else word for word, is_unspaced in cut], inside)


def _is_name(word: str, wanted: Names, inside: list[str]) -> bool:
    forms = _forms(word)
    if not forms.isdisjoint(wanted.words) or any(part in form for form in forms for part in inside):
        return True
    if not forms.isdisjoint(wanted.romanised) or not romanised(word).isdisjoint(wanted.words):
        return True
    pieces = re.split("(?<=[a-z])(?=[A-Z])", word)
    if len(pieces) > 1 and any(piece.lower() in wanted.words for piece in pieces):
        return True
    return any(_is_inflected(form, name) for form in forms for name in wanted.words) or (
        _is_mixed(word) and any(_looks_like(form, name) for form in forms for name in wanted.words)
    )


def _is_inflected(form: str, name: str) -> bool:
    """Whether a word in another script than Latin differs from a name by its ending only."""
    stem = name[:-1]
    return (
        not name.isascii()
        and len(stem) >= _CHANGED
        and len(form) <= len(name) + _LONGER
        and form.startswith(stem)
    )


def _is_mixed(word: str) -> bool:
    """Whether a word has letters of Latin and of another alphabet."""
    scripts = {unicodedata.name(letter, "").split(" ")[0] for letter in word}
    return "LATIN" in scripts and not scripts.isdisjoint({"GREEK", "CYRILLIC"})


def _looks_like(form: str, name: str) -> bool:
    """Whether a word of two alphabets is a name but for the letters of one of them."""
    if len(form) != len(name) or len(name) < LONE:
        return False
    alike = sum(a == b for a, b in zip(form, name, strict=True))
    return alike * 2 >= len(name) and all(
        a == b or a.isascii() != b.isascii() for a, b in zip(form, name, strict=True)
    )


def _parted(words: list[str], names: Iterable[str]) -> Iterator[str]:
    """Names whose letters stand in several words of a text, which begin and end with them.

    An empty word stands for one that is not part of any. The words are returned with spaces
    between them.
    """
    wanted = frozenset(names)
    longest = max(map(len, wanted), default=0)
    for start, first in enumerate(words):
        parts = [first]
        for word in words[start + 1 : start + 1 + longest]:
            parts.append(word)
            joined = "".join(parts).lower()
            if not word or len(joined) > longest:
                break
            if joined in wanted:
                yield " ".join(parts)


def _cut(text: str) -> Iterator[tuple[str, bool]]:
    """The words of a text, each with whether its script has no spaces between words."""
    word, unspaced = "", False
    for character in unicodedata.normalize("NFKC", text) + " ":
        kind = _script(character)
        if kind == "mark" and word:
            word += character
        elif kind in ("spaced", "unspaced") and (not word or unspaced == (kind == "unspaced")):
            word, unspaced = word + character, kind == "unspaced"
        else:
            if word:
                yield word, unspaced
            word, unspaced = (
                (character, kind == "unspaced") if kind in ("spaced", "unspaced") else ("", False)
            )


@lru_cache(maxsize=8192)
def _script(character: str) -> str:
    category = unicodedata.category(character)
    unicode_name = unicodedata.name(character, "")
    if category in ("Mn", "Mc", "Cf") or any(word in unicode_name for word in _UNSEEN):
        return "mark"
    if category[0] != "L":
        return ""
    if unicode_name.startswith(_UNSPACED):
        return "unspaced"
    return "spaced"


@lru_cache(maxsize=4096)
def _forms(word: str) -> frozenset[str]:
    choices = [_plain(character) for character in word]
    return frozenset({"".join(form) for form in islice(product(*choices), _MOST)} - {""})


@lru_cache(maxsize=8192)
def _plain(character: str) -> tuple[str, ...]:
    """The letters that a character stands for, by its Unicode name: one or two plain spellings."""
    if character.isascii():
        return (character.lower(),)
    name, category = unicodedata.name(character, ""), unicodedata.category(character)
    if (
        category == "Cf"
        or unicodedata.combining(character)
        or "SOUND MARK" in name
        or (category == "Lm" and "LATIN" not in name and "KATA" not in name)
        or any(word in name for word in _UNSEEN)
    ):
        return ("",)
    if found := _LATIN.fullmatch(name):
        base, mark = found["base"], found["mark"] or ""
        second = next(
            (
                way
                for (letter, sign), way in _MARKED.items()
                if letter == base and mark.startswith(sign)
            ),
            None,
        )
        first = _NAMED_BASE.get(base) or (
            (base.lower(),) if len(base) == 1 else (character.lower(),)
        )
        if second:
            return (*first, second)
        return first
    if found := _OTHER_ABJAD.fullmatch(name):
        return (_of_abjad(found[1], found[2], name),)
    if found := _KANA.fullmatch(name):
        return (f"{_UNVOICED.get(found[1][0], found[1][0])}{found[1][1:]}".lower() + ".",)
    if found := _GREEK_OR_CYRILLIC.fullmatch(name):
        small = found[1].replace("CAPITAL", "SMALL")
        return (_SAME.get(small) or unicodedata.lookup(small),)
    return (unicodedata.normalize("NFKC", character).lower(),)


def _of_abjad(script: str, letter: str, name: str) -> str:
    """An Arabic or Hebrew letter without hamza or madda, in its usual form."""
    letter = next((same for other, same in _SAME_ABJAD.items() if f" {other}" in name), letter)
    return unicodedata.lookup(f"{script} LETTER {letter}")

"""Find names in other spellings, using the Unicode names of their letters.

O WITH STROKE is an O, and HALFWIDTH KATAKANA KA is a KA. This module does not use the engine's
tables, so it does not repeat their mistakes; the Unicode name says which letter a character is, in
any width, case or script.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice, product
from typing import NamedTuple

from pleura.audit.sweep import Identifier

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
    **{(base, "CARON"): base.lower() + "h" for base in "CSZ"},
}
"""Alternative spellings of letters with a mark; the first is the letter without the mark."""

_KANA = re.compile(r"(?:HALFWIDTH )?(?:HIRAGANA|KATAKANA) LETTER (?:SMALL )?(\w+)")
_UNVOICED = {"G": "K", "Z": "S", "D": "T", "B": "H", "P": "H", "V": ""}
_GREEK_OR_CYRILLIC = re.compile(
    r"((?:GREEK|CYRILLIC) (?:SMALL|CAPITAL) LETTER [A-Z ]+?)(?: WITH .+)?"
)
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

LONE, INSIDE, UNSPACED = 4, 6, 2
"""Fewest letters of a name that is found as a word, inside a word, and in a script without spaces.
"""


class Names(NamedTuple):
    """Names in plain form: whole words, and names in scripts without spaces between words."""

    words: frozenset[str]
    unspaced: frozenset[str]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to look for."""
        return not (self.words or self.unspaced)


@lru_cache(maxsize=64)
def names(identifiers: frozenset[Identifier]) -> Names:
    """The plain forms of all names among the identifiers."""
    words: set[str] = set()
    unspaced: set[str] = set()
    for kind, text in identifiers:
        if kind != "name":
            continue
        cut = list(_cut(text))
        if 1 < len(cut) < 4 and not any(is_unspaced for _, is_unspaced in cut):
            # O'Brien, Al-Ali written as one word
            cut.append(("".join(word for word, _ in cut), False))
        for word, is_unspaced in cut:
            forms = _forms(word)
            if is_unspaced:
                unspaced |= {form for form in forms if len(word) >= UNSPACED}
            else:
                words |= {form for form in forms if len(form) >= LONE}
                words |= {
                    re.sub("([oau])e|(a)a", r"\1\2", form) for form in forms if len(form) > INSIDE
                }
    return Names(frozenset(words), frozenset(unspaced))


def spelled(text: str, wanted: Names) -> Iterator[str]:
    """The words of a text that spell one of the names, in plain form.

    Names in plain letters are also found by the sweep.
    """
    inside = [word for word in wanted.words if len(word) >= INSIDE]
    for word, is_unspaced in _cut(text):
        for form in _forms(word):
            parts = wanted.unspaced if is_unspaced else inside
            if (not is_unspaced and form in wanted.words) or any(part in form for part in parts):
                yield word


def _cut(text: str) -> Iterator[tuple[str, bool]]:
    """The words of a text, each with whether its script has no spaces between words."""
    word, unspaced = "", False
    for character in unicodedata.normalize("NFC", text) + " ":
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
    if category in ("Mn", "Mc", "Cf"):
        return "mark"
    if category[0] != "L":
        return ""
    if unicodedata.name(character, "").startswith(_UNSPACED):
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
    name = unicodedata.name(character, "")
    if (
        unicodedata.category(character) == "Cf"
        or unicodedata.combining(character)
        or "SOUND MARK" in name
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
    if found := _KANA.fullmatch(name):
        return (f"{_UNVOICED.get(found[1][0], found[1][0])}{found[1][1:]}".lower() + ".",)
    if found := _GREEK_OR_CYRILLIC.fullmatch(name):
        small = found[1].replace("CAPITAL", "SMALL")
        return (_SAME.get(small) or unicodedata.lookup(small),)
    return (unicodedata.normalize("NFKC", character).lower(),)

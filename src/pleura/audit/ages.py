"""Find ages over 89 in a text, by the words beside a number."""

import re
from collections.abc import Sequence

from pleura.audit.dates import plain_text

_TOKENS = re.compile(r"\d{1,9}(?:[.,]\d{1,4})*|[^\W\d_]{1,40}")
_OLD = re.compile(r"0?(?:9\d|1[01]\d)(?:[.,]\d)?")
_GAP = 4  # characters between a word for age and its number
_YEARS = frozenset(
    "year years yr yrs yo jahr jahre jahren jahrige jahriger jahrigen jahriges ans anos anni jaar "
    "jarige let roku lat lata лет год года років χρονων ετων yas eves vuotias ar arig 歳 才 岁 세 "
    "سنه سال ساله lebensjahr yearold yearsold anys ani godina rokov tuoi tahun ars arige evesen "
    "vuotta yasında 周岁 歲 살".split()
)
_AGE = frozenset(
    "age aged alter edad eta idade leeftijd wiek vek alder agee возраст вік ηλικια عمر גיל "
    "年齢 年龄 나이 edat varsta tuoi umur usia eletkor ika yas".split()
)
_FILLERS = frozenset(["of", "von", "de", "is", "ist", "years", "yrs"])


def has_age_over_89(text: str) -> bool:
    """Whether a text states an age from 90 to 119 years; 90Y alone is yttrium."""
    plain = plain_text(text)
    found = list(_TOKENS.finditer(plain))
    for at, one in enumerate(found):
        if _OLD.fullmatch(one[0]) and (
            _stated_before(found, at, plain) or _stated_behind(found, at, plain)
        ):
            return True
    return False


def _stated_before(found: Sequence[re.Match[str]], at: int, text: str) -> bool:
    """Whether a word for age stands before a number, or before a filler before it."""
    first = at - 1
    is_filled = first > 0 and found[first][0] in _FILLERS
    if is_filled and found[at].start() - found[first].end() <= _GAP:
        first -= 1
    if first < 0 or found[first][0] not in _AGE:
        return False
    start, end = found[first].span()
    return not text[max(0, start - 1) : start].isalnum() and found[first + 1].start() - end <= _GAP


def _stated_behind(found: Sequence[re.Match[str]], at: int, text: str) -> bool:
    """Whether a word for years stands behind a number, in a word that nothing continues."""
    number = found[at]
    if at + 1 == len(found) or text[max(0, number.start() - 1) : number.start()] in (".", ","):
        return False
    word = found[at + 1]
    between = text[number.end() : word.start()]
    if len(between) > 2 or between.strip(" -_"):
        return False
    if word[0][0] in "歳才岁歲세살":
        return True
    if text[word.end() : word.end() + 1].isalnum():
        return False
    if word[0] == "y":
        is_short = text[word.end() : word.end() + 2] in ("/o", ".o")
        return is_short or (number[0] != "90" and not between)
    return word[0] in _YEARS

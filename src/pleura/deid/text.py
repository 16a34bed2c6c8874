"""Free text without the people in it: identifiers in any order, spelling and punctuation, and whatever looks like one."""

import re
import unicodedata
from datetime import date
from functools import lru_cache

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

EVERYBODY = (
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",  # mail
    r"(?:https?|ftp|file)://\S+|www\.\S+",  # addresses on the net
    r"[a-z]:\\\S+|\\\\\w\S+|(?:/[\w.~-]+){3,}",  # paths
    r"(?<![\d.])\d+(?:\.\d+){5,}(?![\d.])",  # UIDs
    r"(?<!\w)(?:\+?|\()\d{1,4}[ ()./-]+\d{2,5}[ )./-]+\d{3,}(?:[ ./-]?\d{2,})*(?!\w)",  # telephone numbers
    r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)",  # social security numbers
    r"(?<![^\W_])(?:dr|mrs|mr|ms|prof|herr|frau)\b\.?\s+[^\W\d_][\w'-]+(?:\s+[A-Z][\w'-]+)?",  # whoever is addressed
)
DATES = (
    r"(?<!\d)(?:19|20)\d\d[-./ ]?(?:0[1-9]|1[0-2])[-./ ]?(?:0[1-9]|[12]\d|3[01])(?!\d)",
    r"(?<![\d.])\d{1,2}[-./]\d{1,2}[-./](?:19|20)\d\d(?!\d)",
    rf"(?<![^\W_])\d{{1,2}}(?:st|nd|rd|th|\.)?[ .-]*(?:of |de )?{ANY_MONTH}\.?,?[ .-]*(?:de )?(?:(?:19|20)?\d\d)(?!\d)",
    rf"(?<![^\W_]){ANY_MONTH}\.?[ .-]*\d{{1,2}}(?:st|nd|rd|th)?,?[ .-]+(?:19|20)\d\d(?!\d)",
)
"""Days as people write them, whoever's they are."""


class Scrubber:
    """Takes the identifiers of one patient out of texts.

    `any_date` takes out every date, not only those of the patient; `spare` are words that stay even where they are names
    too, for attributes that hold technical terms.
    """

    def __init__(self, identifiers: Identifiers, *, any_date: bool) -> None:
        parts = [*EVERYBODY, *(DATES if any_date else ())]
        parts += [_word(form) for word in identifiers.words for form in _spellings(word)]
        parts += [pattern for phrase in identifiers.phrases if (pattern := _phrase(phrase))]
        parts += [_date(day) for day in identifiers.dates]
        # the longest first: a telephone number is not to be taken for its last digits
        self._pattern = re.compile(
            "|".join(f"(?:{part})" for part in sorted(set(parts), key=lambda p: (-len(p), p))), re.IGNORECASE
        )
        self._whole = frozenset(fold(text) for text in (*identifiers.words, *identifiers.phrases))

    def clean(self, text: str, spare: frozenset[str] = frozenset()) -> str:
        """`text` with a mask in place of every find; the same object where there is none."""
        if fold(text.strip()) in self._whole and fold(text.strip()) not in spare:
            return MASK
        spans = [found.span() for found in self._pattern.finditer(fold(text)) if fold(found[0]) not in spare and found[0]]
        for start, end in reversed(spans):
            text = text[:start] + MASK + text[end:]
        return text

    def names_somebody(self, value: bytes) -> bool:
        """Whether bytes that are no text hold an identifier all the same, in a common encoding."""
        for encoding in ("latin-1", "utf-16-le", "utf-16-be"):
            text = value.decode(encoding, "replace")
            if any(len(found[0]) > 3 and any(c.isalpha() for c in found[0]) for found in self._pattern.finditer(fold(text))):
                return True
        return False


def fold(text: str) -> str:
    """`text` without case and accents, character by character: places in it are places in `text`."""
    return text.lower() if text.isascii() else "".join(_fold(character) for character in text)


@lru_cache(maxsize=4096)
def _fold(character: str) -> str:
    base = unicodedata.normalize("NFKD", character)[0].lower()
    return base if len(base) == 1 else character


def _spellings(word: str) -> set[str]:
    """A word, folded, and as it is written where there are no umlauts."""
    plain = word.lower()
    long = plain
    for umlaut, letters in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss"), ("æ", "ae"), ("ø", "oe"), ("å", "aa")):
        long = long.replace(umlaut, letters)
    return {fold(word), long, fold(plain.replace("ß", "ss"))}


def _word(word: str) -> str:
    if any(ord(character) > 0x2E80 for character in word):
        return re.escape(word)  # no spaces between words in these scripts
    if len(word) > 4:
        return rf"[^\W\d_]*{re.escape(word)}[^\W\d_]*"  # the whole word that it is part of
    return rf"(?<![^\W\d_]){re.escape(word)}(?![^\W\d_])"


def _phrase(phrase: str) -> str:
    letters = [re.escape(c) for c in fold(phrase) if c.isalnum()]
    if not 3 <= len(letters) <= 200:
        return ""
    edge = r"\d" if all(c.isdigit() for c in phrase if c.isalnum()) else r"[^\W_]"
    return rf"(?<!{edge})" + r"[\W_]*".join(letters) + rf"(?!{edge})"


def _date(day: str) -> str:
    try:
        moment = date(int(day[:4]), int(day[4:6]), int(day[6:8]))
    except ValueError:
        return re.escape(day)
    y, yy, m, d = f"{moment:%Y}", f"{moment:%y}", rf"0?{moment.month}", rf"0?{moment.day}"
    gap, month = r"(?:[-./ ,]|de |of )*", f"(?:{MONTHS[moment.month - 1]})"
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

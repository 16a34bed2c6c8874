"""Vocabularies: names of structures, scanners and kernels. What is wholly made of them stays as a
whole, whoever the patient.

A structure is named by TG-263 or by common organ and planning terms: its words, sides, levels,
doses and operators.
"""

import re
from functools import lru_cache

from pleura.deid.tables import words

STRUCTURES = words("labels")
SCANNERS = words("scanners") | words("technical")
MODELS = words("models")
"""Numbers of scanner models: 750 of Discovery CT750 HD."""

MAX_DOSE_CGY = 12_000
_WORDS = re.compile(r"[^\W\d_]+|\d+(?:\.\d+)?")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SIGNS = re.compile(r"[\w\s.,:;/+~^&()\[\]%=<>|!#-]*")
_TARGET = re.compile(r"[ij]?(?:gtv|ctv|itv|ptv|htv|btv)(?:n|p|t|v|sb|par|vas)?")
_KERNEL = re.compile(r"(?:[bchijqsutalv][a-z]?\d{1,2}[a-z]?|fc\d\d|y[a-z]?|[a-l])", re.IGNORECASE)


@lru_cache(maxsize=4096)
def is_structure(label: str) -> bool:
    """Whether a label is wholly the name of a structure: every word of the vocabulary, every
    number a number of a plan.
    """
    if len(label) > 64 or not _SIGNS.fullmatch(label):
        return False
    found = _WORDS.findall(_CAMEL.sub(" ", label))
    named = [word for word in found if not word[0].isdigit()]
    return bool(named) and all(
        _is_number(word) if word[0].isdigit() else _is_part(word) for word in found
    )


def _is_part(word: str) -> bool:
    lower = word.lower()
    return (
        lower in STRUCTURES
        or lower.removesuffix("s") in STRUCTURES
        or _TARGET.fullmatch(lower) is not None
    )


def _is_number(digits: str) -> bool:
    """A count, margin or level under 1000, a dose in Gy with decimals, or in cGy."""
    if "." in digits:
        return float(digits) < 1000 and len(digits) < 8
    return len(digits) < 4 or (
        len(digits) < 6 and int(digits) <= MAX_DOSE_CGY and int(digits) % 5 == 0
    )


@lru_cache(maxsize=4096)
def is_technical(value: str) -> bool:
    """Whether a value is wholly a manufacturer, scanner, kernel or defined term: every word
    known, every number a model's.
    """
    if len(value) > 64:
        return False
    parts = [part for part in re.split(r"[\s_/\\,()+.-]+", value) if part]
    return (
        bool(parts)
        and any(any(c.isalpha() for c in part) for part in parts)
        and all(map(_is_term, parts))
    )


def _is_term(part: str) -> bool:
    if part.lower() in SCANNERS or _KERNEL.fullmatch(part):
        return True
    return all(
        word.lower() in SCANNERS if word[0].isalpha() else len(word) < 3 or word in MODELS
        for word in _WORDS.findall(part)
    )


def clean_label(label: str, fallback: str) -> str:
    """The label where it is wholly the name of a structure, else `fallback`."""
    return label if is_structure(label) else fallback

"""Names of structures, scanners and kernels. A value made of these words only is kept.

Structures are named by TG-263 or by common terms for organs and planning: words, sides, levels,
doses and operators. Lungs and lobes are known in many languages (`core.lung_names`).
"""

import re
from functools import lru_cache

from pleura.core.lung_names import part_of
from pleura.deid.tables import words

STRUCTURES = words("labels")
SCANNERS = words("scanners") | words("technical")
MODELS = words("models")
"""Numbers in names of scanner models, such as 750 of Discovery CT750 HD."""

MAX_DOSE_CGY = 12_000
_WORDS = re.compile(r"[^\W\d_]+|\d+(?:\.\d+)?")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SIGNS = re.compile(r"[\w\s.,:;/+~^&()\[\]%=<>|!#-]*")
_TARGET = re.compile(r"[ijz]?(?:gtv|ctv|itv|ptv|htv|btv)(?:n|p|t|v|sb|par|vas|opt)?")
_KERNEL = re.compile(r"(?:[bchijqsutalv][a-z]?\d{1,2}[a-z]?|fc\d\d|y[a-z]?|[a-l])", re.IGNORECASE)


@lru_cache(maxsize=4096)
def is_structure(label: str) -> bool:
    """Whether a whole label names a structure: known words, and numbers as plans have them."""
    if len(label) > 64 or not _SIGNS.fullmatch(label):
        return False
    found = _WORDS.findall(_CAMEL.sub(" ", label))
    named = [word for word in found if not word[0].isdecimal()]
    return bool(named) and all(
        _is_number(word) if word[0].isdecimal() else _is_part(word) for word in found
    )


def _is_part(word: str) -> bool:
    lower = word.lower()
    return (
        lower in STRUCTURES
        or lower.removesuffix("s") in STRUCTURES
        or _TARGET.fullmatch(lower) is not None
    )


def _is_number(digits: str) -> bool:
    """Whether a number is a count, margin or level under 1000, or a dose in Gy or cGy."""
    if "." in digits:
        return float(digits) < 1000 and len(digits) < 8
    return len(digits) < 4 or (
        len(digits) < 6 and int(digits) <= MAX_DOSE_CGY and int(digits) % 5 == 0
    )


@lru_cache(maxsize=4096)
def is_technical(value: str) -> bool:
    """Whether a whole value is a manufacturer, scanner, kernel or defined term.

    Every word must be known, and every number that of a model.
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


def clean_label(label: str) -> str | None:
    """The label where all of it names a structure; the TG-263 name of a lung or lobe; else `None`.

    A lung that is named in another language gets its TG-263 name, so that no word stays of which
    only its language says that it is not a person's.
    """
    if is_structure(label):
        return label
    part = part_of(label)
    if part is None or part.partial:
        return None
    return part.name

"""Lungs and lobes by structure name: AAPM TG-263 (`Lung_R`, `Lungs`, `Lung_RUL`) and variants.

Whole lungs are known in many languages (`core.lung_words`), lobes in English.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from pleura.core.lung_words import (
    LANGUAGES_OF,
    NEEDS_SIDE,
    SIDES,
    Side,
    Words,
    fold,
    joined,
    parted,
    plain,
    words_beside,
)

Lobe = Literal["", "upper", "middle", "lower"]

LUNG_NAMES: dict[str, str] = {"right": "Lung_R", "left": "Lung_L", "both": "Lungs"}
"""Whole lungs by their names in AAPM TG-263."""
LOBES: dict[str, Lobe] = {
    "upper": "upper",
    "superior": "upper",
    "middle": "middle",
    "lower": "lower",
    "inferior": "lower",
}
LOBE_WORDS = {"lobe", "lobes"}
LOBE_CODE = re.compile(r"r[uml]l|l[ul]l")
LOBE_OF_LETTER: dict[str, Lobe] = {"u": "upper", "m": "middle", "l": "lower"}
JOINED = re.compile(
    r"(?P<before>l|lt|left|r|rt|right|both|total|whole)?(?P<lung>lungs?)"
    r"(?P<after>l|lt|left|r|rt|right|both|total|all|combined|r[uml]l|l[ul]l)?"
)
"""Names in one word, such as `RtLung`, `LUNGL` and `leftlungs`."""

PARTIAL = "~"
"""Marks a partial structure in AAPM TG-263 (`Lung~_L`)."""
NEAR = re.compile(
    "|".join(
        ["lung", "pulm", "poumon", "polmon"]
        + [re.escape(word) for word in LANGUAGES_OF if len(word) > 4 or not word.isascii()]
    )
)
"""Parts of names that resemble a lung's, in folded names."""
HARMLESS = set("gtv ctv itv ptv igtv prv opt ai auto dl dlc sub eval avoid ring".split())
HARMLESS |= {
    "old",
    "new",
    "copy",
    "contour",
    "nodule",
    "nodules",
    "tumor",
    "tumour",
    "vessel",
    "vessels",
    "minus",
    "z",
}
"""Words of structure names that identify nobody; messages replace other words by an ellipsis."""
MOST_NAMED = 6
"""A message lists this many names at most."""


@dataclass(frozen=True)
class LungPart:
    """What a structure is: the whole lung of a `side` (or both), or a `lobe`, maybe partial."""

    side: Side
    lobe: Lobe = ""
    partial: bool = False


def part_of(name: str) -> LungPart | None:
    """The lung or lobe that a name means; `None` for any other structure.

    Case, spaces and punctuation do not count. All words must belong to a lung or a lobe:
    `Lung_L_PRV05`, `Lungs-GTV`, `zLung_L` and `lung_nodule_left` are other structures.
    """
    words = _words(name)
    lungs = frozenset(word for word in words if word in LANGUAGES_OF)
    beside = words_beside(lungs)
    sides = {beside.sides[word] for word in words if word in beside.sides}
    lobes = {LOBES[word] for word in words if word in LOBES}
    coded = [word for word in words if LOBE_CODE.fullmatch(word)]
    sides |= {SIDES[word[0]] for word in coded}
    lobes |= {LOBE_OF_LETTER[word[1]] for word in coded}
    is_lung = bool(lungs if sides else lungs - NEEDS_SIDE)
    is_lobe = bool(lobes) or bool(LOBE_WORDS & set(words))
    named = is_lung or bool(coded) or bool(LOBE_WORDS & set(words))
    if not words or not named or not all(_is_known(word, beside) for word in words):
        return None
    if len(sides) > 1 or len(lobes) > 1:
        return None
    if is_lobe and (not sides or not lobes or (sides, lobes) == ({"left"}, {"middle"})):
        return None
    side: Side = sides.pop() if sides else "both"
    lobe: Lobe = lobes.pop() if lobes else ""
    return LungPart(side, lobe, PARTIAL in plain(name))


def lung_parts(names: Iterable[str]) -> dict[str, LungPart]:
    """The lungs and lobes among the names of a file's labels.

    Where no name mentions a lung and all that are not background are sides (`left`, `right`), these
    are lungs.
    """
    names = list(names)
    found = {name: part for name in names if (part := part_of(name)) is not None}
    if found:
        return found
    bare = {name: _words(name) for name in names if _words(name) != ["background"]}
    if bare and all(len(words) == 1 and words[0] in SIDES for words in bare.values()):
        return {name: LungPart(SIDES[words[0]]) for name, words in bare.items()}
    return {}


def side_of(name: str) -> Side | None:
    """`right`, `left` or `both` for the name of a whole lung, else `None`."""
    part = part_of(name)
    if part is None or part.lobe or part.partial:
        return None
    return part.side


def near_names(names: Iterable[str]) -> list[str]:
    """Names that resemble a lung's, for messages, without words that could identify somebody."""
    found = [
        name
        for name in names
        if NEAR.search(fold(name)) and side_of(name) is None and not _is_lobe(name)
    ]
    listed = [
        name for name in dict.fromkeys(shown_name(name) for name in found) if name.strip("… ")
    ]
    if len(listed) > MOST_NAMED:
        return [*listed[:MOST_NAMED], "…"]
    return listed


def shown_name(name: str) -> str:
    """A structure's name for a message; words that could identify somebody become an ellipsis."""
    pieces = re.split(r"([\W_]+)", name)
    return "".join(
        piece if not piece.isalnum() or _is_harmless(piece) else "…" for piece in pieces
    )[:64]


def _is_lobe(name: str) -> bool:
    part = part_of(name)
    return part is not None and bool(part.lobe) and not part.partial


def _is_harmless(piece: str) -> bool:
    words = _words(piece)
    beside = words_beside(frozenset(word for word in words if word in LANGUAGES_OF))
    return all(
        _is_known(word, beside) or word in HARMLESS or (word.isdigit() and len(word) <= 2)
        for word in words
    )


def _is_known(word: str, beside: Words) -> bool:
    return (
        word in beside.sides
        or word in beside.both
        or word in LANGUAGES_OF
        or word in LOBES
        or word in LOBE_WORDS
        or bool(LOBE_CODE.fullmatch(word))
    )


def _words(name: str) -> list[str]:
    """The words of a name, folded; `RightUpperLobe`, `PRV05` and `rechterlong` are split."""
    words: list[str] = []
    for word in re.split(r"[\W_]+", fold(_spaced(plain(name)))):
        english = JOINED.fullmatch(word)
        words += [part for part in english.groups() if part] if english else parted(word)
    return joined([word for word in words if word])


def _spaced(text: str) -> str:
    """The text with a sign before a capital after a small letter, and between letter and digit."""
    pairs = pairwise(text)
    return text[:1] + "".join(
        f"_{after}" if _is_border(before, after) else after for before, after in pairs
    )


def _is_border(before: str, after: str) -> bool:
    if before.islower() and after.isupper():
        return True
    return (before.isalpha() and after.isdigit()) or (before.isdigit() and after.isalpha())

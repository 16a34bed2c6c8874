"""Lungs and lobes by structure name: AAPM TG-263 (`Lung_R`, `Lungs`, `Lung_RUL`) and variants.

Whole lungs are known in many languages (`core.lung_words`), lobes in some (`core.lobe_words`), and
with what products add to their names (`core.name_additions`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from pleura.core.lobe_words import (
    LANGUAGES_OF_LOBES,
    Lobe,
    fillers_beside,
    languages_of,
    levels_beside,
    parted,
)
from pleura.core.lung_words import (
    LANGUAGES_OF,
    NEEDS_SIDE,
    SIDES,
    Side,
    Words,
    fold,
    joined,
    plain,
    words_beside,
)
from pleura.core.name_additions import NOT_WHOLE, is_addition, without_additions

LUNG_NAMES: dict[str, str] = {"right": "Lung_R", "left": "Lung_L", "both": "Lungs"}
"""Whole lungs by their names in AAPM TG-263."""
LOBE_CODE = re.compile(r"r[uml]l|l[ul]l")
LOBE_OF_LETTER: dict[str, Lobe] = {"u": "upper", "m": "middle", "l": "lower"}
JOINED = re.compile(
    r"(?P<before>l|lt|left|r|rt|right|both|total|whole)?(?P<lung>lungs?)"
    r"(?P<after>l|lt|left|r|rt|right|both|total|all|combined|r[uml]l|l[ul]l)?"
)
"""Names in one word, such as `RtLung`, `LUNGL` and `leftlungs`."""

PARTIAL = frozenset("~∼˜～〜⁓")
"""Mark a partial structure in AAPM TG-263 (`Lung~_L`); editors write other forms of the sign."""
COMBINING = re.compile(r"(?<![Pp]aru|PARU)[-+&/\\|*×∪∩∆⊕─➖‐-―−∖]")
"""Signs between two structures of which one is subtracted or added (`Lungs-Lung_R`).

Malay paru-paru is one word.
"""
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
    "upper",
    "middle",
    "lower",
}
"""Words of structure names that identify nobody; messages replace other words by an ellipsis."""
MOST_NAMED = 6
"""A message lists this many names at most."""


@dataclass(frozen=True)
class LungPart:
    """What a structure is: the whole lung of a `side` (or both), or a `lobe`, maybe partial.

    `number` stood in front of the name, and `added` is what else a product added (`ai`, `v2`).
    """

    side: Side
    lobe: Lobe = ""
    partial: bool = False
    number: str = ""
    added: str = ""

    @property
    def whole(self) -> bool:
        """Whether it is a whole lung, or both."""
        return not self.lobe and not self.partial

    @property
    def has_additions(self) -> bool:
        """Whether its name has more than the words for a lung."""
        return bool(self.number or self.added)

    @property
    def name(self) -> str:
        """The name in AAPM TG-263, with what was added: `Lung_RUL`, `01_Lung_R_AI`."""
        lung = LUNG_NAMES[self.side]
        if self.lobe:
            lung = f"Lung_{self.side[0].upper()}{self.lobe[0].upper()}L"
        words = [word.upper() if len(word) < 4 else word.title() for word in self.added.split()]
        return "_".join([word for word in (self.number, lung, *words) if word])


def part_of(name: str) -> LungPart | None:
    """The lung or lobe that a name means; `None` for any other structure.

    Case, spaces and punctuation do not count. All words must belong to a lung or a lobe, or be what
    products add: `Lung_L_PRV05`, `Lungs-GTV`, `zLung_L` and `lung_nodule_left` are other
    structures, and so are `Lungs-Lung_R`, and `Lung_Upper_R`, which may be a lobe or a half.
    """
    words, number, added = _words(name)
    known = _Known(frozenset(words))
    sides = {known.beside.sides[word] for word in words if word in known.beside.sides}
    lobes = {known.levels[word] for word in words if word in known.levels}
    coded = [word for word in words if LOBE_CODE.fullmatch(word)]
    sides |= {SIDES[word[0]] for word in coded}
    lobes |= {LOBE_OF_LETTER[word[1]] for word in coded}
    is_lung = bool(known.lungs if sides else known.lungs - NEEDS_SIDE)
    is_lobe = bool(coded) or bool(known.lobes)
    if not (is_lung or is_lobe) or not all(word in known for word in words):
        return None
    if _is_changed(name, known, added, combines=bool(sides or lobes)):
        return None
    if len(sides) > 1 or len(lobes) > 1:
        return None
    if is_lobe and (not sides or not lobes or (sides, lobes) == ({"left"}, {"middle"})):
        return None
    side: Side = sides.pop() if sides else "both"
    lobe: Lobe = lobes.pop() if lobes else ""
    return LungPart(side, lobe, not PARTIAL.isdisjoint(name), number, added)


def _is_changed(name: str, known: "_Known", added: str, *, combines: bool) -> bool:
    """Whether signs or letters make the structure of a name another one than its words mean."""
    if NOT_WHOLE.search(_spaced(plain(name))):
        return True
    if "v" in known.beside.sides and re.search(r"\bv\W?\d", added):  # `lunga v2` may be a left one
        return True
    pieces = [frozenset(_words(piece)[0]) for piece in COMBINING.split(plain(name))]
    return combines and sum(known.names_structure(words) for words in pieces) > 1


class _Known:
    """The words that mean something in one name: beside the words for lungs and lobes in it."""

    def __init__(self, words: frozenset[str]) -> None:
        self.lungs = frozenset(words & LANGUAGES_OF.keys())
        self.lobes = frozenset(words & LANGUAGES_OF_LOBES.keys())
        self.beside: Words = words_beside(languages_of(words))
        self.levels = levels_beside(self.lobes)
        self._fillers = fillers_beside(self.lobes)

    def names_structure(self, words: frozenset[str]) -> bool:
        """Whether a structure could be named by some of the words alone."""
        nouns = self.lungs | self.lobes | self.beside.both
        return any(word in nouns or LOBE_CODE.fullmatch(word) for word in words)

    def __contains__(self, word: str) -> bool:
        return (
            word in self.beside.sides
            or word in self.beside.both
            or word in self.lungs
            or word in self.lobes
            or word in self.levels
            or word in self._fillers
            or bool(LOBE_CODE.fullmatch(word))
        )


def lung_parts(names: Iterable[str]) -> dict[str, LungPart]:
    """The lungs and lobes among the names of a file's labels.

    Where no name mentions a lung and all that are not background are sides (`left`, `right`), these
    are lungs.
    """
    names = list(names)
    found = {name: part for name in names if (part := part_of(name)) is not None}
    if found:
        used = chosen(found.values())
        return {name: part for name, part in found.items() if part in used}
    bare = {name: words for name in names if (words := _words(name)[0]) != ["background"]}
    if bare and all(len(words) == 1 and words[0] in SIDES for words in bare.values()):
        return {name: LungPart(SIDES[words[0]]) for name, words in bare.items()}
    return {}


def chosen(parts: Iterable[LungPart]) -> set[LungPart]:
    """The parts of a file that count: names with additions fill what plain names leave open.

    `Lung_R` comes before `Lung_R_AI`, and a plain name of both lungs before all names with
    additions. Both lungs with additions count only where no plain name has a side, and beside
    sides with the same additions. Two additions for one side both count, to be compared.
    """
    parts = set(parts)
    taken = {part.side for part in parts if not part.has_additions and not part.partial}
    of_sides = {part.added for part in parts if part.side != "both"}
    of_both = {part.added for part in parts if part.side == "both"}
    if taken >= {"right", "left"} or "both" in taken:
        taken = {"right", "left", "both"}
    elif taken or (of_sides and of_sides != of_both):
        taken.add("both")
    return {part for part in parts if not part.has_additions or part.side not in taken}


def side_of(name: str) -> Side | None:
    """`right`, `left` or `both` for the name of a whole lung, else `None`."""
    part = part_of(name)
    if part is None or not part.whole:
        return None
    return part.side


def near_names(names: Iterable[str]) -> list[str]:
    """Names that resemble a lung's, for messages, without words that could identify somebody."""
    found = []
    for name in names:
        part = part_of(name)
        if NEAR.search(fold(name)) and (part is None or part.partial or part.has_additions):
            found.append(name)
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


def _is_harmless(piece: str) -> bool:
    words, *_ = _words(f"_{piece}")
    known = _Known(frozenset(words))
    return all(
        word in known
        or word in HARMLESS
        or is_addition(word)
        or (word.isdigit() and len(word) <= 2)
        for word in words
    )


def _words(name: str) -> tuple[list[str], str, str]:
    """The words of a name, folded, and what products added to it: a number in front, and the rest.

    `RightUpperLobe`, `PRV05` and `rechterlong` are split.
    """
    text, number, added = without_additions(fold(_spaced(plain(name))))
    words: list[str] = []
    for word in re.split(r"[\W_]+", text):
        english = JOINED.fullmatch(word)
        words += [part for part in english.groups() if part] if english else parted(word)
    return joined([word for word in words if word]), number, added


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

"""The identifiers of a patient, collected from all their objects before any text is written."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pleura.deid.damaged import is_misread
from pleura.deid.folding import composed, plain, tokens
from pleura.deid.tables import rows, words
from pleura.deid.values import TEXT

if TYPE_CHECKING:
    from pydicom import Dataset

TITLES = words("titles")
"""Words of a name field that identify nobody."""

COMMON = words("common")
"""Words that institutions, addresses and stations have in common, and words of anatomy."""


@dataclass(frozen=True)
class Identifiers:
    """What identifies a patient.

    `words` are words of names, `names` whole names with their components in order. `phrases` are
    ids, addresses, institutions and telephone numbers. `dates` are all dates and `births` the birth
    dates, as `YYYYMMDD`.
    """

    words: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    phrases: frozenset[str] = frozenset()
    dates: frozenset[str] = frozenset()
    births: frozenset[str] = frozenset()

    def __or__(self, other: "Identifiers") -> "Identifiers":
        return Identifiers(
            *(mine | theirs for mine, theirs in zip(self._sets, other._sets, strict=True))
        )

    def __le__(self, other: "Identifiers") -> bool:
        """Whether `other` has all of these."""
        return all(mine <= theirs for mine, theirs in zip(self._sets, other._sets, strict=True))

    @property
    def _sets(self) -> tuple[frozenset[str], ...]:
        return self.words, self.names, self.phrases, self.dates, self.births

    @property
    def empty(self) -> bool:
        """Whether nothing was found."""
        return not any(self._sets)


NOBODY = Identifiers()


@lru_cache(maxsize=8)
def identifying(kept: frozenset[int]) -> frozenset[int]:
    """Tags of text whose values identify.

    These are what Table E.1-1 removes, without descriptions and without what a profile keeps.
    """
    from pydicom.datadict import dictionary_VR

    found = set()
    for tag, row in rows().items():
        if row.action == "U" or {"descriptors", "patient"} & set(row.options) or tag in kept:
            continue
        try:
            if dictionary_VR(tag) in (*TEXT, "AE") and not _generic(row.name):
                found.add(tag)
        except KeyError:
            continue
    return frozenset(found)


def _generic(name: str) -> bool:
    """Attributes of the table whose values identify nobody: versions, types, labels and reasons."""
    return (
        re.search(
            r"Version|Type|Label|Reason|Description|Comment|Instruction|State|Status|Residence|"
            r"Text|Name of|Title",
            name,
        )
        is not None
    )


def harvest(
    dataset: "Dataset", kept: frozenset[int] = frozenset(), only: Collection[int] | None = None
) -> Identifiers:
    """The identifiers of one object at every depth: person names, `identifying` texts, and dates.

    With `only`, the identifiers in these top-level attributes.
    """
    listed = identifying(kept)
    found = _Found()
    for tag, vr, texts in _values(dataset, listed, dataset.keys() if only is None else only):
        for text in texts:
            found.add(tag, vr, text)
    return Identifiers(
        *map(frozenset, (found.words, found.names, found.phrases, found.dates, found.births))
    )


@dataclass
class _Found:
    words: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    phrases: set[str] = field(default_factory=set)
    dates: set[str] = field(default_factory=set)
    births: set[str] = field(default_factory=set)

    def add(self, tag: int, vr: str, text: str) -> None:
        """Record the identifiers in one value."""
        if vr == "PN":
            self.words |= name_words(text)
            self.names |= name_orders(text)
            if any(c.isdigit() for c in text):
                self.phrases |= {text, *re.findall(r"\d{4,}", text)}
        elif vr in ("DA", "DT"):
            days = {text[:8]} if re.fullmatch(r"\d{8}.*", text) else set()
            self.dates |= days
            self.births |= days if tag == BIRTH_DATE else set()
        elif len(text) > 2:
            self.phrases |= {text, *_digits(text)}
            if tag in PLACES or not any(c.isdigit() for c in text):
                self.words |= place_words(text)


def _digits(text: str) -> set[str]:
    """The digits of an id, which identify too where there are many."""
    digits = "".join(c for c in text if c.isdecimal())
    bare = digits.lstrip("0")
    return {part for part in (digits, bare) if 5 < len(part) < len(text)}


BIRTH_DATE = 0x00100030
PLACES = {0x00080081, 0x00101040, 0x00080080, 0x00081040}
"""Address of the institution, address of the patient, institution and department.

Their words identify as well as their numbers.
"""


def _values(
    dataset: "Dataset", listed: frozenset[int], tags: Collection[int]
) -> Iterator[tuple[int, str, Iterable[str]]]:
    from pydicom.datadict import dictionary_VR

    for tag in list(tags):
        element: Any = dataset.get_item(tag)
        vr = element.VR
        if vr is None or vr == "UN":
            try:
                vr = dictionary_VR(tag)
            except KeyError:
                continue
        if vr == "SQ":
            for item in _decoded(dataset, tag):
                if hasattr(item, "keys"):
                    yield from _values(item, listed, item.keys())
        elif vr in ("PN", "DA", "DT") or int(tag) in listed:
            yield int(tag), str(vr), [str(part).strip(" \0") for part in _decoded(dataset, tag)]


def _decoded(dataset: "Dataset", tag: Any) -> Iterable[Any]:
    try:
        value = dataset[tag].value
    except Exception:  # what cannot be decoded is not text; the engine removes it
        return ()
    if value is None or isinstance(value, bytes):
        return ()
    if (
        hasattr(value, "__iter__")
        and not isinstance(value, str)
        and not hasattr(value, "components")
    ):
        return value
    return (value,)


def name_words(name: str) -> set[str]:
    """The words of a person name, in all its groups, that can occur in a text.

    A name with digits is an id; only its distinctive words count.
    """
    is_id = any(c.isdigit() for c in name)
    found = set()
    for group in name.split("="):
        for part in re.split(r"[\^,]", group):
            parts = list(tokens(composed(part)))
            words = [token for token in parts if plain(token.text) not in TITLES]
            found |= {token.text for token in words if not is_id or _tells(token.text)}
            if len(words) > 1 and not is_id:  # O'Brien, Al-Ali, Anna Maria, written as one word
                found.add("".join(token.text for token in words))
            if words and len(parts) > len(words) and not is_id:  # VanDerBerg, DelaCruz
                found.add("".join(token.text for token in parts))
            found |= {tail for token in words if token.continuous for tail in _given(token.text)}
        if not is_id:
            found |= _joined(group)
        both = group.split("^")[:2]
        found |= {raw for raw in (*both, "".join(both)) if is_misread(raw)}
    return found


def _joined(group: str) -> set[str]:
    """Family and given name written as one word, in either order."""
    parts = [
        "".join(token.text for token in tokens(composed(part))) for part in group.split("^")[:2]
    ]
    if len(parts) == 2 and all(parts):
        return {parts[0] + parts[1], parts[1] + parts[0]}
    return set()


def _tells(word: str) -> bool:
    """Whether a word of an id is distinctive: long enough, and not of anatomy or technique."""
    lower = word.lower()
    return len(word) > 3 and lower not in words("labels") | words("technical") | COMMON


def _given(word: str) -> set[str]:
    """The given name in a name of Han or Hangul without a space: all but one or two characters."""
    if 3 <= len(word) <= 4:
        return {word[k:] for k in (1, 2)}
    return set()


def name_orders(name: str) -> set[str]:
    """Each group of a person name with family and given name in order, without titles.

    Empty where the name is an id.
    """
    if any(c.isdigit() for c in name):
        return set()
    orders = set()
    for group in name.split("="):
        parts = [token.text for token in tokens(composed(group)) if plain(token.text) not in TITLES]
        if 1 < len(parts) < 7:
            orders.add(" ".join(parts))
    return orders


def place_words(text: str) -> set[str]:
    """The words of an institution or address that distinguish it from others."""
    found = [token for token in tokens(composed(text)) if plain(token.text) not in COMMON | TITLES]
    return {token.text for token in found if len(token.text) > (1 if token.continuous else 3)}

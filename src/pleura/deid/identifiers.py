"""What tells who a patient is: collected from every object of that patient before any text of theirs is written."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pleura.deid.tables import rows, words
from pleura.deid.values import TEXT

if TYPE_CHECKING:
    from pydicom import Dataset

TITLES = words("titles")
"""Words of a name field that name nobody."""

COMMON = words("common")
"""Words of institutions, addresses and stations that tell none from another, and words of anatomy."""


@dataclass(frozen=True)
class Identifiers:
    """Words of names, whole phrases (ids, addresses, institutions, telephone numbers…) and dates `YYYYMMDD`."""

    words: frozenset[str] = frozenset()
    phrases: frozenset[str] = frozenset()
    dates: frozenset[str] = frozenset()

    def __or__(self, other: "Identifiers") -> "Identifiers":
        return Identifiers(self.words | other.words, self.phrases | other.phrases, self.dates | other.dates)

    def __le__(self, other: "Identifiers") -> bool:
        """Whether `other` has all of these."""
        return self.words <= other.words and self.phrases <= other.phrases and self.dates <= other.dates

    @property
    def empty(self) -> bool:
        """Whether nothing was found."""
        return not (self.words or self.phrases or self.dates)


NOBODY = Identifiers()


@lru_cache(maxsize=8)
def identifying(kept: frozenset[int]) -> frozenset[int]:
    """Tags of text whose values identify: what Table E.1-1 takes out, but for descriptions and what a profile keeps."""
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
    """Attributes of the table whose values are words of everybody: versions, types, labels and reasons."""
    return (
        re.search(r"Version|Type|Label|Reason|Description|Comment|Instruction|State|Status|Residence|Text|Name of|Title", name)
        is not None
    )


def harvest(dataset: "Dataset", kept: frozenset[int] = frozenset(), only: Collection[int] | None = None) -> Identifiers:
    """The identifiers of one object, at every depth: all person names, what `identifying` lists, all dates.

    With `only`, what these attributes of its top level tell.
    """
    listed = identifying(kept)
    names: set[str] = set()
    phrases: set[str] = set()
    dates: set[str] = set()
    for tag, vr, value in _values(dataset, listed, dataset.keys() if only is None else only):
        for text in value:
            if vr == "PN":
                names |= name_words(text)
                phrases |= {text} if any(c.isdigit() for c in text) else set()
            elif vr in ("DA", "DT"):
                dates |= {text[:8]} if re.fullmatch(r"\d{8}.*", text) else set()
            else:
                phrases |= {text, *_digits(text)} if len(text) > 2 else set()
                names |= place_words(text) if not any(c.isdigit() for c in text) or tag in PLACES else set()
    return Identifiers(frozenset(names), frozenset(phrases), frozenset(dates))


def _digits(text: str) -> set[str]:
    """The digits of an id, by which it is told too, where they are many."""
    digits = "".join(c for c in text if c.isdecimal())
    return {digits} if 5 < len(digits) < len(text) else set()


PLACES = {0x00080081, 0x00101040, 0x00080080, 0x00081040}
"""Institution address, patient's address, institution and department: their words identify beside their numbers."""


def _values(dataset: "Dataset", listed: frozenset[int], tags: Collection[int]) -> Iterator[tuple[int, str, Iterable[str]]]:
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
    except Exception:  # what cannot be decoded is not text; the engine takes it out
        return ()
    if value is None or isinstance(value, bytes):
        return ()
    return value if hasattr(value, "__iter__") and not isinstance(value, str) and not hasattr(value, "components") else (value,)


def name_words(name: str) -> set[str]:
    """The words of a person name in all its groups: what of it can turn up in a text."""
    found = set()
    shortest = 4 if any(c.isdigit() for c in name) else 2  # a name with digits is an id, and its short words are everybody's
    for word in re.findall(r"[^\W\d_]+", name):
        if word.casefold() not in TITLES and (len(word) >= shortest or ord(word[0]) > 0x2E80):
            found.add(word)
    return found


def place_words(text: str) -> set[str]:
    """The words of an institution or address that tell it from others."""
    found = re.findall(r"[^\W\d_]+", text)
    return {w for w in found if w.casefold() not in COMMON | TITLES and (len(w) > 3 or ord(w[0]) > 0x2E80)}

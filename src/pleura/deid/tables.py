"""Tables of the Standard: E.1-1 of PS3.15, and the Types of attributes in PS3.3 at every path."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

CONTENT_SEQUENCE = 0x0040A730
STRENGTH = ("1", "1C", "2", "2C", "3")
UNKNOWN = ""
"""The Type of an attribute whose IOD or path is not in the tables."""


@dataclass(frozen=True)
class Row:
    """A row of Table E.1-1: the Basic Profile's action (`X/Z/D`…), and options with K or C."""

    name: str
    action: str
    options: Mapping[str, str]


@lru_cache(maxsize=1)
def edition() -> str:
    """The edition of the table."""
    return str(_load("table_e1_1.json")["edition"])


@lru_cache(maxsize=1)
def rows() -> Mapping[int, Row]:
    """Table E.1-1 by tag, without private attributes, curves and overlays (rules by group)."""
    listed = _load("table_e1_1.json")["rows"]
    return {
        int(tag, 16): Row(*row)
        for tag, row in listed.items()
        if tag != "PRIVATE" and "X" not in tag
    }


@lru_cache(maxsize=8)
def words(kind: str) -> frozenset[str]:
    """A vocabulary of `words.json` in lower case: `titles`, `common`, `technical` or `labels`."""
    return frozenset(" ".join(_load("words.json")[kind]).split())


class Types:
    """Types of attributes by place.

    A place is a number that stands for the trees of all modules that meet there.
    """

    def __init__(self) -> None:
        data = _load("types.json")
        self._nodes = [
            {int(tag, 16): entry for tag, entry in node.items()} for node in data["nodes"]
        ]
        self._classes: dict[str, list[int]] = data["classes"]
        self._places: dict[tuple[int, ...], int] = {(): 0}
        self._trees: list[tuple[int, ...]] = [()]

    def root(self, sop_class: str) -> int:
        """The place of a data set of this SOP class; 0 where the class is not in the tables."""
        return self._place(tuple(self._classes.get(sop_class, ())))

    def of(self, place: int, tag: int) -> str:
        """The strictest Type of `tag` among the modules at a place.

        `3` where no module has it, `UNKNOWN` at an unknown place.
        """
        kinds = [
            self._nodes[node][tag][0] for node in self._trees[place] if tag in self._nodes[node]
        ]
        if kinds:
            return min(kinds, key=STRENGTH.index)
        if place:
            return "3"
        return UNKNOWN

    def below(self, place: int, tag: int) -> int:
        """The place of a sequence's items; content items can nest and stay at their place."""
        trees = {
            self._nodes[node][tag][1] for node in self._trees[place] if tag in self._nodes[node]
        } - {0}
        if not trees and tag == CONTENT_SEQUENCE:
            return place
        return self._place(tuple(sorted(trees)))

    def _place(self, trees: tuple[int, ...]) -> int:
        if trees not in self._places:
            self._places[trees] = len(self._trees)
            self._trees.append(trees)
        return self._places[trees]


@lru_cache(maxsize=1)
def types() -> Types:
    """The tables of PS3.3, read once a process."""
    return Types()


def _load(name: str) -> Any:
    return json.loads((files("pleura.deid") / "data" / name).read_text(encoding="utf-8"))

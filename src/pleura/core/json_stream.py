"""JSON files with long lists, read part by part: text of 100,000 records may not fit in memory."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from pleura.core.atomic import JSON_BYTES, check_is_file
from pleura.core.packed import FEW, Packed

CHUNK = 1 << 16
"""Characters that are read at once."""
_WHITE = re.compile(r"[ \t\n\r]*")
_AFTER = tuple(" \t\n\r,:]}")
"""What comes after a value."""
_DECODER = json.JSONDecoder()


def packed_list(items: Iterator[Any]) -> Any:
    """A long list as a `Packed`, a short one as it is."""
    packed = Packed(items, FEW)
    return packed if len(packed) > FEW else list(packed)


def no_list(items: Iterator[Any]) -> Any:
    """Nothing in place of a list, for a reader of the other values."""
    for _ in items:
        pass


def read_json_object(path: Path, make_list: Callable[[Iterator[Any]], Any]) -> dict[str, Any]:
    """Read a JSON file with an object, whose own lists come item by item.

    Args:
        path: the file, in UTF-8.
        make_list: makes a value of the items of each list of the object.

    Raises:
        ValueError: it is not a regular file, not a JSON object, or nested too deep.
        OSError: it cannot be read.
    """
    check_is_file(path)
    with path.open(encoding="utf-8-sig") as file:
        text = _Text(file)
        content: dict[str, Any] = {}
        for _ in text.items("{", "}"):
            key = text.value()
            if not isinstance(key, str):
                raise ValueError("a key is not text")
            text.take(":")
            is_list = text.next() == "["
            items = (text.value() for _ in text.items("[", "]"))
            content[key] = make_list(items) if is_list else text.value()
        text.end()
        return content


class _Text:
    """The text of an open file; what was taken from it is dropped."""

    def __init__(self, file: TextIO) -> None:
        self.file = file
        self.text, self.at = "", 0

    def next(self) -> str:
        """The next character that is not white space; empty at the end."""
        while True:
            white = _WHITE.match(self.text, self.at)
            assert white is not None  # it matches nothing too
            self.at = white.end()
            if self.at < len(self.text) or not self._more(CHUNK):
                return self.text[self.at : self.at + 1]

    def take(self, character: str) -> None:
        """Go past a character. Raises `ValueError` where another one comes next."""
        if self.next() != character:
            raise ValueError(f"{character} expected")
        self.at += 1

    def end(self) -> None:
        """Raise `ValueError` where more than white space is left."""
        if self.next():
            raise ValueError("text after the end")

    def items(self, first: str, last: str) -> Iterator[None]:
        """Go past brackets and commas; yield where an item has to be taken."""
        self.take(first)
        while self.next() != last:
            yield
            if self.next() != last:
                self.take(",")
                if self.next() == last:
                    raise ValueError("comma before a bracket")
        self.take(last)

    def value(self) -> Any:
        """Take a value."""
        self.next()
        size = CHUNK
        while True:
            found = self._decoded()
            if found is not None and self._ends(self.at + found[1]):
                break
            if not self._more(size):  # a number at the end of the text was not cut
                break
            size *= 2  # so that a long value is not begun again for each chunk
        if found is None:
            raise ValueError("a value is cut, or not JSON")
        self.at += found[1]
        return found[0]

    def _ends(self, at: int) -> bool:
        """Whether a value cannot go on at this place, as `1` does in `1e5`."""
        return self.text[at : at + 1] in _AFTER

    def _decoded(self) -> tuple[Any, int] | None:
        """The value that comes next and its length; `None` where the text here is not one."""
        try:
            value, end = _DECODER.raw_decode(self.text, self.at)
        except RecursionError:
            raise ValueError("nested too deep") from None
        except ValueError:
            return None
        return value, end - self.at

    def _more(self, size: int) -> bool:
        """Read on, and drop what was taken."""
        part = self.file.read(size)
        self.text, self.at = self.text[self.at :] + part, 0
        if len(self.text) > JSON_BYTES:
            raise ValueError(f"a value of more than {JSON_BYTES} characters")
        return bool(part)

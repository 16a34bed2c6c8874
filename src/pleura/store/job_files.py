"""Jobs as JSON, so that another process, on another host and another day, can do them.

Only the classes, methods and functions listed here can be read back, so that a file in OUT cannot
call anything else. Planes of a series are stored by column, since most of their values are
equal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from pleura.core.findings import Finding, Verdict
from pleura.core.packed import Packed
from pleura.dicom.header import Cells, Plane
from pleura.dicom.series import Series
from pleura.geometry.grid import Grid
from pleura.store.case import Case
from pleura.store.jobs import Job, unreadable
from pleura.store.volume_files import VolumeFile

CLASSES = (Finding, Cells, Plane, Series, Grid, Case, Job, VolumeFile)
"""Dataclasses and named tuples that jobs of every verb are made of; a verb adds its own."""
METHODS = frozenset({"read", "volume"})
"""Methods of these that a job may hold as a function."""
FUNCTIONS = {"unreadable": unreadable}

# the keys that say what a JSON object stands for; `OF` goes with some of them
CLASS, COLUMNS, MAPPING, SAME, PATH, TUPLE, SET, VERDICT, ARRAY, FUNCTION, METHOD = (
    *("class", "columns", "mapping", "same", "path", "tuple", "set", "verdict", "array"),
    *("function", "method"),
)
OF = "of"


@dataclass(frozen=True)
class JobFormat:
    """Writes and reads jobs that are made of these classes, beside `CLASSES`."""

    more: tuple[type, ...] = ()

    @property
    def classes(self) -> dict[str, Any]:
        """All classes by name."""
        return {kind.__name__: kind for kind in (*CLASSES, *self.more)}

    def encode(self, job: Any) -> Any:
        """A job as plain JSON values. Raises `TypeError` for a class that is not listed."""
        return _Encoder(self.classes).plain(job)

    def decode(self, plain: Any) -> Any:
        """The job that `encode` made values of.

        Raises:
            ValueError, KeyError, TypeError: they are not what `encode` makes.
        """
        return _Decoder(self.classes).value(plain)


class _Encoder:
    def __init__(self, classes: Mapping[str, Any]) -> None:
        self._classes = classes
        self._numbers: dict[int, int] = {}
        self._kept: list[Any] = []  # kept alive, so that their addresses stay unique

    def plain(self, value: Any) -> Any:
        if isinstance(value, Verdict):
            return {VERDICT: value.name}
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, str):
            return str(value)
        if self._is_listed(type(value)):
            return self._object(value)
        if isinstance(value, list):
            return [self.plain(one) for one in value]
        if isinstance(value, tuple | Packed):
            return self._tuple(tuple(value))
        return self._other(value)

    def _is_listed(self, kind: type) -> bool:
        return self._classes.get(kind.__name__) is kind

    def _object(self, value: Any) -> Any:
        if id(value) in self._numbers:
            return {SAME: self._numbers[id(value)]}
        self._numbers[id(value)] = len(self._numbers)
        self._kept.append(value)
        values = {name: self.plain(getattr(value, name)) for name in _fields(type(value))}
        return {CLASS: type(value).__name__, OF: values}

    def _tuple(self, value: tuple[Any, ...]) -> Any:
        kinds = {type(one) for one in value}
        kind = kinds.pop() if len(kinds) == 1 else object
        if len(value) < 2 or not (issubclass(kind, tuple) and self._is_listed(kind)):
            return {TUPLE: [self.plain(one) for one in value]}
        columns = {}
        for name in _fields(kind):
            column = [getattr(one, name) for one in value]
            equal = all(_equal(one, column[0]) for one in column)
            columns[name] = [self.plain(one) for one in (column[:1] if equal else column)]
        return {COLUMNS: kind.__name__, OF: [len(value), columns]}

    def _other(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {MAPPING: [[self.plain(key), self.plain(one)] for key, one in value.items()]}
        if isinstance(value, frozenset):
            return {SET: [self.plain(one) for one in sorted(value)]}
        if isinstance(value, PurePath):
            return {PATH: str(value)}
        if isinstance(value, np.ndarray):
            return {ARRAY: value.tolist(), OF: str(value.dtype)}
        if isinstance(value, np.generic):
            return self.plain(value.item())
        owner = getattr(value, "__self__", None)
        if owner is not None and value.__name__ in METHODS and self._is_listed(type(owner)):
            return {METHOD: value.__name__, OF: self.plain(owner)}
        if value in FUNCTIONS.values():
            return {FUNCTION: value.__name__}
        raise TypeError(f"a job cannot hold a {type(value).__name__}")


class _Decoder:
    def __init__(self, classes: Mapping[str, Any]) -> None:
        self._classes = classes
        self._objects: list[Any] = []

    def value(self, plain: Any) -> Any:
        if isinstance(plain, list):
            return [self.value(one) for one in plain]
        if not isinstance(plain, dict):
            return plain
        kind = next(key for key in plain if key != OF)
        return getattr(self, f"_{kind}")(plain[kind], plain.get(OF)) if kind in KINDS else _odd()

    def _class(self, name: str, values: Mapping[str, Any]) -> Any:
        number = len(self._objects)
        self._objects.append(None)
        given = {field: self.value(one) for field, one in values.items()}
        self._objects[number] = self._classes[name](**given)
        return self._objects[number]

    def _columns(self, name: str, content: Any) -> tuple[Any, ...]:
        count, columns = content
        read = [self.value(columns[field]) for field in _fields(self._classes[name])]
        full = [column * count if len(column) == 1 else column for column in read]
        return tuple(self._classes[name](*row) for row in zip(*full, strict=True))

    def _mapping(self, pairs: Sequence[Any], _: Any) -> dict[Any, Any]:
        return {self.value(key): self.value(one) for key, one in pairs}

    def _same(self, number: int, _: Any) -> Any:
        return self._objects[number]

    def _path(self, name: str, _: Any) -> Path:
        return Path(name)

    def _tuple(self, values: Sequence[Any], _: Any) -> tuple[Any, ...]:
        return tuple(self.value(one) for one in values)

    def _set(self, values: Sequence[Any], _: Any) -> frozenset[Any]:
        return frozenset(self.value(one) for one in values)

    def _verdict(self, name: str, _: Any) -> Verdict:
        return Verdict[name]

    def _array(self, values: Any, dtype: str) -> Any:
        return np.array(values, dtype=np.dtype(dtype))

    def _function(self, name: str, _: Any) -> Any:
        return FUNCTIONS[name]

    def _method(self, name: str, owner: Any) -> Any:
        return getattr(self.value(owner), name) if name in METHODS else _odd()


KINDS = frozenset(
    {CLASS, COLUMNS, MAPPING, SAME, PATH, TUPLE, SET, VERDICT, ARRAY, FUNCTION, METHOD}
)


def _odd() -> Any:
    raise ValueError("not a part of a job")


def _fields(kind: Any) -> Sequence[str]:
    return kind._fields if issubclass(kind, tuple) else [one.name for one in fields(kind)]


def _equal(one: Any, other: Any) -> bool:
    """Equal and of one type, also inside: 1 and 1.0 are not."""
    return one is other or (one == other and repr(one) == repr(other))

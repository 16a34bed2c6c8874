"""Reuse what was done to an element in one slice for the same bytes in the next.

What an element becomes depends only on its own bytes and on a few other elements (`CONTEXT`).
Objects of one context are assembled from remembered elements, once such an assembly was byte for
byte the same as the result for the whole object.
"""

import struct
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from operator import itemgetter

from pleura.deid import codes
from pleura.deid.elements import (
    IMPLICIT_LITTLE,
    META_NAME,
    NATIVE,
    PIXELS,
    Element,
    Parts,
    split,
    take_apart,
    value,
)
from pleura.deid.engine import Engine

NAME = 0x00080018
CONTEXT = frozenset(
    {
        0x00080005,
        0x00080008,
        0x00080016,
        0x00080064,
        0x0008103E,
        0x00280002,
        0x00280004,
        0x00280008,
        0x00280010,
        0x00280011,
    }
    | {0x00280100, 0x00280103, 0x00280301, 0x00287FE0}
)
"""Elements that decide how others are processed.

They are the character set, the class, and what refusals, the size of the pixels and the reading of
numbers depend on.
"""

OF_ITEMS = frozenset({codes.SCHEME, codes.MEANING, 0x30060026, 0x00620005, 0x30060085})
"""Attributes whose new value depends on their neighbours. They do not occur at the top level."""

CLAIMS = frozenset({0x00120062, 0x00120063, 0x00120064, 0x00280303})
IDENTITY = frozenset({0x00100010, 0x00100020, 0x00100030})
"""Attributes that an object gets where it lacks them."""

CONTEXTS = 8
REMEMBERED = 8 << 20  # bytes

Done = tuple[bytes, Counter[str]]
"""An object as it will be written, and what was done to it."""


@dataclass
class _Context:
    """What objects of one context have in common.

    `meta` are the preamble and the meta group before and after the instance's UID. `added` are
    attributes that all objects get, `extra` what was done to all. `known` is what elements became,
    and `size` their bytes.
    """

    meta: tuple[bytes, bytes, bytes]
    added: list[tuple[int, bytes]]
    extra: tuple[str, ...] = ()
    known: dict[bytes, tuple[bytes, tuple[str, ...]]] = field(default_factory=dict)
    size: int = 0

    def remember(self, old: bytes, new: bytes, names: tuple[str, ...]) -> None:
        """Record that `old` becomes `new`; everything is forgotten where it grows too large."""
        if self.size > REMEMBERED:
            self.known.clear()
            self.size = 0
        self.known[old] = (new, names)
        self.size += len(old) + len(new) + 256


class Repeats:
    """De-identifies the objects of one patient, from remembered elements where possible.

    `whole` processes an object as a whole. `check` examines what must be examined in every object
    whose pixels are compressed.
    """

    def __init__(
        self, engine: Engine, whole: Callable[[bytes], Done], check: Callable[[bytes], None]
    ) -> None:
        self._engine = engine
        self._whole = whole
        self._check = check
        self._contexts: dict[tuple[bytes, ...], _Context | None] = {}

    def done(self, data: bytes) -> Done:
        """The object as it will be written, and what was done to it.

        Raises:
            InputRefused: as `whole` and `check` do.
        """
        parts = take_apart(data)
        key = _key(data, parts) if parts else None
        if parts is None or key is None or self._engine.profile.private:  # by their creators
            return self._whole(data)
        if key in self._contexts:
            context = self._contexts[key]
            again = self._again(data, parts, context) if context else None
            return again or self._whole(data)
        done = self._whole(data)
        if len(self._contexts) >= CONTEXTS:
            self._contexts.clear()
        self._contexts[key] = self._learnt(data, parts, done)
        return done

    def _learnt(self, data: bytes, parts: Parts, done: Done) -> _Context | None:
        """The context of an object processed as a whole; `None` if it cannot be assembled."""
        after = take_apart(done[0])
        if after is None or after.syntax != parts.syntax:
            return None
        meta, old, new = (
            _raw(done[0], after.meta),
            _raw(data, parts.elements),
            _raw(done[0], after.elements),
        )
        if old.get(0x00080005) != new.get(0x00080005):  # every text is encoded anew
            return None
        head = b"".join(raw for tag, raw in sorted(meta.items()) if 0x00020000 < tag < META_NAME)
        tail = b"".join(raw for tag, raw in sorted(meta.items()) if tag > META_NAME)
        claims = CLAIMS if self._engine.profile.codes else frozenset()
        added = [(tag, raw) for tag, raw in new.items() if tag not in old or tag in claims]
        context = _Context((done[0][:132], head, tail), added)
        again = self._again(data, parts, context)
        if again is None or again[0] != done[0] or not again[1] <= done[1]:
            return None
        context.extra = tuple((done[1] - again[1]).elements())
        return context

    def _again(self, data: bytes, parts: Parts, context: _Context) -> Done | None:
        """An object assembled from its elements; `None` if it has an identifier of its own."""
        if parts.syntax not in NATIVE:
            looked_at = (one for one in parts.elements if one.tag in CONTEXT or one.tag in PIXELS)
            self._check(data[: parts.elements[0].start] + _joined(data, looked_at))
        written: list[tuple[int, bytes | memoryview]] = [*context.added]
        names = [*context.extra]
        new: list[Element] = []
        for one in parts.elements:
            if one.tag in PIXELS:
                written.append((one.tag, memoryview(data)[one.start : one.end]))
                continue
            known = context.known.get(data[one.start : one.end])
            if known is None:
                new.append(one)
                continue
            if known[0]:
                written.append((one.tag, known[0]))
            names += known[1]
        fresh = self._fresh(data, parts, new) if new else {}
        if fresh is None:
            return None
        for one in new:
            raw, done = fresh[one.tag]
            if raw:
                written.append((one.tag, raw))
            names += done
            if one.tag != NAME:
                context.remember(data[one.start : one.end], raw, done)
        written.sort(key=itemgetter(0))
        name = bytes(next(raw for tag, raw in written if tag == NAME)[8:])
        preamble, head, tail = context.meta
        group = b"".join(
            (head, struct.pack("<HH2sH", 0x0002, 0x0003, b"UI", len(name)), name, tail)
        )
        length = struct.pack("<HH2sHI", 0x0002, 0x0000, b"UL", 4, len(group))
        return b"".join((preamble, length, group, *(raw for _, raw in written))), Counter(names)

    def _fresh(
        self, data: bytes, parts: Parts, new: Sequence[Element]
    ) -> dict[int, tuple[bytes, tuple[str, ...]]] | None:
        """What elements that were not seen before become, by tag."""
        from pydicom.filebase import DicomBytesIO
        from pydicom.filereader import read_dataset
        from pydicom.filewriter import write_dataset

        implicit = parts.syntax == IMPLICIT_LITTLE
        tags = {one.tag for one in new}
        few = (one for one in parts.elements if one.tag in tags or one.tag in CONTEXT)
        file = DicomBytesIO()
        file.is_implicit_VR, file.is_little_endian = implicit, True
        try:
            dataset = read_dataset(BytesIO(_joined(data, few)), implicit, True)
            if NAME in tags and self._engine.profile.codes:
                dataset.SOPInstanceUID = str(dataset.SOPInstanceUID)
            names = self._engine.again(dataset, tags)
            write_dataset(file, dataset)
        except Exception:  # a broken element is reported when the whole object is processed
            return None
        written = file.getvalue()
        elements = split(written, 0, explicit=not implicit)
        if names is None or elements is None:
            return None
        raw = _raw(written, elements)
        return {tag: (raw.get(tag, b""), names[tag]) for tag in tags}


def _key(data: bytes, parts: Parts) -> tuple[bytes, ...] | None:
    """What must be equal in two objects of one context; `None` for objects processed as a whole."""
    key = [data[:128]]
    name = own = pixels = b""
    head = 8 if parts.syntax == IMPLICIT_LITTLE else 12  # of the pixels: their length
    for one in parts.meta:
        if one.tag == META_NAME:
            own = value(data, one)
        elif one.tag != 0x00020000:
            key.append(data[one.start : one.end])
    for one in parts.elements:
        if one.tag in CONTEXT:
            key.append(data[one.start : one.end])
        elif one.tag in IDENTITY:
            key.append(data[one.start : one.start + 4])
        elif one.tag in PIXELS:
            pixels += data[one.start : one.start + head]
        elif one.tag == NAME:
            name = value(data, one)
        elif one.tag in OF_ITEMS:
            return None
    return (*key, pixels) if pixels and name == own and name.strip(b" \0") else None


def _raw(data: bytes, elements: Iterable[Element]) -> dict[int, bytes]:
    return {one.tag: data[one.start : one.end] for one in elements}


def _joined(data: bytes, elements: Iterable[Element]) -> bytes:
    return b"".join(data[one.start : one.end] for one in elements)

"""Read headers: the patient of every object, and its identifiers."""

from collections.abc import Mapping, Sequence
from functools import lru_cache, reduce
from io import BytesIO
from operator import or_
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pleura.core.faults import note
from pleura.deid.elements import IMPLICIT_LITTLE, Element, take_apart
from pleura.deid.identifiers import NOBODY, Identifiers, harvest, identifying
from pleura.deid.objects import HEADER_TAGS, Header, case_folder, quiet_pydicom
from pleura.files.listing import InputFile

if TYPE_CHECKING:
    from pydicom import Dataset

BEGIN = 1 << 16
"""[bytes] The beginning of a file, which usually holds its whole header."""

CHARSET = 0x00080005
REMEMBERED = 4096  # elements
TELLING = (b"PN", b"DA", b"DT", b"SQ", b"UN")
"""VRs that can hold identifiers in any attribute."""


class HeaderReader:
    """Reads the attributes of `HEADER_TAGS` and, unless `kept` is `None`, all identifiers.

    `kept` are attributes whose values stay, so their values do not count as identifiers. The
    content of elements is remembered, because the next slice has most of them too.
    """

    def __init__(self, source: Path, kept: frozenset[int] | None = None) -> None:
        self.source = source
        self.kept = kept
        self._known: dict[tuple[bytes, bytes], tuple[str, Identifiers]] = {}

    def read(self, file: InputFile, data: bytes | None = None) -> Header:
        """Read a file's header, from its bytes if given; an unreadable one gets a code."""
        place = (case_folder(file.name, self.source), file.name.rpartition("/")[0])
        try:
            with (
                quiet_pydicom(),
                BytesIO(data) if data is not None else Path(file.path).open("rb") as stream,
            ):
                values, found = self._quick(stream.read(BEGIN)) or self._whole(stream)
        except OSError as error:
            note(error)
            return Header(file, *place, ("",) * len(HEADER_TAGS), refusal="READ-FAILED")
        except Exception:
            # damaged files break libraries in many ways: they are refused when their turn comes
            return Header(file, *place, ("",) * len(HEADER_TAGS), refusal="PARSE-FAILED")
        return Header(
            file, *place, values, found, refusal="" if values[0] or values[1] else "PARSE-FAILED"
        )

    def _whole(self, stream: IO[bytes]) -> tuple[tuple[str, ...], Identifiers]:
        import pydicom

        stream.seek(0)
        wanted = list(HEADER_TAGS) if self.kept is None else None
        dataset = pydicom.dcmread(stream, stop_before_pixels=True, force=True, specific_tags=wanted)
        values = tuple(_text(dataset, keyword) for keyword in HEADER_TAGS)
        if not values[0]:
            values = (str(dataset.file_meta.get("MediaStorageSOPClassUID", "")), *values[1:])
        return values, self._harvested(dataset)

    def _harvested(self, dataset: "Dataset", only: tuple[int, ...] | None = None) -> Identifiers:
        if self.kept is None:
            return NOBODY
        return harvest(dataset, self.kept, only)

    def _quick(self, data: bytes) -> tuple[tuple[str, ...], Identifiers] | None:
        """The header from what is remembered.

        `None` where the beginning of the file does not hold the header, or is not plain.
        """
        parts = take_apart(data, until_pixels=True)
        if parts is None or not parts.elements or parts.elements[-1].end == BEGIN:
            return None
        charset = next(
            (data[one.start : one.end] for one in parts.elements if one.tag == CHARSET), b""
        )
        raw = {
            one.tag: data[one.start : one.end]
            for one in parts.elements
            if self._matters(one, data, parts.syntax)
        }
        new = [tag for tag in raw if (charset, raw[tag]) not in self._known]
        if new:
            self._look(charset, raw, new, implicit=parts.syntax == IMPLICIT_LITTLE)
        known = {tag: self._known[charset, raw[tag]] for tag in raw}
        values = tuple(known[tag][0] if tag in known else "" for tag in _header_tags())
        if values[0]:
            return (
                values,
                _union(tuple(entry for _, entry in known.values() if entry is not NOBODY)),
            )
        return None

    def _matters(self, one: Element, data: bytes, syntax: str) -> bool:
        if one.tag in _header_tags():
            return True
        if self.kept is None:
            return False
        return (
            syntax == IMPLICIT_LITTLE
            or data[one.start + 4 : one.start + 6] in TELLING
            or one.tag in identifying(self.kept)
        )

    def _look(
        self, charset: bytes, raw: Mapping[int, bytes], new: Sequence[int], *, implicit: bool
    ) -> None:
        from pydicom.filereader import read_dataset

        if len(self._known) > REMEMBERED:
            self._known = {
                key: entry for key, entry in self._known.items() if key[1] in set(raw.values())
            }
        few = b"".join([charset, *(raw[tag] for tag in sorted(new) if tag != CHARSET)])
        dataset = read_dataset(BytesIO(few), implicit, True)
        for tag in new:
            found = self._harvested(dataset, (tag,))
            text = _text(dataset, _header_tags()[tag]) if tag in _header_tags() else ""
            self._known[charset, raw[tag]] = (text, NOBODY if found.empty else found)


@lru_cache(maxsize=256)
def _union(all_: tuple[Identifiers, ...]) -> Identifiers:
    """One shared object for all slices with equal content, so that memory stays constant."""
    return reduce(or_, all_, NOBODY)


@lru_cache(maxsize=1)
def _header_tags() -> Mapping[int, str]:
    from pydicom.datadict import tag_for_keyword

    return {int(tag_for_keyword(keyword) or 0): keyword for keyword in HEADER_TAGS}


def _text(dataset: "Dataset", keyword: str) -> str:
    value: Any = dataset.get(keyword)
    if value is None:
        return ""
    return str(value).strip(" \0")

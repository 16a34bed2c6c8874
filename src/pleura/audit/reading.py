"""Read files of an audit through the one walk; an archive's members once, if memory allows."""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from pleura.audit.parsing import Layout, take_apart
from pleura.core.codes import CODES
from pleura.core.faults import is_passing
from pleura.files.contents import LINK
from pleura.files.listing import ON_DISK, InputFile
from pleura.files.walk import Walk, read_file, read_files, walk

HELD_BYTES = 1 << 30
"""Bytes of archive members kept in memory; reading one again costs a pass over its archive."""


class Files:
    """Reads the files of input and output, and records the digest of each."""

    def __init__(self) -> None:
        self._digests: dict[Path, list[bytes]] = defaultdict(list)
        self._held: dict[InputFile, bytes] = {}
        self._room = HELD_BYTES

    def walk(self, root: Path) -> Walk:
        """Every file below `root`, without links to files that are listed themselves."""
        found = walk(root)
        return Walk(found.root, tuple(sorted(found.files)), found.refused)

    def layouts(self, found: Walk) -> Iterator[tuple[InputFile, Layout]]:
        """Every file of a walk as a `Layout`; files that cannot be read any more are left out."""
        for file in found.files:
            if file.kind == LINK:
                continue
            try:
                data = self._read(file, found)
            except OSError as error:
                if is_passing(error):  # a file that was not searched must not count as clean
                    raise
                data = b""
            self._digests[found.root].append(hashlib.sha256(data).digest())
            yield file, take_apart(data)

    def layout(self, file: InputFile) -> Layout:
        """One file as a `Layout`."""
        return take_apart(self._held[file] if file in self._held else read_file(file))

    def digest(self, found: Walk) -> str:
        """SHA-256 over the sorted SHA-256 digests of all files that `layouts` has read."""
        return hashlib.sha256(b"".join(sorted(self._digests[found.root]))).hexdigest()

    def _read(self, file: InputFile, found: Walk) -> bytes:
        if file.member == ON_DISK:
            return Path(file.path).read_bytes()
        if file not in self._held:
            others = [one for one in found.files if one.path == file.path and one not in self._held]
            for one, data in read_files(others):  # one pass over the archive, as far as memory goes
                if len(data) <= self._room:
                    self._room -= len(data)
                    self._held[one] = data
        if file in self._held:
            return self._held[file]
        return read_file(file)


_KEYS = (
    "DICOMDIR accounting actions blank case code codes content count crop_above_apex_mm cropped "
    "dates detail done evidence exit_code files format gone id indexes input key kinds left n "
    "options other others output outputs profile reason record refused retain running seconds "
    "series sha shared size state uncropped units unnamed unreadable used verb version where"
)
KEYS = frozenset(_KEYS.split())
"""Keys of pleura's own records."""

_VALUES = (
    "basic deidentify descriptors device done graphics institution keep patient private remove "
    "report running shift uids"
)
VALUES = frozenset(_VALUES.split())
_OURS = re.compile(
    r"pleura-[\w/-]+|[0-9a-f]{16,64}|(?:Case|Deid)_\d+[\w/.]*|\d+\.\d+\.\d+\S*"
    r"|(?:\([0-9A-F]{4},[0-9A-F]{4}\)|private) \w+|[A-Z][A-Za-z]*Error"
)


def foreign_part(data: bytes) -> bytes:
    """The values in one of pleura's records that come from the input; only these can identify."""
    with suppress(ValueError, RecursionError):  # then all of it is searched
        return "\n".join(_foreign(json.loads(data))).encode()
    return data


def _foreign(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, below in value.items():
            if not KEYS.issuperset(key.split()) and key not in CODES and not _OURS.fullmatch(key):
                yield key
            yield from _foreign(below)
    elif isinstance(value, list):
        for below in value:
            yield from _foreign(below)
    elif isinstance(value, str) and value not in VALUES and not _OURS.fullmatch(value):
        yield from (part for part in value.split("; ") if part.split(" at ")[0] not in CODES)

"""Image files with the same content under several names, also where one of them is compressed."""

import hashlib
import zlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from pleura.core.errors import InputRefused
from pleura.core.faults import note
from pleura.images.bounded import CHUNK, Inflater, image_parts, open_regular

GZIP_MAGIC = b"\x1f\x8b"
GZIP_END = 8
"""Bytes of CRC-32 and length at the end of a gzip file (RFC 1952)."""
BLOCK = 1 << 16
"""Bytes at the beginning, in the middle and at the end that are compared before all others are."""

T = TypeVar("T")


def same_content(paths: Iterable[Path]) -> dict[Path, Path]:
    """Find files with the content of an earlier one; the keys are these, the values the first ones.

    A file and its gzip copy have the same content; that of a detached header includes its voxels.
    Only the ends of files are read, and whole files where these agree. A file that cannot be read
    is no duplicate here: the verb that reads it says why.
    """
    by_length: dict[int, list[Path]] = defaultdict(list)
    for path in paths:
        by_length[_tried(_length, path) or 0].append(path)
    by_length.pop(0, None)
    found: dict[Path, Path] = {}
    for group in by_length.values():
        if len(group) > 1:
            found |= _repeats(group)
    return found


def _repeats(group: Sequence[Path]) -> dict[Path, Path]:
    """The duplicates among files whose contents have one length."""
    is_mixed = len({_tried(_is_gzip, path) for path in group}) > 1
    by_mark: dict[Hashable, list[Path]] = defaultdict(list)
    for path in group:
        by_crc = is_mixed or _tried(_is_gzip, path)
        by_mark[_tried(_checksum if by_crc else _blocks, path)].append(path)
    by_mark.pop(None, None)
    found: dict[Path, Path] = {}
    for alike in by_mark.values():
        first: dict[bytes, Path] = {}
        for path in alike if len(alike) > 1 else ():
            digest = _tried(_digest, path)
            if digest is not None and first.setdefault(digest, path) != path:
                found[path] = first[digest]
    return found


def _tried(read: Callable[[Path], T], path: Path) -> T | None:
    """What `read` finds in a file; `None` where the file cannot be read."""
    try:
        return read(path)
    except (OSError, InputRefused, ValueError, zlib.error) as error:
        note(error)
        return None


def _is_gzip(path: Path) -> bool:
    with open_regular(path) as file:
        return file.read(len(GZIP_MAGIC)) == GZIP_MAGIC


def _end_of_gzip(path: Path) -> tuple[int, int]:
    """CRC-32 and length of the content of a gzip file, as its end states them."""
    end = _block(path, path.stat().st_size - GZIP_END)[:GZIP_END]
    return int.from_bytes(end[:4], "little"), int.from_bytes(end[4:], "little")


def _length(path: Path) -> int:
    if _is_gzip(path):
        return _end_of_gzip(path)[1]
    return sum(part.stat().st_size for part in image_parts(path))


def _checksum(path: Path) -> int:
    """The CRC-32 of a file's content."""
    if _is_gzip(path):
        return _end_of_gzip(path)[0]
    crc = 0
    for piece in _content(path):
        crc = zlib.crc32(piece, crc)
    return crc


def _blocks(path: Path) -> bytes:
    """A digest of the beginning, the middle and the end of each part."""
    digest = hashlib.sha256()
    for part in image_parts(path):
        size = part.stat().st_size
        for start in (0, size // 2, size - BLOCK):
            digest.update(_block(part, start))
    return digest.digest()


def _block(path: Path, start: int) -> bytes:
    with open_regular(path) as file:
        file.seek(max(start, 0))
        return file.read(BLOCK)


def _digest(path: Path) -> bytes:
    """A digest of a file's whole content."""
    digest = hashlib.sha256()
    for piece in _content(path):
        digest.update(piece)
    return digest.digest()


def _content(path: Path) -> Iterator[bytes]:
    """The content of a file, uncompressed, piece by piece."""
    is_gzip = _is_gzip(path)
    for part in image_parts(path):
        with open_regular(part) as file:
            read = Inflater(file, 31).read if is_gzip else file.read
            while piece := read(CHUNK):
                yield piece

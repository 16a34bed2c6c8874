"""Zip, tar and gzipped files read in place: nothing is ever unpacked to disk, so no name in an archive can lead anywhere."""

import bz2
import gzip
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal, NamedTuple

from pleura.core.errors import UnreadableFile

MEMBERS = 100_000
MEMBER_BYTES = 1 << 30
"""No CT object is larger; one that says so is not read."""
GROWTH, GROWTH_FREE = 100, 256 << 20
"""An archive may unpack to a hundred times its size, or 256 MiB; CT packs to a half or a third, a bomb to a thousandth."""
TAR_SUFFIXES = (".tgz", ".tbz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz")
"""By which an archive within an archive is known."""
GZIP_SUFFIXES = (".dcm.gz", ".ima.gz", ".dicom.gz")
GZIP = b"\x1f\x8b"
COMPRESSED: dict[bytes, Callable[[Path], Any]] = {GZIP: gzip.GzipFile, b"BZh": bz2.BZ2File, b"\xfd7zXZ\0": lzma.LZMAFile}
CLOSED = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07")


class Member(NamedTuple):
    """One file of an archive: its number there (names can repeat), the path to show for it, its size, and itself, open until
    the next is asked."""

    number: int
    path: Path
    size: int
    file: IO[bytes]


def kind_of(path: Path) -> Literal["zip", "tar", "gzip", "closed"] | None:
    """What archive a file is, by its content, seen through its compression; `gzip` is one DICOM file alone, `closed` one that
    cannot be opened here. One that is broken is what its name says."""
    name = path.name.lower()
    named: Literal["tar", "gzip"] | None
    named = "tar" if name.endswith(TAR_SUFFIXES) else "gzip" if name.endswith(GZIP_SUFFIXES) else None
    try:
        with path.open("rb") as file:
            head = file.read(265)
        if head.startswith(b"PK\x03\x04"):
            return "zip"
        if head.startswith(CLOSED):
            return "closed"
        magic = next((magic for magic in COMPRESSED if head.startswith(magic)), None)
        if magic is not None:
            with COMPRESSED[magic](path) as inner:
                head = inner.read(265)
            if magic == GZIP and head[128:132] == b"DICM":
                return "gzip"
        return "tar" if head[257:262] == b"ustar" else named
    except (OSError, EOFError, zlib.error, lzma.LZMAError):
        return named


def members(path: Path, only: Collection[int] | None = None) -> Iterator[Member]:
    """The plain files of an archive, one pass, within bounds; archives within archives are left alone.

    Raises:
        UnreadableFile: broken, encrypted, or it would unpack to more than `MEMBERS`, `GROWTH` and `MEMBER_BYTES` allow.
    """
    try:
        allowed = max(GROWTH_FREE, GROWTH * path.stat().st_size)
        kind = kind_of(path)
        if kind == "closed":
            raise UnreadableFile("a 7z or rar archive, which is not opened here: unpack it yourself")
        yield from _gzip(path, allowed) if kind == "gzip" else (_zip if kind == "zip" else _tar)(path, allowed, only)
    except UnreadableFile:
        raise
    except Exception as error:  # a broken archive fails in any of three libraries' ways
        raise UnreadableFile("an archive that is broken or locked: unpack it yourself") from error


def fetch(path: Path, numbers: Collection[int]) -> Iterator[tuple[int, bytes]]:
    """Some members by number, with their bytes, in one pass.

    Raises:
        UnreadableFile: as `members`, or one of them is not there any more.
    """
    missing = set(numbers)
    try:
        for member in members(path, numbers):
            missing.remove(member.number)
            yield member.number, member.file.read(MEMBER_BYTES)
            if not missing:
                return
    except UnreadableFile:
        raise
    except Exception as error:
        raise UnreadableFile("an archive that is broken: a member does not unpack; fetch it again") from error
    raise UnreadableFile("an archive that changed while it was read")


def _zip(path: Path, allowed: int, only: Collection[int] | None) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        _check(len(infos), sum(info.file_size for info in infos), allowed)
        for number, info in enumerate(infos):
            if not info.is_dir() and info.file_size <= MEMBER_BYTES and (only is None or number in only):
                with archive.open(info) as file:
                    yield Member(number, _shown(path, info.filename), info.file_size, file)


def _tar(path: Path, allowed: int, only: Collection[int] | None) -> Iterator[Member]:
    total = 0
    with tarfile.open(path) as archive:
        for number, info in enumerate(archive, 1):
            total += info.size
            _check(number, total, allowed)  # before its bytes are passed over, which unpacks them
            if info.isreg() and info.size <= MEMBER_BYTES and (only is None or number in only):
                file = archive.extractfile(info)
                if file is not None:
                    yield Member(number, _shown(path, info.name), info.size, file)


def _gzip(path: Path, allowed: int) -> Iterator[Member]:
    """A single file: what it unpacks to is known only when it is unpacked, no further than is allowed."""
    with gzip.open(path) as archive:
        data = archive.read(min(allowed, MEMBER_BYTES) + 1)
    _check(1, len(data), min(allowed, MEMBER_BYTES))
    yield Member(1, path / path.stem, len(data), BytesIO(data))


def _check(count: int, total: int, allowed: int) -> None:
    if count > MEMBERS or total > allowed:
        raise UnreadableFile("an archive that would unpack to far more than it weighs: unpack it yourself if you trust it")


def _shown(path: Path, name: str) -> Path:
    parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in ("/", "..", ".")]
    return Path(path, *(part.replace(":", "_").replace("\0", "_") for part in parts))

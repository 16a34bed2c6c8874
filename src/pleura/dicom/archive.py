"""Zip, tar and gzipped files read in place: nothing is ever unpacked to disk, so no name in an archive can lead anywhere."""

import gzip
import tarfile
import zipfile
from collections.abc import Collection, Iterator
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from pleura.core.errors import UnreadableFile

MEMBERS = 100_000
MEMBER_BYTES = 1 << 30
"""No CT object is larger; one that says so is not read."""
GROWTH, GROWTH_FREE = 100, 256 << 20
"""An archive may unpack to a hundred times its size, or 256 MiB; CT packs to a half or a third, a bomb to a thousandth."""
TAR_SUFFIXES = (".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz")
GZIP_SUFFIXES = (".dcm.gz", ".ima.gz", ".dicom.gz")


class Member(NamedTuple):
    """One file of an archive: its number there (names can repeat), the path to show for it, its size, and itself, open until
    the next is asked."""

    number: int
    path: Path
    size: int
    file: IO[bytes]


def is_archive(path: Path) -> bool:
    """Whether a file is a zip or tar by its content; what is compressed also by its name, for much else is compressed."""
    try:
        with path.open("rb") as file:
            head = file.read(265)
    except OSError:
        return False
    return head[:4] == b"PK\x03\x04" or head[257:262] == b"ustar" or path.name.lower().endswith((*TAR_SUFFIXES, *GZIP_SUFFIXES))


def members(path: Path, only: Collection[int] | None = None) -> Iterator[Member]:
    """The plain files of an archive, one pass, within bounds; archives within archives are left alone.

    Raises:
        UnreadableFile: broken, encrypted, or it would unpack to more than `MEMBERS`, `GROWTH` and `MEMBER_BYTES` allow.
    """
    try:
        allowed = max(GROWTH_FREE, GROWTH * path.stat().st_size)
        with path.open("rb") as file:
            plain_zip = file.read(4) == b"PK\x03\x04"
        is_gzip = path.name.lower().endswith(GZIP_SUFFIXES)
        yield from _gzip(path, allowed) if is_gzip else (_zip if plain_zip else _tar)(path, allowed, only)
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

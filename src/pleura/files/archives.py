"""Zip, tar and gzip files, read in place: no name in an archive can escape its folder."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

from pleura.core.codes import refused
from pleura.core.codes.reading import ARCHIVE_PROBLEMS
from pleura.core.errors import InputRefused, UnreadableFile
from pleura.core.faults import note
from pleura.files.contents import (
    GZIP_SUFFIXES,
    TAR_SUFFIXES,
    VOLUME,
    archive_format,
    is_dicom,
)
from pleura.files.limits import (
    MEMBER_BYTES,
    TAR_HEADER_BYTES,
    ZIP_DIRECTORY_BYTES,
    most_expanded,
    most_members,
)

PEEK_BYTES = 512
"""First bytes of a compressed file that are expanded to recognise a tar header."""

STREAMS: dict[str, Callable[..., Any]] = {
    "gzip": gzip.open,
    "bzip2": bz2.open,
    "xz": lzma.open,
}
CHUNK_BYTES = 1 << 20
TAIL_CHUNKS = 64
"""Most chunks of zeros behind the end of a tar; writers fill up to 10 KiB."""
LOCAL_HEADER_BYTES = 30
"""Shortest header of a zip member."""

END_OF_ZIP = b"PK\x05\x06"
END_BYTES = 22 + (1 << 16)
"""The end of a zip and its comment are no longer."""
METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA})
"""Compression that can be read; not Deflate64, which Windows uses for large files."""
HAS_DESCRIPTOR = 8
"""Flag of a zip member whose CRC and sizes stand behind its bytes."""
ZIP64 = 0xFFFFFFFF
"""Stands where a size of 64 bits is elsewhere."""

SYMLINK_MODE = 0o120000
FILE_TYPE_MODE = 0o170000


class Member(NamedTuple):
    """One file of an archive.

    `number` identifies it in the archive, where names can repeat. `file` is open until the next
    member is requested; it is `None` where the member is not read, and `problem` says why: a key of
    `ARCHIVE_PROBLEMS`, `link` or `special`.
    """

    number: int
    name: str
    size: int
    file: IO[bytes] | None
    problem: str = ""


def not_read(problem: str) -> InputRefused:
    """The exception for an archive that is not read; `problem` is in `ARCHIVE_PROBLEMS`."""
    return refused(
        "ARCHIVE-REFUSED", UnreadableFile, n=1, why=ARCHIVE_PROBLEMS[problem], problem=problem
    )


def archive_type(path: Path, head: bytes) -> str:
    """The type of an archive: zip, tar, gzip, `unsupported`, or empty where it is not an archive.

    A gzip file is one compressed DICOM file.

    Args:
        path: the file; a compressed one is opened to check its content.
        head: its first bytes.
    """
    kind = archive_format(path.name, head)
    if kind not in STREAMS:
        return kind
    try:
        with STREAMS[kind](path) as stream:
            inner = stream.read(PEEK_BYTES)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        note(error)
        return _type_by_name(path.name)
    if inner[257:262] == b"ustar":
        return "tar"
    if is_dicom(inner):
        if kind == "gzip":
            return "gzip"
        return "unsupported"
    return _type_by_name(path.name)


def _type_by_name(name: str) -> str:
    lowered = name.lower()
    if lowered.endswith(TAR_SUFFIXES):
        return "tar"
    if lowered.endswith(GZIP_SUFFIXES):
        return "gzip"
    return ""


def members(path: Path, kind: str, only: Collection[int] | None = None) -> Iterator[Member]:
    """Yield the files of an archive in one pass, within the limits of `files.limits`.

    Args:
        path: the archive.
        kind: its type, from `archive_type`.
        only: numbers of the members wanted; `None` for all.

    Raises:
        UnreadableFile: `ARCHIVE-REFUSED`; members that were yielded before are good.
    """
    readers = {"zip": _zip_members, "tar": _tar_members, "gzip": _gzip_member}
    if kind not in readers:
        raise not_read("volumes" if kind == VOLUME else "unsupported")
    try:
        yield from readers[kind](path, only)
    except UnreadableFile:
        raise
    except Exception as error:  # three libraries raise various exceptions on a broken archive
        raise not_read("broken") from error


def read_members(path: Path, numbers: Collection[int]) -> Iterator[tuple[int, bytes]]:
    """Yield the bytes of some members, by number, in one pass over the archive.

    Raises:
        UnreadableFile: as `members`; or a member is corrupt, or is no longer there.
    """
    missing = set(numbers)
    try:
        with path.open("rb") as file:
            kind = archive_type(path, file.read(PEEK_BYTES))
        for member in members(path, kind, numbers):
            if member.file is None:
                raise not_read("broken")
            data = member.file.read(member.size)
            if len(data) != member.size or member.file.read(1):  # the second read checks the CRC
                raise not_read("broken")
            missing.remove(member.number)
            yield member.number, data
            if not missing:
                return
    except UnreadableFile:
        raise
    except Exception as error:
        raise not_read("broken") from error
    raise not_read("broken")  # it was changed since it was listed


class _Limited:
    """A binary file of which at most `left` bytes are read; `None` for no limit."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.left: int | None = None
        self.last = b""

    def read(self, size: int = -1) -> bytes:
        if self.left is None:
            data: bytes = self.file.read(size)
            return data
        most = self.left + 1
        self.last = self.file.read(most if size < 0 else min(size, most))
        if len(self.last) > self.left:
            raise not_read("broken")
        self.left -= len(self.last)
        return self.last

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


def _zip_members(path: Path, only: Collection[int] | None) -> Iterator[Member]:
    size = path.stat().st_size
    with path.open("rb") as file:
        if _is_last_volume(file, size):
            raise not_read("volumes")
        limited = _Limited(file)
        limited.left = ZIP_DIRECTORY_BYTES
        with zipfile.ZipFile(limited) as archive:
            limited.left = None
            infos = archive.infolist()
            _check_total(len(infos), sum(info.file_size for info in infos), size)
            _check_overlap(infos)
            for number, info in enumerate(infos):
                if info.is_dir() or (only is not None and number not in only):
                    continue
                if _is_as_listed(file, info):
                    yield from _zip_member(archive, number, info)
                else:
                    yield Member(number, info.filename, info.file_size, None, "broken")


def _is_last_volume(file: IO[bytes], size: int) -> bool:
    """Whether a zip is the last of several volumes, by the disk number at its end (APPNOTE 4.3.16).

    The file is left at its beginning.
    """
    file.seek(max(0, size - END_BYTES))
    _, mark, end = file.read().rpartition(END_OF_ZIP)
    file.seek(0)
    return bool(mark) and int.from_bytes(end[:2], "little") not in (0, ZIP64 >> 16)


def _is_as_listed(file: IO[bytes], info: zipfile.ZipInfo) -> bool:
    """Whether the directory of a zip says of a member what stands beside its bytes (APPNOTE 4.3.7,
    4.3.9): a damaged directory would drop a file, or the end of one, without a word.
    """
    listed = (info.CRC, info.compress_size, info.file_size)
    file.seek(info.header_offset)
    head = file.read(LOCAL_HEADER_BYTES)
    if len(head) < LOCAL_HEADER_BYTES:
        return False
    flags, *own = struct.unpack_from("<H6xIII", head, 6)
    name, extra = struct.unpack_from("<HH", head, 26)
    if not flags & HAS_DESCRIPTOR:
        return ZIP64 in own or tuple(own) == listed
    file.seek(info.header_offset + LOCAL_HEADER_BYTES + name + extra + info.compress_size)
    after = file.read(24).removeprefix(b"PK\x07\x08")
    short = struct.pack("<III", *(number & ZIP64 for number in listed))
    return after.startswith((short, struct.pack("<IQQ", *listed)))


def _zip_member(archive: zipfile.ZipFile, number: int, info: zipfile.ZipInfo) -> Iterator[Member]:
    problem = ""
    if info.external_attr >> 16 & FILE_TYPE_MODE == SYMLINK_MODE:
        problem = "link"
    elif info.flag_bits & 1:
        problem = "encrypted"
    elif info.file_size > MEMBER_BYTES:
        problem = "member-large"
    elif info.compress_type not in METHODS:
        problem = "method"
    if not problem:
        try:
            file = archive.open(info)
        except Exception as error:  # a broken member; the others can still be read
            note(error)
            problem = "broken"
        else:
            with file:
                yield Member(number, info.filename, info.file_size, file)
            return
    yield Member(number, info.filename, info.file_size, None, problem)


def _check_overlap(infos: Collection[zipfile.ZipInfo]) -> None:
    """Refuse an archive whose files share compressed bytes; it can expand to petabytes."""
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise not_read("overlap")
        end = info.header_offset + LOCAL_HEADER_BYTES + info.compress_size


def _check_stream(path: Path, size: int) -> None:
    """Refuse a tar that is not whole blocks. A compressed one is expanded to its end: the checksum
    stands there, and covers every member.
    """
    total = 0
    with _expanded(path) as stream:
        if isinstance(stream, io.BufferedReader):  # not compressed
            total = size
        else:
            while data := stream.read(CHUNK_BYTES):
                total += len(data)
                _check_total(0, total, size)
    if total % tarfile.BLOCKSIZE:
        raise not_read("broken")


def _tar_members(path: Path, only: Collection[int] | None) -> Iterator[Member]:
    total = 0
    size = path.stat().st_size
    if only is None:  # once, when the archive is listed
        _check_stream(path, size)
    with _expanded(path) as stream:
        limited = _Limited(stream)
        limited.left = TAR_HEADER_BYTES
        with tarfile.open(fileobj=limited, mode="r:") as archive:
            number = 0
            while (info := archive.next()) is not None:
                number += 1
                total += info.size
                # before its bytes are skipped, which expands them
                _check_total(number, total, size)
                limited.left = None
                if not info.isdir() and (only is None or number in only):
                    yield _tar_member(archive, number, info)
                archive.members = []  # type: ignore[attr-defined] # tarfile remembers all of them
                limited.left = TAR_HEADER_BYTES
        # it ends with blocks of zeros, and nothing else is behind them
        if limited.last != bytes(tarfile.BLOCKSIZE):
            raise not_read("broken")
        if only is None:
            _check_tail(stream)


def _check_tail(stream: IO[bytes]) -> None:
    """Refuse a tar with more than zeros behind its end: files there would be lost."""
    for _ in range(TAIL_CHUNKS):
        data = stream.read(CHUNK_BYTES)
        if data.strip(b"\0"):
            break
        if len(data) < CHUNK_BYTES:
            return
    raise not_read("broken")


def _tar_member(archive: tarfile.TarFile, number: int, info: tarfile.TarInfo) -> Member:
    if info.issym() or info.islnk():
        return Member(number, info.name, 0, None, "link")
    if not info.isreg():
        return Member(number, info.name, 0, None, "special")
    if info.size > MEMBER_BYTES:
        return Member(number, info.name, info.size, None, "member-large")
    return Member(number, info.name, info.size, archive.extractfile(info))


@contextmanager
def _expanded(path: Path) -> Iterator[Any]:
    """A tar archive, decompressed where it is compressed."""
    with path.open("rb") as file:
        kind = archive_format(path.name, file.read(PEEK_BYTES))
        file.seek(0)
        if kind not in STREAMS:
            yield file
            return
        with STREAMS[kind](file) as stream:
            yield stream


def _gzip_member(path: Path, only: Collection[int] | None) -> Iterator[Member]:
    """One compressed file; the size in its last bytes (RFC 1952 2.3.1) is checked first."""
    compressed = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, compressed - 4))
        size = int.from_bytes(file.read(4), "little")
        _check_total(1, size, compressed)
        if size > MEMBER_BYTES:
            raise not_read("member-large")
        file.seek(0)
        with gzip.GzipFile(fileobj=file) as stream:
            yield Member(1, path.stem, size, stream)  # type: ignore[arg-type]


def _check_total(count: int, expanded: int, size: int) -> None:
    if count > most_members(size):
        raise not_read("many")
    if expanded > most_expanded(size):
        raise not_read("bomb")


def safe_name(name: str) -> str:
    """A member's name as a relative path with `/` that stays below the archive's name."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    kept = [part for part in parts if part not in ("/", "..", ".")]
    return "/".join(part.replace(":", "_").replace("\0", "_") for part in kept)

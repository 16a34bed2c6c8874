"""The one walk: every file of a folder, an archive, a DICOMDIR or a single file, opened once and told what it is.

Each file ends in exactly one of: a file that was opened, with its kind by content; a file that was refused, with a code.
"""

import errno
import os
import stat
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO, FileIO
from pathlib import Path
from typing import IO, NamedTuple

from pleura.core.codes import finding
from pleura.core.codes.reading import ARCHIVE_PROBLEMS
from pleura.core.errors import InputRefused, UsageError
from pleura.core.findings import Finding
from pleura.core.progress import Progress, silent
from pleura.files.accounting import Accounting
from pleura.files.archives import Member, archive_type, members, read_members, safe_name
from pleura.files.contents import DICOM, DICOMDIR, LINK, archive_format, internal_kind, is_dicom, is_dicomdir, kind_of
from pleura.files.limits import FILE_BYTES, GROWTH, HEAD_BYTES, SPARSE_FREE

ON_DISK = -1
"""`member` of a file that is not in an archive."""

OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""A named pipe does not block, in case one takes a file's place after it was listed."""


class InputFile(NamedTuple):
    """One file of the input. It pickles, so a worker process can read it.

    `path` is the file on disk, of a member its archive; `name` is stable and relative to the input, with `/`, a member's
    behind its archive's (`export.zip/IM/0001`). `kind` is `DICOM`, `DICOMDIR`, `link` or a kind that is only counted.
    """

    path: str
    name: str
    size: int
    kind: str
    member: int = ON_DISK
    member_name: str = ""

    @property
    def location(self) -> str:
        """Where it lies: its path, of a member its archive's path with its own name behind it."""
        return f"{self.path}{os.sep}{self.member_name}" if self.member_name else self.path


class RefusedFile(NamedTuple):
    """One file (or folder) of the input that was not read: `name` as in `InputFile`, `code` from the table of codes.

    `problem` is a key of `ARCHIVE_PROBLEMS` for `ARCHIVE-REFUSED`.
    """

    name: str
    code: str
    problem: str = ""


class OpenFile(NamedTuple):
    """A file of the input with its first bytes, open at `len(head)` until the next one is asked for."""

    file: InputFile
    head: bytes
    stream: IO[bytes] | FileIO


@dataclass
class Listing:
    """Paths of the regular files at or below `root`, in order, and what is not one.

    `others` are not to be opened: links to files that are listed themselves, and what an unfinished run left.
    """

    root: Path
    paths: list[str] = field(default_factory=list)
    refused: list[RefusedFile] = field(default_factory=list)
    others: list[InputFile] = field(default_factory=list)

    def __post_init__(self) -> None:
        top = self.root if self.root.is_dir() else self.root.parent
        self._prefix = len(str(top).rstrip(os.sep)) + 1

    def name(self, path: str) -> str:
        """A path relative to the input, with `/`."""
        return (path[self._prefix :] if len(path) > self._prefix else path).replace(os.sep, "/")

    def add_other(self, path: str, kind: str) -> None:
        """Note a file that is not to be opened."""
        self.others.append(InputFile(path, self.name(path), 0, kind))


@dataclass(frozen=True)
class Walk:
    """Every file of the input: those that were opened, whatever they are, and those that were refused."""

    root: Path
    files: tuple[InputFile, ...]
    refused: tuple[RefusedFile, ...]

    def dicom(self) -> list[InputFile]:
        """The DICOM files, without DICOMDIR."""
        return [file for file in self.files if file.kind == DICOM]

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """One finding for each code, with the number of files."""
        return refusal_findings(self.refused)

    def accounting(
        self,
        used: Collection[str],
        refused: Mapping[str, str] | None = None,
        other: Mapping[str, str] | None = None,
    ) -> Accounting:
        """Account for every file.

        Args:
            used: names of the files that were used.
            refused: code by name, for files that were opened and then refused.
            other: kind by name, for files to be counted as another kind than `InputFile.kind`.
        """
        used = set(used)
        later = refused or {}
        kinds = other or {}
        codes = Counter(file.code for file in self.refused)
        counts: Counter[str] = Counter()
        number_used = 0
        for file in self.files:
            if file.name in later:
                codes[later[file.name]] += 1
            elif file.name in used:
                number_used += 1
            else:
                counts[kinds.get(file.name, file.kind)] += 1
        return Accounting(number_used, codes, counts)


def walk(source: Path, progress: Progress = silent) -> Walk:
    """Find every file of the input, open each once and tell its kind by content.

    Raises:
        UsageError: `source` does not exist.
    """
    listing = list_files(source)
    files = list(listing.others)
    refused = list(listing.refused)
    for done, path in enumerate(listing.paths, 1):
        for found in open_files(path, listing.name(path)):
            if isinstance(found, RefusedFile):
                refused.append(found)
            else:
                files.append(found.file)
        progress("find files", done, len(listing.paths))
    return Walk(listing.root, tuple(files), tuple(refused))


def read_files(files: Iterable[InputFile]) -> Iterator[tuple[InputFile, bytes]]:
    """Yield files with all their bytes: those on disk in the order given, then each archive's in one pass.

    Raises:
        UnreadableFile: an archive, or a file in it, is broken.
        OSError: a file cannot be read.
    """
    archives: dict[str, dict[int, InputFile]] = {}
    for file in files:
        if file.member == ON_DISK:
            yield file, Path(file.path).read_bytes()
        else:
            archives.setdefault(file.path, {})[file.member] = file
    for path, wanted in archives.items():
        for number, data in read_members(Path(path), wanted):
            yield wanted[number], data


def read_file(file: InputFile) -> bytes:
    """All bytes of one file. Reading several of an archive is quicker with `read_files`.

    Raises:
        UnreadableFile: its archive is broken.
        OSError: it cannot be read.
    """
    return next(read_files([file]))[1]


def refusal_findings(refused: Iterable[RefusedFile]) -> tuple[Finding, ...]:
    """One finding for each code (and each problem of archives), with the number of files as `n`."""
    counts = Counter((file.code, file.problem) for file in refused)
    found = []
    for (code, problem), count in sorted(counts.items()):
        if problem:
            found.append(finding(code, n=count, why=ARCHIVE_PROBLEMS[problem], problem=problem))
        else:
            found.append(finding(code, n=count))
    return tuple(found)


def list_files(source: Path) -> Listing:
    """List the regular files at or below `source` without opening them, sorted; links to folders outside are followed.

    A DICOMDIR stands for the folder it lies in.

    Raises:
        UsageError: `source` does not exist.
    """
    try:
        mode = source.stat().st_mode
    except OSError as error:
        raise UsageError("the input does not exist or cannot be opened: check the path given for it") from error
    root = source.resolve().parent if stat.S_ISREG(mode) and _lists_files(source) else source
    listing = Listing(root)
    if root.is_dir():
        _Lister(listing).run()
    elif stat.S_ISREG(mode):
        listing.paths.append(str(root))
    else:
        listing.refused.append(RefusedFile(root.name, "SPECIAL-FILE"))
    listing.paths.sort()
    return listing


def _lists_files(path: Path) -> bool:
    """Whether a file is a DICOMDIR."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return False
    return is_dicom(head) and is_dicomdir(head)


class _Lister:
    """Lists folders into a `Listing`, each folder once, however many links lead to it."""

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.seen: set[tuple[int, int]] = set()
        self.links: list[str] = []

    def run(self) -> None:
        self._list(str(self.listing.root))
        file_links = []
        while self.links:  # following one can find others
            links, self.links = sorted(self.links), []
            for path in links:
                if self._is_file_link(path):
                    file_links.append(path)
        for path in file_links:
            target = os.stat(os.path.dirname(os.path.realpath(path)))  # noqa: PTH116, PTH120
            if (target.st_dev, target.st_ino) in self.seen:
                self.listing.add_other(path, LINK)
            else:
                self.listing.paths.append(path)

    def _list(self, top: str) -> None:
        folders = [top]
        while folders:
            folder = folders.pop()
            try:
                found = os.stat(folder)  # noqa: PTH116
                if (found.st_dev, found.st_ino) in self.seen:
                    continue
                self.seen.add((found.st_dev, found.st_ino))
                with os.scandir(folder) as entries:
                    for entry in entries:
                        self._add(entry, folders)
            except OSError as error:
                code = "CLOSED-FOLDERS" if isinstance(error, PermissionError) else "READ-ERROR"
                self._refuse(folder, code)

    def _add(self, entry: "os.DirEntry[str]", folders: list[str]) -> None:
        if entry.is_symlink():
            self.links.append(entry.path)
        elif entry.is_dir(follow_symlinks=False):
            folders.append(entry.path)
        elif not entry.is_file(follow_symlinks=False):
            self._refuse(entry.path, "SPECIAL-FILE")
        elif kind := internal_kind(entry.path):
            self.listing.add_other(entry.path, kind)
        else:
            self.listing.paths.append(entry.path)

    def _is_file_link(self, path: str) -> bool:
        """Whether a link leads to a regular file; one that leads to a folder is followed, any other refused."""
        try:
            target = os.stat(path)  # noqa: PTH116
        except OSError as error:
            self._refuse(path, _code_of_link(error))
            return False
        if stat.S_ISREG(target.st_mode):
            return True
        if not stat.S_ISDIR(target.st_mode):
            self._refuse(path, "SPECIAL-FILE")
        elif Path(os.path.realpath(path)) in Path(os.path.realpath(os.path.dirname(path)), "_").parents:  # noqa: PTH120
            self._refuse(path, "SYMLINK-LOOP")
        elif (target.st_dev, target.st_ino) in self.seen:
            self.listing.add_other(path, LINK)
        else:
            self._list(path)
        return False

    def _refuse(self, path: str, code: str) -> None:
        self.listing.refused.append(RefusedFile(self.listing.name(path), code))


def _code_of_link(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "SYMLINK-LOOP"
    return "CLOSED-FILES" if isinstance(error, PermissionError) else "BROKEN-LINK"


def open_files(path: str, name: str) -> Iterator[OpenFile | RefusedFile]:
    """Open a file once, or every member of an archive; yield each open with its first bytes, or refused.

    Args:
        path: a regular file on disk.
        name: the name to give it, relative to the input; members have theirs behind it.
    """
    try:
        descriptor = os.open(path, OPEN_FLAGS)
        with FileIO(descriptor) as stream:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                yield RefusedFile(name, "SPECIAL-FILE")
                return
            head = stream.read(HEAD_BYTES)
            if is_dicom(head):
                yield _open_dicom(path, name, head, stream, status.st_size)
                return
            archive = archive_format(name, head) and archive_type(Path(path), head)
            if not archive:
                file = InputFile(path, name, status.st_size, kind_of(name, head))
                yield OpenFile(file, head, stream)
                return
        yield from _open_members(path, name, archive)
    except PermissionError:
        yield RefusedFile(name, "CLOSED-FILES")
    except OSError:
        yield RefusedFile(name, "READ-ERROR")


def _open_dicom(path: str, name: str, head: bytes, stream: FileIO, size: int) -> OpenFile | RefusedFile:
    if size > FILE_BYTES:
        return RefusedFile(name, "FILE-TOO-LARGE")
    if size > SPARSE_FREE and _bytes_written(stream, size) * GROWTH < size:
        return RefusedFile(name, "SPARSE-FILE")
    kind = DICOMDIR if is_dicomdir(head) else DICOM
    return OpenFile(InputFile(path, name, size, kind), head, stream)


def _bytes_written(stream: FileIO, size: int) -> int:
    """Bytes of a file that are data rather than holes, as far as the file system can tell; the position is kept."""
    if not hasattr(os, "SEEK_DATA"):
        return size
    position = stream.tell()
    written = end = 0
    try:
        while end < size and written * GROWTH < size:
            start = stream.seek(end, os.SEEK_DATA)
            end = stream.seek(start, os.SEEK_HOLE)
            written += end - start
    except OSError as error:
        if error.errno != errno.ENXIO:  # no data behind `end`
            written = size
    stream.seek(position)
    return written


def _open_members(path: str, name: str, kind: str) -> Iterator[OpenFile | RefusedFile]:
    try:
        for member in members(Path(path), kind):
            yield _open_member(path, name, member)
    except InputRefused as error:
        yield RefusedFile(name, error.code, error.evidence["problem"])


def _open_member(path: str, archive: str, member: Member) -> OpenFile | RefusedFile:
    own_name = safe_name(member.name)
    name = f"{archive}/{own_name}"
    if member.problem == "link":
        return OpenFile(InputFile(path, name, 0, LINK, member.number, own_name), b"", BytesIO())
    if member.problem == "special":
        return RefusedFile(name, "SPECIAL-FILE")
    if member.file is None:
        return RefusedFile(name, "ARCHIVE-REFUSED", member.problem)
    try:
        head = member.file.read(HEAD_BYTES)
    except Exception:  # a member whose compressed bytes are broken
        return RefusedFile(name, "ARCHIVE-REFUSED", "broken")
    if not is_dicom(head) and archive_format(name, head):
        return RefusedFile(name, "ARCHIVE-REFUSED", "nested")
    file = InputFile(path, name, member.size, kind_of(name, head), member.number, own_name)
    return OpenFile(file, head, member.file)

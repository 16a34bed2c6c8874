"""The one walk: every file of a folder, archive, DICOMDIR or single file, opened once.

Each file ends up as opened, with its kind by content, or as refused, with a code.
"""

import os
import stat
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO, FileIO
from pathlib import Path
from typing import IO, NamedTuple

from pleura.core.codes import finding
from pleura.core.codes.reading import ARCHIVE_PROBLEMS
from pleura.core.errors import InputRefused
from pleura.core.faults import check_content, note
from pleura.core.findings import Finding
from pleura.core.progress import Progress, silent
from pleura.files.accounting import Accounting
from pleura.files.archives import Member, archive_type, members, read_members, safe_name
from pleura.files.contents import (
    DICOM,
    DICOMDIR,
    LINK,
    archive_format,
    has_lost_content,
    is_dicom,
    is_dicomdir,
    kind_of,
)
from pleura.files.dicomdir import missing_files
from pleura.files.limits import FILE_BYTES, HEAD_BYTES
from pleura.files.listing import ON_DISK, InputFile, RefusedFile, list_files
from pleura.files.sparse import is_sparse

OPEN_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
"""Opening does not block on a named pipe that replaced a file after it was listed."""


class OpenFile(NamedTuple):
    """A file of the input with its first bytes, open at `len(head)` until the next is requested."""

    file: InputFile
    head: bytes
    stream: IO[bytes] | FileIO


@dataclass(frozen=True)
class Walk:
    """Every file of the input: those that were opened, and those that were refused."""

    root: Path
    files: Sequence[InputFile]
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
    """Find every file of the input, open each once, and recognise its kind by content.

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
    refused += missing_files(files, tuple(refused), read_file)
    return Walk(listing.root, tuple(files), tuple(refused))


def read_files(files: Iterable[InputFile]) -> Iterator[tuple[InputFile, bytes]]:
    """Yield files with all their bytes.

    Files on disk come in the order given, then those of each archive in one pass.

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
    """One finding for each code (and each problem of archives), with the number of files `n`."""
    counts = Counter((file.code, file.problem) for file in refused)
    found = []
    for (code, problem), count in sorted(counts.items()):
        if problem:
            found.append(finding(code, n=count, why=ARCHIVE_PROBLEMS[problem], problem=problem))
        else:
            found.append(finding(code, n=count))
    return tuple(found)


def open_files(path: str, name: str) -> Iterator[OpenFile | RefusedFile]:
    """Open a file, or every member of an archive; yield each one open, or refused.

    Args:
        path: a regular file on disk.
        name: the name to give it, relative to the input; names of members follow it.
    """
    try:
        check_content(path)
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
            if has_lost_content(name, head):
                yield RefusedFile(name, "EMPTY-FILE")
                return
            archive = archive_format(name, head) and archive_type(Path(path), head)
            if not archive:
                file = InputFile(path, name, status.st_size, kind_of(name, head))
                yield OpenFile(file, head, stream)
                return
        yield from _open_members(path, name, archive)
    except OSError as error:
        note(error)
        denied = isinstance(error, PermissionError)
        yield RefusedFile(name, "CLOSED-FILES" if denied else "READ-ERROR")


def _open_dicom(
    path: str, name: str, head: bytes, stream: FileIO, size: int
) -> OpenFile | RefusedFile:
    if size > FILE_BYTES:
        return RefusedFile(name, "FILE-TOO-LARGE")
    if is_sparse(stream, size):
        return RefusedFile(name, "SPARSE-FILE")
    kind = DICOMDIR if is_dicomdir(head) else DICOM
    return OpenFile(InputFile(path, name, size, kind), head, stream)


def _open_members(path: str, name: str, kind: str) -> Iterator[OpenFile | RefusedFile]:
    try:
        for member in members(Path(path), kind):
            yield _open_member(path, name, member)
    except InputRefused as error:
        note(error)
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
    except Exception as error:  # a member whose compressed bytes are broken
        note(error)
        return RefusedFile(name, "ARCHIVE-REFUSED", "broken")
    if has_lost_content(name, head):
        return RefusedFile(name, "EMPTY-FILE")
    if not is_dicom(head) and archive_format(name, head):
        return RefusedFile(name, "ARCHIVE-REFUSED", "nested")
    file = InputFile(path, name, member.size, kind_of(name, head), member.number, own_name)
    return OpenFile(file, head, member.file)

"""The planes of every DICOM file of a tree, found by content, whatever the files are called (pitfall 6)."""

import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

from pleura.core.errors import UnreadableFile, UsageError
from pleura.core.progress import Progress, silent
from pleura.dicom.fast_header import Known
from pleura.dicom.header import DICOMDIR, Plane, begins_dicom, planes_of
from pleura.files.archive import TAR_SUFFIXES, kind_of, members

CHUNK = 64
"""Files that a thread takes at a time: a header costs less than handing one over."""
SLOW = 1e-3
"""Seconds a file from which storage, not Python, is what is waited for."""


@dataclass
class Found:
    """What a tree holds: planes, how many files were DICOM but broken or may not be read, and why archives were not read."""

    planes: list[Plane] = field(default_factory=list)
    broken: int = 0
    closed: int = 0
    archives: list[str] = field(default_factory=list)


def planes_in(root: Path, *, workers: int = 0, progress: Progress = silent) -> Found:
    """Read the headers of all DICOM files at or below `root`, in archives too; links to folders are not followed.

    A DICOMDIR is a list of files, which are found without it: it is passed over.

    Raises:
        UsageError: `root` does not exist.
    """
    if not root.exists():
        raise UsageError("the input does not exist: check the path given for it")
    paths = sorted(_walk(root))
    chunks = [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]
    found = Found()
    done = 0
    for chunk, part in zip(chunks, _each(chunks, workers), strict=True):
        found.planes += part.planes
        found.broken += part.broken
        found.closed += part.closed
        found.archives += part.archives
        done += len(chunk)
        progress("read headers", done, len(paths))
    return found


def _each(chunks: Sequence[Sequence[str]], workers: int) -> Iterator[Found]:
    """Chunks in order; threads only where files are slow to come, for on a warm disk they merely wait for each other."""
    known = Known()
    start = time.perf_counter()
    if chunks:
        yield _read_files(chunks[0], known)
    slow = time.perf_counter() - start > SLOW * CHUNK
    if workers > 1 or (workers == 0 and slow):
        with ThreadPoolExecutor(workers or 8) as pool:
            yield from pool.map(lambda chunk: _read_files(chunk, Known()), chunks[1:])
    else:
        yield from (_read_files(chunk, known) for chunk in chunks[1:])


def looks_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM does."""
    try:
        with path.open("rb") as file:
            return begins_dicom(file.read(132))
    except OSError:
        return False


def _read_files(names: Sequence[str], known: Known) -> Found:
    found = Found()
    for name in names:
        try:
            with FileIO(name) as file:  # a third of the time of Path.open
                planes = planes_of(file, os.fstat(file.fileno()).st_size, name, known)
            if planes:
                found.planes += planes if planes[0].sop_class != DICOMDIR else ()  # of which all frames are, or none
            elif kind_of(Path(name)):
                _read_archive(Path(name), found, known)
        except UnreadableFile:
            found.broken += 1
        except PermissionError:
            found.closed += 1
        except OSError:
            continue  # a socket, a device: nothing that can be read
    return found


def _read_archive(path: Path, found: Found, known: Known) -> None:
    try:
        for member in members(path):
            if member.path.name.lower().endswith((".zip", ".tar", *TAR_SUFFIXES)):
                found.archives.append("an archive within an archive is not opened: unpack it yourself")
                continue
            try:
                found.planes += [
                    plane
                    for plane in planes_of(member.file, member.size, str(member.path), known, path, member.number)  # type: ignore[arg-type]
                    if plane.sop_class != DICOMDIR
                ]
            except UnreadableFile:
                found.broken += 1
    except UnreadableFile as error:
        found.archives.append(str(error))


def _walk(root: Path) -> Iterator[str]:
    """Files below `root`, links to files included; os.walk would make us ask for each file's kind again."""
    if root.is_file():
        yield str(root)
        return
    below = [str(root)]
    while below:
        try:
            with os.scandir(below.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        below.append(entry.path)
                    elif _is_file(entry) and not entry.name.startswith("._"):
                        yield entry.path
        except OSError:
            continue  # a folder without permission, or that has gone


def _is_file(entry: "os.DirEntry[str]") -> bool:
    return os.path.isfile(entry.path) if entry.is_symlink() else entry.is_file()  # noqa: PTH113 (a link to itself is no error)

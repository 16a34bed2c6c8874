"""Read the image planes of every DICOM file of the input."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from pleura.core.errors import UnreadableFile
from pleura.core.faults import note
from pleura.core.packed import Packed
from pleura.core.progress import Progress, silent
from pleura.dicom.fast_header import Known
from pleura.dicom.header import planes_of
from pleura.dicom.plane import Plane
from pleura.dicom.plane_groups import PlaneGroups
from pleura.files.contents import DICOM, DICOMDIR, DICOMDIR_CLASS
from pleura.files.dicomdir import missing_files
from pleura.files.listing import ON_DISK, InputFile, Listing, RefusedFile, list_files
from pleura.files.walk import OpenFile, Walk, open_files, read_file

CHUNK = 64
"""Files in a task of a thread: reading a header takes less time than passing it to a thread."""

SLOW_SECONDS = 1e-3
"""[seconds per file] Slower storage is the bottleneck, and threads help."""

MOST_LOOSE = 4096
"""Number of files whose planes are packed together."""


@dataclass
class Tree:
    """Planes of some files, and what became of each file: opened, or refused with a code."""

    planes: list[Plane] = field(default_factory=list)
    files: list[InputFile] = field(default_factory=list)
    refused: list[RefusedFile] = field(default_factory=list)

    def add(self, other: "Tree") -> None:
        """Append what was found in other files."""
        self.planes += other.planes
        self.files += other.files
        self.refused += other.refused


def read_tree(
    root: Path, *, workers: int = 0, progress: Progress = silent
) -> tuple[Walk, PlaneGroups]:
    """Read the headers of all DICOM files at or below `root`, in archives too, each file once.

    Args:
        root: a folder, a file, an archive or a DICOMDIR.
        workers: threads; 0 = automatic.
        progress: called with the number of files read.

    Returns:
        What became of every file, and the planes of the DICOM files.

    Raises:
        UsageError: `root` does not exist.
    """
    listing = list_files(root)
    total, done = len(listing.paths), 0
    files, groups, refused = Packed(listing.others), PlaneGroups(), list(listing.refused)
    loose = Tree()
    for part in _read_chunks(listing, workers):
        loose.add(part)
        done = min(done + CHUNK, total)
        if len(loose.files) >= MOST_LOOSE or done == total:
            files.extend(loose.files)
            groups.extend(loose.planes)
            refused += loose.refused
            loose = Tree()
        progress("read headers", done, total)
    refused += missing_files(files, refused, read_file)
    return Walk(listing.root, files, tuple(refused)), groups


def _read_chunks(listing: Listing, workers: int) -> Iterator[Tree]:
    """Read chunks in order, with threads only where storage is slow.

    Threads share one interpreter, so elsewhere they gain nothing.
    """
    chunks = _chunks(listing.paths)
    known = Known()
    start = time.perf_counter()
    for chunk in islice(chunks, 1):
        yield _read_headers(listing, chunk, known)
    slow = time.perf_counter() - start > SLOW_SECONDS * CHUNK
    if workers > 1 or (workers == 0 and slow):
        with ThreadPoolExecutor(workers or 8) as pool:
            yield from pool.map(lambda chunk: _read_headers(listing, chunk, Known()), chunks)
    else:
        yield from (_read_headers(listing, chunk, known) for chunk in chunks)


def _chunks(paths: list[str]) -> Iterator[list[str]]:
    """Parts of a list of paths, which is emptied, so that its memory is free as it is read."""
    paths.reverse()
    while paths:
        yield paths[: -CHUNK - 1 : -1]
        del paths[-CHUNK:]


def _read_headers(listing: Listing, paths: Sequence[str], known: Known) -> Tree:
    tree = Tree()
    for path in paths:
        for opened in open_files(path, listing.name(path)):
            if isinstance(opened, RefusedFile):
                tree.refused.append(opened)
            else:
                _read_header(opened, known, tree)
    return tree


def _read_header(opened: OpenFile, known: Known, tree: Tree) -> None:
    file, head, stream = opened
    if file.kind != DICOM:
        tree.files.append(file)
        return
    archive = None if file.member == ON_DISK else Path(file.path)
    try:
        planes = planes_of(
            stream,  # type: ignore[arg-type]
            file.size,
            file.location,
            known,
            archive,
            file.member,
            head,
        )
    except UnreadableFile as error:
        note(error)
        tree.refused.append(RefusedFile(file.name, "UNREADABLE-FILES"))
        return
    if planes[0].sop_class == DICOMDIR_CLASS.decode():  # a DICOMDIR without meta group
        tree.files.append(file._replace(kind=DICOMDIR))
        return
    tree.files.append(file)
    tree.planes += planes

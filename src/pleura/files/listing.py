"""List the regular files at or below an input without opening them, and what is not one."""

import errno
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pleura.core.errors import UsageError
from pleura.core.faults import note
from pleura.files.contents import LINK, internal_kind, is_dicom, is_dicomdir
from pleura.files.limits import HEAD_BYTES

ON_DISK = -1
"""`member` of a file that is not in an archive."""


class InputFile(NamedTuple):
    """One file of the input. It can be pickled, so a worker process can read it.

    `path` is the file on disk; for a member, its archive. `name` is stable and relative to the
    input, with `/`; a member's name follows its archive's (`export.zip/IM/0001`). `kind` is
    `DICOM`, `DICOMDIR`, `link` or a kind that is only counted.
    """

    path: str
    name: str
    size: int
    kind: str
    member: int = ON_DISK
    member_name: str = ""

    @property
    def location(self) -> str:
        """Its path; for a member, the archive's path followed by the member's name."""
        if self.member_name:
            return f"{self.path}{os.sep}{self.member_name}"
        return self.path


class RefusedFile(NamedTuple):
    """One file or folder of the input that was not read.

    `name` is as in `InputFile`, `code` from the table of codes. `problem` is a key of
    `ARCHIVE_PROBLEMS`, for `ARCHIVE-REFUSED`.
    """

    name: str
    code: str
    problem: str = ""


@dataclass
class Listing:
    """Paths of the regular files at or below `root`, sorted, and what is not one.

    `others` must not be opened: links to files that are listed themselves, and unfinished output of
    a run.
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
        """Record a file that must not be opened."""
        self.others.append(InputFile(path, self.name(path), 0, kind))


def list_files(source: Path) -> Listing:
    """List the regular files at or below `source`, sorted, without opening them.

    Links to folders outside are followed. A DICOMDIR stands for its folder.

    Raises:
        UsageError: `source` does not exist.
    """
    try:
        mode = source.stat().st_mode
    except OSError as error:
        raise UsageError(
            "the input does not exist or cannot be opened: check the path given for it"
        ) from error
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
    except OSError as error:
        note(error)
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
        while self.links:  # following a link can find others
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
                note(error)
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
        """Whether a link leads to a file; one to a folder is followed, others are refused."""
        try:
            target = os.stat(path)  # noqa: PTH116
        except OSError as error:
            note(error)
            self._refuse(path, _code_of_link(error))
            return False
        if stat.S_ISREG(target.st_mode):
            return True
        if not stat.S_ISDIR(target.st_mode):
            self._refuse(path, "SPECIAL-FILE")
        elif _leads_above(path):
            self._refuse(path, "SYMLINK-LOOP")
        elif (target.st_dev, target.st_ino) in self.seen:
            self.listing.add_other(path, LINK)
        else:
            self._list(path)
        return False

    def _refuse(self, path: str, code: str) -> None:
        self.listing.refused.append(RefusedFile(self.listing.name(path), code))


def _leads_above(link: str) -> bool:
    """Whether a link to a folder leads to a folder that contains the link."""
    place = Path(link)
    return place.resolve() in (place.parent.resolve() / "_").parents


def _code_of_link(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "SYMLINK-LOOP"
    if isinstance(error, PermissionError):
        return "CLOSED-FILES"
    return "BROKEN-LINK"

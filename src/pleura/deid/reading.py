"""Read files of the input through the one walk: single files alone, archives in one pass."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from pleura.core.errors import UnreadableFile
from pleura.core.faults import note
from pleura.files.listing import ON_DISK, InputFile
from pleura.files.walk import read_files

Item = TypeVar("Item")


class Unread(str):
    """Why a file cannot be read."""


def each(files: Sequence[InputFile]) -> Iterator[tuple[InputFile, bytes | Unread]]:
    """Yield every file with its bytes, or with the reason why it cannot be read."""
    archives: dict[str, dict[int, InputFile]] = defaultdict(dict)
    for file in files:
        if file.member != ON_DISK:
            archives[file.path][file.member] = file
            continue
        try:
            yield file, Path(file.path).read_bytes()
        except OSError as error:
            note(error)
            yield file, Unread(error.strerror or type(error).__name__)
    for members in archives.values():
        yield from _members(members)


def _members(members: dict[int, InputFile]) -> Iterator[tuple[InputFile, bytes | Unread]]:
    left = dict(members)
    why = Unread("the archive has changed")
    found = read_files(list(members.values()))
    while left:
        try:
            file, data = next(found)
        except StopIteration:
            break
        except (OSError, UnreadableFile) as error:
            note(error)
            why = Unread(f"the archive is damaged ({type(error).__name__})")
            break
        del left[file.member]
        yield file, data
    yield from ((file, why) for file in left.values())


def parcels(items: Sequence[Item], file_of: Callable[[Item], InputFile]) -> list[list[Item]]:
    """Group items that are done together: single files alone, all of an archive at once."""
    alone: list[list[Item]] = []
    archives: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        file = file_of(item)
        if file.member == ON_DISK:
            alone.append([item])
        else:
            archives[file.path].append(item)
    return alone + list(archives.values())

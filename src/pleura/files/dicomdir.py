"""Files that a DICOMDIR lists and that are not there, as where a medium was copied in part."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from pleura.core.errors import InputRefused
from pleura.core.faults import note
from pleura.files.contents import DICOMDIR
from pleura.files.limits import DICOMDIR_BYTES
from pleura.files.listing import InputFile, RefusedFile

_FILE_ID = re.compile(rb"\x04\x00\x00\x15(?:CS(..)|(..)\x00\x00)", re.DOTALL)
"""The start of ReferencedFileID (0004,1500), in explicit or implicit VR, and its length."""
_ADDED = re.compile(r"(;\d+|\.|\.dcm|\.ima)$")
"""What ISO 9660 and copying add to the end of a file's name."""


def missing_files(
    files: Sequence[InputFile],
    refused: Iterable[RefusedFile],
    read: Callable[[InputFile], bytes],
) -> Iterator[RefusedFile]:
    """Yield the files that a DICOMDIR of the input lists and that the input does not have.

    Names are compared without case, version and `.dcm`, which copying can change. A DICOMDIR of
    which no file is there belongs to other folders and is passed over.

    Args:
        files: the files of the input, with any DICOMDIR.
        refused: those that were not read: they are there.
        read: gives all bytes of a file.
    """
    directories = [file for file in files if file.kind == DICOMDIR]
    if not directories:
        return
    names_here = [*(file.name for file in files), *(file.name for file in refused)]
    present = {_comparable(name) for name in names_here}
    for directory in directories:
        folder = PurePosixPath(directory.name).parent
        names = sorted({str(folder / path) for path in _listed(directory, read)})
        missing = [name for name in names if _comparable(name) not in present]
        if len(missing) < len(names):
            yield from (RefusedFile(name, "FILES-MISSING") for name in missing)


def _comparable(name: str) -> str:
    return _ADDED.sub("", name.casefold())


def _listed(directory: InputFile, read: Callable[[InputFile], bytes]) -> list[str]:
    """The paths of all ReferencedFileIDs, with `/`; none where the DICOMDIR cannot be read."""
    if directory.size > DICOMDIR_BYTES:
        return []
    try:
        data = read(directory)
    except (OSError, InputRefused) as error:
        note(error)
        return []
    paths = []
    for found in _FILE_ID.finditer(data):
        length = int.from_bytes(found[1] or found[2], "little")
        value = data[found.end() : found.end() + length].decode("latin-1")
        parts = [part.strip(" \0") for part in value.split("\\")]
        if all(part not in ("", ".", "..") and part.isprintable() for part in parts):
            paths.append("/".join(parts))
    return paths

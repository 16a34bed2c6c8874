"""Files of a tree that are DICOM by their content, whatever they are called (pitfall 6)."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pleura.core.errors import UsageError
from pleura.core.progress import Progress, silent

HEADLESS = (b"\x02\x00", b"\x08\x00", b"\x00\x08")
"""How a file without preamble begins: group 0002 or 0008, either byte order."""


def dicom_files(root: Path, *, workers: int = 0, progress: Progress = silent) -> list[Path]:
    """Every file at or below `root` that looks like DICOM, sorted; links to folders are not followed.

    Raises:
        UsageError: `root` does not exist.
    """
    if not root.exists():
        raise UsageError("the input does not exist: check the path given for it")
    paths = sorted(_walk(root))
    with ThreadPoolExecutor(workers or 4) as pool:
        looks = []
        for done, look in enumerate(pool.map(looks_dicom, paths), 1):
            looks.append(look)
            if done % 64 == 0 or done == len(paths):
                progress("find files", done, len(paths))
    return [path for path, look in zip(paths, looks, strict=True) if look]


def looks_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM does: DICM after the preamble, or a data set at once."""
    try:
        with path.open("rb") as file:
            head = file.read(132)
    except OSError:
        return False
    if head[128:132] == b"DICM":
        return True
    if len(head) < 132 or head[:2] not in HEADLESS:
        return False
    element = int.from_bytes(head[2:4], "little" if head[0] else "big")
    return element <= 0x0070 and (head[4:6].isalpha() or head[6:8] == b"\0\0" or head[4:6] == b"\0\0")


def _walk(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
        return
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in names:
            path = Path(folder, name)
            if not name.startswith("._") and path.is_file():
                yield path

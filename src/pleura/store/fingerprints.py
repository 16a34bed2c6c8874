"""Digests of the input: they change when its files do."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from pleura.core.atomic import is_internal
from pleura.store.layout import COHORT, RUN

LITTER = {".DS_Store", "Thumbs.db", "desktop.ini"}


def fingerprint(sources: Iterable[Path], *facts: Any) -> dict[str, Any]:
    """Number of files, and a digest over their names, sizes and times and over `facts`."""
    digest = hashlib.sha256(repr(facts).encode())
    count = 0
    for source in sources:
        for name in [""] if source.is_file() else sorted(_names_below(source)):
            with suppress(FileNotFoundError):
                stat = os.stat(f"{source}/{name}" if name else source)  # noqa: PTH116
                digest.update(
                    f"{name or source.name}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode(
                        "utf-8", "surrogateescape"
                    )
                )
                count += 1
        digest.update(b"\n")
    return {"files": count, "sha256": digest.hexdigest()}


def _names_below(source: Path) -> Iterator[str]:
    """The files below a folder, relative to it; names alone, since there may be millions."""
    for folder, folders, names in os.walk(source):
        folders[:] = [name for name in folders if not is_internal(name)]
        # what became of files that are not in a cohort is no input of what is done with it
        left_out = LITTER | ({RUN} if COHORT in names else set())
        below = Path(folder).relative_to(source).as_posix()
        for name in names:
            is_input = not is_internal(name) and name not in left_out
            if is_input and Path(folder, name).is_file():
                yield name if below == "." else f"{below}/{name}"

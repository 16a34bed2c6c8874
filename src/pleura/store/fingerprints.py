"""Digests of the input: they change when its files do."""

import hashlib
import os
from collections.abc import Iterable
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
        for name, path in sorted(_files(source)):
            with suppress(FileNotFoundError):
                stat = path.stat()
                digest.update(
                    f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode(
                        "utf-8", "surrogateescape"
                    )
                )
                count += 1
        digest.update(b"\n")
    return {"files": count, "sha256": digest.hexdigest()}


def _files(source: Path) -> Iterable[tuple[str, Path]]:
    if source.is_file():
        yield source.name, source
        return
    for folder, folders, names in os.walk(source):
        folders[:] = [name for name in folders if not is_internal(name)]
        # what became of files that are not in a cohort is no input of what is done with it
        left_out = LITTER | ({RUN} if COHORT in names else set())
        for name in names:
            path = Path(folder, name)
            if not is_internal(name) and name not in left_out and path.is_file():
                yield path.relative_to(source).as_posix(), path

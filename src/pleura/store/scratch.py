"""Scratch folders in TMPDIR for what comes from an object store."""

import os
import re
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pleura.core.atomic import HOST, clear_dead_parts, remove

SCRATCH = f"pleura-scratch-{HOST}-"
"""How the name of a scratch folder begins; the number of its process follows."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for this call alone. Those of processes that were killed are removed."""
    above = Path(tempfile.gettempdir())
    clear_dead_parts(above, own=re.compile(rf"{SCRATCH}(\d+)-"))
    folder = above / f"{SCRATCH}{os.getpid()}-{secrets.token_hex(8)}"
    folder.mkdir(mode=0o700)
    try:
        yield folder.resolve()
    finally:
        remove(folder)

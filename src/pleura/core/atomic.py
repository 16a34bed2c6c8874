"""Files that appear whole or not at all: written to a temporary sibling, flushed, then renamed."""

import hashlib
import json
import os
import shutil
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pleura.core.errors import OutputFailed

PART = ".part-"
"""Prefix of everything half-written; readers skip it, writers clear it away."""

FLUSHES = 8


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling to write; flush it to disk and rename it to `path` when the block ends without an error.

    Raises `OutputFailed` where the folder cannot be made or written.
    """
    part = path.with_name(f"{PART}{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.touch()
    except OSError as error:
        raise OutputFailed(f"cannot write {path.parent}: {error.strerror or 'not a folder'}") from error
    try:
        yield part
        flush(part)
        os.replace(part, path)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
    flush(path.parent)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling folder to fill; flush its files and rename it to `path` (replacing it) at the end.

    Raises `OutputFailed` where the parent folder cannot be made or written.
    """
    part = path.with_name(f"{PART}{os.getpid()}-{path.name}")
    old = path.with_name(f"{PART}{os.getpid()}-old-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
    except OSError as error:
        raise OutputFailed(f"cannot write {path.parent}: {error.strerror or 'not a folder'}") from error
    try:
        yield part
        with ThreadPoolExecutor(FLUSHES) as pool:  # waiting for the disk together: many files in one commit of its journal
            deque(pool.map(flush, [file for file in part.rglob("*") if file.is_file()]), maxlen=0)
        if path.exists():
            os.replace(path, old)
        os.replace(part, path)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    flush(path.parent)


def flush(path: Path) -> None:
    """Ask the system to put a file, or a folder's entries, on disk. Windows cannot flush a folder and needs none."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def dump_json(value: Any) -> str:
    """JSON as pleura writes it everywhere: sorted keys, two spaces, a last newline, and never NaN."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON, whole or not at all."""
    with atomic_file(path) as part:
        part.write_text(dump_json(value), encoding="utf-8", newline="\n")


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def clear_parts(folder: Path) -> None:
    """Remove what an interrupted run left half-written in `folder`, at any depth."""
    for left in sorted(folder.rglob(f"{PART}*")):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

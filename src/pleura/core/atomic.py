"""Files and folders that appear whole or not at all: written aside, flushed, then renamed."""

import errno
import hashlib
import json
import os
import platform
import re
import secrets
import shutil
import stat
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pleura.core.errors import OutputFailed
from pleura.core.packed import Packed
from pleura.core.text import decoded

PART = ".part-"
"""Prefix of temporary files and folders. Readers skip them; the next run of OUT removes them."""

BOOKKEEPING = ".pleura"
"""Folder in OUT with the lock and the records of what is done; no results, so readers skip it."""

HOST = re.sub(r"[^A-Za-z0-9]", "", platform.node())[:20] or "host"
OWN_PART = re.compile(rf"{re.escape(PART)}{HOST}-(\d+)-")
"""A temporary name of a process of this host."""
FLUSHES = 8
TAKEN = frozenset({errno.ENOTEMPTY, errno.EEXIST})
"""Errors of a rename to a folder that another process has just made."""
JSON_BYTES = 1 << 30
"""Largest JSON file that is read."""
LONGEST_NAME = 100
"""Characters of the final name that a temporary name keeps: file systems allow 255 bytes."""


def is_internal(name: str) -> bool:
    """Whether a name is a temporary one or the bookkeeping folder's: not to be read or copied."""
    return name.startswith((PART, BOOKKEEPING))


def temporary_name(path: Path) -> Path:
    """An unpredictable name beside `path`: host, process, a random part, the end of the name."""
    return path.with_name(
        f"{PART}{HOST}-{os.getpid()}-{secrets.token_hex(4)}-{path.name[-LONGEST_NAME:]}"
    )


def create_exclusive(path: Path, mode: int = 0o666) -> int:
    """Create a file that must not exist yet, not even as a link; return its open handle."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), mode)


@contextmanager
def atomic_file(path: Path, *, mode: int = 0o666) -> Iterator[Path]:
    """Yield a temporary sibling to write; flush it to disk and rename it to `path` when the block
    ends without an error.

    `mode` are the permissions of the new file, before the process's mask.

    Raises:
        OutputFailed: the folder cannot be made or written.
    """
    part = temporary_name(path)
    with _made_below(path.parent):
        os.close(create_exclusive(part, mode))
    try:
        yield part
        flush(part)
        os.replace(part, path)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()
    flush(path.parent)


@contextmanager
def _made_below(folder: Path) -> Iterator[None]:
    """Make `folder`, and something in it, or raise `OutputFailed`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise OutputFailed(f"cannot write {folder}: {error.strerror or 'not a folder'}") from error


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary sibling folder to fill; flush its files and rename it to `path` (replacing
    it) at the end.

    Raises:
        OutputFailed: the parent folder cannot be made or written.
    """
    part = temporary_name(path)
    with _made_below(path.parent):
        part.mkdir()
    try:
        yield part
        # flush all at once: the file system commits them together
        with ThreadPoolExecutor(FLUSHES) as pool:
            deque(pool.map(flush, [file for file in part.rglob("*") if file.is_file()]), maxlen=0)
        _put_in_place(part, path)
    finally:
        remove(part)
    flush(path.parent)


def _put_in_place(part: Path, path: Path) -> None:
    """Rename a folder to `path`, in place of what is there. Another process may do the same
    meanwhile, with the same content: the last one stays.
    """
    for last in (False, False, False, True):
        old = temporary_name(path)
        with suppress(FileNotFoundError):
            os.replace(path, old)
        try:
            os.replace(part, path)
            remove(old)
            return
        except OSError as error:
            if error.errno in TAKEN and not last:
                remove(old)
                continue
            if old.exists():
                os.replace(old, path)
            raise


def remove(path: Path) -> None:
    """Remove a file, a link (never what it points to) or a folder, as far as that is possible."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def flush(path: Path) -> None:
    """Put a file, or a folder's entries, on disk; Windows need not flush a folder."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def dump_json(value: Any) -> str:
    """JSON as pleura writes it: sorted keys, two spaces, a final newline, never NaN."""
    return "".join(json_parts(value))


def json_parts(value: Any) -> Iterator[str]:
    """The text of `dump_json` in parts. A `Packed` in a mapping comes item by item: the text of
    100,000 records may not fit in memory.
    """
    yield from _parts(value, "\n")
    yield "\n"


def _parts(value: Any, line: str) -> Iterator[str]:
    """The text of a value; `line` is what begins a line with its closing bracket."""
    inner = f"{line}  "
    if isinstance(value, Packed) and value:
        for number, item in enumerate(value):
            yield f"{',' if number else '['}{inner}"
            yield from _parts(item, inner)
        yield f"{line}]"
    elif isinstance(value, dict) and any(isinstance(one, Packed) for one in value.values()):
        for number, key in enumerate(sorted(value)):
            yield f"{',' if number else '{'}{inner}{json.dumps(key, ensure_ascii=False)}: "
            yield from _parts(value[key], inner)
        yield f"{line}}}"
    else:
        plain = list(value) if isinstance(value, Packed) else value
        text = json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
        yield text.replace("\n", line)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON, whole or not at all."""
    with atomic_file(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json_parts(value))


def write_json_if_changed(path: Path, value: Any) -> None:
    """Write `value` as JSON unless the file has these bytes already, and so keeps its time."""
    with suppress(OSError), path.open("rb") as file:
        parts = (part.encode("utf-8") for part in json_parts(value))
        if all(file.read(len(part)) == part for part in parts) and not file.read(1):
            return
    write_json(path, value)


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        ValueError: it is no regular file, not JSON, nested too deep, or larger than `JSON_BYTES`.
        OSError: it cannot be read.
    """
    check_is_file(path)
    if path.stat().st_size > JSON_BYTES:
        raise ValueError(f"larger than {JSON_BYTES} bytes")
    return parse_json(decoded(path.read_bytes()))


def check_is_file(path: Path) -> None:
    """Raise `ValueError` where a path is a pipe, a socket or a device, which may never end."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise ValueError("not a regular file")


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text. Raises `ValueError` where it is not JSON, or is nested too deep."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None


def read_json_if_any(path: Path) -> Any:
    """Read a JSON file; `None` where it is missing or is not JSON. Raises `OSError` where the disk
    fails: that must not pass for a missing file.
    """
    try:
        return read_json(path)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError):
        return None


def clear_parts(folder: Path) -> None:
    """Remove the temporary files of interrupted runs, at any depth; the caller holds the lock."""
    for above, folders, files in os.walk(folder):
        for name in [name for name in (*folders, *files) if name.startswith(PART)]:
            remove(Path(above, name))
        folders[:] = [name for name in folders if not name.startswith(PART)]


def clear_parts_beside(path: Path) -> None:
    """Remove the temporary files of one file from interrupted runs. The caller holds its lock."""
    with suppress(OSError):
        for entry in list(os.scandir(path.parent)):
            if entry.name.startswith(PART) and entry.name.endswith(f"-{path.name[-LONGEST_NAME:]}"):
                remove(Path(entry.path))


def clear_dead_parts(folder: Path, ending: str = "", own: re.Pattern[str] = OWN_PART) -> None:
    """Remove the temporary files of ended processes of this host directly in `folder`, which has no
    lock. `ending` limits this to the temporary files of files of that name; `own` is the form of
    their names, whose first group is the number of the process.
    """
    if os.name == "nt":  # where a process cannot be asked without a signal
        return
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            found = own.match(entry.name)
            if found and entry.name.endswith(ending) and _is_gone(int(found[1])):
                remove(Path(entry.path))


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

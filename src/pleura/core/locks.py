"""Locks between processes, released also when a process is killed.

The operating system holds the lock for an open file and lets it go when the process ends, however
it ends. Where a file system has no such locks, a file that names host and process stands in; it is
stale once that process is gone.
"""

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pleura.core.atomic import HOST, create_exclusive
from pleura.core.errors import OutputBusy, OutputFailed

RETRY_S = 0.05
KILLED_S = 1.0
"""[s] On a loaded machine, a killed process lets go of its lock a moment after it was killed."""
NO_LOCKS = {
    errno.ENOLCK,
    errno.ENOSYS,
    getattr(errno, "ENOTSUP", errno.ENOSYS),
    getattr(errno, "EOPNOTSUPP", errno.ENOSYS),
}


@contextmanager
def locked(path: Path, *, what: str, wait_s: float = 0.0, shared: bool = False) -> Iterator[None]:
    """Hold the lock file `path` while the block runs; the file stays, empty.

    Args:
        path: the lock file; made where it is absent.
        what: what the lock protects, for the message.
        wait_s: how long to wait for another process to let go.
        shared: other processes may hold it too, if they share it as well.

    Raises:
        OutputBusy: another process holds it.
        OutputFailed: it cannot be made.
    """
    limit = time.monotonic() + wait_s
    while True:
        handle = _taken(path, shared)
        if handle is not None:
            break
        if time.monotonic() >= limit:
            raise OutputBusy(
                f"{what} is in use by another run; wait for it to end, or choose another place"
            )
        time.sleep(RETRY_S)
    try:
        yield
    finally:
        os.close(handle)
        if not shared:
            _stand_in(path).unlink(missing_ok=True)


@contextmanager
def locked_beside(path: Path, *, what: str, wait_s: float = 30.0) -> Iterator[None]:
    """Hold a lock for a file that several runs read and rewrite (a map, a key): `.NAME.lock` in the
    same folder.

    Read the file again inside the block: another run may have changed it.
    """
    with locked(path.with_name(f".{path.name}.lock"), what=what, wait_s=wait_s):
        yield


def is_free(path: Path) -> bool:
    """Whether a lock file is there and no process holds it alone; false where that is unknown.

    Nothing is written; a process that asks for the lock in this moment tries again.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return False
    try:
        _lock(handle, shared=True)
        return os.name != "nt" and not _stand_in(path).exists()
    except OSError:
        return False
    finally:
        os.close(handle)


def _taken(path: Path, shared: bool = False) -> int | None:
    """The open file that holds the lock, or `None` where another process has it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    except OSError as error:
        raise OutputFailed(
            f"cannot write {path.parent}: {error.strerror or 'not a folder'}"
        ) from error
    try:
        _lock(handle, shared)
        if _is_still(handle, path):
            return handle
    except OSError as error:
        if error.errno in NO_LOCKS and _stand_in_is_ours(path, shared):
            return handle
        if error.errno not in NO_LOCKS | {errno.EACCES, errno.EAGAIN, errno.EDEADLK}:
            os.close(handle)
            raise
    os.close(handle)
    return None


def _lock(handle: int, shared: bool) -> None:
    if os.name == "nt":
        import msvcrt

        if shared:  # Windows has no shared lock of this kind; claims of cases protect them
            return
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
    else:
        import fcntl

        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(handle, kind | fcntl.LOCK_NB)


def _is_still(handle: int, path: Path) -> bool:
    """Whether the locked file is the one at the path: its last holder may have removed it."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(handle), path.stat())
    return False


def _stand_in(path: Path) -> Path:
    return path.with_name(f"{path.name}-holder")


def _stand_in_is_ours(path: Path, shared: bool) -> bool:
    """Make the stand-in; a shared lock only needs that no other process has made one."""
    if not shared:
        return _take_stand_in(path)
    holder = _stand_in(path)
    return not holder.exists() or _is_dead(holder)


def _take_stand_in(path: Path) -> bool:
    holder = _stand_in(path)
    for _ in range(2):
        try:
            handle = create_exclusive(holder)
        except FileExistsError:
            if not _is_dead(holder):
                return False
            holder.unlink(missing_ok=True)
            continue
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"{HOST} {os.getpid()}")
        return True
    return False


def _is_dead(holder: Path) -> bool:
    """Whether the process that a stand-in names ran on this host and is gone."""
    try:
        host, pid = holder.read_text(encoding="ascii").split()
        if host != HOST:
            return False
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError):
        return False
    return False

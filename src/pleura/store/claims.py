"""Claims: which process does a case, where many processes on several hosts share one OUT.

The n-th attempt at a case is a file `STEM.n` in `OUT/.pleura/claims`, made with `O_EXCL`, which NFS
decides on its server without a lock daemon. Its holder touches it every `BEAT_S`. No file is
renamed or removed to take over a claim: a process that finds attempt n dead creates attempt n + 1,
and only one process can. The number of the last file is the number of attempts.

A claim is dead when its process is gone (on the same machine), or when an observer has seen no beat
for `LEASE_S` of its own clock; the clocks of two hosts are never compared. A claim only avoids
double work; a case is done when its record has been renamed into place. If two processes do one
case after all, they write the same bytes.
"""

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pleura.core.atomic import BOOKKEEPING, HOST, create_exclusive, dump_json, read_json
from pleura.core.errors import OutputBusy
from pleura.store.failures import LOST, Failure
from pleura.store.item import item_file, stem_of
from pleura.store.layout import CLAIMS

BEAT_S = 20.0
"""Seconds between two beats."""
LEASE_S = 180.0
"""Seconds without a beat after which a claim is dead: NFS shows changes up to 60 s late."""
MOST_LOST = 3
"""Number of processes that may be lost over one case before it is given up."""

Answer = Literal["taken", "busy", "given up"]
State = Literal["alive", "dead", "unknown"]


@dataclass(frozen=True)
class Claim:
    """The answer to a request for a case: `taken` as attempt n, `busy` where another process has
    attempt n, `given up` after too many lost attempts.
    """

    answer: Answer
    attempt: int = 0


@dataclass(frozen=True)
class Claims:
    """The claims of an output folder."""

    out: Path

    @property
    def folder(self) -> Path:
        """The folder of the claims."""
        return self.out / BOOKKEEPING / CLAIMS

    def take(self, id: str, dead: int = 0) -> Claim:
        """Request a case. Attempts up to number `dead` are known to be dead.

        Raises:
            OutputBusy: the plan is gone.
        """
        attempt, lost = 1, 0
        while lost < MOST_LOST:
            try:
                if self._created(id, attempt, lost):
                    return Claim("taken", attempt)
            except FileNotFoundError:
                raise plan_is_gone() from None
            holder = self._holder(id, attempt)
            failure = Failure.read(self.out, id)
            if failure is not None and failure.attempt >= attempt:
                lost = int(holder.get("lost", 0)) + 1 if failure.code == LOST else 0
            elif attempt <= dead or is_gone(holder):
                lost = int(holder.get("lost", 0)) + 1
            else:
                return Claim("busy", attempt)
            attempt += 1
        return Claim("given up", attempt - 1)

    @contextmanager
    def beating(self, id: str, attempt: int) -> Iterator[None]:
        """Touch a claim that is held, from a thread, while the block runs."""
        path, ended = self._path(id, attempt), threading.Event()

        def beat() -> None:
            while not ended.wait(BEAT_S):
                with suppress(OSError):
                    os.utime(path)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def last_beat(self, id: str, attempt: int) -> int | None:
        """The time of a claim's last beat, by whatever clock sets it; `None` where it is gone."""
        try:
            handle = os.open(self._path(id, attempt), os.O_RDONLY)  # NFS asks the server at opening
        except OSError:
            return None
        try:
            return os.fstat(handle).st_mtime_ns
        finally:
            os.close(handle)

    def attempts(self, id: str) -> int:
        """The number of the last attempt; 0 where there is none."""
        number = 0
        while self._path(id, number + 1).exists():
            number += 1
        return number

    def is_dead_here(self, id: str, attempt: int) -> bool:
        """Whether a claim's process ran on this machine and is gone."""
        return is_gone(self._holder(id, attempt))

    def forget(self, id: str) -> None:
        """Remove the claims of a case; the caller holds OUT alone."""
        for path in self.folder.glob(f"{stem_of(id)}.*"):
            path.unlink(missing_ok=True)

    def _path(self, id: str, attempt: int) -> Path:
        return self.folder / f"{stem_of(id)}.{attempt}"

    def _created(self, id: str, attempt: int, lost: int) -> bool:
        try:
            handle = create_exclusive(self._path(id, attempt))
        except FileExistsError:
            return False
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(dump_json({**process_of_this(), "lost": lost}))
        return True

    def _holder(self, id: str, attempt: int) -> dict[str, Any]:
        with suppress(OSError, ValueError):
            holder = read_json(self._path(id, attempt))
            if isinstance(holder, dict):
                return holder
        return {}


@dataclass
class Watch:
    """Finds out whether claims that others hold are alive, by watching for a beat."""

    claims: Claims
    seen: dict[tuple[str, int], tuple[int, float]] = field(default_factory=dict)

    def state(self, id: str, attempt: int) -> State:
        """As `look`, and `dead` where the attempt has ended with a record of the case."""
        out = self.claims.out
        failure = Failure.read(out, id)
        if item_file(out, id).exists() or (failure is not None and failure.attempt >= attempt):
            return "dead"
        return self.look(id, attempt)

    def look(self, id: str, attempt: int) -> State:
        """`alive` where a beat came since the first look, `dead` where none came for a lease."""
        beat, now = self.claims.last_beat(id, attempt), time.monotonic()
        if beat is None or self.claims.is_dead_here(id, attempt):
            return "dead"
        first, since = self.seen.setdefault((id, attempt), (beat, now))
        if beat != first:
            return "alive"
        return "dead" if now - since > LEASE_S else "unknown"


def plan_is_gone() -> OutputBusy:
    """The error of a task whose plan is gone."""
    return OutputBusy("the plan of OUT is gone: another run has collected it")


def process_of_this() -> dict[str, Any]:
    """This process: its host's name, its machine, its number and when it started."""
    pid = os.getpid()
    return {"host": HOST, "machine": _machine(), "pid": pid, "started": _started(pid)}


def is_gone(holder: Mapping[str, Any]) -> bool:
    """Whether a process ran on this machine (same boot and process numbers) and is gone."""
    if not holder or holder.get("machine") != _machine():
        return False
    started = _started(int(holder.get("pid", 0)))
    return started == "" or started != holder.get("started")


def _machine() -> str:
    """Names this boot of this machine, and the container's own process numbers."""
    parts = [HOST]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        parts.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    return "/".join(parts)


def _started(pid: int) -> str:
    """When a process of this machine started; empty where there is none."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return "" if fields[0] == "Z" else fields[19]
    except OSError:
        if Path("/proc/self/stat").exists():
            return ""
    if os.name == "nt":  # a signal would end the process there; the lease decides
        return "running"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except OSError:
        pass
    return "running"

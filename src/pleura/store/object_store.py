"""The objects of one prefix of an object store. The only module that imports s3fs.

Credentials, region and endpoint come from where the AWS tools look for them: environment variables,
profiles, roles. Answers 500 and 503, and lost connections, are tried again; what still fails then
is about the store, never about a case.
"""

import asyncio
import hashlib
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from pleura.core.errors import OutputFailed, PleuraError, UsageError
from pleura.core.extras import need
from pleura.core.faults import FULL
from pleura.core.text import counted
from pleura.store.layout import is_inside

TRIES = 10
"""Requests for one answer, with pauses that double up to 20 s."""
SILENCE_S = 15
SILENT_TRIES = 4
"""[s] Time for an answer to begin, and requests for one answer that stay without any. The tools
below would ask fifty times, which is a quarter of an hour."""
OBJECT_S = 60
LEAST_BYTES_S = 20_000
"""[s, bytes a second] Time for one object, and least speed of its bytes: a store can send a byte
now and then for ever."""
MOST_STALLED = 16
"""Objects whose answer began and did not end, before the store counts as out of order."""
TRANSFERS = 8
"""Objects that are transferred at the same time."""
CREDENTIALS_S = 30
"""[s] Time for the AWS tools to find credentials: a metadata service, or a login helper of a
profile, may answer slowly without end. Their own limits of each request are shorter."""
CUT = ("ClientPayloadError", "IncompleteRead", "IncompleteReadError", "ResponseStreamingError")
"""What the client raises where an answer is cut."""
NO_CREDENTIALS = ("NoCredentialsError", "PartialCredentialsError")
WRONG_SETTINGS = (
    "ConfigParseError",
    "InvalidConfigError",
    "InvalidRegionError",
    "ProfileNotFound",
    "ValueError",
)
"""What the AWS tools raise for wrong settings, before any request."""


@dataclass(frozen=True)
class Entry:
    """Size of an object in bytes, its ETag, and a time in nanoseconds that changes with either."""

    size: int
    etag: str
    time_ns: int


@dataclass
class Objects:
    """The objects whose keys begin with `root`, which is `BUCKET/PREFIX`; names are relative."""

    root: str
    _system: Any = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def below(cls, path: Path) -> "Objects":
        """The objects below a path that `addresses.remote_path` has checked."""
        return cls(str(path).removeprefix("s3://"))

    def _ask(self, method: str, *arguments: Any, size: int = 0, **options: Any) -> Any:
        """The answer of the client's method to a request about `size` bytes.

        Raises:
            TimeoutError: it did not end in time.
        """
        system = self.system
        asked = getattr(system, f"_{method}")(*arguments, **options)
        limited = asyncio.wait_for(asked, OBJECT_S + size / LEAST_BYTES_S)
        return asyncio.run_coroutine_threadsafe(limited, system.loop).result()

    def list(self, prefix: str = "") -> dict[str, Entry]:
        """Every object whose name begins with `prefix`.

        Raises:
            UsageError: a name cannot be that of a file.
        """
        folder, _, beginning = prefix.rpartition("/")
        with answers():
            found = self.system.find(self._key(folder), prefix=beginning, detail=True)
        start = len(self.root) + 1
        entries = {}
        for key, about in found.items():
            name = key[start:]
            if name and not name.endswith("/"):  # a marker of a folder
                entries[name] = _entry(about)
        _check_names(entries)
        return entries

    def read(self, name: str) -> bytes | None:
        """The bytes of an object; `None` where there is none."""
        with answers():
            try:
                content: bytes = self._ask("cat_file", self._key(name))
                return content
            except FileNotFoundError:
                return None

    def read_each(self, names: Iterable[str]) -> dict[str, bytes]:
        """The bytes of objects by name, without those that are gone."""
        listed = list(names)
        with ThreadPoolExecutor(TRANSFERS) as pool:
            contents = dict(zip(listed, pool.map(self.read, listed), strict=True))
        return {name: content for name, content in contents.items() if content is not None}

    def write(self, name: str, content: bytes) -> None:
        """Write an object, in place of what is there."""
        with answers():
            self._ask("pipe_file", self._key(name), content, size=len(content))

    def create(self, name: str, content: bytes) -> bool:
        """Write an object that must not exist yet (`If-None-Match: *`), and return whether this
        call wrote it.

        `content` must be unique: where the answer to a request is lost, the object is read back.
        """
        for last in (False, False, True):
            try:
                self._ask("pipe_file", self._key(name), content, mode="create")
                return True
            except Exception:
                there = self.read(name)
                if there is not None:
                    return there == content
                if last:
                    with answers():
                        raise
        raise AssertionError

    def delete(self, names: Iterable[str]) -> None:
        """Delete objects, as far as they exist."""
        self._each(self._delete_one, names)

    def get(self, wanted: Mapping[str, Path], entries: Mapping[str, Entry]) -> None:
        """Download objects to files, and give each file the time of its object.

        Raises:
            OutputFailed: an object changed after it was listed, or did not come to its end.
        """
        if stalled := self.get_most(wanted, entries):
            raise _stalled(len(stalled))

    def get_most(self, wanted: Mapping[str, Path], entries: Mapping[str, Entry]) -> Sequence[str]:
        """Download as `get`, and return the names of objects that did not come to their end.

        Raises:
            OutputFailed: an object changed after it was listed, or there are too many such objects.
        """
        stalled: list[str] = []  # of all threads

        def get_one(name: str) -> None:
            try:
                self._get_one(name, wanted[name], entries[name])
            except OutputFailed as error:
                if not _is_stall(error.__cause__):
                    raise
                stalled.append(name)
                if len(stalled) > MOST_STALLED or len(stalled) == len(wanted):
                    raise _stalled(len(stalled)) from error

        self._each(get_one, wanted)
        return stalled

    def put(self, files: Mapping[str, Path]) -> None:
        """Upload files."""
        self._each(lambda name: self._put_one(name, files[name]), files)

    @property
    def system(self) -> Any:
        """The client, which is made once."""
        with self._lock:
            if self._system is None:
                s3fs = need("s3fs", extra="s3", purpose="s3://")
                system = s3fs.S3FileSystem(
                    anon=False,
                    use_listings_cache=False,
                    skip_instance_cache=True,
                    config_kwargs={
                        "retries": {"mode": "standard", "max_attempts": TRIES},
                        "read_timeout": SILENCE_S,
                    },
                )
                asyncio.run_coroutine_threadsafe(_connect(system), system.loop).result()
                self._system = system
            return self._system

    def _key(self, name: str) -> str:
        return f"{self.root}/{name}"

    def _get_one(self, name: str, path: Path, entry: Entry) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with answers():
            self._ask("get_file", self._key(name), str(path), size=entry.size)
        if not path.exists() and entry.size == 0:
            path.touch()
        if path.stat().st_size != entry.size:
            raise OutputFailed(
                "an object changed while it was read; run the same command again when nothing "
                "writes to the input"
            )
        os.utime(path, ns=(entry.time_ns, entry.time_ns))

    def _put_one(self, name: str, path: Path) -> None:
        with answers():
            self._ask("put_file", str(path), self._key(name), size=path.stat().st_size)

    def _delete_one(self, name: str) -> None:
        with answers():
            self._ask("rm_file", self._key(name))

    def _each(self, act: Any, names: Iterable[str]) -> None:
        with ThreadPoolExecutor(TRANSFERS) as pool:
            waiting = [pool.submit(partial(act, name)) for name in names]
            try:
                for one in waiting:
                    one.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise


async def _connect(system: Any) -> None:
    """Find the credentials, all that some sources put off until the first request as well.

    Raises:
        UsageError: there are none, or the settings are wrong; the message names no credential.
    """
    try:
        async with asyncio.timeout(CREDENTIALS_S):
            await system.set_session()
            found = await system.session.get_credentials()
            if found is None:
                raise _no_credentials()
            await found.get_frozen_credentials()
            client = await system.get_s3()
            client.meta.events.register_first("needs-retry.s3", _check_answers)
    except UsageError:
        raise
    except Exception as error:
        raise _without_credentials(error) from error


def _check_answers(attempts: int, caught_exception: Exception | None, **_: Any) -> None:
    """Called after each request. Raises `OutputFailed` where none of several was answered."""
    if attempts >= SILENT_TRIES and "Timeout" in type(caught_exception).__name__:
        raise OutputFailed(
            f"the object store did not answer {attempts} requests within {SILENCE_S} s each; check "
            "its address (AWS_ENDPOINT_URL_S3) and the network, then run the same command again"
        )


def _stalled(count: int) -> OutputFailed:
    return OutputFailed(
        f"the object store began to send {counted(count, 'object', 'objects')} and did not finish; "
        "check the store and the network, then run the same command again"
    )


def _is_stall(error: BaseException | None) -> bool:
    """Whether an answer began and did not end."""
    kind = type(error).__name__
    return "Timeout" in kind or kind in CUT


def _no_credentials() -> UsageError:
    return UsageError(
        "there are no credentials for the object store; set AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY, or use a profile or a role"
    )


def _without_credentials(error: Exception) -> UsageError:
    """What is wrong with the credentials or with the settings beside them."""
    kind = type(error).__name__
    if kind in NO_CREDENTIALS:
        return _no_credentials()
    if kind in WRONG_SETTINGS:
        return UsageError(
            f"the settings of the object store are invalid ({kind}); check AWS_PROFILE, "
            "AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_S3 and the files of the AWS tools"
        )
    problem = f"failed ({kind})"
    if isinstance(error, TimeoutError):
        problem = f"did not answer within {CREDENTIALS_S} s"
    return UsageError(
        f"the source of credentials for the object store {problem}; check the profile or the role, "
        "or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )


@contextmanager
def answers() -> Iterator[None]:
    """Turn what the library raises into errors that name no key, object or credential.

    Raises:
        UsageError: the credentials are not accepted, or the bucket does not exist.
        OutputFailed: the store did not answer to the end, or the scratch disk has no room.
    """
    try:
        yield
    except PleuraError:
        raise
    except FileNotFoundError as error:
        raise UsageError("the object store has no such bucket or object") from error
    except PermissionError as error:
        raise UsageError(
            "the object store refuses access; check the credentials in the environment, and that "
            "they may list, read, write and delete"
        ) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise OutputFailed(
                "the scratch disk has no room; set TMPDIR to a larger one, or plan more tasks"
            ) from error
        if _is_stall(error):
            raise _stalled(1) from error
        raise OutputFailed(
            f"the object store did not answer after {TRIES} tries ({type(error).__name__}); "
            "nothing was recorded that is not there: run the same command again"
        ) from error


def _entry(about: Mapping[str, Any]) -> Entry:
    """Stores tell times to a second; the ETag is in the nanoseconds, so that a change shows."""
    etag, modified = str(about.get("ETag", "")), about.get("LastModified")
    seconds = int(modified.timestamp()) if isinstance(modified, datetime) else 0
    digest = int.from_bytes(hashlib.sha256(etag.encode()).digest()[:4], "big")
    return Entry(int(about["size"]), etag, seconds * 10**9 + digest % 10**9)


def _check_names(entries: Mapping[str, Entry]) -> None:
    """Refuse names that cannot be files below a folder, each beside the others."""
    folders: set[str] = set()
    for name in entries:
        folders.update(str(above) for above in Path(name).parents)
    wrong = 0
    for name in entries:
        safe = is_inside(name if os.name == "nt" else name.replace(":", ""))
        plain = safe and not {"", "."}.intersection(name.split("/"))
        wrong += not plain or name in folders
    if wrong:
        raise UsageError(
            f"{wrong} objects have names that cannot be those of files (with .., \\ or an empty "
            "part, or both a file and a folder); rename them"
        )

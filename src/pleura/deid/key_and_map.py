"""The re-identification map and the key: files beside the output that only their owner can read."""

import errno
import os
import secrets
import stat
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from pleura.core.atomic import atomic_file, dump_json, parse_json
from pleura.core.errors import OutputFailed, UsageError
from pleura.deid.identity import key_fingerprint, read_key
from pleura.deid.people import Person

FORMAT, WITHOUT_KEY = "pleura-map/2", "pleura-map/1"
KEY_BYTES, MAP_BYTES = 4096, 1 << 30
NOT_A_MAP = (
    "not a pleura re-identification map: name another file with --map, or move this one away"
)


def read_map(path: Path) -> dict[str, tuple[Person, ...]]:
    """Case id to persons, as earlier runs recorded them; empty where there is no file.

    Raises:
        UsageError: the file is something else.
    """
    record = _read_record(path)
    if record is None:
        return {}
    try:
        return {
            case: tuple(_person(entry) for entry in entries)
            for case, entries in record["patients"].items()
        }
    except (KeyError, TypeError, AttributeError):
        raise UsageError(NOT_A_MAP) from None


def _person(entry: Mapping[str, Any]) -> Person:
    return Person(**{field.name: str(entry[field.name]) for field in fields(Person)})


def check_key(map_path: Path, key_path: Path, key: bytes) -> None:
    """Refuse a key that does not belong to the map.

    UIDs and date shifts would not fit those of earlier runs.

    Raises:
        UsageError: the map was made with another key, or with a key that is missing.
    """
    record = _read_record(map_path)
    if record is None or not record["patients"]:
        return
    made_by = record.get("key", "")
    if made_by and made_by != key_fingerprint(key):
        found = "another key" if key_path.exists() else "a key that is not at the place given"
        raise UsageError(
            f"the re-identification map was made with {found}: dates and UIDs would no longer fit "
            "the earlier runs. Name its key with --key, or name another --map"
        )
    if record["format"] == WITHOUT_KEY and not key_path.exists():
        raise UsageError(
            "the re-identification map was made by an earlier version, and its key is not there: "
            "name it with --key"
        )


def write_map(path: Path, patients: Mapping[str, Sequence[Person]], key: bytes = b"") -> None:
    """Write the map atomically, readable by its owner only, with the fingerprint of the key."""
    record = _read_record(path) or {}
    made_by = key_fingerprint(key) or record.get("key", "")
    persons = {case: [asdict(person) for person in group] for case, group in patients.items()}
    write_secret(path, dump_json({"format": FORMAT, "key": made_by, "patients": persons}))


def _read_record(path: Path) -> dict[str, Any] | None:
    """The content of the map; `None` where there is no file."""
    try:
        record = parse_json(_read_small(path, MAP_BYTES).decode("utf-8"))
        if record["format"] not in (FORMAT, WITHOUT_KEY) or not isinstance(
            record["patients"], dict
        ):
            raise ValueError
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(
            f"the re-identification map cannot be read: {error.strerror or error}"
        ) from error
    except (ValueError, KeyError, TypeError):
        raise UsageError(NOT_A_MAP) from None
    return dict(record)


def _read_small(path: Path, limit: int) -> bytes:
    """The bytes of a regular file of a limited size.

    Raises:
        OSError: it is not a regular file, or larger than `limit`.
    """
    info = path.stat()
    if not stat.S_ISREG(info.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    if info.st_size > limit:
        raise OSError(errno.EFBIG, f"larger than {limit} bytes")
    return path.read_bytes()


def open_key(path: Path) -> bytes:
    """The project key in a file, or a new key where there is no file; nothing is written.

    Raises:
        UsageError: the file is not a key.
    """
    try:
        return read_key(_read_small(path, KEY_BYTES).decode("ascii"))
    except FileNotFoundError:
        return secrets.token_bytes(32)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "the key cannot be read: it must be a regular file of 64 hex digits"
        ) from error


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read: mode 0600, or on Windows an access list.

    Raises:
        OutputFailed: it cannot be written, or not be made private.
    """
    try:
        with atomic_file(path, mode=0o600) as part:
            _owner_only(part)
            part.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputFailed(
            f"cannot write the map or key beside OUT: {error.strerror or error}"
        ) from error


def _owner_only(path: Path) -> None:
    if os.name != "nt":
        return
    user: Any = os.environ.get("USERNAME")
    ended = subprocess.run(
        ["icacls", str(path), "/inheritance:r", "/grant:r", f"{user}:F"],
        capture_output=True,
        check=False,
    )
    if ended.returncode:
        raise OSError(ended.returncode, "its access list cannot be set")

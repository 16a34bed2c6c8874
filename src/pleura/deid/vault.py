"""The map from case ids to the people of the source: a secret file beside the output, readable by its owner alone."""

import json
import os
import secrets
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from pleura.core.atomic import atomic_file, dump_json
from pleura.core.errors import OutputFailed, UsageError
from pleura.deid.identity import read_key
from pleura.deid.people import Person

FORMAT = "pleura-map/1"


def read_map(path: Path) -> dict[str, tuple[Person, ...]]:
    """Case id to persons, as earlier runs left them; empty where there is no file.

    Raises:
        UsageError: the file is something else.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["format"] != FORMAT:
            raise ValueError
        names = [field.name for field in fields(Person)]
        return {
            case: tuple(Person(**{name: str(person[name]) for name in names}) for person in persons)
            for case, persons in record["patients"].items()
        }
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"the map cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError("the map is not a map of pleura: name another file, or move this one away") from None


def write_map(path: Path, patients: Mapping[str, Sequence[Person]]) -> None:
    """Write the map, whole, for its owner's eyes only."""
    write_secret(
        path, dump_json({"format": FORMAT, "patients": {case: [asdict(p) for p in who] for case, who in patients.items()}})
    )


def open_key(path: Path) -> bytes:
    """The project key in a file, or a new one where there is no file; nothing is written.

    Raises:
        UsageError: the file is no key.
    """
    try:
        return read_key(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        return secrets.token_bytes(32)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("the key cannot be read: it must be a file of 64 hex digits") from error


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read: mode 0600, or an access list of one on Windows.

    Raises:
        OutputFailed: it cannot be written, or not be made private.
    """
    try:
        with atomic_file(path, mode=0o600) as part:
            _owner_only(part)
            part.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputFailed(f"cannot write the map or key beside OUT: {error.strerror or error}") from error


def _owner_only(path: Path) -> None:
    if os.name != "nt":
        return
    user: Any = os.environ.get("USERNAME")
    told = subprocess.run(["icacls", str(path), "/inheritance:r", "/grant:r", f"{user}:F"], capture_output=True, check=False)
    if told.returncode:
        raise OSError(told.returncode, "its access list cannot be set")

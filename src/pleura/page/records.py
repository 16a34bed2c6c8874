"""Dates and records of an output folder, for its page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pleura.core.atomic import read_json
from pleura.core.dates import timestamp
from pleura.core.errors import UsageError


def date_of(path: Path) -> str:
    """The day a result was written, `2026-11-29` in UTC; of SOURCE_DATE_EPOCH where that is set."""
    return timestamp(path.stat().st_mtime).strftime("%Y-%m-%d")


def read_record(path: Path) -> Mapping[str, Any]:
    """Read one of our JSON files.

    Raises:
        UsageError: it is missing, broken, or not an object.
    """
    try:
        record = read_json(path)
    except (OSError, ValueError, RecursionError):
        raise UsageError(
            f"report: {path.name} is missing or broken; run the command that wrote it again"
        ) from None
    if not isinstance(record, dict):
        raise UsageError(
            f"report: {path.name} is not a record of pleura; run the command that wrote it again"
        )
    return record

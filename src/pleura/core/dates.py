"""The time written into certificates and pages, reproducible where SOURCE_DATE_EPOCH is set."""

import os
from datetime import UTC, datetime


def timestamp(otherwise: float | None = None) -> datetime:
    """The time in UTC: SOURCE_DATE_EPOCH (seconds since 1970) if set, else `otherwise`, or now."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if epoch.isdecimal():
        return datetime.fromtimestamp(int(epoch), UTC)
    return datetime.now(UTC) if otherwise is None else datetime.fromtimestamp(otherwise, UTC)

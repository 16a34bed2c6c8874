"""Names of methods (tools that made masks) in tables and on the page."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from pleura.store.run_file import head_in

MASKS, AGAINST = "PRED", "AGAINST"
"""Default names of methods."""


def method_name(given: str, masks: Path, default: str) -> str:
    """The user's name for a method, else what `segment` recorded beside its masks, or `default`."""
    if given:
        return given
    with suppress(OSError, KeyError, TypeError, AttributeError):
        record = head_in(masks)
        if record is not None and record["verb"] == "segment":
            return _words(record["options"]["segmenter"], str(record["version"]))
    return default


def _words(segmenter: Any, version: str) -> str:
    """A segmenter's description in a few words."""
    kind = str(segmenter.get("name", segmenter.get("kind", "segmenter")))
    loss = segmenter.get("loss")
    model = f", {loss}" if loss else ""
    digest = str(segmenter.get("sha256", segmenter.get("model_sha256", "")))[:8]
    return f"pleura {version}: {kind}{model}{f' ({digest})' if digest else ''}"

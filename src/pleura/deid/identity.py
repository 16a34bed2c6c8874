"""New UIDs and date shifts from the project key: the same on any machine, in any order."""

import hmac
import re
from hashlib import sha256

from pleura.core.errors import UsageError

STANDARD_ROOT = "1.2.840.10008."
"""Root of the Standard's UIDs (classes, syntaxes, schemes, frames); they identify nobody."""

YEAR = 365


def read_key(text: str) -> bytes:
    """The key of 64 hex digits.

    Raises:
        UsageError: it is anything else.
    """
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text.strip()):
        raise UsageError(
            "the key must be 64 hex digits (32 bytes), as `--key` makes it where there is none"
        )
    return bytes.fromhex(text.strip())


def key_fingerprint(key: bytes) -> str:
    """A short name of a key, for the map, `run.json` and the audit record; not invertible."""
    if key:
        return sha256(b"name of key" + key).hexdigest()[:16]
    return ""


def new_uid(key: bytes, uid: str) -> str:
    """The UID that replaces `uid`: 2.25.<UUID> (PS3.5 B.2), HMAC-SHA256 as UUID 8 (RFC 9562)."""
    number = int.from_bytes(_digest(key, "uid", uid)[:16], "big")
    number = number & ~(0xF << 76) | (8 << 76)
    number = number & ~(0x3 << 62) | (2 << 62)
    return f"2.25.{number}"


def shift_days(key: bytes, patient: str) -> int:
    """Whole days by which all dates of a patient move back: between one and ten years, never 0."""
    return -(YEAR + int.from_bytes(_digest(key, "days", patient)[:8], "big") % (9 * YEAR))


def keyed(key: bytes, text: str) -> bytes:
    """A sort key for `text` that reveals nothing of it."""
    return _digest(key, "order", text)


def _digest(key: bytes, purpose: str, text: str) -> bytes:
    return hmac.new(key, f"{purpose}\0{text}".encode("utf-8", "surrogatepass"), sha256).digest()

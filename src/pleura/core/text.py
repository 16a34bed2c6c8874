"""Text that is safe to show: no control characters, and no free text where a UID belongs."""

import codecs
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories: control, format (bidirectional overrides), surrogate and separator."""

_UID = re.compile(r"[0-9.]+|\{?[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}?")
"""A UID (PS3.5 9.1), or a GUID, which some software writes instead."""


def shown_uid(uid: str) -> str:
    """A UID as it may be shown and recorded; empty where it is neither a UID nor a GUID, for other
    text can be anything, a name too.
    """
    return uid if _UID.fullmatch(uid) else ""


def visible(text: str) -> str:
    """The text with control and format characters written as escapes, such as `\x1b`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) for character in text)


def sentence(message: str) -> str:
    """A message as a sentence: a capital first letter and a full stop.

    A first word that is more than lower-case letters, as a name or a number, stays as it is.
    """
    first = message.partition(" ")[0].rstrip(",:;.")
    if first.isalpha() and first.islower():
        message = message[0].upper() + message[1:]
    return message if not message or message.endswith((".", "!", "?")) else f"{message}."


def counted(number: Any, one: str, more: str) -> str:
    """A number with the words that belong to it: "1 slice is", "3 slices are"."""
    return f"{number} {one if number == 1 else more}"


def decoded(content: bytes) -> str:
    """A text file in UTF-8, or in UTF-16 that begins with a byte order mark, as PowerShell and
    spreadsheets write it.

    Raises:
        UnicodeDecodeError: it is in another encoding.
    """
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_wide else "utf-8-sig")


def composed(name: str) -> str:
    """A name in the form (NFC) by which names of files, folders and tables are compared: macOS
    writes ü as u and a mark.
    """
    return unicodedata.normalize("NFC", name)


def joined(messages: Sequence[str]) -> str:
    """Messages in one line, with semicolons in place of the full stops between them."""
    *earlier, last = messages or [""]
    return "; ".join([*(message.removesuffix(".") for message in earlier), last])


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN:
        return character
    return character.encode("unicode_escape").decode("ascii")

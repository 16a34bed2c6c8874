"""Text that is safe to show: no control characters, and no free text where a UID belongs."""

import re
import unicodedata

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


def delimiter_of(table: str) -> str:
    """What separates the columns of a CSV text, by its heading: a comma, a semicolon or a tab."""
    heading = table.split("\n", 1)[0]
    if "," in heading:
        return ","
    return next((sign for sign in ";\t" if sign in heading), ",")


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN:
        return character
    return character.encode("unicode_escape").decode("ascii")

"""Text that is safe to show: no control character of an input reaches a terminal or a page."""

import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories of control, format (bidirectional overrides), surrogate and separator
characters.
"""


def visible(text: str) -> str:
    """The text with control and format characters written as escapes, such as `\\x1b`; printable
    text is unchanged.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN:
        return character
    return character.encode("unicode_escape").decode("ascii")

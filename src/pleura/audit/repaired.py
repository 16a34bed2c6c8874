"""What a text may have been before another program decoded or escaped it wrongly."""

import html
import re
from collections.abc import Iterator

_CHARSETS = tuple(
    "utf-8 iso8859-2 iso8859-5 iso8859-7 iso8859-9 cp1251 shift_jis euc_kr gb18030 tis-620".split()
)
_HEX = re.compile("(?:%|=|\\\\x)([0-9A-Fa-f]{2})")
_WIDE = re.compile("\\\\u([0-9A-Fa-f]{4})")


def repaired(text: str) -> Iterator[str]:
    """Other readings of a text; nothing where it has no sign of damage."""
    if re.search("&#?\\w+;", text):
        yield html.unescape(text)
    if _WIDE.search(text):
        yield _WIDE.sub(lambda code: chr(int(code[1], 16)), text)
    if _HEX.search(text):
        bare = _HEX.sub(lambda code: chr(int(code[1], 16)), text)
        yield bare
        yield from _decoded(bare)
    if not text.isascii():
        yield from _decoded(text)


def _decoded(text: str) -> Iterator[str]:
    for wrong in ("latin-1", "cp1252"):
        for right in _CHARSETS:
            try:
                yield text.encode(wrong).decode(right)
            except UnicodeError:
                continue

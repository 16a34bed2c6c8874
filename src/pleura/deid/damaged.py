"""Names as damaged or escaped text has them: decoded wrongly, with lost letters, as entities.

`Müller` stands as `MÃ¼ller` where UTF-8 was read as Latin-1, as `M?ller` where a letter was lost,
as `M&uuml;ller`, `M%C3%BCller` or `M\\u00fcller` where it was escaped, and 山田 as `;3ED` where the
escapes of ISO 2022 were not read.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from html import unescape
from html.entities import codepoint2name
from unicodedata import normalize
from urllib.parse import quote, unquote

_WRITTEN = (
    "utf-8 cp1252 iso8859-2 iso8859-5 iso8859-6 iso8859-7 iso8859-8 iso8859-9 cp1250 cp1251 cp1253 "
    "cp1254 cp1255 cp1256 koi8-r cp866 cp437 tis-620 shift_jis euc_jp iso2022_jp euc_kr iso2022_kr "
    "gb18030 big5"
)
WRITTEN = tuple(_WRITTEN.split())
READ = ("latin-1", "cp1252", "utf-8", "cp437")
SHORTEST = 3  # characters of a misread name
LETTERS = 3  # letters that are left where others were lost
_ESCAPE = re.compile("\x1b[$()*+,\\-./]{1,2}[A-Z0-9]?|[\x0e\x0f]")
_CODE = re.compile(r"\\X([0-9A-Fa-f]{2,4})\\|\\[uUx]\{?([0-9A-Fa-f]{2,4})\}?")
_QUOTED = re.compile(rb"=([0-9A-F]{2})")
_LOST = "[?_\ufffd¿\x1a]{1,2}"


def misreadings(words: Iterable[str]) -> set[str]:
    """Words with letters outside of ASCII as `lowered` text has them, misread or escaped."""
    found: set[str] = set()
    for word in words:
        if not word.isascii():
            found |= {lowered(word)} if is_misread(word) else set()
            for form in _cases(word):
                found |= {lowered(text) for text in (*_misread(form), *_escaped(form))}
    return {text for text in found if not text.isalpha() or not text.isascii()}


def is_misread(word: str) -> bool:
    """Whether a name is the bytes of another encoding, read as Latin-1 because none was declared:
    it has signs or control characters, or letters beyond ASCII only.
    """
    wide = [c for c in word if "\x80" <= c <= "\xff"]
    return bool(wide) and (len(wide) == len(word) > 3 or not all(c.isalpha() for c in wide))


def _cases(word: str) -> set[str]:
    composed = normalize("NFC", word)
    cases = {composed, composed.upper(), composed.lower(), composed.title()}
    return cases | {normalize("NFD", composed)}


def repairs(text: str) -> Iterator[str]:
    """What a text may have been before it was misread or escaped; nothing for plain text."""
    if "&" in text and ";" in text:
        yield unescape(text)
    if "%" in text:
        yield unquote(text)
    if "\\" in text:
        yield _CODE.sub(lambda found: chr(int(found[1] or found[2], 16)), text)
    if "=" in text:
        raw = _QUOTED.sub(lambda found: bytes([int(found[1], 16)]), text.encode("utf-8"))
        yield raw.decode("utf-8", "replace")
        yield raw.decode("latin-1")
    if not text.isascii():
        yield from set(_reread(text)) - {text}


def _reread(text: str) -> Iterator[str]:
    for read in ("latin-1", "cp1252", "cp437"):
        try:
            raw = text.encode(read)
        except UnicodeEncodeError:
            continue
        for written in WRITTEN:
            try:
                yield raw.decode(written)
            except UnicodeDecodeError:
                continue


def losses(words: Iterable[str]) -> list[str]:
    """Patterns of words with a sign in place of each letter outside of ASCII."""
    found = set()
    for word in words:
        if not word.isascii() and sum(c.isascii() for c in word) >= LETTERS:
            parts = (_LOST if ord(c) > 127 else re.escape(c) for c in normalize("NFC", word))
            found.add(rf"(?<![^\W_]){''.join(parts)}(?![^\W_])")
    return sorted(found)


def lowered(text: str) -> str:
    """`text` in lower case; every character keeps its position."""
    low = text.lower()
    if len(low) == len(text):
        return low
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def _misread(word: str) -> Iterator[str]:
    """The word written in one encoding and read in another."""
    for written in WRITTEN:
        try:
            raw = word.encode(written)
        except UnicodeEncodeError:
            continue
        for read in READ:
            text = _ESCAPE.sub("", raw.decode(read, "replace"))
            if text != word and _is_telling(text):
                yield text


def _is_telling(text: str) -> bool:
    """Whether enough of a misread word is left to search for."""
    left = text.replace("\ufffd", "").strip()
    return len(left) >= SHORTEST and len(set(left)) > 1


def _escaped(word: str) -> Iterator[str]:
    yield quote(word)
    yield _each(word, lambda c: f"\\u{ord(c):04x}")
    yield _each(word, lambda c: f"&#{ord(c)};")
    yield _each(word, lambda c: f"&#x{ord(c):x};")
    yield _each(word, lambda c: f"&{codepoint2name.get(ord(c), '')};")
    yield _each(word, lambda c: _quoted(c.encode()))
    yield _each(word, lambda c: _quoted(c.encode("latin-1", "ignore")))


def _quoted(raw: bytes) -> str:
    """Bytes as quoted-printable text."""
    return "".join(f"={byte:02X}" for byte in raw)


def _each(word: str, escaped: Callable[[str], str]) -> str:
    """The word with each letter outside of ASCII escaped."""
    return "".join(c if c.isascii() else escaped(c) for c in word)

"""Letters of other scripts that look like Latin ones, in words that mix scripts.

A keyboard left in the other layout writes `Мapия` with Latin letters among Cyrillic ones.
"""

_CYRILLIC = dict(zip("аеорсухіјѕкмтвнһԁґ", "aeopcyxijskmtbhhdr", strict=True))
_GREEK = dict(zip("αβεικνορτυχ", "abeiknoptux", strict=True))
_TO_LATIN = str.maketrans(_CYRILLIC | _GREEK)
_TO_CYRILLIC = str.maketrans(dict(zip("aeopcyxijskmtbh", "аеорсухіјѕкмтвн", strict=True)))
_TO_GREEK = str.maketrans({latin: greek for greek, latin in _GREEK.items()})


def unmixed(form: str) -> set[str]:
    """A word that mixes Latin with Cyrillic or Greek, read as of one script; else nothing."""
    if form.isascii() or not any("a" <= letter <= "z" for letter in form):
        return set()
    read = {form.translate(table) for table in (_TO_LATIN, _TO_CYRILLIC, _TO_GREEK)}
    return read - {form}

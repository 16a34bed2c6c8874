"""Cyrillic and Greek words in Latin letters, by the Unicode names of their letters.

CYRILLIC SMALL LETTER SHCHA is shch, and EL is l.
"""

import re
import unicodedata
from functools import lru_cache
from itertools import islice, product

_NAME = re.compile(r"(GREEK|CYRILLIC) \w+ LETTER (?:FINAL |SHORT |\S*UKRAINIAN )?([A-Z]+)(?: .+)?")
_VOWELS = {"YERU": ("y", "i"), "ETA": ("i",), "UPSILON": ("y", "u", "i"), "EPSILON": ("e",)}
_VOWELS |= {"OMEGA": ("o",), "OMICRON": ("o",), "ALPHA": ("a",), "IOTA": ("i",), "IE": ("e", "ye")}
_VOWELS |= {"IO": ("e", "yo", "io"), "YU": ("yu", "iu"), "YA": ("ya", "ia"), "YI": ("i", "yi")}
_SIGNS = {"HARD": ("",), "SOFT": ("",), "GHE": ("g", "h"), "HA": ("kh", "h"), "KHA": ("kh", "h")}
_SIGNS |= {"CHI": ("ch", "h"), "XI": ("x", "ks"), "BETA": ("v", "b"), "PHI": ("f", "ph")}
_MOST = 48


@lru_cache(maxsize=4096)
def romanised(word: str) -> frozenset[str]:
    """A Cyrillic or Greek word in the usual romanisations; empty for other words."""
    ways = []
    for letter in unicodedata.normalize("NFC", word):
        found = _NAME.fullmatch(unicodedata.name(letter, ""))
        if found:
            ways.append(_sounds(found[2]))
        elif not unicodedata.combining(letter):
            return frozenset()
    return frozenset(_ended("".join(way)) for way in islice(product(*ways), _MOST))


def _sounds(name: str) -> tuple[str, ...]:
    """What a letter sounds like: EL as l, SHCHA as shch, KAPPA as k, THETA as th."""
    if known := _VOWELS.get(name) or _SIGNS.get(name):
        return known
    if len(name) == 1:
        return (name.lower(),)
    if name[0] == "E":
        return (name[1].lower(),)
    return (re.split("[AEIOU]", name)[0].lower(),)


def _ended(word: str) -> str:
    """Юрий and Γεώργιος as people write them: one i for two, ou for two letters."""
    return word.replace("oy", "ou").replace("ii", "i")

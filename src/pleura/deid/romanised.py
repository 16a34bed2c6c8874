"""Compare names across scripts: Cyrillic and Greek words beside Latin ones.

A name is romanised in several ways (Щукин: Shchukin, Schukin, Ščukin). Both sides are reduced to
one key on which the ways agree: digraphs become one letter, and iotated vowels plain ones.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice, product

_CYRILLIC = (
    "аa бb вv гg,h дd еe ёe жz зz иi йi кk лl мm нn оo пp рr сs тt уu фf хh цc чc шs щs ъ ыi ь эe "
    "юu яa іi їi єe ґg ўu ђd јi љl њn ћc џd ќk ѓg ѕz әa ғg қk ңn өo ұu үu һh"
)
_GREEK = "αa βv,b γg,i δd εe ζz ηi,e θt ιi κk λl μm νn ξks οo πp ρr σs τt υi,u φf χh,c ψps ωo"
_LETTERS = {pair[0]: tuple(pair[1:].split(",")) for pair in f"{_CYRILLIC} {_GREEK}".split()}
_GREEK_PAIRS = {"ου": "у", "μπ": "б", "ντ": "д", "γκ": "г", "γγ": "нг", "ευ": "ев", "αυ": "ав"}
"""Greek pairs with one sound, in Cyrillic letters of that sound."""

_DIGRAPHS = (
    "shch:s sch:s tsch:c tch:c zh:z kh:h ch:c sh:s ts:c tz:c ph:f th:t dzh:d dj:d gh:g ck:k lj:l "
    "nj:n yu:u iu:u ju:u ya:a ia:a ja:a ye:e ie:e je:e yo:e io:e jo:e ou:u y:i j:i w:v x:ks q:k"
)
_REDUCED = dict(pair.split(":") for pair in _DIGRAPHS.split())
_DIGRAPH = re.compile("|".join(sorted(_REDUCED, key=len, reverse=True)))
_REPEATED = re.compile(r"(.)\1+")
_MOST = 16  # keys of one word
SHORTEST = 3  # letters of a key that identifies


def is_foreign(form: str) -> bool:
    """Whether a plain form is Cyrillic or Greek throughout."""
    return bool(form) and all(letter in _LETTERS for letter in form)


@lru_cache(maxsize=4096)
def foreign_keys(form: str) -> frozenset[str]:
    """The keys of a Cyrillic or Greek word in plain form; empty for other words."""
    if not is_foreign(form):
        return frozenset()
    for pair, sound in _GREEK_PAIRS.items():
        form = form.replace(pair, sound)
    ways = product(*(_LETTERS[letter] for letter in form))
    return _long_enough(_reduced("".join(way)) for way in islice(ways, _MOST))


@lru_cache(maxsize=4096)
def latin_keys(form: str) -> frozenset[str]:
    """The key of a word in plain Latin letters; empty for other words."""
    if len(form) <= SHORTEST or not (form.isascii() and form.isalpha()):
        return frozenset()
    return _long_enough([_reduced(form)])


def _reduced(word: str) -> str:
    short = _DIGRAPH.sub(lambda found: _REDUCED[found[0]], word)
    return _REPEATED.sub(r"\1", short)


def _long_enough(keys: Iterable[str]) -> frozenset[str]:
    return frozenset(key for key in keys if len(key) >= SHORTEST)

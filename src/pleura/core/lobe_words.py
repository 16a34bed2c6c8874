"""Words for the lobes of the lungs in some languages, which `core.lung_names` reads.

Full words only. Abbreviations would go wrong: `UL` is the upper lobe in English and the lower one
(Unterlappen) in German, `LID` is the French right lower lobe and an eyelid. Danish and Norwegian
are missing, because their upper lobe is spelt `overlap`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from pleura.core.lung_words import BY_NAME, LANGUAGES_OF, Language, is_side, listed

Lobe = Literal["", "upper", "middle", "lower"]
LONGEST = 40
"""[letters] Longer words are not split."""
LEVELS: tuple[Lobe, ...] = ("upper", "middle", "lower")


@dataclass(frozen=True)
class LobeWords:
    """Words of one language, separated by spaces.

    `levels` stand beside a word for lobe, and `lobes` are lobe and level in one word (Oberlappen):
    upper, middle and lower in this order. `fillers` mean nothing.
    """

    language: str
    lobe: str
    levels: tuple[str, str, str]
    lobes: tuple[str, str, str] = ("", "", "")
    fillers: str = ""


LOBE_WORDS = (
    LobeWords("English", "lobe lobes", ("upper superior", "middle", "lower inferior"),
              fillers="of the"),
    LobeWords("Latin", "lobus lobi", ("superior superioris", "medius medii",
                                      "inferior inferioris"), fillers="pulmonis"),
    LobeWords("German", "lappen lungenlappen",
              ("oberer oberen obere", "mittlerer mittleren mittlere", "unterer unteren untere"),
              ("oberlappen lungenoberlappen", "mittellappen lungenmittellappen",
               "unterlappen lungenunterlappen"), "der des"),
    LobeWords("Dutch", "kwab longkwab kwabben", ("bovenste", "middelste", "onderste"),
              ("bovenkwab longbovenkwab", "middenkwab middelkwab longmiddenkwab",
               "onderkwab longonderkwab"), "van de"),
    LobeWords("French", "lobe lobes",
              ("supérieur sup", "moyen moy", "inférieur inf"), fillers="du"),
    LobeWords("Spanish", "lóbulo lóbulos lobo", ("superior sup", "medio", "inferior inf"),
              fillers="del"),
    LobeWords("Portuguese", "lobo lobos lóbulo", ("superior sup", "médio", "inferior inf"),
              fillers="do"),
    LobeWords("Italian", "lobo lobi", ("superiore sup", "medio", "inferiore inf"),
              fillers="del"),
    LobeWords("Catalan", "lòbul lòbuls", ("superior", "mitjà", "inferior"), fillers="del"),
    LobeWords("Swedish", "lob loben lunglob",
              ("övre", "mellersta", "nedre"),
              ("överlob ovanlob överloben", "mellanlob mellanloben", "underlob underloben")),
    LobeWords("Finnish", "lohko", ("ylempi", "keskimmäinen", "alempi"),
              ("ylälohko", "keskilohko", "alalohko")),
    LobeWords("Polish", "płat płata", ("górny górnego", "środkowy środkowego",
                                       "dolny dolnego")),
    LobeWords("Czech", "lalok laloku", ("horní", "střední", "dolní")),
    LobeWords("Russian", "доля доли", ("верхняя верхней", "средняя средней", "нижняя нижней")),
    LobeWords("Turkish", "lob lobu", ("üst", "orta", "alt")),
    LobeWords("Chinese", "", ("", "", ""), ("上叶 上葉 肺上叶 肺上葉", "中叶 中葉 肺中叶 肺中葉",
                                         "下叶 下葉 肺下叶 肺下葉")),
    LobeWords("Japanese", "", ("", "", ""), ("上葉 肺上葉", "中葉 肺中葉", "下葉 肺下葉")),
    LobeWords("Korean", "", ("", "", ""), ("상엽 폐상엽", "중엽 폐중엽", "하엽 폐하엽")),
)  # fmt: skip


def _languages_of_lobes() -> dict[str, frozenset[Language]]:
    found: dict[str, frozenset[Language]] = {}
    for words in LOBE_WORDS:
        for word in listed(words.lobe, *words.lobes):
            found[word] = found.get(word, frozenset()) | {BY_NAME[words.language]}
    return found


LANGUAGES_OF_LOBES: Mapping[str, frozenset[Language]] = _languages_of_lobes()
"""Word for a lobe, with its level or without, to its languages."""
NOUNS = LANGUAGES_OF.keys() | LANGUAGES_OF_LOBES.keys()
"""Words for lungs and lobes."""
LEVEL_IN_WORD: Mapping[str, Lobe] = {
    word: level
    for words in LOBE_WORDS
    for level, text in zip(LEVELS, words.lobes, strict=True)
    for word in listed(text)
}


@lru_cache(maxsize=256)
def levels_beside(lobes: frozenset[str]) -> Mapping[str, Lobe]:
    """The words for levels that count beside some words for lobe."""
    levels: dict[str, Lobe] = {word: LEVEL_IN_WORD[word] for word in lobes & LEVEL_IN_WORD.keys()}
    for words in _words_of(lobes):
        for level, text in zip(LEVELS, words.levels, strict=True):
            levels.update(dict.fromkeys(listed(text), level))
    return levels


@lru_cache(maxsize=256)
def fillers_beside(lobes: frozenset[str]) -> frozenset[str]:
    """The words without a meaning that may stand beside some words for lobe."""
    return frozenset(listed(*(words.fillers for words in _words_of(lobes))))


@lru_cache(maxsize=256)
def languages_of(words: frozenset[str]) -> frozenset[Language]:
    """The languages that words for lungs, lobes and levels can be of.

    Those that all words of a lobe have in common: `lobe` is French too, `upper` is not, so that the
    D of `upper lobe D` is not the French droit.
    """
    lungs = [LANGUAGES_OF[word] for word in words if word in LANGUAGES_OF]
    lobes = [LANGUAGES_OF_LOBES[word] for word in words if word in LANGUAGES_OF_LOBES]
    if not lobes:
        return frozenset().union(*lungs)
    common = frozenset.intersection(*lobes)
    for word in words:
        spoken = {BY_NAME[one.language] for one in LOBE_WORDS if word in listed(*one.levels)}
        common = common & spoken if spoken else common
    return common


def parted(word: str) -> list[str]:
    """A side and a lung or lobe written as one word (`rechterlong`, 右肺) as two, else the word."""
    if len(word) > LONGEST:
        return [word]
    for end in range(1, len(word)):
        head, tail = word[:end], word[end:]
        for noun, side in ((tail, head), (head, tail)):
            if noun in NOUNS and is_side(side, languages_of(frozenset({noun}))):
                return [head, tail]
    return [word]


def _words_of(lobes: frozenset[str]) -> list[LobeWords]:
    names = {one.name for word in lobes for one in LANGUAGES_OF_LOBES.get(word, ())}
    return [words for words in LOBE_WORDS if words.language in names]

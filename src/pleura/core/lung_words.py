"""Words for lungs and their sides in many languages: the one table that `core.lung_names` reads.

A wrong side is the worst fault of a label, so a word is listed only where its side is certain:

* `right` and `left` mean a side in any name. `short_right` and `short_left` are letters,
  abbreviations and words that mean something else elsewhere (`sag`, `der`, `Dexter`). They count
  only beside a word for lung of their own language: `Pulmon D` is a right lung (derecho), `Lung D`
  is not.
* A word that two languages of one name put on different sides counts for neither: Latvian `L`
  (labais) is right, and English `L` left, so `Plausa L` has no side that is certain.
* Letters with which both sides begin (Turkish sağ and sol, Indonesian kanan and kiri) and letters
  that may count versions (Greek Α, Hungarian B) are not listed. Nor are Danish H and V, because
  `Lunge` is German too.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Side = Literal["right", "left", "both"]


@dataclass(frozen=True)
class Language:
    """Words of one language, separated by spaces; `plućno_krilo` is two words of a name.

    Accents and case do not matter (`fold`).
    """

    name: str
    lungs: str
    right: str = ""
    left: str = ""
    both: str = ""
    short_right: str = ""
    short_left: str = ""


LANGUAGES = (
    Language("English", "lung lungs", "r rt right", "l lt left",
             "both total all combined whole bilateral"),
    Language("Latin", "pulmo pulmones", "dx", "sx", "ambo",
             "d dxt dexter dextra dextri", "s sin sinister sinistra sinistri"),
    # western Europe
    Language("German", "lunge lungen lungenflügel lungenfluegel", "rechts rechte rechter rechten",
             "links linke linker linken", "beide beider gesamt", "re", "li"),
    Language("Dutch", "long longen", "rechts rechter", "links linker", "beide", "re", "li"),
    Language("Afrikaans", "long longe", "regter", "links linker", "albei", "regs"),
    Language("French", "poumon poumons", "droit droite", "gauche", "deux les_deux",
             "d dt drt", "g gch gche"),
    Language("Spanish", "pulmón pulmones", "derecho derecha", "izquierdo izquierda", "ambos",
             "d der dch dcho dcha", "i iz izq izdo izda izqdo"),
    Language("Portuguese", "pulmão pulmões", "direito direita", "esquerdo esquerda",
             "ambos ambos_os", "d dir dto", "e esq"),
    Language("Galician", "pulmón pulmóns", "dereito dereita", "esquerdo esquerda", "ambos"),
    Language("Catalan", "pulmó pulmons", "dret dreta", "esquerre esquerra", "ambdós", "d", "e esq"),
    Language("Italian", "polmone polmoni", "destro destra dx", "sinistro sinistra sx", "entrambi",
             "d dex", "s sin"),
    Language("Basque", "birika birikak", "eskuin eskuina eskuineko", "ezker ezkerra ezkerreko"),
    # the north
    Language("Swedish", "lunga lungan lungor lungorna", "höger högra hoeger", "vänster vänstra "
             "vaenster", "båda bägge", "h hö dx", "v vä sin"),
    Language("Danish and Norwegian", "lunge lunger lungene lungerne",
             "højre høyre høgre hoejre hoeyre", "venstre", "begge", "dxt", "sin"),
    Language("Icelandic", "lunga lungu lungun", "hægra hægri", "vinstra vinstri", "bæði"),
    Language("Finnish", "keuhko keuhkot", "oikea", "vasen", "molemmat", "oik", "vas"),
    Language("Estonian", "kops kopsud", "parem parempoolne", "vasak vasakpoolne", "mõlemad"),
    Language("Latvian", "plauša plaušas plaucis", "labais", "kreisais kreisā", "abas", "labā l"),
    Language("Lithuanian", "plautis plaučiai", "dešinys dešinysis", "kairys kairysis", "abu"),
    # central and eastern Europe
    Language("Polish", "płuco płuca płuc", "prawe prawy prawego", "lewe lewy lewego", "oba obu",
             "p pr", "l lew"),
    Language("Czech", "plíce plíci plic", "pravá pravé", "levá levé", "obě", "p pr", "l lev"),
    Language("Slovak", "pľúca pľúc pľúco", "pravá pravé", "ľavé ľavá", "obe", "p pr", "l ľav"),
    Language("Slovene", "pljuča pljuč pljučno_krilo pljučni_krili", "desno desna", "levo leva",
             "obe obe", "d des", "l lev"),
    Language("Croatian, Bosnian and Serbian", "pluća plućno_krilo plućna_krila", "desno desna",
             "lijevo lijeva levo leva", "oba obje", "d des", "l lij lev"),
    Language("Hungarian", "tüdő tüdők tüdőfél", "jobb jobboldali jobb_oldali",
             "baloldali bal_oldali", "mindkét", "", "bal"),
    Language("Romanian", "plămân plămânul plămâni plămânii", "drept dreptul", "stâng stângul",
             "ambii", "d dr", "s st"),
    Language("Russian", "легкое легкие легкого легких", "правое правого", "левое левого", "оба",
             "п пр прав", "л лев"),
    Language("Ukrainian", "легеня легені легень", "права правої", "ліва лівої", "обидві",
             "п пр прав", "л лів"),
    Language("Bulgarian and Macedonian", "бял_дроб бели_дробове бел_дроб бели_дробови",
             "десен десния десно", "ляв левия", "двата", "", "лев"),
    Language("Serbian in Cyrillic letters", "плућа плућно_крило плућна_крила", "десно десна",
             "лево лева лијево", "оба"),
    Language("Greek", "πνεύμονας πνεύμονα πνεύμονες πνευμόνων πνεύμων", "δεξιός δεξιό δεξιού δεξιά",
             "αριστερός αριστερό αριστερού αριστερά", "δύο", "δε δεξ", "αρ αριστ"),
    Language("Armenian", "թոք թոքեր", "աջ", "ձախ"),
    Language("Georgian", "ფილტვი ფილტვები", "მარჯვენა", "მარცხენა"),
    # the Near East and Asia
    Language("Turkish", "akciğer akciğerler", "", "", "her_iki", "sağ", "sol"),
    Language("Arabic", "رئة الرئة رئتين الرئتين الرئتان", "يمنى اليمنى يمين", "يسرى اليسرى يسار",
             "كلتا"),
    Language("Persian", "ریه ریه_ها ریهها", "راست", "چپ"),
    Language("Hebrew", "ריאה הריאה ריאות", "ימין ימנית הימנית", "שמאל שמאלית השמאלית", "שתי"),
    Language("Hindi", "फेफड़ा फेफड़े", "दायां दायाँ दाहिना", "बायां बायाँ", "दोनों"),
    Language("Bengali", "ফুসফুস", "ডান", "বাম"),
    Language("Tamil", "நுரையீரல்", "வலது", "இடது"),
    Language("Thai", "ปอด", "ขวา ข้างขวา", "ซ้าย ข้างซ้าย", "สองข้าง ทั้งสองข้าง"),
    Language("Vietnamese", "phổi", "phải", "trái", "hai"),
    Language("Indonesian and Malay", "paru", "", "", "kedua", "kanan", "kiri"),
    Language("Chinese", "肺 肺部 肺脏 肺臟", "右 右侧 右側", "左 左侧 左側",
             "双 雙 两 兩 全 双侧 雙側 两侧 兩側"),
    Language("Japanese", "肺 肺臓", "右 右側 右の", "左 左側 左の", "両 両側 全"),
    Language("Korean", "폐 폐장", "우 우측 오른 오른쪽", "좌 좌측 왼 왼쪽", "양 양측 양쪽"),
)  # fmt: skip

NEEDS_SIDE = frozenset({"long", "longe"})
"""Words for lung that mean something else where no side stands beside them."""
LETTERS = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th",
     "ة": "ه", "ى": "ي", "ی": "ي", "ک": "ك"}
)  # fmt: skip
"""Letters without a decomposition in Unicode, and other forms of one letter."""


def plain(text: str) -> str:
    """The text without accents and other marks, in usual forms of letters (half width)."""
    parted = unicodedata.normalize("NFKD", text)
    bare = "".join(c for c in parted if not unicodedata.category(c).startswith("M"))
    return unicodedata.normalize("NFC", bare)


def fold(text: str) -> str:
    """The text without marks and case."""
    return plain(text).casefold().translate(LETTERS)


def listed(*words: str) -> Iterator[str]:
    """The words of some texts, folded."""
    for text in words:
        yield from fold(text).split()


def _languages_of() -> dict[str, frozenset[Language]]:
    found: dict[str, frozenset[Language]] = {}
    for language in LANGUAGES:
        for word in listed(language.lungs):
            found[word] = found.get(word, frozenset()) | {language}
    return found


BY_NAME: Mapping[str, Language] = {language.name: language for language in LANGUAGES}
LANGUAGES_OF: Mapping[str, frozenset[Language]] = _languages_of()
"""Word for lung to its languages."""
SIDES: Mapping[str, Side] = {
    **{word: "right" for language in LANGUAGES for word in listed(language.right)},
    **{word: "left" for language in LANGUAGES for word in listed(language.left)},
}
"""Words that mean a side in any name."""
BOTH = frozenset(listed(LANGUAGES[0].both))
"""English words for both lungs, which count in any name."""


@dataclass(frozen=True)
class Words:
    """What words mean in one name: `sides` by word, and words that mean both lungs."""

    sides: Mapping[str, Side]
    both: frozenset[str]


@lru_cache(maxsize=256)
def words_beside(languages: frozenset[Language]) -> Words:
    """The words for sides that count in names of some languages.

    A word that means right in one of them and left in another is not among them.
    """
    sides: dict[str, set[Side]] = {word: {side} for word, side in SIDES.items()}
    both = set(BOTH)
    for language in languages:
        both.update(listed(language.both))
        for word in listed(language.short_right):
            sides.setdefault(word, set()).add("right")
        for word in listed(language.short_left):
            sides.setdefault(word, set()).add("left")
    certain = {word: next(iter(found)) for word, found in sides.items() if len(found) == 1}
    return Words(certain, frozenset(both))


PHRASES = frozenset(
    word
    for word in (*LANGUAGES_OF, *SIDES, *listed(*(language.both for language in LANGUAGES)))
    if "_" in word
)
"""Words of two parts, which a name separates by a space or a sign."""


def joined(words: list[str]) -> list[str]:
    """The words of a name, with the two parts of a phrase as one word."""
    found: list[str] = []
    for word in words:
        phrase = f"{found[-1]}_{word}" if found else ""
        if phrase in PHRASES:
            found[-1] = phrase
        else:
            found.append(word)
    return found


def is_side(word: str, languages: frozenset[Language]) -> bool:
    """Whether a part of a word is a side, or both; no single letter that has cases is."""
    if len(word) == 1 and unicodedata.category(word) != "Lo":
        return False
    words = words_beside(languages)
    return word in words.sides or word in words.both

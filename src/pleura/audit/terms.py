"""Terms that identify nobody: structures, scanners and kernels, as the audit knows them.

The lists are deliberately not the engine's. Words of anatomy come from the meanings of the
Standard's codes (SNOMED CT and DICOM, as pydicom distributes them); words of planning and of
scanners are listed here.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

from pleura.audit.vocabulary import COMMON


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


PLANNING = _words(
    "apex apices avoid avoidance axilla background base baseline baseplate bases bellyboard "
    "bilat body bolus boost both breastboard canal carina chestwall clip clips combined "
    "contra cord couch crop dose edge eso esoph eval evl exp external fiducial glnd great "
    "heart hilar hilum hot ibeam igrt inner insert interior intermediate internal ipsi itv "
    "jaw lad lca lcx left lobe low lower lung lungs main marker markers medium metal mid "
    "minus mip musc node nodes nrv opt optic organ outer outline pacemaker phase plan plane "
    "primary prv ptv rail rails region residual right rind ring scar seed seroma spinal "
    "sternum sub supra surface table tabletop target thick thin tissue total trachea tumor "
    "tumour upper vessel vessels wall water wire wires zone"
)
TG263 = _words(
    "acetabulum arytenoid areola airway anal ascending atrium bag bowel brachioceph "
    "brachiocephls brachialplex brachialplexs cartlg cauda equina cavernosum cavity cerebrum "
    "cerv cflx cingulate cist cochlea colon condyloid constrict coronoid cribriform cricoid "
    "cricopharyngeus decending dens digastric dist duodenum gallbladder genioglossus "
    "geniohyoid glenohum glottis growth gyrus helmet hepatogastrc hippocampi hippocampus "
    "humeral hyoglossus hypophyseal hypothalmus iliac iliacus incus inguinofem isodose jejuno "
    "jejunum joint laryngl large larynx leptomeninges lumbar malleus masseter maxilry "
    "mesenteric mesorectum mylohyoid nadj nasalconcha obturator omohyoid orbit ostomy ovaries "
    "ovary paraaortic parametrium parotid platysma plexus pons pontine portahepatis postop "
    "presacral proc prostatc prox psoas pterygoid pubic pylorus quad retrophar retrosty sacro "
    "scalp sclav sclmast shaft sinus small sphenoid spongiosum stapes sternocleid strct "
    "sublings subclavicular submand supmammary suprapatel supraclav suprasellar surf symphys "
    "temporalis tendon thor tmjoint urethra ventricular"
)
"""Abbreviations and other words of AAPM TG-263 that are not among the Standard's meanings."""
SCANNERS = _words(
    "accuray activion alexion all alpha apex aquilion as ascend asteion astelion at axiom "
    "balance big biograph bone bore brightspeed brilliance canon cardiac computed confidence "
    "corporation ct cte cxl definition detail discovery drive ds duo edge elekta emotion evo "
    "flash force frontier gantry ge gemini gems go gsi hd healthcare healthineers hispeed "
    "hitachi horizon ict imaging inc incisive infinity ingenuity iq iqon lb lightning "
    "lightspeed ltd lung maxima mct mec medical mx naeotom neusoft neuviz now one open optima "
    "perspective pet philips picker plus power precision prime pro prospeed qx revolution rt "
    "rx rxl samsung scenaria scope select sensation sharp shimadzu siemens sim smart smooth "
    "soft somatom spectral speed spirit st standard ste supria symbia synergy system systems "
    "tf top toshiba truebeam truepoint uct uih ultra united up varian vct vereos versa vision "
    "volume xceed xcite xtra zoom"
)


@cache
def meanings() -> Mapping[tuple[str, str], set[str]]:
    """Meanings of the Standard's codes (PS3.16) by scheme and value, from pydicom."""
    from pydicom.sr import _concepts_dict

    concepts: Any = _concepts_dict.concepts
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for scheme, keywords in concepts.items():
        for values in keywords.values():
            for value, (meaning, *_) in values.items():
                found[scheme, value].add(meaning)
    return found


@cache
def _anatomy() -> frozenset[str]:
    words: set[str] = set()
    for (scheme, _), texts in meanings().items():
        if scheme == "SCT":
            words.update(re.findall("[a-z]+", " ".join(texts).lower()))
    return frozenset(words)


@lru_cache(maxsize=1024)
def is_structure(label: str) -> bool:
    """Whether all words of a label are anatomy, terms of planning, or numbers of a plan."""
    words = re.findall(r"[^\W\d_]+|\d+", re.sub(r"([a-z])([A-Z])", r"\1 \2", label).lower())
    if not words or not any(word[0].isalpha() for word in words):
        return False
    return all(_is_count(word) if word[0].isdecimal() else _is_term(word) for word in words)


def _is_count(digits: str) -> bool:
    return len(digits) <= 3 or (len(digits) <= 5 and int(digits) % 5 == 0 and int(digits) <= 12_000)


def _is_term(word: str) -> bool:
    if len(word) < 4 or re.fullmatch("[ij]?[gcpi]tv[a-z]{0,3}", word):
        return True  # too short to search for inside text
    forms = {word, word.removesuffix("s"), word + "s"}
    return bool(forms & (PLANNING | TG263)) or bool(forms & _anatomy()) or word.encode() in COMMON


def is_of_collection(word: str, name: str) -> bool:
    """Whether a word of a subject's name with a number is anatomy: Lung of Lung_Dx-A0001."""
    has_number = any(character.isdigit() for character in name)
    return has_number and is_structure(word)


@lru_cache(maxsize=1024)
def is_technical(value: str) -> bool:
    """Whether a whole value is a manufacturer, a model, a kernel or a defined term."""
    words = re.findall(r"[^\W\d_]+", value.lower())
    return bool(words) and all(
        len(word) < 4 or word in SCANNERS or word.encode() in COMMON for word in words
    )

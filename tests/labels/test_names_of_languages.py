"""Names of lungs in many languages: the right side, or no lung at all."""

from itertools import pairwise
from unicodedata import normalize

import numpy as np
import pytest

from pleura.core.errors import InputRefused
from pleura.core.lung_names import LungPart, lung_parts, near_names, part_of, side_of
from pleura.core.lung_words import LANGUAGES, LANGUAGES_OF, SIDES, fold
from pleura.geometry.grid import Grid
from pleura.labels.structures import Structure, assemble

RIGHT = (
    "płuco prawe, Prawe płuco, PLUCO_P, höger lunga, LUNGA HÖGER, Lunga_H, "
    "hoger lunga, Lunga dx, Højre lunge, høyre lunge, Hoejre_lunge, Oikea keuhko, keuhko oik., "
    "pravá plíce, plice P, pravé pľúca, Jobb tüdő, jobbtüdő, jobb oldali tüdő, SAĞ AKCİĞER, "
    "Akciğer sağ, sag akciger, Pulmão_D, Pulmao D, PulmaoD, pulmão direito, Pulmao (Dir), "
    "Pulmon D, Pulmón der., PULMON DCHO, Poumon_D, Poumon droit, Polmone D, polmone dx, "
    "plămân drept, plaman D, pulmó dret, pulmón dereito, eskuineko birika, pljuča desno, "
    "desno plućno krilo, Pluca D, десно плућно крило, правое лёгкое, ПРАВОЕ ЛЕГКОЕ, Легкое_П, "
    "ПравоеЛегкое, прав. легкое, права легеня, десен бял дроб, Δεξιός πνεύμονας, "
    "ΠΝΕΥΜΟΝΑΣ ΔΕΞ, աջ թոք, მარჯვენა ფილტვი, الرئة اليمنى, رئه يمنى, ریه راست, ריאה ימנית, "
    "दायाँ फेफड़ा, ডান ফুসফুস, வலது நுரையீரல், ปอดขวา, ปอดข้างขวา, phổi phải, Phoi phai, "
    "paru kanan, Paru-paru kanan, labā plauša, dešinys plautis, parem kops, hægra lunga, "
    "rechterlong, Long_R, Long re, Lunge re, rechter Lungenflügel, regterlong, Pulmo dexter, "
    "右肺, 肺右, 肺(右), 右側肺, 右の肺, 右侧肺, 右肺部, 우폐, 우측 폐, 오른쪽폐, Lung 右, "
    "Ｌｕｎｇ＿Ｒ, Lungs_right"
)
LEFT = (
    "płuco lewe, Pluco_L, vänster lunga, Lunga V, Lunga sin, venstre lunge, Vasen keuhko, "
    "levá plíce, plíce L, ľavé pľúca, Bal tüdő, baltüdő, bal oldali tüdő, sol akciğer, "
    "SOL AKCIGER, Pulmão_E, Pulmao E, pulmao esq, Pulmon I, Pulmón izq., Poumon G, "
    "poumon gauche, Polmone S, polmone sx, plămân stâng, pulmó esquerre, pulmón esquerdo, "
    "ezkerreko birika, pljuča levo, lijevo plućno krilo, pluca L, лево плућно крило, "
    "левое легкое, Легкое Л, ліва легеня, ляв бял дроб, лев бел дроб, Αριστερός πνεύμονας, "
    "ձախ թոք, მარცხენა ფილტვი, الرئة اليسرى, ریه چپ, ריאה שמאל, बायाँ फेफड़ा, বাম ফুসফুস, "
    "இடது நுரையீரல், ปอดซ้าย, phổi trái, paru kiri, kreisā plauša, kairys plautis, "
    "vasak kops, vinstra lunga, linkerlong, Long L, Lunge li, linke Lunge, linkerlong, "
    "Pulmo sinister, 左肺, 左侧肺, 左側肺, 좌폐, 좌측폐, 왼쪽 폐, 左肺臓"
)
BOTH = (
    "płuca, oba płuca, lungor, båda lungorna, begge lunger, keuhkot, plíce, obě plíce, tüdők, "
    "mindkét tüdő, akciğerler, her iki akciğer, pulmões, ambos os pulmões, ambos pulmones, "
    "les deux poumons, beide longen, Lungen gesamt, plaušas, легкие, оба легких, "
    "бели дробове, πνεύμονες, الرئتين, ריאות, ปอด, phổi, paru-paru, 肺, 両肺, 双肺, 兩肺, 全肺, "
    "폐, 양폐, 양측 폐"
)
OTHERS = (
    # letters and words of one language beside the word of another, or beside one that two share
    "Lung_D, Lung_E, Lung_I, Lung H, Lung V, Lunge_H, Lunge V, Lung sag, Lung bal, Lung der, "
    "Lung Dexter, Lung Levy, Lung Kiri, Lunga nodul höger, "
    # letters that are not certain in their own language
    "Plausa L, Akciger S, paru K, Tüdő B, Πνεύμονας Α, phoi T, Pulmon E, "
    # two sides at once, and words that are not of lungs
    "Pulmon D I, 左右肺, höger vänster lunga, Long, Sol, Bal, дроб, черен дроб, höger, 右, "
    # targets, margins, lobes and copies
    "右肺-GTV, płuco prawe - PTV, Lung_R-GTV, Pulmon D-PTV, Pulmão_D_PRV05, Pulmon D2, 右肺1, "
    "Płat górny płuca prawego, 右肺上葉, 우폐상엽, правое легкое минус PTV, lóbulo pulmón derecho, "
    "Oberlappen Lunge rechts, höger lunga ring, zPluco_P"
)


def names(text):
    return [name.strip() for name in text.split(", ") if name.strip()]


def spellings(name):
    """The name in other cases, and with its accents composed or apart."""
    forms = {name, name.replace(" ", "_")}
    if not any(a.islower() and b.isupper() for a, b in pairwise(name)):
        forms |= {name.upper(), name.lower()}
    return {normalize(kind, form) for form in forms for kind in ("NFC", "NFD")}


@pytest.mark.parametrize(
    ("listed", "side"), [(RIGHT, "right"), (LEFT, "left"), (BOTH, "both"), (OTHERS, None)]
)
def test_side_of_names(listed, side):
    wrong = {
        name: side_of(form)
        for name in names(listed)
        for form in spellings(name)
        if side_of(form) != side
    }
    assert wrong == {}


def test_every_word_of_every_language_gives_its_side():
    wrong = {
        (language.name, name): side_of(name)
        for language in LANGUAGES
        for side in ("right", "left")
        for word in f"{getattr(language, side)} {getattr(language, f'short_{side}')}".split()
        for lung in language.lungs.split()
        for name in (f"{lung} {word}".replace("_", " "), f"{word}-{lung}")
        if side_of(name) != side
    }
    assert wrong == {
        ("Latvian", name): None
        for lung in ("plauša", "plaušas", "plaucis")
        for name in (f"{lung} l", f"l-{lung}")
    }


def test_no_word_is_right_and_left_in_any_name():
    right = {word for language in LANGUAGES for word in fold(language.right).split()}
    left = {word for language in LANGUAGES for word in fold(language.left).split()}
    assert right & left == set()
    assert set(SIDES) == right | left
    assert not set(SIDES) & set(LANGUAGES_OF)


def test_partial_structures_stay_partial():
    assert part_of("Pulmão~_D") == LungPart("right", partial=True)
    assert part_of("右肺～") == LungPart("right", partial=True)
    grid = Grid.axial((2, 4, 4), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    voxels = np.ones(grid.shape, bool)
    part = part_of("Płuco~_P")
    with pytest.raises(InputRefused) as told:
        assemble([Structure("Płuco~_P", part, voxels, 1)], ["Płuco~_P"], grid)
    assert told.value.code == "LUNG-PARTIAL"


def test_names_close_to_a_lungs_are_listed_without_other_words():
    assert near_names(["płuco prawe - PTV", "Lungs"]) == ["płuco prawe - PTV"]
    assert near_names(["Płuco Kowalski"]) == ["Płuco …"]
    assert near_names(["Pulmon Kowalska D"]) == ["Pulmon … …"]
    assert near_names(["Sol", "Long axis", "Heart"]) == []


def test_sides_alone_are_lungs_where_all_labels_are_sides():
    assert lung_parts(["background", "höger", "vänster"]) == {
        "höger": LungPart("right"),
        "vänster": LungPart("left"),
    }
    assert lung_parts(["右", "左"])["右"] == LungPart("right")
    assert lung_parts(["sağ", "sol"]) == {}

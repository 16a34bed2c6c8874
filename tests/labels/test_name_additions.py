"""What products add to the names of lungs, and lobes in other languages: certain, or not taken."""

import numpy as np
import pytest

from pleura.core.errors import InputRefused, UsageError
from pleura.core.lobe_words import LANGUAGES_OF_LOBES, LOBE_WORDS
from pleura.core.lung_names import lung_parts, part_of, side_of
from pleura.core.lung_words import LANGUAGES, listed
from pleura.core.name_additions import is_addition
from pleura.geometry.grid import Grid
from pleura.labels.mappings import from_names
from pleura.labels.structures import Structure, assemble

RIGHT = (
    "Lung_R_AI, Lung R (AI), 01_Lung_R, Lung_R_v2, AI_Lung_R, Lung_R_MIM, LungR_Limbus, "
    "Lung_R_TotalSegmentator, totalsegmentator_lung_right, Lung_R_nnUNet, nnUNetv2 Lung_R, "
    "Lung_R_DLC, auto_Lung_R, Lung_R_auto_contour, Lung_R auto-segmented, Lung Right [AI], "
    "1. Lung_R, (12) Lung R, 013_lung_right, Lung_R_v1.2, Lung_R version 2, Lung^AI_R, Lung_R^AI, "
    "Lung_R-AI, Lung_R_AI_v3, Lung_R_Contour_Protege_AI, Lung_R (Mirada DLCExpert), DL Lung R, "
    "Lung_R_ART-Plan, Lunge rechts AI, 右肺 AI, Poumon_D_Limbus, Pulmón D (auto)"
)
OTHERS = (
    "Lung_R-GTV, Lung_R_Sub, Lung_R_PRV, Lung_R_PRV05, Lung_Upper_R, Lung_R_05, Lung_R2, "
    "Lung_R_2, Lung_R_V5, Lung_R_V20, Lung_R_V05, V20 Lung_R, Lung_R_v2_20, 50%_Lung_R, "
    "20Gy_Lung_R, Lung_R_ML, Lung_R_seg, Lung_R_contour, Lung_R_ring_AI, zLung_R_AI, "
    "Lung_R_AI-PTV, 2024 Lung_R, Lung_R_AI_GTV, AI, auto, 01, Lung_R_old, 5mm Lung_R, "
    "1.5_Lung_R, Lung_R_S6_AI, AI Smith Lung_R, Lung_R_Monaco, Lung_R_AI_2"
)
LOBES = {
    "Lung_RUL": "rechter Oberlappen, Oberlappen rechts, Lungenoberlappen_R, oberer Lappen rechts, "
    "Oberlappen der rechten Lunge, lobe supérieur droit, Lobe_Sup_D, lóbulo superior derecho, "
    "lóbulo superior del pulmón dcho., Lobo superiore destro, lobo superior direito, "
    "rechter bovenkwab, bovenkwab van de rechter long, höger överlob, 右肺上叶, 右上葉, 우상엽, "
    "Płat górny płuca prawego, верхняя доля правого легкого, Upper lobe of right lung, "
    "oikea ylälohko, lobus superior pulmonis dextri, Oberlappen rechts AI",
    "Lung_RML": "Mittellappen re, lobe moyen droit, lóbulo medio derecho, lobo medio dx, "
    "lobo médio direito, rechtermiddenkwab, 右中葉, 右肺中叶",
    "Lung_RLL": "Unterlappen rechts, lobe inférieur droit, lóbulo inferior derecho, "
    "lobo inferiore destro, lobo inferior direito, rechter onderkwab",
    "Lung_LUL": "Oberlappen links, lobe supérieur du poumon gauche, lóbulo superior izquierdo, "
    "lobo superiore sinistro, lobo superior esquerdo, linker bovenkwab",
    "Lung_LLL": "Unterlappen li, Lobe inf. G, lóbulo inferior izq., lobo inferiore sinistro, "
    "lobo inferior do pulmão esquerdo, lobo inferior E, linkeronderkwab, 左下葉",
}
NO_LOBES = (
    "lobe moyen gauche, Mittellappen links, lobo medio, lobo derecho, lóbulo derecho hígado, "
    "upper lobe D, lung overlap R, Temporal lobe L, upper right, Oberlappen, lobe sup, lobo S D, "
    "thyroid lobe R, Oberlappen rechts links, upper lobe lower lobe R, Lid_R, LID, "
    "Kleinhirn Unterlappen rechts, lobo superior dcha GTV, Oberlappen rechts Meier"
)

CHANGED = (
    "Lung_R_V4, Lung_R_V2.5, V2_Lung_R, v2 Lung_R, Lungs_V4, LungV4R, LUNG R V 1, 左肺 V4, "
    "lung_r_v4%, Lung_R v4 [%], Lung_R<, ¬Lung_R, RUL_V4, "
    "Lung_R_Pleura, Pleura Lung R, right lung - pleura AI, "
    "Lungs-Lung_R, Total-Lung_R, All - Lung_R, Lung_R-RUL, RUL-Lung R, Lung_R−RUL, Lung_R/RUL, "
    "Both–Lung R, Lung_R + Lung_RUL, Lung_R∪RUL, Lung_R*RUL, Lung_R|RUL, Lung_R─RUL, Lung_R－RUL, "
    "両肺-右肺, Poumons-Poumon D, Lunge rechts-Oberlappen rechts, "
    "lunga v2, Lunga_V_1, lungan v 2"
)
"""A part by dose, the pleura, a difference of two structures, and a left lung (V) in Swedish."""


def names(text):
    return [name.strip() for name in text.split(", ") if name.strip()]


def test_a_lung_with_what_products_add_is_a_lung():
    assert {name: side_of(name) for name in names(RIGHT) if side_of(name) != "right"} == {}
    mirrored = [name for name in names(RIGHT) if "Lung_R" in name]
    assert {side_of(name.replace("Lung_R", "Lung_L")) for name in mirrored} == {"left"}


def test_what_may_be_another_structure_is_not_taken():
    assert {name: part_of(name) for name in names(OTHERS) if part_of(name)} == {}


def test_signs_and_capitals_that_change_the_structure_are_heeded():
    assert {name: part_of(name) for name in names(CHANGED) if part_of(name)} == {}
    for name in ("Total Lung R", "Lung-R", "right-upper-lobe", "Lung/Right", "Paru-paru kanan"):
        assert part_of(name).side == "right"


@pytest.mark.parametrize("sign", "~∼˜～〜⁓")
def test_every_form_of_the_sign_for_a_partial_structure_counts(sign):
    assert part_of(f"Lung{sign}_R").partial
    assert side_of(f"Lung{sign}_R") is None


@pytest.mark.parametrize("lobe", LOBES)
def test_lobes_in_other_languages(lobe):
    found = {name: part_of(name) for name in names(LOBES[lobe])}
    assert {n: p for n, p in found.items() if p is None or lobe not in p.name} == {}


def test_what_may_not_be_a_lobe_of_a_lung_is_not_taken():
    assert {name: part_of(name) for name in names(NO_LOBES) if part_of(name)} == {}


def test_no_addition_is_a_word_of_any_language():
    words = {*listed(*(one.lungs for one in LANGUAGES)), *LANGUAGES_OF_LOBES}
    for one in LANGUAGES:
        words |= {*listed(one.right, one.left, one.both, one.short_right, one.short_left)}
    for one in LOBE_WORDS:
        words |= {*listed(*one.levels, one.fillers)}
    assert {word for word in words if is_addition(word)} == set()


def structures(*named):
    """Structures with these names, each a slice of its own or the one that is given."""
    found = []
    for k, (name, *at) in enumerate(named):
        voxels = np.zeros(GRID.shape, dtype=bool)
        voxels[at[0] if at else k] = True
        found.append(Structure(name, part_of(name), voxels, 1))
    return assemble(found, [name for name, *_ in named], GRID)


GRID = Grid.axial((6, 4, 4), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))


def outcome(*named):
    mask, findings = structures(*named)
    sides = [np.flatnonzero((mask.labels == side).any(axis=(1, 2))).tolist() for side in (1, 2)]
    return sides, {one.code for one in findings}


def test_plain_names_come_before_names_with_additions():
    added, unused = "LUNG-NAMES-WITH-ADDITIONS", "LUNG-NAMES-UNUSED"
    assert outcome(("Lung_R_AI",), ("Lung_L_AI",)) == ([[0], [1]], {added})
    assert outcome(("Lung_R",), ("Lung_L",), ("Lung_R_AI",)) == ([[0], [1]], {unused})
    assert outcome(("Lung_R",), ("Lung_L_v2",)) == ([[0], [1]], {added})
    assert outcome(("Lungs",), ("Lung_R_AI",)) == ([[0], []], {unused})
    assert outcome(("Lung_R",), ("Lungs_AI",)) == ([[0], []], {unused, "ONE-LUNG"})
    assert outcome(("01_Lung_R",), ("02_Lung_L",)) == ([[0], [1]], {added})


def test_both_lungs_and_one_of_two_products_are_not_mixed():
    mixed = outcome(("Lung_R_Limbus",), ("Lungs_MIM",))
    assert mixed == ([[0], []], {"LUNG-NAMES-WITH-ADDITIONS", "LUNG-NAMES-UNUSED", "ONE-LUNG"})
    one = outcome(("01_Lung_R_AI",), ("02_Lungs_AI", slice(0, 2)))
    assert one == ([[0], [1]], {"LUNG-NAMES-WITH-ADDITIONS", "LUNG-DERIVED"})


@pytest.mark.parametrize("second", ["Lung_R_MIM", "Lung_R_v2", "02_Lung_R", "AI Lung R"])
def test_two_different_candidates_of_a_side_are_refused(second):
    with pytest.raises(InputRefused) as caught:
        structures(("Lung_R_AI",), (second,), ("Lung_L",))
    assert caught.value.code == "LUNG-TWICE"


def test_two_labels_of_one_side_in_a_data_set_are_refused():
    assert from_names({"Lung_R": 1, "Lung_R_AI": 3, "Lung_L": 2}).right == (1,)
    assert from_names({"Lung_R_AI": 1, "Lung_L_AI": 2}).left == (2,)
    for labels in ({"Lung_R_AI": 1, "Lung_R_MIM": 2, "Lung_L": 3},
                   {"Lung_R": 1, "right lung": 2, "Lung_L": 3}):  # fmt: skip
        with pytest.raises(UsageError, match="two labels"):
            from_names(labels)


def test_lobes_with_and_without_additions_are_not_mixed():
    listed_names = ["RUL", "RML_AI", "RLL_AI", "Lung_L"]
    assert set(lung_parts(listed_names)) == {"RUL", "Lung_L"}

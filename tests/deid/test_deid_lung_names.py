"""Lungs that are named in any language keep their side: as the name that AAPM TG-263 gives them."""

import pytest
from testing.field_cases.identity import audit, ct, rois

LUNGS = {
    "Lunge rechts": "Lung_R",
    "Pulmón izquierdo": "Lung_L",
    "Poumon_D": "Lung_R",
    "höger lunga": "Lung_R",
    "Płuco lewe": "Lung_L",
    "правое лёгкое": "Lung_R",
    "右肺": "Lung_R",
    "Poumons": "Lungs",
    "Lunge rechts (AI)": "Lung_R_AI",
    "LungR_Limbus": "Lung_R_Limbus",
    "03 Poumon_G": "03_Lung_L",
    "Oberlappen rechts": "Lung_RUL",
    "lobe moyen droit": "Lung_RML",
    "lóbulo inferior izquierdo": "Lung_LLL",
    "lobo superiore sinistro": "Lung_LUL",
    "lobo inferior direito": "Lung_RLL",
    "linkerbovenkwab": "Lung_LUL",
}


@pytest.mark.parametrize("name", LUNGS)
def test_lung_keeps_its_side(tmp_path, name):
    assert rois(tmp_path, ct("Roe^Jane", "A1"), [name]) == LUNGS[name]
    assert audit(tmp_path) == "clean"


@pytest.mark.parametrize(
    "name", ["Lunge rechts Roe", "Long", "Pulmon D Sag", "Lung L derecho", "Lunge~rechts"]
)
def test_name_with_another_word_is_lost(tmp_path, name):
    """A word that is a surname too, two sides, and a part of a lung."""
    assert rois(tmp_path, ct("Roe^Jane", "A1"), [name]) == "ROI_1"


@pytest.mark.parametrize(("person", "name"), [("Limbus^Ann", "Poumon_D_Limbus"),
                                              ("Mirada^Ann", "Pulmon D (Mirada)")])  # fmt: skip
def test_name_of_a_product_that_is_the_patients_is_lost(tmp_path, person, name):
    assert rois(tmp_path, ct(person, "A1"), [name]) == "ROI_1"
    assert audit(tmp_path) == "clean"


@pytest.mark.parametrize("person", ["Lung^Ann", "Pulmon^Ann"])
def test_name_of_a_lung_never_brings_back_that_of_the_patient(tmp_path, person):
    words = rois(tmp_path, ct(person, "A1"), ["Pulmon derecho", "Lung_L"])
    assert words in ("ROI_1, Lung_L", "Lung_R, Lung_L")
    assert "Lung_R" not in words or not person.startswith("Lung")
    assert audit(tmp_path) == "clean"

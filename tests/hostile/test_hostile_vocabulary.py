"""Names of structures, scanners and kernels are known as a whole; labels that tell of somebody
are not.
"""

import pytest

from pleura.deid.labels import is_structure, is_technical

STRUCTURES = [
    "Lung_L",
    "Lung_R",
    "Lungs",
    "Lung-Left",
    "Lung~_L",
    "Heart",
    "Esophagus_S",
    "SpinalCord_PRV05",
    "PTV_6000",
    "PTVp1_5040",
    "CTVn_4500",
    "ITV_50.4Gy",
    "GTVp",
    "IGTV_60",
    "PTV_High",
    "PTV_Boost",
    "Lungs-GTV",
    "Lung_R^Ex",
    "A_Carotid_L",
    "V_Pulmonary",
    "Bone_Mandible",
    "Glnd_Thyroid",
    "Musc_Constrict_S",
    "BrachialPlex_R",
    "Couch Surface",
    "CouchInterior",
    "Couch Rail Left",
    "BODY",
    "External",
    "z_PTV_Ring",
    "LN_Neck_IIB_L",
    "OpticNrv_PRV03_L",
    "VB_T12",
    "Chestwall_L",
    "Femur_Head_L",
    "Cavity_Oral",
    "Glnd_Submand_L",
    "BreastBoard",
    "Bolus 5mm",
    "Heart+PTV",
    "Stomach&Bowel",
    "Kidney_Cortex_L",
    "TumorBed",
    "Bowel_Bag",
    "LAD",
    "GreatVes",
]
NOT_STRUCTURES = [
    "Lung Smith",
    "PTV_Maria",
    "MRN4471902",
    "PTV_12345678",
    "Quillfeather",
    "Lung_L for Dr House",
    "2017-09-04",
    "A1234567",
    "Heart 4471",
    "***_L",
    "Lung_L (O'Brien)",
    "Petra",
]


@pytest.mark.parametrize("label", STRUCTURES)
def test_names_of_structures_are_known(label):
    assert is_structure(label)


@pytest.mark.parametrize("label", NOT_STRUCTURES)
def test_a_label_that_tells_of_somebody_is_not_a_structure(label):
    assert not is_structure(label)


SCANNERS = (
    "Emotion 16|SOMATOM Definition AS+|Discovery CT750 HD|Brilliance Big Bore|Aquilion ONE|GE "
    "MEDICAL SYSTEMS|Revolution Apex"
)
KERNELS = "B70f|Br40d\\3|FC52|LUNG|BONEPLUS"


@pytest.mark.parametrize("value", [*SCANNERS.split("|"), *KERNELS.split("|")])
def test_scanners_and_kernels_are_known(value):
    assert is_technical(value)


@pytest.mark.parametrize(
    "value",
    ["Emotion 4471", "Discovery CT902 Smith", "for Quillfeather", "Room 12 Mueller", "750", ""],
)
def test_what_is_more_than_a_scanner_is_not_spared(value):
    assert not is_technical(value)

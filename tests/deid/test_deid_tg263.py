"""Names of structures of AAPM TG-263 stay, whole, whoever the patient is."""

import pytest

from pleura.audit import terms
from pleura.deid.labels import is_structure

NAMES = """
A_Aorta A_Brachiocephls A_Carotid_L A_Celiac A_Coronary_R A_Femoral_L A_Humeral_L
A_Hypophyseal_I A_Hypophyseal_S A_Iliac_L A_Iliac_Cflx_L A_LAD A_Mesenteric_Inf A_Pulmonary
A_Subclavian_L A_Vertebral_R Acetabulum_L AirWay_Dist AirWay_Prox Anus Appendix Areola_L
Arytenoid_L Atrium_L Atrium AV_Node Bag_Bowel Bag_Ostomy BileDuct_Common Bladder BladderWall
Body Bone_Ethmoid Bone_Frontal Bone_Hyoid Bone_Ilium_L Bone_Incus Bone_Ischium_L Bone_Lacrimal
Bone_Mandible Bone_Mastoid Bone_Nasal Bone_Occipital Bone_Palatine Bone_Parietal Bone_Pelvic
Bone_Sphenoid Bone_Temporal Bone_Zygomatic Bowel Bowel_Large Bowel_Small Brain BrachialPlexs_L
BrachialPlex_L Brainstem Breast_L Bronchus BulbPenile Cardiac Carina CaudaEquina Cartlg_Thyroid
Cavity_Oral Cavernosum Cerebellum Cerebrum_L Cervix Chestwall Chestwall_L Cist_Pontine
Cist_Suprasellar Clavicle_L CN_III CN_VII_L CN_IX Cochlea_L Colon Colon_Ascending
Colon_Decending Colon_Sigmoid Colon_Transverse Cornea_L Cricoid Cricopharyngeus Dens Diaphragm
Duodenum Ear_External_L Ear_Internal Ear_Middle Edema Elbow E-PTV_Ev05 Esophagus Esophagus_S
Esophagus_NAdj External Eye_L Eyes Femur_Base_L Femur_Head_L Femur_Joint Femur_Neck Femur_Shaft
Fibula Fossa_Jugular Fossa_Pituitary Gallbladder Genitals Glnd_Adrenal_L Glnd_Lacrimal
Glnd_Parathyroid Glnd_Submand_L Glnd_Submands Glnd_Sublings Glnd_Thymus Glnd_Thyroid Glottis
GreatVes GrowthPlate_L Gyrus_Cingulate Hair Hand Heart Hemisphere_L Hippocampi Hippocampus_L
Humerus_L Hypothalmus ILV Jejunum Jejunum_Ileum Joint_Elbow Joint_Glenohum Joint_SacroIliac
Joint_Surface Joint_TM Kidney_Cortex_L Kidney_Hilum Kidney_Pelvis Kidney_L Kidneys Knee
Laryngl_Pharynx Larynx Larynx_SG Lens_L Lens Leptomeninges Lig_Hepatogastrc Lips Liver Liver-CTV
LN LN_Ax_Apical LN_Ax_L1_L LN_Brachioceph LN_Diaphragmatic LN_IMN LN_Inguinofem LN_Mediastinals
LN_Neck_IA LN_Neck_V LN_Obturator LN_Paraaortic LN_Pelvics LN_Portahepatis LN_Presacral
LN_Pulmonary LN_Sclav LN_Supmammary LN_Trachea Lobe_Frontal Lobe_Temporal_L Lung_L Lung_LLL
Lung_LUL Lung_RML Lungs Lungs-GTV Lungs_0500 Malleus Mandible Markers MassMuscle Maxilla
Mediastinum Meninges Mesorectum Musc_Constrict Musc_Constrict_I Musc_Digastric_L
Musc_Genioglossus Musc_Geniohyoid Musc_Hyoglossus Musc_Iliacus Musc_Masseter Musc_Mylohyoid
Musc_Omohyoid Musc_Platysma Musc_Psoas Musc_Pterygoid Musc_Sclmast Musc_Sternocleid
Musc_Temporalis Nasalconcha_LI Nasopharynx Nose Nrv_Peripheral OpticChiasm OpticNrv_L
OpticNrv_PRV03_L Orbit Oropharynx Ovaries Ovary_L Pacemaker Palate_Hard Palate_Soft PancJejuno
Pancreas Pancreas_Head Pancreas_Tail Parametrium Parotid_L Parotids PenileBulb Penis Pericardium
Perineum Peritoneum Pharynx Pineal Pituitary Pons Pons_PRV5 Postop Proc_Condyloid Proc_Coronoid
Prostate ProstateBed Pubis PubicSymphys Pupil Pylorus Radius Rectum RectumWall Retina Rib01_L
Rib Ribs Sacrum Scalp Scapula SeminalVes SeminalVes_Dist Shoulder Sinus_Ethmoid Sinus_Frontal
Sinus_Maxilry Sinus_Sphenoid Skin Skull Spc_Bowel Spc_Bowel_Small Spc_Retrophar Spc_Retrosty
Spc_Supraclav SpinalCanal SpinalCord SpinalCord_Cerv SpinalCord_Thor Spleen Spleen_Hilum
Spongiosum Stomach SubmandGlnd Sternum Strct Strct_Suprapatel Surf_Eye SurgicalBed
Sys_Ventricular Tarsus Tendon Tendon_Quad Testis_L Thecal Thyroid Tibia TMjoint_L Tongue
Tongue_All Tongue_Base Tongue_Oral Tonsil Trachea Trachea_NAdj Ureter Ureters Urethra
Urethra_Prostatc Uterus V_Azygos V_CVC V_CVC_Inf V_Jugular V_Portal V_Subclavicular V_Pulmonary
Vagina Valve_Aortic Valve_Mitral Valve_Pulmonic Valve_Tricuspid VB VB_C1 VB_T12 VB_L3 VBs
Ventricle_L VocalCord_L VocalCords Vomer Vulva Wall_Vagina GTVp GTVn CTV_High PTV_Low PTV_7000
PTV_Mid PTV_5.4Gy PTVn1_5040 IMN Scar Wire CouchRail NS_Ring Avoid_Rectum Dose_50%
SpinalCord+5mm
"""
"""Primary names of the report's list, and its grammar: targets, margins, partial and derived
structures."""
KNOWN_TO_AUDIT = 0.98


@pytest.mark.parametrize("name", NAMES.split())
def test_engine_knows_every_name(name):
    assert is_structure(name)


def test_audit_knows_nearly_every_name():
    """It only excuses: a name that it does not know is a false alarm for a namesake."""
    unknown = [name for name in NAMES.split() if not terms.is_structure(name)]
    assert len(unknown) < (1 - KNOWN_TO_AUDIT) * len(NAMES.split()), unknown


@pytest.mark.parametrize("name", ["PTV Roe", "Lung_L_DrSmithers", "Jane_Heart", "PTV_MRN4471902"])
def test_no_name_of_a_person_is_a_structure(name):
    assert not is_structure(name)

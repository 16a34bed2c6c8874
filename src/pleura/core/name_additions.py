"""What products add to the name of a whole structure: numbers in front, versions, AI, their names.

`01_Lung_R`, `Lung R (AI)`, `Lung_L_v2` and `LungR_Limbus` are whole lungs. Only what cannot mean
another structure is listed:

* A number counts in front only: behind, it may be a margin or a dose (`Lung_R_05`, `Lung_R_20`).
* A version stands behind, in small letters, and is at most 4: `V4` and `V20` of a lung are the
  parts that 4 and 20 Gy reach, as are `v20` and `v4 %`.
* Neither `seg` and `contour` alone (a segment, a ring), nor `ML` (the middle lobe), nor `pleura`,
  nor names of products that are surnames too.
"""

import re

AI = "auto dl dlc deep_learning automatic automated atlas atlas_based"
"""Words that `seg` and `contour` may follow, as in `auto contour`; `ai` is another."""
PRODUCTS = (
    "limbus limbus_ai mim mim_maestro mim_protege protege_ai contour_protege contour_protege_ai "
    "mirada dlc_expert dlcexpert mvision mvision_ai raystation ray_station radformation "
    "therapanacea art_plan ai_rad ai_rad_companion siemens varian eclipse brainlab pinnacle "
    "smart_segmentation accucontour accu_contour intcontour osairis synapse syngo uai "
    "totalsegmentator total_segmentator nnunet nn_unet nnunetv_2 nn_unetv_2 unet lungmask monai "
    "platipy plastimatch pred predicted prediction"
)


def _phrases(text: str) -> str:
    listed = sorted(text.split(), key=len, reverse=True)
    return "|".join(phrase.replace("_", r"[\W_]{0,2}") for phrase in listed)


JOINT = r"[\W_]{0,2}"
OUTLINED = rf"(?:{JOINT}(?:seg|segmentation|segmented|contour|contours|contoured|model))?"
NUMBER = re.compile(r"\s{0,4}[(\[]?(\d{1,3})[)\].:]?[\s._-]{1,3}(?=[^\W\d_])")
VERSION = r"(?<=[\W_])v(?:er(?:sion)?)?[._ ]{0,2}[0-4](?:\.\d{1,2}){0,2}(?![.,]?\d)"
ADDED = re.compile(
    rf"(?<![^\W_])(?:{_phrases(PRODUCTS)}|(?:ai|{_phrases(AI)}){OUTLINED}|{VERSION})(?![^\W_])"
)
"""In folded names whose words are separated, letters from digits too."""

NOT_WHOLE = re.compile(r"(?<![^\W_])V[\W_]{0,3}\d|[%<>=≤≥±¬]")
"""Dose volumes, and signs of a part, in names whose words are separated."""


def without_additions(spaced: str) -> tuple[str, str, str]:
    """A folded name with its words apart, without what was added; the number, and the rest of it.

    `01_lung_r_ai` gives `lung_r`, `01` and `ai`.
    """
    number = NUMBER.match(spaced)
    rest = spaced[number.end() :] if number else spaced
    added = " ".join(found.group().replace("_", "") for found in ADDED.finditer(rest))
    return ADDED.sub(" ", rest), number[1] if number else "", added


def is_addition(word: str) -> bool:
    """Whether a folded word is only what products add."""
    return not re.sub(r"[\W_]+", "", ADDED.sub("", f"_{word}"))

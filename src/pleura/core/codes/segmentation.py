"""Models, and how far the lungs that they find can be trusted."""

from collections.abc import Mapping

from pleura.core.codes.code import Code, refusal, review

SEGMENTATION: Mapping[str, Code] = {
    "WEIGHTS-CHANGED": refusal(
        "the model's weights differ from those that its card describes (SHA-256)",
        "Copy the model folder again, or reinstall pleura where it is the shipped model.",
    ),
    "WEIGHTS-UNREADABLE": refusal(
        "the model's weights cannot be read as an ONNX network",
        "Export the model again with pleura train.",
    ),
    "WEIGHTS-EXTERNAL": refusal(
        "the ONNX file keeps weights in another file, which its checksum does not cover",
        "Save the model with all weights in one file.",
    ),
    "WEIGHTS-CUSTOM-OPERATOR": refusal(
        "the ONNX file uses operators outside the ONNX standard",
        "Export the model with standard operators only.",
    ),
    "MASK-MISSING": refusal(
        "no mask belongs to this case", "Name the mask by its case, such as Case_000.nii.gz."
    ),
    "NO-LUNGS-FOUND": review(
        "the network found no lungs ({ml} ml)",
        "Check that this is a chest; --model classical is another opinion.",
    ),
    "NETWORK-UNSURE": review(
        "the network is unsure of a volume that is {percent} % of the lungs' (usual: under 13 %)",
        "Look at the outlines.",
    ),
    "AIR-OUTSIDE-MASK": review(
        "{ml} ml of aerated tissue within the body is in neither lung",
        "Look whether a part of a lung is missing.",
    ),
    "GAS-BESIDE-MASK": review(
        "{ml} ml of gas touches the lungs in the mask and is left out: a bulla or emphysema, which "
        "is lung, or pneumothorax, which is not",
        "Look whether a part of a lung is missing.",
    ),
    "PARTS-REMOVED": review(
        "{ml} ml that the network called lung was removed as separate parts",
        "Look at the outlines.",
    ),
    "SIDES-UNSURE": review("{ml} ml changed sides in cleaning", "Look where the lungs touch."),
    "DENSE-LUNG": review(
        "{ml} ml ({percent} %) of the {side} lung holds little air: consolidation, collapse, or "
        "a mass or effusion that should be left out",
        "Look at the outlines there.",
    ),
    "SOLID-PART": review(
        "a part of {ml} ml of the {side} lung in the mask is solid: consolidation, which is lung, "
        "or a mass, effusion or chest wall, which is not",
        "Look at the outlines there.",
    ),
    "GAS-PART": review(
        "a part of {ml} ml of the {side} lung in the mask is nothing but air: a bulla, which is "
        "lung, or pneumothorax or air outside the body, which is not",
        "Look at the outlines there.",
    ),
    "LUNG-OFF-WALL": review(
        "at {percent} % of its {where} the {side} lung in the mask ends more than {mm:g} mm before "
        "the ribs: effusion, which is not lung, or consolidation, which is and is then missing",
        "Look at the outlines there.",
    ),
    "LUNG-SHORT": review(
        "at the {end} the {side} lung in the mask ends {mm} mm before the other: a raised "
        "diaphragm, or a lobe without air that is missing",
        "Look at the outlines there.",
    ),
}

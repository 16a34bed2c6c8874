"""Models, and how far the lungs that they find can be trusted."""

from collections.abc import Mapping

from pleura.core.codes.code import Code, refusal

SEGMENTATION: Mapping[str, Code] = {
    "WEIGHTS-CHANGED": refusal(
        "the model's weights differ from those that its card describes (SHA-256)",
        "Copy the model folder again, or reinstall pleura where it is the shipped model.",
    ),
    "WEIGHTS-UNREADABLE": refusal(
        "the model's weights cannot be read as an ONNX network", "Export the model again with pleura train."
    ),
    "WEIGHTS-EXTERNAL": refusal(
        "the ONNX file keeps weights in another file, which its checksum does not cover",
        "Save the model with all weights in one file.",
    ),
    "WEIGHTS-CUSTOM-OPERATOR": refusal(
        "the ONNX file uses operators outside the ONNX standard", "Export the model with standard operators only."
    ),
}

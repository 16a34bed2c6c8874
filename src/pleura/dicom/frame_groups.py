"""Attributes of a frame in a multi-frame object, from its functional groups (PS3.3 C.7.6.16)."""

from typing import Any

from pleura.dicom.plane import Plane
from pleura.dicom.separators import SEPARATORS
from pleura.dicom.values import image_type_of, numbers, text

FRAME_SEPARATORS = {
    "AcquisitionNumber": ("FrameContentSequence", "FrameAcquisitionNumber"),
    "TemporalPositionIdentifier": ("FrameContentSequence", "TemporalPositionIndex"),
    "NominalPercentageOfCardiacPhase": (
        "CardiacSynchronizationSequence",
        "NominalPercentageOfCardiacPhase",
    ),
    "ConvolutionKernel": ("CTReconstructionSequence", "ConvolutionKernel"),
    "ImageType": ("CTImageFrameTypeSequence", "FrameType"),
    "StackID": ("FrameContentSequence", "StackID"),
    "SliceThickness": ("PixelMeasuresSequence", "SliceThickness"),
    "KVP": ("CTXRayDetailsSequence", "KVP"),
}
"""For an attribute of a single-frame slice, its functional group and attribute in a frame."""

COMPUTED = ("VolumetricProperties", "VolumeBasedCalculationTechnique")
"""How an enhanced image was computed, beside FrameType and ImageType."""


def attributes_of_frame(plane: Plane, groups: list[Any]) -> dict[str, Any]:
    """`separators` and `image_type` of a frame, from its functional groups or else the object."""
    attributes = dict(zip(SEPARATORS, plane.separators, strict=True))
    image_type = plane.image_type
    for name, (sequence, inner) in FRAME_SEPARATORS.items():
        items = [item for group in groups[1:] for item in (group.get(sequence) or ())[:1]]
        value = _of_items(items, inner)
        if value is not None:
            attributes[name] = text(value)
            if name == "ImageType":
                own = image_type_of(value, *(_of_items(items, inner) for inner in COMPUTED))
                object_type = () if "MIXED" in image_type else image_type
                image_type = tuple(dict.fromkeys((*own, *object_type)))
    return {"separators": tuple(attributes.values()), "image_type": image_type}


def _of_items(items: list[Any], name: str) -> Any:
    """The value in the last item that has one, which takes precedence; `None` where none has."""
    return next(
        (item.get(name) for item in reversed(items) if item.get(name) not in (None, "")), None
    )


DIRECT = {
    "ImagePositionPatient": "position",
    "ImageOrientationPatient": "orientation",
    "PixelSpacing": "spacing",
    "RescaleSlope": "slope",
    "RescaleIntercept": "intercept",
    "RescaleType": "rescale_type",
}
NESTED = (
    "PlanePositionSequence",
    "PlaneOrientationSequence",
    "PixelMeasuresSequence",
    "PixelValueTransformationSequence",
)
"""Functional groups with attributes that a single-frame slice has at the top level."""


def geometry_of(groups: list[Any]) -> dict[str, Any]:
    """Position and rescale of one frame: the last group that has an attribute takes precedence."""
    attributes: dict[str, Any] = {}
    for group in groups:
        inner = [group.get(sequence) for sequence in NESTED] if len(groups) > 1 else []
        for source in (group, *(items[0] for items in inner if items)):
            for name, key in DIRECT.items():
                value = source.get(name)
                if value is not None and value != "":
                    attributes[key] = value
    for key, length in (("position", 3), ("orientation", 6), ("spacing", 2)):
        attributes[key] = numbers(attributes.get(key), length)
    for key in ("slope", "intercept"):
        attributes[key] = (numbers(attributes.get(key), 1) or (None,))[0]
    attributes["rescale_type"] = str(attributes.get("rescale_type", ""))
    return attributes

"""The phantom as one Enhanced CT object: a frame a slice, functional groups (PS3.3 A.38)."""

from collections.abc import Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from pleura.phantom.identity import uid

if TYPE_CHECKING:
    from pydicom import Dataset

ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
# fmt: off
_PER_FRAME = [
    "SliceThickness", "KVP", "DataCollectionDiameter", "ReconstructionDiameter",
    "GantryDetectorTilt", "TableHeight",
    "XRayTubeCurrent", "ExposureTime", "ConvolutionKernel", "ImageOrientationPatient",
    "ImagePositionPatient",
    "PixelSpacing", "RescaleIntercept", "RescaleSlope", "RescaleType", "SliceLocation",
    "WindowCenter", "WindowWidth",
    "PixelPaddingValue", "AcquisitionDate", "AcquisitionTime",
]
# fmt: on
_CONSTANT = {
    "PixelPresentation": "MONOCHROME",
    "VolumetricProperties": "VOLUME",
    "VolumeBasedCalculationTechnique": "NONE",
    "BurnedInAnnotation": "NO",
    "LossyImageCompression": "00",
    "PresentationLUTShape": "IDENTITY",
    "ContentQualification": "RESEARCH",
}
"""Attributes of the object with the same value in every phantom."""


def enhanced(slices: Sequence["Dataset"], *, order: Sequence[int] | None = None) -> "Dataset":
    """One Enhanced CT of the uncompressed `slices`; frames are stored in `order` (default: as
    given).

    Orientation and pixel measures are shared, positions and rescale per frame, so that slices with
    a rescale pair of their own keep it.
    """
    from pydicom.sequence import Sequence as Items
    from pydicom.uid import UID

    frames = [slices[k] for k in (order or range(len(slices)))]
    one = deepcopy(frames[0])
    for keyword in _PER_FRAME:
        if keyword in one:
            delattr(one, keyword)
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = UID(ENHANCED_CT)
    one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = UID(
        uid("enhanced", slices[0].SeriesInstanceUID)
    )
    one.InstanceNumber = "1"
    one.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    one.NumberOfFrames = str(len(frames))
    one.AcquisitionDateTime = frames[0].AcquisitionDate + frames[0].AcquisitionTime
    for keyword, value in _CONSTANT.items():
        setattr(one, keyword, value)
    one.PixelData = b"".join(frame.PixelData for frame in frames)
    one.SharedFunctionalGroupsSequence = Items([_shared_groups(frames[0], one.ImageType)])
    items = [_frame_groups(frame, number) for number, frame in enumerate(frames, start=1)]
    one.PerFrameFunctionalGroupsSequence = Items(items)
    organisation = uid("organisation", one.SOPInstanceUID)
    one.DimensionOrganizationSequence = _group(DimensionOrganizationUID=organisation)
    pointers = []
    for tag in (0x00209056, 0x00209057):  # Stack ID, In-Stack Position Number, in Frame Content
        pointers += list(
            _group(
                DimensionOrganizationUID=organisation,
                DimensionIndexPointer=tag,
                FunctionalGroupPointer=0x00209111,
            )
        )
    one.DimensionIndexSequence = Items(pointers)
    return one


def _group(**values: object) -> Any:
    """A sequence of one item with these attributes."""
    from pydicom import Dataset
    from pydicom.sequence import Sequence as Items

    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return Items([item])


def _shared_groups(first: "Dataset", image_type: object) -> "Dataset":
    """The functional groups that all frames share."""
    from pydicom import Dataset

    shared = Dataset()
    shared.PixelMeasuresSequence = _group(
        PixelSpacing=first.PixelSpacing, SliceThickness=first.SliceThickness
    )
    shared.PlaneOrientationSequence = _group(ImageOrientationPatient=first.ImageOrientationPatient)
    shared.CTImageFrameTypeSequence = _group(
        FrameType=image_type,
        PixelPresentation="MONOCHROME",
        VolumetricProperties="VOLUME",
        VolumeBasedCalculationTechnique="NONE",
    )
    return shared


def _frame_groups(frame: "Dataset", number: int) -> "Dataset":
    """The functional groups of one frame; frames are numbered from 1."""
    from pydicom import Dataset

    item = Dataset()
    item.FrameContentSequence = _group(
        StackID="1",
        InStackPositionNumber=number,
        FrameAcquisitionNumber=1,
        DimensionIndexValues=[1, number],
    )
    item.PlanePositionSequence = _group(ImagePositionPatient=frame.ImagePositionPatient)
    item.PixelValueTransformationSequence = _group(
        RescaleIntercept=frame.RescaleIntercept,
        RescaleSlope=frame.RescaleSlope,
        RescaleType="HU",
    )
    return item

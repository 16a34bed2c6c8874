"""The same phantom as one Enhanced CT object: a frame per slice, geometry and rescale in
functional groups (PS3.3 A.38).
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import TYPE_CHECKING

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


def enhanced(slices: Sequence["Dataset"], *, order: Sequence[int] | None = None) -> "Dataset":
    """One Enhanced CT of the uncompressed `slices`; frames are stored in `order` (default: as
    given).

    Orientation and pixel measures are shared, positions and rescale per frame, so that slices with
    a rescale pair of their own keep it.
    """
    from pydicom import Dataset
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
    one.PixelPresentation, one.VolumetricProperties, one.VolumeBasedCalculationTechnique = (
        "MONOCHROME",
        "VOLUME",
        "NONE",
    )
    one.BurnedInAnnotation, one.LossyImageCompression, one.PresentationLUTShape = (
        "NO",
        "00",
        "IDENTITY",
    )
    one.ContentQualification = "RESEARCH"
    one.PixelData = b"".join(frame.PixelData for frame in frames)

    def group(**values: object) -> "Items":
        item = Dataset()
        for keyword, value in values.items():
            setattr(item, keyword, value)
        return Items([item])

    first = frames[0]
    shared = Dataset()
    shared.PixelMeasuresSequence = group(
        PixelSpacing=first.PixelSpacing, SliceThickness=first.SliceThickness
    )
    shared.PlaneOrientationSequence = group(ImageOrientationPatient=first.ImageOrientationPatient)
    shared.CTImageFrameTypeSequence = group(
        FrameType=one.ImageType,
        PixelPresentation="MONOCHROME",
        VolumetricProperties="VOLUME",
        VolumeBasedCalculationTechnique="NONE",
    )
    one.SharedFunctionalGroupsSequence = Items([shared])
    items = []
    for number, frame in enumerate(frames, start=1):
        item = Dataset()
        item.FrameContentSequence = group(
            StackID="1",
            InStackPositionNumber=number,
            FrameAcquisitionNumber=1,
            DimensionIndexValues=[1, number],
        )
        item.PlanePositionSequence = group(ImagePositionPatient=frame.ImagePositionPatient)
        item.PixelValueTransformationSequence = group(
            RescaleIntercept=frame.RescaleIntercept,
            RescaleSlope=frame.RescaleSlope,
            RescaleType="HU",
        )
        items.append(item)
    one.PerFrameFunctionalGroupsSequence = Items(items)
    organisation = uid("organisation", one.SOPInstanceUID)
    one.DimensionOrganizationSequence = group(DimensionOrganizationUID=organisation)
    pointers = []
    for tag in (0x00209056, 0x00209057):  # Stack ID, In-Stack Position Number, in Frame Content
        pointers += list(
            group(
                DimensionOrganizationUID=organisation,
                DimensionIndexPointer=tag,
                FunctionalGroupPointer=0x00209111,
            )
        )
    one.DimensionIndexSequence = Items(pointers)
    return one

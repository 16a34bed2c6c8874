"""The attributes that are read from headers, and their values from plain bytes."""

from functools import lru_cache
from typing import Any

TAGS = {
    0x00020002: "MediaStorageSOPClassUID",
    0x00020010: "TransferSyntaxUID",
    0x00080008: "ImageType",
    0x00080016: "SOPClassUID",
    0x00080018: "SOPInstanceUID",
    0x00080020: "StudyDate",
    0x00080032: "AcquisitionTime",
    0x00080033: "ContentTime",
    0x00080060: "Modality",
    0x00080070: "Manufacturer",
    0x0008103E: "SeriesDescription",
    0x00081090: "ManufacturerModelName",
    0x00089206: "VolumetricProperties",
    0x00089207: "VolumeBasedCalculationTechnique",
    0x00100020: "PatientID",
    0x00100030: "PatientBirthDate",
    0x00101010: "PatientAge",
    0x00101030: "PatientWeight",
    0x00102201: "PatientSpeciesDescription",
    0x00180010: "ContrastBolusAgent",
    0x00180015: "BodyPartExamined",
    0x00180050: "SliceThickness",
    0x00180060: "KVP",
    0x00180088: "SpacingBetweenSlices",
    0x00181060: "TriggerTime",
    0x00181120: "GantryDetectorTilt",
    0x00181210: "ConvolutionKernel",
    0x00185100: "PatientPosition",
    0x0020000D: "StudyInstanceUID",
    0x0020000E: "SeriesInstanceUID",
    0x00200011: "SeriesNumber",
    0x00200012: "AcquisitionNumber",
    0x00200013: "InstanceNumber",
    0x00200032: "ImagePositionPatient",
    0x00200037: "ImageOrientationPatient",
    0x00200052: "FrameOfReferenceUID",
    0x00200100: "TemporalPositionIdentifier",
    0x00209162: "InConcatenationNumber",
    0x00209163: "InConcatenationTotalNumber",
    0x00209241: "NominalPercentageOfCardiacPhase",
    0x00280002: "SamplesPerPixel",
    0x00280004: "PhotometricInterpretation",
    0x00280008: "NumberOfFrames",
    0x00280010: "Rows",
    0x00280011: "Columns",
    0x00280030: "PixelSpacing",
    0x00280100: "BitsAllocated",
    0x00280101: "BitsStored",
    0x00280102: "HighBit",
    0x00280103: "PixelRepresentation",
    0x00280120: "PixelPaddingValue",
    0x00280121: "PixelPaddingRangeLimit",
    0x00280301: "BurnedInAnnotation",
    0x00281052: "RescaleIntercept",
    0x00281053: "RescaleSlope",
    0x00281054: "RescaleType",
    0x00282110: "LossyImageCompression",
}
"""Tag to keyword of the attributes that are read; sequences are left to pydicom."""

DECIMAL = {
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "RescaleSlope",
    "RescaleIntercept",
}
WHOLE = {"SeriesNumber", "InstanceNumber", "NumberOfFrames"}
BINARY = set(
    "InConcatenationNumber InConcatenationTotalNumber SamplesPerPixel Rows Columns "
    "BitsAllocated BitsStored HighBit PixelRepresentation PixelPaddingValue "
    "PixelPaddingRangeLimit".split()
)
LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
"""VRs whose length takes four bytes."""
SIGNED = {b"SS", b"SL"}


class Unusual(Exception):
    """The file is not plain; pydicom has to read it."""


@lru_cache(maxsize=8192)
def value_of(name: str, vr: bytes, raw: bytes) -> Any:
    """The value of an attribute: float, int or str; several as a tuple; `None` if it is empty."""
    if name in BINARY:
        if len(raw) not in (2, 4) or vr not in (b"", b"US", b"SS", b"UL", b"SL"):
            raise Unusual
        return int.from_bytes(raw, "little", signed=vr in SIGNED)
    if vr in SIGNED or vr in (b"US", b"UL", b"FL", b"FD", b"AT") or vr in LONG:
        raise Unusual  # text is expected; pydicom handles a wrong VR
    if name == "SeriesDescription":
        # in any character set, because it is only compared
        return raw.decode("latin-1").strip(" \0") or None
    text = _text(raw)
    if not text:
        return None
    if name in DECIMAL:
        numbers = tuple([float(part) for part in text.split("\\") if part.strip()])
        return numbers if len(numbers) != 1 else numbers[0]
    if name in WHOLE:
        first = text.split("\\", 1)[0].strip()
        return int(first) if first else None
    return tuple([part.strip() for part in text.split("\\")]) if "\\" in text else text


def _text(raw: bytes) -> str:
    return raw.decode("ascii").strip(" \0").strip()

"""A minimal, fast encoder of DICOM data sets (PS3.5 section 7, PS3.10) for SEG, RTSTRUCT and SR.

An item is a mapping of keywords to values: text, numbers, a sequence of items, or bytes that are
written unchanged.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

Item = Mapping[str, Any]

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
IMPLEMENTATION = "2.25.164276936711093061353871213716240206842"
"""Implementation Class UID of pleura's encoder (PS3.7 D.3.3.2)."""
LONGEST_EXPLICIT = 0xFFFE
"""Most bytes of a text element in Explicit VR, whose length has 16 bits (PS3.3 C.8.8.6)."""
LONG_FORM = {"OB", "OW", "SQ", "UN", "UT"}

ELEMENTS: dict[str, tuple[int, str]] = {
    "FileMetaInformationVersion": (0x00020001, "OB"),
    "MediaStorageSOPClassUID": (0x00020002, "UI"),
    "MediaStorageSOPInstanceUID": (0x00020003, "UI"),
    "TransferSyntaxUID": (0x00020010, "UI"),
    "ImplementationClassUID": (0x00020012, "UI"),
    "ImplementationVersionName": (0x00020013, "SH"),
    "SpecificCharacterSet": (0x00080005, "CS"),
    "ImageType": (0x00080008, "CS"),
    "InstanceCreatorUID": (0x00080014, "UI"),
    "SOPClassUID": (0x00080016, "UI"),
    "SOPInstanceUID": (0x00080018, "UI"),
    "StudyDate": (0x00080020, "DA"),
    "SeriesDate": (0x00080021, "DA"),
    "ContentDate": (0x00080023, "DA"),
    "StudyTime": (0x00080030, "TM"),
    "SeriesTime": (0x00080031, "TM"),
    "ContentTime": (0x00080033, "TM"),
    "AccessionNumber": (0x00080050, "SH"),
    "Modality": (0x00080060, "CS"),
    "Manufacturer": (0x00080070, "LO"),
    "ReferringPhysicianName": (0x00080090, "PN"),
    "CodeValue": (0x00080100, "SH"),
    "CodingSchemeDesignator": (0x00080102, "SH"),
    "CodingSchemeVersion": (0x00080103, "SH"),
    "CodeMeaning": (0x00080104, "LO"),
    "MappingResource": (0x00080105, "CS"),
    "CodingSchemeUID": (0x0008010C, "UI"),
    "CodingSchemeIdentificationSequence": (0x00080110, "SQ"),
    "CodingSchemeName": (0x00080115, "ST"),
    "CodingSchemeResponsibleOrganization": (0x00080116, "ST"),
    "StudyDescription": (0x00081030, "LO"),
    "SeriesDescription": (0x0008103E, "LO"),
    "OperatorsName": (0x00081070, "PN"),
    "ManufacturerModelName": (0x00081090, "LO"),
    "ReferencedPerformedProcedureStepSequence": (0x00081111, "SQ"),
    "ReferencedSeriesSequence": (0x00081115, "SQ"),
    "ReferencedInstanceSequence": (0x0008114A, "SQ"),
    "ReferencedSOPClassUID": (0x00081150, "UI"),
    "ReferencedSOPInstanceUID": (0x00081155, "UI"),
    "ReferencedFrameNumber": (0x00081160, "IS"),
    "ReferencedSOPSequence": (0x00081199, "SQ"),
    "SourceImageSequence": (0x00082112, "SQ"),
    "DerivationImageSequence": (0x00089124, "SQ"),
    "DerivationCodeSequence": (0x00089215, "SQ"),
    "PatientName": (0x00100010, "PN"),
    "PatientID": (0x00100020, "LO"),
    "PatientBirthDate": (0x00100030, "DA"),
    "PatientSex": (0x00100040, "CS"),
    "PatientIdentityRemoved": (0x00120062, "CS"),
    "DeidentificationMethod": (0x00120063, "LO"),
    "DeidentificationMethodCodeSequence": (0x00120064, "SQ"),
    "SliceThickness": (0x00180050, "DS"),
    "SpacingBetweenSlices": (0x00180088, "DS"),
    "DeviceSerialNumber": (0x00181000, "LO"),
    "SoftwareVersions": (0x00181020, "LO"),
    "StudyInstanceUID": (0x0020000D, "UI"),
    "SeriesInstanceUID": (0x0020000E, "UI"),
    "StudyID": (0x00200010, "SH"),
    "SeriesNumber": (0x00200011, "IS"),
    "InstanceNumber": (0x00200013, "IS"),
    "ImagePositionPatient": (0x00200032, "DS"),
    "ImageOrientationPatient": (0x00200037, "DS"),
    "FrameOfReferenceUID": (0x00200052, "UI"),
    "PositionReferenceIndicator": (0x00201040, "LO"),
    "FrameContentSequence": (0x00209111, "SQ"),
    "PlanePositionSequence": (0x00209113, "SQ"),
    "PlaneOrientationSequence": (0x00209116, "SQ"),
    "DimensionIndexValues": (0x00209157, "UL"),
    "DimensionOrganizationUID": (0x00209164, "UI"),
    "DimensionIndexPointer": (0x00209165, "AT"),
    "FunctionalGroupPointer": (0x00209167, "AT"),
    "DimensionOrganizationSequence": (0x00209221, "SQ"),
    "DimensionIndexSequence": (0x00209222, "SQ"),
    "DimensionDescriptionLabel": (0x00209421, "LO"),
    "SamplesPerPixel": (0x00280002, "US"),
    "PhotometricInterpretation": (0x00280004, "CS"),
    "NumberOfFrames": (0x00280008, "IS"),
    "Rows": (0x00280010, "US"),
    "Columns": (0x00280011, "US"),
    "PixelSpacing": (0x00280030, "DS"),
    "BitsAllocated": (0x00280100, "US"),
    "BitsStored": (0x00280101, "US"),
    "HighBit": (0x00280102, "US"),
    "PixelRepresentation": (0x00280103, "US"),
    "LongitudinalTemporalInformationModified": (0x00280303, "CS"),
    "SpatialLocationsPreserved": (0x0028135A, "CS"),
    "LossyImageCompression": (0x00282110, "CS"),
    "LossyImageCompressionRatio": (0x00282112, "DS"),
    "LossyImageCompressionMethod": (0x00282114, "CS"),
    "PixelMeasuresSequence": (0x00289110, "SQ"),
    "MeasurementUnitsCodeSequence": (0x004008EA, "SQ"),
    "RelationshipType": (0x0040A010, "CS"),
    "ValueType": (0x0040A040, "CS"),
    "ConceptNameCodeSequence": (0x0040A043, "SQ"),
    "ContinuityOfContent": (0x0040A050, "CS"),
    "UID": (0x0040A124, "UI"),
    "TextValue": (0x0040A160, "UT"),
    "ConceptCodeSequence": (0x0040A168, "SQ"),
    "PurposeOfReferenceCodeSequence": (0x0040A170, "SQ"),
    "MeasuredValueSequence": (0x0040A300, "SQ"),
    "NumericValue": (0x0040A30A, "DS"),
    "PerformedProcedureCodeSequence": (0x0040A372, "SQ"),
    "CurrentRequestedProcedureEvidenceSequence": (0x0040A375, "SQ"),
    "CompletionFlag": (0x0040A491, "CS"),
    "VerificationFlag": (0x0040A493, "CS"),
    "ContentTemplateSequence": (0x0040A504, "SQ"),
    "ContentSequence": (0x0040A730, "SQ"),
    "TemplateIdentifier": (0x0040DB00, "CS"),
    "SegmentationType": (0x00620001, "CS"),
    "SegmentSequence": (0x00620002, "SQ"),
    "SegmentedPropertyCategoryCodeSequence": (0x00620003, "SQ"),
    "SegmentNumber": (0x00620004, "US"),
    "SegmentLabel": (0x00620005, "LO"),
    "SegmentationAlgorithmIdentificationSequence": (0x00620007, "SQ"),
    "SegmentAlgorithmType": (0x00620008, "CS"),
    "SegmentAlgorithmName": (0x00620009, "LO"),
    "SegmentIdentificationSequence": (0x0062000A, "SQ"),
    "ReferencedSegmentNumber": (0x0062000B, "US"),
    "RecommendedDisplayCIELabValue": (0x0062000D, "US"),
    "SegmentedPropertyTypeCodeSequence": (0x0062000F, "SQ"),
    "SegmentsOverlap": (0x00620013, "CS"),
    "AlgorithmFamilyCodeSequence": (0x0066002F, "SQ"),
    "AlgorithmVersion": (0x00660031, "LO"),
    "AlgorithmParameters": (0x00660032, "LT"),
    "AlgorithmName": (0x00660036, "LO"),
    "ContentLabel": (0x00700080, "CS"),
    "ContentDescription": (0x00700081, "LO"),
    "ContentCreatorName": (0x00700084, "PN"),
    "StructureSetLabel": (0x30060002, "SH"),
    "StructureSetDate": (0x30060008, "DA"),
    "StructureSetTime": (0x30060009, "TM"),
    "ReferencedFrameOfReferenceSequence": (0x30060010, "SQ"),
    "RTReferencedStudySequence": (0x30060012, "SQ"),
    "RTReferencedSeriesSequence": (0x30060014, "SQ"),
    "ContourImageSequence": (0x30060016, "SQ"),
    "StructureSetROISequence": (0x30060020, "SQ"),
    "ROINumber": (0x30060022, "IS"),
    "ReferencedFrameOfReferenceUID": (0x30060024, "UI"),
    "ROIName": (0x30060026, "LO"),
    "ROIDisplayColor": (0x3006002A, "IS"),
    "ROIGenerationAlgorithm": (0x30060036, "CS"),
    "ROIGenerationDescription": (0x30060038, "LO"),
    "ROIContourSequence": (0x30060039, "SQ"),
    "ContourSequence": (0x30060040, "SQ"),
    "ContourGeometricType": (0x30060042, "CS"),
    "NumberOfContourPoints": (0x30060046, "IS"),
    "ContourData": (0x30060050, "DS"),
    "RTROIObservationsSequence": (0x30060080, "SQ"),
    "ObservationNumber": (0x30060082, "IS"),
    "ReferencedROINumber": (0x30060084, "IS"),
    "RTROIInterpretedType": (0x300600A4, "CS"),
    "ROIInterpreter": (0x300600A6, "PN"),
    "ApprovalStatus": (0x300E0002, "CS"),
    "SharedFunctionalGroupsSequence": (0x52009229, "SQ"),
    "PerFrameFunctionalGroupsSequence": (0x52009230, "SQ"),
    "PixelData": (0x7FE00010, "OB"),
}
"""Tag and VR of every attribute that pleura writes (PS3.6)."""

PACKED = {"US": "<H", "UL": "<I"}
PADDING = {"OB": b"\0", "UI": b"\0"}
"""The byte that makes a value's length even; a space in other VRs."""


def decimal(value: float) -> str:
    """A DS value with as many digits as its 16 characters hold (PS3.5 6.2)."""
    value = float(value) + 0.0
    text = repr(value).removesuffix(".0")
    digits = 15
    while len(text) > 16:
        text = f"{value:.{digits}g}"
        digits -= 1
    return text


def encode(item: Item, *, implicit: bool = False) -> bytes:
    """The bytes of a data set or an item: sorted by tag, little endian, sequences with lengths."""
    elements = sorted(
        (*ELEMENTS[keyword], value) for keyword, value in item.items() if value is not None
    )
    return b"".join(_element(tag, vr, value, implicit) for tag, vr, value in elements)


def needs_implicit(item: Item) -> bool:
    """Whether some text is too long for Explicit VR."""
    for value in item.values():
        if isinstance(value, bytes | str):
            if len(value) > LONGEST_EXPLICIT and not isinstance(value, bytes):
                return True
        elif isinstance(value, Sequence) and any(
            isinstance(one, Mapping) and needs_implicit(one) for one in value
        ):
            return True
    return False


def encode_file(item: Item) -> bytes:
    """A DICOM file: preamble, file meta and data set.

    Implicit VR where a text needs it, else Explicit VR.
    """
    implicit = needs_implicit(item)
    meta = encode(
        {
            "FileMetaInformationVersion": b"\0\1",
            "MediaStorageSOPClassUID": item["SOPClassUID"],
            "MediaStorageSOPInstanceUID": item["SOPInstanceUID"],
            "TransferSyntaxUID": IMPLICIT if implicit else EXPLICIT,
            "ImplementationClassUID": IMPLEMENTATION,
            "ImplementationVersionName": "PLEURA",
        }
    )
    length = struct.pack("<HH2sHI", 0x0002, 0x0000, b"UL", 4, len(meta))
    return b"\0" * 128 + b"DICM" + length + meta + encode(item, implicit=implicit)


def _element(tag: int, vr: str, value: Any, implicit: bool) -> bytes:
    data = _value(vr, value, implicit)
    group, number = tag >> 16, tag & 0xFFFF
    if implicit and group != 0x0002:
        return struct.pack("<HHI", group, number, len(data)) + data
    if vr in LONG_FORM:
        return struct.pack("<HH2sHI", group, number, vr.encode(), 0, len(data)) + data
    return struct.pack("<HH2sH", group, number, vr.encode(), len(data)) + data


def _value(vr: str, value: Any, implicit: bool) -> bytes:
    if isinstance(value, bytes):
        return _even(vr, value)
    if vr == "SQ":
        encoded = [encode(one, implicit=implicit) for one in value]
        return b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(one)) + one for one in encoded)
    values = [value] if isinstance(value, str | int) else list(value)
    if vr in PACKED:
        return b"".join(struct.pack(PACKED[vr], int(one)) for one in values)
    if vr == "AT":
        return b"".join(struct.pack("<HH", int(one) >> 16, int(one) & 0xFFFF) for one in values)
    return _even(vr, "\\".join(str(one) for one in values).encode("utf-8"))


def _even(vr: str, value: bytes) -> bytes:
    """A value of even length (PS3.5 section 6.2)."""
    if len(value) % 2 == 0:
        return value
    return value + PADDING.get(vr, b" ")

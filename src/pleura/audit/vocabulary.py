"""What the audit knows of attributes: its own short lists, by keyword, made by hand from PS3.6 and PS3.15 E.1.1.

Not the engine's table on purpose. The lists say what identifies; whether and how it went is for the engine to decide.
"""

from functools import lru_cache

from pydicom.datadict import DicomDictionary, RepeatersDictionary, tag_for_keyword

from pleura.audit.pieces import Piece


def _tags(keywords: str) -> frozenset[int]:
    tags = {word: tag_for_keyword(word) for word in keywords.split()}
    missing = [word for word, tag in tags.items() if tag is None]
    if missing:
        raise LookupError(f"pydicom's dictionary has no {missing}")
    return frozenset(int(tag) for tag in tags.values() if tag is not None)


STANDARD_ROOT = b"1.2.840.10008."

PLACEHOLDERS = frozenset(
    {"anonymous", "anonymized", "anonymised", "anon", "deidentified", "de-identified", "unknown", "removed", "none", "null"}
    | {"n/a", "na", "patient", "test", "phantom", "name", "id", "doctor"}
)
"""Words that stand where an identity stood."""

TAGS_OF_CLASSES = _tags(
    "MediaStorageSOPClassUID TransferSyntaxUID ImplementationClassUID SOPClassUID ReferencedSOPClassUID"
    " CodingSchemeUID ContextUID MappingResourceUID ReferencedRelatedGeneralSOPClassUIDInFile"
    " RelatedGeneralSOPClassUID ReferencedSOPClassUIDInFile ReferencedTransferSyntaxUIDInFile"
    " OriginalSpecializedSOPClassUID ContextGroupExtensionCreatorUID PrivateInformationCreatorUID"
    " AvailableTransferSyntaxUID"
)
"""Attributes whose UIDs name kinds of things, not things."""

IDS = _tags(
    "PatientID OtherPatientIDs IssuerOfPatientID MedicalRecordLocator AccessionNumber StudyID AdmissionID"
    " ServiceEpisodeID RequestedProcedureID ScheduledProcedureStepID PerformedProcedureStepID"
    " PlacerOrderNumberImagingServiceRequest FillerOrderNumberImagingServiceRequest InsurancePlanIdentification"
    " PatientTelephoneNumbers PatientAddress PatientTelecomInformation PersonTelephoneNumbers PersonAddress"
    " PersonTelecomInformation OrderCallbackPhoneNumber ReferringPhysicianTelephoneNumbers ReferringPhysicianAddress"
    " MilitaryRank CountryOfResidence RegionOfResidence PatientInstitutionResidence CurrentPatientLocation"
    " ClinicalTrialSubjectID ClinicalTrialSubjectReadingID SpecimenIdentifier SpecimenAccessionNumber"
    " ContainerIdentifier Occupation ResponsibleOrganization"
)
INSTITUTION = _tags("InstitutionName InstitutionAddress InstitutionalDepartmentName ClinicalTrialSiteName ClinicalTrialSiteID")
DEVICE = _tags(
    "StationName DeviceSerialNumber DeviceUID DetectorID GantryID PlateID CassetteID GeneratorID PerformedStationName"
    " PerformedStationAETitle ScheduledStationName ScheduledStationAETitle StationAETitle RetrieveAETitle"
    " TreatmentMachineName SourceApplicationEntityTitle SendingApplicationEntityTitle ReceivingApplicationEntityTitle"
    " UniqueDeviceIdentifier XRayDetectorID XRaySourceID"
)

IDENTIFYING = _tags(
    "PatientComments ImageComments StudyComments VisitComments FrameComments AdditionalPatientHistory MedicalAlerts"
    " Allergies SpecialNeeds PatientState PatientReligiousPreference PatientBirthTime PatientMotherBirthName"
    " OtherPatientNames PatientBirthName Occupation ReasonForStudy ReasonForVisit ReasonForTheRequestedProcedure"
    " AdmittingDiagnosesDescription RequestedProcedureComments ImagingServiceRequestComments RequestingService"
    " TextComments IdentifyingComments AcquisitionComments InterpretationText Impressions ResultsComments"
    " ClinicalTrialSponsorName ClinicalTrialProtocolID ClinicalTrialProtocolName ClinicalTrialCoordinatingCenterName"
    " TimezoneOffsetFromUTC PatientTransportArrangements DerivationDescription ContributionDescription"
)
"""Free text about a person that no profile but `report` leaves as it was (with IDS and every PN)."""

DESCRIPTORS = _tags(
    "StudyDescription SeriesDescription ProtocolName RequestedProcedureDescription PerformedProcedureStepDescription"
    " ScheduledProcedureStepDescription"
)
CHARACTERISTICS = _tags(
    "PatientAge PatientSize PatientWeight EthnicGroup SmokingStatus PregnancyStatus PatientSexNeutered PatientSex"
)

NEVER = _tags(
    "OriginalAttributesSequence ModifiedAttributesSequence EncryptedAttributesSequence DigitalSignaturesSequence"
    " MACParametersSequence IconImageSequence OtherPatientIDsSequence ReferringPhysicianIdentificationSequence"
    " PerformingPhysicianIdentificationSequence OperatorIdentificationSequence"
    " PhysiciansOfRecordIdentificationSequence PhysiciansReadingStudyIdentificationSequence ReferencedPatientSequence"
    " ReferencedPatientPhotoSequence DataSetTrailingPadding NonconformingModifiedAttributesSequence"
    " AuthorObserverSequence ParticipantSequence PersonIdentificationCodeSequence"
    " ConsultingPhysicianIdentificationSequence"
)
"""Elements of which nothing may be left, under any option."""

TECHNICAL = _tags(
    "SOPClassUID Modality ImageType PatientPosition PhotometricInterpretation RescaleType ConvolutionKernel"
    " FilterType ScanOptions RotationDirection ExposureModulationType BodyPartExamined Laterality ImageLaterality"
    " LossyImageCompression LossyImageCompressionMethod PresentationLUTShape PixelPresentation VolumetricProperties"
    " FrameType ContourGeometricType SegmentationType SegmentAlgorithmType RTROIInterpretedType GraphicType ValueType"
    " RelationshipType ContinuityOfContent CompletionFlag VolumeBasedCalculationTechnique"
)
"""Text that the science needs as it was."""

KEPT_TEXT = TECHNICAL | _tags("Manufacturer ManufacturerModelName SoftwareVersions SpecificCharacterSet")

DEIDENTIFICATION = _tags(
    "PatientIdentityRemoved DeidentificationMethod DeidentificationMethodCodeSequence"
    " LongitudinalTemporalInformationModified BurnedInAnnotation RecognizableVisualFeatures"
    " DeidentificationActionSequence"
)

NUMBERS_OF_PEOPLE = CHARACTERISTICS | _tags(
    "GPSLatitude GPSLongitude GPSAltitude GPSDOP GPSSpeed GPSTrack GPSImgDirection GPSDestLatitude GPSDestLongitude"
    " GPSDestBearing GPSDestDistance GPSAltitudeRef GPSDifferential LensSpecification"
)
"""Numbers that tell of somebody, and need not be kept."""

NUMERIC = frozenset({"DS", "IS", "US", "SS", "UL", "SL", "FL", "FD", "UV", "SV", "OF", "OD", "OL", "AT"})
TEXT = frozenset({"AE", "LO", "SH", "LT", "ST", "UT", "UC", "PN", "UN", "UR", ""})
STANDARD_SCHEMES = frozenset(
    {b"SCT", b"SRT", b"SNM3", b"DCM", b"LN", b"UCUM", b"FMA", b"RADLEX", b"99SDM", b"I10", b"NCIt", b"MDNS"}
)

COMMON = frozenset(
    b"original primary derived secondary axial localizer helical volume none chest lung lungs head neck abdomen thorax pelvis"
    b" heart liver spine brain body left right cart image mixed monochrome standard soft sharp bone detail".split()
)
"""Words of coded values that are also surnames."""


@lru_cache(maxsize=4096)
def vr_of_tag(tag: int) -> str:
    """The VR that the dictionary has for a public tag, empty where it knows none; of several the first."""
    entry = DicomDictionary.get(tag)
    if entry is None:
        for mask, repeated in RepeatersDictionary.items():
            if all(m in ("x", c) for m, c in zip(mask, f"{tag:08X}", strict=True)):
                entry = repeated
                break
    return "" if entry is None else str(entry[0])[:2]


def vr_of(piece: Piece) -> str:
    """The VR of a piece: as encoded, or as the dictionary has it."""
    return piece.vr or vr_of_tag(piece.path[-1])


def is_known(tag: int) -> bool:
    """Whether the Standard's dictionary has this public tag."""
    return bool(vr_of_tag(tag)) or tag & 0xFFFF == 0


def is_private(tag: int) -> bool:
    """Whether the tag's group is odd."""
    return bool(tag >> 16 & 1)


def is_number(value: bytes) -> bool:
    """Whether the value of a DS or IS is what its VR says: numbers, not text that somebody put there."""
    return not value.strip(b"0123456789+-.eE\\ \0")

"""Attributes that identify, as the audit knows them: short lists made by hand.

Sources are PS3.6 and PS3.15 E.1.1. The lists are deliberately not the engine's table. They say
which attributes identify; how they are removed is up to the engine.
"""

import re
from functools import lru_cache

from pydicom.datadict import DicomDictionary, RepeatersDictionary, tag_for_keyword

from pleura.audit.parsing import Piece


def _tags(keywords: str) -> frozenset[int]:
    tags = {word: tag_for_keyword(word) for word in keywords.split()}
    missing = [word for word, tag in tags.items() if tag is None]
    if missing:
        raise LookupError(f"pydicom's dictionary has no {missing}")
    return frozenset(int(tag) for tag in tags.values() if tag is not None)


STANDARD_ROOT = b"1.2.840.10008."

PLACEHOLDERS = frozenset(
    "anonymous anonymized anonymised anon deidentified de-identified unknown removed none null "
    "n a no nobody noname anonym empty undefined blank unnamed redacted x n/a na patient test "
    "phantom name id doctor text first last enter sir".split()
)
"""Words that replace an identity."""

CASE = re.compile(r"(?:case|deid)[_-]?\d+", re.IGNORECASE)
"""Ids of cases, those that pleura gave in an earlier run too."""


def stands_for_nobody(value: str) -> bool:
    """Whether a value is a case id or a placeholder."""
    return value.casefold() in PLACEHOLDERS or CASE.fullmatch(value) is not None


def is_placeholder(value: str) -> bool:
    """Whether an id or name is empty, a word of `PLACEHOLDERS`, or one repeated character."""
    words = re.findall(r"[a-z]+", value.casefold())
    bare = "".join(c for c in value.casefold() if c.isalnum())
    repeated = len(bare) != 1 and len(set(bare)) < 2
    return (
        repeated
        or bare in ("0", "x")
        or (not re.search(r"[1-9]", bare) and bool(words) and all(w in PLACEHOLDERS for w in words))
    )


TAGS_OF_CLASSES = _tags(
    "MediaStorageSOPClassUID TransferSyntaxUID ImplementationClassUID SOPClassUID "
    "ReferencedSOPClassUID CodingSchemeUID ContextUID MappingResourceUID "
    "ReferencedRelatedGeneralSOPClassUIDInFile RelatedGeneralSOPClassUID "
    "ReferencedSOPClassUIDInFile ReferencedTransferSyntaxUIDInFile "
    "OriginalSpecializedSOPClassUID ContextGroupExtensionCreatorUID PrivateInformationCreatorUID "
    "AvailableTransferSyntaxUID"
)
"""Attributes whose UIDs name classes, not instances."""

IDS = _tags(
    "PatientID OtherPatientIDs IssuerOfPatientID MedicalRecordLocator AccessionNumber StudyID "
    "AdmissionID ServiceEpisodeID RequestedProcedureID ScheduledProcedureStepID "
    "PerformedProcedureStepID PlacerOrderNumberImagingServiceRequest "
    "FillerOrderNumberImagingServiceRequest InsurancePlanIdentification PatientTelephoneNumbers "
    "PatientAddress PatientTelecomInformation PersonTelephoneNumbers PersonAddress "
    "PersonTelecomInformation OrderCallbackPhoneNumber ReferringPhysicianTelephoneNumbers "
    "ReferringPhysicianAddress MilitaryRank CountryOfResidence RegionOfResidence "
    "PatientInstitutionResidence CurrentPatientLocation ClinicalTrialSubjectID "
    "ClinicalTrialSubjectReadingID SpecimenIdentifier SpecimenAccessionNumber ContainerIdentifier"
)
INSTITUTION = _tags(
    "InstitutionName InstitutionAddress InstitutionalDepartmentName ClinicalTrialSiteName "
    "ClinicalTrialSiteID ResponsibleOrganization"
)
DEVICE = _tags(
    "StationName DeviceSerialNumber DetectorID GantryID PlateID CassetteID GeneratorID "
    "PerformedStationName PerformedStationAETitle ScheduledStationName ScheduledStationAETitle "
    "StationAETitle RetrieveAETitle TreatmentMachineName SourceApplicationEntityTitle "
    "SendingApplicationEntityTitle ReceivingApplicationEntityTitle UniqueDeviceIdentifier "
    "XRayDetectorID XRaySourceID"
)

IDENTIFYING = _tags(
    "PatientComments ImageComments StudyComments VisitComments FrameComments "
    "AdditionalPatientHistory MedicalAlerts Allergies SpecialNeeds PatientState "
    "PatientReligiousPreference PatientBirthTime PatientMotherBirthName OtherPatientNames "
    "PatientBirthName Occupation ReasonForStudy ReasonForVisit ReasonForTheRequestedProcedure "
    "AdmittingDiagnosesDescription RequestedProcedureComments ImagingServiceRequestComments "
    "RequestingService TextComments IdentifyingComments AcquisitionComments InterpretationText "
    "Impressions ResultsComments ClinicalTrialSponsorName ClinicalTrialProtocolID "
    "ClinicalTrialProtocolName ClinicalTrialCoordinatingCenterName TimezoneOffsetFromUTC "
    "PatientTransportArrangements DerivationDescription ContributionDescription"
)
"""Free text about a person, which only profile `report` leaves unchanged.

Attributes of IDS and of VR PN are treated the same way.
"""

COMMENTS = IDENTIFYING - _tags(
    "SpecialNeeds PatientReligiousPreference PatientBirthTime PatientMotherBirthName "
    "OtherPatientNames PatientBirthName RequestingService TextComments ClinicalTrialSponsorName "
    "ClinicalTrialProtocolID ClinicalTrialProtocolName ClinicalTrialCoordinatingCenterName "
    "TimezoneOffsetFromUTC PatientTransportArrangements"
)
"""Attributes of `IDENTIFYING` that Clean Descriptors may clean and keep."""

DEVICE_DATES = _tags(
    "DateOfLastCalibration TimeOfLastCalibration DateTimeOfLastCalibration CalibrationDateTime "
    "CalibrationDate CalibrationTime DateOfLastDetectorCalibration TimeOfLastDetectorCalibration "
    "DateOfManufacture DateOfInstallation BeamHoldTransitionDateTime"
)
"""Dates of a device, which Retain Device Identity keeps."""

DESCRIPTORS = _tags(
    "StudyDescription SeriesDescription ProtocolName RequestedProcedureDescription "
    "PerformedProcedureStepDescription ScheduledProcedureStepDescription"
)
CHARACTERISTICS = _tags(
    "PatientAge PatientSize PatientWeight EthnicGroup SmokingStatus PregnancyStatus "
    "PatientSexNeutered PatientSex SelectorASValue"
)

INSTITUTION_TEXT = _tags("ClinicalTrialCoordinatingCenterName")
TIME_ZONE, DEVICE_UID = 0x00080201, 0x00181002
STATE = _tags("SpecialNeeds PatientState Allergies")
"""Text that Retain Patient Characteristics may clean and keep."""

NEVER = _tags(
    "OriginalAttributesSequence ModifiedAttributesSequence EncryptedAttributesSequence "
    "DigitalSignaturesSequence MACParametersSequence IconImageSequence OtherPatientIDsSequence "
    "ReferringPhysicianIdentificationSequence PerformingPhysicianIdentificationSequence "
    "OperatorIdentificationSequence PhysiciansOfRecordIdentificationSequence "
    "PhysiciansReadingStudyIdentificationSequence "
    "ReferencedPatientPhotoSequence DataSetTrailingPadding "
    "NonconformingModifiedAttributesSequence AuthorObserverSequence ParticipantSequence "
    "PersonIdentificationCodeSequence ConsultingPhysicianIdentificationSequence "
    "ScheduledPerformingPhysicianIdentificationSequence PatientInsurancePlanCodeSequence "
    "PatientPrimaryLanguageCodeSequence PatientPrimaryLanguageModifierCodeSequence "
    "EthnicGroupCodeSequence OtherClinicalTrialProtocolIDsSequence "
    "ReferencedPatientAliasSequence IssuerOfAdmissionIDSequence IssuerOfServiceEpisodeIDSequence "
    "IssuerOfTheContainerIdentifierSequence IssuerOfTheSpecimenIdentifierSequence "
    "IntendedRecipientsOfResultsIdentificationSequence ScheduledHumanPerformersSequence "
    "ActualHumanPerformersSequence CustodialOrganizationSequence "
    "VerifyingObserverIdentificationCodeSequence VerbalSourceIdentifierCodeSequenceTrial "
    "ContentCreatorIdentificationCodeSequence ReferencedDigitalSignatureSequence "
    "ReferencedSOPInstanceMACSequence ROICreatorSequence ROIInterpreterSequence "
    "InterpretationApproverSequence ResultsDistributionListSequence"
)
"""Attributes that no option keeps."""

GONE_UNLESS = {
    "113109": _tags(
        "UDISequence TransducerIdentificationSequence ScheduledStationNameCodeSequence "
        "PerformedStationNameCodeSequence ScheduledStationGeographicLocationCodeSequence "
        "PerformedStationGeographicLocationCodeSequence"
    ),
    "113112": _tags("InstitutionCodeSequence InstitutionalDepartmentTypeCodeSequence"),
    "113105": _tags(
        "AdmittingDiagnosesCodeSequence ReasonForVisitCodeSequence RequestAttributesSequence"
        " ReasonForRequestedProcedureCodeSequence PrescriptionNotesSequence"
    ),
    "113110": _tags(
        "ReferencedStudySequence ReferencedPerformedProcedureStepSequence ReferencedPatientSequence"
    ),
    "113104": _tags("AcquisitionContextSequence SpecimenPreparationSequence"),
}
"""Sequences that may have items only under one option, by the option's code."""

TECHNICAL = _tags(
    "SOPClassUID Modality ImageType PatientPosition PhotometricInterpretation RescaleType "
    "ConvolutionKernel FilterType ScanOptions RotationDirection ExposureModulationType "
    "BodyPartExamined Laterality ImageLaterality LossyImageCompression "
    "LossyImageCompressionMethod PresentationLUTShape PixelPresentation VolumetricProperties "
    "FrameType ContourGeometricType SegmentationType SegmentAlgorithmType RTROIInterpretedType "
    "GraphicType ValueType RelationshipType ContinuityOfContent CompletionFlag "
    "VolumeBasedCalculationTechnique"
)
"""Text that research needs unchanged."""

KEPT_TEXT = TECHNICAL | _tags(
    "Manufacturer ManufacturerModelName SoftwareVersions SpecificCharacterSet"
)

DEIDENTIFICATION = _tags(
    "PatientIdentityRemoved DeidentificationMethod DeidentificationMethodCodeSequence"
    " LongitudinalTemporalInformationModified BurnedInAnnotation RecognizableVisualFeatures"
    " DeidentificationActionSequence"
)

SUSPECT = re.compile(
    rb"@|/\w+/|:/|\d{6,}|\d[-./ )]+\d+[-./ ]\d{2}|(?:19|20)\d\d|\b(?:dr|mrs?)\b"
    rb"|\d(?:th|[-. ])+(?:of )?"
    rb"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)",
    re.IGNORECASE,
)
"""Text like an address, a path, a telephone number or a date, which is not a technical term."""

SAYING = _tags("DeidentificationMethod ImplementationVersionName")
"""Text in which a tool names itself and what it did."""

PLACES_AND_LENSES = _tags(
    "GPSLatitude GPSLongitude GPSAltitude GPSDOP GPSSpeed GPSTrack GPSImgDirection "
    "GPSDestLatitude GPSDestLongitude GPSDestBearing GPSDestDistance GPSAltitudeRef "
    "GPSDifferential LensSpecification"
)
NUMBERS_OF_PEOPLE = CHARACTERISTICS | PLACES_AND_LENSES
"""Numbers that describe a person and need not be kept."""

NUMERIC = frozenset(
    {"DS", "IS", "US", "SS", "UL", "SL", "FL", "FD", "UV", "SV", "OF", "OD", "OL", "AT"}
)
TEXT = frozenset({"AE", "LO", "SH", "LT", "ST", "UT", "UC", "PN", "UN", "UR", ""})
STANDARD_SCHEMES = frozenset(b"SCT SRT SNM3 DCM LN UCUM FMA RADLEX 99SDM I10 NCIt MDNS".split())

COMMON = frozenset(
    b"abdomen abdomenpelvis acq added affine alternate angio angle ankle aorta applicator "
    b"approved aquilion arm attenuation attn automatic average avoidance axial axis based basic "
    b"beam biopsy bladder blend block body bolus bone boneplus boundary bowtie brachy brain "
    b"breast brilliance bronchus canon cardiac cart cast center cervical channel chest circle "
    b"clavicle clean close closed coccyx code colon color colour combo common compensator "
    b"complete composite compound concept cone constant container contains context continuous "
    b"contour contrast control coronal cspine ct ctv curative curve date dates datetime decay "
    b"decubitus decy definition deformable derived detail detector digitized digitizer direct "
    b"discovery dorsal dose double drive dtim dynamic ear ec edge effective elbow electron "
    b"ellipse ellipsoid emission equal error esophagus external extremity eye face fan feet femur "
    b"field film filtered final finger first fixation fixed flash flat fluoroscopy foot force "
    b"forearm fraction frame free from full fusion gallbladder gas gated gaussian ge general "
    b"graphic gray grey grid gtv hand hard has head healthcare healthineers heart heel helical "
    b"helix high hip hitachi horizontal humerus identity image inferred infinite interface "
    b"inverse irradiated irregular isocenter item jaw kidney knee landmark large larynx left leg "
    b"level lightspeed line linear list liver localiser localizer long low lower lspine lumbar "
    b"lung lungs magnetic mandible manual map mark marker marking mask matrix maxilla maximum "
    b"mean median mediastinum medical medium middle minimum minip mip mixed mod modified monitor "
    b"monochrome motion mpr mr multi multiple multipoint name nasal native neck negative neutron "
    b"nipple no none norm normal nose num number oblique obs open optima orbit organ original "
    b"ortho other outline outside oval ovary over page palette palliative pancreas part partial "
    b"patient pelvis perfusion phase philips photon photopeak physical plain plan planar plane "
    b"planned plus pname point polygon polyline positive preliminary presentation previous "
    b"primary pro processed processing profile projection prone properties prostate proton ptv "
    b"pulse quality ran rand range ratio rcbf rcbv real record rectangle rectum reduced "
    b"reformatted region registration regular rejected relative removed resampled rescale "
    b"rescaled rest revolution rib right rigid ring rmtt room rotary row rttp sacrum sagittal "
    b"same sample sampled scale scan scapula scat scoord scout scrotum sculptured seated "
    b"secondary section segment selected semiautomatic sensation separate sequence series setup "
    b"shape sharp short shoulder shutter side siemens sigmoid simple simulated single site size "
    b"skin skull slice slow small smooth soft software somatom source special spine spiral spleen "
    b"square stack standard standing start state static sternum stomach stop striped structure "
    b"subtracted subtraction sum summation supine support surface synthetic systems target tcoord "
    b"temporal testis text thick thigh thin thorax thyroid tibia time tissue toe tongue topogram "
    b"toshiba total trachea transmission transversal transverse treated treatment true tspine "
    b"type uidref ultra unapproved uniform unit units unknown unmodified unspecified unverified "
    b"up upper ureter uterus vagina valid value vector verification verified vertical video view "
    b"volume volumetric warm waveform wedge weighted white whole wholebody wide width window "
    b"working workstation wrist xyz yes".split()
)
"""Defined and enumerated terms of PS3.3 that are also surnames."""

CLAIMS = frozenset(
    b"pleura basic profile application confidentiality clean retain option modified full dates "
    b"longitudinal temporal information patient characteristics device institution identity safe "
    b"private uids graphics descriptors descriptor pixel data method report deidentify keep shift "
    b"remove removed blank case files folders format input options key left series actions units "
    b"state done refused reason code".split()
)
"""Words of de-identification methods, codes and records, which can also be surnames (Key)."""


@lru_cache(maxsize=4096)
def vr_of_tag(tag: int) -> str:
    """The VR of a public tag in the dictionary, the first of several; empty for an unknown tag."""
    entry = DicomDictionary.get(tag)
    if entry is None:
        for mask, repeated in RepeatersDictionary.items():
            if all(m in ("x", c) for m, c in zip(mask, f"{tag:08X}", strict=True)):
                entry = repeated
                break
    if entry is None:
        return ""
    return str(entry[0])[:2]


def vr_of(piece: Piece) -> str:
    """The VR of a piece: as encoded, else as in the dictionary."""
    return piece.vr or vr_of_tag(piece.path[-1])


def is_known(tag: int) -> bool:
    """Whether the Standard's dictionary has this public tag."""
    return bool(vr_of_tag(tag)) or tag & 0xFFFF == 0


def is_private(tag: int) -> bool:
    """Whether the tag's group is odd."""
    return bool(tag >> 16 & 1)


def is_number(value: bytes) -> bool:
    """Whether the value of a DS or IS is a number, and not text that somebody wrote there."""
    return not value.strip(b"0123456789+-.eE\\ \0")

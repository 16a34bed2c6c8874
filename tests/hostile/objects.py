"""Objects that lie beside CT: structure sets, segmentations, reports, presentation states,
captures, documents.
"""

from copy import deepcopy

import numpy as np
from hostile.plant import code, family, given, item
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from pleura.phantom.identity import uid

RTSTRUCT, SR, DOSE_SR = (
    "1.2.840.10008.5.1.4.1.1.481.3",
    "1.2.840.10008.5.1.4.1.1.88.33",
    "1.2.840.10008.5.1.4.1.1.88.67",
)
GSPS, CAPTURE, PDF = (
    "1.2.840.10008.5.1.4.1.1.11.1",
    "1.2.840.10008.5.1.4.1.1.7",
    "1.2.840.10008.5.1.4.1.1.104.1",
)
_OF_THE_STUDY = (
    "SpecificCharacterSet", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName",
    "PatientName", "PatientID",
    "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyID", "InstitutionName",
    "OperatorsName",
)  # fmt: skip


def beside(ct: Dataset, sop_class: str, modality: str, number: int) -> Dataset:
    """An empty object of the same study."""
    ds = Dataset()
    for keyword in _OF_THE_STUDY:
        if keyword in ct:
            setattr(ds, keyword, ct[keyword].value)
    ds.SOPClassUID, ds.Modality, ds.Manufacturer = UID(sop_class), modality, "ACME"
    ds.SOPInstanceUID = UID(uid("beside", ct.SOPInstanceUID, number))
    ds.SeriesInstanceUID = UID(uid("beside series", ct.SeriesInstanceUID, number))
    ds.SeriesNumber, ds.InstanceNumber = str(number), "1"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.1")
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = (
        ds.SOPClassUID,
        ds.SOPInstanceUID,
    )
    return ds


def to_image(ct: Dataset) -> Dataset:
    return item(ReferencedSOPClassUID=ct.SOPClassUID, ReferencedSOPInstanceUID=ct.SOPInstanceUID)


def structure_set(slices, person) -> Dataset:
    ct = slices[0]
    ds = beside(ct, RTSTRUCT, "RTSTRUCT", 10)
    ds.StructureSetLabel, ds.StructureSetName = f"RS {family(person)}", f"plan of {given(person)}"
    ds.StructureSetDate, ds.StructureSetTime = ct.StudyDate, ct.StudyTime
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = ct.FrameOfReferenceUID, ""
    series = item(
        SeriesInstanceUID=ct.SeriesInstanceUID,
        ContourImageSequence=Sequence([to_image(one) for one in slices]),
    )
    study = item(
        ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1",
        ReferencedSOPInstanceUID=ct.StudyInstanceUID,
    )
    study.RTReferencedSeriesSequence = Sequence([series])
    ds.ReferencedFrameOfReferenceSequence = Sequence(
        [
            item(
                FrameOfReferenceUID=ct.FrameOfReferenceUID,
                RTReferencedStudySequence=Sequence([study]),
            )
        ]
    )
    labels = ["Lung_L", "Lung_R", f"GTV_{family(person)}"]
    ds.StructureSetROISequence = Sequence(
        item(
            ROINumber=k,
            ReferencedFrameOfReferenceUID=ct.FrameOfReferenceUID,
            ROIName=label,
            ROIGenerationAlgorithm="MANUAL",
        )
        for k, label in enumerate(labels, start=1)
    )
    x, y, z = (float(v) for v in ct.ImagePositionPatient)
    contour = item(ContourGeometricType="CLOSED_PLANAR", NumberOfContourPoints=3,
                   ContourData=[x, y, z, x + 40.5, y, z, x, y + 40.25, z])  # fmt: skip
    contour.ContourImageSequence = Sequence([to_image(ct)])
    ds.ROIContourSequence = Sequence(
        item(
            ReferencedROINumber=k,
            ROIDisplayColor=[255, 0, k],
            ContourSequence=Sequence([deepcopy(contour)]),
        )
        for k in (1, 2, 3)
    )
    ds.RTROIObservationsSequence = Sequence(
        item(
            ObservationNumber=k,
            ReferencedROINumber=k,
            RTROIInterpretedType="ORGAN",
            ROIInterpreter=person.identity.operator,
        )
        for k in (1, 2, 3)
    )
    ds.ApprovalStatus = "UNAPPROVED"
    return ds


def segmentation(slices, person) -> Dataset:
    import highdicom as hd
    from highdicom.sr.coding import CodedConcept

    lung = CodedConcept("39607008", "SCT", "Lung")
    organ = CodedConcept("123037004", "SCT", "Anatomical Structure")
    maker = hd.AlgorithmIdentificationSequence(
        "thresholder", CodedConcept("123109", "DCM", "Manual Processing"), "1"
    )
    segments = [
        hd.seg.SegmentDescription(
            k, label, organ, lung, hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC, maker
        )
        for k, label in ((1, "Lung_L"), (2, f"Nodule {family(person)}"))
    ]
    mask = np.zeros((len(slices), slices[0].Rows, slices[0].Columns, 2), dtype=np.uint8)
    mask[:, 3:6, 3:6, 0] = 1
    mask[:, 8:9, 8:10, 1] = 1
    return hd.seg.Segmentation(
        source_images=slices, pixel_array=mask,
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=segments,
        series_instance_uid=uid("seg series", slices[0].SeriesInstanceUID), series_number=11,
        sop_instance_uid=uid("seg", slices[0].SOPInstanceUID), instance_number=1,
        manufacturer="ACME",
        manufacturer_model_name="Thresholder", software_versions="1",
        device_serial_number="SN-0099-7741",
        content_creator_name=person.identity.operator, content_description=f"of {family(person)}",
        omit_empty_frames=False,
    )  # fmt: skip


def content(kind, name, **values):
    one = item(
        RelationshipType="CONTAINS", ValueType=kind, ConceptNameCodeSequence=Sequence([code(*name)])
    )
    for keyword, value in values.items():
        setattr(one, keyword, value)
    return one


def report(slices, person, sop_class=SR, number=12) -> Dataset:
    """A structured report with names, dates, references, a number and a code in its tree."""
    ct, who = slices[0], person.identity
    ds = beside(ct, sop_class, "SR", number)
    ds.ContentDate, ds.ContentTime = ct.StudyDate, ct.StudyTime
    ds.ReferencedPerformedProcedureStepSequence = Sequence()
    ds.PerformedProcedureCodeSequence = Sequence()
    ds.CompletionFlag, ds.VerificationFlag, ds.ValueType, ds.ContinuityOfContent = (
        "COMPLETE",
        "VERIFIED",
        "CONTAINER",
        "SEPARATE",
    )
    ds.ConceptNameCodeSequence = Sequence([code("126000", "DCM", "Imaging Measurement Report")])
    ds.VerifyingObserverSequence = Sequence(
        [item(VerifyingObserverName=who.referrer, VerifyingOrganization=who.institution,
              VerificationDateTime=ct.StudyDate + "120000",
              VerifyingObserverIdentificationCodeSequence=Sequence())]
    )  # fmt: skip
    series = item(
        SeriesInstanceUID=ct.SeriesInstanceUID, ReferencedSOPSequence=Sequence([to_image(ct)])
    )
    ds.CurrentRequestedProcedureEvidenceSequence = Sequence(
        [item(StudyInstanceUID=ct.StudyInstanceUID, ReferencedSeriesSequence=Sequence([series]))]
    )
    unit = item(
        NumericValue="7.25", MeasurementUnitsCodeSequence=Sequence([code("mm", "UCUM", "mm")])
    )
    ds.ContentSequence = Sequence(
        [
            content("PNAME", ("121008", "DCM", "Person Observer Name"), PersonName=who.referrer),
            content(
                "TEXT",
                ("121071", "DCM", "Finding"),
                TextValue=f"{family(person)}'s nodule, {given(person)} to be seen again",
            ),
            content("DATE", ("111060", "DCM", "Study Date"), Date=ct.StudyDate),
            content(
                "UIDREF", ("112040", "DCM", "Tracking Unique Identifier"), UID=ct.SOPInstanceUID
            ),
            content("NUM", ("410668003", "SCT", "Length"), MeasuredValueSequence=Sequence([unit])),
            content(
                "CODE",
                ("363698007", "SCT", "Finding Site"),
                ConceptCodeSequence=Sequence([code("39607008", "SCT", "Lung")]),
            ),
            content(
                "IMAGE",
                ("121200", "DCM", "Illustration of ROI"),
                ReferencedSOPSequence=Sequence([to_image(ct)]),
            ),
        ]
    )
    return ds


def presentation_state(slices, person) -> Dataset:
    ct = slices[0]
    ds = beside(ct, GSPS, "PR", 13)
    ds.ContentLabel, ds.ContentDescription = "NODULE", f"of {family(person)}"
    ds.ContentCreatorName = person.identity.operator
    ds.PresentationCreationDate, ds.PresentationCreationTime = ct.StudyDate, ct.StudyTime
    ds.ReferencedSeriesSequence = Sequence(
        [
            item(
                SeriesInstanceUID=ct.SeriesInstanceUID,
                ReferencedImageSequence=Sequence([to_image(one) for one in slices]),
            )
        ]
    )
    ds.DisplayedAreaSelectionSequence = Sequence(
        [item(DisplayedAreaTopLeftHandCorner=[1, 1],
              DisplayedAreaBottomRightHandCorner=[ct.Columns, ct.Rows],
              PresentationSizeMode="SCALE TO FIT", PresentationPixelAspectRatio=[1, 1])]
    )  # fmt: skip
    text = item(UnformattedTextValue=f"{given(person)} {family(person)}", AnchorPoint=[3.0, 4.0],
                AnchorPointVisibility="Y",
                AnchorPointAnnotationUnits="PIXEL")  # fmt: skip
    ds.GraphicAnnotationSequence = Sequence(
        [
            item(
                ReferencedImageSequence=Sequence([to_image(ct)]),
                GraphicLayer="A",
                TextObjectSequence=Sequence([text]),
            )
        ]
    )
    ds.GraphicLayerSequence = Sequence([item(GraphicLayer="A", GraphicLayerOrder=1)])
    ds.PresentationLUTShape = "IDENTITY"
    return ds


def capture(slices, person) -> Dataset:
    """A secondary capture; what is painted into it nobody can search."""
    ds = beside(slices[0], CAPTURE, "OT", 14)
    ds.ConversionType, ds.PatientOrientation = "WSD", ""
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = 8, 8, 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.add_new(0x7FE00010, "OB", family(person).encode().ljust(64, b"\0"))
    return ds


def document(slices, person) -> Dataset:
    ds = beside(slices[0], PDF, "DOC", 15)
    ds.ConversionType, ds.BurnedInAnnotation, ds.DocumentTitle = (
        "WSD",
        "YES",
        f"letter about {family(person)}",
    )
    ds.ContentDate = ds.ContentTime = ds.AcquisitionDateTime = ""
    ds.ConceptNameCodeSequence = Sequence()
    ds.MIMETypeOfEncapsulatedDocument = "application/pdf"
    ds.EncapsulatedDocument = f"%PDF-1.4 {family(person)} ".encode().ljust(64)
    return ds

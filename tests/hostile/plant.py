"""Hiding places: each function puts a patient's identity where tools forget to look. They change
the data set given.
"""

import base64
from datetime import datetime

from hostile.people import Person
from pydicom import Dataset
from pydicom.sequence import Sequence

SOUND_NUMBER, BROKEN_NUMBER = b"126000000001", b"126 Ottoline"
"""A number that the corpus writes, and what it becomes in the bytes: no library would write
that.
"""


def item(**values):
    one = Dataset()
    for keyword, value in values.items():
        setattr(one, keyword, value)
    return one


def code(value, scheme, meaning):
    return item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def family(person: Person) -> str:
    return person.identity.name.split("=")[0].split("^")[0]


def given(person: Person) -> str:
    return person.identity.name.split("=")[0].split("^")[1]


def in_sequences(ds, person):
    who = person.identity
    staff = item(
        PersonIdentificationCodeSequence=Sequence(
            [code("77123", "99KBI", who.referrer.replace("^", " "))]
        ),
        InstitutionName=who.institution,
    )
    ds.ReferringPhysicianIdentificationSequence = Sequence([staff])
    ds.OtherPatientIDsSequence = Sequence(
        [item(PatientID=who.patient_id + "-old", IssuerOfPatientID=who.institution)]
    )
    ds.RequestAttributesSequence = Sequence(
        [item(RequestedProcedureID=who.accession,
              ScheduledProcedureStepDescription=f"chest {family(person)}",
              ScheduledProcedureStepID="SPS1")]
    )  # fmt: skip
    deep = item(
        ProcedureCodeSequence=Sequence([item(PatientName=who.name, PatientID=who.patient_id)])
    )
    ds.ContributingEquipmentSequence = Sequence(
        [item(Manufacturer="ACME", InstitutionName=who.institution, StationName=who.station,
              OperatorsName=who.operator,
              ContributionDescription=f"sent by {who.operator}",
              PurposeOfReferenceCodeSequence=Sequence(
                  [code("109101", "DCM", "Acquisition Equipment")]))]
    )  # fmt: skip
    ds.ReferencedPatientSequence = Sequence(
        [item(ReferencedSOPClassUID="1.2.840.10008.3.1.2.1.1", ReferencedSOPInstanceUID="1.2.9.9")]
    )
    ds.RequestedProcedureCodeSequence = Sequence([deep])


def in_text(ds, person):
    who, name = person.identity, family(person)
    ds.StudyDescription = f"CT chest of {given(person)} {name}"
    ds.SeriesDescription = f"{name}'s lungs"
    ds.ProtocolName = f"THORAX_{name.upper()}_{given(person)[0]}"
    born, seen = (datetime.strptime(day, "%Y%m%d") for day in (who.birth_date, who.study_date))
    ds.ImageComments = (
        f"{name}, {given(person)} (ID {who.patient_id}), born {born:%d.%m.%Y}, seen {seen:%B} "
        f"{seen.day}, {seen.year}, {who.institution} "
        f"{' '.join(group.replace('^', '') for group in who.name.split('=')[1:])}"
    )
    ds.AdditionalPatientHistory = f"daughter of {name}; call +44 20 7946 0991"
    ds.PatientComments = f"{name}, {given(person)}"
    ds.AcquisitionProtocolDescription = f"for {given(person)}"
    ds.DerivationDescription = f"derived for {who.patient_id}"


def in_numbers_and_links(ds, person):
    who = person.identity
    ds.PatientTelephoneNumbers = "+44 20 7946 0991"
    ds.PatientAddress = "5 Rookery Close, Oldmarket"
    ds.RetrieveURL = f"https://pacs.kestrel.example/wado?patient={who.patient_id}"
    ds.DeviceSerialNumber = "SN-0099-7741"
    ds.MedicalRecordLocator = f"shelf {who.patient_id}"
    ds.InsurancePlanIdentification = "INS-55-1120"
    ds.PatientMotherBirthName = "Thistlewood^Wilhelmina"
    ds.OtherPatientNames = f"{family(person)}^Maudie"
    ds.PatientSize, ds.PatientWeight = "1.71", "64"


def in_private(ds, person):
    who = person.identity
    block = ds.private_block(0x0029, "ACME HEADER", create=True)
    block.add_new(0x10, "LO", who.name.split("=")[0])
    block.add_new(0x11, "UN", b"patient=" + who.patient_id.encode() + b" ")
    block.add_new(0x12, "OB", family(person).encode("utf-16-le"))
    block.add_new(0x13, "LT", base64.b64encode(f"<n>{family(person)}</n>".encode()).decode())
    block.add_new(0x14, "SQ", Sequence([item(PatientName=who.name)]))
    other = ds.private_block(0x0019, "ACME TECH", create=True)
    other.add_new(0x20, "DS", "1.5")


def in_graphics(ds, person):
    name = family(person).encode().ljust(32, b"\0")
    ds.add_new(0x60000010, "US", 16)
    ds.add_new(0x60000011, "US", 16)
    ds.add_new(0x60000022, "LO", f"overlay {family(person)}")
    ds.add_new(0x60000040, "CS", "G")
    ds.add_new(0x60000050, "SS", [1, 1])
    ds.add_new(0x60000100, "US", 1)
    ds.add_new(0x60000102, "US", 0)
    ds.add_new(0x60003000, "OW", name)
    ds.add_new(0x50003000, "OW", name)
    icon = item(Rows=4, Columns=4, SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2",
                BitsAllocated=8, BitsStored=8,
                HighBit=7, PixelRepresentation=0)  # fmt: skip
    icon.add_new(0x7FE00010, "OB", name[:16])
    ds.IconImageSequence = Sequence([icon])


def in_history(ds, person):
    """Original attributes, an encrypted copy, a signature."""
    who = person.identity
    before = item(PatientName=who.name, PatientID=who.patient_id, OperatorsName=who.operator)
    ds.OriginalAttributesSequence = Sequence(
        [item(ModifiedAttributesSequence=Sequence([before]),
              AttributeModificationDateTime=who.study_date + "101500",
              ModifyingSystem="PACS7", SourceOfPreviousValues=who.institution,
              ReasonForTheAttributeModification="COERCE")]
    )  # fmt: skip
    ds.EncryptedAttributesSequence = Sequence(
        [
            item(
                EncryptedContentTransferSyntaxUID="1.2.840.10008.1.2",
                EncryptedContent=who.patient_id.encode().ljust(16, b"\0"),
            )
        ]
    )
    signature = item(MACIDNumber=1, DigitalSignatureUID="1.2.9.77",
                     DigitalSignatureDateTime=who.study_date + "101500",
                     CertificateType="X509_1993_SIG",
                     CertificateOfSigner=who.operator.encode() + b"\0\0")  # fmt: skip
    ds.DigitalSignaturesSequence = Sequence([signature])


def in_codes(ds, person):
    """A standard code with a dirty meaning, one with a clean meaning that must stay, a local
    one.
    """
    ds.AnatomicRegionSequence = Sequence([code("51185008", "SCT", "Chest")])
    ds.ProcedureCodeSequence = Sequence(
        [
            code("169069000", "SCT", f"CT of chest, {family(person)}"),
            code("CTTHX", "99KBI", f"Thorax {given(person)}"),
        ]
    )


def in_odd_elements(ds, person):
    """Unlisted and unknown attributes, values that break their VR."""
    ds.add_new(0x00189F9E, "LO", f"unknown {family(person)}")
    ds.add_new(0x0018A0F1, "UN", person.identity.patient_id.encode())
    ds.add_new(0x00104000, "LT", f"{given(person)}/{family(person)}")
    ds.add_new(0x00081195, "UI", "1.2.3.4.5.20170904101531.77")
    ds.SoftwareVersions = ["5.1", "5.1.2"]
    ds.add_new(0x00080022, "DA", "04/09/2017")
    ds.add_new(0x00080032, "TM", f"10h15 {family(person)}")
    ds.ExposureInuAs = SOUND_NUMBER.decode()


def all_of_it(ds, person):
    for hide in (
        in_sequences,
        in_text,
        in_numbers_and_links,
        in_private,
        in_graphics,
        in_history,
        in_codes,
        in_odd_elements,
    ):
        hide(ds, person)

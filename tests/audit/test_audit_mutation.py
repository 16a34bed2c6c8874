"""Planted damage to a clean output: every kind is found, under the name it should have, and the
clean one is found clean.
"""

import base64
import io
import sys
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import UID

from pleura.audit.check import check_file, passes
from pleura.core.codes.deidentification import AUDIT_OF_FILES, REFUSALS
from pleura.phantom.anatomy import chest
from pleura.phantom.identity import Identity
from pleura.phantom.writer import SYNTAXES, SeriesSpec, series

sys.path.insert(0, str(Path(__file__).parent))
from cleaner import cleaned, coded

WHO = Identity(
    name="Quillfeather^Ottoline^^Mrs",
    patient_id="MRN-4471-902",
    birth_date="19510312",
    birth_time="043000",
    sex="F",
    age="066Y",
    accession="ACC8827163",
    referrer="Zubrowka^Ignatius^^Dr",
    operator="Li^Wei",
    institution="Kestrel Bay Infirmary",
    address="17 Heron Lane, Oldmarket",
    station="CTBAY7",
    study_date="20170904",
    study_time="101530",
)
OLD_UID = "1.3.6.1.4.1.14519.5.2.1.6279.6001.298806137288633453246975630178"


def packed(ds: Dataset) -> bytes:
    out = io.BytesIO()
    dcmwrite(out, ds, enforce_file_format=True)
    return out.getvalue()


@pytest.fixture(scope="module")
def source() -> Dataset:
    ds = series(chest((2, 16, 16), seed=1)[0], SeriesSpec(seed=5, identity=WHO))[0]
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = ds.SOPClassUID, OLD_UID
    item.PurposeOfReferenceCodeSequence = Sequence(
        [coded("121322", "Source image for image processing operation")]
    )
    ds.SourceImageSequence = Sequence([item])
    ds.AnatomicRegionSequence = Sequence([coded("51185008", "Thoracic structure", "SCT")])
    return ds


def set_(**values):
    def change(ds):
        for keyword, value in values.items():
            setattr(ds, keyword, value)

    return change


def drop(*keywords):
    def change(ds):
        for keyword in keywords:
            delattr(ds, keyword)

    return change


def private(value, vr="LO"):
    def change(ds):
        ds.private_block(0x0029, "ACME", create=True).add_new(0x10, vr, value)

    return change


def nested(ds):
    ds.AnatomicRegionSequence[0].PatientName = "Quillfeather^Ottoline"


def deep_item(keyword, value):
    def change(ds):
        setattr(ds.SourceImageSequence[0].PurposeOfReferenceCodeSequence[0], keyword, value)

    return change


def element(tag, vr, value):
    return lambda ds: ds.add_new(tag, vr, value)


def sequence(keyword, **values):
    def change(ds):
        item = Dataset()
        for word, value in values.items():
            setattr(item, word, value)
        setattr(ds, keyword, Sequence([item]))

    return change


def meta(keyword, value):
    return lambda ds: setattr(ds.file_meta, keyword, value)


def pixels(ds):
    values = np.frombuffer(ds.PixelData, "<u2").copy()
    values[7] += 1
    ds.PixelData = values.tobytes()


DAMAGE = {
    "name in its place": (set_(PatientName=WHO.name), "NAME-LEFT"),
    "family name in a description": (set_(SeriesDescription="chest of Quillfeather"), "NAME-LEFT"),
    "possessive": (set_(ImageComments="Quillfeather's old films"), "NAME-LEFT"),
    "reordered, other case": (set_(StudyDescription="OTTOLINE QUILLFEATHER CT"), "NAME-LEFT"),
    "glued with an initial": (set_(SeriesDescription="export_oquillfeather_2"), "NAME-LEFT"),
    "short name glued": (set_(SeriesDescription="done by WeiLi"), "NAME-LEFT"),
    "short name as a whole value": (set_(SeriesDescription="Li"), "NAME-LEFT"),
    "referrer": (set_(ReferringPhysicianName="Zubrowka"), "NAME-LEFT"),
    "name, nested": (nested, "NAME-LEFT"),
    "name in a code's meaning": (deep_item("CodeMeaning", "Image of Quillfeather"), "NAME-LEFT"),
    "id": (set_(PatientID=WHO.patient_id), "ID-LEFT"),
    "id without separators": (set_(SeriesDescription="mrn4471902"), "ID-LEFT"),
    "accession number": (set_(AccessionNumber=WHO.accession), "ID-LEFT"),
    "id in an URL": (element(0x0008120E + 0x10, "UR", "https://x/y?p=MRN-4471-902"), "ID-LEFT"),
    "birth date": (set_(PatientBirthDate=WHO.birth_date), "BIRTH-LEFT"),
    "birth date, written": (set_(ImageComments="born 12 March 1951"), "BIRTH-LEFT"),
    "birth date, American": (set_(ImageComments="DOB 03/12/1951."), "BIRTH-LEFT"),
    "birth time": (set_(PatientBirthTime=WHO.birth_time), "VALUE-LEFT"),
    "study date": (set_(StudyDate=WHO.study_date), "DATE-LEFT"),
    "study date, German": (set_(SeriesDescription="Kontrolle vom 04.09.2017"), "DATE-LEFT"),
    "study time": (set_(StudyTime=WHO.study_time), "DATE-LEFT"),
    "institution": (set_(InstitutionName=WHO.institution), "PLACE-LEFT"),
    "institution in text": (set_(SeriesDescription="KESTREL BAY INFIRMARY chest"), "PLACE-LEFT"),
    "station": (set_(StationName=WHO.station), "DEVICE-LEFT"),
    "age": (set_(PatientAge=WHO.age), "VALUE-LEFT"),
    "sex": (set_(PatientSex=WHO.sex), "VALUE-LEFT"),
    "description": (set_(StudyDescription="CT CHEST"), "VALUE-LEFT"),
    "SOP instance UID": ("uid", "UID-LEFT"),
    "reference": ("reference", "UID-LEFT"),
    "application in file meta": (meta("SourceApplicationEntityTitle", "KESTREL1"), "META-LEFT"),
    "private block": (private("harmless"), "PRIVATE-LEFT"),
    "private block with a name": (private(b"\0\1Quillfeather\0\0", "OB"), "NAME-LEFT"),
    "base64 in a private block": (private(base64.b64encode(b"<name>Quillfeather</name>").decode()),
                                  "NAME-LEFT"),
    "hex": (private("id=" + b"Quillfeather".hex()), "NAME-LEFT"),
    "UTF-16": (private("xQuillfeather".encode("utf-16-le"), "OB"), "NAME-LEFT"),
    "UTF-16, big endian": (private("Quillfeather ".encode("utf-16-be"), "OB"), "NAME-LEFT"),
    "swapped words": (private(b"uQliflaehtre", "OB"), "NAME-LEFT"),
    "original attributes": (sequence("OriginalAttributesSequence", ModifyingSystem="PACS"),
                            "FORBIDDEN-LEFT"),
    "icon": (sequence("IconImageSequence", Rows=8, Columns=8), "FORBIDDEN-LEFT"),
    "other ids": (sequence("OtherPatientIDsSequence", PatientID="77777"), "FORBIDDEN-LEFT"),
    "signature": (sequence("DigitalSignaturesSequence", MACIDNumber=1), "FORBIDDEN-LEFT"),
    "overlay": (element(0x60003000, "OW", b"\0\0"), "OVERLAY-LEFT"),
    "curve": (element(0x50003000, "OW", b"\0\0"), "CURVE-LEFT"),
    "unknown public attribute": (element(0x00189F9E, "LO", "what is this"), "UNKNOWN-LEFT"),
    "trailing padding": (element(0xFFFCFFFC, "OB", b"\0" * 10), "FORBIDDEN-LEFT"),
    "burned in": (set_(BurnedInAnnotation="YES"), "BURNED-IN"),
    "class that cannot be searched": (set_(SOPClassUID=UID("1.2.840.10008.5.1.4.1.1.7")),
                                      "UNSAFE-OBJECT"),
    "not declared": (drop("PatientIdentityRemoved"), "NOT-DECLARED"),
    "no codes": (drop("DeidentificationMethodCodeSequence"), "NOT-DECLARED"),
    "dates misdeclared": (set_(LongitudinalTemporalInformationModified="UNMODIFIED"),
                          "DATES-MISDECLARED"),
    "pixel changed": (pixels, "PIXELS-CHANGED"),
    "pixels lost": (drop("PixelData"), "PIXELS-LOST"),
    "kernel lost": (drop("ConvolutionKernel"), "VALUE-LOST"),
    "kVp changed": (set_(KVP="100"), "VALUE-CHANGED"),
    "spacing rounded": (set_(PixelSpacing=["26.3", "26.3"]), "VALUE-CHANGED"),
    "position moved": (set_(ImagePositionPatient=["0", "0", "0"]), "VALUE-CHANGED"),
    "standard code changed": (lambda ds: setattr(ds.AnatomicRegionSequence[0], "CodeValue",
                                                 "39607008"), "VALUE-CHANGED"),
    "Type 2 lost": (drop("StudyDate"), "TYPE-LOST"),
    "Type 1 empty": (set_(SeriesInstanceUID=""), "TYPE-EMPTY"),
}  # fmt: skip


@pytest.mark.parametrize("syntax", ["explicit", "implicit", "big endian", "deflated", "rle"])
@pytest.mark.parametrize("shift", [0, -321])
def test_a_clean_output_is_found_clean(source, syntax, shift):
    ds = series(chest((2, 16, 16), seed=1)[0], SeriesSpec(seed=5, identity=WHO, syntax=syntax))[0]
    found = check_file(packed(ds), packed(cleaned(ds, shift=shift)))
    assert [(f.code, f.evidence) for f in found] == []


def test_there_are_at_least_thirty_kinds():
    assert len(DAMAGE) >= 30


@pytest.mark.parametrize("damage", DAMAGE)
def test_every_kind_is_found(source, damage):
    change, code = DAMAGE[damage]
    ds = cleaned(source)
    if change == "uid":
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = source.SOPInstanceUID
    elif change == "reference":
        ds.SourceImageSequence[0].ReferencedSOPInstanceUID = OLD_UID
    else:
        change(ds)
    found = check_file(packed(source), packed(ds))
    assert code in [f.code for f in found]
    assert not passes(found)
    secrets = [WHO.patient_id, "Quillfeather", WHO.birth_date, WHO.accession, OLD_UID]
    assert not any(
        secret.lower() in str([f.as_json() for f in found]).lower() for secret in secrets
    )


BYTES = {
    "preamble": (lambda b: b"Quillfeather".ljust(128, b"\0") + b[128:], "PREAMBLE-LEFT"),
    "behind the data set": (lambda b: b + b"\0" * 6, "TRAILING-BYTES"),
    "more behind the data set": (lambda b: b + b"\1\0\2\0\xff\xff\0\0\0", "NOT-PARSABLE"),
    "file meta's instance": (lambda b: b[:300].replace(b"2.25.", b"2.26.") + b[300:],
                             "META-DISAGREES"),
    "a name behind the data set": (lambda b: b + b"Quillfeather", "NAME-LEFT"),
    "cut off": (lambda b: b[:-40], "NOT-PARSABLE"),
    "group length": (lambda b: b.replace(b"\x08\x00\x05\x00CS",
                                         b"\x08\x00\x00\x00UL\x04\x00\0\0\0\0\x08\x00\x05\x00CS",
                                         1),
                     "GROUP-LENGTH-LEFT"),
}  # fmt: skip


@pytest.mark.parametrize("damage", BYTES)
def test_damage_outside_elements_is_found(source, damage):
    change, code = BYTES[damage]
    found = check_file(packed(source), change(packed(cleaned(source))))
    assert code in [f.code for f in found]


def test_an_image_cut_off_before_its_pixels_is_not_for_publishing(source):
    ds = deepcopy(source)
    del ds.PixelData
    assert [f.code for f in check_file(packed(ds), packed(cleaned(ds)))] == ["PIXELS-LOST"]


def test_shifted_dates(source):
    good = cleaned(source, shift=100)
    uneven = deepcopy(good)
    uneven.ContentDate = "20180101"
    assert "DATES-UNEVEN" in [f.code for f in check_file(packed(source), packed(uneven))]
    unmoved = deepcopy(good)
    unmoved.SeriesDate = source.SeriesDate
    assert "DATES-NOT-SHIFTED" in [f.code for f in check_file(packed(source), packed(unmoved))]


def test_the_reports_four_rules(source):
    ds = deepcopy(source)
    ds.PatientID = ds.PatientName = "Case_004"
    ds.PatientBirthDate = ""
    del ds.PatientBirthTime
    found = check_file(packed(source), packed(ds), profile="report")
    assert [f.code for f in found] == ["REPORT-KEEPS"]
    assert passes(found)
    assert "(0008,0090)" in found[0].evidence["where"]
    ds.PatientBirthTime = "0430"
    assert "REPORT-RULE" in [
        f.code for f in check_file(packed(source), packed(ds), profile="report")
    ]


def test_identifiers_of_other_files_are_looked_for_too(source):
    from pleura.audit.search import Identifier

    ds = cleaned(source)
    ds.ImageComments = "see Bartholomew"
    assert [f.code for f in check_file(packed(source), packed(ds))] == []
    more = [Identifier("name", "Bartholomew")]
    assert [f.code for f in check_file(packed(source), packed(ds), identifiers=more)] == [
        "NAME-LEFT"
    ]


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_every_syntax_is_taken_apart(syntax):
    from pleura.audit.parsing import take_apart

    ds = series(chest((1, 16, 16), seed=1)[0], SeriesSpec(syntax=syntax))[0]
    layout = take_apart(packed(ds))
    assert not layout.broken
    assert {p.path[0] for p in layout.pieces if p.path[0] >> 16 > 2} == {int(e.tag) for e in ds}


def test_every_code_has_its_sentence():
    assert {code for _, code in DAMAGE.values()} | {code for _, code in BYTES.values()} <= {
        *AUDIT_OF_FILES,
        *REFUSALS,
    }

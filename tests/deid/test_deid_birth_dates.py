"""A birth date goes wherever it stands, also where the dates of the study are kept, and the audit
sees one that was left.
"""

from io import BytesIO

import pytest
from hostile.corpus import images
from hostile.people import OTTOLINE
from pydicom import Dataset, config, dcmread, dcmwrite
from pydicom.sequence import Sequence

from pleura.audit.check import check_file
from pleura.deid import writing
from pleura.deid.choices import Choices
from pleura.deid.engine import Patient
from pleura.deid.writing import Writer

BORN = OTTOLINE.identity.birth_date
WHO = Patient("Deid_000", bytes(range(32)), -1000)


def nested(depth, keyword, value):
    """A sequence of content items, `depth` deep, with a value in the innermost."""
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", "DATE"
    setattr(item, keyword, value)
    for _ in range(depth):
        outer = Dataset()
        outer.ContentSequence = Sequence([item])
        item = outer
    return Sequence([item]) if depth == 0 else item.ContentSequence


def packed(dataset):
    out = BytesIO()
    dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue()


PLACES = {
    "content item": lambda ds: setattr(ds, "ContentSequence", nested(1, "Date", BORN)),
    "content item, three deep": lambda ds: setattr(ds, "ContentSequence", nested(3, "Date", BORN)),
    "date and time in an item": lambda ds: setattr(
        ds, "ContentSequence", nested(1, "DateTime", f"{BORN}101500")
    ),
    "another date of the file": lambda ds: setattr(ds, "AcquisitionDate", BORN),
    "one of several values": lambda ds: setattr(ds, "DateOfLastCalibration", ["20100102", BORN]),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("dates", ["keep", "shift", "remove"])
@pytest.mark.filterwarnings("ignore")
def test_a_birth_date_is_removed_wherever_it_stands(place, dates):
    with config.disable_value_validation():
        (ds,) = images(OTTOLINE, 31, slices=1)
        PLACES[place](ds)
        source = packed(ds)
        written = writing.encoded(Writer(Choices(dates=dates), WHO).changed(source)[0])
    assert BORN.encode() not in written
    if dates == "keep":
        assert dcmread(BytesIO(written)).StudyDate == ds.StudyDate
    assert {finding.code for finding in check_file(source, written)} == set()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.filterwarnings("ignore")
def test_the_audit_sees_a_birth_date_that_was_left(place):
    with config.disable_value_validation():
        (ds,) = images(OTTOLINE, 31, slices=1)
        PLACES[place](ds)
        source = packed(ds)
        written = writing.encoded(Writer(Choices(dates="keep"), WHO).changed(source)[0])
        left = dcmread(BytesIO(written))
        PLACES[place](left)
        findings = check_file(source, packed(left))
    assert "BIRTH-LEFT" in {finding.code for finding in findings}


@pytest.mark.parametrize("dates", ["keep", "shift", "remove"])
@pytest.mark.filterwarnings("ignore")
def test_a_report_that_states_the_birth_date_is_published_without_it(dates):
    """Subject Birth Date (DCM 121031) is of Type 1 in a content item: a dummy replaces it."""
    with config.disable_value_validation():
        (ds,) = images(OTTOLINE, 31, slices=1)
        for element in [one for one in ds if one.tag.group in (0x0028, 0x7FE0)]:
            del ds[element.tag]
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.88.11"
        ds.Modality, ds.ValueType = "SR", "CONTAINER"
        ds.ContentSequence = nested(0, "Date", BORN)
        source = packed(ds)
        written = writing.encoded(Writer(Choices(dates=dates), WHO).changed(source)[0])
    assert BORN.encode() not in written
    assert dcmread(BytesIO(written)).ContentSequence[0].Date
    assert {finding.code for finding in check_file(source, written)} == set()

"""Identifiers in places where few look, in files that must be published nevertheless."""

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
from pleura.deid.identifiers import Identifiers
from pleura.deid.writing import Writer

WHO = Patient("Deid_000", bytes(range(32)), -1000)
ECG = "1.2.840.10008.5.1.4.1.1.9.1.1"


def item(**values):
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def packed(dataset):
    out = BytesIO()
    dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue()


@pytest.mark.filterwarnings("ignore")
def test_an_ecg_with_annotations_is_published_without_their_text():
    """WaveformAnnotationSequence is of Type 1 there, so its items stay and are cleaned (X/D)."""
    with config.disable_value_validation():
        (ds,) = images(OTTOLINE, 31, slices=1)
        for element in [one for one in ds if one.tag.group in (0x0028, 0x7FE0)]:
            del ds[element.tag]
        ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = ECG
        ds.Modality = "ECG"
        name = str(ds.PatientName).replace("^", " ")
        note = item(UnformattedTextValue=f"{name}, aged 93, sinus rhythm",
                    AnnotationGroupNumber=1, ReferencedWaveformChannels=[1, 0])  # fmt: skip
        ds.WaveformAnnotationSequence = Sequence([note])
        source = packed(ds)
        written = writing.encoded(Writer(Choices(), WHO).changed(source)[0])
        assert {one.code for one in check_file(source, written)} == set()
        (note,) = dcmread(BytesIO(written)).WaveformAnnotationSequence
        assert note.UnformattedTextValue == "REMOVED"
        left = dcmread(BytesIO(written))
        left.WaveformAnnotationSequence[0].UnformattedTextValue = f"for {name}"
        assert "NAME-LEFT" in {one.code for one in check_file(source, packed(left))}


@pytest.mark.parametrize("number", ["4471902", "+4471902", "4471902.0", " 4471902.00"])
@pytest.mark.filterwarnings("ignore")
def test_a_number_that_is_the_id_goes_however_it_is_written(number):
    who = Patient("Deid_000", bytes(range(32)), -1000, Identifiers(phrases=frozenset({"4471902"})))
    with config.disable_value_validation():
        (ds,) = images(OTTOLINE, 31, slices=1)
        ds.SelectorDSValue, ds.TableHeight = number, "447190.5"
        written = writing.encoded(Writer(Choices(), who).changed(packed(ds))[0])
    assert b"4471902" not in written
    assert dcmread(BytesIO(written)).TableHeight == 447190.5

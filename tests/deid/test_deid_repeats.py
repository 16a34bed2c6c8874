"""What is done from memory is, to the byte, what is done as a whole: slices, compressed ones,
strangers among them, damage.
"""

from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hostile.corpus import build
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from pleura.core.errors import InputRefused
from pleura.deid.choices import Choices
from pleura.deid.elements import take_apart
from pleura.deid.engine import Patient
from pleura.deid.headers import HeaderReader
from pleura.deid.objects import quiet_pydicom
from pleura.deid.profile import kept_tags, profile
from pleura.deid.writing import Writer
from pleura.files.walk import walk

KEY = bytes(range(32))
CHOICES = [
    Choices("basic", "remove", frozenset(), ()),
    Choices("basic", "shift", frozenset({"uids", "descriptors", "device"}), ()),
    Choices("basic", "keep", frozenset({"patient", "institution"}), ()),
    Choices("report", "remove", frozenset(), ()),
]
CT = "1.2.840.10008.5.1.4.1.1.2"


def slices(count, syntax, undefined=False):
    """A series whose slices differ in place, number, times and, one of them, in who read it."""
    made = []
    for k in range(count):
        file = pydicom.dataset.FileMetaDataset()
        file.TransferSyntaxUID, file.MediaStorageSOPClassUID = syntax, CT
        ds = Dataset()
        ds.file_meta = file
        ds.SpecificCharacterSet = "ISO_IR 100"
        ds.SOPClassUID, ds.SOPInstanceUID = CT, f"1.2.3.4.{k}"
        file.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = (
            "1.2.3.1",
            "1.2.3.2",
            "1.2.3.3",
        )
        ds.StudyDate, ds.ContentTime, ds.Modality = "20200102", f"1011{k:02d}", "CT"
        ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = (
            "Müller^Jörg",
            "4711-08",
            "19500203",
            "M",
        )
        ds.StudyDescription = "Thorax of Jörg Müller, born 3.2.1950"
        ds.ImageComments = f"slice {k} of 4711-08" if k % 2 else "seen"
        if k == 3:
            ds.OperatorsName, ds.ImageComments = "Stranger^Ann", "Ann Stranger was here"
        ds.InstanceNumber, ds.SliceLocation, ds.KVP = k, f"{k * 1.5}", "120"
        ds.ImagePositionPatient, ds.ImageOrientationPatient = [0, 0, k * 1.5], [1, 0, 0, 0, 1, 0]
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CT, f"1.2.3.4.{k + 1}"
        item.is_undefined_length_sequence_item = undefined
        ds.ReferencedImageSequence = [item]
        ds["ReferencedImageSequence"].is_undefined_length = undefined
        ds.add_new(0x00091001, "LO", "Jörg")
        ds.Rows = ds.Columns = 8
        ds.BitsAllocated = ds.BitsStored = 16
        ds.HighBit, ds.PixelRepresentation, ds.SamplesPerPixel, ds.PhotometricInterpretation = (
            15,
            1,
            1,
            "MONOCHROME2",
        )
        ds.PixelData = (np.arange(64, dtype="<i2") + k).tobytes()
        ds["PixelData"].VR = "OW"
        native = ExplicitVRLittleEndian if syntax == RLELossless else syntax
        file.TransferSyntaxUID = native
        if syntax == RLELossless:
            ds.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
        out = BytesIO()
        ds.save_as(out, enforce_file_format=True)
        made.append(out.getvalue())
    return made


def objects(folder):
    return [Path(file.path) for file in walk(folder).files if file.kind in ("DICOM", "DICOMDIR")]


def both(writer, other, data):
    """The object done with what `writer` remembers, and as a whole by another; a refusal as its
    code.
    """
    done = []
    for work in (writer._done, other._whole):
        try:
            with quiet_pydicom():
                done.append(work(data))
        except InputRefused as refused:
            done.append(refused.code)
    return done


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless])
@pytest.mark.parametrize("choices", CHOICES, ids=lambda c: f"{c.profile}-{c.dates}")
@pytest.mark.parametrize("undefined", [False, True])
def test_slices_from_memory_are_slices_done_as_a_whole(tmp_path, syntax, choices, undefined):
    found = slices(8, syntax, undefined)
    for number, data in enumerate(found):
        (tmp_path / f"{number}.dcm").write_bytes(data)
    reader = HeaderReader(tmp_path, kept_tags(profile(choices)))
    # the stranger of the fourth slice is not among them
    known = reader.read(walk(tmp_path / "0.dcm").files[0]).identifiers
    writer, other = (Writer(choices, Patient("Case_001", KEY, -400, known)) for _ in range(2))
    wholes = []
    writer._done.__self__._whole = lambda data: wholes.append(data) or other._whole(data)
    for data in found:
        one, two = both(writer, other, data)
        assert one == two
    # the first, and the one that tells of a stranger
    assert len(wholes) == (1 if choices.profile == "report" else 2)


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    truth = build(tmp_path_factory.mktemp("hostile") / "in")
    for k, data in enumerate(slices(6, ExplicitVRLittleEndian)):
        (truth.folder / f"slice-{k}.dcm").write_bytes(data)
    return truth


def test_a_hostile_corpus_is_done_alike(truth):
    writer, other = (Writer(CHOICES[1], Patient("Case_001", KEY, -400)) for _ in range(2))
    for path in objects(truth.folder):
        for _ in range(2):
            one, two = both(writer, other, path.read_bytes())
        assert one == two


@pytest.mark.parametrize("choices", CHOICES[1:], ids=lambda c: f"{c.profile}-{c.dates}")
def test_headers_from_memory_are_headers_read_whole(truth, choices):
    kept = kept_tags(profile(choices))
    one, two = (HeaderReader(truth.folder, kept) for _ in range(2))
    two._quick = lambda path: None
    for file in walk(truth.folder).dicom():
        assert one.read(file) == two.read(file)


@given(at=st.integers(0, 2000), what=st.binary(max_size=12), cut=st.integers(0, 400))
@settings(max_examples=50, deadline=None)
def test_damage_is_met_as_by_the_whole(at, what, cut):
    first, second = slices(2, ExplicitVRLittleEndian, undefined=True)
    at %= len(second)
    damaged = second[:at] + what + second[at + len(what) :]
    damaged = damaged[: len(damaged) - cut]
    writer, other = (Writer(CHOICES[0], Patient("Case_001", KEY)) for _ in range(2))
    both(writer, other, first)
    one, two = both(writer, other, damaged)
    assert one == two
    parts = take_apart(damaged)
    assert (
        parts is None
        or sum(e.end - e.start for e in (*parts.meta, *parts.elements)) == len(damaged) - 132
    )

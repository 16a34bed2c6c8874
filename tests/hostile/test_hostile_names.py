"""People called as organs, terms, months and our own words are, with ids like technical numbers;
and every option kept.
"""

import warnings

import pytest
from hostile import objects
from hostile.corpus import images, kept
from hostile.people import OTTOLINE, Person, _identity
from hostile.plant import code
from pydicom import config, dcmread, dcmwrite
from pydicom.sequence import Sequence

from pleura.audit.tree import verify_tree
from pleura.core.errors import Exit
from pleura.deid.choices import RETAINABLE
from pleura.verbs.deidentify import deidentify

HOUSE = ("Kestrel Bay Infirmary", "17 Heron Lane, Oldmarket", "KBCT07")
CALLED = {
    "Head^Chester": "1", "Lung^Thorax": "120", "Organ^Gtv": "512", "Siemens^Flat": "HFS",
    "May^April": "20170904",
    "Ng^A": "A1", "Profile^Basic": "0000", "Manual^Code": "STANDARD",
    "Case_001^Removed": "Case_001",
    "O'Brien^Seán": "126 000 000",
    "Closed^Planar": "51185008", "Cm^Mm": "1.2.3.4", "Modified^Dates": "-1024",
    "Text^Test": "000001", "Case^John": "16",
}  # fmt: skip


@pytest.mark.parametrize("dates", ["remove", "shift", "keep"])
def test_everybody_comes_out_and_keeps_every_number(tmp_path, dates):
    source, out = tmp_path / "in", tmp_path / "out"
    made = 0
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        for n, (name, patient_id) in enumerate(CALLED.items()):
            who = Person(
                str(n),
                "ISO_IR 192",
                _identity(name, patient_id, "19510312", "F", "20170904", *HOUSE, f"AC90{n:02d}"),
                (),
            )
            slices = images(who, 700 + n, slices=1)
            slices[0].AnatomicRegionSequence = Sequence(
                [code("51185008", "SCT", "Thoracic structure")]
            )
            slices[0].ProtocolName, slices[0].FilterType = "ROUTINE CHEST", "FLAT"
            slices[0].TimezoneOffsetFromUTC = "+0100"
            for k, ds in enumerate(
                (*slices, objects.structure_set(slices, who), objects.report(slices, who))
            ):
                (source / str(n)).mkdir(parents=True, exist_ok=True)
                dcmwrite(source / str(n) / f"{k}.dcm", ds, enforce_file_format=True)
                made += 1
        result = deidentify(source, out, dates=dates, workers=1)
        assert [line for line in result.notes() if " refused: " in line] == []
        assert (result.files, result.exit_code) == (made, Exit.OK)
        assert verify_tree(source, out).counts() == {}
        names = [
            sorted(str(kept(dcmread(p))) for p in place.rglob("*.dcm")) for place in (source, out)
        ]
    assert [values for values in names[0] if values not in names[1]] == []


@pytest.mark.parametrize("dates", ["remove", "shift"])
@pytest.mark.parametrize("option", RETAINABLE)
def test_every_option_keeps_what_it_names_and_passes(tmp_path, option, dates):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    with config.disable_value_validation():
        (ds,) = images(OTTOLINE, 720, slices=1)
        ds.PatientAge, ds.Allergies, ds.SpecialNeeds = "095Y", "penicillin", "wheelchair"
        ds.DeviceSerialNumber, ds.DeviceUID, ds.DateOfLastCalibration = (
            "SN-0099-7741",
            "1.2.3.4.777",
            "20170904",
        )
        ds.SeriesDescription, ds.ImageComments = "CHEST 5.0 B70f Quillfeather", "motion"
        ds.add_new(0x60000022, "LO", "bed edge")
        dcmwrite(source / "0.dcm", ds, enforce_file_format=True)
        assert (
            deidentify(source, out, dates=dates, retain=(option,), workers=1).exit_code is Exit.OK
        )
        assert verify_tree(source, out).counts() == {}
        after = dcmread(next(out.rglob("*.dcm")))
    expected = {
        "device": ("DeviceSerialNumber", "SN-0099-7741"),
        "institution": ("InstitutionName", HOUSE[0]),
        "patient": ("PatientAge", "090Y"), "uids": ("StudyInstanceUID", ds.StudyInstanceUID),
        "descriptors": ("SeriesDescription", "CHEST 5.0 B70f ***"),
        "graphics": ("PatientID", "Deid_000"),
        "private": ("PatientID", "Deid_000"),
    }  # fmt: skip
    for name, (keyword, value) in expected.items():
        assert (after.get(keyword) == value) == (name == option or keyword == "PatientID")
    assert (0x60000022 in after) == (option == "graphics")
    assert after.get("DateOfLastCalibration") != "20170904" or (option, dates) == (
        "device",
        "remove",
    )

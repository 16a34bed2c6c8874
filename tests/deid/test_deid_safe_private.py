"""`--retain private` keeps numbers of PS3.15 Table E.3.10-1, and nothing else of a vendor's."""

from io import BytesIO

import pytest
from hostile.corpus import images
from hostile.people import OTTOLINE
from pydicom import config, dcmread, dcmwrite
from pydicom._private_dict import private_dictionaries

from pleura.audit.check import check_file
from pleura.audit.parsing import take_apart
from pleura.audit.private import is_safe
from pleura.deid import writing
from pleura.deid.choices import Choices
from pleura.deid.engine import Patient
from pleura.deid.identifiers import harvest
from pleura.deid.safe_private import SAFE
from pleura.deid.writing import Writer

pytestmark = pytest.mark.filterwarnings("ignore")
NUMBERS = {"DS": "1.25", "IS": "25", "FL": 1.5, "FD": 1.5, "SS": 7, "SL": 7}


def test_each_row_has_the_vr_of_a_stranger():
    assert len(SAFE) == 51
    for (group, creator, element), vr in SAFE.items():
        known = private_dictionaries[creator][f"{group:04X}xx{element:02X}"]
        assert known[0] == vr, (creator, element)
        assert vr in NUMBERS


def packed(dataset, syntax=None):
    out = BytesIO()
    with config.disable_value_validation():
        if syntax:
            dataset.file_meta.TransferSyntaxUID = syntax
            dataset.set_original_encoding(syntax == "1.2.840.10008.1.2", True)
        dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue()


def written(source, retain=("private",)):
    writer = Writer(Choices(retain=retain), Patient("Deid_000", bytes(range(32)), -1000))
    return dcmread(BytesIO(written_bytes(writer, source)))


def written_bytes(writer, source):
    return writing.encoded(writer.changed(source)[0])


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"])
def test_every_row_stays_with_its_creator_and_only_by_the_option(syntax):
    (ds,) = images(OTTOLINE, 41, slices=1)
    for (group, creator, element), vr in SAFE.items():
        ds.private_block(group, creator, create=True).add_new(element, vr, NUMBERS[vr])
    source = packed(ds, syntax)
    kept = written(source)
    for group, creator, element in SAFE:
        block = kept.private_block(group, creator)
        assert block[element].value == ds.private_block(group, creator)[element].value
    codes = [item.CodeValue for item in kept.DeidentificationMethodCodeSequence]
    assert "113111" in codes
    assert not [tag for tag in written(source, ()).keys() if tag.is_private]  # noqa: SIM118
    after = written_bytes(
        Writer(Choices(retain=("private",)), Patient("Deid_000", bytes(range(32)), -1000)), source
    )
    assert {finding.code for finding in check_file(source, after)} == set()


@pytest.mark.parametrize(
    ("creator", "group", "element", "vr", "value"),
    [
        ("Philips PET Private Group", 0x7053, 0x03, "ST", "Quillfeather.img"),
        ("Philips PET Private Group", 0x7053, 0x00, "LO", "1.5"),
        ("Philips PET Private Group", 0x7053, 0x00, "DS", "126000000001"),  # text in the bytes
        ("Quillfeather PET", 0x7053, 0x00, "DS", "1.5"),
        ("GEMS_ACQU_01", 0x0021, 0x23, "DS", "1.5"),
        ("GEMS_ACQU_01", 0x0019, 0x22, "DS", "1.5"),
    ],
)
def test_other_elements_creators_vrs_and_values_go(creator, group, element, vr, value):
    (ds,) = images(OTTOLINE, 42, slices=1)
    with config.disable_value_validation():
        ds.private_block(group, creator, create=True).add_new(element, vr, value)
    source = packed(ds).replace(b"126000000001", b"126 Ottoline")
    assert not [tag for tag in written(source).keys() if tag.is_private]  # noqa: SIM118


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"])
def test_a_number_that_is_an_id_goes(syntax):
    (ds,) = images(OTTOLINE, 43, slices=1)
    ds.PatientID = "44719021"
    block = ds.private_block(0x7053, "Philips PET Private Group", create=True)
    block.add_new(0x00, "DS", "44719021")
    block.add_new(0x09, "DS", "1.5")
    who = Patient("Deid_000", bytes(range(32)), -1000, harvest(ds, frozenset()))
    data = writing.encoded(Writer(Choices(retain=("private",)), who).changed(packed(ds, syntax))[0])
    assert b"44719021" not in data
    assert b"Philips PET Private Group" in data


def test_slices_with_other_creators_are_each_read_by_their_own():
    """The same bytes of an element mean another thing under another creator."""
    who = Patient("Deid_000", bytes(range(32)), -1000)
    writer = Writer(Choices(retain=("private",)), who)
    slices = images(OTTOLINE, 44, slices=3)
    for one, creator in zip(slices, ("GEMS_ACQU_01", "GEMS_ACQU_01", "OTHER"), strict=True):
        one.private_block(0x0019, creator, create=True).add_new(0x23, "DS", "39.4")
    found = [dcmread(BytesIO(written_bytes(writer, packed(one)))) for one in slices]
    assert [(0x0019, 0x1023) in one for one in found] == [True, True, False]


@pytest.mark.parametrize(
    ("creator", "group", "element", "vr", "value"),
    [
        ("GEMS_ACQU_01", 0x0019, 0x22, "DS", "1.5"),
        ("GEMS_PARM_01", 0x0043, 0x10, "LO", "seen by a friend"),
        ("ACME HEADER", 0x0029, 0x10, "LO", "chest"),
        ("SIEMENS CSA HEADER", 0x0029, 0x10, "OB", bytes(32)),
    ],
)
def test_the_audit_has_a_list_of_its_own_of_what_may_stay(creator, group, element, vr, value):
    """Another tool claims the option and leaves more than the table has."""
    (ds,) = images(OTTOLINE, 45, slices=1)
    block = ds.private_block(0x0019, "GEMS_ACQU_01", create=True)
    block.add_new(0x23, "DS", "39.4")
    source = packed(ds)
    after = dcmread(
        BytesIO(
            written_bytes(
                Writer(Choices(retain=("private",)), Patient("Deid_000", bytes(32), -9)), source
            )
        )
    )
    assert {finding.code for finding in check_file(source, packed(after))} == set()
    after.private_block(group, creator, create=True).add_new(element, vr, value)
    found = {finding.code for finding in check_file(source, packed(after))}
    assert "PRIVATE-LEFT" in found


def test_every_number_that_the_engine_keeps_is_in_the_list_of_the_audit():
    for group, creator, element in SAFE:
        (ds,) = images(OTTOLINE, 46, slices=1)
        ds.private_block(group, creator, create=True).add_new(element, "UN", b"1 ")
        layout = take_apart(packed(ds))
        private = [piece.path for piece in layout.pieces if piece.path[0] >> 16 & 1]
        assert len(private) == 2
        assert all(is_safe(layout, path) for path in private)

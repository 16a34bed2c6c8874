"""Each rule of the engine taken out in turn: the output is dirty, and `verify`, which knows none of
the rules, says so.

A rule is taken out by keeping what it would change. Where the output stays the same, byte for byte,
another rule stands behind it, and there is nothing to find.
"""

import io
from copy import deepcopy
from dataclasses import replace
from itertools import count

import pytest
from hostile import objects
from hostile.corpus import images
from hostile.people import OTTOLINE
from pydicom import Dataset, config, dcmread, dcmwrite
from pydicom.datadict import dictionary_VR
from pydicom.sequence import Sequence

from pleura.audit.check import check_file, passes
from pleura.audit.tree import verify_tree
from pleura.deid import engine as engine_room
from pleura.deid import plan as plan_room
from pleura.deid import writing
from pleura.deid.choices import Choices
from pleura.deid.engine import Engine, Patient
from pleura.deid.identifiers import NOBODY
from pleura.deid.profile import UNLISTED, Action, profile
from pleura.deid.tables import Types
from pleura.deid.writing import Writer
from pleura.verbs.deidentify import deidentify

pytestmark = pytest.mark.filterwarnings("ignore")

COUNTER = count(1000)
WHO = Patient("Case_000", bytes(range(32)), -1000)
VALUES = {
    "PN": "Quillfeather^Ottoline", "CS": "OTTOLINE", "AE": "OTTOLINE", "AS": "066Y",
    "DA": "20170904", "DT": "20170904101531",
    "TM": "101531", "UI": "1.2.3.4.5.6.777", "UR": "http://x/Quillfeather", "DS": "64", "IS": "77",
    "AT": 0x00100010,
    **dict.fromkeys(("LO", "SH", "LT", "ST", "UT", "UC"), "Quillfeather"),
    **dict.fromkeys(("FL", "FD"), 1.5),
    **dict.fromkeys(("US", "UL", "SS", "SL"), 77),
    **dict.fromkeys(("OB", "OW", "UN", "OF", "OD"), b"Quillfeather1234"),
}  # fmt: skip


def value(vr: str) -> object:
    if vr != "SQ":
        return VALUES[vr]
    item = Dataset()
    item.PersonName, item.InstitutionName, item.StudyDate = (
        VALUES["PN"],
        OTTOLINE.identity.institution,
        "20170904",
    )
    return Sequence([item])


def packed(ds: Dataset) -> bytes:
    out = io.BytesIO()
    dcmwrite(out, ds, enforce_file_format=True)
    return out.getvalue()


@pytest.fixture(scope="module")
def ct() -> Dataset:
    return images(OTTOLINE, 9, slices=1)[0]


def written(source: bytes, rules) -> bytes:
    """The object by an engine with `rules`."""
    writer = Writer(Choices(), WHO)
    writer.engine = Engine(rules, WHO)
    return writing.encoded(writer.changed(source)[0])


def found(source: bytes, after: bytes) -> set[str]:
    findings = check_file(source, after)
    return set() if passes(findings) else {finding.code for finding in findings}


def vr_of(tag: int) -> str:
    """The VR of a public tag; LO for those newer than the dictionary."""
    try:
        return dictionary_VR(tag).split(" or ")[0]
    except KeyError:
        return "LO"


def test_every_row_of_the_table(ct):
    """All rows at once, for every finding tells its place: each attribute that came out
    otherwise must be among them.
    """
    rules = profile(Choices())
    # commands, file meta, directories
    tags = [tag for tag in rules.tags if tag >> 16 not in (0x0000, 0x0002, 0x0004)]
    ds = deepcopy(ct)
    with config.disable_value_validation():
        for tag in tags:
            ds.add_new(tag, vr_of(tag), value(vr_of(tag)))
        source = packed(ds)
        good, bad = (
            written(source, rules),
            written(source, replace(rules, tags=dict.fromkeys(rules.tags, (Action.KEEP,)))),
        )
        before, after = (dcmread(io.BytesIO(data)) for data in (good, bad))
    assert found(source, good) == set()
    places = {
        place[:11] for finding in check_file(source, bad) for place in finding.evidence["where"]
    }
    changed = [tag for tag in tags if before.get(tag) != after.get(tag)]
    assert len(changed) > 550
    assert [
        f"{tag:08X}" for tag in changed if f"({tag >> 16:04x},{tag & 0xFFFF:04x})" not in places
    ] == []


@pytest.mark.parametrize(
    "vr", ["UI", "PN", "DA", "DT", "TM", "UR", "SH", "LO", "ST", "LT", "UT", "UC", "CS"]
)
def test_every_rule_for_what_the_table_does_not_list(ct, vr):
    from pydicom.datadict import DicomDictionary

    rules = profile(Choices())
    codes = engine_room.codes
    tag = next(
        t for t, entry in DicomDictionary.items()
        if entry[0] == vr and t not in rules.tags and t >> 16 > 8 and t >> 16 != 0x0400
        and not entry[3]
        and not codes.names_a_class(t)
    )  # fmt: skip
    assert vr in UNLISTED
    ds = deepcopy(ct)
    with config.disable_value_validation():
        ds.add_new(tag, vr, value(vr))
        source = packed(ds)
        assert found(source, written(source, rules)) == set()
        assert found(source, written(source, replace(rules, vrs={**rules.vrs, vr: (Action.KEEP,)})))


@pytest.mark.parametrize(("group", "tag", "vr"), [
    ("private", 0x00290010, "LO"), ("curve", 0x50000030, "SH"), ("overlay", 0x60000022, "LO"),
])  # fmt: skip
def test_every_rule_for_a_group(ct, group, tag, vr):
    rules = profile(Choices())
    ds = deepcopy(ct)
    ds.add_new(tag, vr, "harmless")
    source = packed(ds)
    assert found(source, written(source, rules)) == set()
    groups = {name: rule for name, rule in rules.groups.items() if name != group}
    assert f"{group.upper()}-LEFT" in found(source, written(source, replace(rules, groups=groups)))


def _keep_meta(dataset, kind, name):
    dataset.file_meta.MediaStorageSOPInstanceUID = name


def _random_uid(engine, old):
    return f"2.25.{next(COUNTER)}"


def _uneven(vr, text, days):
    return f"2001{next(COUNTER) % 12 + 1:02d}01"


def _named(headers, believed):
    return tuple((f"Oakhampstead{k}.dcm", header) for k, header in enumerate(headers))


STEPS = {
    "claims": (writing.codes, "claim", lambda *_: None, "NOT-DECLARED"),
    "file meta and preamble": (writing, "_rebuild_meta", _keep_meta, "META-LEFT"),
    "harvest of identifiers": (engine_room, "harvest", lambda *_: NOBODY, "NAME-LEFT"),
    "types of attributes": (Types, "of", lambda *_: "3", "TYPE-LOST"),
    "numbers are kept": (engine_room, "valid", lambda *_: False, "VALUE-LOST"),
    "kinds that are refused": (writing, "check_kind", lambda *_, **__: None, "UNSAFE-OBJECT"),
    "size of pixels": (writing, "check_pixels", lambda *_: None, "PIXELS-SIZE"),
}


@pytest.mark.parametrize("step", STEPS)
def test_every_step(ct, step, monkeypatch):
    room, name, instead, code = STEPS[step]
    ds = deepcopy(ct)
    ds.file_meta.SourceApplicationEntityTitle = "KBCT07"
    ds.SoftwareVersions = "for Quillfeather"
    ds.SourceImageSequence = Sequence([objects.to_image(ct)])
    refused = step in ("kinds that are refused", "size of pixels")
    if step == "kinds that are refused":
        ds = objects.capture([ct], OTTOLINE)
    if step == "types of attributes":
        ds = objects.structure_set([ct], OTTOLINE)
    if step == "size of pixels":
        ds.PixelData += b"Quillfeather"
    source, rules = packed(ds), profile(Choices())
    if refused:
        with pytest.raises(writing.InputRefused):
            written(source, rules)
    else:
        assert found(source, written(source, rules)) == set()
    monkeypatch.setattr(room, name, instead)
    assert code in found(source, written(source, rules))


BETWEEN = {
    "one UID stays one": (Engine, "uid", _random_uid, "UID-INCONSISTENT"),
    "two UIDs stay two": (engine_room, "new_uid", lambda key, uid: "2.25.7", "UID-INCONSISTENT"),
    "one shift a patient": (engine_room, "shifted", _uneven, "DATES-UNEVEN"),
    "dates are shifted": (plan_room, "shift_days", lambda *_: 0, "DATES-NOT-SHIFTED"),
    "patients are not merged": (
        plan_room,
        "group_people",
        lambda persons: [tuple(set(persons))],
        "PATIENTS-MERGED",
    ),
    "patients are not split": (
        plan_room,
        "group_people",
        lambda persons: [(p,) for p in set(persons)],
        "PATIENT-SPLIT",
    ),
    "names of files": (plan_room, "_files", _named, "PATH-LEFT"),
}


@pytest.mark.parametrize("step", BETWEEN)
def test_every_step_between_objects(tmp_path, step, monkeypatch):
    from hostile.people import CORNELIUS, ROSALIND

    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    with config.disable_value_validation():
        for k, who in enumerate(
            (
                ROSALIND,
                CORNELIUS,
                replace(ROSALIND, identity=replace(ROSALIND.identity, name="Oakhampstead^R")),
            )
        ):
            slices = images(who, 30 + k, slices=2)
            for n, ds in enumerate([*slices, objects.structure_set(slices, who)]):
                ds.IssuerOfPatientID = who.identity.institution
                dcmwrite(source / f"{k}{n}", ds, enforce_file_format=True)
    # it would not let the damage out
    monkeypatch.setattr("pleura.publishing.units.audit_of", lambda *_: "")
    room, name, instead, code = BETWEEN[step]
    monkeypatch.setattr(room, name, instead)
    deidentify(source, out, dates="shift", workers=1)
    assert code in verify_tree(source, out).counts()

"""Patients are neither merged nor split, and case ids never collide."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleura.deid.objects import HEADER_TAGS, Header
from pleura.deid.people import Person, group_people, plain_name, real_id
from pleura.deid.plan import make_plan

CT = "1.2.840.10008.5.1.4.1.1.2"


def header(folder="", place="a", **values):
    values = {
        "SOPClassUID": CT,
        "SOPInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.9",
        "StudyInstanceUID": "1.8",
    } | values
    return Header(
        Path("x"), folder, place, tuple(values.get(keyword, "") for keyword in HEADER_TAGS)
    )


def person(patient_id="1", name="", birth="", issuer=""):
    return Person(patient_id, issuer, name, birth, "", "")


def test_one_id_given_by_two_hospitals_is_two_patients():
    groups = group_people(
        [person("7", "Roe^Jane", "19500101"), person("7", "Poe^Edgar", "19610202")]
    )
    assert len(groups) == 2
    assert len(group_people([person("7", "", "", "A"), person("7", "", "", "B")])) == 2


def test_spellings_marriages_and_gaps_do_not_split_a_patient():
    same = [
        person("7", "Müller^Änne", "19500101"),
        person("7", "MULLER^ANNE", ""),
        person("7", "Anne Müller", "19500101"),
        person("7", "Schmidt^Änne", "19500101"),
        person("7", "", "19500101"),
        person("7"),
    ]
    assert len(group_people(same)) == 1


def test_two_ids_are_two_patients_even_with_one_name():
    assert (
        len(
            group_people([person("7", "Roe^Jane", "19500101"), person("8", "Roe^Jane", "19500101")])
        )
        == 2
    )


def test_names_are_compared_as_words():
    assert plain_name("Doe^John^^Dr=漢字") == plain_name("dr john DOE") == ("doe", "dr", "john")


@given(
    st.lists(
        st.tuples(
            st.sampled_from("12"),
            st.sampled_from(["", "A^B", "C^D"]),
            st.sampled_from(["", "1", "2"]),
        ),
        max_size=8,
    )
)
def test_the_grouping_is_a_partition_and_knows_no_order(drawn):
    persons = [person(*one) for one in drawn]
    groups = group_people(persons)
    assert sorted(p.name for g in groups for p in g) == sorted(p.name for p in set(persons))
    assert groups == group_people(persons[::-1])
    assert all(len({p.patient_id for p in group}) == 1 for group in groups)


def test_a_case_folder_keeps_its_name_and_its_files_lie_flat():
    plan = make_plan(
        [
            header("Case_003", PatientID="a", InstanceNumber=str(n), SOPInstanceUID=f"1.{n}")
            for n in (2, 1)
        ],
        {},
    )
    (unit,) = plan.units
    assert (unit.folder, unit.case) == ("Case_003", "Case_003")
    assert [(name, h.number) for name, h in unit.files] == [("000000.dcm", 1), ("000001.dcm", 2)]


def test_other_folders_are_numbered_by_patient_and_series_and_avoid_taken_names():
    objects = [
        header("Case_000", PatientID="z"),
        header("", PatientID="b", SeriesNumber="9", SeriesInstanceUID="1.1"),
        header("", PatientID="b", SeriesNumber="4", SeriesInstanceUID="1.2"),
        header("", PatientID="c"),
    ]
    plan = make_plan(objects, {})
    assert sorted(unit.folder for unit in plan.units) == ["Case_000", "Deid_000", "Deid_001"]
    of = {unit.files[0][1].get("PatientID"): unit for unit in plan.units}
    assert of["z"].folder == "Case_000"
    assert [(name, h.series_number) for name, h in of["b"].files] == [
        ("1/000000.dcm", 4),
        ("2/000000.dcm", 9),
    ]


def test_the_order_of_numbers_is_the_keys_and_not_that_of_the_ids():
    objects = [header("", PatientID=str(n)) for n in range(9)]
    orders = [
        tuple(
            persons[0].patient_id
            for _, persons in sorted(make_plan(objects, {}, bytes([n]) * 32).patients.items())
        )
        for n in range(3)
    ]
    assert len({*orders, tuple(str(n) for n in range(9))}) == 4


def test_a_case_folder_with_two_patients_names_neither():
    plan = make_plan([header("Case_000", PatientID="a"), header("Case_000", PatientID="b")], {})
    assert sorted(unit.folder for unit in plan.units) == ["Deid_000", "Deid_001"]


def test_one_name_in_two_places_of_two_patients_names_neither():
    plan = make_plan(
        [
            header("Case_000", "x/Case_000", PatientID="a"),
            header("Case_000", "y/Case_000", PatientID="b"),
        ],
        {},
    )
    assert {unit.case for unit in plan.units} == {"Deid_000", "Deid_001"}


def test_a_patient_in_two_case_folders_keeps_both_folders_and_one_id():
    plan = make_plan([header("Case_004", PatientID="a"), header("Case_002", PatientID="a")], {})
    assert [(unit.folder, unit.case) for unit in plan.units] == [
        ("Case_002", "Case_002"),
        ("Case_004", "Case_002"),
    ]


def test_the_map_keeps_ids_across_runs():
    first = make_plan([header(PatientID="m"), header(PatientID="q")], {})
    again = make_plan([header(PatientID="q"), header(PatientID="a")], first.patients)
    ids = {persons[0].patient_id: case for case, persons in again.patients.items()}
    assert ids["a"] == "Deid_002"
    assert all(first.patients[ids[name]][0].patient_id == name for name in "mq")


def test_objects_without_any_identity_are_told_apart_by_study_then_place():
    headers = [
        header("", "x", StudyInstanceUID="1"),
        header("", "y", StudyInstanceUID="1"),
        header("", "x", StudyInstanceUID="2"),
    ]
    assert len(make_plan(headers, {}).patients) == 2
    bare = [header("", place, StudyInstanceUID="") for place in ("x", "x", "y")]
    assert len(make_plan(bare, {}).patients) == 2


PLACEHOLDERS = [
    "",
    "ANONYMOUS",
    "Anonymous",
    "anon",
    "NONE",
    "0000",
    "000000",
    "XXXX",
    "---",
    "n/a",
    "No Name",
    "unknown",
    "Removed",
    "x",
]


@pytest.mark.parametrize("name", PLACEHOLDERS)
@pytest.mark.parametrize("patient_id", PLACEHOLDERS)
def test_placeholders_merge_nobody(patient_id, name):
    objects = [
        header(PatientID=patient_id, PatientName=name, StudyInstanceUID=f"1.8.{n}")
        for n in (1, 1, 2)
    ]
    plan = make_plan(objects, {})
    assert sorted(len(unit.files) for unit in plan.units) == [1, 2]
    assert plan.unnamed == 2


def test_a_real_name_or_id_beside_a_placeholder_identifies():
    objects = [
        header(PatientID="ANON", PatientName="Roe^Jane", StudyInstanceUID=f"1.8.{n}")
        for n in (1, 2)
    ]
    assert len(make_plan(objects, {}).units) == 1
    objects = [
        header(PatientID="7", PatientName=name, StudyInstanceUID=f"1.8.{n}")
        for n, name in ((1, "Anonymous"), (2, "Roe"))
    ]
    assert len(make_plan(objects, {}).units) == 1
    assert make_plan(objects, {}).unnamed == 0


@pytest.mark.parametrize(
    "patient_id", ["Case_000", "0001", "A0", "LUNG1-001", "1", "ANON001", "10000"]
)
def test_ids_that_only_resemble_placeholders_are_ids(patient_id):
    assert real_id(patient_id) == patient_id


def test_one_name_in_two_spellings_is_one_patient():
    same = [
        person("7", name)
        for name in ("Sørensen^Bjørn", "Soerensen^Bjoern", "SORENSEN^BJORN", "Bjorn Sørensen")
    ]
    assert len(group_people(same)) == 1

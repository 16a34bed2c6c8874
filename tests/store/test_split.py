"""Who trains and who tests: by source id, by lot, fold, name or file; never a patient twice."""

import json

import pytest

from pleura.core.errors import UsageError
from pleura.store.split import Split, make_split

TWELVE = [f"Case_{k:03d}" for k in range(12)]
SOURCES = {case: f"P{12 - k}" for k, case in enumerate(TWELVE)}
"""Source ids whose order is the opposite of the case ids'; P9 comes before P10."""


def slices_of(cases):
    return dict.fromkeys(cases, 40)


def test_order_goes_by_source_id_and_numbers_in_it_count_as_numbers():
    split = make_split(slices_of(TWELVE), sources=SOURCES)
    assert set(split.test) == {SOURCE_CASE[f"P{k}"] for k in (9, 10, 11, 12)}
    assert len(split.train) + len(split.validation) == 8


SOURCE_CASE = {source: case for case, source in SOURCES.items()}


def test_order_is_the_same_whatever_the_cases_are_called():
    renamed = {f"Case_{(7 * k) % 12:03d}": source for k, source in enumerate(SOURCES.values())}
    one = make_split(slices_of(TWELVE), sources=SOURCES)
    other = make_split(slices_of(renamed), sources=renamed)
    assert {SOURCES[case] for case in one.test} == {renamed[case] for case in other.test}
    assert {SOURCES[c] for c in one.validation} == {renamed[c] for c in other.validation}


def test_no_list_tells_the_order_of_the_sources(tmp_path):
    split = make_split(slices_of(TWELVE), sources=SOURCES)
    split.write(tmp_path)
    text = (tmp_path / "split.json").read_text()
    assert "P1" not in text
    about = json.loads(text)
    assert about["train"] == sorted(about["train"])
    assert Split.read(tmp_path) == split


def test_without_source_ids_the_case_ids_decide():
    assert make_split(slices_of(TWELVE)).test == tuple(TWELVE[8:])


def test_two_cases_of_one_patient_are_in_one_part():
    cases = ["CT-aa", "CT-bb", "CT-cc", "CT-dd"]
    sources = {"CT-aa": "P2", "CT-bb": "P1", "CT-cc": "P2", "CT-dd": "P3"}
    split = make_split(slices_of(cases), sources=sources)
    assert split.test == ("CT-dd",)
    assert split.train == ("CT-aa", "CT-bb", "CT-cc")


def test_leave_one_out_tests_each_patient_once():
    tests = [
        make_split(slices_of(TWELVE), rule=f"leave-one-out:{k}", sources=SOURCES).test
        for k in range(1, 13)
    ]
    assert sorted(case for test in tests for case in test) == TWELVE
    with pytest.raises(UsageError, match="13 patients"):
        make_split(slices_of(TWELVE), rule="leave-one-out:13")


def test_folds_cover_every_patient_once():
    tests = [make_split(slices_of(TWELVE), rule=f"kfold:4/{k}").test for k in range(1, 5)]
    assert sorted(case for test in tests for case in test) == TWELVE


def test_lctsc_goes_by_the_names_of_the_collection():
    names = ["LCTSC-Test-S1-101", "LCTSC-Train-S1-001", "LCTSC-Train-S3-009"]
    sources = dict(zip(TWELVE, names, strict=False))
    split = make_split(slices_of(TWELVE[:3]), rule="lctsc", sources=sources)
    assert (split.train, split.test) == (("Case_001", "Case_002"), ("Case_000",))
    with pytest.raises(UsageError, match="LCTSC-Train"):
        make_split(slices_of(TWELVE), rule="lctsc", sources=SOURCES)


def test_a_file_may_name_patients_or_cases(tmp_path):
    file = tmp_path / "parts.csv"
    rows = [f"P{k},{'test' if k > 9 else 'train'}" for k in range(2, 13)]
    file.write_text("patient,part\nP1,validation\n" + "\n".join(rows))
    split = make_split(slices_of(TWELVE), rule=str(file), sources=SOURCES)
    assert split.validation == (SOURCE_CASE["P1"],)
    assert set(split.test) == {SOURCE_CASE[f"P{k}"] for k in (10, 11, 12)}
    assert split.rule.startswith("file:")
    assert str(tmp_path) not in split.rule
    file.write_text("Case;Part\nCase_000;Test\nCase_001;Train\nCase_002;unused\n")
    split = make_split(slices_of(TWELVE[:3]), rule=str(file))
    assert (split.train, split.test, split.unlabelled) == (
        ("Case_001",),
        ("Case_000",),
        ("Case_002",),
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("patient,part\nP1,train\n", "has no row"),
        ("patient,part\nP1,sometimes\n", "line 2"),
        ("patient,part\nP1,train\nP1,test\n", "twice"),
        ("patient,part\n", "no row"),
        ("name,group\nP1,train\n", "columns patient"),
        (b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path, text, named):
    file = tmp_path / "parts.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError, match=named):
        make_split(slices_of(TWELVE), rule=str(file), sources=SOURCES)


@pytest.mark.parametrize("rule", ["kfold:1/1", "kfold:3/4", "leave-one-out:0", "x"])
def test_no_such_rule(rule):
    with pytest.raises(UsageError, match="--split is order"):
        make_split(slices_of(TWELVE), rule=rule)


@pytest.mark.parametrize("rule", ["none.csv", "folder/parts"])
def test_a_file_that_is_not_there_is_not_called_a_wrong_rule(rule):
    with pytest.raises(UsageError, match="CSV file of --split does not exist"):
        make_split(slices_of(TWELVE), rule=rule)

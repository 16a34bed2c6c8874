"""Cases, cohorts and splits: what is written comes back, lazily; a patient is in one part only."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleura.core.errors import InputRefused, NothingUsable, UsageError
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume
from pleura.store.case import Case, write_case
from pleura.store.cohort import Cohort, write_cohort
from pleura.store.split import Split, make_split, patient_of
from pleura.verbs.load import load

GRID = Grid.axial((4, 5, 6), (2.0, 0.5, 0.5))


def volume():
    hu = np.arange(120, dtype=np.int16).reshape(GRID.shape) - 60
    return Volume(hu, GRID, hu < -50)


def cohort(folder):
    mask = LungMask((volume().hu > 20).astype(np.uint8), GRID, sided=False)
    for name, stored in (("Case_000", mask), ("Case_001", None)):
        (folder / "cases" / name).mkdir(parents=True)
        write_case(folder / "cases" / name, name, volume(), stored, verdict="ok")
    entries = [
        {"id": name, "slices": 4, "mask": None, "verdict": "ok"}
        for name in ("Case_000", "Case_001")
    ]
    write_cohort(folder, entries, make_split({"Case_000": 4}, unlabelled=["Case_001"]))
    return Cohort.open(folder)


def test_a_cohort_comes_back(tmp_path):
    stored = cohort(tmp_path)
    assert [case.id for case in stored.cases] == ["Case_000", "Case_001"]
    assert [case.has_mask for case in stored.cases] == [True, False]
    read = stored.cases[0].volume()
    np.testing.assert_array_equal(read.hu, volume().hu)
    np.testing.assert_array_equal(read.padding, volume().padding)
    assert read.grid.same_as(GRID, tolerance_mm=0)
    np.testing.assert_array_equal(stored.cases[0].mask().lungs, volume().hu > 20)
    with pytest.raises(InputRefused):
        stored.cases[1].mask()
    assert stored.split.train == ("Case_000",)
    assert stored.split.unlabelled == ("Case_001",)


def test_volumes_are_a_lazy_mapping(tmp_path):
    cohort(tmp_path)
    volumes = load(tmp_path)
    assert list(volumes) == ["Case_000", "Case_001"]
    assert len(volumes) == 2
    (tmp_path / "cases" / "Case_001" / "volume.npy").unlink()  # not read until it is asked for
    np.testing.assert_array_equal(volumes["Case_000"].hu, volume().hu)
    with pytest.raises(ValueError, match="read-only"):
        volumes["Case_000"].hu[0, 0, 0] = 1


def test_no_cohort_is_said(tmp_path):
    with pytest.raises(UsageError):
        Cohort.open(tmp_path)
    write_cohort(tmp_path, [], make_split({}))
    with pytest.raises(NothingUsable):
        Cohort.open(tmp_path)
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "case.json").write_text('{"format": "other/1"}')
    with pytest.raises(InputRefused):
        Case.open(tmp_path / "case")


def test_the_reports_split():
    split = make_split({f"Case_{k:03d}": 133 for k in range(12)})
    # int(12 * 0.67)
    assert split.train + split.validation == tuple(f"Case_{k:03d}" for k in range(8))
    assert split.test == ("Case_008", "Case_009", "Case_010", "Case_011")
    assert split.validation == ("Case_007",)


def test_few_cases_validate_on_blocks_of_their_slices():
    split = make_split({"Case_000": 133, "Case_001": 133, "Case_002": 140, "Case_003": 64})
    assert (split.train, split.validation, split.test) == (
        ("Case_000", "Case_001"),
        (),
        ("Case_002", "Case_003"),
    )
    assert set(split.validation_slices) == {"Case_000", "Case_001"}
    for blocks in split.validation_slices.values():
        stored = [k for first, end in blocks for k in range(first, end)]
        assert len(stored) == len(set(stored)) == 16
        assert max(stored) < 133
    assert make_split({"Case_000": 9}).validation_slices == {}


names = st.lists(st.integers(0, 40), min_size=1, max_size=30, unique=True)


@given(
    numbers=names,
    series=st.integers(1, 3),
    rule=st.sampled_from(["order", "seeded", "kfold:2/1", "kfold:2/2"]),
    seed=st.integers(0, 9),
)
def test_every_case_is_in_one_part_and_no_patient_in_two(numbers, series, rule, seed):
    of_one = [f"_{k}" for k in range(1, series + 1)] if series > 1 else [""]
    cases = {f"Case_{n:03d}{end}": 60 for n in numbers for end in of_one}
    if rule.startswith("kfold") and len(numbers) < 2:
        return
    split = make_split(cases, rule=rule, seed=seed)
    assert sorted(split.train + split.validation + split.test) == sorted(cases)
    patients = [
        {patient_of(case) for case in part} for part in (split.train, split.validation, split.test)
    ]
    assert sum(map(len, patients)) == len(set.union(*patients)) == len(numbers)
    assert set(split.validation_slices) <= set(split.train)


@pytest.mark.parametrize(
    "rule", ["kfold", "kfold:1/1", "kfold:3/0", "kfold:3/4", "last", "kfold:a/b"]
)
def test_a_wrong_rule_is_said(rule):
    with pytest.raises(UsageError, match="kfold"):
        make_split({"Case_000": 9, "Case_001": 9}, rule=rule)


def test_folds_cover_every_case_once():
    cases = {f"Case_{k:03d}": 50 for k in range(7)}
    tested = [case for k in (1, 2, 3) for case in make_split(cases, rule=f"kfold:3/{k}").test]
    assert sorted(tested) == sorted(cases)


def test_a_split_comes_back(tmp_path):
    split = make_split(
        {"Case_000": 133, "Case_001": 90, "Case_002": 60}, rule="seeded", seed=3, unlabelled=["x"]
    )
    split.write(tmp_path)
    assert Split.read(tmp_path) == split

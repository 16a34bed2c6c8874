"""Masks named after the folders of the source find their case after de-identification renamed
it, and no other.
"""

import shutil
from pathlib import Path

import pytest

from pleura.deid.key_and_map import read_map
from pleura.dicom.series import find_series
from pleura.labels.source_names import names_of_cases
from pleura.phantom.dataset import write_dataset
from pleura.verbs.deidentify import deidentify
from pleura.verbs.prepare import prepare

NAMES = {"Case_000": "S1-900", "Case_001": "Jane Doe"}


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """Two patients in folders of any name, masks named alike; one mask under an issued id that
    belongs to nobody.
    """
    place = tmp_path_factory.mktemp("names")
    write_dataset(place / "in", cases=2, shape=(12, 48, 48), seed=4)
    for old, new in NAMES.items():
        (place / "in" / "Images" / old).rename(place / "in" / "Images" / new)
        masks = list((place / "in" / "Segmentations").glob(f"{old}*"))
        for mask in masks:
            mask.rename(mask.with_name(mask.name.replace(old, new)))
    if (place / "in" / "Labels").exists():
        shutil.rmtree(place / "in" / "Labels")
    deidentify(place / "in", place / "clean", workers=1)
    names = names_of_cases(
        find_series(place / "in"), place / "in", read_map(place / "clean.map.json")
    )
    return place, names


def test_each_folder_name_is_its_patients_case(cases):
    _, names = cases
    assert set(names) >= set(NAMES.values())
    assert sorted(names[name] for name in NAMES.values()) == ["Deid_000", "Deid_001"]
    assert "Images" not in names, "it holds both patients"


def test_masks_follow_the_renaming(cases, tmp_path):
    place, names = cases
    result = prepare(place / "clean", tmp_path / "cohort", masks=place / "in", names=names)
    assert [case["mask"] is not None for case in result.about["cases"]] == [True, True]
    assert not result.failures


def test_a_mask_under_an_issued_id_is_not_taken_for_that_case(cases, tmp_path):
    place, names = cases
    masks = tmp_path / "masks"
    masks.mkdir()
    (mask, *_) = sorted(Path(place / "in" / "Segmentations").iterdir())
    shutil.copy(mask, masks / "Deid_000_seg.npz")
    result = prepare(place / "clean", tmp_path / "cohort", masks=masks, names=names)
    assert [case["mask"] for case in result.about["cases"]] == [None, None]
    assert any("not a case id" in line for line in result.failures)
    assert not any("Deid_000" in line for line in result.failures)


@pytest.fixture(scope="module")
def chests(tmp_path_factory):
    """Two chests in folders that are not case folders, with masks named after the folders."""
    place = tmp_path_factory.mktemp("folders")
    write_dataset(place / "made", cases=2, shape=(10, 32, 32), seed=4)
    for old, new in NAMES.items():
        (place / "in" / "Segmentations").mkdir(parents=True, exist_ok=True)
        shutil.copytree(place / "made" / "Images" / old, place / "in" / "Images" / new)
        shutil.copy(
            place / "made" / "Segmentations" / f"{old}_seg.npz",
            place / "in" / "Segmentations" / f"{new}_seg.npz",
        )
    return place / "in"


def test_masks_named_after_the_folder_of_the_ct_are_found(chests, tmp_path):
    result = prepare(chests, tmp_path / "cohort")
    assert [case["mask"] is not None for case in result.about["cases"]] == [True, True]
    assert not result.failures


def test_a_folder_of_two_cases_names_neither(chests, tmp_path):
    place = shutil.copytree(chests, tmp_path / "in")
    for name in NAMES.values():
        shutil.move(place / "Images" / name, place / "Images" / "ward" / name)
    (mask, *_) = sorted((place / "Segmentations").iterdir())
    for path in sorted((place / "Segmentations").iterdir()):
        if path != mask:
            path.unlink()
    mask.rename(mask.with_name("ward_seg.npz"))
    result = prepare(place, tmp_path / "cohort")
    assert [case["mask"] for case in result.about["cases"]] == [None, None]
    assert any("not a case id" in line for line in result.failures)

"""Masks named after the folders of the source find their case after de-identification renamed
it, and no other.
"""

import shutil
from pathlib import Path

import pytest

from pleura.deid.vault import read_map
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
    names = names_of_cases(place / "in", read_map(place / "clean.map.json"))
    return place, names


def test_each_folder_name_is_its_patients_case(cases):
    _, names = cases
    assert set(names) >= set(NAMES.values())
    assert sorted(names[name] for name in NAMES.values()) == ["Case_000", "Case_001"]
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
    shutil.copy(mask, masks / "Case_000_seg.npz")
    result = prepare(place / "clean", tmp_path / "cohort", masks=masks, names=names)
    assert [case["mask"] for case in result.about["cases"]] == [None, None]
    assert any("not a case id" in line for line in result.failures)
    assert not any("Case_000" in line for line in result.failures)

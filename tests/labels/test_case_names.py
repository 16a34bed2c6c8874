"""Which case the name of a mask means, in the spellings of tools and file systems."""

import shutil
import unicodedata

import pytest

from pleura.core.errors import Exit
from pleura.labels.case_names import CaseNames
from pleura.labels.registry import find_masks, write_mask
from pleura.phantom.dataset import write_dataset
from pleura.verbs.evaluate import evaluate
from pleura.verbs.measure import measure
from pleura.verbs.prepare import prepare

ENDINGS = ["", "_seg", "-seg", "_segmentation", ".Segmentation", "_lungmask", "_lung_mask",
           "-lungs-mask", "_R231", "_predicted", "_labelmap", "_masks",
           "_ground_truth"]  # fmt: skip


@pytest.fixture(scope="module")
def chest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chest")
    write_dataset(folder, cases=1, shape=(16, 48, 64), seed=4, label=write_mask)
    return folder


def renamed(chest, folder, name):
    folder.mkdir(parents=True)
    shutil.copy(chest / "Labels" / "Case_000.nii.gz", folder / name)
    return folder


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_tools_put_behind_a_name_is_no_part_of_it(ending, chest, tmp_path):
    assert list(find_masks(renamed(chest, tmp_path / "m", f"a-1{ending}.nii.gz"))) == ["a-1"]


@pytest.mark.parametrize("name", ["lung.nii.gz", "mask.nii.gz", "P1_lung_vessels.nii.gz"])
def test_a_name_without_a_case_or_of_another_structure_is_kept(name, chest, tmp_path):
    assert list(find_masks(renamed(chest, tmp_path / "m", name))) == [name.removesuffix(".nii.gz")]


def test_letter_case_counts_only_where_it_separates():
    known = CaseNames(frozenset({"Case_1", "B", "b", "x"}), {"Scan": "x"})
    assert [known.case_of(name) for name in ("CASE_1", "b", "B", "scan", "X")] == [
        "Case_1", "b", "B", "x", "x",
    ]  # fmt: skip
    assert CaseNames(frozenset({"Aa", "aA"})).case_of("AA") is None
    assert known.case_of("Case_2") is None


@pytest.mark.parametrize("spelt", ["NFC", "NFD"])
def test_masks_meet_references_however_the_file_system_writes_their_name(spelt, chest, tmp_path):
    name = "Mülle-Ł_é.nii.gz"
    pred = renamed(chest, tmp_path / "pred", unicodedata.normalize(spelt, name))
    ref = renamed(
        chest, tmp_path / "ref", unicodedata.normalize("NFC", name).upper()[:-7] + ".nii.gz"
    )
    table = tmp_path / "patients.csv"
    table.write_text(f"case,patient\n{unicodedata.normalize('NFD', name.upper()[:-7])},1\n")
    result = evaluate(pred, ref, tmp_path / "out", patients=table, workers=1)
    assert result.exit_code is Exit.OK
    assert result.scores["cases"][0]["dice"] == 1


def test_prepare_and_measure_take_the_names_of_tools(chest, tmp_path):
    masks = renamed(chest, tmp_path / "masks", "case_000-segmentation.nii.gz")
    result = prepare(chest / "Images", tmp_path / "cohort", masks=masks)
    assert result.exit_code is Exit.OK
    (case,) = (tmp_path / "cohort" / "cases").iterdir()
    assert (case / "mask.npy").exists()
    assert measure(chest / "Images", masks, tmp_path / "out").exit_code is Exit.OK
    shutil.copy(masks / "case_000-segmentation.nii.gz", masks / "Case_000_seg.nii.gz")
    assert measure(chest / "Images", masks, tmp_path / "two").exit_code is not Exit.OK

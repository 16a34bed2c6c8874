"""`evaluate` accounts for every file of masks, references, grids and the CT beside them."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from pleura.dicom.series import find_series
from pleura.geometry.volume import LungMask
from pleura.labels.registry import read_mask, write_mask
from pleura.phantom.dataset import write_dataset
from pleura.verbs.evaluate import evaluate
from pleura.verbs.prepare import prepare
from pleura.verbs.segment import segment

CASES = ("Case_000", "Case_001")
SLICES = 12


@pytest.fixture(scope="module")
def chests(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chests") / "chests"
    write_dataset(folder, cases=len(CASES), shape=(SLICES, 40, 40), seed=5, label=write_mask)
    shutil.rmtree(folder / "Segmentations")
    return folder


@pytest.fixture
def ref(chests, tmp_path):
    """References in a folder of their own, with no CT beside them."""
    return Path(shutil.copytree(chests / "Labels", tmp_path / "ref"))


@pytest.fixture
def pred(chests, tmp_path):
    return Path(shutil.copytree(chests / "Labels", tmp_path / "pred"))


def account(pred, ref, out, **options):
    """The account of a run, which its record, its summary and the files on disk must agree with."""
    result = evaluate(pred, ref, out, **options)
    found = result.as_json()["input"]
    assert json.loads((out / "run.json").read_text())["input"] == found
    counts = found["used"], *found["refused"].values(), *found["other"].values()
    assert found["files"] == sum(counts)
    (line,) = [line for line in result.notes() if " used, " in line]
    files = "1 file" if found["files"] == 1 else f"{found['files']} files"
    assert line.startswith(f"evaluate: {files}: {found['used']} used, ")
    again = evaluate(pred, ref, out, **options)
    assert again.as_json()["input"] == found
    return found


def count(*folders):
    """How many files the folders have, without the bookkeeping of pleura."""
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return sum(".pleura" not in path.parts for path in files)


@pytest.mark.parametrize("suffix", ["nii.gz", "nii", "nrrd", "mha", "npz", "mhd", "nhdr"])
def test_masks_of_every_format(ref, tmp_path, suffix):
    pred = tmp_path / "pred"
    pred.mkdir()
    for case in CASES:
        mask = read_mask(ref / f"{case}.nii.gz")
        if suffix in ("mhd", "nhdr"):  # with the voxels in a file beside them
            image = sitk.ReadImage(str(ref / f"{case}.nii.gz"))
            sitk.WriteImage(image, str(pred / f"{case}.{suffix}"))
        else:
            write_mask(pred / f"{case}.{suffix}", mask)
    (pred / "notes.txt").write_text("made by hand")
    found = account(pred, ref, tmp_path / "out")
    assert found["files"] == count(pred, ref)
    assert found["used"] == found["files"] - 1
    assert found["other"] == {"txt": 1}


@pytest.mark.parametrize("suffix", ["seg.dcm", "rtstruct.dcm"])
@pytest.mark.parametrize("packed", [False, True])
def test_label_objects_and_the_ct_that_they_refer_to(chests, tmp_path, suffix, packed):
    ref, pred = tmp_path / "ref", tmp_path / "pred"
    shutil.copytree(chests / "Images", ref / "ct")
    pred.mkdir()
    for series in find_series(ref):
        mask = read_mask(chests / "Labels" / f"{series.id}.nii.gz", series.grid)
        write_mask(pred / f"{series.id}.{suffix}", mask, series)
        write_mask(ref / f"{series.id}.{suffix}", mask, series)
    if packed:
        with zipfile.ZipFile(ref / "ct.zip", "w") as archive:
            for path in (ref / "ct").rglob("*.dcm"):
                archive.write(path, path.relative_to(ref / "ct"))
        shutil.rmtree(ref / "ct")
    found = account(pred, ref, tmp_path / "out")
    labels = 2 * len(CASES)
    assert found == {"files": 24 + labels, "used": 24 + labels, "refused": {}, "other": {}}


def test_a_pair_of_files(pred, ref, tmp_path):
    pair = pred / "Case_000.nii.gz", ref / "Case_000.nii.gz"
    assert account(*pair, tmp_path / "out")["used"] == 2
    assert evaluate(*pair, tmp_path / "out").notes()[-1].startswith("1 case scored: ")
    same = account(pair[0], pair[0], tmp_path / "same")
    assert same == {"files": 1, "used": 1, "refused": {}, "other": {}}


def test_the_ct_beside_a_folder_of_labels_is_counted(chests, tmp_path):
    found = account(chests / "Labels", chests / "Labels", tmp_path / "out")
    assert found["files"] == found["used"] == count(chests / "Labels", chests / "Images")


def test_results_of_segment_against_a_cohort(chests, tmp_path):
    prepare(chests, tmp_path / "cohort")
    segment(chests / "Images", tmp_path / "masks", model=Path("classical"))
    found = account(tmp_path / "masks", tmp_path / "cohort", tmp_path / "out")
    assert found["files"] == count(tmp_path / "masks")
    assert found["used"] == 2 * len(CASES)  # each mask, and the one before cleaning
    # another try left a record: the results are the same, and so is the account
    (tmp_path / "masks" / ".pleura" / "items" / "more.json").write_text("{}")
    assert account(tmp_path / "masks", tmp_path / "cohort", tmp_path / "two") == found
    assert not found["refused"]


@pytest.mark.parametrize("broken", ["pred", "ref"])
def test_of_a_refused_case_only_the_files_with_the_fault_are_refused(chests, tmp_path, broken):
    """The CT and the other mask are not scored, and nothing is wrong with them."""
    for folder in ("pred", "ref"):
        shutil.copytree(chests / "Labels", tmp_path / folder)
    shutil.copytree(chests / "Images", tmp_path / "ref" / "ct")
    path = tmp_path / broken / "Case_000.nii.gz"
    path.write_bytes(path.read_bytes()[:200])
    found = account(tmp_path / "pred", tmp_path / "ref", tmp_path / "out")
    (entry,) = json.loads((tmp_path / "out" / "scores.json").read_text())["refused"]
    assert found["refused"] == {entry["code"]: 1}
    assert found["other"] == {"not scored": SLICES + 1}
    assert found["used"] == SLICES + 2


def test_several_masks_of_one_case_are_refused(pred, ref, tmp_path):
    shutil.copy(pred / "Case_000.nii.gz", pred / "Case_000_seg.nii.gz")
    found = account(pred, ref, tmp_path / "out")
    assert found == {"files": 5, "used": 2, "refused": {"MASKS-SEVERAL": 2},
                     "other": {"not scored": 1}}  # fmt: skip
    other = account(ref, pred, tmp_path / "turned")
    assert other == found


def test_masks_and_references_alone_are_other_files(pred, ref, tmp_path):
    (pred / "Case_001.nii.gz").rename(pred / "Case_007.nii.gz")
    found = account(pred, ref, tmp_path / "out")
    assert found == {"files": 4, "used": 2, "refused": {}, "other": {"nii.gz": 2}}


def test_what_one_of_two_methods_can_use_is_used(chests, pred, ref, tmp_path):
    other = shutil.copytree(chests / "Labels", tmp_path / "other")
    (other / "Case_000.nii.gz").write_bytes(b"broken")
    found = account(pred, ref, tmp_path / "out", against=other)
    assert found["files"] == 6
    assert found["used"] == 5
    assert sum(found["refused"].values()) == 1


def test_other_structures_are_other_files(ref, tmp_path):
    pred = tmp_path / "pred"
    for case in CASES:
        mask = sitk.ReadImage(str(ref / f"{case}.nii.gz"))
        (pred / case).mkdir(parents=True)
        for name, label in (("lung_right", 1), ("lung_left", 2), ("liver", 3)):
            structure = sitk.Cast(mask == label, sitk.sitkUInt8)
            sitk.WriteImage(structure, str(pred / case / f"{name}.nii.gz"))
    found = account(pred, ref, tmp_path / "out")
    assert found == {"files": 8, "used": 6, "refused": {}, "other": {"nii.gz": 2}}


def test_the_folder_of_grids_is_counted(chests, tmp_path):
    pred, ref = tmp_path / "pred", tmp_path / "ref"
    for folder in (pred, ref):
        folder.mkdir()
        for case in CASES:
            mask = read_mask(chests / "Labels" / f"{case}.nii.gz")
            np.savez(folder / f"{case}_seg.npz", masks=mask.lungs.astype(np.uint8))
    grid = shutil.copytree(chests / "Labels", tmp_path / "grids")
    found = account(pred, ref, tmp_path / "out", grid=grid)
    assert found == {"files": 6, "used": 6, "refused": {}, "other": {}}


def test_masks_inside_the_folder_of_references_are_counted_once(chests, ref, tmp_path):
    pred = ref.parent
    found = account(pred / "ref", pred, tmp_path.parent / f"{tmp_path.name}-out")
    assert found["files"] == count(pred) == 2


def test_two_references_under_two_names_of_a_case_are_refused(chests, tmp_path):
    ref, pred = tmp_path / "ref", tmp_path / "pred"
    for case, name in zip(CASES, ("anna", "bert"), strict=True):
        shutil.copytree(chests / "Images" / case, ref / "ct" / name)
    pred.mkdir()
    (ref / "Labels").mkdir()
    mask = chests / "Labels" / "Case_000.nii.gz"
    anna, bert = (one.id for one in find_series(ref / "ct"))
    if find_series(ref / "ct" / "anna")[0].id != anna:
        anna, bert = bert, anna
    for name in ("anna", anna, "bert"):
        shutil.copy(mask, ref / "Labels" / f"{name}.nii.gz")
    for name in (anna, bert):
        shutil.copy(mask, pred / f"{name}.nii.gz")
    found = account(pred, ref, tmp_path / "out")
    assert found == {"files": 29, "used": 14, "refused": {"MASKS-SEVERAL": 2},
                     "other": {"not scored": 13}}  # fmt: skip


@pytest.mark.parametrize("exchanged", [True, False])
def test_equal_lungs_with_exchanged_sides_are_not_called_equal_masks(
    ref, pred, tmp_path, exchanged
):
    order = [0, 2, 1] if exchanged else [0, 1, 2]
    for path in sorted(pred.iterdir()):
        mask = read_mask(path)
        labels = np.choose(mask.labels, order).astype(np.uint8)
        write_mask(path, LungMask(labels, mask.grid))
    notes = evaluate(pred, ref, tmp_path / "out").notes()
    assert any("every mask equals its reference" in line for line in notes) is not exchanged
    assert any("SIDES-EXCHANGED" in line for line in notes) is exchanged

"""Each verb that reads a tree accounts for every file of it: used, refused by code, or other."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from pleura.labels.registry import write_mask
from pleura.phantom.dataset import write_dataset
from pleura.store.jobs import jobs_and_files
from pleura.verbs.couch import couch
from pleura.verbs.measure import measure
from pleura.verbs.prepare import prepare
from pleura.verbs.scan import scan
from pleura.verbs.segment import segment

CLASSICAL = Path("classical")
SLICES = 20


@pytest.fixture(scope="module")
def chests(tmp_path_factory):
    """Two good series, one without lungs, a cut file, and three that are not DICOM."""
    folder = tmp_path_factory.mktemp("made") / "chests"
    write_dataset(folder, cases=3, shape=(SLICES, 48, 48), seed=3, label=write_mask)
    images = folder / "Images"
    first = sorted((images / "Case_000").iterdir())[0]
    for path in (images / "Case_002").iterdir():
        _without_lungs(path)
    (images / "cut.dcm").write_bytes(first.read_bytes()[:400])
    shutil.copy(folder / "Labels" / "Case_000.nii.gz", images / "beside.nii.gz")
    (images / "report.pdf").write_bytes(b"%PDF-1.4")
    (images / "notes.txt").write_text("no CT")
    return folder


def _without_lungs(path):
    from pydicom import dcmread

    dataset = dcmread(path)
    dataset.PixelData = np.full(dataset.Rows * dataset.Columns, 1064, "<u2").tobytes()
    dataset.save_as(path)


VERBS = {
    "segment": lambda chests, out: segment(chests / "Images", out, model=CLASSICAL),
    "couch": lambda chests, out: couch(chests / "Images", out),
    "measure": lambda chests, out: measure(chests / "Images", chests / "Labels", out),
    "prepare": lambda chests, out: prepare(chests / "Images", out),
}


def _files(*folders):
    return sum(path.is_file() for folder in folders for path in folder.rglob("*"))


def _is_told(result, out, verb):
    """The account of a result, which its record and its summary must have too."""
    account = json.loads((out / "run.json").read_text())["input"]
    assert result.as_json()["input"] == account
    counts = account["used"], *account["refused"].values(), *account["other"].values()
    assert account["files"] == sum(counts)
    start = f"{verb}: {account['files']} files: {account['used']} used, "
    assert len([line for line in result.notes() if line.startswith(start)]) == 1
    assert len([line for line in result.notes() if " used, " in line]) == 1
    return account


@pytest.mark.parametrize("verb", VERBS)
def test_every_file_is_used_refused_or_other(chests, tmp_path, verb):
    result = VERBS[verb](chests, tmp_path / "out")
    account = _is_told(result, tmp_path / "out", verb)
    masks = 3 if verb == "measure" else 0
    folders = [chests / "Images", *([chests / "Labels"] if masks else [])]
    assert account["files"] == _files(*folders) == 3 * SLICES + 4 + masks
    assert account["used"] == 2 * SLICES + masks * 2 // 3
    assert sum(account["refused"].values()) == SLICES + 1 + masks // 3
    assert account["other"] == {"nii.gz": 1, "pdf": 1, "txt": 1}
    # nothing is new: the account is that of the first run
    assert VERBS[verb](chests, tmp_path / "out").as_json()["input"] == account


def test_the_account_is_that_of_scan(chests, tmp_path):
    found = scan(chests / "Images").accounting.as_json()
    account = VERBS["segment"](chests, tmp_path / "out").as_json()["input"]
    assert account["files"] == found["files"]
    assert account["other"] == found["other"]
    assert account["used"] == found["used"]


def test_images_without_dicom_are_used(chests, tmp_path):
    (tmp_path / "in").mkdir()
    image = sitk.GetImageFromArray(np.full((20, 40, 40), 40, np.int16))
    sitk.WriteImage(image, str(tmp_path / "in" / "a.nii.gz"))
    (tmp_path / "in" / "notes.txt").write_text("no CT")
    account = segment(tmp_path / "in", tmp_path / "out", model=CLASSICAL).as_json()["input"]
    (code,) = account["refused"]
    assert account == {"files": 2, "used": 0, "refused": {code: 1}, "other": {"txt": 1}}


def test_masks_of_the_input_are_used(chests, tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("Images", "Labels"):
        shutil.copytree(chests / name, tmp_path / "in" / name)
    account = prepare(tmp_path / "in", tmp_path / "out").as_json()["input"]
    assert account["used"] == 2 * SLICES + 2  # the third case is refused, with its mask
    assert SLICES + 1 in account["refused"].values()
    assert account["other"]["nii.gz"] == 1


def test_a_folder_of_masks_that_has_the_input_in_it_is_counted_once(chests, tmp_path):
    account = prepare(chests / "Images", tmp_path / "out", masks=chests).as_json()["input"]
    assert account["files"] == _files(chests)
    assert account["used"] == 2 * SLICES + 4  # two masks of each case, in two formats


def test_two_series_in_one_case_are_refused(chests, tmp_path):
    for name, folder in (
        ("Case_000", "Case_000"),
        ("Case_001", "Case_009"),
        ("Case_002", "Case_009"),
    ):
        shutil.copytree(chests / "Images" / name, tmp_path / "in" / folder, dirs_exist_ok=True)
    account = prepare(tmp_path / "in", tmp_path / "out").as_json()["input"]
    assert account["refused"] == {"TWO-SERIES-IN-CASE": 2 * SLICES}


def test_a_cohort_has_no_files_to_account_for(chests, tmp_path):
    prepare(chests / "Images", tmp_path / "cohort")
    result = segment(tmp_path / "cohort", tmp_path / "out", model=CLASSICAL)
    assert result.as_json()["input"] is None
    assert not any(" files: " in line for line in result.notes())


def test_voxels_beside_their_header_belong_to_the_case(tmp_path):
    image = sitk.GetImageFromArray(np.full((20, 40, 40), 40, np.int16))
    for suffix in ("mhd", "nhdr"):
        (tmp_path / suffix).mkdir()
        sitk.WriteImage(image, str(tmp_path / suffix / f"a.{suffix}"))
        (job,), files = jobs_and_files(tmp_path / suffix)
        assert files.accounting.used == files.accounting.files == 2
        (voxels,) = [one for one in (tmp_path / suffix).iterdir() if one.suffix != f".{suffix}"]
        voxels.write_bytes(voxels.read_bytes() + b"\0")
        assert jobs_and_files(tmp_path / suffix)[0][0].input != job.input

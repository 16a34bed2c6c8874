"""`run` accounts for every file of IN, through de-identification and `prepare`."""

import errno
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from pleura.core.errors import Exit
from pleura.core.faults import note
from pleura.dicom.series import find_series
from pleura.labels import source_names
from pleura.labels.registry import read_mask, write_mask
from pleura.phantom.dataset import write_dataset
from pleura.store.run_record import open_run
from pleura.verbs.run import run
from pleura.verbs.run_stages import Stages
from pleura.verbs.study import study
from pleura.verbs.train import train

SLICES = 10
PARTS = {"split": "order", "seed": 0, "couch": "keep"}
LABELS = ("Labels", "Segmentations")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "chests"
    write_dataset(folder, cases=3, shape=(SLICES, 40, 40), seed=6, label=write_mask)
    shutil.rmtree(folder / "Segmentations")
    return folder


@pytest.fixture
def chests(made, tmp_path):
    return Path(shutil.copytree(made, tmp_path / "chests"))


def account(source, out, masks=None, profile="basic"):
    """The account after the stages that read IN."""
    with open_run(out, verb="run", sources=[source], options={}) as whole:
        stages = Stages(whole, source, "size", 1, lambda *_: None)
        stages.to_cohort(masks, profile, "refuse", PARTS)
        found = stages.input
        counts = found["used"], *found["refused"].values(), *found["other"].values()
        assert found["files"] == sum(counts)
        # the last stage says so once more, from its record
        again = Stages(whole, source, "size", 1, lambda *_: None)
        again.to_cohort(masks, profile, "refuse", PARTS)
        assert again.input == found
        assert not [line for line in stages.notes if " used, " in line]
    return found


def cohort_of(source, out):
    with open_run(out, verb="run", sources=[source], options={}) as whole:
        stages = Stages(whole, source, "size", 1, lambda *_: None)
        stages.to_cohort(None, "basic", "refuse", PARTS)
    return stages


def count(*folders):
    return sum(path.is_file() for folder in folders for path in folder.rglob("*"))


def without_lungs(folder):
    for path in folder.iterdir():
        dataset = dcmread(path)
        dataset.PixelData = np.full(dataset.Rows * dataset.Columns, 1064, "<u2").tobytes()
        dataset.save_as(path)


def test_every_file_is_used_refused_or_other(chests, tmp_path):
    without_lungs(chests / "Images" / "Case_002")
    (chests / "notes.txt").write_text("no CT")
    whole = next((chests / "Images" / "Case_000").iterdir()).read_bytes()
    (chests / "Images" / "cut.dcm").write_bytes(whole[:400])
    found = account(chests, tmp_path / "out")
    assert found["files"] == count(chests) == 3 * SLICES + 3 + 2
    assert found["used"] == 2 * SLICES + 2
    assert sorted(found["refused"].values()) == [1, SLICES + 1]
    assert found["other"] == {"txt": 1}


def test_masks_in_another_folder_and_around_the_input(chests, tmp_path):
    masks = shutil.move(chests / "Labels", tmp_path / "masks")
    (masks / "Case_009.nii.gz").write_bytes(b"")
    found = account(chests, tmp_path / "out", masks=masks)
    assert found["files"] == count(chests, masks) == 3 * SLICES + 4
    assert found["used"] == 3 * SLICES + 3
    shutil.move(masks, chests / "Labels")
    found = account(chests / "Images", tmp_path / "two", masks=chests)
    assert found["files"] == count(chests)
    assert found["used"] == 3 * SLICES + 3


@pytest.mark.parametrize("profile", ["basic", "report"])
def test_label_objects_in_the_input(chests, tmp_path, profile):
    for series in find_series(chests / "Images"):
        mask = read_mask(chests / "Labels" / f"{series.id}.nii.gz", series.grid)
        write_mask(chests / "Images" / f"{series.id}.rtstruct.dcm", mask, series)
    shutil.rmtree(chests / "Labels")
    found = account(chests, tmp_path / "out", profile=profile)
    assert found == {"files": 33, "used": 33, "refused": {}, "other": {}}


def test_series_in_an_archive(chests, tmp_path):
    with zipfile.ZipFile(chests / "export.zip", "w") as archive:
        for path in (chests / "Images" / "Case_001").iterdir():
            archive.write(path, f"Case_001/{path.name}")
        archive.writestr("report.pdf", b"%PDF-1.4")
    shutil.rmtree(chests / "Images" / "Case_001")
    found = account(chests, tmp_path / "out")
    assert found["files"] == 3 * SLICES + 3 + 1
    assert found["used"] >= 3 * SLICES + 2  # the mask of the packed case has no folder's name
    assert found["other"]["pdf"] == 1


def test_the_input_may_be_an_archive(chests, tmp_path):
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        for path in chests.rglob("*.*"):
            archive.write(path, path.relative_to(chests))
    found = account(tmp_path / "export.zip", tmp_path / "out")
    assert found["files"] == 3 * SLICES + 3
    assert found["used"] == 3 * SLICES


def test_what_could_not_be_read_just_now_is_read_by_the_next_run(chests, tmp_path, monkeypatch):
    """A mask that lost its case by a fault of the disk was left out of the cohort for good."""

    def hindered(series, *rest):
        note(OSError(errno.EIO, "disk error"))
        return whole(series[:-1], *rest)

    whole = source_names.names_of_cases

    with monkeypatch.context() as patch:
        patch.setattr(source_names, "names_of_cases", hindered)
        first = cohort_of(chests, tmp_path / "out")
    assert first.worst is Exit.SOME_FAILED
    assert "could not be read just now" in first.notes[-1]
    assert len(first.input["refused"]) == 0
    assert first.input["used"] < count(chests)
    again = cohort_of(chests, tmp_path / "out")
    assert again.input == {"files": 33, "used": 33, "refused": {}, "other": {}}


def test_what_has_left_the_input_is_told(chests, tmp_path):
    cohort_of(chests, tmp_path / "out")
    shutil.rmtree(chests / "Images" / "Case_002")
    stages = cohort_of(chests, tmp_path / "out")
    assert [line for line in stages.notes if "not in IN any more" in line]


def test_run_says_it_in_its_record_and_its_summary(chests, tmp_path, monkeypatch):
    for stage in ("to_scores", "to_report"):
        monkeypatch.setattr(Stages, stage, lambda *_: None)
    (chests / "notes.txt").write_text("no CT")
    shutil.rmtree(chests / "Labels")
    for _ in range(2):
        result = run(chests, tmp_path / "out")
        found = json.loads((tmp_path / "out" / "run.json").read_text())["input"]
        assert result.exit_code is Exit.OK
        assert result.as_json()["input"] == found
        assert found == {"files": 31, "used": 30, "refused": {}, "other": {"txt": 1}}
        (line,) = [line for line in result.notes() if " used, " in line]
        assert line == "run: 31 files: 30 used, 0 refused, 1 other (txt 1)"


def test_another_file_beside_the_ct_changes_the_account_and_no_model(chests, tmp_path):
    cohort_of(chests, tmp_path / "out")
    cohort = tmp_path / "out" / "cohort"
    train(cohort, tmp_path / "model", epochs=1, size=16, loss="bce")
    model = (tmp_path / "model" / "bce" / "model.onnx").stat()
    (chests / "notes.txt").write_text("no CT")
    assert cohort_of(chests, tmp_path / "out").input["other"] == {"txt": 1}
    train(cohort, tmp_path / "model", epochs=1, size=16, loss="bce")
    assert (tmp_path / "model" / "bce" / "model.onnx").stat().st_mtime_ns == model.st_mtime_ns


def test_a_study_of_a_folder_says_it(chests, tmp_path):
    (tmp_path / "design.toml").write_text(
        'name = "tiny"\nsize = 16\nsteps = 1\nfolds = 2\nendpoints = ["dice"]\n'
        '[[factor]]\nname = "alpha"\nlevels = [0.5, 1.0]\n'
    )
    for _ in range(2):
        result = study(tmp_path / "design.toml", tmp_path / "out", data=chests)
        assert result.as_json()["input"]["used"] == count(chests)
        assert [line for line in result.notes() if line.startswith("study: 33 files: 33 used")]

"""Bad input: one clear line and the documented exit code, each time, and nothing left that could
be taken for whole.
"""

import re
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from click.testing import CliRunner

from pleura.cli.commands import app
from pleura.phantom.dataset import write_dataset

CANARY = "Canary"


def pleura(*words):
    told = CliRunner().invoke(app, [str(word) for word in words])
    assert "Traceback" not in told.output
    assert CANARY not in told.output, "a name of the input reached the terminal"
    assert told.exit_code != 70, told.output
    return told


def one_line(told, *words):
    lines = [
        line
        for line in told.stderr.splitlines()
        if all(re.search(word, line, re.I) for word in words)
    ]
    assert len(lines) == 1, told.stderr
    assert len(lines[0]) < 400


@pytest.fixture(scope="module")
def chests(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "chests"
    write_dataset(folder, cases=2, shape=(12, 48, 48), seed=5)
    return folder


@pytest.fixture
def copy(chests, tmp_path):
    return Path(shutil.copytree(chests, tmp_path / f"{CANARY}^chests"))


def slices_of(case: Path) -> list[Path]:
    """A case's files from the lowest slice to the highest, by position: their names are random."""
    return sorted(
        case.glob("*.dcm"), key=lambda path: float(pydicom.dcmread(path).ImagePositionPatient[2])
    )


def test_an_empty_folder(tmp_path):
    (tmp_path / "in").mkdir()
    for verb in ("scan", "deidentify", "prepare", "segment", "run"):
        told = pleura(
            verb, tmp_path / "in", *([] if verb == "scan" else [tmp_path / f"out-{verb}"])
        )
        assert told.exit_code == 3, (verb, told.output)
        one_line(told, "no ")


def test_a_folder_of_text_files(tmp_path):
    (tmp_path / "in").mkdir()
    for n in range(3):
        (tmp_path / "in" / f"{CANARY}{n}.txt").write_text("not an image\n" * n)
    for verb in ("scan", "deidentify", "prepare", "segment", "run"):
        told = pleura(
            verb, tmp_path / "in", *([] if verb == "scan" else [tmp_path / f"out-{verb}"])
        )
        assert told.exit_code == 3, (verb, told.output)


def test_a_truncated_file(copy):
    victim = slices_of(copy / "Images" / "Case_000")[5]
    victim.write_bytes(victim.read_bytes()[:-500])
    told = pleura("scan", copy)
    assert told.exit_code == 1
    one_line(told, "Case_000", "truncated")


def test_a_missing_slice(copy, tmp_path):
    slices_of(copy / "Images" / "Case_000")[5].unlink()
    told = pleura("scan", copy)
    assert told.exit_code == 1
    one_line(told, "Case_000", "missing|gap")
    told = pleura("segment", copy, tmp_path / "masks", "--model", "classical")
    assert told.exit_code == 1
    assert not (tmp_path / "masks" / "Case_000").exists()
    assert (tmp_path / "masks" / "Case_001" / "lungs.nii.gz").exists()


def test_two_series_in_one_folder(copy, tmp_path):
    images = copy / "Images"
    for path in list((images / "Case_001").glob("*.dcm")):
        path.rename(images / "Case_000" / f"more-{path.name}")
    told = pleura("prepare", copy, tmp_path / "cohort")
    assert told.exit_code == 3
    one_line(told, "Case_000", "series")


def test_a_mask_of_the_wrong_shape(copy, tmp_path):
    np.savez_compressed(
        copy / "Segmentations" / "Case_000_seg.npz", masks=np.zeros((3, 48, 48), np.uint8)
    )
    told = pleura("prepare", copy, tmp_path / "cohort")
    assert told.exit_code == 1
    one_line(told, "Case_000", "shape")


def test_a_mask_for_an_unknown_case(copy, tmp_path):
    shutil.copy(
        copy / "Segmentations" / "Case_000_seg.npz", copy / "Segmentations" / "Case_077_seg.npz"
    )
    told = pleura("prepare", copy, tmp_path / "cohort")
    assert told.exit_code == 1
    one_line(told, "Case_077")
    assert (tmp_path / "cohort" / "cohort.json").exists()


def test_an_output_that_cannot_be_written(chests, tmp_path):
    (tmp_path / "file").write_text("x")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        told = pleura("segment", chests, out, "--model", "classical")
        assert told.exit_code == 2
        one_line(told, "OUT")


def test_an_output_that_holds_something_else(chests, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / f"{CANARY}.txt").write_text("mine")
    for verb in ("deidentify", "prepare", "segment", "run"):
        told = pleura(verb, chests, tmp_path / "out")
        assert told.exit_code == 2
        one_line(told, "--overwrite")
    assert (tmp_path / "out" / f"{CANARY}.txt").read_text() == "mine"


def test_an_input_that_does_not_exist(tmp_path):
    for verb in ("scan", "deidentify", "prepare", "segment", "run"):
        assert (
            pleura(
                verb, tmp_path / "none", *([] if verb == "scan" else [tmp_path / "out"])
            ).exit_code
            == 2
        )


def test_input_is_never_written_to(chests, tmp_path):
    def state():
        return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in chests.rglob("*")}

    before = state()
    pleura("scan", chests)
    pleura("deidentify", chests, tmp_path / "clean")
    pleura("prepare", chests, tmp_path / "cohort")
    assert state() == before
    assert pleura("deidentify", chests, chests / "clean").exit_code == 2
    assert state() == before

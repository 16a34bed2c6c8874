"""From a tree of files to a report: the whole of it, twice, killed on the way, and without a
name leaking.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from pleura.cli.commands import app
from pleura.phantom.dataset import write_dataset

QUICK = ("--epochs", "1", "--size", "64", "--quiet")


def pleura(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture(scope="module")
def chests(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "chests"
    write_dataset(folder, cases=3, shape=(14, 64, 64), seed=3)
    return folder


@pytest.fixture(scope="module")
def journey(chests, tmp_path_factory):
    out = tmp_path_factory.mktemp("journey") / "out"
    process = started(chests, out)
    _, told = process.communicate()
    assert process.returncode == 0, told
    return out


def started(chests, out):
    """A process of its own, on one thread: how many share a sum decides its last bit."""
    command = [sys.executable, "-m", "pleura", "run", chests, out, *QUICK, "--loss", "both"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "SOURCE_DATE_EPOCH": "0"}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def results(folder: Path) -> dict[str, bytes]:
    """Every result's bytes; times are in `.pleura` only."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".pleura" not in path.parts
    }


def test_it_leaves_what_others_rely_on(journey):
    scores = json.loads((journey / "scores.json").read_text())
    assert [case["case"] for case in scores["cases"]] == ["Case_000", "Case_001", "Case_002"]
    assert [case["split"] for case in scores["cases"]] == ["train", "train", "test"]
    for case in scores["cases"]:
        assert 0 <= case["dice"] <= 1
        assert 0 <= case["accuracy"] <= 1
        counts = case["slices"]
        assert counts["lung"] + counts["empty"] + counts["hallucinated"] + counts["missed"] == 14
    record = json.loads((journey / "run.json").read_text())
    assert record["state"] == "done"
    page = (journey / "report.html").read_text(encoding="utf-8")
    assert "<html" in page
    assert page.count("data:image/") >= 5
    assert 'src="http' not in page
    for loss in ("bce", "bce_dice"):
        masks = json.loads((journey / "masks" / loss / "run.json").read_text())
        assert masks["labels"] == {"1": "right lung", "2": "left lung"}
        assert {case["id"] for case in masks["cases"]} == {"Case_000", "Case_001", "Case_002"}
        for case in masks["cases"]:
            assert (journey / "masks" / loss / case["mask"]).exists()


def test_the_held_out_case_is_not_in_training(journey):
    split = json.loads((journey / "cohort" / "split.json").read_text())
    assert split["test"] == ["Case_002"]
    assert "Case_002" not in split["train"] + split["validation"]


def test_again_ends_at_once(chests, journey):
    before = {path: path.stat().st_mtime_ns for path in journey.rglob("*")}
    assert pleura("run", chests, journey, *QUICK, "--loss", "both").exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in journey.rglob("*")} == before
    other = pleura("run", chests, journey, *QUICK, "--batch", "2")
    assert other.exit_code == 2
    assert "--overwrite" in other.stderr


def test_no_identity_in_anything_written(chests, journey):
    import pydicom

    words = set()
    for path in chests.rglob("*.dcm"):
        header = pydicom.dcmread(path, stop_before_pixels=True)
        words |= {str(header.PatientName), str(header.PatientID), path.stem}
    words = {word for word in words if len(word) > 3}
    assert words
    for path in journey.rglob("*"):
        assert not any(word in path.name for word in words), "an identity in a file name"
        if path.suffix in (".json", ".jsonl", ".csv", ".html", ".txt"):
            text = path.read_text(encoding="utf-8")
            assert not [word for word in words if word in text], path.name


@pytest.mark.skipif(sys.platform == "win32", reason="a kill by signal")
def test_killed_anywhere_it_resumes_to_the_same_bytes(chests, journey, tmp_path):
    out = tmp_path / "out"
    shutil.copy(journey.parent / "out.key", tmp_path / "out.key")  # the key decides the new UIDs
    for wait in ("deidentified/run.json", "runs", "masks"):
        process = started(chests, out)
        limit = time.monotonic() + 600
        while not (out / wait).exists() and process.poll() is None and time.monotonic() < limit:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not (out / "report.html").exists()
    process = started(chests, out)
    _, told = process.communicate()
    assert process.returncode == 0, told
    assert results(out) == results(journey)


WITHOUT_TORCH = """
import json, sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "safetensors", "onnx"):
            raise ImportError(name=name)
sys.meta_path.insert(0, Missing())
from pleura.cli.app import main
codes = []
for words in json.loads(sys.argv[1]):
    try:
        main([*words, "--quiet"])
    except SystemExit as ended:
        codes.append(ended.code or 0)
print(json.dumps(codes))
"""


def test_without_torch_everything_but_training_works(chests, journey, tmp_path):
    """The four everyday verbs, and segmenting with a trained model, in an interpreter that
    cannot import torch.
    """
    masks, cohort = tmp_path / "masks", journey / "cohort"
    commands = (
        ("scan", chests),
        ("deidentify", chests, tmp_path / "clean"),
        ("segment", cohort, masks, "--model", journey / "runs" / "bce_dice"),
        ("evaluate", masks, cohort, tmp_path / "scores"),
        ("train", cohort, tmp_path / "runs"),
    )
    given = json.dumps([[str(word) for word in words] for words in commands])
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, given], capture_output=True, text=True, check=False
    )
    assert json.loads(done.stdout) == [0, 0, 0, 0, 2], done.stderr
    assert "pip install 'pleura[train]'" in done.stderr

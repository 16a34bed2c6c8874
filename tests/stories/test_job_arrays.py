"""Every verb that can be planned writes, as a job array, the bytes of a plain run."""

import json
from pathlib import Path

import pytest

from pleura.core import faults
from pleura.core.errors import Exit
from pleura.verbs.evaluate import evaluate
from pleura.verbs.measure import measure
from pleura.verbs.phantom import phantom
from pleura.verbs.prepare import prepare
from pleura.verbs.segment import segment

pytestmark = pytest.mark.usefixtures("figures_rendered")


@pytest.fixture(scope="module")
def chests(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "chests"
    phantom(folder, cases=3, size=48, slices=16)
    stray = folder / "Labels" / "Case_077.nii.gz"  # a mask of no case: prepare says so
    stray.write_bytes((folder / "Labels" / "Case_000.nii.gz").read_bytes())
    return folder


def results(out):
    files = [path for path in out.rglob("*") if path.is_file() and ".pleura" not in path.parts]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


VERBS = {
    "evaluate": lambda chests, out, **how: evaluate(
        chests / "Labels", chests / "Labels", out, against=chests / "Segmentations", **how
    ),
    "prepare": lambda chests, out, **how: prepare(chests, out, **how),
    "measure": lambda chests, out, **how: measure(chests / "Images", chests / "Labels", out, **how),
    "segment": lambda chests, out, **how: segment(
        chests / "Images", out, model=Path("classical"), format="seg", **how
    ),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_job_array_writes_the_bytes_of_a_plain_run(verb, chests, tmp_path):
    plain, out = tmp_path / "plain", tmp_path / "out"
    call = VERBS[verb]
    code = call(chests, plain).exit_code
    plan = call(chests, out, plan=True, tasks=2)
    assert (plan.left, plan.tasks) == (7 if verb == "evaluate" else 3, 2)
    for number in range(2):
        assert call(chests, out, task=f"{number}/2").exit_code is Exit.OK
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.npy")}
    assert call(chests, out).exit_code is code
    assert results(out) == results(plain)
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert json.loads((out / "run.json").read_text())["state"] == "done"


def test_a_plan_made_while_a_file_could_not_be_read_is_scanned_again(chests, tmp_path, monkeypatch):
    plain, out = tmp_path / "plain", tmp_path / "out"
    segmented = VERBS["segment"]
    segmented(chests, plain)
    last = sorted((chests / "Images" / "Case_001").iterdir())[-1]
    monkeypatch.setattr(faults, "_without_content", {str(last)})
    segmented(chests, out, plan=True, tasks=1)
    segmented(chests, out, task="0/1")
    monkeypatch.setattr(faults, "_without_content", set())
    assert segmented(chests, out).exit_code is Exit.OK
    assert results(out) == results(plain)

"""De-identification as a job array: one key, one map, the ids and bytes of an undisturbed run."""

import subprocess
import sys

import pytest

from pleura.core.errors import Exit, UsageError
from pleura.phantom.dataset import write_dataset
from pleura.verbs.deidentify import deidentify
from pleura.verbs.status import status

KILLED = """
import os, signal, sys
from pathlib import Path
from pleura.publishing import units
from pleura.verbs.deidentify import deidentify

written = units.write_unit
def write_and_end(*arguments):
    if arguments[0].folder == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)
    return written(*arguments)
units.write_unit = write_and_end
deidentify(Path(sys.argv[1]), Path(sys.argv[2]), key=Path(sys.argv[4]), task="0/2")
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "chests"
    write_dataset(folder, cases=4, shape=(4, 32, 32), seed=5)
    images = folder / "Images"
    for number, path in enumerate(sorted(images.iterdir())):
        path.rename(images / f"scan {number}")  # so that the key decides the ids
    return images


@pytest.fixture
def plain(source, tmp_path):
    key = tmp_path / "key"
    key.write_text("4f" * 32)
    out = tmp_path / "plain"
    deidentify(source, out, key=key, workers=1)
    return out, key


def written(out):
    files = [path for path in out.rglob("*") if path.is_file() and ".pleura" not in path.parts]
    found = {path.relative_to(out).as_posix(): path.read_bytes() for path in files}
    return found | {"map": out.with_name(f"{out.name}.map.json").read_bytes()}


@pytest.mark.skipif(sys.platform == "win32", reason="a kill by signal")
def test_tasks_a_killed_one_and_a_repeated_one_write_the_bytes_of_a_plain_run(
    source, plain, tmp_path
):
    out, key = tmp_path / "out", plain[1]
    plan = deidentify(source, out, key=key, plan=True, tasks=2)
    assert (plan.cases, plan.left, plan.tasks) == (4, 4, 2)
    secret = (tmp_path / "out.map.json").read_bytes()
    words = [source, out, "Deid_002", key]  # the second one of the first task
    killed = subprocess.run([sys.executable, "-c", KILLED, *map(str, words)], check=False)
    assert killed.returncode == -9
    standing = status(out).as_json()
    assert (standing["done"], standing["running"], standing["left"]) == (1, 0, 3)
    for number in (1, 1):
        share = deidentify(source, out, key=key, task=f"{number}/2")
        assert share.as_json() == {"share": 2, "done": 2, "failed": {}, "elsewhere": []}
    assert (tmp_path / "out.map.json").read_bytes() == secret
    assert deidentify(source, out, key=key).exit_code is Exit.OK
    assert written(out) == written(plain[0])
    assert not list(out.rglob(".part-*"))


def test_a_task_refuses_input_that_has_changed_and_leaves_the_map_alone(source, plain, tmp_path):
    out, key = tmp_path / "out", plain[1]
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in source.glob("scan [01]/*"):
        (copy / path.parent.name).mkdir(exist_ok=True)
        (copy / path.parent.name / path.name).write_bytes(path.read_bytes())
    deidentify(copy, out, key=key, plan=True, tasks=1)
    before = (tmp_path / "out.map.json").read_bytes()
    more = next(source.glob("scan 2/*"))
    (copy / "new").write_bytes(more.read_bytes())
    with pytest.raises(UsageError, match="has changed since the work was planned"):
        deidentify(copy, out, key=key, task="0/1")
    assert (tmp_path / "out.map.json").read_bytes() == before
    with pytest.raises(UsageError, match="crop-above-apex"):
        deidentify(copy, out, key=key, task="0/1", crop_above_apex=10.0)

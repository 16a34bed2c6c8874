"""An object store that sends the beginning of an object, and then nothing or next to nothing."""

import shutil
import time

import pytest
from testing.object_store import at
from testing.toy_batch import toy

from pleura.core.errors import Exit, OutputFailed
from pleura.store import object_store
from pleura.verbs.deidentify import deidentify
from pleura.verbs.phantom import phantom
from pleura.verbs.status import status


@pytest.fixture(autouse=True)
def short_limits(monkeypatch, store):
    monkeypatch.setattr(object_store, "SILENCE_S", 0.3)
    monkeypatch.setattr(object_store, "OBJECT_S", 2)
    yield
    store.stalled = ""


def objects_in(out):
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*.dcm")}


@pytest.mark.parametrize("drips", [False, True])
def test_an_object_that_does_not_end_is_refused_and_read_by_the_next_run(drips, store, tmp_path):
    chests, here, there = (tmp_path / name for name in ("chests", "here", "there"))
    phantom(chests, cases=1, size=32, slices=6)
    store.upload(chests / "Images", "chests")
    deidentify(chests / "Images", here / "out")
    there.mkdir()
    shutil.copy(here / "out.key", there)
    names = sorted(path.name for path in chests.rglob("*.dcm"))
    store.stalled, store.drips = names[3], drips
    begun = time.monotonic()
    result = deidentify(at("chests"), there / "out")
    assert time.monotonic() - begun < 20
    assert result.exit_code is Exit.SOME_FAILED
    assert result.accounting.refused == {"READ-ERROR": 1}
    assert len(objects_in(there / "out")) == 5
    store.stalled = ""
    assert deidentify(at("chests"), there / "out").exit_code is Exit.OK
    assert objects_in(there / "out") == objects_in(here / "out")


def test_a_task_does_its_other_cases_and_the_run_that_collects_says_why_it_ends(store, tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    for number in range(4):
        (source / f"case {number}").write_text(f"{number}" * 10)
    store.upload(source, "in")
    toy(at("in"), at("out"), plan=True, tasks=1)
    store.stalled = "case 2"
    share = toy(at("in"), at("out"), task="0/1").as_json()
    assert share == {"share": 4, "done": 3, "failed": {"case 2": "FILE-CHANGED"}, "elsewhere": []}
    with pytest.raises(OutputFailed, match=r"began to send 1 object and did not finish"):
        toy(at("in"), at("out"))
    store.stalled = ""
    assert toy(at("in"), at("out")).exit_code == 0
    store.stalled = "run.json"
    with pytest.raises(OutputFailed, match="did not finish"):
        status(at("out"))

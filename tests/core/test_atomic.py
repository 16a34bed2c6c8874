"""Files appear whole or not at all."""

import os
import subprocess
import sys

import pytest

from pleura.core import atomic
from pleura.core.errors import OutputFailed

PIPED = {"capture_output": True, "text": True, "check": True}


def test_a_failed_write_leaves_the_old_file_and_no_part(tmp_path):
    target = tmp_path / "a.json"
    atomic.write_json(target, {"a": 1})
    with pytest.raises(RuntimeError), atomic.atomic_file(target) as part:
        part.write_text("half")
        raise RuntimeError
    assert atomic.read_json(target) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_folder_is_replaced_whole(tmp_path):
    target = tmp_path / "case"
    for text in ("one", "two"):
        with atomic.atomic_folder(target) as part:
            (part / "x").write_text(text)
            assert not (target / "x").exists() or (target / "x").read_text() == "one"
    assert (target / "x").read_text() == "two"
    assert [p.name for p in tmp_path.iterdir()] == ["case"]


def test_unwritable_output_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputFailed, match="cannot write"):
        atomic.write_json(tmp_path / "file" / "x.json", {})


def test_json_refuses_nan(tmp_path):
    with pytest.raises(ValueError):
        atomic.write_json(tmp_path / "x.json", {"a": float("nan")})
    assert not (tmp_path / "x.json").exists()


def test_parts_are_cleared(tmp_path):
    (tmp_path / ".part-1-x").write_text("")
    (tmp_path / ".part-1-y").mkdir()
    (tmp_path / ".part-1-y" / ".part-1-z").write_text("")
    (tmp_path / "runs" / "bce").mkdir(parents=True)
    (tmp_path / "runs" / "bce" / ".part-2-best").write_text("")
    (tmp_path / "z").write_text("")
    atomic.clear_parts(tmp_path)
    assert not list((tmp_path / "runs" / "bce").iterdir())
    (tmp_path / "runs" / "bce").rmdir()
    (tmp_path / "runs").rmdir()
    assert [p.name for p in tmp_path.iterdir()] == ["z"]


@pytest.mark.skipif(sys.platform == "win32", reason="processes are asked by signal")
def test_parts_of_ended_processes_are_removed_and_of_running_ones_kept(tmp_path):
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], **PIPED)
    dead, alive, foreign = (
        tmp_path / f".part-{host}-{pid}-00-a.json"
        for host, pid in (
            (atomic.HOST, int(ended.stdout)),
            (atomic.HOST, os.getpid()),
            ("elsewhere", 1),
        )
    )
    for path in (dead, alive, foreign, tmp_path / "a.json"):
        path.write_text("")
    atomic.clear_dead_parts(tmp_path, "-b.json")
    assert dead.exists()
    atomic.clear_dead_parts(tmp_path, "-a.json")
    assert not dead.exists()
    assert {path.name for path in tmp_path.iterdir()} == {alive.name, foreign.name, "a.json"}


def test_a_planted_temporary_name_is_not_followed(tmp_path, monkeypatch):
    """Even where somebody foresees the random name."""
    victim, planted = tmp_path / "thesis", tmp_path / ".part-x"
    victim.write_text("mine")
    planted.symlink_to(victim)
    monkeypatch.setattr(atomic, "temporary_name", lambda path: planted)
    with pytest.raises(OutputFailed):
        atomic.write_json(tmp_path / "out.json", {})
    with pytest.raises(OutputFailed), atomic.atomic_folder(tmp_path / "out"):
        pass
    assert victim.read_text() == "mine"
    assert planted.is_symlink()

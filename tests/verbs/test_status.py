"""`pleura status`: counts of what processes have recorded, without disturbing them."""

import os
import subprocess
import sys
import time

import pytest
from testing import toy_batch
from testing.toy_batch import main, toy

from pleura.cli.terminal import carry_out
from pleura.core.atomic import BOOKKEEPING, read_json, write_json
from pleura.core.errors import Exit, UsageError
from pleura.store import status as store_status
from pleura.store.run_record import open_run
from pleura.verbs.status import status


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(6):
        (folder / f"case_{number}").write_text(str(number))
    return folder


def counts(out):
    about = status(out).as_json()
    return tuple(about[name] for name in ("cases", "done", "failed", "running", "left"))


def test_a_plan_that_is_partly_done(tmp_path, source):
    (source / "case_0").write_text("refuse")
    (source / "case_2").write_text("full")
    out = tmp_path / "out"
    main([str(source), str(out), "--plan", "2"])
    assert counts(out) == (6, 0, 0, 0, 6)
    assert main([str(source), str(out), "--task", "0/2"]) == 1
    assert counts(out) == (6, 1, 2, 0, 3)
    result = status(out)
    assert result.exit_code is Exit.SOME_FAILED
    assert [(one["id"], one["code"]) for one in result.as_json()["failures"]] == [
        ("case_0", "TOO-FEW-SLICES"),
        ("case_2", "DISK-FULL"),
    ]
    assert "DISK-FULL: 1 case" in result.notes()


def test_running_and_lost_cases(tmp_path, source):
    (source / "case_0").write_text("slow")
    out = tmp_path / "out"
    main([str(source), str(out), "--plan", "1"])
    task = subprocess.Popen(
        [sys.executable, toy_batch.__file__, str(source), str(out), "--task", "0"]
    )
    while not any((out / BOOKKEEPING / "claims").glob("*.1")):
        assert task.poll() is None
        time.sleep(0.02)
    seen = counts(out)
    task.kill()
    task.wait()
    assert seen == (6, 0, 0, 1, 5)
    limit = time.monotonic() + 20
    while counts(out) != (6, 0, 0, 0, 6) and time.monotonic() < limit:
        time.sleep(0.05)
    assert counts(out) == (6, 0, 0, 0, 6)


def test_a_run_that_is_done(tmp_path, source):
    out = tmp_path / "out"
    main([str(source), str(out)])
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert counts(out) == (6, 6, 0, 0, 0)
    assert status(out).exit_code is Exit.OK
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


@pytest.mark.skipif(sys.platform == "win32", reason="a lock that can be shared")
def test_a_run_whose_process_ended_is_interrupted(tmp_path, source):
    out = tmp_path / "out"
    with (
        pytest.raises(KeyboardInterrupt),
        open_run(out, verb="toy", sources=[source], options={}) as run,
    ):
        run.keep("case_0", "input", {})
        assert status(out).standing.state == "running"
        raise KeyboardInterrupt
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert status(out).standing.state == "interrupted"
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    main([str(source), str(out)])
    assert status(out).standing.state == "done"


def test_the_time_left_follows_the_rate_of_the_records():
    assert store_status._seconds_left([100.0, 110.0, 120.0], 4) == 40.0
    assert store_status._seconds_left([100.0], 4) is None
    assert store_status._seconds_left([100.0, 110.0], 0) == 0.0


@pytest.mark.parametrize(
    "record",
    [
        *("{", "[]", '{"format": "pleura-run/2"}', '{"format": "pleura-run/2", "verb": 7}'),
        '{"format": "pleura-run/2", "verb": "segment", "state": 5}',
    ],
)
def test_a_record_that_is_none_of_ours(tmp_path, record):
    (tmp_path / "run.json").write_text(record)
    with pytest.raises(UsageError, match="check the path"):
        status(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="a named pipe")
def test_a_record_that_is_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "run.json")
    with pytest.raises(UsageError, match="check the path"):
        status(tmp_path)
    with pytest.raises(ValueError, match="not a regular file"):
        read_json(tmp_path / "run.json")


def test_a_command_without_cases_is_not_counted(tmp_path):
    record = {"format": "pleura-run/2", "verb": "run", "state": "done"}
    write_json(tmp_path / "run.json", record)
    with pytest.raises(UsageError, match="pleura run, which records no cases"):
        status(tmp_path)


def test_control_characters_of_a_record_do_not_reach_the_terminal(tmp_path, capsys):
    record = {"format": "pleura-run/2", "verb": "\x1b[31m", "state": "\x1b]0;x\x07"}
    write_json(tmp_path / "run.json", record)
    assert carry_out("status", status, {"out": tmp_path}, json=False, quiet=False, debug=False) == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert r"\x1b[31m" in printed


def test_lines_that_cannot_be_copied_are_called_so(tmp_path, source):
    plain = toy(source, tmp_path / "plain", plan=True, tasks=1)
    assert not any("cannot be copied" in line for line in plain.notes())
    for name in ("a\nb", "b\udcff"):
        planned = toy(source, tmp_path / name, plan=True, tasks=1)
        assert "cannot be copied" in planned.notes()[-1]


def test_a_folder_that_is_no_output(tmp_path):
    with pytest.raises(UsageError):
        status(tmp_path)

"""Job arrays: planned once, done by many processes at once, collected; whatever is killed or done
twice, the bytes are those of a plain run.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from testing import toy_batch
from testing.toy_batch import main

from pleura.core.atomic import BOOKKEEPING, read_json
from pleura.core.errors import UsageError
from pleura.store.call import Call
from pleura.store.job_array import INDEX_VARIABLES, Part

CASES = 12


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(CASES):
        (folder / f"case_{number:02}").write_text(str(number))
    return folder


@pytest.fixture
def counted(tmp_path, monkeypatch):
    """Counts what processes do, by the name of a variable."""

    def lines(name):
        path = tmp_path / name
        return path.read_text().split() if path.exists() else []

    for name in ("TOY_OPENED", "TOY_DONE", "TOY_SCANNED"):
        monkeypatch.setenv(name, str(tmp_path / name))
    return lines


def results(out):
    files = [path for path in out.rglob("*") if path.is_file() and BOOKKEEPING not in path.parts]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


def start(*words):
    return subprocess.Popen(
        [sys.executable, toy_batch.__file__, *map(str, words)], start_new_session=True
    )


def failures(out):
    return {
        line["id"]: line
        for line in map(json.loads, (out / BOOKKEEPING / "failures.jsonl").read_text().splitlines())
    }


def test_four_tasks_at_once_write_the_bytes_of_a_plain_run_after_one_scan(
    tmp_path, source, counted
):
    assert main([str(source), str(tmp_path / "plain")]) == 0
    out = tmp_path / "out"
    (tmp_path / "TOY_SCANNED").unlink()
    (tmp_path / "TOY_DONE").unlink()
    assert main([str(source), str(out), "--plan", "4"]) == 0
    plan = read_json(out / "jobs.json")
    assert (plan["tasks"], len(plan["cases"])) == (4, CASES)
    tasks = [start(source, out, "--task", f"{number}/4") for number in range(4)]
    assert [task.wait() for task in tasks] == [0] * 4
    assert len(counted("TOY_DONE")) == CASES
    assert main([str(source), str(out)]) == 0
    assert counted("TOY_SCANNED") == ["scan"]
    assert len(counted("TOY_DONE")) == CASES
    assert results(out) == results(tmp_path / "plain")
    assert not (out / BOOKKEEPING / "claims").exists()


def test_a_task_twice_at_once_does_each_case_once(tmp_path, source, counted):
    out = tmp_path / "out"
    (source / "case_00").write_text("slow")
    main([str(source), str(out), "--plan", "2"])
    tasks = [start(source, out, "--task", "0/2") for _ in range(3)]
    assert [task.wait() for task in tasks] == [0] * 3
    done = counted("TOY_DONE")
    assert len(done) == len(set(done)) == CASES // 2


def test_the_plain_run_does_what_no_task_did(tmp_path, source, counted):
    main([str(source), str(tmp_path / "plain")])
    out = tmp_path / "out"
    main([str(source), str(out), "--plan", "4"])
    main([str(source), str(out), "--task", "1/4"])
    assert main([str(source), str(out)]) == 0
    assert results(out) == results(tmp_path / "plain")


def test_the_killer_is_named_and_the_others_are_done(tmp_path, source, counted):
    (source / "case_03").write_text("kill")
    (source / "case_05").write_text("refuse")
    out = tmp_path / "out"
    main([str(source), str(out), "--plan", "2"])
    assert main([str(source), str(out), "--task", "0/2"]) == 0
    assert start(source, out, "--task", "1/2").wait() == 1
    assert start(source, out).wait() == 1
    assert read_json(out / "run.json")["state"] == "incomplete"
    assert {id: line["code"] for id, line in failures(out).items()} == {
        "case_03": "WORKER-LOST",
        "case_05": "TOO-FEW-SLICES",
    }
    assert len([id for id in counted("TOY_DONE") if id == "case_03"]) == 3
    assert start(source, out).wait() == 1
    assert len([id for id in counted("TOY_DONE") if id == "case_03"]) == 3
    assert len([id for id in counted("TOY_DONE") if id == "case_05"]) == 1
    assert sum(path.startswith("case_") for path in results(out)) == CASES - 2

    (source / "case_03").write_text("3")
    os.utime(source / "case_03", ns=(1, 1))
    assert main([str(source), str(out), "--retry", "WORKER-LOST"]) == 1
    assert failures(out).keys() == {"case_05"}
    assert (out / "case_03" / "square").read_text() == "9"


def test_a_lasting_refusal_is_done_again_only_when_asked(tmp_path, source, counted):
    (source / "case_05").write_text("refuse")
    out = tmp_path / "out"
    for _ in range(2):
        assert main([str(source), str(out)]) == 1
    assert counted("TOY_DONE").count("case_05") == 1
    first = failures(out)["case_05"]
    assert (first["code"], first["attempt"], first["host"]) == ("TOO-FEW-SLICES", 1, toy_host())
    assert main([str(source), str(out), "--retry", "TOO-FEW-SLICES"]) == 1
    assert counted("TOY_DONE").count("case_05") == 2
    assert counted("TOY_DONE").count("case_04") == 1


def toy_host():
    from pleura.core.atomic import HOST

    return HOST


@pytest.mark.skipif(sys.platform == "win32", reason="a kill by signal")
def test_killed_at_random_moments_nothing_is_lost_and_nothing_differs(tmp_path, source):
    main([str(source), str(tmp_path / "plain")])
    out, chance = tmp_path / "out", random.Random(24)
    main([str(source), str(out), "--plan", "2"])
    begun = time.monotonic()
    start(source, tmp_path / "timed").wait()
    took = time.monotonic() - begun
    for kill in range(6):
        tasks = [start(source, out, "--task", f"{number}/2") for number in range(2)]
        time.sleep(chance.uniform(0.3, 1.2) * took)
        os.killpg(tasks[kill % 2].pid, signal.SIGKILL)
        codes = [task.wait() for task in tasks]
        assert codes[(kill + 1) % 2] < 2  # 1 where one case was hit three times
    assert start(source, out, "--retry", "WORKER-LOST").wait() == 0
    assert results(out) == results(tmp_path / "plain")
    assert not list(out.rglob(".part-*"))


def test_a_plain_run_and_tasks_exclude_each_other(tmp_path, source, capsys):
    (source / "case_00").write_text("slow")
    out = tmp_path / "out"
    main([str(source), str(out), "--plan", "1"])
    task = start(source, out, "--task", "0")
    while not any((out / BOOKKEEPING / "claims").iterdir()):
        assert task.poll() is None
        time.sleep(0.02)
    assert main([str(source), str(out)]) == 2
    assert "in use" in capsys.readouterr().err
    assert task.wait() == 0
    assert main([str(source), str(out)]) == 0


def test_a_task_needs_a_plan_of_its_own_verb(tmp_path, source, capsys):
    assert main([str(source), str(tmp_path / "out"), "--task", "0/2"]) == 2
    assert "--plan" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_task_after_the_end_does_nothing(tmp_path, source, counted):
    out = tmp_path / "out"
    main([str(source), str(out), "--plan", "2"])
    main([str(source), str(out)])
    before = results(out)
    assert main([str(source), str(out), "--task", "0/2"]) == 0
    assert results(out) == before


def test_new_cases_after_the_plan_are_done_by_the_plain_run(tmp_path, source):
    out = tmp_path / "out"
    main([str(source), str(out), "--plan", "2"])
    main([str(source), str(out), "--task", "0/2"])
    (source / "case_99").write_text("99")
    assert main([str(source), str(out)]) == 0
    main([str(source), str(tmp_path / "plain")])
    assert results(out) == results(tmp_path / "plain")


def test_a_damaged_plan_is_refused(tmp_path, source, capsys):
    out = tmp_path / "out"
    main([str(source), str(out), "--plan", "2"])
    for path in (out / BOOKKEEPING / "jobs").iterdir():
        path.write_text('{"class": "Popen", "of": {"args": "true"}}')
    assert main([str(source), str(out), "--task", "0/2"]) == 2
    assert "damaged" in capsys.readouterr().err


ARRAYS = {
    "slurm": (
        {
            "SLURM_ARRAY_TASK_ID": "3",
            "SLURM_ARRAY_TASK_COUNT": "8",
            "SLURM_ARRAY_TASK_MIN": "0",
            "SLURM_ARRAY_TASK_MAX": "7",
        },
        (3, 8),
    ),
    "slurm, some tasks again": (
        {
            "SLURM_ARRAY_TASK_ID": "3",
            "SLURM_ARRAY_TASK_COUNT": "1",
            "SLURM_ARRAY_TASK_MIN": "3",
            "SLURM_ARRAY_TASK_MAX": "3",
        },
        (3, 0),
    ),
    "pbs": ({"PBS_ARRAY_INDEX": "2"}, (2, 0)),
    "kubernetes": ({"JOB_COMPLETION_INDEX": "0"}, (0, 0)),
    "aws": ({"AWS_BATCH_JOB_ARRAY_INDEX": "1", "AWS_BATCH_JOB_ARRAY_SIZE": "5"}, (1, 5)),
}


def part(**given):
    values = {"source": "in", "out": "out", "workers": 1, "plan": False, "tasks": 0}
    values |= {"task": "", "retry": "", "overwrite": False, "scheduler": "", "progress": None}
    return Part.of(Call.of(toy_batch.toy, values | given))


@pytest.mark.parametrize("engine", ARRAYS)
def test_auto_reads_the_engines_variables(monkeypatch, engine):
    for variable in INDEX_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    variables, expected = ARRAYS[engine]
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    found = part(task="auto")
    assert (found.number, found.count) == expected


@pytest.mark.parametrize(
    "given",
    [
        {"plan": True, "task": "0/2"},
        {"tasks": 3},
        {"task": "two"},
        {"task": "1/0"},
        {"task": "-1/2"},
        {"task": "0/2", "overwrite": True},
        {"task": "0/2", "retry": "DISK-FULL"},
    ],
)
def test_options_that_contradict_are_refused(given):
    with pytest.raises(UsageError):
        part(**given)


def test_retry_of_a_code_that_there_is_not_is_refused(tmp_path, source):
    out = tmp_path / "out"
    main([str(source), str(out)])
    before = results(out)
    assert main([str(source), str(out), "--retry", "NO-SUCH-CODE"]) == 2
    assert results(out) == before


def test_a_number_beyond_the_plan_is_refused(tmp_path, source, capsys):
    out = tmp_path / "out"
    main([str(source), str(out), "--plan", "2"])
    assert main([str(source), str(out), "--task", "2"]) == 2
    assert "from 0 to 1" in capsys.readouterr().err

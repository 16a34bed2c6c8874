"""A system call of a verb fails once: no crash, no silent loss, and the same command again gives
what an undisturbed run gives. The long form is `bench/faults.py`.
"""

import json
import subprocess
import sys

import pytest
from testing.injected_faults import KILL, Fault, can_run, chosen, environment

FOUND = [
    ("segment classical", "read", "EIO", 20),
    ("segment classical", "open", "EACCES", 20),
    ("prepare", "read", "EIO", 3),
    ("deidentify", "open", "EIO", 20),
    ("deidentify", "open", "EIO", 47),
]
"""What once failed: an unread slice was recorded as a gap, and the rerun kept the refusal."""
KILLED = {"deidentify": (10, 11), "report": (1, 2), "verify": (1, 2)}
"""Renames before which a kill once left a temporary file for good."""

pytestmark = pytest.mark.skipif(not can_run(), reason="needs Linux and a C compiler")


def run_trials(folder, spec):
    command = [sys.executable, "-m", "testing.injected_faults", str(folder), json.dumps(spec)]
    ended = subprocess.run(command, env=environment(folder), capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr.decode(errors="replace")
    return [json.loads(line) for line in ended.stdout.splitlines()]


def outcomes_of(lines):
    return [line for line in lines if "fault" in line]


def test_a_sample_of_faults_leaves_no_trace(tmp_path):
    calls = ("open", "read", "write", "fsync", "rename")
    verbs = dict.fromkeys(("scan", "deidentify", "evaluate", "load"), 1)
    done = outcomes_of(run_trials(tmp_path, {"verbs": verbs, "calls": calls, "seed": "ci"}))
    assert {line["fault"]["call"] for line in done} == set(calls)
    assert len(done) >= 40
    assert sum(line["fired"] for line in done) >= 0.9 * len(done)
    assert [line for line in done if line["problems"]] == []


def test_killed_before_a_rename_and_the_same_bytes(tmp_path):
    spec = {"calls": ["rename"], "errors": [KILL], "seed": "ci"}
    verbs = {"deidentify": 3, "evaluate": 3, "verify": 2}
    done = outcomes_of(run_trials(tmp_path, {"verbs": verbs, **spec}))
    assert [line["first_exit"] for line in done] == [-9] * 8
    assert [line for line in done if line["problems"]] == []


@pytest.mark.parametrize("verb", list(KILLED))
def test_kills_that_once_left_a_temporary_file(verb, tmp_path):
    faults = [{"call": "rename", "error": KILL, "number": number} for number in KILLED[verb]]
    done = outcomes_of(run_trials(tmp_path, {"verbs": {verb: 0}, "faults": faults}))
    assert [line["first_exit"] for line in done] == [-9] * len(faults)
    assert [line for line in done if line["problems"]] == []


@pytest.mark.parametrize("verb", sorted({found[0] for found in FOUND}))
def test_faults_that_once_were_recorded_as_results(verb, tmp_path):
    names = ("call", "error", "number")
    faults = [dict(zip(names, found[1:], strict=True)) for found in FOUND if found[0] == verb]
    done = outcomes_of(run_trials(tmp_path, {"verbs": {verb: 0}, "faults": faults}))
    assert [line["first_exit"] for line in done] == [1] * len(faults)
    assert [line for line in done if line["problems"]] == []


def test_all_numbers_or_a_sample():
    counts = dict.fromkeys(("open", "read"), 5)
    assert len(list(chosen(counts, 0, "s", ("open", "read")))) == 2 * 4 * 5
    sample = list(chosen(counts, 2, "s", ("open",)))
    assert len(sample) == 4 * 2
    assert sample == list(chosen(counts, 2, "s", ("open",)))
    assert all(1 <= fault.number <= 5 for fault in sample)
    assert Fault().number == 0

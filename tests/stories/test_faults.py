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


CALLS = ["open", "read", "write", "fsync", "rename"]
RENAMES = {"calls": ["rename"], "errors": [KILL], "seed": "ci"}
SPECS = {
    "sample": {
        "verbs": dict.fromkeys(("scan", "deidentify", "evaluate", "load"), 1),
        "calls": CALLS,
        "seed": "ci",
    },
    "killed": {"verbs": {"deidentify": 3, "evaluate": 3, "verify": 2}, **RENAMES},
    **{
        f"killed {verb}": {
            "verbs": {verb: 0},
            "faults": [{"call": "rename", "error": KILL, "number": number} for number in numbers],
        }
        for verb, numbers in KILLED.items()
    },
    **{
        f"found {verb}": {
            "verbs": {verb: 0},
            "faults": [
                {"call": call, "error": error, "number": number}
                for of, call, error, number in FOUND
                if of == verb
            ],
        }
        for verb in sorted({found[0] for found in FOUND})
    },
}


def lines_of(folder, specs):
    """The outcomes of all specs; one process makes them, so that imports count once."""
    command = [sys.executable, "-m", "testing.injected_faults", str(folder), json.dumps(specs)]
    ended = subprocess.run(command, env=environment(folder), capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr.decode(errors="replace")
    return [line for line in map(json.loads, ended.stdout.splitlines()) if "fault" in line]


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    """The outcomes of all specs, by name."""
    outcomes = {name: [] for name in SPECS}
    for line in lines_of(tmp_path_factory.mktemp("faults"), list(SPECS.values())):
        outcomes[list(SPECS)[line["spec"]]].append(line)
    return outcomes


def test_faults_in_worker_processes(tmp_path):
    faults = [{"call": "read", "error": "EIO", "number": 5}]
    verbs = dict.fromkeys(("deidentify", "segment classical"), 0)
    done = lines_of(tmp_path, [{"verbs": verbs, "faults": faults, "workers": 2}])
    assert [(line["fired"], line["first_exit"]) for line in done] == [(True, 1)] * 2
    assert [line for line in done if line["problems"]] == []


def test_a_sample_of_faults_leaves_no_trace(tried):
    done = tried["sample"]
    assert {line["fault"]["call"] for line in done} == set(CALLS)
    assert len(done) >= 40
    assert sum(line["fired"] for line in done) >= 0.9 * len(done)
    assert [line for line in done if line["problems"]] == []


@pytest.mark.parametrize("name", [name for name in SPECS if name.startswith("killed")])
def test_killed_before_a_rename_and_the_same_bytes(name, tried):
    done = tried[name]
    counts = SPECS[name].get("faults") or range(sum(SPECS[name]["verbs"].values()))
    assert [line["first_exit"] for line in done] == [-9] * len(counts)
    assert [line for line in done if line["problems"]] == []


@pytest.mark.parametrize("name", [name for name in SPECS if name.startswith("found")])
def test_faults_that_once_were_recorded_as_results(name, tried):
    done = tried[name]
    assert [line["first_exit"] for line in done] == [1] * len(SPECS[name]["faults"])
    assert [line for line in done if line["problems"]] == []


@pytest.mark.parametrize(("verb", "number"), [("evaluate", 23), ("deidentify", 31)])
def test_a_fault_that_hides_a_file_of_the_only_case(tmp_path, verb, number):
    """The rerun once took what it found now for other input, and ended with exit 2."""
    faults = [{"call": "open", "error": "EIO", "number": number}]
    (line,) = lines_of(tmp_path, [{"verbs": {verb: 0}, "faults": faults, "cases": 1}])
    assert (line["fired"], line["first_exit"]) == (True, 1)
    assert line["problems"] == []


def test_all_numbers_or_a_sample():
    counts = dict.fromkeys(("open", "read"), 5)
    assert len(list(chosen(counts, 0, "s", ("open", "read")))) == 2 * 4 * 5
    sample = list(chosen(counts, 2, "s", ("open",)))
    assert len(sample) == 4 * 2
    assert sample == list(chosen(counts, 2, "s", ("open",)))
    assert all(1 <= fault.number <= 5 for fault in sample)
    assert Fault().number == 0

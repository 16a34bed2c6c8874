"""The lock with hashes has the versions of constraints.txt, and a hash of each."""

import re
from pathlib import Path

from testing.lock import UNLOCKED, lock_of

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "lock-linux-x86_64-glibc-py311.txt"


def names(text):
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", text, re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def test_versions_are_those_of_the_constraints_and_each_has_its_hash():
    text = LOCK.read_text(encoding="utf-8")
    locked = names(text)
    wanted = names((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    assert {name: wanted.get(name) for name in locked} == locked
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"\S+==\S+ --hash=sha256:[0-9a-f]{64}", line) for line in lines)
    assert len(lines) == len(locked) > 60
    assert not {*UNLOCKED} & {*locked}


def test_a_lock_is_made_of_a_report():
    def entry(name, version):
        about = {"archive_info": {"hashes": {"sha256": "0" * 64}}}
        return {"metadata": {"name": name, "version": version}, "download_info": about}

    report = {"install": [entry("Zipp_x", "2"), entry("torch", "1"), entry("Abc", "1")]}
    lines = lock_of(report).splitlines()[-2:]
    assert [line.split()[0] for line in lines] == ["abc==1", "zipp-x==2"]

"""Killed at random moments, with input that grows and with two processes on one OUT, verbs end with
the bytes of an undisturbed run. The long form is `bench/kills.py` without options.
"""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "bench" / "kills.py"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a kill by signal")


@pytest.mark.parametrize(
    ("kills", "words"),
    [
        (9, ("deidentify", "segment", "evaluate", "--workers", "1")),
        (2, ("prepare", "--workers", "2", "--how", "kill")),
    ],
    ids=["one process", "two workers"],
)
def test_killed_and_the_same_bytes(kills, words):
    command = [sys.executable, str(SCRIPT), str(kills), *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{kills} kills, 0 of" in ended.stdout

"""Each verb refuses hostile files in little memory, and in no endless time. `bench/bombs.py` prints
the table, and measures the two seconds, which depend on the machine.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from testing.injected_faults import can_run

BENCH = Path(__file__).parents[2] / "bench" / "bombs.py"


COSTLY = "segments|60,000|deflated data|tar in xz|20 MB|two million|nested zip, in|a million on"
"""Bombs that take long to make; `bench/bombs.py` runs them too."""


ENDLESS = "20"
"""[s] A bomb that goes off takes minutes; the slowest machines seen take 2."""


@pytest.mark.skipif(not can_run(), reason="reads the kernel's account of a process")
def test_every_bomb_is_refused_in_little_memory_before_it_goes_off():
    ended = subprocess.run(
        [sys.executable, str(BENCH), f"^(?!.*({COSTLY}))", ENDLESS],
        capture_output=True,
        text=True,
        check=False,
    )
    rows = [line.split(" | ") for line in ended.stdout.splitlines()[2:]]
    assert len(rows) >= 20
    assert json.dumps([row for row in rows if row[-1] != " |"]) == "[]", ended.stderr
    assert ended.returncode == 0

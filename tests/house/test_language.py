"""Wording that was replaced stays replaced: bench/language.py lists each pattern with its plain
wording.
"""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_replaced_wording_is_left():
    found = runpy.run_path(str(ROOT / "bench" / "language.py"))["occurrences"](ROOT)
    assert found == []

"""Wording that was replaced stays replaced: bench/language.py lists each pattern with its plain
wording.
"""

import re
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUMMARIES = ("verbs/*.py", "*/*result*.py", "files/accounting.py")
NUMBERED = re.compile(
    r"\{[^{}]*\} (?:[a-z]+ )?(?:case|file|series|run|task|chest|volume)(?:s\b|\(s\))"
)


def test_no_replaced_wording_is_left():
    found = runpy.run_path(str(ROOT / "bench" / "language.py"))["occurrences"](ROOT)
    assert found == []


def test_summaries_count_one_case_in_the_singular():
    """`core.text.counted` writes `1 case` and `2 cases`."""
    found = [
        f"{path.name}: {one.group()}"
        for pattern in SUMMARIES
        for path in sorted((ROOT / "src" / "pleura").glob(pattern))
        for one in NUMBERED.finditer(path.read_text())
        if not one.group().endswith(" series")
    ]
    assert found == []


def test_messages_count_in_words_and_not_in_brackets():
    """`core.text.counted` writes `1 object` and `2 objects`."""
    bracketed = re.compile(r"\} (?:[a-z]+ )*[a-z]+\(e?s\)")
    found = [
        f"{path.name}: {one.group()}"
        for path in sorted((ROOT / "src" / "pleura").rglob("*.py"))
        for one in bracketed.finditer(path.read_text())
    ]
    assert found == []

"""docs/security-cases.md has every finding of the attack, each with tests that there are."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security-cases.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if re.match(r"\| [SR]\d", line)]


def test_every_finding_has_a_row():
    entries = {row.split("|")[1].strip() for row in ROWS}
    assert entries == {f"S{n}" for n in range(1, 17)} | {f"R{n}" for n in range(1, 9)}


def test_every_row_names_tests_that_there_are():
    for row in ROWS:
        named = re.findall(r"`(tests/[a-z_/]+\.py)::(test_\w+)`", row)
        assert named, row
        for path, name in named:
            tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
            functions = {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}
            assert name in functions, f"{path}::{name}"

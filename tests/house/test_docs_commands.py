"""Every command of the tutorial and of the how-tos works as written, in order, in an empty
folder.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "tutorial.md", *sorted(DOCS.glob("howto-*.md"))]
SETUP = re.compile(r"^<!-- setup: (.*?) -->$", re.MULTILINE)
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    lines = [line for block in BLOCK.findall(text) for line in block.splitlines() if line.strip()]
    return [*SETUP.findall(text), *lines]


@pytest.mark.parametrize(
    "page", [page for page in PAGES if commands(page)], ids=lambda page: page.stem
)
def test_every_command_works_as_written(page, tmp_path):
    environment = os.environ | {"PYTHONUTF8": "1"}
    for line in commands(page):
        program, *arguments = line.split("#")[0].split()
        assert program == "pleura", f"{page.name}: only pleura's own commands are run: {line}"
        call = [sys.executable, "-m", "pleura", *arguments]
        done = subprocess.run(
            call, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{page.name}: {line}\n{done.stdout}{done.stderr}"

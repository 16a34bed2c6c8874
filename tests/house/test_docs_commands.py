"""Every command of the tutorial and of the how-tos works as written, in order, in an empty
folder.
"""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from pleura.cli.commands import app

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
def test_every_command_works_as_written(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for line in commands(page):
        program, *arguments = line.split("#")[0].split()
        assert program == "pleura", f"{page.name}: only pleura's own commands are run: {line}"
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, f"{page.name}: {line}\n{done.output}"

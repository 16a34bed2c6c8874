"""What the documents say is so: snippets run, commands and options exist, links lead somewhere."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from pleura.cli.commands import VERBS
from pleura.cli.options import verb_command
from pleura.labels.registry import write_mask
from pleura.phantom.dataset import write_dataset
from pleura.verbs.prepare import prepare

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)


def commands() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for block in blocks(page, "sh"):
            lines = block.replace("\\\n", " ").splitlines()
            found += [
                (page.name, line.split("#")[0].strip())
                for line in lines
                if line.startswith("pleura ")
            ]
    return found


@pytest.mark.parametrize(("page", "line"), commands())
def test_commands_and_their_options_exist(page, line):
    _, verb, *words = shlex.split(line)
    if verb.startswith("-") or verb == "help":
        assert verb in ("--help", "--version", "help")
        return
    assert verb in VERBS
    function = getattr(import_module(f"pleura.verbs.{verb}"), verb)
    parameters = verb_command(verb, function).params
    options = {p.opts[0] for p in parameters if not p.required}
    assert {word for word in words if word.startswith("--")} <= options | {"--help"}
    needed = [p for p in parameters if p.required]
    assert len([word for word in words if not word.startswith("-")]) >= len(needed)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with what the snippets name: `DATA`, and a `cohort` made of it."""
    folder = tmp_path_factory.mktemp("docs")
    write_dataset(folder / "DATA", cases=2, shape=(10, 40, 40), seed=2, label=write_mask)
    prepare(folder / "DATA", folder / "cohort")
    return folder


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.name
)
def test_python_snippets_run(page, place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    names: dict = {}
    for block in blocks(page, "python"):
        exec(compile(block, page.name, "exec"), names)
    assert capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if not link.startswith(("http", "mailto")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"

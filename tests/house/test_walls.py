"""The walls that import contracts cannot draw: one home for each heavy library, short modules,
no verb calling another.
"""

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "pleura"
MODULES = sorted(SOURCE.rglob("*.py"))

ONE_HOME = {
    "nibabel": {"images/nifti.py"},
    "nrrd": set(),
    "highdicom": set(),
    "onnxruntime": {"segmenters/runtime.py"},
    "click": {"cli/commands.py", "cli/options.py"},
    "rich": {"cli/terminal.py", "cli/progress_bars.py"},
    "jinja2": {"page/html.py"},
    "distributed": {"store/cluster.py", "store/spread.py"},
    "matplotlib": {"page/canvas.py"},
    "s3fs": {"store/object_store.py"},
}
"""Library to the only module that may import it; `torch` has a room instead."""


def named(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


@cache
def imported(path: Path) -> set[str]:
    """Every module name that a file imports, at its top or inside functions, as a statement or
    by `need`/`import_module`.
    """
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if called in ("need", "import_module"):
                names.add(str(node.args[0].value))
    return names


@cache
def homes() -> dict[str, set[str]]:
    """The modules that import each library, by its name."""
    found = defaultdict(set)
    for path in MODULES:
        for name in imported(path):
            found[name.split(".")[0]].add(named(path))
    return found


@pytest.mark.parametrize("library", ONE_HOME)
def test_a_heavy_library_has_one_home(library):
    assert homes().get(library, set()) <= ONE_HOME[library]


def test_torch_lives_in_one_room():
    for library in ("torch", "safetensors"):
        asked = {
            "verbs/train.py",
            "verbs/study.py",
        }  # by `need`, for the sentence that says what to install
        assert all(home.startswith("learn/") for home in homes().get(library, set()) - asked)


def test_verbs_are_independent_but_for_run():
    for path in MODULES:
        if path.parent.name == "verbs" and path.stem not in (
            "run",
            "run_stages",
            "study",
            "__init__",
        ):
            calls = {name for name in imported(path) if name.startswith("pleura.verbs.")}
            assert not calls, f"{named(path)} imports {calls}"


def test_modules_are_short():
    lengths = {named(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_nothing_of_this_machine_is_written_down():
    root = SOURCE.parents[1]
    hosts = ("pypi" + ".org", "python" + "hosted", "/work" + "/", "." + "library")
    suffixes = {".py", ".md", ".toml", ".txt", ".cff", ".html", ".json", ""}
    places = [root / "src", root / "tests", root / "docs", root / "bench", root / ".ci"]
    files = [
        p
        for place in places
        if place.exists()
        for p in place.rglob("*")
        if p.is_file() and p.suffix in suffixes
    ]
    files += [
        p
        for p in root.iterdir()
        if p.is_file() and p.suffix in suffixes and not p.name.startswith(".")
    ]
    for path in files:
        if "__pycache__" in path.parts:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        assert not [host for host in hosts if host in text], path.relative_to(root)

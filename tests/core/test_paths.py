"""Public functions take paths as people have them."""

import sys
from pathlib import Path, PurePosixPath

import pytest

import pleura
from pleura.core.errors import UsageError
from pleura.core.paths import accepts_str_paths


def example(
    source: Path, out: Path | None = None, *, name: str = "", model: Path | None = None
) -> tuple:
    """Give back what was given."""
    return source, out, name, model


def test_str_and_pathlike_become_paths_where_a_path_is_wanted():
    called = accepts_str_paths(example)
    assert called("a", out=PurePosixPath("b"), name="c", model="d") == (
        Path("a"),
        Path("b"),
        "c",
        Path("d"),
    )
    assert called(Path("a")) == (Path("a"), None, "", None)
    assert called.__doc__ == example.__doc__


@pytest.mark.parametrize("name", pleura.VERBS)
def test_every_verb_takes_str(name):
    """Every parameter that is a path by its annotation is converted: a folder that does not
    exist is wrong usage.
    """
    assert getattr(pleura, name).__wrapped__.__name__ == name


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "/".join(["d" * 200] * 30)])
def test_a_path_that_no_file_system_has_is_wrong_usage(name):
    called = accepts_str_paths(example)
    for arguments in ({"source": name}, {"source": "a", "model": Path(name)}):
        with pytest.raises(UsageError, match="a path"):
            called(**arguments)


def test_a_circle_of_links_is_wrong_usage(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UsageError, match="link"):
        accepts_str_paths(example)(tmp_path / "loop" / "below")


def test_a_verb_called_with_str(tmp_path):
    with pytest.raises(pleura.PleuraError):
        pleura.scan(str(tmp_path / "nothing"))


@pytest.mark.parametrize("verb", ["load", "scan", "segment", "evaluate"])
def test_an_empty_path_is_not_the_current_folder(verb, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    others = {"load": [], "scan": [], "segment": ["out"], "evaluate": ["ref", "out"]}[verb]
    with pytest.raises(UsageError, match="a path is empty"):
        getattr(pleura, verb)("", *others)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps a current folder")
def test_relative_paths_in_a_removed_current_folder_are_wrong_usage(tmp_path, monkeypatch):
    here = tmp_path / "job"
    here.mkdir()
    monkeypatch.chdir(here)
    here.rmdir()
    with pytest.raises(UsageError, match="current folder does not exist"):
        pleura.segment(tmp_path, "out")
    with pytest.raises(UsageError, match="absolute"):
        pleura.scan(".")

"""Public functions take paths as people have them."""

import inspect
import sys
from pathlib import Path, PurePosixPath

import pytest

import pleura
from pleura.core.arguments import checks_arguments
from pleura.core.errors import UsageError


def example(
    source: Path, out: Path | None = None, *, name: str = "", model: Path | None = None
) -> tuple:
    """Give back what was given."""
    return source, out, name, model


def test_str_and_pathlike_become_paths_where_a_path_is_wanted():
    called = checks_arguments(example)
    assert called("a", out=PurePosixPath("b"), name="c", model="d") == (
        Path("a"),
        Path("b"),
        "c",
        Path("d"),
    )
    assert called("a", name=Path("b"))[2] == "b"
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
    called = checks_arguments(example)
    for arguments in ({"source": name}, {"source": "a", "model": Path(name)}):
        with pytest.raises(UsageError, match="a path"):
            called(**arguments)


def test_a_circle_of_links_is_wrong_usage(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UsageError, match="link"):
        checks_arguments(example)(tmp_path / "loop" / "below")


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


WRONG = {
    "deidentify": [("profile", "hipaa"), ("dates", "never"), ("retain", "device"), ("workers", -1)],
    "segment": [("format", "SEG"), ("format", None), ("gaps", "x"), ("workers", "2"),
                ("workers", 1.5), ("workers", True), ("tasks", -1), ("out", ["a"])],
    "evaluate": [("empty", "nan"), ("split", "all "), ("ref", None), ("mapping", {1: "right"})],
    "scan": [("source", 3), ("source", None), ("source", b"in"), ("gaps", "Split")],
    "prepare": [("couch", "away"), ("export", "nii")],
    "train": [("epochs", "3"), ("lr", "0.1")],
}  # fmt: skip


@pytest.mark.parametrize(
    ("verb", "name", "value"), [(verb, *one) for verb, listed in WRONG.items() for one in listed]
)
def test_python_is_as_strict_as_the_command_line(verb, name, value, tmp_path):
    """A profile that does not exist was taken for the basic one, and stood in the certificate."""
    (tmp_path / "in").mkdir()
    given = {"source": "in", "out": "out", "pred": "in", "ref": "in", "cohort": "in"}
    takes = inspect.signature(getattr(pleura, verb)).parameters
    arguments = {key: tmp_path / place for key, place in given.items() if key in takes}
    with pytest.raises(UsageError, match=rf"^{name} is "):
        getattr(pleura, verb)(**arguments | {name: value})
    assert [path.name for path in tmp_path.iterdir()] == ["in"]

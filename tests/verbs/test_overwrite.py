"""`--overwrite` empties only what pleura wrote, whichever verb is asked, and says so."""

import inspect
import shutil
from importlib import import_module

import pytest
from testing.tiny_study import TINY_STUDY

from pleura.cli.app import main
from pleura.cli.commands import VERBS
from pleura.core.errors import OutputConflict
from pleura.phantom.anatomy import chest
from pleura.phantom.dataset import write_dataset
from pleura.store.case import write_case
from pleura.store.cohort import write_cohort
from pleura.store.split import make_split


def function(verb):
    return getattr(import_module(f"pleura.verbs.{verb}"), verb)


WRITERS = [verb for verb in VERBS if "overwrite" in inspect.signature(function(verb)).parameters]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """What the verbs need: chests, a cohort and a design."""
    folder = tmp_path_factory.mktemp("place")
    write_dataset(folder / "in", cases=1, shape=(6, 32, 32), seed=4)
    shutil.copytree(folder / "in", folder / "masks")
    volume, mask = chest((8, 32, 32), seed=1)
    (folder / "cohort" / "cases" / "Case_000").mkdir(parents=True)
    write_case(folder / "cohort" / "cases" / "Case_000", "Case_000", volume, mask)
    write_cohort(folder / "cohort", [{"id": "Case_000"}], make_split({"Case_000": 8}))
    (folder / "design.toml").write_text(TINY_STUDY)
    return folder


def arguments(verb, place, out):
    """The smallest call of a verb that would write `out`."""
    source = place / "in"
    return {
        "phantom": (out,),
        "train": (place / "cohort", out),
        "measure": (source, place / "masks", out),
        "evaluate": (source, place / "masks", out),
        "study": (place / "design.toml", out),
    }.get(verb, (source, out))


def more(verb, place):
    return {"data": place / "cohort"} if verb == "study" else {}


def content(folder):
    """What lies in a folder; links are not followed."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def test_every_verb_that_writes_a_folder_is_tried():
    assert set(WRITERS) == {
        *("deidentify", "prepare", "couch", "train", "segment", "measure", "evaluate", "run"),
        *("study", "phantom"),
    }


@pytest.mark.parametrize("verb", WRITERS)
def test_a_folder_that_pleura_did_not_write_is_left_alone(verb, place, tmp_path):
    out = tmp_path / "thesis"
    (out / "data").mkdir(parents=True)
    (out / "data" / "chapter.txt").write_text("mine")
    (out / "run.json").write_text('{"format": "of another program"}')
    before = content(tmp_path)
    with pytest.raises(OutputConflict, match=r"did not write.*--overwrite does not empty"):
        function(verb)(*arguments(verb, place, out), overwrite=True, **more(verb, place))
    assert content(tmp_path) == before


def test_a_link_to_such_a_folder_is_no_way_around(place, tmp_path, capsys):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("mine")
    (tmp_path / "out").symlink_to(tmp_path / "thesis")
    with pytest.raises(SystemExit) as ended:
        main(["phantom", str(tmp_path / "out"), "--overwrite"])
    assert ended.value.code == 2
    assert "did not write" in capsys.readouterr().err
    assert content(tmp_path / "thesis") == {"chapter.txt": b"mine"}


@pytest.mark.parametrize("overwrite", [False, True])
def test_bookkeeping_that_is_a_link_is_neither_written_nor_emptied(place, tmp_path, overwrite):
    out, other = tmp_path / "out", tmp_path / "other"
    out.mkdir()
    other.mkdir()
    (other / "input.json").write_text("{}")
    (other / "thesis.txt").write_text("mine")
    (out / ".pleura").symlink_to(other)
    (out / "run.json").write_text('{"format": "pleura-run/2", "verb": "phantom"}')
    with pytest.raises(OutputConflict, match="link"):
        function("phantom")(out, overwrite=overwrite)
    assert content(other) == {"input.json": b"{}", "thesis.txt": b"mine"}


def test_a_run_record_that_is_a_link_shows_nothing(place, tmp_path):
    out, other = tmp_path / "out", tmp_path / "other"
    out.mkdir()
    other.mkdir()
    (other / "run.json").write_text('{"format": "pleura-run/2", "verb": "phantom"}')
    (out / "thesis.txt").write_text("mine")
    (out / "run.json").symlink_to(other / "run.json")
    with pytest.raises(OutputConflict, match="did not write"):
        function("phantom")(out, overwrite=True)
    assert (out / "thesis.txt").read_text() == "mine"


def test_a_run_whose_record_was_damaged_can_be_emptied(place, tmp_path):
    out = tmp_path / "out"
    function("phantom")(out, cases=1, slices=6, size=32)
    (out / "run.json").write_text("{")
    with pytest.raises(OutputConflict, match=r"run\.json.*--overwrite"):
        function("phantom")(out, cases=1, slices=6, size=32)
    result = function("phantom")(out, cases=1, slices=6, size=32, overwrite=True)
    assert result.exit_code == 0


def test_interrupted_while_emptying_the_call_can_be_repeated(place, tmp_path, monkeypatch):
    from pleura.store import emptying

    out = tmp_path / "out"
    function("phantom")(out, cases=1, slices=6, size=32)
    (out / "zz_last").mkdir()
    remove, left = emptying.remove, [3]

    def stopped(path):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        remove(path)

    monkeypatch.setattr(emptying, "remove", stopped)
    with pytest.raises(KeyboardInterrupt):
        function("phantom")(out, cases=1, slices=7, size=32, overwrite=True)
    monkeypatch.setattr(emptying, "remove", remove)
    function("phantom")(out, cases=1, slices=7, size=32, overwrite=True)
    assert not (out / "zz_last").exists()

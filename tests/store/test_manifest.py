"""The same command resumes; anything else in OUT is refused by name."""

import os

import pytest

from pleura.core.atomic import read_json
from pleura.core.errors import Exit, OutputConflict, OutputFailed, UsageError
from pleura.store.manifest import fingerprint, start_run


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "in"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "one").write_text("1")
    return folder


def start(out, source, **options):
    overwrite = options.pop("overwrite", False)
    return start_run(out, verb="scan", sources=[source], options=options, overwrite=overwrite)


def test_fresh_then_resumed_then_done(tmp_path, source):
    run = start(tmp_path / "out", source, size=1)
    assert not run.done
    run.note(cases=["x"])
    again = start(tmp_path / "out", source, size=1)
    assert not again.done
    assert again.record["cases"] == ["x"]
    again.finish(Exit.SOME_FAILED)
    last = start(tmp_path / "out", source, size=1)
    assert last.done
    assert last.exit_code is Exit.SOME_FAILED
    assert read_json(tmp_path / "out" / "run.json")["state"] == "done"


def test_other_options_or_input_conflict_and_name_the_way_out(tmp_path, source):
    start(tmp_path / "out", source, size=1)
    with pytest.raises(OutputConflict, match=r"other options.*--overwrite"):
        start(tmp_path / "out", source, size=2)
    (source / "a" / "two").write_text("2")
    with pytest.raises(OutputConflict, match="other input"):
        start(tmp_path / "out", source, size=1)


def test_overwrite_replaces_all_of_it(tmp_path, source):
    run = start(tmp_path / "out", source, size=1)
    (run.folder / "left").mkdir()
    start(tmp_path / "out", source, size=2, overwrite=True)
    assert sorted(os.listdir(tmp_path / "out")) == ["run.json"]


def test_foreign_files_are_kept_and_said(tmp_path, source):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.doc").write_text("mine")
    with pytest.raises(OutputConflict, match="did not write"):
        start(tmp_path / "out", source)
    assert (tmp_path / "out" / "thesis.doc").read_text() == "mine"


def test_a_file_as_out_and_out_in_a_file(tmp_path, source):
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputConflict, match="is a file"):
        start(tmp_path / "out", source)
    with pytest.raises((OutputFailed, OutputConflict)):
        start(tmp_path / "out" / "deeper", source)


@pytest.mark.parametrize("where", ["in", "in/a", "in/a/out", "."])
def test_out_and_input_stay_apart(tmp_path, source, where):
    with pytest.raises(UsageError, match="inside each other"):
        start(tmp_path / where, source)


def test_missing_input_is_wrong_usage_and_its_path_is_not_repeated(tmp_path):
    with pytest.raises(UsageError) as caught:
        start_run(tmp_path / "out", verb="scan", sources=[tmp_path / "Doe^Jane"], options={})
    assert "Doe" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_overwrite_never_empties_where_we_stand(tmp_path, source, monkeypatch):
    (tmp_path / "out" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "out" / "deep")
    with pytest.raises(UsageError, match="--overwrite would empty"):
        start(tmp_path / "out", source, overwrite=True)


def test_half_written_parts_are_cleared_and_not_counted(tmp_path, source):
    before = fingerprint([source])
    (source / ".part-7-x").write_text("half")
    assert fingerprint([source]) == before
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".part-7-x").write_text("half")
    start(tmp_path / "out", source)
    assert sorted(os.listdir(tmp_path / "out")) == ["run.json"]

"""The one writer of OUT: the same command resumes and grows; anything else is refused, and
leaves nothing behind.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import nullcontext

import pytest

from pleura.core.atomic import (
    BOOKKEEPING,
    clear_parts_beside,
    read_json,
    temporary_name,
    write_json,
)
from pleura.core.errors import Exit, OutputBusy, OutputConflict, OutputFailed, UsageError
from pleura.core.locks import locked, locked_beside
from pleura.store import layout, run_file, run_record
from pleura.store.item import read_items
from pleura.store.run_record import fingerprint, measured, open_run


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "in"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "one").write_text("1")
    return folder


def opened(out, source, *, overwrite=False, check="size", verb="scan", grows=True, **options):
    return open_run(
        out,
        verb=verb,
        sources=[source],
        options=options,
        overwrite=overwrite,
        check=check,
        grows=grows,
    )


def make(run, name, text="x"):
    """A finished item with one file."""
    (run.folder / name).mkdir(exist_ok=True)
    path = run.folder / name / "result"
    path.write_text(text)
    run.keep(name, "input", {"id": name}, {f"{name}/result": measured(path)})


def visible(out):
    return sorted(name for name in os.listdir(out) if name != BOOKKEEPING)


def test_fresh_then_resumed_then_done(tmp_path, source):
    with opened(tmp_path / "out", source, size=1) as run:
        assert not run.done
        make(run, "a")
    with opened(tmp_path / "out", source, size=1) as again:
        assert not again.done
        assert again.kept("a", "input") == {"id": "a"}
        assert again.kept("a", "other input") is None
        again.finish(Exit.SOME_FAILED)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    with opened(tmp_path / "out", source, size=1) as last:
        assert last.done
        assert last.exit_code is Exit.SOME_FAILED
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before
    assert read_json(tmp_path / "out" / "run.json")["state"] == "done"


def test_a_run_of_another_version_is_not_continued(tmp_path, source, monkeypatch):
    with opened(tmp_path / "out", source) as run:
        make(run, "a")
    monkeypatch.setattr(run_file, "__version__", "9.9.9")
    with (
        pytest.raises(OutputConflict, match=r"another version of pleura; .*--overwrite"),
        opened(tmp_path / "out", source),
    ):
        pass


def test_other_options_conflict_and_name_the_way_out(tmp_path, source):
    with opened(tmp_path / "out", source, size=1) as run:
        make(run, "a")
    with (
        pytest.raises(OutputConflict, match=r"other options.*--overwrite"),
        opened(tmp_path / "out", source, size=2),
    ):
        pass
    with (
        pytest.raises(OutputConflict, match="output of pleura scan"),
        opened(tmp_path / "out", source, verb="couch"),
    ):
        pass


def test_results_of_an_incomplete_run_are_no_conflict(tmp_path, source):
    """A fault of the disk may have hidden a file of the only case."""
    for complete in (False, True):
        with opened(tmp_path / "out", source) as run:
            make(run, "a")
            run.finish(Exit.SOME_FAILED, complete=complete)
        with opened(tmp_path / "out", source) as run:
            with pytest.raises(OutputConflict) if complete else nullcontext():
                run.check_other_input({"a": "changed"})


def test_input_that_grew_is_no_conflict_unless_the_verb_says_so(tmp_path, source):
    with opened(tmp_path / "out", source) as run:
        make(run, "a")
        run.finish(Exit.OK)
    (source / "a" / "two").write_text("2")
    with opened(tmp_path / "out", source) as run:
        assert not run.done
        assert run.kept("a", "input")
        assert run.gone(["b"]) == ["a"]
        run.check_other_input({"a": "input", "b": "new"})
        with pytest.raises(OutputConflict, match="other input"):
            run.check_other_input({"a": "changed", "b": "new"})
    with (
        pytest.raises(OutputConflict, match="other input"),
        opened(tmp_path / "out", source, grows=False),
    ):
        pass


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process that ends at a line")
@pytest.mark.parametrize("when", ["begins", "ends"])
@pytest.mark.parametrize("last", ["run.json", "input.json"])
def test_killed_between_its_two_records_it_resumes(tmp_path, source, monkeypatch, when, last):
    """A verb whose input must not grow knew nothing of its input then, and refused to resume."""
    out = tmp_path / "out"

    def kill_after(path, record):
        write_json(path, record)
        if path.name == last:
            os._exit(9)

    child = os.fork()
    if not child:
        for name in ("write_json", "write_json_if_changed"):
            monkeypatch.setattr(run_record, name, kill_after if when == "begins" else write_json)
        with opened(out, source, grows=False) as run:
            make(run, "a")
            monkeypatch.setattr(run_record, "write_json_if_changed", kill_after)
            run.finish(Exit.OK)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    with opened(out, source, grows=False) as run:
        make(run, "a")
        run.finish(Exit.OK)
    with opened(out, source, grows=False) as run:
        assert run.done


def test_a_usage_error_leaves_nothing_and_the_corrected_call_works(tmp_path, source):
    with pytest.raises(UsageError), opened(tmp_path / "deep" / "out", source, alpha=2):
        raise UsageError("--alpha must be from 0 to 1")
    assert not (tmp_path / "deep").exists()
    with pytest.raises(UsageError), opened(tmp_path / "out", source, alpha=2) as run:
        make(run, "a")
        raise UsageError("--alpha must be from 0 to 1")
    with opened(tmp_path / "out", source, alpha=1) as run:
        assert run.kept("a", "input") is None
        assert visible(tmp_path / "out") == ["run.json"]  # nothing of the other options is left


@pytest.mark.parametrize(
    "damage", [lambda p: p.unlink(), lambda p: p.write_text(""), lambda p: shutil.rmtree(p.parent)]
)
def test_results_are_looked_at_before_they_count_as_done(tmp_path, source, damage):
    with opened(tmp_path / "out", source) as run:
        make(run, "a")
        make(run, "b")
        run.finish(Exit.OK)
    damage(tmp_path / "out" / "a" / "result")
    with opened(tmp_path / "out", source) as run:
        assert not run.done
        assert run.kept("a", "input") is None
        assert run.kept("b", "input")


def test_killed_while_it_does_an_item_again_it_is_not_done(tmp_path, source):
    with opened(tmp_path / "out", source) as run:
        make(run, "a")
        make(run, "b")
        run.finish(Exit.OK)
    (tmp_path / "out" / "a" / "result").unlink()
    with pytest.raises(KeyboardInterrupt), opened(tmp_path / "out", source) as run:
        run.forget("a")
        raise KeyboardInterrupt
    with opened(tmp_path / "out", source) as run:
        assert not run.done
        assert run.kept("b", "input") == {"id": "b"}


def test_a_changed_byte_is_found_by_hash_only(tmp_path, source):
    with opened(tmp_path / "out", source) as run:
        make(run, "a", "one")
        run.finish(Exit.OK)
    (tmp_path / "out" / "a" / "result").write_text("two")
    with opened(tmp_path / "out", source) as run:
        assert run.done
    with opened(tmp_path / "out", source, check="hash") as run:
        assert not run.done


def test_a_record_that_was_changed_does_not_count(tmp_path, source):
    """Nor can it make pleura remove anything outside OUT."""
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "thesis").write_text("mine")
    with opened(tmp_path / "out", source) as run:
        make(run, "a")
        run.finish(Exit.OK)
    (item,) = (tmp_path / "out" / BOOKKEEPING / layout.ITEMS).iterdir()
    about = read_json(item)
    for name in ("../victim/thesis", str(victim / "thesis"), "a/../../victim/thesis"):
        item.write_text(json.dumps(about | {"files": {name: [4, "0"]}}))
        with opened(tmp_path / "out", source) as run:
            assert list(read_items(run.folder)) == []
    (tmp_path / "out" / "run.json").write_text(
        '{"format": "pleura-run/2", "verb": "scan", "state": "done", "cases": 7}'
    )
    with pytest.raises(OutputConflict), opened(tmp_path / "out", source):
        pass
    with opened(tmp_path / "out", source, overwrite=True):
        pass
    assert (victim / "thesis").read_text() == "mine"


def test_a_link_out_of_the_folder_is_not_followed(tmp_path, source):
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "result").write_text("x")
    with opened(tmp_path / "out", source) as run:
        make(run, "a")
        shutil.rmtree(run.folder / "a")
        (run.folder / "a").symlink_to(victim)
        run.forget("a")
    assert (victim / "result").read_text() == "x"


def test_overwrite_starts_anew_even_where_the_record_matches(tmp_path, source):
    with opened(tmp_path / "out", source, size=1) as run:
        make(run, "a")
        run.finish(Exit.OK)
    with opened(tmp_path / "out", source, overwrite=True, size=1) as run:
        assert not run.done
        assert visible(tmp_path / "out") == ["run.json"]


def test_foreign_files_are_kept_and_said(tmp_path, source):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.doc").write_text("mine")
    with pytest.raises(OutputConflict, match="did not write"), opened(tmp_path / "out", source):
        pass
    assert os.listdir(tmp_path / "out") == ["thesis.doc"]


def test_a_file_as_out_and_out_in_a_file(tmp_path, source):
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputConflict, match="is a file"), opened(tmp_path / "out", source):
        pass
    with pytest.raises((OutputFailed, OutputConflict)), opened(tmp_path / "out" / "deeper", source):
        pass


@pytest.mark.parametrize("where", ["in", "in/a", "in/a/out", "."])
def test_out_and_input_stay_apart(tmp_path, source, where):
    with pytest.raises(UsageError, match="lies inside one"), opened(tmp_path / where, source):
        pass
    assert os.listdir(source / "a") == ["one"]


def test_what_is_used_beside_the_input_is_not_in_out(tmp_path, source):
    model = tmp_path / "out" / "model"
    model.mkdir(parents=True)
    with (
        pytest.raises(UsageError, match="lies inside one"),
        open_run(
            tmp_path / "out",
            verb="segment",
            sources=[source],
            also=[model],
            options={},
            overwrite=True,
        ),
    ):
        pass
    assert model.is_dir()


def test_missing_input_is_wrong_usage_and_its_path_is_not_repeated(tmp_path):
    with pytest.raises(UsageError) as caught, opened(tmp_path / "out", tmp_path / "Doe^Jane"):
        pass
    assert "Doe" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_overwrite_never_empties_where_we_stand(tmp_path, source, monkeypatch):
    (tmp_path / "out" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "out" / "deep")
    with (
        pytest.raises(UsageError, match="--overwrite would empty"),
        opened(tmp_path / "out", source, overwrite=True),
    ):
        pass
    assert os.listdir(tmp_path / "out") == ["deep"]


def test_half_written_parts_are_cleared_and_not_counted(tmp_path, source):
    before = fingerprint([source])
    (source / ".part-7-x").write_text("half")
    assert fingerprint([source]) == before
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".part-host-7-x-run.json").write_text("half")
    with opened(tmp_path / "out", source) as run:
        assert visible(run.folder) == ["run.json"]


HOLDER = """
import sys, time
from pathlib import Path
sys.path[:0] = {path!r}
from pleura.store.run_record import open_run
with open_run(Path({out!r}), verb="scan", sources=[Path({source!r})], options={{}}) as run:
    run.keep("a", "input", 1)
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_at_once_and_a_killed_one_holds_nothing(tmp_path, source):
    script = HOLDER.format(path=sys.path, out=str(tmp_path / "out"), source=str(source))
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "held\n"
        part = temporary_name(tmp_path / "out" / "a")
        part.write_text("of the live run")
        with (
            pytest.raises(OutputBusy, match="in use by another run"),
            opened(tmp_path / "out", source),
        ):
            pass
        with pytest.raises(OutputBusy), opened(tmp_path / "out", source, overwrite=True):
            pass
        assert part.exists()
    finally:
        process.kill()
        process.communicate()
    with opened(tmp_path / "out", source) as run:
        assert run.kept("a", "input") == 1
        assert not part.exists()


def test_a_lock_that_a_dying_process_still_holds_is_waited_for(tmp_path, source):
    with opened(tmp_path / "out", source):
        pass
    taken = threading.Event()

    def hold():
        with locked(tmp_path / "out" / BOOKKEEPING / layout.LOCK, what="OUT"):
            taken.set()
            time.sleep(0.3)

    holder = threading.Thread(target=hold)
    holder.start()
    assert taken.wait(10)
    with opened(tmp_path / "out", source):  # OutputBusy before
        holder.join()


def test_a_shared_file_is_changed_by_one_run_at_a_time(tmp_path):
    with locked_beside(tmp_path / "map.json", what="the map"):
        with (
            pytest.raises(OutputBusy),
            locked_beside(tmp_path / "map.json", what="the map", wait_s=0.1),
        ):
            pass
    with locked_beside(tmp_path / "map.json", what="the map"):
        left = temporary_name(tmp_path / "map.json")
        left.write_text("names")
        other = temporary_name(tmp_path / "other-map.json.txt")
        other.write_text("of another file")
        clear_parts_beside(tmp_path / "map.json")
        assert not left.exists()
        assert other.exists()


def test_a_file_system_without_locks_has_a_stand_in(tmp_path, monkeypatch):
    import errno

    from pleura.core import locks

    def none(handle, shared):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks, "_lock", none)
    with (
        locked(tmp_path / "lock", what="OUT"),
        pytest.raises(OutputBusy),
        locked(tmp_path / "lock", what="OUT"),
    ):
        pass
    # no such process: a killed run's
    (tmp_path / "lock-holder").write_text(f"{locks.HOST} {2**22 + 1}")
    with locked(tmp_path / "lock", what="OUT"):
        pass
    (tmp_path / "lock-holder").write_text("elsewhere 1")
    with pytest.raises(OutputBusy), locked(tmp_path / "lock", what="OUT"):
        pass

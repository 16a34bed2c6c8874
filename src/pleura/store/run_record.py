"""The one writer of OUT: a lock, a record for each finished item, and `run.json` made from them.

    with open_run(out, verb="segment", sources=[source], options=options) as run:
        ...
        run.finish(exit_code, cases=[...])

`run.json` has what was asked for and the results; equal runs write equal bytes. Values that
differ between equal runs (times of files, seconds) are in `OUT/.pleura`, with one record for
each item. An item is done if its record has the same input and its results are still there. So
the same command finishes an interrupted run, does what is new, and repeats what was damaged.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pleura.core.atomic import (
    BOOKKEEPING,
    clear_parts,
    is_internal,
    read_json,
    read_json_if_any,
    remove,
    write_json,
    write_json_if_changed,
)
from pleura.core.errors import Exit, OutputBusy, OutputConflict, OutputFailed, UsageError
from pleura.core.faults import noted
from pleura.core.locks import KILLED_S, locked
from pleura.store.emptying import (
    check_bookkeeping,
    check_may_empty,
    check_written_by_pleura,
    empty,
)
from pleura.store.fingerprints import LITTER
from pleura.store.fingerprints import fingerprint as fingerprint
from pleura.store.item import Check, Item, digest_of, item_file, read_items, remove_files
from pleura.store.item import measured as measured
from pleura.store.layout import FAILED, INPUT, ITEMS, JOBS, LOCK, RUN, SECONDS
from pleura.store.places import check_apart
from pleura.store.planned import remove_plan
from pleura.store.run_file import difference, head_in, head_of, record_in

OUTPUTS = "OUT"
"""The item for files that belong to OUT as a whole."""


@dataclass
class RunRecord:
    """One verb and the output folder that it has locked.

    `record` is the content of `run.json`. `is_task` marks one of many tasks that do a share each.
    """

    folder: Path
    record: dict[str, Any]
    input: Mapping[str, Any]
    check: Check
    same_input: bool
    is_task: bool = False
    faults_before: int = field(default_factory=noted)

    @property
    def planned(self) -> bool:
        """Whether the work is planned for tasks: then each claims the cases that it does."""
        return (self.folder / JOBS).is_file()

    @property
    def done(self) -> bool:
        """Whether the same command has finished on the same input, with all results still there."""
        if self.record["state"] != "done" or not self.same_input:
            return False
        return _stand(self.folder, self.check)

    @property
    def has_faults(self) -> bool:
        """Whether a passing fault came since opening, so that the next run has to try again."""
        return noted() != self.faults_before

    @property
    def exit_code(self) -> Exit:
        """The exit code of a run that is done."""
        return Exit(self.record.get("exit_code", Exit.OK))

    def kept(self, id: str, input: str) -> Any:
        """The record of an item with the same input and all results; `None` if it must be done."""
        item = Item.standing(self.folder, id, input, self.check)
        return item and item.record

    def keep(
        self, id: str, input: str, record: Any, files: Mapping[str, tuple[int, str]] | None = None
    ) -> None:
        """Record an item as done; its files must be on disk."""
        Item(id, input, record, dict(files or {})).write(self.folder)

    def forget(self, id: str) -> None:
        """Remove an item's record, then its results.

        A finished run is marked as running first: a kill would leave it finished without the item.
        """
        if self.record["state"] == "done" and not self.is_task:
            self.record["state"] = "running"
            write_json(self.folder / RUN, self.record)
        item = Item.of(self.folder, id)
        item_file(self.folder, id).unlink(missing_ok=True)
        if item is not None:
            remove_files(self.folder, item)

    def gone(self, ids: Iterable[str], group: str = "") -> list[str]:
        """Recorded items of a group whose input is gone: all but these ids, without the prefix."""
        others = read_items(self.folder, but=[*ids, OUTPUTS])
        gone = sorted(item.id for item in others if item.files and item.id.startswith(group))
        return [id.removeprefix(group) for id in gone]

    def check_other_input(self, inputs: Mapping[str, str], group: str = "") -> None:
        """Refuse to replace results of other input; `inputs` are ids with their input.

        Results of an incomplete run may be of input that could not be read as a whole then.

        Raises:
            OutputConflict: OUT has results, and none of them is of this input.
        """
        if self.record["state"] == "incomplete":
            return
        is_other = False
        for item in read_items(self.folder, but=[OUTPUTS]):
            if item.files and item.id.startswith(group):
                if inputs.get(item.id) == item.input:
                    return
                is_other = True
        if is_other:
            raise OutputConflict(_conflict(self.record["verb"], "results of other input"))

    def note_seconds(self, name: str, seconds: float) -> None:
        """Add seconds to those of a stage or case; they are not written to `run.json`."""
        path = self.folder / BOOKKEEPING / SECONDS
        known = self.seconds
        write_json(path, known | {name: round(known.get(name, 0.0) + seconds, 2)})

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds by stage or case."""
        with suppress(OSError, ValueError, TypeError, AttributeError):
            return {
                str(name): float(value)
                for name, value in read_json(self.folder / BOOKKEEPING / SECONDS).items()
            }
        return {}

    def finish(
        self, exit_code: Exit, *, complete: bool = True, files: Sequence[str] = (), **fields: Any
    ) -> None:
        """Write `run.json`. Called last, when everything that it names is on disk.

        Args:
            exit_code: of the verb.
            complete: false where a passing fault (disk, memory, a lost worker) left something for
                the next run; one that was noted since the run was opened counts too.
            files: names below OUT that belong to no item.
            fields: what the verb adds.
        """
        complete = complete and not self.has_faults
        if files:
            self.keep(OUTPUTS, "", None, {name: measured(self.folder / name) for name in files})
        clear_parts(self.folder)
        if complete:
            remove_plan(self.folder)
        self.record = (
            self.record
            | fields
            | {"exit_code": int(exit_code), "state": "done" if complete else "incomplete"}
        )
        write_json_if_changed(self.folder / RUN, self.record)
        write_json_if_changed(self.folder / BOOKKEEPING / INPUT, _known(self.input, self.record))


@contextmanager
def open_run(
    out: Path,
    *,
    verb: str,
    sources: Sequence[Path],
    options: Mapping[str, Any],
    also: Sequence[Path] = (),
    grows: bool = True,
    overwrite: bool = False,
    check: Check = "size",
) -> Iterator[RunRecord]:
    """Lock `out` for a verb; start a new run where it is empty, else resume the verb's earlier run.

    Args:
        out: the output folder.
        verb: the verb's name.
        sources: input files and folders.
        options: the options that decide the result (not workers, nor display), as plain JSON
            values.
        also: files that are read or written beside OUT and must not be in it, such as a model.
        grows: whether the verb does new items and keeps the others; without, other input is a
            conflict.
        overwrite: empty OUT first, if pleura wrote it.
        check: how results are compared with their records before they count as done.

    Yields:
        The record; `run.done` says whether nothing is left to do.

    Raises:
        UsageError: a source does not exist, lies in `out`, or contains it (input is never written
            to).
        OutputConflict: `out` has other content, and `overwrite` is not set or pleura did not write
            that content.
        OutputBusy: another process writes `out`.
        OutputFailed: `out` cannot be written.
    """
    check_apart(out, [*sources, *also])
    head = head_of(verb, options)
    # before anything is written, so that a usage error leaves nothing
    if overwrite:
        check_may_empty(out)
        _check_may_replace(out, verb)
    else:
        _check_content(out, head)
    made = _missing_folders(out)
    try:
        with locked(out / BOOKKEEPING / LOCK, what="OUT", wait_s=KILLED_S):
            if overwrite:
                _check_may_replace(out, verb)
                empty(out)
            run = _opened(out, head, fingerprint(sources), check)
            if not grows and run.record["state"] != "fresh" and _is_of_other_input(run):
                raise OutputConflict(_conflict(verb, "a run with other input"))
            if run.record["state"] == "fresh":
                run.record["state"] = "running"
                # the input first: a kill between the two leaves no run, not a run of unknown input
                write_json(out / BOOKKEEPING / INPUT, _known(run.input, run.record))
                write_json(out / RUN, run.record)
            try:
                yield run
            except BaseException as error:
                _leave_nothing(run)
                wrong_call = isinstance(error, UsageError) and not isinstance(error, OutputBusy)
                if wrong_call and (out / RUN).exists():
                    write_json(out / RUN, run.record | {"state": "refused"})
                raise
    finally:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()  # succeeds only if it is empty again


def is_complete(folder: Path) -> bool:
    """Whether the run that wrote a folder has nothing left to do again."""
    record = head_in(folder)
    return record is not None and record.get("state") == "done"


def results_stand(folder: Path, check: Check) -> bool:
    """Whether a run finished in a folder and all its results are there, unchanged."""
    return is_complete(folder) and _stand(folder, check)


def _stand(folder: Path, check: Check) -> bool:
    return all(item.stands(folder, check) for item in read_items(folder))


def _has_items(folder: Path) -> bool:
    return next(read_items(folder), None) is not None


def _known(input: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """The input in `input.json`, if it belongs to a `run.json` of exactly these bytes."""
    return {**input, "run": digest_of(record)}


def _known_input(folder: Path) -> Any:
    """The content of `input.json`; `None` where it cannot be read."""
    return read_json_if_any(folder / BOOKKEEPING / INPUT)


def _is_of_other_input(run: RunRecord) -> bool:
    """Whether the folder's run is known to be of other input.

    The digest of `run.json` is not compared: a kill between the two writes leaves an older one.
    """
    known = _known_input(run.folder)
    return not isinstance(known, dict) or any(known.get(key) != run.input[key] for key in run.input)


def _check_content(out: Path, head: Mapping[str, Any]) -> None:
    """Refuse content that this command did not write; a run without results never conflicts."""
    verb = head["verb"]
    names = _content(out, verb)
    record = head_in(out)
    if not names or (record is not None and _same(record, head)):
        return
    if record is None:
        check_written_by_pleura(out, verb, has_record=False)
        raise OutputConflict(_conflict(verb, "no readable run.json"))
    if record.get("verb") == verb and record.get("state") == "refused":
        return  # a usage error ended it: the corrected command may take over
    if names <= {RUN, JOBS} and not _has_items(out):
        return
    if record.get("verb") != verb:
        raise OutputConflict(_conflict(verb, f"the output of pleura {record.get('verb')}"))
    raise OutputConflict(_conflict(verb, f"a run with {difference(record, head)}"))


def _check_may_replace(out: Path, verb: str) -> None:
    """Refuse to empty content that pleura did not write."""
    if _content(out, verb):
        check_written_by_pleura(out, verb, head_in(out) is not None)


def _content(out: Path, verb: str) -> set[str]:
    check_bookkeeping(out, verb)
    try:
        names = {entry.name for entry in out.iterdir()}
    except FileNotFoundError:
        return set()
    except NotADirectoryError:
        raise OutputConflict(f"{verb}: OUT is a file, not a folder; choose another place") from None
    except OSError as error:
        raise OutputFailed(f"{verb}: cannot read OUT: {error.strerror}") from error
    return {name for name in names if name not in LITTER and not is_internal(name)}


def _conflict(verb: str, what: str) -> str:
    return f"{verb}: OUT has {what}; choose another place, or use --overwrite to replace it"


def _same(record: Mapping[str, Any], head: Mapping[str, Any]) -> bool:
    return {key: record.get(key) for key in head} == dict(head)


def _opened(out: Path, head: dict[str, Any], input: dict[str, Any], check: Check) -> RunRecord:
    """The run in a folder that is locked already."""
    _check_content(out, head)
    if not (out / JOBS).exists():  # tasks on hosts without locks may be at work
        clear_parts(out)
    record = record_in(out)
    if (
        record is None
        or not _same(record, head)
        or record.get("state") not in ("running", "incomplete", "done", "refused")
    ):
        for item in read_items(out):
            remove_files(out, item)
        for name in (ITEMS, FAILED):
            remove(out / BOOKKEEPING / name)
        remove_plan(out)
        return RunRecord(out, head | {"state": "fresh"}, input, check, True)
    known = _known_input(out)
    return RunRecord(out, record, input, check, known == _known(input, record))


def _leave_nothing(run: RunRecord) -> None:
    """Remove the traces of a run that ended before it had a result."""
    with suppress(OSError):
        clear_parts(run.folder)
        names = {entry.name for entry in run.folder.iterdir()}
        if names <= {RUN, BOOKKEEPING} and not _has_items(run.folder):
            remove(run.folder / RUN)
            remove(run.folder / BOOKKEEPING)


def _missing_folders(out: Path) -> list[Path]:
    """OUT and the folders above it that do not exist, deepest first."""
    missing = []
    for folder in (out, *out.parents):
        if folder.exists():
            break
        missing.append(folder)
    return missing

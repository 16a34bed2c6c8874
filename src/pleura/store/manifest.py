"""`OUT/run.json`: what was asked, of what, and how far it got. It is what makes the same command resume."""

import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pleura import __version__
from pleura.core.atomic import PART, clear_parts, read_json, write_json
from pleura.core.errors import Exit, OutputConflict, OutputFailed, UsageError

FORMAT = "pleura-run/1"
NAME = "run.json"
LITTER = {".DS_Store", "Thumbs.db", "desktop.ini"}


@dataclass
class Run:
    """One verb at work on one output folder. `record` is the content of `run.json`."""

    folder: Path
    record: dict[str, Any]

    @property
    def done(self) -> bool:
        """Whether an earlier run of the same command finished; then there is nothing to do."""
        return bool(self.record["state"] == "done")

    @property
    def exit_code(self) -> Exit:
        """The exit code of a finished run."""
        return Exit(self.record.get("exit_code", Exit.OK))

    def note(self, **fields: Any) -> None:
        """Merge `fields` into the record and write it, whole."""
        self.record |= fields
        write_json(self.folder / NAME, self.record)

    def finish(self, exit_code: Exit, **fields: Any) -> None:
        """Write the record as done. Called last: everything that it names is on disk by then."""
        clear_parts(self.folder)
        self.note(**fields, exit_code=int(exit_code), state="done")


def start_run(
    out: Path,
    *,
    verb: str,
    sources: Sequence[Path],
    options: Mapping[str, Any],
    overwrite: bool = False,
) -> Run:
    """Open `out` for a verb: fresh where it is empty, resumed where the same command began it.

    Args:
        out: the output folder.
        verb: the verb's name.
        sources: input files and folders; names, sizes and times of all files below tell whether the input is the same.
        options: the options that decide the result (not workers, nor how it is shown), as plain JSON values.
        overwrite: clear away what `out` holds if it is anything but this very command's work.

    Returns:
        The run; `run.done` says that there is nothing left to do.

    Raises:
        UsageError: a source does not exist, or lies in `out`, or `out` in it (input is never written to).
        OutputConflict: `out` holds something else and `overwrite` is not set.
        OutputFailed: `out` cannot be written.
    """
    _check_apart(out, sources)
    wanted = {
        "format": FORMAT,
        "verb": verb,
        "version": __version__,
        "options": dict(options),
        "input": fingerprint(sources),
    }
    try:
        held = [entry for entry in out.iterdir() if entry.name not in LITTER and not entry.name.startswith(PART)]
    except FileNotFoundError:
        held = []
    except NotADirectoryError:
        raise OutputConflict(f"{verb}: OUT is a file, not a folder; name another place") from None
    except OSError as error:
        raise OutputFailed(f"{verb}: cannot read OUT: {error.strerror}") from error
    if held:
        record = _record(out)
        if record is not None and {key: record.get(key) for key in wanted} == wanted:
            return Run(out, record)
        if not overwrite:
            raise OutputConflict(
                f"{verb}: OUT holds {_what(record, wanted)}; name another place, or give --overwrite to replace it"
            )
        _clear(out)
    run = Run(out, wanted | {"state": "running"})
    run.note()
    clear_parts(out)
    return run


def fingerprint(sources: Iterable[Path]) -> dict[str, Any]:
    """Number of files and a digest over their relative names, sizes and times: changes when the input does."""
    digest = hashlib.sha256()
    count = 0
    for source in sources:
        for name, path in sorted(_files(source)):
            stat = path.stat()
            digest.update(f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
            count += 1
        digest.update(b"\n")
    return {"files": count, "sha256": digest.hexdigest()}


def _files(source: Path) -> Iterable[tuple[str, Path]]:
    if source.is_file():
        yield "", source
        return
    for folder, folders, names in os.walk(source):
        folders[:] = [name for name in folders if not name.startswith(PART)]
        for name in names:
            path = Path(folder, name)
            if not name.startswith(PART) and name not in LITTER and path.is_file():
                yield path.relative_to(source).as_posix(), path


def _check_apart(out: Path, sources: Sequence[Path]) -> None:
    goal = out.resolve()
    for source in sources:
        if not source.exists():
            raise UsageError("an input does not exist: check the path given for it")
        given = source.resolve()
        if goal == given or goal in given.parents or given in goal.parents:
            raise UsageError("OUT and the input lie inside each other; input is never written to: name a place beside it")


def _record(out: Path) -> dict[str, Any] | None:
    with suppress(OSError, ValueError):
        record = read_json(out / NAME)
        if isinstance(record, dict) and record.get("format") == FORMAT:
            return record
    return None


def _what(record: dict[str, Any] | None, wanted: dict[str, Any]) -> str:
    if record is None:
        return "files that pleura did not write"
    if record.get("verb") != wanted["verb"]:
        return f"the output of pleura {record.get('verb')}"
    changed = [key for key in ("version", "options", "input") if record.get(key) != wanted[key]]
    return f"a run with other {' and '.join(changed)}"


def _clear(out: Path) -> None:
    """Empty a folder on the user's word, but never a home, the place we stand in, or a root."""
    here = out.resolve()
    if here == here.parent or any(here == p or here in p.parents for p in (Path.home().resolve(), Path.cwd().resolve())):
        raise UsageError("--overwrite would empty a home, a root or the folder you are in: name another OUT")
    try:
        for entry in out.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    except OSError as error:
        raise OutputFailed(f"cannot clear OUT: {error.strerror}") from error

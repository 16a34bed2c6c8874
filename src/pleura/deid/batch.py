"""Read the headers of many objects, and write them unit by unit."""

import pickle
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from pleura.core.atomic import atomic_folder
from pleura.core.cores import cores
from pleura.core.findings import Finding
from pleura.core.progress import Progress
from pleura.deid.choices import Choices
from pleura.deid.engine import Patient
from pleura.deid.headers import HeaderReader
from pleura.deid.objects import HEADER_TAGS, Header, case_folder
from pleura.deid.plan import Unit
from pleura.deid.profile import kept_tags, profile
from pleura.deid.reading import Unread, each, parcels
from pleura.deid.writing import Outcome, Verify, Writer
from pleura.files.listing import ON_DISK, InputFile
from pleura.files.walk import Walk

FEW = 200
"""[files] With fewer, starting a process costs more than it gains."""
MOST = 8
"""Most processes that are started unless the user asks for more."""

Pair = tuple[InputFile, Path]
"""A file of the input and the path to write it to."""


class Hands(Protocol):
    """Does many small items, in this process or in others."""

    def each(self, work: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        """Yield `work(item)` for every item, in order; of a failing one the refusing `Finding`."""
        ...


def processes(workers: int, files: int) -> int:
    """Number of processes: as asked for, 0 = one for each core; one where there are few files."""
    if files < FEW:
        return 1
    return workers or min(cores(), MOST)


def read_headers(found: Walk, choices: Choices, hands: Hands, progress: Progress) -> list[Header]:
    """Read the headers of all DICOM files, in the order of their names."""
    files = found.dicom()
    pieces = parcels(files, lambda file: file)
    headers: list[Header] = []
    progress("read headers", 0, len(files))
    for piece, read in zip(
        pieces, hands.each(partial(_read_some, found.root, choices), pieces), strict=True
    ):
        if isinstance(read, Finding):
            read = [unread(file, found.root, read.code) for file in piece]
        headers += read
        progress("read headers", len(headers), len(files))
    return sorted(headers, key=lambda header: header.file)


def _read_some(root: Path, choices: Choices, files: Sequence[InputFile]) -> list[Header]:
    """Read the headers of some files; files in archives are read as a whole, in one pass."""
    reader = _reader(root, choices)
    headers = [reader.read(file) for file in files if file.member == ON_DISK]
    for file, data in each([file for file in files if file.member != ON_DISK]):
        headers.append(
            unread(file, root, "READ-FAILED")
            if isinstance(data, Unread)
            else reader.read(file, data)
        )
    return headers


@lru_cache(maxsize=1)
def _reader(root: Path, choices: Choices) -> HeaderReader:
    return HeaderReader(root, kept_tags(profile(choices)))


def unread(file: InputFile, root: Path, code: str) -> Header:
    """The header of a file that could not be read, with the code of the refusal."""
    return Header(file, case_folder(file.name, root), "", ("",) * len(HEADER_TAGS), refusal=code)


@dataclass
class UnitRecord:
    """The result for one unit: counts, and the names of refused files, for the user only.

    `contents` are the SHA-256 of the sources that were published.
    """

    case: str
    series: int = 0
    files: int = 0
    refused: Counter[tuple[str, tuple[tuple[str, Any], ...]]] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    names: list[tuple[str, str]] = field(default_factory=list)
    contents: list[str] = field(default_factory=list)

    def add(self, file: InputFile, outcome: Outcome) -> None:
        """Count the outcome of one file."""
        if outcome.code:
            self.refused[outcome.code, outcome.evidence] += 1
            self.names.append((outcome.code, file.name))
        else:
            self.files += 1
            self.contents.append(outcome.content)
            self.actions.update(outcome.actions)

    def as_json(self) -> dict[str, Any]:
        """Plain values without file names.

        Keys are `case`, `series`, `files`, `refused` (a list of `code`, `evidence`, `files`),
        `actions` and, where files were written, `content`, the SHA-256 over the sorted SHA-256 of
        their sources.
        """
        about: dict[str, Any] = {
            "case": self.case,
            "series": self.series,
            "files": self.files,
            "refused": [
                {"code": code, "evidence": dict(evidence), "files": count}
                for (code, evidence), count in sorted(self.refused.items(), key=repr)
            ],
            "actions": dict(sorted(self.actions.items())),
        }
        if any(self.contents):
            about["content"] = sha256("".join(sorted(self.contents)).encode()).hexdigest()
        return about


def write_unit(
    unit: Unit,
    out: Path,
    choices: Choices,
    patient: Patient,
    verify: Verify | None,
    hands: Hands,
    advance: Callable[[int], None],
) -> UnitRecord:
    """De-identify the objects of `unit` into `out/<unit.folder>`.

    The folder appears when it is complete, and not at all where every object was refused.
    """
    with atomic_folder(out / unit.folder) as part:
        pairs = [(header.file, part / name) for name, header in unit.files]
        folders = {goal.parent for _, goal in pairs}
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        record = _record(
            unit, pairs, partial(_write_some, _Job(choices, patient, verify)), hands, advance
        )
        for folder in folders - {part}:
            if not any(folder.iterdir()):
                folder.rmdir()
    if not record.files:
        (out / unit.folder).rmdir()
    return record


def show_unit(unit: Unit, choices: Choices, patient: Patient, hands: Hands) -> UnitRecord:
    """Make the record of what `write_unit` would do, without writing anything."""
    pairs = [(header.file, Path(name)) for name, header in unit.files]
    return _record(
        unit, pairs, partial(_show_some, _Job(choices, patient)), hands, lambda count: None
    )


def _record(
    unit: Unit,
    pairs: Sequence[Pair],
    work: Callable[[Sequence[Pair]], list[Outcome]],
    hands: Hands,
    advance: Callable[[int], None],
) -> UnitRecord:
    """Process the files of a unit, and count the outcomes."""
    record = UnitRecord(unit.case)
    series_of = {header.file: header.get("SeriesInstanceUID") for _, header in unit.files}
    series = set()
    pieces = parcels(pairs, lambda pair: pair[0])
    for piece, found in zip(pieces, hands.each(work, pieces), strict=True):
        if isinstance(found, Finding):
            found = [
                Outcome(code=found.code, evidence=tuple(sorted(found.evidence.items())))
            ] * len(piece)
        for (file, goal), outcome in zip(piece, found, strict=True):
            record.add(file, outcome)
            if outcome.code:
                goal.unlink(missing_ok=True)  # a lost worker may have left an incomplete file
            else:
                series.add(series_of[file])
        advance(len(piece))
    record.series = len(series)
    return record


class _Job:
    """What the files of a unit share: the writer, with every UID of a patient; pickled once."""

    def __init__(self, choices: Choices, patient: Patient, verify: Verify | None = None) -> None:
        self._what = (choices, patient, verify)

    @cached_property
    def writer(self) -> Writer:
        return Writer(*self._what)

    @cached_property
    def _pickled(self) -> bytes:
        return pickle.dumps(self._what)

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (self._pickled,)


@lru_cache(maxsize=1)
def _received(pickled: bytes) -> _Job:
    return _Job(*pickle.loads(pickled))


def _show_some(job: _Job, pairs: Sequence[Pair]) -> list[Outcome]:
    return [job.writer.show(data) for _, data in each([file for file, _ in pairs])]


def _write_some(job: _Job, pairs: Sequence[Pair]) -> list[Outcome]:
    goals = dict(pairs)
    done = {file: job.writer.write(data, goals[file]) for file, data in each(list(goals))}
    return [done[file] for file, _ in pairs]

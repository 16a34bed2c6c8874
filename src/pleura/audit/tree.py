"""Check a whole output against its input: each file, and what only shows between files.

Between files are references, patients, dates and file names.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pleura.audit import attributes
from pleura.audit.check import check_file
from pleura.audit.declared import REPORT, declared
from pleura.audit.input_files import NOBODY, Input, is_dicom, mark_of, read_input
from pleura.audit.pairing import Marks, known_people, patients_of
from pleura.audit.parsing import Layout, take_apart
from pleura.audit.reading import Files, foreign_part
from pleura.audit.report import Judged, Report, Tree
from pleura.audit.search import Identifier, needles, sweep
from pleura.audit.vocabulary import NEVER, TAGS_OF_CLASSES, vr_of
from pleura.core.atomic import read_json_if_any
from pleura.core.codes import finding
from pleura.core.errors import NothingUsable
from pleura.core.findings import Finding
from pleura.core.progress import Progress, silent
from pleura.files.listing import InputFile

NOTHING_TO_READ = frozenset({"FILES-MISSING", "EMPTY-FILE"})
"""Codes of input files that name nobody: they are not there, or have no content."""
_COUNTED = re.compile(rb"(?:(?:Case|Deid)_\d+/(?:\d{1,3}/)?0\d{5}\.dcm|run\.json|\.pleura/.*)")
"""Names of files that are only numbers: some device has the serial number 000001."""
_MAY_GO = frozenset({0x00081110, 0x00081111, 0x00081120, 0x0040A385, 0x00400275, 0x0008113A})


@dataclass(frozen=True)
class _Waiting:
    """A file of OUT that several files of the input equal; `person` is its PatientID."""

    number: int
    file: InputFile
    person: str
    mark: bytes


@dataclass
class _Between:
    """What is collected over all files of OUT; `profile` where the whole output declares one."""

    profile: str | None = None
    forward: dict[bytes, bytes] = field(default_factory=dict)
    back: dict[bytes, bytes] = field(default_factory=dict)
    written: dict[int, bytes] = field(default_factory=dict)
    references: list[tuple[int, bytes]] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    ids: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    shifts: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    found: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    options: set[str] = field(default_factory=set)


def verify_tree(
    source: Path, out: Path, *, key: Path | None = None, progress: Progress = silent
) -> Report:
    """Check de-identified output for remaining identifiers, whichever tool wrote it.

    Args:
        source: the input as it was: a folder, an archive or a file.
        out: the output to check, each file by the profile and options that it declares, or that
            `out/run.json` does.
        key: the file with the project's key: it must not be found in the output either.
        progress: called file by file.

    Returns:
        The report. Files are paired by pixels, geometry and content, never by name.

    Raises:
        NothingUsable: there is no DICOM file in `source`, or none in `out`.
    """
    files = Files()
    given, made = files.walk(source), files.walk(out)
    known = read_input(given, files, progress)
    if not known.sources:
        raise NothingUsable("verify: no DICOM files in IN")
    secret = _read_key(key)
    everyone = frozenset().union(*known.identifiers.values())
    between = _Between(profile=_profile(out))
    between.found["INPUT-UNREAD"] += sum(one.code not in NOTHING_TO_READ for one in given.refused)
    between.found["OUTPUT-UNREAD"] += len(made.refused)
    _names(
        [*(file.name for file in made.files), *(file.name for file in made.refused)],
        everyone,
        between,
    )
    waiting: list[_Waiting] = []
    judged: list[Judged] = []
    for number, (file, layout) in enumerate(files.layouts(made)):
        progress("verify", number, len(made.files))
        if secret and secret in layout.data:
            between.found["KEY-LEFT"] += 1
        if not is_dicom(layout):
            _other_file(file.name, layout, everyone, known, between)
        elif len(known.by_mark.get(mark := mark_of(layout), ())) > 1:
            waiting.append(_Waiting(number, file, layout.text(0x00100020), mark))
        else:
            judged.append(_judge(number, file.name, layout, known, between, files))
    # the UIDs and persons seen in the others decide which file of the input each came from
    judged += _judge_waiting(waiting, known, between, files)
    progress("verify", len(made.files), len(made.files))
    if not judged:
        raise NothingUsable("verify: no DICOM files in OUT")
    judged.sort(key=lambda one: one.number)
    return Report(
        len(judged),
        len(known.sources),
        len(between.written),
        tuple(judged),
        _conclude(between, known),
        Tree(given.accounting({one.file.name for one in known.sources}), files.digest(given)),
        Tree(made.accounting({one.name for one in judged}), files.digest(made)),
        tuple(sorted(between.options)),
    )


def _read_key(key: Path | None) -> bytes:
    """Read the key as text; the verb has checked that it is a regular file of a limited size."""
    if key:
        return key.read_bytes().strip()
    return b""


def _pairs(before: Layout, after: Layout) -> Iterator[tuple[bytes, bytes]]:
    """UIDs of source and output that are at the same path."""
    for piece in before.pieces:
        if (
            vr_of(piece) == "UI"
            and piece.path[-1] not in TAGS_OF_CLASSES
            and piece.path[0] >> 16 > 2
        ):
            new = after.raw(*piece.path)
            old = before.data[piece.start : piece.end]
            if new is not None:
                yield from zip(
                    (v.strip(b" \0") for v in old.split(b"\\")),
                    (v.strip(b" \0") for v in new.split(b"\\")),
                    strict=False,
                )


def _judge_waiting(
    waiting: list[_Waiting], known: Input, between: _Between, files: Files
) -> Iterator[Judged]:
    """Judge files that equal several files of the input.

    Where only such files show who a person is, identifiers of all patients with that file are
    searched for: the one who was paired with it is a guess.
    """
    people: dict[str, Marks] = defaultdict(Counter)
    patients: dict[int, Marks] = defaultdict(Counter)
    for one in waiting:
        people[one.person][one.mark] += 1
    for mark in {one.mark for one in waiting}:
        for k in known.by_mark[mark]:
            patients[known.sources[k].patient][mark] += 1
    patients.pop(NOBODY, None)
    certain = known_people(between.ids)
    found = patients_of(people, patients, certain)
    for one in waiting:
        alike = {known.sources[k].patient for k in known.by_mark[one.mark]}
        guessed = one.person not in certain
        suspects = known.identifiers_of(alike) if guessed else frozenset()
        yield _judge(
            one.number,
            one.file.name,
            files.layout(one.file),
            known,
            between,
            files,
            patient=found.get(one.person),
            suspects=suspects,
        )


def _judge(
    number: int,
    name: str,
    after: Layout,
    known: Input,
    between: _Between,
    files: Files,
    *,
    patient: int | None = None,
    suspects: frozenset[Identifier] = frozenset(),
) -> Judged:
    """Judge a file beside the best of its candidates, if possible one of `patient`.

    `suspects` are identifiers to search for besides those of the candidate's patient.
    """
    kind = after.text(0x00080016)
    candidates = _candidates(after, known, between, patient)
    if not candidates:
        return Judged(number, name, kind, (finding("NO-SOURCE"),))
    best: tuple[int, int, tuple[Finding, ...], Layout] | None = None
    for k in candidates[:16]:
        before = files.layout(known.sources[k].file)
        clash = sum(
            between.forward.get(o, n) != n or between.back.get(n, o) != o
            for o, n in _pairs(before, after)
            if o and n
        )
        more = suspects or known.identifiers[known.sources[k].patient]
        findings = check_file(
            before, after, profile=between.profile, identifiers=more, uids=known.uids
        )
        score = clash * 1000 + sum(f.evidence.get("count", 1) for f in findings)
        if best is None or score < best[0]:
            best = (score, k, findings, before)
    assert best is not None
    _remember(best[1], best[3], after, known, between)
    return Judged(number, name, kind, best[2])


def _candidates(after: Layout, known: Input, between: _Between, patient: int | None) -> list[int]:
    """Sources that an output file can come from.

    Files of two patients may be equal; where the study of the file is known, or its patient, only
    sources of these count.
    """
    # the second: pixels may be blanked
    marks = (known.by_mark.get(mark_of(after)), known.by_place.get(mark_of(after, pixels=False)))
    alike: list[int] = next(
        (free for ks in marks if (free := [k for k in ks or () if k not in between.written])), []
    )
    study = between.back.get(after.text(0x0020000D).encode())
    alike = [k for k in alike if known.sources[k].study == study] or alike
    return [k for k in alike if known.sources[k].patient == patient] or alike


def _remember(k: int, before: Layout, after: Layout, known: Input, between: _Between) -> None:
    """Record what a pair of files shows about UIDs, references, the patient and the dates."""
    between.written[k] = after.text(0x00080018).encode()
    between.options |= declared(after, between.profile).codes
    for old, new in _pairs(before, after):
        if not old or not new or old not in known.uids:
            continue
        if between.forward.setdefault(old, new) != new or between.back.setdefault(new, old) != old:
            between.found["UID-INCONSISTENT"] += 1
    for piece in before.pieces:
        if vr_of(piece) != "UI" or len(piece.path) == 1 or piece.path[-1] in TAGS_OF_CLASSES:
            continue
        target = known.instances.get(before.data[piece.start : piece.end].strip(b" \0"))
        if target is None or any(
            tag in NEVER or tag in _MAY_GO or tag >> 16 & 1 for tag in piece.path[::2]
        ):
            continue
        new_value = after.raw(*piece.path)
        if new_value is None:
            between.lost.append(target)
        else:
            between.references.append((target, new_value.strip(b" \0")))
    patient = known.sources[k].patient
    if patient == NOBODY:
        return
    between.ids[patient].add(after.text(0x00100020))
    declaration = declared(after, between.profile)
    if declaration.profile != REPORT and declaration.dates == "shifted":
        between.shifts[patient] |= set(attributes.shifts(before, after))


def _profile(out: Path) -> str | None:
    """`report` where the record of OUT says so: such files declare nothing themselves."""
    with suppress(KeyError, TypeError):
        record = read_json_if_any(out / "run.json")
        if record["verb"] == "deidentify" and record["options"]["profile"] == REPORT:
            return REPORT
    return None


def _names(names: Iterable[str], everyone: frozenset[Identifier], between: _Between) -> None:
    wanted = needles(everyone)
    for name in names:
        text = name.encode("utf-8", "surrogateescape")
        if not _COUNTED.fullmatch(text) and sweep(take_apart(text), wanted, lambda uid: False):
            between.found["PATH-LEFT"] += 1


def _other_file(
    name: str, layout: Layout, everyone: frozenset[Identifier], known: Input, between: _Between
) -> None:
    wanted = needles(everyone)
    if name == "run.json" or name.startswith(".pleura/"):
        layout = take_apart(foreign_part(layout.data))
    if sweep(layout, wanted, known.uids.__contains__):
        between.found["TEXT-LEFT"] += 1


def _conclude(between: _Between, known: Input) -> tuple[Finding, ...]:
    found = between.found
    found["REFERENCE-BROKEN"] += sum(
        k in between.written and between.written[k] != new for k, new in between.references
    )
    found["REFERENCE-LOST"] += sum(k in between.written for k in between.lost)
    found["PATIENT-SPLIT"] += sum(len(ids) > 1 for ids in between.ids.values())
    owners: dict[str, set[int]] = defaultdict(set)
    for patient, ids in between.ids.items():
        for ident in ids:
            owners[ident].add(patient)
    found["PATIENTS-MERGED"] += sum(len(patients) > 1 for patients in owners.values())
    found["SHIFT-VARIES"] += sum(len(days) > 1 for days in between.shifts.values())
    return tuple(finding(code, count=n) for code, n in sorted(found.items()) if n)

"""Check a whole output against its input: each file, and what only shows between files.

Between files are references, patients, dates and file names.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pleura.audit import attributes
from pleura.audit.check import check_file
from pleura.audit.declared import REPORT, declared
from pleura.audit.identifiers import harvest, original_uids
from pleura.audit.parsing import Layout, take_apart
from pleura.audit.reading import Files, foreign_part
from pleura.audit.report import Judged, Report, Tree
from pleura.audit.search import Identifier, needles, sweep
from pleura.audit.vocabulary import NEVER, TAGS_OF_CLASSES, is_placeholder, vr_of
from pleura.core.atomic import read_json_if_any
from pleura.core.codes import finding
from pleura.core.errors import NothingUsable
from pleura.core.findings import Finding
from pleura.core.progress import Progress, silent
from pleura.files.listing import InputFile
from pleura.files.walk import Walk

_FINGERPRINT = (
    0x00080016,
    0x00200011,
    0x00200013,
    0x00200032,
    0x00200037,
    0x00280008,
    0x00280010,
    0x00280011,
    0x00281052,
)
_CONTENT = frozenset({0x30060050, 0x0040A30A, 0x00700022, 0x00720502, 0x00620004})
_COUNTED = re.compile(rb"(?:(?:Case|Deid)_\d+/(?:\d{1,3}/)?0\d{5}\.dcm|run\.json|\.pleura/.*)")
"""Attributes whose values are only counted: some device has the serial number 000001."""
NOBODY = -1
_MAY_GO = frozenset({0x00081110, 0x00081111, 0x00081120, 0x0040A385, 0x00400275, 0x0008113A})


@dataclass(frozen=True)
class _Source:
    file: InputFile
    patient: int
    mark: bytes
    study: bytes


@dataclass
class _Input:
    """What is kept of the input: where its files are, their patients, and the identifiers."""

    sources: list[_Source] = field(default_factory=list)
    by_mark: dict[bytes, list[int]] = field(default_factory=lambda: defaultdict(list))
    by_place: dict[bytes, list[int]] = field(default_factory=lambda: defaultdict(list))
    patients: list[tuple[str, str, str]] = field(default_factory=list)
    identifiers: dict[int, frozenset[Identifier]] = field(default_factory=dict)
    uids: set[bytes] = field(default_factory=set)
    instances: dict[bytes, int] = field(default_factory=dict)


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
    known = _read_input(given, files, progress)
    if not known.sources:
        raise NothingUsable("verify: no DICOM files in IN")
    secret = _read_key(key)
    everyone = frozenset().union(*known.identifiers.values())
    between = _Between(profile=_profile(out))
    # of files that are not there nothing was read or written
    between.found["INPUT-UNREAD"] += sum(one.code != "FILES-MISSING" for one in given.refused)
    between.found["OUTPUT-UNREAD"] += len(made.refused)
    _names(
        [*(file.name for file in made.files), *(file.name for file in made.refused)],
        everyone,
        between,
    )
    waiting, judged = [], []
    for number, (file, layout) in enumerate(files.layouts(made)):
        progress("verify", number, len(made.files))
        if secret and secret in layout.data:
            between.found["KEY-LEFT"] += 1
        if not _is_dicom(layout):
            _other_file(file.name, layout, everyone, known, between)
        elif len(known.by_mark.get(_mark(layout), ())) > 1:
            waiting.append((number, file))
        else:
            judged.append(_judge(number, file.name, layout, known, between, files))
    # the UIDs seen in the others decide which file of the input each came from
    for number, file in waiting:
        judged.append(_judge(number, file.name, files.layout(file), known, between, files))
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


def _read_input(found: Walk, files: Files, progress: Progress) -> _Input:
    known = _Input()
    gathered: dict[int, set[Identifier]] = defaultdict(set)
    for number, (file, layout) in enumerate(files.layouts(found)):
        progress("read", number, len(found.files))
        # emptied by some anonymisers
        instance = (layout.text(0x00080018) or layout.text(0x00020003)).encode()
        known.uids |= original_uids(layout)
        if not _is_dicom(layout):
            continue
        patient = _patient(layout, known.patients)
        gathered[patient] |= harvest(layout)
        one = _Source(file, patient, _mark(layout), layout.text(0x0020000D).encode())
        known.by_mark[one.mark].append(len(known.sources))
        known.by_place[_mark(layout, pixels=False)].append(len(known.sources))
        if instance:
            known.instances[instance] = len(known.sources)
        known.sources.append(one)
    progress("read", len(found.files), len(found.files))
    known.identifiers = {patient: frozenset(held) for patient, held in gathered.items()}
    return known


def _is_dicom(layout: Layout) -> bool:
    """Whether a file is DICOM: it has a SOP class or, since tools remove that, a SOPInstanceUID."""
    return bool(layout.preamble or layout.text(0x00080018) or layout.text(0x00020003))


def _patient(layout: Layout, patients: list[tuple[str, str, str]]) -> int:
    """The number of a file's patient, or -1 where nothing identifies the patient.

    Files are of one patient where they have the same id and no contradicting birth date (or,
    without a birth date, no contradicting name). Nothing identifies a patient where there is no id,
    no name with a birth date, and no study.
    """
    name = "".join(
        c
        for c in "^".join(layout.text(0x00100010).split("=")[0].split("^")[:2]).casefold()
        if c.isalnum()
    )
    own = (layout.text(0x00100020), layout.text(0x00100030), name)
    if is_placeholder(own[0]):
        own = ("", own[1], "" if is_placeholder(layout.text(0x00100010)) else name)
    # without an id, name and birth date together are one patient, and else a study is
    if not own[0]:
        own = (
            "\0" + (f"{name}\0{own[1]}" if name and own[1] else layout.text(0x0020000D)),
            own[1],
            name,
        )
        if own[0] == "\0":
            return NOBODY
    for number, (ident, birth, called) in enumerate(patients):
        both = bool(birth and own[1])
        if ident == own[0] and (
            birth == own[1] if both else not called or not own[2] or called == own[2]
        ):
            patients[number] = (ident, birth or own[1], called or own[2])
            return number
    patients.append(own)
    return len(patients) - 1


def _mark(layout: Layout, *, pixels: bool = True) -> bytes:
    """What every correct de-identification keeps of a file, as a digest.

    These are class, position, numbers, pixels, contours and measurements.
    """
    digest = hashlib.blake2b(digest_size=16)
    for tag in _FINGERPRINT:
        text = layout.text(tag)
        if not text and tag == 0x00080016:
            text = layout.text(0x00020002)
        digest.update(text.strip().encode() + b"\0")
    for piece in layout.pieces:
        if piece.path[-1] in _CONTENT:
            digest.update(layout.data[piece.start : piece.end].strip(b" \0"))
    if pixels:
        digest.update(layout.data[slice(*layout.pixels)])
    return digest.digest()


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


def _judge(
    number: int, name: str, after: Layout, known: _Input, between: _Between, files: Files
) -> Judged:
    kind = after.text(0x00080016)
    candidates = _candidates(after, known, between)
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
        more = known.identifiers[known.sources[k].patient]
        findings = check_file(
            before, after, profile=between.profile, identifiers=more, uids=known.uids
        )
        score = clash * 1000 + sum(f.evidence.get("count", 1) for f in findings)
        if best is None or score < best[0]:
            best = (score, k, findings, before)
    assert best is not None
    _remember(best[1], best[3], after, known, between)
    return Judged(number, name, kind, best[2])


def _candidates(after: Layout, known: _Input, between: _Between) -> list[int]:
    """Sources that an output file can come from.

    Masks of two patients may be equal; where the study of the file is known, only its sources
    count.
    """
    # the second: pixels may be blanked
    marks = (known.by_mark.get(_mark(after)), known.by_place.get(_mark(after, pixels=False)))
    alike: list[int] = next(
        (free for ks in marks if (free := [k for k in ks or () if k not in between.written])), []
    )
    study = between.back.get(after.text(0x0020000D).encode())
    return [k for k in alike if known.sources[k].study == study] or alike


def _remember(k: int, before: Layout, after: Layout, known: _Input, between: _Between) -> None:
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
    name: str, layout: Layout, everyone: frozenset[Identifier], known: _Input, between: _Between
) -> None:
    wanted = needles(everyone)
    if name == "run.json" or name.startswith(".pleura/"):
        layout = take_apart(foreign_part(layout.data))
    if sweep(layout, wanted, known.uids.__contains__):
        between.found["TEXT-LEFT"] += 1


def _conclude(between: _Between, known: _Input) -> tuple[Finding, ...]:
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

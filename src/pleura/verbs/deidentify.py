"""`pleura deidentify`: a tree of DICOM files in, the same objects without the patients' identity out, each one verified."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pleura.core.atomic import clear_parts_beside, write_json
from pleura.core.codes import CODES
from pleura.core.errors import Exit, InputRefused, NothingUsable, UsageError
from pleura.core.findings import Verdict
from pleura.core.locks import locked_beside
from pleura.core.progress import Progress, silent
from pleura.core.results import Table, batch_exit, gone_notes
from pleura.store.item import files_below
from pleura.store.ordered import Ordered
from pleura.store.places import check_beside
from pleura.store.run_record import fingerprint, open_run
from pleura.store.spread import Pool

if TYPE_CHECKING:
    from pleura.audit.sweep import Identifier
    from pleura.deid.choices import Choices
    from pleura.deid.objects import Header
    from pleura.deid.plan import Plan, Unit
    from pleura.dicom.series import Series

AUDIT = "pleura-deid-audit/1"
UNCROPPED = "uncropped "
"""Key of `left`, before the code for which CT could not be cropped."""
NO_APEX = "NO-APEX"
"""CT without lungs, or not an axial stack."""


@dataclass(frozen=True)
class DeidentifyResult:
    """What was written. `units` maps each folder of OUT to its record: case, series, files, refused, actions."""

    out: Path
    profile: str
    units: Mapping[str, Mapping[str, Any]]
    left: Mapping[str, int]
    said: tuple[str, ...] = ()
    planned: bool = False

    @property
    def files(self) -> int:
        """How many objects were written, or would be."""
        return sum(unit["files"] for unit in self.units.values())

    @property
    def refused(self) -> int:
        """How many objects were not, for a reason that `notes` tells."""
        return (
            self.left["unreadable"]
            + sum(count for key, count in self.left.items() if key.startswith(UNCROPPED))
            + sum(r["files"] for unit in self.units.values() for r in unit["refused"])
        )

    @property
    def exit_code(self) -> Exit:
        """1 where an object was refused, 3 where none was written."""
        return batch_exit(self.files, self.refused)

    def as_json(self) -> Any:
        """Counts by folder of OUT, and of what was left out. No values of the source."""
        return {
            "profile": self.profile,
            "folders": {name: dict(unit) for name, unit in self.units.items()},
            "files": self.files,
            "refused": self.refused,
            "left": dict(self.left),
        }

    def table(self) -> Table | None:
        """One row a folder of OUT; of a plan, one row an attribute and action."""
        if self.planned:
            actions: Counter[str] = sum((Counter(unit["actions"]) for unit in self.units.values()), Counter())
            found = tuple((*name.rsplit(" ", 1), str(count)) for name, count in sorted(actions.items()))
            return Table(f"Plan, profile {self.profile}", ("attribute", "action", "times [n]"), found)
        rows = tuple(
            (name, unit["case"], str(unit["series"]), str(unit["files"]), "refused" if unit["refused"] else "ok")
            for name, unit in self.units.items()
        )
        return Table(f"De-identified, profile {self.profile}", ("folder", "case", "series", "files [n]", "verdict"), rows)

    @property
    def uncropped(self) -> Sequence[str]:
        """The codes for which CT could not be cropped."""
        return sorted(key.removeprefix(UNCROPPED) for key in self.left if key.startswith(UNCROPPED))

    def notes(self) -> Sequence[str]:
        """Each refusal, then what was left out, then where things are."""
        lines = [
            f"{name}: {_files(r['files'])} refused: {r['code']}: {_reason(r)}"
            for name, unit in self.units.items()
            for r in unit["refused"]
        ]
        for key, text in (
            ("unreadable", f"refused: PARSE-FAILED: {CODES['PARSE-FAILED'].message({'reason': 'header'})}"),
            ("indexes", "not copied: DICOMDIR (would reference the original file names)"),
            *((f"{UNCROPPED}{code}", f"refused: {code}: {CODES['NO-APEX'].message({})}") for code in self.uncropped),
            ("cropped", "not copied: too far above the lung apex"),
            ("others", "not copied: no DICOM"),
        ):
            if self.left.get(key):
                lines.append(f"{_files(self.left[key])} {text}")
        return [*lines, *self.said]


def _reason(refusal: Mapping[str, Any]) -> str:
    return CODES[refusal["code"]].message(refusal["evidence"])


def _files(count: int) -> str:
    return f"{count} file" if count == 1 else f"{count} files"


def deidentify(
    source: Path,
    out: Path,
    *,
    profile: Literal["basic", "report"] = "basic",
    dates: Literal["remove", "shift", "keep"] = "remove",
    retain: tuple[str, ...] = (),
    key: Path | None = None,
    map: Path | None = None,
    audit: Path | None = None,
    plan: bool = False,
    blank: tuple[str, ...] = (),
    crop_above_apex: float | None = None,
    workers: int = 0,
    verify_done: Literal["size", "hash"] = "size",
    overwrite: bool = False,
    progress: Progress = silent,
) -> DeidentifyResult:
    """Copy a tree of DICOM files without the patients' identity.

    Every DICOM object below IN (found by content) is written to OUT/Case_NNN, with pixels unchanged; IN is never written to.
    Each file is verified before it is published. Faces are not removed from the pixels.

    Args:
        source: Folder of DICOM files, or one file.
        out: Folder to write to; made if need be.
        profile: What is changed: basic (PS3.15 Basic Profile, and every attribute that it does not list), or report
            (PatientName and PatientID become the case id, PatientBirthDate is emptied, PatientBirthTime removed; nothing else).
        dates: remove them, shift them by whole days of each patient (intervals and times of day stay), or keep them.
        retain: Keep what the Standard's option of that name keeps: device, institution, patient, uids, private, descriptors,
            graphics; repeatable.
        key: File of 64 hex digits that decides new UIDs and shifts; made where it is absent. Default OUT.key beside OUT.
        map: File that tells who is who, for its owner only; shared by the runs that name it. Default OUT.map.json beside OUT.
        audit: File with counts of what was done, without values. Default OUT.audit.json beside OUT.
        plan: Show what would be done to which attributes, without values; write nothing.
        blank: Overwrite a rectangle of every image, X0,Y0,X1,Y1 in pixels, ends not included; repeatable.
        crop_above_apex: Leave out slices of CT more than so many mm above the lungs' apex, towards the face; CT in which
            no apex is found is refused.
        workers: Processes; 0 = one for each core.
        verify_done: How finished files are checked before they are kept: size, or hash (reads every file).
        overwrite: Empty OUT first.

    Returns:
        What was written and what was refused, as counts.

    Raises:
        UsageError: the input does not exist, an option is wrong, the key or map is none, or OUT holds something else.
        NothingUsable: there is no DICOM object in the input.
        OutputFailed: OUT cannot be written.
    """
    from pleura.deid.batch import processes, read_headers, show_unit, write_unit
    from pleura.deid.objects import find_objects
    from pleura.deid.plan import make_plan
    from pleura.deid.vault import check_key, open_key, read_map, write_map

    choices = _choices(profile, dates, retain, blank)
    _check_crop(profile, crop_above_apex)
    places = [given or _beside(out, f".{name}") for name, given in (("key", key), ("map.json", map), ("audit.json", audit))]
    if not source.exists():
        raise UsageError("deidentify: IN does not exist; check the path")
    check_beside({"key": places[0], "map": places[1], "audit": places[2]}, source, out)
    progress("find files", 0, 0)
    paths, others = find_objects(source)
    if not paths:
        raise NothingUsable(f"deidentify: no DICOM object in IN ({_files(others)} of other kinds): nothing to do")
    keyed = profile != "report"
    secret, known = open_key(places[0]) if keyed else b"", read_map(places[1])
    if keyed:
        check_key(places[1], places[0], secret)
    said = _said(choices, places, out)
    if plan:
        with Pool(processes(workers, len(paths))) as pool:
            hands = Ordered(pool)
            headers, cut = _cropped(read_headers(paths, source, choices, hands, progress), source, crop_above_apex, progress)
            planned = make_plan(headers, known, secret)
            units = {u.folder: show_unit(u, choices, planned.patient(u.case, secret), hands) for u in planned.units}
        left = {**planned.left, **cut, "others": others}
        return DeidentifyResult(out, profile, units, left, ("nothing was written",), planned=True)
    options = {**_options(choices, secret), "crop_above_apex_mm": crop_above_apex}
    with open_run(out, verb="deidentify", sources=[source], options=options, overwrite=overwrite, check=verify_done) as run:
        if run.done:
            return DeidentifyResult(out, profile, run.record["units"], run.record["left"], said)
        with locked_beside(places[1], what="the map"):
            clear_parts_beside(places[1])
            clear_parts_beside(places[0])
            if keyed:
                secret = _kept_key(places[0], secret)
        with Pool(processes(workers, len(paths))) as pool:
            hands = Ordered(pool)
            headers, cut = _cropped(read_headers(paths, source, choices, hands, progress), source, crop_above_apex, progress)
            with locked_beside(places[1], what="the map"):  # read again: another run may have added patients
                if keyed:
                    check_key(places[1], places[0], secret)
                planned = make_plan(headers, read_map(places[1]), secret)
                write_map(places[1], planned.patients, secret)  # before any object: what is published can always be traced back
            inputs = {unit.folder: _input(planned, unit) for unit in planned.units}
            run.check_other_input(inputs)
            advance = _counter(progress, sum(len(unit.files) for unit in planned.units))
            units = {}
            for unit in planned.units:
                kept = run.kept(unit.folder, inputs[unit.folder])
                if kept is not None:
                    units[unit.folder] = kept
                    advance(len(unit.files))
                    continue
                run.forget(unit.folder)
                check = partial(_verify, profile, planned.uids(unit.case), _sought(planned, unit.case))
                units[unit.folder] = write_unit(unit, out, choices, planned.patient(unit.case, secret), check, hands, advance)
                if not _may_pass(units[unit.folder]):
                    run.keep(unit.folder, inputs[unit.folder], units[unit.folder], files_below(out, unit.folder))
        gone = run.gone(inputs)
        shared = [_shared(folder, cases) for folder, cases in planned.shared.items()]
        left = {**planned.left, **cut, "others": others}
        result = DeidentifyResult(out, profile, units, left, (*shared, *gone_notes(gone), *said))
        write_json(places[2], {"format": AUDIT, "options": options, **result.as_json()})
        complete = not any(_may_pass(unit) for unit in units.values())
        run.finish(result.exit_code, complete=complete, units=units, left=dict(result.left), gone=gone)
        return result


def _kept_key(path: Path, secret: bytes) -> bytes:
    """The key in the file, which another run may have written meanwhile; `secret` is written where there is none."""
    from pleura.deid.vault import open_key, write_secret

    if path.exists():
        found = open_key(path)
        if found != secret:
            raise UsageError("deidentify: another run has just made this key; run the same command again")
        return found
    write_secret(path, secret.hex() + "\n")
    return secret


def _input(planned: "Plan", unit: "Unit") -> str:
    """Changes with any file of the unit's patient, since what identifies a patient is gathered from all of them."""
    files = sorted({header.path for one in planned.units if one.case == unit.case for _, header in one.files})
    return str(fingerprint(files, unit.case, [name for name, _ in unit.files])["sha256"])


def _sought(planned: "Plan", case: str) -> "frozenset[Identifier]":
    """What tells of a patient in one object of each series of theirs: what `_verify` looks for beside what the source tells."""
    from pleura.audit.identifiers import harvest

    headers = [header for unit in planned.units if unit.case == case for _, header in unit.files]
    one_each = {header.get("SeriesInstanceUID"): header.path for header in headers}
    return frozenset().union(*(harvest(path) for path in one_each.values()))


def _verify(profile: str, uids: frozenset[bytes], identifiers: "frozenset[Identifier]", source: bytes, written: bytes) -> str:
    """The codes of the audit that forbid publishing a file; empty where it may be published."""
    from pleura.audit.check import check_file

    findings = check_file(source, written, profile=profile, identifiers=identifiers, uids=uids)
    codes = [f"{f.code} at {', '.join(f.evidence['where'])}" for f in findings if f.verdict is Verdict.REFUSED]
    return "; ".join(codes)


def _choices(profile: Any, dates: Any, retain: Sequence[Any], blank: Sequence[str]) -> "Choices":
    from pleura.deid.choices import RETAINABLE, Choices

    if wrong := sorted({*retain} - {*RETAINABLE}):
        raise UsageError(f"deidentify: --retain {wrong[0]} is none of {', '.join(RETAINABLE)}")
    boxes = []
    for text in blank:
        match = re.fullmatch(r"(\d+),(\d+),(\d+),(\d+)", text.replace(" ", ""))
        if not match:
            raise UsageError("deidentify: --blank takes X0,Y0,X1,Y1 in pixels, such as --blank 0,0,200,40")
        x0, y0, x1, y1 = (int(number) for number in match.groups())
        boxes.append((x0, y0, x1, y1))
    if profile == "report" and (dates != "remove" or retain or blank):
        raise UsageError("deidentify: --profile report takes no --dates, --retain or --blank: it is four rules and no more")
    return Choices(profile, dates, frozenset(retain), tuple(boxes))


def _check_crop(profile: str, margin_mm: float | None) -> None:
    if margin_mm is None:
        return
    if not 0 <= margin_mm < inf:
        raise UsageError("deidentify: --crop-above-apex takes millimetres above the lung apex, such as --crop-above-apex 30")
    if profile == "report":
        raise UsageError("deidentify: --profile report takes no --crop-above-apex: it leaves out nothing")


def _cropped(
    headers: list["Header"], source: Path, margin_mm: float | None, progress: Progress
) -> tuple[list["Header"], dict[str, int]]:
    """The headers of what may be published, and how many CT slices lie too high or cannot be placed."""
    if margin_mm is None:
        return headers, {}
    from pleura.dicom.series import CT_CLASSES, find_series

    files: dict[Path, bool | str] = {}
    uids: dict[str, bool | str] = {}  # a copy of a slice, that no volume counts, is as high as the slice
    series = [one for one in find_series(source) if one.is_ct]
    for number, one in enumerate(series):
        progress("find apex", number, len(series))
        above = _above(one, margin_mm)
        for plane, too_high in zip(one.files, repeat(above) if isinstance(above, str) else above, strict=False):
            files[plane.path] = uids[plane.sop_uid] = too_high
    progress("find apex", len(series), len(series))
    kept: list[Header] = []
    left = Counter({"cropped": 0})
    for header in headers:
        outcome: bool | str = False
        if header.get("SOPClassUID") in CT_CLASSES:
            outcome = files.get(header.path, uids.get(header.get("SOPInstanceUID"), NO_APEX))
        if outcome is False:
            kept.append(header)
        else:
            left["cropped" if outcome is True else f"{UNCROPPED}{outcome}"] += 1
    return kept, dict(left)


def _above(series: "Series", margin_mm: float) -> list[bool] | str:
    """For each slice of a series whether it lies too high; or the code for which the series cannot be cropped."""
    from pleura.quality.gate import gate
    from pleura.segmenters.apex import above_apex

    if not series.usable:
        return next((f.code for f in series.findings if f.verdict is Verdict.REFUSED), NO_APEX)
    if any(plane.frames > 1 for plane in series.files):
        return NO_APEX
    try:
        judged = gate(series.read(), detail="full")
    except InputRefused as error:
        return error.code
    if not judged.usable:
        return judged.refusal_code
    above = above_apex(judged.anatomy, margin_mm)
    return NO_APEX if above is None else above.tolist()


def _options(choices: "Choices", secret: bytes) -> dict[str, Any]:
    """What decides the result, as `run.json` and the audit record it: of the key its fingerprint only."""
    from pleura.deid.identity import key_fingerprint

    return {
        "profile": choices.profile,
        "dates": choices.dates,
        "retain": sorted(choices.retain),
        "blank": [list(box) for box in choices.blank],
        "key": key_fingerprint(secret) or None,
    }


def _said(choices: "Choices", places: Sequence[Path], out: Path) -> tuple[str, ...]:
    lines = [f"written to {out}; who is who: {places[1]} (secret); what was done: {places[2]}"]
    if choices.profile == "report":
        lines.append("profile report changes four attributes: dates, UIDs, institutions, staff and free text stay as they were")
    else:
        lines.append(f"key of UIDs and shifts: {places[0]} (secret); faces are not removed from pixels (113102 not applied)")
    if "private" in choices.retain:
        lines.append("retain private: there is no list of safe private attributes here, so none was kept")
    return tuple(lines)


def _shared(folder: str, cases: Sequence[str]) -> str:
    return f"{folder}: several patients lie in this folder, so it names none of them: they are {', '.join(cases)}"


def _counter(progress: Progress, total: int) -> Callable[[int], None]:
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        progress("de-identify", done, total)

    return advance


def _may_pass(unit: Mapping[str, Any]) -> bool:
    """Whether a unit has a refusal that a rerun can mend, such as a disk error."""
    from pleura.deid.batch import PASSING

    return any(refusal["code"] in PASSING for refusal in unit["refused"])


def _beside(out: Path, suffix: str) -> Path:
    """`OUT` + suffix, next to OUT."""
    place = out.resolve()
    return place.with_name(place.name + suffix)

"""`pleura deidentify`: DICOM files in, the same objects without the patients' identity out, each
one verified.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pleura.core.atomic import clear_parts_beside, write_json
from pleura.core.codes import finding
from pleura.core.errors import NothingUsable, UsageError
from pleura.core.locks import locked_beside
from pleura.core.progress import Progress, silent
from pleura.core.results import gone_notes
from pleura.publishing.result import DeidentifyResult
from pleura.store.item import files_below
from pleura.store.ordered import Ordered
from pleura.store.places import check_beside
from pleura.store.run_record import fingerprint, open_run
from pleura.store.spread import Pool

if TYPE_CHECKING:
    from pleura.deid.plan import Plan, Unit
    from pleura.files.walk import Walk

AUDIT = "pleura-deid-audit/2"


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
    paths: bool = False,
    progress: Progress = silent,
) -> DeidentifyResult:
    """Copy DICOM files without the patients' identity.

    Every DICOM object in IN (found by content) is written to a folder for each case, with pixels
    unchanged; IN is never written to. Each file is verified before it is published;
    OUT.certificate.html says what was done. Faces are not removed from the pixels.

    Args:
        source: Folder of DICOM files, an archive (zip, tar), a DICOMDIR, or one file.
        out: Folder to write to; created if it does not exist.
        profile: What is changed: basic (PS3.15 Basic Profile, and every attribute that it does not
            list), or report (PatientName and PatientID become the case id, PatientBirthDate is
            emptied, PatientBirthTime removed; nothing else).
        dates: remove them, shift them by whole days of each patient (intervals and times of day
            stay), or keep them.
        retain: Keep what the Standard's option of that name keeps: device, institution, patient,
            uids, private, descriptors, graphics; repeatable.
        key: File of 64 hex digits that decides new UIDs and shifts; created where it is absent.
            Default OUT.key beside OUT.
        map: Re-identification map (case id to patient), readable by its owner only; shared by the
            runs that name it. Default OUT.map.json beside OUT.
        audit: File with counts of what was done, without values. Default OUT.audit.json beside OUT.
        plan: Show what would be done to which attributes, without values; write nothing.
        blank: Overwrite a rectangle of every image, X0,Y0,X1,Y1 in pixels, end-exclusive;
            repeatable.
        crop_above_apex: Leave out slices of CT more than so many mm above the lung apex
            (cranially); CT in which no apex is found is refused.
        workers: Processes; 0 = one for each core.
        verify_done: How finished files are checked before they are kept: size, or hash (reads every
            file).
        overwrite: Empty OUT first.
        paths: Show the names of refused files. They can identify patients.

    Returns:
        What was written and what was refused, as counts.

    Raises:
        UsageError: the input does not exist, an option is wrong, the key or map file is invalid, or
            OUT holds something else.
        NothingUsable: no DICOM objects in IN.
        OutputFailed: OUT cannot be written.
    """
    from pleura.deid.batch import processes, read_headers, show_unit, write_unit
    from pleura.deid.plan import make_plan
    from pleura.deid.vault import check_key, open_key, read_map, write_map
    from pleura.files.walk import walk
    from pleura.publishing.certified import certificate_of
    from pleura.publishing.crop import cropped
    from pleura.publishing.options import beside, check_crop, choices_of, option_notes, recorded
    from pleura.publishing.publish import audit_of, sought

    choices = choices_of(profile, dates, retain, blank)
    check_crop(profile, crop_above_apex)
    places = [
        given or beside(out, f".{name}")
        for name, given in (("key", key), ("map.json", map), ("audit.json", audit))
    ]
    if not source.exists():
        raise UsageError("deidentify: IN does not exist; check the path")
    page = beside(out, ".certificate")
    check_beside(
        {"key": places[0], "map": places[1], "audit": places[2], "certificate": page}, source, out
    )
    found = walk(source, progress)
    if not found.dicom():
        raise NothingUsable(
            f"deidentify: no DICOM objects in IN ({found.accounting(()).sentence()})"
        )
    secret, known = open_key(places[0]) if profile != "report" else b"", read_map(places[1])
    if secret:
        check_key(places[1], places[0], secret)
    pool_of = processes(workers, len(found.dicom()))
    if plan:
        with Pool(pool_of) as pool:
            hands = Ordered(pool)
            headers, cut = cropped(
                read_headers(found, choices, hands, progress), source, crop_above_apex, progress
            )
            planned = make_plan(headers, known, secret)
            records = {
                u.folder: show_unit(u, choices, planned.patient(u.case, secret), hands)
                for u in planned.units
            }
        units = {folder: record.as_json() for folder, record in records.items()}
        return DeidentifyResult(
            out, profile, units, _left(planned, cut, found), ("nothing was written",), planned=True
        )
    options = {**recorded(choices, secret), "crop_above_apex_mm": crop_above_apex}
    with open_run(
        out,
        verb="deidentify",
        sources=[source],
        options=options,
        overwrite=overwrite,
        check=verify_done,
    ) as run:
        if run.done:
            return DeidentifyResult(
                out,
                profile,
                run.record["units"],
                run.record["left"],
                option_notes(choices, places, out),
            )
        with locked_beside(places[1], what="the map"):
            clear_parts_beside(places[1])
            clear_parts_beside(places[0])
            secret = _kept_key(places[0], secret) if secret else b""
        with Pool(pool_of) as pool:
            hands = Ordered(pool)
            headers, cut = cropped(
                read_headers(found, choices, hands, progress), source, crop_above_apex, progress
            )
            with locked_beside(
                places[1], what="the map"
            ):  # read again: another run may have added patients
                if secret:
                    check_key(places[1], places[0], secret)
                planned = make_plan(headers, read_map(places[1]), secret)
                write_map(
                    places[1], planned.patients, secret
                )  # before any object: what is published can be traced back
            inputs = {unit.folder: _input(planned, unit) for unit in planned.units}
            run.check_other_input(inputs)
            advance = _counter(progress, sum(len(unit.files) for unit in planned.units))
            units, names = {}, Counter[tuple[str, str]]()
            for unit in planned.units:
                kept = run.kept(unit.folder, inputs[unit.folder])
                if kept is not None:
                    units[unit.folder] = kept
                    advance(len(unit.files))
                    continue
                run.forget(unit.folder)
                check = partial(
                    audit_of, profile, planned.uids(unit.case), sought(planned, unit.case)
                )
                record = write_unit(
                    unit, out, choices, planned.patient(unit.case, secret), check, hands, advance
                )
                units[unit.folder] = record.as_json()
                names.update(record.names)
                if not _may_pass(units[unit.folder]):
                    run.keep(
                        unit.folder,
                        inputs[unit.folder],
                        units[unit.folder],
                        files_below(out, unit.folder),
                    )
        gone = run.gone(inputs)
        notes = (*_people(planned), *gone_notes(gone), *option_notes(choices, places, out))
        shown_names = _names(found, names) if paths else {}
        result = DeidentifyResult(
            out, profile, units, _left(planned, cut, found), notes, names=shown_names
        )
        write_json(places[2], {"format": AUDIT, "options": options, **result.as_json()})
        certificate_of(result, choices, options, run).write(page)
        complete = not any(_may_pass(unit) for unit in units.values())
        run.finish(
            result.exit_code, complete=complete, units=units, left=dict(result.left), gone=gone
        )
        return result


def _left(planned: "Plan", cut: Mapping[str, int], found: "Walk") -> dict[str, int]:
    """Counts of what has no output: objects by reason, unread files by code, other files by
    kind.
    """
    from pleura.publishing.result import OTHER, REFUSED

    accounting = found.accounting({file.name for file in found.dicom()})
    left = {
        **planned.left,
        **cut,
        "others": sum(count for kind, count in accounting.other.items() if kind != "DICOMDIR"),
    }
    for code, count in accounting.refused.items():
        left[f"{REFUSED}{code}"] = count
    for kind, count in accounting.other.items():
        left[f"{OTHER}{kind}"] = left.get(f"{OTHER}{kind}", 0) + count
    return left


def _names(found: "Walk", refused: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Names of refused files by code: those that could not be read, and those that were refused
    later.
    """
    names_by_code: dict[str, list[str]] = {}
    for code, name in (*refused, *((file.code, file.name) for file in found.refused)):
        names_by_code.setdefault(code, []).append(name)
    return {code: tuple(sorted(listed)) for code, listed in sorted(names_by_code.items())}


def _counter(progress: Progress, total: int) -> Callable[[int], None]:
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        progress("de-identify", done, total)

    return advance


def _people(planned: "Plan") -> list[str]:
    """Notes on how patients were distinguished."""
    lines = [
        finding("SHARED-FOLDER", folder=folder, cases=", ".join(cases)).message
        for folder, cases in planned.shared.items()
    ]
    if planned.unnamed > 1:
        lines.append(
            "PLACEHOLDER-IDENTITY: "
            f"{finding('PLACEHOLDER-IDENTITY', studies=planned.unnamed).message}"
        )
    return lines


def _kept_key(path: Path, secret: bytes) -> bytes:
    """The key in the file, which another run may have written meanwhile; `secret` is written
    where there is none.
    """
    from pleura.deid.vault import open_key, write_secret

    if path.exists():
        found = open_key(path)
        if found != secret:
            raise UsageError(
                "deidentify: another run has just made this key; run the same command again"
            )
        return found
    write_secret(path, secret.hex() + "\n")
    return secret


def _input(planned: "Plan", unit: "Unit") -> str:
    """Changes with any file of the unit's patient, since what identifies a patient is gathered
    from all of them.
    """
    files = sorted(
        {
            Path(header.file.path)
            for one in planned.units
            if one.case == unit.case
            for _, header in one.files
        }
    )
    return str(fingerprint(files, unit.case, [name for name, _ in unit.files])["sha256"])


def _may_pass(unit: Mapping[str, Any]) -> bool:
    """Whether a unit has a refusal that a rerun can mend, such as a disk error."""
    from pleura.deid.batch import PASSING

    return any(refusal["code"] in PASSING for refusal in unit["refused"])

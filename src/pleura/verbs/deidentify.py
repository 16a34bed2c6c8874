"""`pleura deidentify`: a tree of DICOM files in, the same objects without the patients' identity out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pleura.core.errors import Exit, NothingUsable, UsageError
from pleura.core.files import write_json
from pleura.core.progress import Progress, silent
from pleura.core.results import Table, batch_exit
from pleura.store.manifest import Run, start_run

AUDIT = "pleura-deid-audit/1"


@dataclass(frozen=True)
class DeidentifyResult:
    """What was written. `units` maps each folder of OUT to its record: case, series, files, refused, actions."""

    out: Path
    profile: str
    units: Mapping[str, Mapping[str, Any]]
    left: Mapping[str, int]

    @property
    def files(self) -> int:
        """How many objects were written."""
        return sum(unit["files"] for unit in self.units.values())

    @property
    def refused(self) -> int:
        """How many objects were not, for a reason that `notes` tells."""
        return self.left["unreadable"] + sum(r["files"] for unit in self.units.values() for r in unit["refused"])

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
        """One row a folder of OUT."""
        rows = tuple(
            (name, unit["case"], str(unit["series"]), str(unit["files"]), "refused" if unit["refused"] else "ok")
            for name, unit in self.units.items()
        )
        return Table(f"De-identified, profile {self.profile}", ("folder", "case", "series", "files [n]", "verdict"), rows)

    def notes(self) -> Sequence[str]:
        """Each refusal, then what was left out, then where things are."""
        lines = [
            f"{name}: {r['files']} {_files(r['files'])} refused: {r['code']}: {r['reason']}"
            for name, unit in self.units.items()
            for r in unit["refused"]
        ]
        if self.left["unreadable"]:
            count = self.left["unreadable"]
            lines.append(f"{count} {_files(count)} refused: UNREADABLE: begins as DICOM and cannot be read as DICOM")
        if self.left["indexes"]:
            lines.append(f"{self.left['indexes']} DICOMDIR not copied: it lists names that are gone")
        if self.left["others"]:
            lines.append(f"{self.left['others']} {_files(self.left['others'])} not copied: no DICOM")
        lines.append(
            f"{self.files} {_files(self.files)} in {self.out}; who is who: {_beside(self.out, '.map.json')} (keep it secret)"
        )
        return lines


def _files(count: int) -> str:
    return "file" if count == 1 else "files"


def deidentify(
    source: Path,
    out: Path,
    *,
    profile: Literal["report"] = "report",
    workers: int = 0,
    overwrite: bool = False,
    progress: Progress = silent,
) -> DeidentifyResult:
    """Copy a tree of DICOM files without the patients' identity.

    Every DICOM object below IN (found by content) is written to OUT/Case_NNN, with pixels unchanged; IN is never written to.
    OUT.map.json beside OUT tells who is who, for its owner only; OUT.audit.json tells what was done, without values.

    Args:
        source: Folder of DICOM files, or one file.
        out: Folder to write to; made if need be.
        profile: What is changed: report (PatientName and PatientID become the case id, PatientBirthDate is emptied,
            PatientBirthTime removed, and nothing else).
        workers: Processes; 0 takes one a core.
        overwrite: Replace what OUT holds.

    Returns:
        What was written and what was refused, as counts.

    Raises:
        UsageError: the input does not exist, the map is no map, or OUT holds something else and `overwrite` is not set.
        NothingUsable: there is no DICOM object in the input.
        OutputFailed: OUT cannot be written.
    """
    from pleura.deid.batch import crew, read_headers, write_unit
    from pleura.deid.objects import find_objects
    from pleura.deid.plan import make_plan
    from pleura.deid.vault import read_map, write_map

    if not source.exists():
        raise UsageError("deidentify: IN does not exist: check the path")
    progress("find files", 0, 0)
    paths, others = find_objects(source)
    if not paths:
        raise NothingUsable(f"deidentify: no DICOM object in IN ({others} other {_files(others)}): nothing to do")
    run = start_run(out, verb="deidentify", sources=[source], options={"profile": profile}, overwrite=overwrite)
    if run.done:
        return DeidentifyResult(out, profile, run.record["units"], run.record["left"])
    map_path = _beside(out, ".map.json")
    with crew(workers, len(paths)) as pool:
        plan = make_plan(read_headers(paths, source, pool, progress), read_map(map_path))
        write_map(map_path, plan.patients)  # before any object: what is published can always be traced back
        left = {"others": others, "indexes": plan.indexes, "unreadable": len(plan.unreadable)}
        units = _standing(run, [unit.folder for unit in plan.units])
        total = sum(len(unit.files) for unit in plan.units)
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            progress("de-identify", done, total)

        for unit in plan.units:
            if unit.folder in units:
                advance(len(unit.files))
                continue
            units[unit.folder] = write_unit(unit, out, profile, pool, advance)
            run.note(units=units)
    result = DeidentifyResult(out, profile, units, left)
    write_json(_beside(out, ".audit.json"), {"format": AUDIT, **result.as_json()})
    run.finish(result.exit_code, units=units, left=left)
    return result


def _standing(run: Run, folders: Sequence[str]) -> dict[str, Any]:
    """Units that an interrupted run of the same command has finished and that still stand."""
    held = run.record.get("units", {})
    return {f: held[f] for f in folders if f in held and (not held[f]["files"] or (run.folder / f).is_dir())}


def _beside(out: Path, suffix: str) -> Path:
    """`OUT` + suffix, next to OUT."""
    place = out.resolve()
    return place.with_name(place.name + suffix)

"""What `deidentify` does for a whole input: read headers, plan, write, and record."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pleura.core.atomic import clear_parts_beside, write_json
from pleura.core.codes import finding
from pleura.core.errors import NothingUsable, UsageError
from pleura.core.faults import noted
from pleura.core.locks import locked_beside
from pleura.core.progress import Progress
from pleura.core.results import gone_notes
from pleura.deid.batch import Hands, processes, read_headers, show_unit
from pleura.deid.choices import Choices
from pleura.deid.key_and_map import check_key, open_key, read_map, write_map, write_secret
from pleura.deid.objects import Header
from pleura.deid.plan import Plan, Unit, make_plan
from pleura.files.walk import Walk, walk
from pleura.publishing.certificate import certificate_of
from pleura.publishing.crop import cropped
from pleura.publishing.options import Places, option_notes
from pleura.publishing.result import OTHER, REFUSED, DeidentifyResult
from pleura.publishing.units import UnitJob, Units, UnitWork, can_be_retried
from pleura.store.failures import write_failures
from pleura.store.job_array import Part
from pleura.store.ordered import Ordered
from pleura.store.part_results import PlanResult, ShareResult
from pleura.store.pool import Pool
from pleura.store.run_record import RunRecord, fingerprint

AUDIT = "pleura-deid-audit/2"


@dataclass(frozen=True)
class Publication:
    """One input to de-identify.

    `secret` is the key, empty under the report's profile, which needs none. `crop_mm` is the margin
    above the lung apex, or `None` to keep all slices. `faults_before` counts the faults of the
    machine that were noted before the input was listed.
    """

    source: Path
    out: Path
    choices: Choices
    places: Places
    crop_mm: float | None
    found: Walk
    secret: bytes
    processes: int
    progress: Progress
    faults_before: int

    @classmethod
    def open(
        cls,
        source: Path,
        out: Path,
        choices: Choices,
        places: Places,
        crop_mm: float | None,
        *,
        workers: int,
        progress: Progress,
    ) -> "Publication":
        """List the input, and check the key and the map.

        Raises:
            NothingUsable: the input has no DICOM objects.
            UsageError: the key or the map is invalid, or they do not belong together.
        """
        faults_before = noted()
        found = walk(source, progress)
        if not found.dicom():
            raise NothingUsable(
                f"deidentify: no DICOM objects in IN ({found.accounting(()).sentence()})"
            )
        secret = b"" if choices.profile == "report" else open_key(places.key)
        read_map(places.map)
        if secret:
            check_key(places.map, places.key, secret)
        count = processes(workers, len(found.dicom()))
        facts = found, secret, count, progress, faults_before
        return cls(source, out, choices, places, crop_mm, *facts)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on what the chosen options imply."""
        return option_notes(self.choices, self.places)

    def show(self) -> DeidentifyResult:
        """What would be done; nothing is written."""
        with Pool(self.processes) as pool:
            hands = Ordered(pool)
            headers, cut = self._headers(hands)
            planned = make_plan(headers, read_map(self.places.map), self.secret)
            units: Units = {}
            for unit in planned.units:
                patient = planned.patient(unit.case, self.secret)
                units[unit.folder] = show_unit(unit, self.choices, patient, hands).as_json()
        left = count_left(planned, cut, self.found)
        notes = ("nothing was written",)
        return DeidentifyResult(self.out, self.choices.profile, units, left, notes, planned=True)

    def recorded(self, run: RunRecord) -> DeidentifyResult:
        """The result of a finished run, from its record."""
        units, left = run.record["units"], run.record["left"]
        return DeidentifyResult(self.out, self.choices.profile, units, left, self.notes)

    def write(
        self, run: RunRecord, options: Mapping[str, Any], part: Part, *, with_names: bool
    ) -> DeidentifyResult | PlanResult | ShareResult:
        """Write every unit that is not done yet, then the audit record and the certificate; or plan
        that, or write the units of one task's share.

        Args:
            run: the open record of OUT.
            options: options that decide the result, for the audit record and the certificate.
            part: how much of the work is done now.
            with_names: whether the result has the names of refused files.
        """
        secret = self.secret if part.is_task else self._settled_key()
        with Pool(self.processes, apart=part.is_task) as pool:
            hands = Ordered(pool)
            headers, cut = self._headers(hands)
            planned = self._planned(headers, secret, part)
            jobs = [UnitJob(unit, _input_digest(planned, unit)) for unit in planned.units]
            if part.plan:
                part.write_plan(run, {"": jobs})
                return part.planned(run)
            work = UnitWork(run, self.out, self.choices, planned, secret, hands, self.progress)
            if part.is_task:
                return work.share(part, jobs)
            inputs = {job.id: job.input for job in jobs}
            run.check_other_input(inputs)
            units = work.write(jobs)
        names, gone = work.names, run.gone(inputs)
        write_failures(run.folder, "", inputs)
        work.check_nobody_else()
        result = DeidentifyResult(
            self.out,
            self.choices.profile,
            units,
            count_left(planned, cut, self.found),
            (*_people_notes(planned), *gone_notes(gone), *self.notes),
            names=names_by_code(self.found, names) if with_names else {},
        )
        record = {"format": AUDIT, "options": options, **result.as_json()}
        write_json(self.places.audit, record)
        certificate_of(result, self.choices, options, run).write(self.places.certificate)
        no_faults = noted() == self.faults_before
        complete = no_faults and not any(can_be_retried(unit) for unit in units.values())
        left = dict(result.left)
        run.finish(result.exit_code, complete=complete, units=units, left=left, gone=gone)
        return result

    def _headers(self, hands: Hands) -> tuple[list[Header], dict[str, int]]:
        """The headers of what may be published, and counts of slices above the apex."""
        headers = read_headers(self.found, self.choices, hands, self.progress)
        return cropped(headers, self.source, self.crop_mm, self.progress)

    def _settled_key(self) -> bytes:
        """The key in its file, which is written where it does not exist."""
        with locked_beside(self.places.map, what="the map"):
            for path in self.places.files():
                clear_parts_beside(path)
            return _kept_key(self.places.key, self.secret) if self.secret else b""

    def _planned(self, headers: list[Header], secret: bytes, part: Part) -> Plan:
        """The plan, with its patients in the map before any object is written.

        The map is read again under its lock, because another run may have added patients. A task
        only reads it: it has the patients since the work was planned.
        """
        if part.is_task:
            return make_plan(headers, read_map(self.places.map), secret)
        with locked_beside(self.places.map, what="the map"):
            if secret:
                check_key(self.places.map, self.places.key, secret)
            planned = make_plan(headers, read_map(self.places.map), secret)
            write_map(self.places.map, planned.patients, secret)
        return planned


def count_left(planned: Plan, cut: Mapping[str, int], found: Walk) -> dict[str, int]:
    """Count the input without output: objects by reason, refused files by code, others by kind."""
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


def names_by_code(found: Walk, refused: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Names of refused files by code.

    Args:
        found: the input, with the files that could not be read.
        refused: code and name of each file that was refused later.
    """
    by_code: dict[str, list[str]] = {}
    for code, name in (*refused, *((file.code, file.name) for file in found.refused)):
        by_code.setdefault(code, []).append(name)
    return {code: tuple(sorted(listed)) for code, listed in sorted(by_code.items())}


def _people_notes(planned: Plan) -> list[str]:
    """Notes on patients that could not be separated by their attributes."""
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
    """The key in the file; where there is no file, write `secret` to it.

    Raises:
        UsageError: another run has written another key meanwhile.
    """
    if path.exists():
        found = open_key(path)
        if found != secret:
            raise UsageError(
                "deidentify: another run has just made this key; run the same command again"
            )
        return found
    write_secret(path, secret.hex() + "\n")
    return secret


def _input_digest(planned: Plan, unit: Unit) -> str:
    """A digest of all files of the unit's patient, because identifiers come from all of them."""
    paths: set[Path] = set()
    for other in planned.units:
        if other.case == unit.case:
            paths.update(Path(header.file.path) for _, header in other.files)
    files = sorted(paths)
    return str(fingerprint(files, unit.case, [name for name, _ in unit.files])["sha256"])

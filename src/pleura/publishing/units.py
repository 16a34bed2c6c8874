"""The units of a de-identification, written one after another: by one run, or by many tasks."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pleura.core.errors import OutputBusy, UsageError
from pleura.core.faults import PASSING_CODES
from pleura.core.progress import Progress
from pleura.deid.batch import Hands, UnitRecord, write_unit
from pleura.deid.choices import Choices
from pleura.deid.plan import Plan, Unit
from pleura.publishing.file_check import audit_of, sought
from pleura.store.failures import LOST, note_attempt
from pleura.store.in_turn import in_turn
from pleura.store.item import files_below
from pleura.store.items import Batch
from pleura.store.job_array import Part
from pleura.store.part_results import ShareResult
from pleura.store.planned import Plan as TaskPlan
from pleura.store.run_record import RunRecord

Units = dict[str, Mapping[str, Any]]
"""The record of each folder of OUT."""


@dataclass(frozen=True)
class UnitJob:
    """A unit, and the digest of its input."""

    unit: Unit
    input: str

    @property
    def id(self) -> str:
        """The folder of OUT."""
        return self.unit.folder


@dataclass
class UnitWork:
    """What all units share. `names` are code and name of each refused file, for the user only;
    `elsewhere` are units that other processes write.
    """

    run: RunRecord
    out: Path
    choices: Choices
    planned: Plan
    secret: bytes
    hands: Hands
    progress: Progress
    names: Counter[tuple[str, str]] = field(default_factory=Counter)
    elsewhere: list[str] = field(default_factory=list)

    def share(self, part: Part, jobs: Sequence[UnitJob]) -> ShareResult:
        """Write the units of one task's share.

        Raises:
            UsageError: the input is not as it was when the work was planned.
        """
        plan = TaskPlan.read(self.run.folder)
        found = [(job.id, job.input) for job in jobs]
        if plan is not None and found != [(id, input) for id, _, input in plan.cases]:
            raise UsageError(
                "deidentify: IN or the map has changed since the work was planned; plan again"
            )
        own = part.share(self.run, jobs)
        self.write(own)
        return part.share_done(self.run, own, Batch(elsewhere=self.elsewhere))

    def write(self, jobs: Sequence[UnitJob]) -> Units:
        """Write the units that are not done yet; return all records, in the order of the jobs."""
        advance = _counter(self.progress, sum(len(job.unit.files) for job in jobs))
        by_id = {job.id: job for job in jobs}
        todo, units = [], {}
        for job in jobs:
            kept = self.run.kept(job.id, job.input)
            if kept is None:
                todo.append(job.id)
                continue
            units[job.id] = kept
            advance(len(job.unit.files))
        for id, claim in in_turn(self.run, todo):
            job, begun = by_id[id], time.monotonic()
            kept = self.run.kept(id, job.input)
            if claim.answer == "busy":
                self.elsewhere.append(id)
                continue
            if kept is None:
                record = self._given_up(job) if claim.answer == "given up" else None
                units[id] = self._one(job, record, advance)
                codes = [refusal["code"] for refusal in units[id]["refused"]]
                code = codes[0] if codes else ""
                note_attempt(self.run.folder, id, code, time.monotonic() - begun, claim.attempt)
            else:
                units[id] = kept
        return {job.id: units[job.id] for job in jobs if job.id in units}

    def check_nobody_else(self) -> None:
        """Raises `OutputBusy` where other processes write some of the units."""
        if self.elsewhere:
            raise OutputBusy(
                f"{len(self.elsewhere)} folders are being written by tasks; run the same command "
                "again when these have ended"
            )

    def _one(
        self, job: UnitJob, record: UnitRecord | None, advance: Callable[[int], None]
    ) -> Mapping[str, Any]:
        """Write a unit, unless it has a record already, and keep the record."""
        unit, run = job.unit, self.run
        run.forget(unit.folder)
        if record is None:
            searched = sought(self.planned, unit.case)
            uids = self.planned.uids(unit.case)
            check = partial(audit_of, self.choices.profile, uids, searched)
            patient = self.planned.patient(unit.case, self.secret)
            record = write_unit(unit, self.out, self.choices, patient, check, self.hands, advance)
        self.names.update(record.names)
        about = record.as_json()
        if not can_be_retried(about):
            run.keep(unit.folder, job.input, about, files_below(self.out, unit.folder))
        return about

    def _given_up(self, job: UnitJob) -> UnitRecord:
        """The record of a unit that ended too many tasks."""
        record = UnitRecord(job.unit.case)
        record.refused[LOST, ()] += len(job.unit.files)
        return record


def can_be_retried(unit: Mapping[str, Any]) -> bool:
    """Whether a unit has a refusal that a rerun may avoid, such as a disk error."""
    return any(refusal["code"] in PASSING_CODES for refusal in unit["refused"])


def _counter(progress: Progress, total: int) -> Callable[[int], None]:
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        progress("de-identify", done, total)

    return advance

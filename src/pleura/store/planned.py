"""The plan of a batch: `OUT/jobs.json` lists every case once, so that the tasks of a job array need
not scan the input; the jobs themselves are one file each in the bookkeeping.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pleura.core.atomic import BOOKKEEPING, atomic_file, read_json, remove, temporary_name
from pleura.core.errors import UsageError
from pleura.store.item import stem_of
from pleura.store.layout import CLAIMS, JOB_BODIES, JOBS

if TYPE_CHECKING:
    from pleura.store.job_files import JobFormat

FORMAT = "pleura-jobs/1"
CASES_A_TASK = 20
MOST_TASKS = 1000
"""Slurm's default limit of an array is 1001."""


@dataclass(frozen=True)
class PlannedJob:
    """A job that is read from its file by the process that does it."""

    id: str
    input: str
    path: Path
    format: "JobFormat"

    def opened(self) -> Any:
        """The job. Raises `UsageError` where its file is damaged."""
        try:
            return self.format.decode(read_json(self.path))
        except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            raise UsageError("the plan of OUT is damaged; plan again with --plan") from error


def opened(job: Any) -> Any:
    """A job as recipes take it."""
    return job.opened() if isinstance(job, PlannedJob) else job


@dataclass(frozen=True)
class Plan:
    """The content of `jobs.json`: `cases` are `[id, number of files, input]`; `input` is the digest
    of the whole input when it was scanned; `facts` are other results of the scan for the verb.
    """

    out: Path
    verb: str
    tasks: int
    input: Mapping[str, Any]
    cases: Sequence[Sequence[Any]]
    facts: Any = None

    @classmethod
    def read(cls, out: Path) -> "Plan | None":
        """The plan of an output folder; `None` where there is none that can be read."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            value = read_json(out / JOBS)
            if value["format"] == FORMAT:
                cases = [(str(id), int(files), str(input)) for id, files, input in value["cases"]]
                about = str(value["verb"]), int(value["tasks"]), value["input"]
                return cls(out, *about, cases, value["facts"])
        return None

    def jobs(self, format: "JobFormat", group: str = "") -> list[PlannedJob]:
        """The jobs of a group, in the order of the scan."""
        return [
            PlannedJob(id.removeprefix(group), input, body_file(self.out, id), format)
            for id, _, input in self.cases
            if id.startswith(group)
        ]


def body_file(out: Path, id: str) -> Path:
    """Where a planned job is."""
    return out / BOOKKEEPING / JOB_BODIES / f"{stem_of(id)}.json"


def write_plan(
    plan: Plan,
    jobs: Mapping[str, Sequence[Any]],
    format: "JobFormat | None",
    *,
    redo: Sequence[str],
) -> Plan:
    """Write the jobs and, last, `jobs.json`. The caller holds OUT.

    Args:
        plan: the plan without its `cases`, which are added here.
        jobs: the jobs of each group.
        format: of the jobs' files; `None` where every task makes the jobs itself.
        redo: ids whose earlier failures are forgotten.
    """
    from pleura.store.failures import forget_failure

    out, cases = plan.out, []
    remove_plan(out)
    folder = out / BOOKKEEPING / JOB_BODIES
    part = temporary_name(folder)
    part.mkdir(parents=True)
    for group, listed in jobs.items():
        for job in listed:
            if format is not None:
                body = json.dumps(format.encode(job), separators=(",", ":"))
                (part / f"{stem_of(group + job.id)}.json").write_text(body, encoding="ascii")
            cases.append([group + job.id, count_files(job), job.input])
    part.rename(folder)
    for id in redo:
        forget_failure(out, id)
    (out / BOOKKEEPING / CLAIMS).mkdir()
    tasks = plan.tasks or min(MOST_TASKS, -(-len(cases) // CASES_A_TASK))
    tasks = max(1, min(tasks, len(cases)))
    about = {"format": FORMAT, "verb": plan.verb, "tasks": tasks, "input": dict(plan.input)}
    about |= {"facts": plan.facts}
    with atomic_file(out / JOBS) as file:  # a case a line: 100,000 can be read by people
        lines = ",\n".join(json.dumps(case) for case in cases)
        head = json.dumps(about)[:-1]
        file.write_text(f'{head}, "cases": [\n{lines}\n]}}\n', encoding="ascii")
    return replace(plan, tasks=tasks, cases=cases)


def remove_plan(out: Path) -> None:
    """Remove the plan: `jobs.json` first, so that no task begins."""
    (out / JOBS).unlink(missing_ok=True)
    for name in (CLAIMS, JOB_BODIES):
        folder = out / BOOKKEEPING / name
        if folder.exists():
            aside = temporary_name(folder)
            folder.rename(aside)
            remove(aside)


def count_files(job: Any) -> int:
    """Number of files that a job reads; 1 where it does not say."""
    series = getattr(getattr(job, "case", job), "series", None)
    return len(series.files) if series is not None else 1

"""What a verb that reads volumes has to do: the CT series of a tree, or the cases of a cohort, one job each."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pleura.anatomy.anatomy import Anatomy
from pleura.core.errors import InputRefused
from pleura.core.findings import Finding, Verdict
from pleura.core.progress import Progress, silent
from pleura.dicom.gaps import Gaps
from pleura.dicom.series import find_series
from pleura.geometry.volume import Volume
from pleura.quality.gate import VERSION, Judged, gate
from pleura.store.cohort import NAME, Cohort

if TYPE_CHECKING:
    from pleura.dicom.series import Series


@dataclass(frozen=True)
class Job:
    """One case to do. `load` is picklable, for workers are spawned; `series` is `None` for a cohort's case.

    `gate_version` is that of the gate whose findings are among `findings` already; `None` where none has judged it.
    """

    id: str
    series_uid: str
    load: Callable[[], Volume]
    findings: tuple[Finding, ...] = ()
    series: "Series | None" = None
    gate_version: int | None = None

    def judged(self, detail: Literal["sample", "full"] = "sample") -> Judged:
        """The case's volume, through the gate; a cohort's case went through when it was prepared.

        Raises:
            InputRefused: it cannot be read.
        """
        volume = self.load()
        if self.gate_version == VERSION:
            return Judged(volume, Anatomy(volume))
        return gate(volume, detail=detail)


def is_cohort(source: Path) -> bool:
    """Whether a folder is a cohort that `prepare` wrote."""
    return (source / NAME).is_file()


def jobs_of(source: Path, progress: Progress = silent, gaps: Gaps = "refuse") -> list[Job]:
    """The cases of a cohort, or the CT series of a tree; what is refused already is a job that says so.

    `gaps` is what becomes of series with lost slices; a cohort's were dealt with when it was prepared.

    Raises:
        UsageError: `source` does not exist, or its cohort is broken.
    """
    if is_cohort(source):
        cohort = Cohort.open(source)
        return [_case_job(cohort, entry["id"]) for entry in cohort.about["cases"]]
    found = find_series(source, gaps=gaps, progress=progress)
    found = [series for series in found if series.is_ct or series.id == "unreadable"]
    return [Job(series.id, series.series_uid, series.read, series.findings, series) for series in found]


def _case_job(cohort: Cohort, name: str) -> Job:
    try:
        case = cohort.case(name)
    except InputRefused as error:
        return Job(name, "", _nothing, (Finding("BROKEN-CASE", Verdict.REFUSED, str(error)),))
    told = [
        Finding(f["code"], Verdict[f["verdict"].upper()], f["message"], f["evidence"]) for f in case.about.get("findings", ())
    ]
    return Job(case.id, str(case.about.get("series_uid", "")), case.volume, tuple(told), None, case.about.get("gate"))


def _nothing() -> Volume:
    raise InputRefused("this case cannot be read")  # never called: a refused job is not read


def in_processes(work: Callable[[Job], Any], jobs: Sequence[Job], workers: int) -> Iterator[Any]:
    """`work` of each job, in order, each in one of `workers` processes of its own."""
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=get_context("spawn")) as pool:
        yield from pool.map(work, jobs)

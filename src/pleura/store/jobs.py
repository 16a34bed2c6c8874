"""Jobs for verbs that read volumes: the CT series of a tree, or the cases of a cohort."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pleura.anatomy.anatomy import Anatomy
from pleura.core.codes import refused
from pleura.core.errors import InputRefused
from pleura.core.faults import refusal_of
from pleura.core.findings import Finding
from pleura.core.packed import FEW, Packed
from pleura.core.progress import Progress, silent
from pleura.core.text import shown_uid
from pleura.dicom.gaps import Gaps
from pleura.dicom.series import UNREADABLE
from pleura.geometry.volume import Volume
from pleura.images.bounded import image_files
from pleura.quality.gate import Judged, gate
from pleura.quality.thresholds import VERSION
from pleura.store.fingerprints import fingerprint
from pleura.store.input_files import InputFiles, usable_cases
from pleura.store.layout import CASES, COHORT
from pleura.store.volume_files import survey_in

if TYPE_CHECKING:
    from pleura.dicom.series import Series
    from pleura.store.cohort import Cohort


@dataclass(frozen=True)
class Job:
    """One case to process.

    `load` can be pickled, because workers are spawned. `series` is `None` for a case of a cohort.
    `gate_version` is the version of the gate whose findings are in `findings` already, or `None`.
    `input` changes when the files of the case do, or the findings about their headers.
    """

    id: str
    series_uid: str
    load: Callable[[], Volume]
    findings: tuple[Finding, ...] = ()
    series: "Series | None" = None
    gate_version: int | None = None
    input: str = ""

    def judged(self, detail: Literal["sample", "full"] = "sample") -> Judged:
        """The case's volume, checked by the gate; a case of a cohort was checked by `prepare`.

        Raises:
            InputRefused: it cannot be read.
        """
        volume = self.load()
        if self.gate_version == VERSION:
            return Judged(volume, Anatomy(volume))
        return gate(volume, detail=detail)


def is_cohort(source: Path) -> bool:
    """Whether a folder is a cohort that `prepare` wrote."""
    return (source / COHORT).is_file()


def jobs_and_files(
    source: Path, progress: Progress = silent, gaps: Gaps = "refuse"
) -> tuple[Sequence[Job], InputFiles | None]:
    """The cases of a cohort, the CT series of a tree, or its image files where it has no series;
    and what became of the files of a tree.

    A refused series is a job too. `gaps` is the policy for series with missing slices; in a
    cohort `prepare` has applied it.

    Raises:
        UsageError: `source` does not exist, or its cohort is broken.
    """
    if is_cohort(source):
        from pleura.store.cohort import Cohort

        cohort = Cohort.open(source)
        return Packed((_case_job(cohort, one["id"]) for one in cohort.about["cases"]), FEW), None
    found, tree = survey_in(source, gaps=gaps, progress=progress)
    return jobs_of_series(found, source), InputFiles.of([tree], usable_cases(cases_among(found)))


def jobs_of_series(found: Sequence["Series"], source: Path) -> Sequence[Job]:
    """The jobs of the CT series among those of a tree, and of what could not be read."""
    jobs = (
        Job(
            series.id,
            shown_uid(series.series_uid),
            series.read,
            series.findings,
            None if series.image else series,
            input=series_input(series, source),
        )
        for series in cases_among(found)
    )
    return Packed(jobs, FEW)


def cases_among(found: Sequence["Series"]) -> list["Series"]:
    """The CT series among those of a tree, and what could not be read."""
    return [series for series in found if series.is_ct or series.id == UNREADABLE]


def series_input(series: "Series", source: Path) -> str:
    """A digest of a series' input: files with sizes and times, and findings about headers."""
    found = [(finding.code, finding.verdict, finding.message) for finding in series.findings]
    planes = sorted((_below(plane.file, source), plane.frame) for plane in series.files)
    files = sorted({plane.archive or Path(plane.file) for plane in series.files})
    files += [] if series.image is None else image_files(series.image)
    return str(fingerprint(files, found, planes, series.missing)["sha256"])


def _below(name: str, source: Path) -> str:
    return name.removeprefix(str(source))


def _case_job(cohort: "Cohort", name: str) -> Job:
    digest = str(fingerprint([cohort.folder / CASES / name])["sha256"])
    try:
        case = cohort.case(name)
        version = case.about.get("gate")
        return Job(
            case.id,
            shown_uid(case.series_uid),
            case.volume,
            case.findings,
            gate_version=version,
            input=digest,
        )
    except InputRefused as error:
        return Job(name, "", unreadable, (refusal_of(error),), input=digest)


def unreadable() -> Volume:
    # never called: a refused job is not read
    raise refused("BROKEN-CASE", problem="the case cannot be read")

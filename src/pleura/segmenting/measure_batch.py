"""What `measure` does for a whole input: its jobs, and the end of a run."""

from collections.abc import Sequence
from pathlib import Path

from pleura.core.errors import NothingUsable, UsageError
from pleura.core.progress import Progress
from pleura.dicom.series import Series, Survey, survey
from pleura.labels.source_names import ids_by_name
from pleura.segmenting.measure_result import MeasureResult
from pleura.segmenting.measuring import MaskedJob, pair_cases
from pleura.segmenting.sites import Sites
from pleura.segmenting.tables import write_tables
from pleura.store.input_files import InputFiles, account_of, trees_of, usable_cases
from pleura.store.items import Batch
from pleura.store.jobs import cases_among, is_cohort, jobs_and_files, jobs_of_series
from pleura.store.run_record import RunRecord
from pleura.store.volume_files import survey_in


def masked_jobs(
    source: Path, masks: Path, sr: bool, progress: Progress, sites: Sites
) -> tuple[Sequence[MaskedJob], InputFiles | None]:
    """Each CT of the input with its mask, and the files of the input.

    Raises:
        NothingUsable: the input has no CT series.
        UsageError: one mask is given for several CT, DICOM SR of CT that is not DICOM, or the table
            of sites has none of the cases.
    """
    names: dict[str, str] = {}
    found: list[Series] = []
    trees: dict[Path, Survey] = {}
    if is_cohort(source):
        cases, _ = jobs_and_files(source, progress)
    else:
        found, trees[source] = survey_in(source, progress=progress)
        cases = jobs_of_series(found, source)
        names = ids_by_name(found, [one for one in found if one.usable], source)
    if sr and cases and all(case.series is None for case in cases):
        raise UsageError("measure: --sr refers to DICOM files; give the folder of CT series")
    if not cases:
        raise NothingUsable("measure: IN has no CT series; pleura scan lists what it has")
    sites.check([case.id for case in cases])
    jobs = pair_cases(cases, masks, names)
    parts = usable_cases(cases_among(found))
    for job in jobs:
        parts.setdefault(job.id, []).extend(job.files)
    listed = trees_of([source, masks], lambda folder: trees.get(folder) or survey(folder))
    return jobs, InputFiles.of(listed, parts)


def finish_measures(
    run: RunRecord, batch: Batch, files: InputFiles | None, *, sites: Sites
) -> None:
    """Write the tables and the page of all cases, and close the record."""
    records = sites.added_to(batch.records)
    result = MeasureResult(run.folder, records, tuple(batch.gone))
    run.finish(
        result.exit_code,
        complete=batch.complete,
        files=write_tables(run.folder, records, title="Lung measurements"),
        cases=records,
        input=account_of(files, records, "measures"),
        gone=batch.gone,
    )

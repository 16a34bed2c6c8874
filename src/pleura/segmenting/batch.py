"""What `segment` does for a whole input: its jobs, its recipe, and the end of a run."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pleura.core.errors import NothingUsable, UsageError
from pleura.core.progress import Progress
from pleura.dicom.gaps import Gaps
from pleura.labels.algorithm import algorithm_of
from pleura.segmenting.options import FOR_DICOM
from pleura.segmenting.recipe import SegmentRecipe, is_unet
from pleura.segmenting.result import LABELS, SegmentResult
from pleura.segmenting.sites import Sites
from pleura.segmenting.tables import write_tables
from pleura.store.input_files import InputFiles, account_of
from pleura.store.items import Batch
from pleura.store.jobs import Job, jobs_and_files
from pleura.store.run_record import RunRecord


def series_jobs(
    source: Path, gaps: Gaps, format: str, progress: Progress, sites: Sites
) -> tuple[Sequence[Job], InputFiles | None]:
    """The cases to segment, and the files of the input.

    Raises:
        NothingUsable: the input has no CT series.
        UsageError: the format references DICOM files, and the input has none; the table of sites
            has none of the cases.
    """
    jobs, files = jobs_and_files(source, progress, gaps)
    if not jobs:
        raise NothingUsable("segment: IN has no CT series; pleura scan lists what it has")
    if format in FOR_DICOM and all(job.series is None for job in jobs):
        raise UsageError(
            f"segment: --format {format} refers to DICOM files; give the folder of CT series"
        )
    sites.check([job.id for job in jobs])
    return jobs, files


def recipe_of(
    out: Path,
    format: str,
    model: Path | None,
    device: str,
    threshold: float | None,
    export_ct: bool,
    sr: bool,
    dense: bool,
) -> tuple[SegmentRecipe, dict[str, Any]]:
    """The recipe for the options of `segment`, and those that decide the results of a case, with
    the description of its segmenter, as `run.json` has them.
    """
    chosen: dict[str, Any] = {}
    if is_unet(model):
        chosen["device"] = device
        if threshold is not None:
            chosen["threshold"] = threshold
    recipe = SegmentRecipe(out, format, model, chosen, export_ct, sr, dense)
    described = recipe.segmenter().describe()
    options = {"segmenter": described, "format": format, "export_ct": export_ct, "sr": sr}
    options["dense"] = dense
    return replace(recipe, algorithm=algorithm_of(described)), options | dict(recipe.options)


def finish(run: RunRecord, batch: Batch, files: InputFiles | None, *, sites: Sites) -> None:
    """Write the tables and the page of all cases, and close the record."""
    records = sites.added_to(batch.records)
    result = SegmentResult(run.folder, records)
    run.finish(
        result.exit_code,
        complete=batch.complete,
        files=write_tables(run.folder, records, title="Lungs"),
        cases=records,
        input=account_of(files, records, "mask"),
        gone=batch.gone,
        labels=LABELS,
    )

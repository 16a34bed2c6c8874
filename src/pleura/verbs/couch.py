"""`pleura couch`: every CT series without the couch, and where body and couch are."""

from pathlib import Path
from typing import Literal

from pleura.core.errors import NothingUsable
from pleura.core.progress import Progress, silent
from pleura.segmenting.couch_result import LABELS, CouchResult
from pleura.store.remote import on_folders
from pleura.store.run_record import open_run


@on_folders
def couch(
    source: Path,
    out: Path,
    *,
    workers: int = 1,
    verify_done: Literal["size", "hash"] = "size",
    overwrite: bool = False,
    progress: Progress = silent,
) -> CouchResult:
    """Take the couch out of every CT series of a folder.

    Each series or case gets a folder OUT/ID: volume.nii.gz (HU, air in place of couch, blankets and
    wires; every other voxel as it was), couch.nii.gz (1 body, 2 couch) and planes.png. Where body
    and couch cannot be separated nothing is changed. OUT/run.json lists all. The same command again
    finishes an interrupted run and does what is new in IN.

    Args:
        source: Folder of DICOM files, or a cohort that prepare wrote.
        out: Folder to write to; created if it does not exist.
        workers: Processes, each with a case of its own; 0 = one for each core.
        verify_done: How finished results are checked before they are kept: size, or hash (reads
            every file).
        overwrite: Empty OUT first; refused where pleura did not write OUT.

    Returns:
        Each case with verdict, reason, and the ml of body and couch.

    Raises:
        UsageError: the input does not exist, or OUT has other content and `overwrite` is not set.
        NothingUsable: the input has no CT series.
        OutputFailed: OUT cannot be written.
    """
    from pleura.segmenting.couch_case import CouchRecipe, refused_couch
    from pleura.store.input_files import account_of
    from pleura.store.items import do_items
    from pleura.store.jobs import jobs_and_files
    from pleura.store.spread import How

    with open_run(
        out, verb="couch", sources=[source], options={}, overwrite=overwrite, check=verify_done
    ) as run:
        if run.done:
            record = run.record
            return CouchResult(
                out, tuple(record["cases"]), tuple(record["gone"]), record.get("input")
            )
        jobs, files = jobs_and_files(source, progress)
        if not jobs:
            raise NothingUsable("couch: IN has no CT series; pleura scan lists what it has")
        batch = do_items(
            run, CouchRecipe(out), jobs, How(workers), refused_couch, progress=progress
        )
        account = account_of(files, batch.records, "volume")
        result = CouchResult(out, tuple(batch.records), tuple(batch.gone), account)
        run.finish(
            result.exit_code,
            complete=batch.complete,
            cases=batch.records,
            gone=batch.gone,
            input=account,
            labels=LABELS,
        )
        return result

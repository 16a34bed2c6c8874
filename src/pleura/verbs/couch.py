"""`pleura couch`: every CT series without the couch, and where body and couch are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pleura.anatomy.couch import check_couch, couch_mask, without_couch
from pleura.core.atomic import atomic_folder
from pleura.core.errors import Exit, InputRefused, NothingUsable
from pleura.core.faults import is_passing, refusal_of
from pleura.core.findings import Finding, Verdict, reason, worst
from pleura.core.progress import Progress, silent
from pleura.core.results import Table, batch_exit, gone_notes
from pleura.store.items import Done, do_items
from pleura.store.jobs import Job, jobs_of
from pleura.store.layout import COUCH_LABELS, COUCH_VOLUME, PLANES
from pleura.store.run_record import open_run
from pleura.store.spread import How

LABELS = {"1": "body", "2": "couch"}
LABELS_IN_WORDS = "1 body, 2 couch"


@dataclass(frozen=True)
class CouchResult:
    """What was found in each case: `id`, `series_uid`, `verdict`, `reason`, `body_ml`,
    `couch_ml`, `volume` (or `None`).
    """

    out: Path
    cases: tuple[Mapping[str, Any], ...]
    gone: tuple[str, ...] = ()

    @property
    def exit_code(self) -> Exit:
        """1 where a case was refused, 3 where all were."""
        refused = sum(case["volume"] is None for case in self.cases)
        return batch_exit(len(self.cases) - refused, refused)

    def as_json(self) -> Any:
        """`cases` and `labels`, as in `run.json`."""
        return {"cases": [dict(case) for case in self.cases], "labels": LABELS}

    def table(self) -> Table | None:
        """One row a case."""
        rows = []
        for case in self.cases:
            ml = (
                "-" if case[key] is None else f"{case[key]:.0f}" for key in ("body_ml", "couch_ml")
            )
            rows.append((case["id"], case["verdict"], *ml))
        return Table("Body and couch", ("case", "verdict", "body [ml]", "couch [ml]"), tuple(rows))

    def notes(self) -> Sequence[str]:
        """Why each case is not plainly ok, then where the volumes are."""
        lines = [
            f"{case['id']}: {case['verdict']}: {case['reason']}"
            for case in self.cases
            if case["reason"]
        ]
        done = sum(case["volume"] is not None for case in self.cases)
        return [*lines, *gone_notes(self.gone), f"{done} of {len(self.cases)} written: {self.out}"]


@dataclass(frozen=True)
class _Recipe:
    out: Path

    def open(self) -> Callable[[Job], Done]:
        return partial(_case, self.out)


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
        overwrite: Empty OUT first.

    Returns:
        Each case with verdict, reason, and the ml of body and couch.

    Raises:
        UsageError: the input does not exist, or OUT has other content and `overwrite` is not set.
        NothingUsable: the input has no CT series.
        OutputFailed: OUT cannot be written.
    """
    with open_run(
        out, verb="couch", sources=[source], options={}, overwrite=overwrite, check=verify_done
    ) as run:
        if run.done:
            return CouchResult(out, tuple(run.record["cases"]), tuple(run.record["gone"]))
        jobs = jobs_of(source, progress)
        if not jobs:
            raise NothingUsable("couch: IN has no CT series; pleura scan lists what it has")
        batch = do_items(run, _Recipe(out), jobs, How(workers), _refused, progress=progress)
        result = CouchResult(out, tuple(batch.records), tuple(batch.gone))
        run.finish(
            result.exit_code,
            complete=batch.complete,
            cases=batch.records,
            gone=batch.gone,
            labels=LABELS,
        )
        return result


def _case(out: Path, job: Job) -> Done:
    """One case: read, separated, written. A refusal is a record with the findings that came
    before it.
    """
    findings = list(job.findings)
    try:
        if worst(findings) is Verdict.REFUSED:
            return Done(_record(job, findings))
        judged = job.judged("full")
        findings += judged.findings
        if worst(findings) is Verdict.REFUSED:
            return Done(_record(job, findings))
        volume, body = judged.volume, judged.anatomy.body
        around = couch_mask(volume, body)
        findings += check_couch(volume, body, around)
        files = _write(out, job.id, volume, body, around)
    except InputRefused as error:
        if is_passing(error):
            raise
        return Done(_refused(job, refusal_of(error), findings))
    body_ml, couch_ml = (
        round(float(np.count_nonzero(mask)) * volume.grid.voxel_ml, 1) for mask in (body, around)
    )
    return Done(_record(job, findings, body_ml, couch_ml, files[0]), files)


def _record(
    job: Job,
    findings: Sequence[Finding],
    body_ml: float | None = None,
    couch_ml: float | None = None,
    volume: str | None = None,
) -> dict[str, Any]:
    return {
        "id": job.id,
        "series_uid": job.series_uid,
        "volume": volume,
        "body_ml": body_ml,
        "couch_ml": couch_ml,
        "verdict": worst(findings).word,
        "reason": reason(findings),
        "findings": [finding.as_json() for finding in findings],
    }


def _refused(
    job: Job, refusal: Finding, findings: Sequence[Finding] | None = None
) -> dict[str, Any]:
    return _record(job, [*(job.findings if findings is None else findings), refusal])


def _write(out: Path, case: str, volume: Any, body: Any, around: Any) -> tuple[str, ...]:
    """Write a case's folder, whole or not at all; return its files below OUT, the volume first."""
    from pleura.images.nifti import write_labels, write_volume
    from pleura.page.planes import planes_png

    labels = body.astype(np.uint8)
    labels[around] = 2
    with atomic_folder(out / case) as folder:
        write_volume(folder / COUCH_VOLUME, without_couch(volume, around))
        write_labels(folder / COUCH_LABELS, labels, volume.grid, LABELS_IN_WORDS)
        planes_png(volume, labels, folder / PLANES, outline="body orange, couch blue")
    return tuple(f"{case}/{name}" for name in (COUCH_VOLUME, COUCH_LABELS, PLANES))

"""`pleura couch`: every CT series without the couch, and where body and couch are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pleura.anatomy.couch import couch_findings, couch_mask, without_couch
from pleura.core.atomic import atomic_folder
from pleura.core.errors import Exit, InputRefused, NothingUsable
from pleura.core.findings import Finding, Verdict, reason, worst
from pleura.core.progress import Progress, silent
from pleura.core.results import Table, batch_exit
from pleura.store.jobs import Job, in_processes, jobs_of
from pleura.store.manifest import start_run

LABELS = {"1": "body", "2": "couch"}
SAID = "1 body, 2 couch"


@dataclass(frozen=True)
class CouchResult:
    """What was found in each case: `id`, `series_uid`, `verdict`, `reason`, `body_ml`, `couch_ml`, `volume` (or `None`)."""

    out: Path
    cases: tuple[Mapping[str, Any], ...]

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
            ml = ("-" if case[key] is None else f"{case[key]:.0f}" for key in ("body_ml", "couch_ml"))
            rows.append((case["id"], case["verdict"], *ml))
        return Table("Body and couch", ("case", "verdict", "body [ml]", "couch [ml]"), tuple(rows))

    def notes(self) -> Sequence[str]:
        """Why each case is not plainly ok, then where the volumes are."""
        lines = [f"{case['id']}: {case['verdict']}: {case['reason']}" for case in self.cases if case["reason"]]
        done = sum(case["volume"] is not None for case in self.cases)
        return [*lines, f"{done} of {len(self.cases)} written: {self.out}"]


def couch(source: Path, out: Path, *, workers: int = 1, overwrite: bool = False, progress: Progress = silent) -> CouchResult:
    """Take the couch out of every CT series of a folder.

    Each series or case gets a folder OUT/ID: volume.nii.gz (HU, air in place of couch, blankets and wires; every other voxel as
    it was), couch.nii.gz (1 body, 2 couch) and planes.png. Where body and couch cannot be told apart nothing is changed.
    OUT/run.json lists all. The same command again goes on where it stopped.

    Args:
        source: Folder of DICOM files, or a cohort that prepare wrote.
        out: Folder to write to; made if need be.
        workers: Cases at a time, each in a process of its own.
        overwrite: Replace what OUT holds.

    Returns:
        Each case with verdict, reason, and the ml of body and couch.

    Raises:
        UsageError: the input does not exist, or OUT holds something else and `overwrite` is not set.
        NothingUsable: the input holds no CT series.
        OutputFailed: OUT cannot be written.
    """
    run = start_run(out, verb="couch", sources=[source], options={}, overwrite=overwrite)
    if run.done:
        return CouchResult(out, tuple(run.record["cases"]))
    jobs = jobs_of(source, progress)
    if not jobs:
        raise NothingUsable("couch: IN holds no CT series: pleura scan lists what it holds")
    cases = {case["id"]: case for case in run.record.get("cases", [])}
    todo = [job for job in jobs if job.id not in cases]
    work = partial(_case, out)
    done = map(work, todo) if workers < 2 or len(todo) < 2 else in_processes(work, todo, workers)
    progress("cases", 0, len(todo))
    for number, case in enumerate(done, 1):
        cases[case["id"]] = case
        run.note(cases=[cases[job.id] for job in jobs if job.id in cases], labels=LABELS)
        progress("cases", number, len(todo))
    result = CouchResult(out, tuple(cases[job.id] for job in jobs))
    run.finish(result.exit_code, cases=list(result.cases), labels=LABELS)
    return result


def _case(out: Path, job: Job) -> dict[str, Any]:
    """One case: read, looked at, written. A refusal is a record, not an error."""
    findings = list(job.findings)
    ml: dict[str, float | None] = {"body_ml": None, "couch_ml": None}
    place = None
    try:
        if worst(findings) is not Verdict.REFUSED:
            judged = job.judged("full")
            findings += judged.findings
        if worst(findings) is not Verdict.REFUSED:
            volume, body = judged.volume, judged.anatomy.body
            around = couch_mask(volume, body)
            findings += couch_findings(volume, body, around)
            ml = {
                key: round(float(np.count_nonzero(mask)) * volume.grid.voxel_ml, 1)
                for key, mask in (("body_ml", body), ("couch_ml", around))
            }
            place = _written(out, job.id, volume, body, around)
    except InputRefused as error:
        findings.append(Finding(error.code, Verdict.REFUSED, str(error)))
    told = {"verdict": worst(findings).word, "reason": reason(findings), "findings": [f.as_json() for f in findings]}
    return {"id": job.id, "series_uid": job.series_uid, "volume": place, **ml, **told}


def _written(out: Path, case: str, volume: Any, body: Any, around: Any) -> str:
    """Write a case's folder, whole or not at all; return where its volume is, below OUT."""
    from pleura.labels.nifti import write_labels, write_volume
    from pleura.page.planes import planes_png

    labels = body.astype(np.uint8)
    labels[around] = 2
    with atomic_folder(out / case) as folder:
        write_volume(folder / "volume.nii.gz", without_couch(volume, around))
        write_labels(folder / "couch.nii.gz", labels, volume.grid, SAID)
        planes_png(volume, labels, folder / "planes.png", outline="body orange, couch blue")
    return f"{case}/volume.nii.gz"

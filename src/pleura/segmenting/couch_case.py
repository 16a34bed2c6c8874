"""One case of `couch`: read, checked, separated and written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pleura.anatomy.couch import check_couch, couch_mask, without_couch
from pleura.core.atomic import atomic_folder
from pleura.core.errors import InputRefused
from pleura.core.faults import is_passing, refusal_of
from pleura.core.findings import Finding, Verdict, reason, worst
from pleura.segmenting.recipe import known_findings
from pleura.store.items import Done
from pleura.store.jobs import Job
from pleura.store.layout import COUCH_LABELS, COUCH_VOLUME, PLANES

LABELS_IN_WORDS = "1 body, 2 couch"


@dataclass(frozen=True)
class CouchRecipe:
    out: Path

    def open(self) -> Callable[[Job], Done]:
        return partial(_case, self.out)


def _case(out: Path, job: Job) -> Done:
    """One case: read, separated, written. A refusal is a record with the findings before it."""
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
        return Done(refused_couch(job, refusal_of(error), findings))
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


def refused_couch(
    job: Job, refusal: Finding, findings: Sequence[Finding] | None = None
) -> dict[str, Any]:
    return _record(job, [*known_findings(job, findings), refusal])


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

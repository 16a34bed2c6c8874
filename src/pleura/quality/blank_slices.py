"""Slices that hold nothing, wholly or from some row on: pixels that were lost on the way and filled up (pitfall 7)."""

import numpy as np
from numpy.typing import NDArray

from pleura.core.findings import Finding, Verdict
from pleura.geometry.volume import Volume

PATIENT_HU, LEAST_PATIENT = -500, 0.1
"""Rows of which a tenth is as dense as tissue show the patient."""
LEAST_ROWS = 1 / 32
"""Of a slice's rows, from which a blank end counts."""


def blank_findings(volume: Volume) -> tuple[Finding, ...]:
    """`BLANK-SLICES`: refused where slices are blank, or end in blank rows, while their neighbours show the patient there;
    review where the first or last slices are blank.

    Blank is one value throughout: what a copy that was broken off leaves of a file whose room had been taken beforehand.
    """
    rows = volume.hu.shape[1]
    blank_rows = np.array([_blank_rows(hu) for hu in volume.hu])
    whole = blank_rows == rows
    seen = np.flatnonzero(~whole)
    if len(seen) < 2:
        return ()
    lost = [k for k in range(seen[0], seen[-1] + 1) if _lost(volume, k, blank_rows)]
    if lost:
        where = ", ".join(str(k + 1) for k in lost[:5])
        text = f"{len(lost)} slice(s) are blank where their neighbours show the patient (slice {where}): fetch the series again"
        return (Finding("BLANK-SLICES", Verdict.REFUSED, text, {"n": len(lost)}),)
    ends = len(whole) - int(seen[-1] - seen[0] + 1)
    if ends:
        text = f"{ends} slice(s) at the ends are blank: is the rest the whole chest?"
        return (Finding("BLANK-SLICES", Verdict.REVIEW, text, {"n": ends}),)
    return ()


def _blank_rows(hu: NDArray[np.int16]) -> int:
    """How many of a slice's last rows hold its last value alone."""
    written = np.flatnonzero((hu != hu[-1, -1]).any(axis=1))
    return len(hu) - (int(written[-1]) + 1 if len(written) else 0)


def _lost(volume: Volume, k: int, blank_rows: NDArray[np.intp]) -> bool:
    """Whether the nearest slices below and above that are not as blank show the patient where slice `k` begins to be blank."""
    rows, blank = volume.hu.shape[1], int(blank_rows[k])
    if blank < max(2, LEAST_ROWS * rows):
        return False
    others = np.flatnonzero(blank_rows <= blank // 2)
    neighbours = [*others[others < k][-1:], *others[others > k][:1]]
    part = slice(rows - blank, rows - blank // 2)
    return bool(neighbours) and all(np.mean(volume.hu[j, part] > PATIENT_HU) >= LEAST_PATIENT for j in neighbours)

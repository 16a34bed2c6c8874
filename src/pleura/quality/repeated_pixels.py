"""Slices that hold the very pixels of the one before: lost on the way and filled up with what was there (pitfalls 4, 9)."""

import numpy as np

from pleura.core.findings import Finding, Verdict
from pleura.geometry.volume import Volume

LEAST_VALUES = 64
"""Values that a slice with a scanner's noise has, at least: it is never the same twice. Drawn pictures have fewer."""
MANY = 0.2
"""Of the slices, from which a stack was resampled to thinner ones rather than lost slices filled up."""


def repeated_findings(volume: Volume) -> tuple[Finding, ...]:
    """`SLICES-REPEATED`, refused: slices equal to the one before, voxel for voxel; to review, where they are many."""
    hu = volume.hu
    row = hu.shape[1] // 2
    likely = np.flatnonzero((hu[1:, row] == hu[:-1, row]).all(axis=1)) + 1
    repeated = [k for k in likely if np.array_equal(hu[k], hu[k - 1]) and len(np.unique(hu[k])) >= LEAST_VALUES]
    if not repeated:
        return ()
    where = ", ".join(str(k + 1) for k in repeated[:5])
    text = f"{len(repeated)} slice(s) repeat the pixels of the one before (slice {where})"
    if len(repeated) > MANY * len(hu):
        text += ": a stack resampled to thinner slices? the original is the measurement"
        return (Finding("SLICES-REPEATED", Verdict.REVIEW, text, {"n": len(repeated)}),)
    return (Finding("SLICES-REPEATED", Verdict.REFUSED, f"{text}: their own were lost; fetch again", {"n": len(repeated)}),)

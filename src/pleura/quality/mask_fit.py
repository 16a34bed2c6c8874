"""Whether a lung mask lies on the lungs of its volume, all of them, and on the right sides (pitfalls 15, 23 to 25)."""

import numpy as np
from numpy.typing import NDArray

from pleura.anatomy.couch import CHILD_MM, body_mask
from pleura.core.errors import InputRefused
from pleura.core.findings import Finding, Verdict
from pleura.geometry.morphology import box_of
from pleura.geometry.resample import coarse, shrink
from pleura.geometry.volume import LEFT, RIGHT, LungMask, Volume

AIRY_HU = (-965, -400)
"""Between open air and half-way to soft tissue: most of a lung lies here, whatever is ill in it."""
COARSE_MM = 3.0
FITS, PARTLY, MISSES = 0.9, 0.8, 0.5
"""Of a mask, what is airy and within the body: 0.93 and more in the real references here; less where much is ill."""
FLIPS = {0: "slices", 1: "rows", 2: "columns"}
LUNG_CM2, COVERED = 60.0, 0.5
"""Airy parts of a slice within the body that are no bowel, and of the slices that show them, how many a mask covers."""


def fit_findings(mask: LungMask, volume: Volume) -> tuple[Finding, ...]:
    """Hold a mask against the volume whose grid it is on, at 3 mm.

    Returns:
        `MASK-PARTLY-LUNG`, `MASK-ON-FEW-SLICES` (review), or nothing.

    Raises:
        InputRefused: `MASK-EMPTY`; `SIDES-EXCHANGED`, where what is called the right lung lies to the left of the left one;
            `MASK-FLIPPED`, where the mask fits only when its axes are; `MASK-NOT-LUNG`.
    """
    if not mask.lungs.any():
        raise InputRefused("the mask is empty; leave the file out for a case without reference", code="MASK-EMPTY")
    if mask.sided and _exchanged(mask):
        raise InputRefused(
            "what is called the right lung lies to the left of the other: the names are exchanged, or the mask or the "
            "patient is turned; name them anew",
            code="SIDES-EXCHANGED",
        )
    seen, upright, factors = coarse(volume, COARSE_MM)
    airy = (seen.hu > AIRY_HU[0]) & (seen.hu < AIRY_HU[1]) & _within(seen)
    lungs = shrink(upright.turn(mask.lungs), factors)
    here = float(lungs[airy].sum() / lungs.sum())
    if here < FITS:
        flipped = {name: float(np.flip(lungs, upright.axes.index(k))[airy].sum() / lungs.sum()) for k, name in FLIPS.items()}
        best = max(flipped, key=lambda name: flipped[name])
        if flipped[best] > max(here + 0.1, PARTLY):
            raise InputRefused(
                f"the mask fits only with its {best} flipped ({here:.0%} of it is lung, {flipped[best]:.0%} flipped); turn it",
                code="MASK-FLIPPED",
            )
    if here < MISSES:
        raise InputRefused(
            f"only {here:.0%} of the mask looks like lung: it does not lie on the lungs of this volume", code="MASK-NOT-LUNG"
        )
    findings = []
    if here < PARTLY:
        text = f"{here:.0%} of the mask looks like lung: is the rest ill, or does the mask lie beside the lungs?"
        findings.append(Finding("MASK-PARTLY-LUNG", Verdict.REVIEW, text, {"share": round(here, 3)}))
    shown = airy.sum(axis=(1, 2)) * seen.grid.spacing_mm[1] * seen.grid.spacing_mm[2] / 100 > LUNG_CM2
    covered = shown & (lungs > 0).any(axis=(1, 2))
    if covered.sum() < COVERED * shown.sum():
        text = f"the mask lies on {covered.sum()} of {shown.sum()} levels (3 mm) that show lung: is it a whole reference?"
        evidence = {"covered": int(covered.sum()), "shown": int(shown.sum())}
        findings.append(Finding("MASK-ON-FEW-SLICES", Verdict.REVIEW, text, evidence))
    return tuple(findings)


def _within(seen: Volume) -> NDArray[np.bool_]:
    """The body; everything, where it is so small that its wall may be too thin to be seen."""
    body = body_mask(seen)
    box = box_of(body)
    sizes = [0.0] if box is None else [(box[k].stop - box[k].start) * seen.grid.spacing_mm[k] for k in (1, 2)]
    return body if max(sizes) > CHILD_MM else np.ones(body.shape, np.bool_)


def _exchanged(mask: LungMask) -> bool:
    """Whether the right lung's centre lies further to the patient's left than the left lung's."""
    centres = []
    for side in (RIGHT, LEFT):
        one = mask.labels == side
        along = [one.sum(axis=tuple(k for k in range(3) if k != axis)) for axis in range(3)]
        if not along[0].sum():
            return False
        centre = [float(np.average(np.arange(len(counts)), weights=counts)) for counts in along]
        centres.append(float(mask.grid.to_world(centre)[0]))
    return centres[0] > centres[1]

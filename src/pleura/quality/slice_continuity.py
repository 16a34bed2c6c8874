"""Whether each slice goes with its neighbours: position and order, told by what slices show alone (pitfalls 8, 15)."""

import numpy as np
from numpy.typing import NDArray

from pleura.core.findings import Finding, Verdict
from pleura.geometry.resample import Upright, factors_for, shrink
from pleura.geometry.volume import Volume

COARSE_MM = 6.0
CLIP_HU = (-1000, 200)
ODD = 1.25
"""How far a slice is from the nearer of its neighbours, over how far these are from each other. In seven real series, whole and
thinned out to every twentieth slice, 0.81 at most; of slices from elsewhere, upside down or 100 HU off 1.7 to 33."""
SWAPPED = 0.85
"""How long the way through four slices is with the middle two exchanged, over how long it is. In the same series 1.13 at least;
where two had been exchanged, 0.66 at most."""
JUMP, LEAST_JUMP_HU = 3.0, 15.0
"""How far two slices are from each other, over how far the pairs below and above are. In even stacks of the same series 1.3 at
most, and 2.3 when thinned out; 4.4 and more where the rest was mirrored or turned, 2.3 to 5 where a tenth was lost."""
WIDE_MM, LEAST, LEAST_PIXELS = 15.0, 6, 256
"""Slices farther apart are like no neighbour anyway; and among fewer, or in fewer pixels at 6 mm, likeness is chance."""
MANY = 0.25
"""Of the slices, from which the order itself is wrong."""


def neighbour_findings(volume: Volume) -> tuple[Finding, ...]:
    """`SLICES-OUT-OF-PLACE`: slices that are unlike both their neighbours although these are alike, that go together better
    when exchanged, or between which the picture jumps. Review, for metal and motion do so too; refused where there are many.
    Axial stacks alone are judged: a coronal slice along the couch is like no other.
    """
    if Upright.of(volume.grid).axes[0] != 0 or volume.grid.spacing_mm[0] > WIDE_MM or len(volume.hu) < LEAST:
        return ()
    few = _few(volume)
    if few[0].size < LEAST_PIXELS:
        return ()
    near, far = (np.abs(few[step:] - few[:-step]).mean(axis=(1, 2)) for step in (1, 2))
    odd = np.minimum(near[:-1], near[1:]) > ODD * np.maximum(far, 1.0)
    swapped = far[:-1] + far[1:] < SWAPPED * (near[:-2] + near[2:])
    jumps = _jumps(near) if volume.grid.is_even else np.array([], np.intp)
    strange = sorted({*(np.flatnonzero(odd) + 2), *(np.flatnonzero(swapped) + 2), *(np.flatnonzero(swapped) + 3)})
    if not strange:
        return _jumped(jumps)
    where = ", ".join(str(number) for number in strange[:5])
    if len(strange) > MANY * len(few):
        text = f"{len(strange)} of {len(few)} slices are unlike their neighbours (slice {where}): positions are shuffled"
        return (Finding("SLICES-OUT-OF-PLACE", Verdict.REFUSED, f"{text}; export again", {"n": len(strange)}),)
    text = (
        f"{len(strange)} slice(s) are unlike their neighbours (slice {where}): of another place, turned, or metal and motion?"
    )
    return (Finding("SLICES-OUT-OF-PLACE", Verdict.REVIEW, text, {"n": len(strange)}),)


def _jumps(near: NDArray[np.float32]) -> NDArray[np.intp]:
    """Numbers of the slices, from 1, after which the picture jumps."""
    usual = np.maximum(near[:-2], near[2:])
    return np.flatnonzero((near[1:-1] > JUMP * usual) & (near[1:-1] > LEAST_JUMP_HU)) + 2


def _jumped(jumps: NDArray[np.intp]) -> tuple[Finding, ...]:
    if not len(jumps):
        return ()
    where = ", ".join(str(number) for number in jumps[:5])
    text = f"the picture jumps after slice {where}: slices lost or turned, two scans joined, or the patient moved?"
    return (Finding("SLICES-OUT-OF-PLACE", Verdict.REVIEW, text, {"jumps": len(jumps)}),)


def _few(volume: Volume) -> NDArray[np.float32]:
    """All slices at 6 mm or so, of every other pixel where these are small, clipped to what differs between air and tissue."""
    step = 2 if max(volume.grid.spacing_mm[1:]) < COARSE_MM / 4 else 1
    hu = volume.hu[:, ::step, ::step]
    if volume.padding is not None:
        hu = np.where(volume.padding[:, ::step, ::step], np.int16(CLIP_HU[0]), hu)
    _, rows, columns = factors_for(volume.grid.spacing_mm, COARSE_MM / step)
    return shrink(hu, (1, rows, columns)).clip(*CLIP_HU)

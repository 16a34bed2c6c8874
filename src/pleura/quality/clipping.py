"""What the ends of a volume's values tell: a window baked in, dense matter that wrapped around (pitfalls 19, 21)."""

import numpy as np
from numpy.typing import NDArray

from pleura.core.findings import Finding, Verdict
from pleura.geometry.volume import NO_TISSUE_HU, Volume

DENSEST = 1000
"""HU; every chest has bone that is denser than the densest value of a window for lung or soft tissue."""
LEAST_SPIKE, SPIKE, BELOW = 0.002, 10, 20
"""Of all voxels, those at the very end of a window; how many times the mean of as many values below it that is."""
SPAN, NEAR, BONE = 4096, 600, 500
"""HU: what 12 bits hold; how far neighbours in bone or metal are from each other; and where bone begins."""
LEAST, MOSTLY, LOOKED_AT = 20, 0.5, 20_000


def ends_findings(volume: Volume, counts: NDArray[np.int64]) -> tuple[Finding, ...]:
    """`VALUES-CLIPPED`, `VALUES-WRAPPED` (review); nothing where values end as they should.

    Args:
        volume: CT, HU.
        counts: voxels of every int16 value but padding; index 0 is −32768.
    """
    return (*_clipped(counts), *_wrapped(volume, counts))


def _clipped(counts: NDArray[np.int64]) -> tuple[Finding, ...]:
    """Values that end below bone, many at the very end, where noise would let them run out."""
    top = int(np.flatnonzero(counts)[-1])
    below = counts[top - BELOW : top]
    spike = counts[top] > max(LEAST_SPIKE * counts.sum(), SPIKE * below.mean())
    if top - 32768 > DENSEST or not spike or np.mean(below > 0) < MOSTLY:
        return ()
    text = f"values end at {top - 32768} HU, where {100 * counts[top] / counts.sum():.1f} % lie: a window was baked in, which "
    return (
        Finding("VALUES-CLIPPED", Verdict.REVIEW, f"{text}took bone away; export the original series", {"hu": top - 32768}),
    )


def _wrapped(volume: Volume, counts: NDArray[np.int64]) -> tuple[Finding, ...]:
    """Voxels far below air amid bone or metal, which they would belong to with what 12 bits hold added."""
    if counts[: NO_TISSUE_HU + 32768].sum() < LEAST:
        return ()
    hu = volume.hu
    low = hu < NO_TISSUE_HU
    if volume.padding is not None:
        low &= ~volume.padding
    k, i, j = (axis[:LOOKED_AT] + offset for axis, offset in zip(np.nonzero(low[:, 1:-1, 1:-1]), (0, 1, 1), strict=True))
    around = [(k, i + di, j + dj) for di, dj in ((-1, 0), (1, 0), (0, -1), (0, 1))]
    seen = np.array([np.where(low[at], np.int16(-32768), hu[at]) for at in around])  # of neighbours that are not low
    rim = (seen > -32768).any(axis=0)
    dense = ((seen > BONE) & (np.abs(hu[k, i, j].astype(np.int32) + SPAN - seen) <= NEAR)).any(axis=0)
    count = int(dense.sum())
    if count < LEAST or count < MOSTLY * int(rim.sum()):
        return ()
    text = f"{int(low.sum())} voxels far below air lie amid bone or metal: values wrapped around, for PixelRepresentation or "
    return (Finding("VALUES-WRAPPED", Verdict.REVIEW, f"{text}BitsStored is wrong; export again", {"n": int(low.sum())}),)

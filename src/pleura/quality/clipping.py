"""Ends of a volume's values: clipped by a display window, wrapped around, lost in an overflow."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.codes import finding
from pleura.core.findings import Finding
from pleura.geometry import hu as landmarks
from pleura.geometry.volume import Volume
from pleura.quality import thresholds as t


def check_ends(volume: Volume, counts: NDArray[np.int64]) -> tuple[Finding, ...]:
    """Check both ends of a volume's values: `VALUES-CLIPPED`, `VALUES-WRAPPED`, `VALUES-OVERFLOW`
    (review).

    Args:
        volume: CT in HU.
        counts: voxels of every int16 value without padding; index 0 is -32768.
    """
    return (*_clipped(counts), *(_wrapped(volume, counts) or _overflowed(counts)))


def _clipped(counts: NDArray[np.int64]) -> tuple[Finding, ...]:
    """Whether values end below bone with many at the highest one, where noise would taper off."""
    top = int(np.flatnonzero(counts)[-1])
    highest = top - 32768
    below = counts[top - t.BELOW_SPIKE_HU : top]
    spike = counts[top] > max(t.LEAST_SPIKE * counts.sum(), t.SPIKE_RATIO * below.mean())
    if highest > landmarks.DENSEST_OF_A_CHEST or not spike or np.mean(below > 0) < t.MOST_OF:
        return ()
    percent = round(100 * float(counts[top]) / float(counts.sum()), 1)
    return (finding("VALUES-CLIPPED", hu=highest, percent=percent),)


def _wrapped(volume: Volume, counts: NDArray[np.int64]) -> tuple[Finding, ...]:
    """Voxels below air that matter surrounds: metal and dense bone whose values wrapped around."""
    wrapped = max(_wrapped_in_bone(volume, counts), _wrapped_in_tissue(volume, counts))
    return (finding("VALUES-WRAPPED", n=wrapped),) if wrapped else ()


def _overflowed(counts: NDArray[np.int64]) -> tuple[Finding, ...]:
    """Whether values end where 12 bits do, though more of them must lie above.

    A scanner that cannot store a value stores the highest one, where these voxels then gather.
    Where they do not, and values become fewer too slowly towards the end for it to be their own,
    those above wrapped around, to whatever: air, lung or tissue.
    """
    top = int(np.flatnonzero(counts)[-1])
    highest = top - 32768
    limit = next((end for end in t.TWELVE_BIT_ENDS_HU if 0 <= end - highest <= t.NEAR_END_HU), None)
    if limit is None:
        return ()
    end = limit + 32768 + 1
    last = int(counts[end - t.LAST_HU : end].sum())
    before = int(counts[end - 2 * t.LAST_HU : end - t.LAST_HU].sum())
    gathered = counts[top] > t.GATHERED * last / t.LAST_HU + 1
    expected = last * last / max(before, last)
    if gathered or expected < t.LEAST_EXPECTED:
        return ()
    return (finding("VALUES-OVERFLOW", hu=limit),)


def _wrapped_in_bone(volume: Volume, counts: NDArray[np.int64]) -> int:
    """Voxels far below air, if most fit between bone or metal with the range of 12 bits added."""
    if counts[: landmarks.NO_MATTER + 32768].sum() < t.LEAST_WRAPPED:
        return 0
    hu = volume.hu
    inner, lows = _low_voxels(volume)
    k, i, j = inner[:, 0], inner[:, 1] + 1, inner[:, 2] + 1
    around = [(k, i - 1, j), (k, i + 1, j), (k, i, j - 1), (k, i, j + 1)]
    nothing = np.int16(-32768)  # for neighbours that are low themselves
    neighbours = np.array([np.where(_is_low(volume, at), nothing, hu[at]) for at in around])
    unwrapped = hu[k, i, j].astype(np.int32) + t.TWELVE_BITS
    fits = (neighbours > landmarks.CORTICAL_BONE) & (
        np.abs(unwrapped - neighbours) <= t.NEIGHBOUR_HU
    )
    wrapped = int(fits.any(axis=0).sum())
    at_rim = int((neighbours > nothing).any(axis=0).sum())
    return lows if wrapped >= max(t.LEAST_WRAPPED, t.MOST_OF * at_rim) else 0


def _wrapped_in_tissue(volume: Volume, counts: NDArray[np.int64]) -> int:
    """Voxels below air in patches that soft tissue or bone surrounds without a rim.

    Gas has a rim of partial volume; metal with sharp edges has none when its values wrap around.
    """
    if counts[: landmarks.LOWEST_AIR + 32768].sum() < t.LEAST_WRAPPED:
        return 0
    found = 0
    for k, hu in enumerate(volume.hu):
        low = hu < landmarks.LOWEST_AIR
        if volume.padding is not None:
            low &= ~volume.padding[k]
        matter = hu > landmarks.COARSE_SOLID
        if (low[:, :-1] & matter[:, 1:]).any():
            patches = _between(low, matter) & _between(low.T, matter.T).T
            found += int(np.count_nonzero(patches))
    return found if found >= t.LEAST_WRAPPED else 0


def _between(low: NDArray[np.bool_], matter: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Low pixels of runs along a row of at least `LEAST_RUN`, with matter at both ends."""
    steps = np.diff(low.astype(np.int8), axis=1, prepend=0, append=0)
    rows, starts = np.nonzero(steps == 1)
    ends = np.nonzero(steps == -1)[1]
    last = low.shape[1] - 1
    inside = (starts > 0) & (ends <= last) & (ends - starts >= t.LEAST_RUN)
    inside &= matter[rows, np.maximum(starts - 1, 0)] & matter[rows, np.minimum(ends, last)]
    found = np.zeros_like(low)
    for row, start, end in zip(rows[inside], starts[inside], ends[inside], strict=True):
        found[row, start:end] = True
    return found


def _low_voxels(volume: Volume) -> tuple[NDArray[np.intp], int]:
    """The first voxels below anything in a body, as indices of slices without their outermost rows
    and columns; and how many low voxels there are in all.
    """
    first: list[NDArray[np.intp]] = []
    missing, lows = t.MOST_EXAMINED, 0
    for k in range(len(volume.hu)):
        low = _is_low(volume, k)
        lows += int(np.count_nonzero(low))
        if missing > 0:
            at = np.argwhere(low[1:-1, 1:-1])[:missing]
            first.append(np.insert(at, 0, k, axis=1))
            missing -= len(at)
    return np.concatenate(first), lows


def _is_low(volume: Volume, at: Any) -> NDArray[np.bool_]:
    """Which voxels of an index into the volume are below anything in a body, and not padding."""
    low: NDArray[np.bool_] = volume.hu[at] < landmarks.NO_MATTER
    return low if volume.padding is None else low & ~volume.padding[at]

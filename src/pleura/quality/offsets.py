"""HU offsets that are certain: a RescaleIntercept left out or applied twice (1000, 1024, 2048)."""

import numpy as np
from numpy.typing import NDArray

from pleura.geometry import hu as landmarks
from pleura.quality import thresholds as t

Counts = NDArray[np.int64]
"""Voxels of every int16 value; index 0 is -32768."""


def share(counts: Counts, low: int, high: int) -> float:
    """The share of voxels from `low` HU to `high` HU, end-exclusive."""
    first, last = (min(max(end + 32768, 0), 65536) for end in (low, high))
    return float(counts[first:last].sum()) / max(1, int(counts.sum()))


def certain_offset(counts: Counts) -> int | None:
    """The one offset that certainly explains the values, to be added to them; or `None`.

    Between 1000 and 1024 the floor at which a scanner clipped air decides, where there is one; else
    the offset that brings air clearly nearer to -1000.
    """
    certain = [offset for offset in t.USUAL_OFFSETS_HU if _is_certain(counts, offset)]
    if len({round(offset, -3) for offset in certain}) != 1:
        return None
    if len(certain) == 1:
        return certain[0]
    floor, rises = _clipping_floor(counts, certain)
    if floor is not None:
        fitting = [offset for offset in certain if floor == _stored_zero(offset)]
        usual = [offset for offset in fitting if abs(offset) % 1024 == 0]
        if len(usual) == 1 and (rises or len(fitting) == 1):
            return usual[0]
        return None
    near, far = sorted(certain, key=lambda offset: _air_error(counts, offset))
    margin = _air_error(counts, far) - _air_error(counts, near)
    if margin >= t.CLEARLY_NEARER_HU:
        return near
    return None


def air_centre(counts: Counts, offset: int) -> int:
    """The median of air with `offset` added, without the lowest value, to which scanners clip."""
    reach = t.AIR_TOLERANCE_HU + t.AIR_MARGIN_HU
    start = max(0, landmarks.AIR - reach - offset + 32768)
    air = counts[start : max(start + 1, landmarks.AIR + reach - offset + 32768)].copy()
    lowest = int(np.argmax(air > 0))
    if air.sum() > air[lowest]:
        air[lowest] = 0
    return int(np.searchsorted(np.cumsum(air), air.sum() / 2)) + start - 32768 + offset


def _air_error(counts: Counts, offset: int) -> int:
    return abs(air_centre(counts, offset) - landmarks.AIR)


def _is_certain(counts: Counts, offset: int) -> bool:
    """Whether adding `offset` certainly makes these values HU."""
    air = share(counts, t.AIR_BAND_HU[0] - offset, t.AIR_BAND_HU[1] - offset)
    tissue = share(counts, t.TISSUE_BAND_HU[0] - offset, t.TISSUE_BAND_HU[1] - offset)
    dense = share(counts, landmarks.DENSE - offset, 32768 - offset)
    below = counts[: max(0, landmarks.NOISE_FLOOR - offset + 32768)]
    stray = int(below.sum()) - int(below.max(initial=0))  # a single value is padding
    return (
        air >= t.CLEAR_AIR
        and tissue >= t.CLEAR_TISSUE
        and dense <= t.MOST_DENSE
        and stray <= t.MOST_BELOW_AIR * counts.sum()
        and _air_error(counts, offset) <= t.AIR_TOLERANCE_HU
    )


def _stored_zero(offset: int) -> int:
    """The current value of voxels that are stored as 0.

    It is 0 where the intercept was left out, and twice the intercept where it was applied twice.
    """
    if offset < 0:
        return 0
    return -2 * offset


def _clipping_floor(counts: Counts, candidates: list[int]) -> tuple[int | None, bool]:
    """The lowest value of air where a scanner clipped stored values at 0, or `None`.

    The second value tells whether air becomes more frequent above it. It does above a floor at
    -1024, not above one at -1000.
    """
    reach = t.AIR_TOLERANCE_HU + t.AIR_MARGIN_HU
    low = max(0, landmarks.AIR - reach - max(candidates) + 32768)
    high = max(0, landmarks.AIR + reach - min(candidates) + 32768)
    air = counts[low:high].astype(np.float64)
    lowest = int(np.argmax(air > 0))
    if air[lowest] < t.LEAST_FLOOR * air.sum():
        return None, False
    above = np.convolve(air[lowest + 1 :], np.ones(7) / 7, "valid")
    return lowest + low - 32768, bool(np.argmax(above) + 4 >= t.FLOOR_RISE_HU)

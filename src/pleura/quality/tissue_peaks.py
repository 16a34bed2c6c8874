"""Where air, fat and muscle lie in a volume's values, and whether that is where they lie in a body (pitfalls 17, 21)."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pleura.core.findings import Finding, Verdict
from pleura.geometry.resample import factors_for, shrink
from pleura.geometry.volume import Volume

COARSE_MM = 3.0
MOST_SLICES = 48
"""Means over 3 mm have little noise left, and some slices are enough for peaks."""
AIR_SEEN, LEAST_AIR_SEEN = (-1050, -940), 0.002
"""Air around a patient, or in the trachea alone, puts more than this part of the voxels here."""
LOWEST_AIR = -1060
FAT, MUSCLE = (-135, -65), (-20, 120)
"""Peaks of six real series, of four vendors' kernels, contrast and liver included: −107 to −77, and 47 to 97. Water is 0."""
LEAST_VOXELS = 20_000
"""At 3 mm: half a litre. In fewer, peaks are chance."""
LEAST_MUSCLE = 35
"""Muscle's peak lies above; what lies lower, and above fat, is fat that was shifted."""
BIN_HU, LEAST_PEAK = 5, 0.1
"""Of the highest peak, what one must stand out by to be one."""
UNDER_FAT, OVER_MUSCLE = (-310, -150), (120, 330)
"""Where no body has a peak; and where it has one of contrast beside those of fat and muscle, never instead of fat."""
RIM, CORE = 0.42, 0.25
"""Distance from the centre, as a part of the field: without the patient, or in the midst of one."""


def strange(volume: Volume, counts: NDArray[np.int64]) -> Finding | None:
    """`NOT-HU`, where a volume's values contradict HU; `None` where nothing does.

    Args:
        volume: CT as it is taken to be, HU.
        counts: voxels of every int16 value but padding; index 0 is −32768.
    """
    seen = counts[AIR_SEEN[0] + 32768 : AIR_SEEN[1] + 32768].sum() / max(1, counts.sum())
    air = _lowest_peak(counts)
    if air is not None and air < LOWEST_AIR:
        return _not_hu(f"air lies at {air}, {air + 1000:+d} from where it should", air_hu=air)
    if seen < LEAST_AIR_SEEN:
        return _not_hu(
            "there is no air at -1000, neither around the patient nor in the airways", air_share=round(float(seen), 4)
        )
    coarse = _coarse(volume)
    if _inside_out(*coarse):
        return _not_hu("they are inverted, for what surrounds the patient is denser than the patient")
    peaks = dict(_tissue_peaks(*coarse))
    if peaks and not _is_body(peaks):
        told = " and ".join(f"{peak:d}" for peak in sorted(peaks))
        return _not_hu(f"soft tissue lies at {told}, where fat is near -100 and muscle near 50", peaks_hu=sorted(peaks))
    return None


def _not_hu(why: str, **evidence: object) -> Finding:
    text = f"the values are not HU: {why}; RescaleSlope or RescaleIntercept is wrong: export the original series"
    return Finding("NOT-HU", Verdict.REFUSED, text, evidence)


def _lowest_peak(counts: NDArray[np.int64]) -> int | None:
    """The most frequent value from −1400 to −940, single values that stick out (clipping, padding) left aside."""
    part = counts[-1400 + 32768 : -940 + 32768].astype(np.float64)
    around = np.median(np.lib.stride_tricks.sliding_window_view(np.pad(part, 5, mode="edge"), 11), axis=1)
    part = np.where(part > 4 * around + 5, around, part)
    peak = int(np.argmax(np.convolve(part, np.ones(21), "same")))
    near = part[max(0, peak - 25) : peak + 26].sum()
    return peak - 1400 if near >= 0.03 * counts.sum() else None


def _coarse(volume: Volume) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Some slices at 3 mm, and which of their pixels are mostly padding."""
    step = -(-len(volume.hu) // MOST_SLICES)
    factors = (1, *factors_for(volume.grid.spacing_mm, COARSE_MM)[1:])
    if volume.padding is None:
        hu = shrink(volume.hu[::step], factors)
        return hu, np.zeros(hu.shape, np.bool_)
    hidden = volume.padding[::step]
    return shrink(np.where(hidden, np.int16(-1024), volume.hu[::step]), factors), shrink(hidden, factors) > 0.01


def _inside_out(hu: NDArray[np.float32], hidden: NDArray[np.bool_]) -> bool:
    """Whether the rim of the field is tissue by its values where the midst of it is air."""
    rows, columns = (np.abs(np.arange(n) - (n - 1) / 2) / n for n in hu.shape[1:])
    away = np.hypot(rows[:, None], columns[None, :])
    shares = []
    for place in (away > RIM, away < CORE):
        values = hu[:, place][~hidden[:, place]]
        shares.append((np.mean(values < -940), np.mean(np.abs(values) < 200)) if values.size else (0.0, 0.0))
    (rim_air, rim_tissue), (core_air, core_tissue) = shares
    return bool(rim_tissue > rim_air and core_air > core_tissue and core_air > 0.25)


def _tissue_peaks(hu: NDArray[np.float32], hidden: NDArray[np.bool_]) -> Iterator[tuple[int, float]]:
    """Peaks from −350 to 350 HU that stand out, and their heights."""
    if np.count_nonzero(~hidden) < LEAST_VOXELS:
        return
    ends = np.arange(-400, 401, BIN_HU)
    heights = np.histogram(hu[~hidden], ends)[0].astype(np.float64)
    heights = np.convolve(heights, np.array([1, 2, 3, 2, 1]) / 9, "same")
    for index in np.flatnonzero((heights[1:-1] > heights[:-2]) & (heights[1:-1] >= heights[2:])) + 1:
        middle = int(ends[index]) + BIN_HU // 2
        if abs(middle) <= 350 and _prominence(heights, int(index)) >= LEAST_PEAK * heights.max():
            yield middle, float(heights[index])


def _prominence(heights: NDArray[np.float64], index: int) -> float:
    """How far one must come down from a peak to reach a higher one. By hand: scipy.signal takes as long to import as a scan."""
    deepest = []
    for side in (heights[index::-1], heights[index:]):
        higher = np.flatnonzero(side > heights[index])
        deepest.append(float(side[: higher[0] if len(higher) else None].min()))
    return float(heights[index]) - max(deepest)


def _is_body(peaks: dict[int, float]) -> bool:
    """Whether these are the peaks of fat, muscle and what is like them."""

    def any_in(band: tuple[int, int]) -> bool:
        return any(band[0] <= peak <= band[1] for peak in peaks)

    highest = max(peaks, key=lambda peak: peaks[peak])
    stretched = any_in(OVER_MUSCLE) and not any_in(FAT) and min(peaks) < LEAST_MUSCLE  # else contrast in a field without fat
    in_place = FAT[0] <= highest <= FAT[1] or MUSCLE[0] <= highest <= MUSCLE[1]
    return in_place and not any_in(UNDER_FAT) and not stretched

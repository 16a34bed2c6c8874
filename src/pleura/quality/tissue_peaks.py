"""Find the peaks of air, fat and muscle among a volume's values, and compare them with a body's."""

import numpy as np
from numpy.typing import NDArray

from pleura.core.codes import finding
from pleura.core.findings import Finding
from pleura.geometry import hu as landmarks
from pleura.geometry.resample import factors_for, shrink
from pleura.geometry.volume import Volume
from pleura.quality import thresholds as t


def check_peaks(volume: Volume, counts: NDArray[np.int64]) -> Finding | None:
    """`NOT-HU`, where a volume's values contradict HU, else `None`.

    Args:
        volume: CT whose values are taken for HU.
        counts: voxels of every int16 value without padding; index 0 is -32768.
    """
    air = _air_peak(counts)
    if air is not None and air < landmarks.LOWEST_AIR:
        return finding("NOT-HU", why=f"air is at {air} HU, expected {landmarks.AIR}", air_hu=air)
    in_band = counts[t.AIR_SEEN_HU[0] + 32768 : t.AIR_SEEN_HU[1] + 32768].sum() / max(
        1, counts.sum()
    )
    if in_band < t.LEAST_AIR_SEEN:
        why = "there is no air at -1000 HU, neither around the patient nor in the airways"
        return finding("NOT-HU", why=why, air_share=round(float(in_band), 4))
    coarse, hidden = _coarse(volume)
    if _is_inverted(coarse, hidden):
        return finding(
            "NOT-HU", why="they are inverted: what surrounds the patient is denser than the patient"
        )
    peaks = tissue_peaks(coarse[~hidden])
    if peaks and not _is_body(peaks) and not _is_body_without_noise(coarse, hidden):
        listed = " and ".join(f"{peak:d}" for peak in sorted(peaks))
        why = f"soft tissue peaks at {listed} HU; expected fat near -100 and muscle near 50 HU"
        return finding("NOT-HU", why=why, peaks_hu=sorted(peaks))
    return None


def tissue_peaks(values: NDArray[np.float32]) -> dict[int, float]:
    """Peaks of soft tissue in a histogram of coarse voxels, HU to height; empty for few voxels."""
    if values.size < t.LEAST_BODY_VOXELS:
        return {}
    margin = t.PEAK_RANGE_HU + 10 * t.PEAK_BIN_HU
    ends = np.arange(-margin, margin + 1, t.PEAK_BIN_HU)
    near = values[np.abs(values) < margin]
    bins = ((near + margin) / t.PEAK_BIN_HU).astype(np.intp)  # np.histogram takes twice as long
    heights = np.bincount(bins, minlength=len(ends) - 1).astype(np.float64)
    heights = np.convolve(heights, np.array([1, 2, 3, 2, 1]) / 9, "same")
    peaks = {}
    for k in np.flatnonzero((heights[1:-1] > heights[:-2]) & (heights[1:-1] >= heights[2:])) + 1:
        hu = int(ends[k]) + t.PEAK_BIN_HU // 2
        if (
            abs(hu) <= t.PEAK_RANGE_HU
            and _prominence(heights, int(k)) >= t.LEAST_PROMINENCE * heights.max()
        ):
            peaks[hu] = float(heights[k])
    return peaks


def _prominence(heights: NDArray[np.float64], k: int) -> float:
    """How far one must descend from a peak to reach a higher one.

    The same as scipy.signal.peak_prominences. Importing scipy.signal costs three times as much as
    scipy.ndimage (1.2 s against 0.4 s of CPU on the machine of bench/gate.py), which is as long as
    scanning a series.
    """
    deepest = []
    for side in (heights[k::-1], heights[k:]):
        higher = np.flatnonzero(side > heights[k])
        end = higher[0] if len(higher) else None
        deepest.append(float(side[:end].min()))
    return float(heights[k]) - max(deepest)


def _air_peak(counts: NDArray[np.int64]) -> int | None:
    """The most frequent value near air or below, or `None`, without single clipped values."""
    low, high = t.AIR_PEAK_HU
    part = counts[low + 32768 : high + 32768].astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(part, 5, mode="edge"), 11)
    around = np.median(windows, axis=1)
    part = np.where(part > 4 * around + 5, around, part)
    peak = int(np.argmax(np.convolve(part, np.ones(21), "same")))
    near = part[max(0, peak - t.AIR_PEAK_WIDTH_HU) : peak + t.AIR_PEAK_WIDTH_HU + 1].sum()
    if near >= t.LEAST_AIR_PEAK * counts.sum():
        return peak + low
    return None


def _coarse(volume: Volume) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Some slices at 3 mm, and which of their pixels contain padding."""
    step = -(-len(volume.hu) // t.PEAK_SLICES)
    factors = (1, *factors_for(volume.grid.spacing_mm, t.PEAK_MM)[1:])
    if volume.padding is None:
        hu = shrink(volume.hu[::step], factors)
        return hu, np.zeros(hu.shape, np.bool_)
    hidden = volume.padding[::step]
    hu = shrink(np.where(hidden, np.int16(landmarks.AIR_FILL), volume.hu[::step]), factors)
    return hu, shrink(hidden, factors) > t.HIDDEN_SHARE


def _is_inverted(hu: NDArray[np.float32], hidden: NDArray[np.bool_]) -> bool:
    """Whether the rim of the field has the values of tissue while its core has those of air."""
    rows, columns = (np.abs(np.arange(n) - (n - 1) / 2) / n for n in hu.shape[1:])
    distance = np.hypot(rows[:, None], columns[None, :])
    rim_air, rim_tissue = _air_and_tissue(hu, hidden, distance > t.RIM_RADIUS)
    core_air, core_tissue = _air_and_tissue(hu, hidden, distance < t.CORE_RADIUS)
    return bool(rim_tissue > rim_air and core_air > core_tissue and core_air > 0.25)


def _air_and_tissue(
    hu: NDArray[np.float32], hidden: NDArray[np.bool_], part: NDArray[np.bool_]
) -> tuple[float, float]:
    """Shares of air and of soft tissue among the visible pixels of a part of each slice."""
    values = hu[:, part][~hidden[:, part]]
    if not values.size:
        return 0.0, 0.0
    tissue = (values > t.TISSUE_BAND_HU[0]) & (values < t.TISSUE_BAND_HU[1])
    return float(np.mean(values < landmarks.HIGHEST_AIR)), float(np.mean(tissue))


def _is_body(peaks: dict[int, float]) -> bool:
    """Whether these are the peaks of fat, muscle and the like."""
    highest = max(peaks, key=lambda peak: peaks[peak])
    in_place = _within(highest, landmarks.FAT) or _within(highest, landmarks.MUSCLE)
    has_fat = any(_within(peak, landmarks.FAT) for peak in peaks)
    under_fat = any(_within(peak, t.UNDER_FAT_HU) for peak in peaks)
    over_muscle = any(_within(peak, t.OVER_MUSCLE_HU) for peak in peaks)
    # otherwise it is contrast in a field without fat
    stretched = over_muscle and not has_fat and min(peaks) < t.LEAST_MUSCLE_HU
    return in_place and not under_fat and not stretched


def _is_body_without_noise(hu: NDArray[np.float32], hidden: NDArray[np.bool_]) -> bool:
    """Whether means over twice as wide pixels have the peaks of a body.

    The noise of a low dose merges those of fat and muscle at 3 mm.
    """
    wider = shrink(hu, (1, 2, 2))[shrink(hidden, (1, 2, 2)) == 0]
    peaks = tissue_peaks(wider)
    return bool(peaks) and _is_body(peaks)


def _within(hu: int, band: tuple[int, int]) -> bool:
    return band[0] <= hu <= band[1]

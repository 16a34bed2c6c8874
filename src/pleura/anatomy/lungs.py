"""Clean a raw mask, of a network or of a threshold, so that it has lungs only."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.anatomy import thresholds as t
from pleura.anatomy.airways import airways
from pleura.anatomy.couch import body_mask
from pleura.geometry import hu as landmarks
from pleura.geometry.morphology import (
    box_of,
    boxes_of,
    components,
    dilated,
    eroded,
    holes_filled,
    present,
    slice_holes_filled,
)
from pleura.geometry.resample import Upright
from pleura.geometry.volume import Volume

Bool = NDArray[np.bool_]
Spacing = tuple[float, float, float]


def clean_lungs(
    raw: Bool, volume: Volume, *, body: Bool | None = None, tube: Bool | None = None
) -> Bool:
    """Remove from a raw mask what cannot be lung, and fill vessels within the lungs.

    Removed are, in this order: voxels outside the body and padding; the lumen of trachea and main
    bronchi; bubbles of gas (bowel), recognised by the median of their cores, even where a thin leak
    joins them to the lung; specks (26-connected parts under 20 ml and under a tenth of the
    largest); and slices without aerated lung at the upper and lower ends. Then cavities are filled
    in three dimensions, and axial holes up to 350 mm². The convention is that of RTOG 1106 and
    LCTSC: vessels and bronchi inside the lung belong to it; trachea, main bronchi and hilum do not.

    Args:
        raw: bool `[slice, row, column]`, the raw mask on the volume's grid.
        volume: the CT in HU.
        body: the body mask, where it is known already (`couch.body_mask`).
        tube: the airways, where they are known already (`airways.airways`).

    Returns:
        bool of the same shape; empty where nothing is lung.
    """
    body = body_mask(volume) if body is None else body
    tube = airways(volume, body) if tube is None else tube
    upright = Upright.of(volume.grid)
    spacing = upright.spacing_mm
    result = np.zeros(raw.shape, dtype=np.bool_)
    candidate = upright.turn(raw & body & ~tube)
    box = box_of(candidate, margin=1)
    if box is None:
        return result
    hu = upright.turn(volume.hu)[box]
    lungs = _without_foreign(candidate[box], hu, spacing, volume.grid.voxel_ml)
    lungs = _trimmed(lungs, hu, spacing)
    lungs = holes_filled(lungs)
    lungs = slice_holes_filled(lungs, spacing[1] * spacing[2], t.HOLE_MM2)
    upright.turn(result)[box] = lungs & upright.turn(body)[box]
    return result


def _without_foreign(mask: Bool, hu: NDArray[np.int16], spacing: Spacing, voxel_ml: float) -> Bool:
    """The mask without bubbles of gas, solid parts and specks. Arrays are upright."""
    radius = max(t.CORE_MM, 1.01 * max(spacing[1:]))
    # parts that touch at a corner are joined by a leak
    labels, counts = components(eroded(mask, spacing, radius), connectivity=6)
    if len(counts) < 2:
        return np.zeros_like(mask)
    foreign = _foreign_cores(labels, counts, hu, 1.0 / voxel_ml)
    if foreign.any():
        mask = mask & ~_territory(labels, foreign, spacing, radius)
        labels[foreign[labels]] = 0
    parts, sizes = components(
        mask, connectivity=26
    )  # thin recesses are connected by edges and corners
    keep = np.zeros(len(sizes), dtype=np.bool_)
    keep[present(parts[labels > 0])] = True
    keep[0] = False
    if keep.any():
        largest = float(sizes[keep].max())
        keep &= sizes >= min(t.SMALLEST_ML / voxel_ml, t.SMALLEST_SHARE * largest)
    return keep[parts]


def _territory(labels: NDArray[Any], foreign: Bool, spacing: Spacing, radius: float) -> Bool:
    """Voxels that grow back around foreign cores and are not within reach of a core of lung."""
    cores = foreign[labels]
    result = np.zeros_like(cores)
    reach = radius + 2.0
    box = box_of(cores, margin=int(np.ceil(reach / min(spacing))) + 1)
    if box is not None:
        good = (labels[box] > 0) & ~cores[box]
        result[box] = (
            dilated(cores[box], spacing, reach) & ~dilated(good, spacing, radius + 1.0)
        ) | cores[box]
    return result


def _foreign_cores(
    labels: NDArray[Any], counts: NDArray[np.int64], hu: NDArray[np.int16], ml: float
) -> Bool:
    """Which cores are gas or solid, by label; cores under 1 ml (`ml`) go with their part."""
    medians = np.full(len(counts), np.nan)
    for label, box in boxes_of(labels):
        if counts[label] >= ml:
            medians[label] = np.median(hu[box][labels[box] == label])
    inflated = np.flatnonzero((medians > landmarks.GAS) & (medians < landmarks.SOLID_LUNG))
    main = inflated[np.argmax(counts[inflated])] if len(inflated) else 0
    largest = counts[main] if main else 0
    like_gas = medians <= landmarks.GAS
    gas = (medians < t.CERTAIN_GAS_HU) | (like_gas & (counts < t.GAS_SHARE * largest))
    lower = (medians <= t.BUBBLE_HU) & (medians < medians[main] - t.CLEARLY_LOWER_HU)
    gas |= lower & (counts < t.BUBBLE_SHARE * largest)
    gas |= like_gas & (largest == 0)
    solid = (medians >= landmarks.SOLID_LUNG) & (counts < t.SOLID_SHARE * largest)
    return gas | solid


def _trimmed(mask: Bool, hu: NDArray[np.int16], spacing: Spacing) -> Bool:
    """The mask without slices of solid tissue at the ends of its parts; slices are axis 0."""
    result = mask.copy()
    parts, _ = components(mask, connectivity=26)
    for part, box in boxes_of(parts):
        region = parts[box] == part
        slices = np.flatnonzero(region.any(axis=(1, 2)))
        airy = [
            k for k in slices if np.mean(hu[box][k][region[k]] < landmarks.HALF_WAY) >= t.AIRY_SHARE
        ]
        if not airy:
            continue
        for end in (slices[slices < airy[0]], slices[slices > airy[-1]]):
            if len(end) * spacing[0] <= t.TRIM_MM:
                for k in end:
                    result[box][k][region[k]] = False
    return result

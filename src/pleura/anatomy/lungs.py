"""What turns a raw answer, a network's or a threshold's, into lungs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.anatomy.airways import airways
from pleura.anatomy.couch import body_mask
from pleura.geometry.morphology import (
    box_of,
    boxes_of,
    components,
    dilated,
    eroded,
    holes_filled,
    slice_holes_filled,
)
from pleura.geometry.resample import Upright
from pleura.geometry.volume import Volume

Bool = NDArray[np.bool_]
Spacing = tuple[float, float, float]

HALFWAY_HU = -420
"""Half-way between inflated lung and chest wall, measured at the lungs' rim on chest CT (about
-422 to -410).
"""
CORE_MM = 3.0
"""Bridges thinner than twice this, or than three pixels where those are wide (a leak through
diaphragm or pleura), do not make a bubble a part of the lung."""
SMALLEST_ML = 20.0
"""Smaller isolated components are not lung, unless both lungs are so small that one is a tenth
of the larger.
"""
HOLE_MM2 = 350.0
"""Axial holes up to this are vessels, bronchi and nodules within the lung, which RTOG 1106
counts as lung.
"""
TRIM_MM = 10.0
"""So far from an end of the lungs, slices of solid tissue are hallucinated; a longer run is
consolidated lung.
"""


def clean_lungs(
    raw: Bool, volume: Volume, *, body: Bool | None = None, tube: Bool | None = None
) -> Bool:
    """Make lungs of a raw answer: what cannot be lung goes, vessels within it are filled.

    In turn: outside the body and padding; the lumen of trachea and main bronchi; bubbles of gas
    (bowel), whose cores' median is gas's and not lung's, even where a thin leak joins them to the
    lung; specks (26-connected parts under 20 ml and under a tenth of the largest); at the lungs'
    upper and lower ends, slices with nothing airy in them. Then cavities are filled in three
    dimensions, and axial holes up to 350 mm². The convention is RTOG 1106 / LCTSC: vessels and
    bronchi inside the lung in; trachea, main bronchi and hilum out.

    Args:
        raw: bool `[slice, row, column]`, the answer on the volume's grid.
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
    lungs = slice_holes_filled(lungs, spacing[1] * spacing[2], HOLE_MM2)
    upright.turn(result)[box] = lungs & upright.turn(body)[box]
    return result


def _without_foreign(mask: Bool, hu: NDArray[np.int16], spacing: Spacing, voxel_ml: float) -> Bool:
    """The mask without bubbles of gas, solid blobs and specks. Arrays stand upright."""
    radius = max(CORE_MM, 1.01 * max(spacing[1:]))
    labels, counts = components(
        eroded(mask, spacing, radius), connectivity=6
    )  # a corner's touch is a leak
    if len(counts) < 2:
        return np.zeros_like(mask)
    foreign = _foreign_cores(labels, counts, hu, 1.0 / voxel_ml)
    if foreign.any():
        mask = mask & ~_territory(labels, foreign, spacing, radius)
        labels[foreign[labels]] = 0
    parts, sizes = components(mask, connectivity=26)  # thin recesses hang on by edges and corners
    keep = np.zeros(len(sizes), dtype=np.bool_)
    keep[np.unique(parts[labels > 0])] = True
    keep[0] = False
    if keep.any():
        largest = float(sizes[keep].max())
        keep &= sizes >= min(SMALLEST_ML / voxel_ml, 0.1 * largest)
    return keep[parts]


def _territory(labels: NDArray[Any], foreign: Bool, spacing: Spacing, radius: float) -> Bool:
    """What grows back around foreign cores, and is not within reach of a good one."""
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
    """Which cores are gas or solid tissue; cores under 1 ml (`ml` voxels) are left to the part
    they belong to.
    """
    medians = np.full(len(counts), np.nan)
    for label, box in boxes_of(labels):
        if counts[label] >= ml:
            medians[label] = np.median(hu[box][labels[box] == label])
    inflated = np.flatnonzero((medians > -960) & (medians < -300))
    main = inflated[np.argmax(counts[inflated])] if len(inflated) else 0
    largest = counts[main] if main else 0
    gas = (medians < -985) | ((medians <= -960) & (counts < 0.5 * largest))
    gas |= (
        (medians <= -930) & (medians < medians[main] - 50) & (counts < 0.3 * largest)
    )  # noise and blur lift a bubble's
    gas |= (medians <= -960) & (largest == 0)
    solid = (medians >= -300) & (counts < 0.25 * largest)
    return gas | solid


def _trimmed(mask: Bool, hu: NDArray[np.int16], spacing: Spacing) -> Bool:
    """The mask without slices of solid tissue at the ends of its parts. Slices are the first
    axis.
    """
    result = mask.copy()
    parts, _ = components(mask, connectivity=26)
    for part, box in boxes_of(parts):
        region = parts[box] == part
        slices = np.flatnonzero(region.any(axis=(1, 2)))
        airy = [k for k in slices if np.mean(hu[box][k][region[k]] < HALFWAY_HU) >= 0.35]
        if not airy:
            continue
        for end in (slices[slices < airy[0]], slices[slices > airy[-1]]):
            if len(end) * spacing[0] <= TRIM_MM:
                for k in end:
                    result[box][k][region[k]] = False
    return result

"""Clean a network's result on its coarse lattice: no blobs, no holes, one side for each part."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.anatomy.midline import midline_column, sides_cut
from pleura.anatomy.thresholds import MOSTLY_ONE_LUNG
from pleura.geometry import hu as landmarks
from pleura.geometry.morphology import (
    box_of,
    boxes_of,
    components,
    directions_met,
    grown,
    holes_filled,
    present,
    shifted,
    thick,
)
from pleura.geometry.resample import Upright
from pleura.geometry.volume import LEFT, RIGHT

Bool = NDArray[np.bool_]
Floats = NDArray[np.float32]

LEAST_ML = 8.0
"""[ml] A smaller separate part is left out, unless it is a tenth of that lung."""
LEAST_SHARE = 0.1
NEAR = 4
"""[voxels] A separate part this near to a lung (10 to 15 mm) belongs to it."""
LARGE_SHARE = 0.3
"""[share of the largest part] A part this large is lung wherever it lies."""
LEAST_LUNG_ML = 2.0
"""[ml] Less in all is not a lung but specks in a head or an abdomen."""
STEEP = 6.0
"""Limit of log odds: a probability of 0.9975."""
FILLED = 3.0
"""Log odds of holes that cleaning fills."""
REACH = 2
"""[voxels] The rim may lie this far around the cleaned lungs."""
FAT_MARGIN = 3.0
LEAST_AIRLESS = 16
"""[of 27 voxels] With fewer around it, a voxel's mean says nothing about fluid."""


@dataclass(frozen=True, eq=False)
class CoarseLungs:
    """Cleaned lungs on the coarse lattice.

    `labels` is uint8 (1 right, 2 left). `margin` has the log odds of lung against background,
    `side` those of left against right. Both agree with `labels`, and are the network's own values
    where cleaning changed nothing. `removed_ml`, `added_ml` and `swapped_ml` are what cleaning
    removed, filled, and gave to the other lung.
    """

    labels: NDArray[np.uint8]
    margin: Floats
    side: Floats
    removed_ml: float
    added_ml: float
    swapped_ml: float


def margins(logits: Floats) -> tuple[Floats, Floats]:
    """Log odds of lung against background, and of left against right.

    `logits` are `(classes, slice, row, column)`; classes are background, right, left and, where the
    network has them, dense right and dense left.
    """
    right, left = logits[1], logits[2]
    if len(logits) == 5:
        right, left = _log_sum(right, logits[3]), _log_sum(left, logits[4])
    margin = _log_sum(right, left) - logits[0]
    return np.clip(margin, -STEEP, STEEP), np.clip(left - right, -STEEP, STEEP)


def _log_sum(a: Floats, b: Floats) -> Floats:
    """log(exp a + exp b); np.logaddexp takes four times as long on float32."""
    total: Floats = a - b
    np.abs(total, out=total)
    np.negative(total, out=total)
    np.exp(total, out=total)
    total += 1
    np.log(total, out=total)
    total += np.maximum(a, b)
    return total


def enclosed(coarse_hu: Floats) -> Bool:
    """Where lungs can be: voxels with the patient in three of four directions in their slice.

    The patient is the largest part of soft tissue and bone. Lungs whose chest wall the field of
    view cuts are included; air beside the patient and the core of a couch are not.
    """
    tissue = coarse_hu > landmarks.SOLID_LUNG
    parts, counts = components(tissue, connectivity=6)
    if len(counts) < 2:
        return np.zeros(coarse_hu.shape, dtype=np.bool_)
    patient = parts == int(np.argmax(counts[1:])) + 1
    return (directions_met(patient) >= 3) & ~_open_air(coarse_hu)


def _open_air(coarse_hu: Floats) -> Bool:
    """Air around the patient: gas that reaches the front, back or sides, with its blurred rim."""
    parts, counts = components(coarse_hu < landmarks.COARSE_GAS, connectivity=6)
    edges = (parts[:, 0], parts[:, -1], parts[:, :, 0], parts[:, :, -1])
    at_edge = np.zeros(len(counts), dtype=np.bool_)
    for edge in edges:
        at_edge[present(edge)] = True
    at_edge[0] = False
    return grown(at_edge[parts])


def fat(coarse_hu: Floats, margin: Floats) -> Bool:
    """Fat that the network takes for lung with low confidence.

    Neither aerated nor dense lung has its HU over more than a rim.
    """
    low, high = landmarks.COARSE_FAT
    return thick((coarse_hu > low) & (coarse_hu < high) & (margin < FAT_MARGIN))


def fluid(coarse_hu: Floats, margin: Floats) -> Bool:
    """Pleural fluid that the network takes for airless lung: as dense as water, and even.

    Mean and spread are taken over 3 × 3 × 3 voxels; aerated ones do not count.

    Args:
        coarse_hu: HU `[slice, row, column]` on the network's lattice.
        margin: log odds of lung, of its shape.
    """
    low, high = landmarks.AIRLESS
    airless = (coarse_hu > low) & (coarse_hu < high)
    candidates = thick(airless & (margin > 0))
    if not candidates.any():
        return candidates
    weight = airless.astype(np.float32)
    count = _summed(weight)
    mean = _summed(weight * coarse_hu) / np.maximum(count, 1)
    variance = _summed(weight * coarse_hu**2) / np.maximum(count, 1) - mean**2
    least, most = landmarks.FLUID
    even = (mean > least) & (mean < most) & (variance < landmarks.FLUID_SPREAD**2)
    return thick(candidates & even & (count > LEAST_AIRLESS))


def cleaned(margin: Floats, side: Floats, spacing_mm: float, body: Bool) -> CoarseLungs:
    """Keep the parts that are lung, fill what they enclose, and give each part one side.

    Args:
        margin: log odds of lung, `[slice, row, column]` in patient axes.
        side: log odds of left against right, of its shape.
        spacing_mm: of the lattice, the same along each axis.
        body: where lungs can be, on the same lattice.
    """
    voxel_ml = spacing_mm**3 / 1000
    wanted = margin > 0
    found = wanted & body
    own_sides = np.where(side > 0, np.uint8(LEFT), np.uint8(RIGHT))
    labels = _one_side_each(np.where(found, own_sides, np.uint8(0)))
    swapped = float(np.count_nonzero(labels[found] != own_sides[found])) * voxel_ml
    kept = _large_parts(labels == RIGHT, voxel_ml) | _large_parts(labels == LEFT, voxel_ml)
    labels[~kept] = 0
    removed = float(np.count_nonzero(wanted & ~kept)) * voxel_ml
    for label in (RIGHT, LEFT):
        labels[holes_filled(labels == label) & (labels == 0)] = label
    filled = (labels > 0) & ~kept
    near = labels > 0
    for _ in range(REACH):
        near = grown(near)
    margin = np.where(filled, np.maximum(margin, FILLED), margin)
    margin = np.where(near & ((labels > 0) | ~wanted), margin, -STEEP).astype(np.float32)
    return CoarseLungs(
        labels,
        margin,
        _settled_sides(labels, side),
        removed,
        float(np.count_nonzero(filled)) * voxel_ml,
        swapped,
    )


def of_one_lung(
    lungs: CoarseLungs, hu: Floats, body: Bool, spacing_mm: float, upright: Upright
) -> CoarseLungs:
    """The lungs with one side, where the image has one side of the chest only.

    The network takes a part of a lung for the other one where it does not see the other side.
    """
    turned = upright.turn(body)
    right, left = sides_cut(turned)
    if right == left:
        return lungs
    column = midline_column(upright.turn(hu), turned, (spacing_mm,) * 3)
    both = upright.turn(lungs.labels > 0)
    if column is None or not both.any():
        return lungs
    beyond = np.count_nonzero(both[:, :, column:]) / np.count_nonzero(both)
    if max(beyond, 1 - beyond) < MOSTLY_ONE_LUNG:
        return lungs
    label = np.uint8(LEFT if beyond > 0.5 else RIGHT)
    labels = np.where(lungs.labels > 0, label, np.uint8(0))
    return replace(lungs, labels=labels, side=_settled_sides(labels, lungs.side))


def _settled_sides(labels: NDArray[np.uint8], side: Floats) -> Floats:
    """Log odds of left that agree with the labels; around the lungs, with the nearer lung."""
    signs = (labels == LEFT).astype(np.int16) - (labels == RIGHT)
    around = signs
    for _ in range(REACH):
        around = _summed(around)
    strength = np.maximum(np.abs(side), 0.5)
    settled: Floats = np.where(labels > 0, signs * strength, np.clip(around, -STEEP, STEEP)).astype(
        np.float32
    )
    return settled


def _large_parts(lung: Bool, voxel_ml: float) -> Bool:
    """The largest part of one lung (joined by faces), and large parts that are near or similar."""
    box = box_of(lung)
    if box is None:
        return lung
    parts, counts = components(lung[box], connectivity=6)
    counts[0] = 0
    largest = int(np.argmax(counts))
    near = parts == largest
    for _ in range(NEAR):
        near = grown(near)
    close = np.zeros(len(counts), dtype=np.bool_)
    close[present(parts[near])] = True
    keep = counts >= LARGE_SHARE * counts[largest]
    keep |= close & (counts >= min(LEAST_ML / voxel_ml, LEAST_SHARE * counts[largest]))
    keep &= counts >= LEAST_LUNG_ML / voxel_ml
    kept = np.zeros_like(lung)
    kept[box] = keep[parts]
    return kept


def _one_side_each(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give small islands of one side that touch the other lung to that lung."""
    labels = labels.copy()
    for label, other in ((RIGHT, LEFT), (LEFT, RIGHT)):
        parts, counts = components(labels == label, connectivity=6)
        if len(counts) < 3:
            continue
        largest = int(np.argmax(counts[1:])) + 1
        for part, box in boxes_of(parts):
            if part == largest or counts[part] > LEAST_SHARE * counts[largest]:
                continue
            around = (
                slice(max(0, box[0].start - 1), box[0].stop + 1),
                slice(max(0, box[1].start - 1), box[1].stop + 1),
                slice(max(0, box[2].start - 1), box[2].stop + 1),
            )
            region = parts[around] == part
            if (grown(region) & (labels[around] == other)).any():
                labels[around][region] = other
    return labels


def _summed(values: NDArray[Any]) -> NDArray[Any]:
    """Sums over each voxel's neighbourhood of three by three by three."""
    for axis in range(3):
        upper, lower = shifted(axis)
        total = values.copy()
        total[upper] += values[lower]
        total[lower] += values[upper]
        values = total
    return values

"""Coverage: whether both lungs are there, complete, and as dense as lungs are."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.codes import finding
from pleura.core.findings import Finding
from pleura.geometry import hu as landmarks
from pleura.geometry.resample import Upright
from pleura.geometry.volume import LEFT, RIGHT, LungMask, Volume
from pleura.quality import thresholds as t

Bool = NDArray[np.bool_]


def check_coverage(mask: LungMask, volume: Volume) -> tuple[Finding, ...]:
    """Check that both lungs are present, as dense as lungs are, and not truncated by the image.

    Args:
        mask: the lungs found, sided.
        volume: the CT they were found in, on the same grid.

    Returns:
        `NO-LUNGS` (refused), or any of `LITTLE-LUNG`, `MUCH-LUNG`, `LUNG-MISSING`, `LUNG-DENSITY`,
        `CHEST-CUT`, `SMALL-CHEST`, `ODD-PROPORTIONS` (review). A truncated chest is incomplete, not
        wrong: the mask is right, and its volume is that of the imaged part.
    """
    ml = mask.volume_ml()
    tissue = float(np.count_nonzero(volume.hu > landmarks.SKIN)) * volume.grid.voxel_ml
    share = ml["both"] / (ml["both"] + tissue) if ml["both"] else 0.0
    if share < t.NO_LUNGS_SHARE:
        return (finding("NO-LUNGS", lungs_ml=round(ml["both"], 1), tissue_ml=round(tissue, 1)),)
    found = []
    if share < t.LITTLE_LUNG_SHARE:
        found.append(finding("LITTLE-LUNG", percent=round(100 * share, 2), share=round(share, 4)))
    if ml["both"] > t.MOST_LUNG_ML:
        found.append(
            finding("MUCH-LUNG", litres=round(ml["both"] / 1000, 1), lungs_ml=round(ml["both"], 1))
        )
    smaller = "right" if ml["right"] <= ml["left"] else "left"
    if ml[smaller] < t.MISSING_LUNG * ml["both"]:
        sides: dict[str, Any] = {"right_ml": round(ml["right"], 1), "left_ml": round(ml["left"], 1)}
        found.append(
            finding("LUNG-MISSING", side=smaller, ml=ml[smaller], both_ml=ml["both"], **sides)
        )
    median = _median_hu(mask, volume)
    if not landmarks.INFLATED_LUNG[0] < median < landmarks.INFLATED_LUNG[1]:
        found.append(finding("LUNG-DENSITY", median_hu=median))
    found += _truncated(mask, volume)
    return (*found, *_sizes(mask, found))


def _median_hu(mask: LungMask, volume: Volume) -> float:
    """The median HU of the lungs, from their histogram: a third of the time of sorting them."""
    counts = np.zeros(65536, dtype=np.int64)
    for k in np.flatnonzero(mask.counts(RIGHT)[0] + mask.counts(LEFT)[0]):
        values = volume.hu[k][mask.labels[k] > 0]
        counts += np.bincount(values.view(np.uint16) ^ np.uint16(0x8000), minlength=65536)
    total = np.cumsum(counts)
    n = int(total[-1])
    middle = np.searchsorted(total, [(n - 1) // 2, n // 2], side="right")
    return float(middle.mean()) - 32768


def _sizes(mask: LungMask, found: Sequence[Finding]) -> tuple[Finding, ...]:
    """`SMALL-CHEST` and `ODD-PROPORTIONS`, where whole lungs have a size that no adult's have."""
    if any(map(_is_of_a_part, found)):
        return ()
    height, depth, width = _extent_mm(mask)
    sizes: dict[str, Any] = {
        "height_mm": round(height),
        "width_mm": round(width),
        "depth_mm": round(depth),
    }
    if width < t.LEAST_WIDTH_MM:
        return (finding("SMALL-CHEST", least_mm=t.LEAST_WIDTH_MM, **sizes),)
    low, high = t.LUNG_HEIGHT_MM
    if not low <= height <= high or width > t.MOST_WIDTH_OVER_DEPTH * depth:
        return (finding("ODD-PROPORTIONS", **sizes),)
    return ()


def _is_of_a_part(found: Finding) -> bool:
    """Whether a finding says that the lungs are not there at their full size."""
    return found.code in ("CHEST-CUT", "LUNG-MISSING")


def _extent_mm(mask: LungMask) -> tuple[float, float, float]:
    """Height, depth and width of both lungs together, in mm."""
    upright = Upright.of(mask.grid)
    box = mask.box(RIGHT, LEFT)
    if box is None:
        return 0.0, 0.0, 0.0
    lengths = [box[axis].stop - box[axis].start for axis in upright.axes]
    height, depth, width = (
        float(length * mm) for length, mm in zip(lengths, upright.spacing_mm, strict=True)
    )
    return height, depth, width


def _truncated(mask: LungMask, volume: Volume) -> tuple[Finding, ...]:
    """`CHEST-CUT`, where lung is on an end slice of the patient or at the field of view's edge."""
    upright = Upright.of(mask.grid)
    by_slice = (mask.counts(RIGHT)[upright.axes[0]] + mask.counts(LEFT)[upright.axes[0]])[
        :: upright.steps[0]
    ]
    pixel_cm2 = upright.spacing_mm[1] * upright.spacing_mm[2] / 100
    foot, head = float(by_slice[0]) * pixel_cm2, float(by_slice[-1]) * pixel_cm2
    edge = _at_edge(mask, volume.padding, upright) * mask.grid.voxel_ml
    where = []
    if foot >= t.CUT_CM2:
        where.append("foot")
    if head >= t.CUT_CM2:
        where.append("head")
    if edge >= t.EDGE_ML:
        where.append("side")
    if not where:
        return ()
    evidence: dict[str, Any] = {
        "foot_cm2": round(foot, 1),
        "head_cm2": round(head, 1),
        "edge_ml": round(edge, 2),
    }
    return (finding("CHEST-CUT", where=", ".join(where), **evidence),)


def _at_edge(mask: LungMask, padding: Bool | None, upright: Upright) -> int:
    """Number of lung voxels at the lateral edge of the array, or next to padding."""
    labels = upright.turn(mask.labels)
    edge = sum(
        np.count_nonzero(labels[:, :, side]) + np.count_nonzero(labels[:, side, :])
        for side in (0, -1)
    )
    box = mask.box(RIGHT, LEFT, margin=1)
    if padding is None or box is None:
        return int(edge)
    inner, outer = upright.turn(mask.labels[box] > 0), upright.turn(padding[box])
    beside = np.zeros_like(inner)
    beside[:, 1:] |= outer[:, :-1]
    beside[:, :-1] |= outer[:, 1:]
    beside[:, :, 1:] |= outer[:, :, :-1]
    beside[:, :, :-1] |= outer[:, :, 1:]
    return int(edge) + int(np.count_nonzero(beside & inner))

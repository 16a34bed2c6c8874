"""Trachea and main bronchi: a seed in the trachea, grown until just before it leaks into a lung."""

import numpy as np
from numpy.typing import NDArray

from pleura.anatomy import thresholds as t
from pleura.geometry import hu as landmarks
from pleura.geometry.morphology import box_of, boxes_of, components, dilated, present
from pleura.geometry.resample import Upright
from pleura.geometry.volume import Volume

Bool = NDArray[np.bool_]


def airways(volume: Volume, body: Bool) -> Bool:
    """The lumen of trachea and large bronchi.

    The trachea is the longest run, head to foot, of compact gas in axial slices near the middle of
    the body. A region grows from it (6-connected) with rising thresholds, in steps of 20 HU, and
    the last one before it leaks into a lung is taken (region growing with explosion control: Mori K
    et al. 2000, IEEE TMI 19(2):101-114).

    Args:
        volume: CT in HU, any orientation.
        body: bool of its shape, as `couch.body_mask` gives it.

    Returns:
        bool of the volume's shape; empty where no trachea is seen.
    """
    upright = Upright.of(volume.grid)
    inside = upright.turn(body)
    result = np.zeros(volume.hu.shape, dtype=np.bool_)
    box = box_of(inside)
    if box is None:
        return result
    hu = upright.turn(volume.hu)[box]
    trachea = _trachea(hu, inside[box], upright.spacing_mm)
    reach = None if trachea is None else _within_reach(trachea, upright.spacing_mm)
    if trachea is not None and reach is not None:
        target = upright.turn(result)[box]
        target[reach] = _grown(hu[reach], inside[box][reach], trachea[reach], volume.grid.voxel_ml)
    return result


def _within_reach(
    trachea: Bool, spacing: tuple[float, float, float]
) -> tuple[slice, slice, slice] | None:
    """The box in which airways can grow from the trachea, so that a leak is noticed early."""
    box = box_of(trachea)
    if box is None:
        return None
    parts = []
    for part, mm, length, reach in zip(box, spacing, trachea.shape, t.REACH_MM, strict=True):
        margin = int(np.ceil(reach / mm))
        parts.append(slice(max(0, part.start - margin), min(length, part.stop + margin)))
    return parts[0], parts[1], parts[2]


def with_wall(tube: Bool, volume: Volume, wall_mm: float) -> Bool:
    """The airways with their walls: everything within `wall_mm` of the lumen."""
    result = tube.copy()
    box = box_of(tube, margin=int(np.ceil(wall_mm / min(volume.grid.spacing_mm))) + 1)
    if box is not None:
        result[box] = dilated(tube[box], volume.grid.spacing_mm, wall_mm)
    return result


def _trachea(
    hu: NDArray[np.int16], inside: Bool, spacing: tuple[float, float, float]
) -> Bool | None:
    """The lumen of the trachea, or `None`. Arrays are upright."""
    gas = (hu < landmarks.LUMEN) & inside
    lumen = np.zeros_like(gas)
    columns = np.flatnonzero(inside.any(axis=(0, 1)))
    middle = 0.5 * (columns[0] + columns[-1])
    half = int((t.OFF_MIDDLE_MM + t.BAND_MM) / spacing[2])
    band = slice(max(0, int(middle) - half), int(middle) + half + 1)
    for k in range(gas.shape[0]):
        if gas[k, :, band].any():
            lumen[k, :, band] = _compact(
                gas[k, :, band], spacing[1], spacing[2], middle - band.start
            )
    labels, _ = components(lumen, connectivity=6)
    best, longest = 0, t.LEAST_TRACHEA_MM
    for label, box in boxes_of(labels):
        run = box[0]
        length = (run.stop - run.start) * spacing[0]
        length += 0.01 * run.stop  # of two equal runs, the one nearer the head wins
        if length > longest:
            best, longest = label, length
    if best:
        return labels == best
    return None


def _compact(gas: Bool, row_mm: float, column_mm: float, middle: float) -> Bool:
    """Components of gas in one slice with the area and shape of a trachea, near the middle."""
    import cc3d

    labels = cc3d.connected_components(gas[None], connectivity=6)[0]
    statistics = cc3d.statistics(labels[None])
    keep = np.zeros(len(statistics["voxel_counts"]), dtype=np.bool_)
    for label in range(1, len(keep)):
        area = float(statistics["voxel_counts"][label]) * row_mm * column_mm
        if not t.LUMEN_MM2[0] <= area <= t.LUMEN_MM2[1]:
            continue
        box = statistics["bounding_boxes"][label]
        height = (box[1].stop - box[1].start) * row_mm
        width = (box[2].stop - box[2].start) * column_mm
        off = abs(float(statistics["centroids"][label][2]) - middle) * column_mm
        keep[label] = (
            off < t.OFF_MIDDLE_MM
            and max(height, width) < t.ROUND * min(height, width)
            and area > t.FILLED_BOX * height * width
        )
    return keep[labels]


def _grown(hu: NDArray[np.int16], inside: Bool, trachea: Bool, voxel_ml: float) -> Bool:
    """The trachea, grown at the highest threshold that does not leak."""
    seeds = np.flatnonzero(trachea)
    grown = trachea
    before = float(len(seeds)) * voxel_ml
    for threshold in t.GROWTH_HU:
        labels, counts = components((hu < threshold) & inside, connectivity=6)
        hit = present(labels.ravel()[seeds])
        hit = hit[hit > 0]
        if not len(hit):
            continue
        size = float(counts[hit].sum()) * voxel_ml
        exploded = size > t.LEAK_TIMES * before + t.LEAK_MARGIN_ML
        leaked = size > before + t.LEAK_ML and threshold > t.GROWTH_HU.start
        if exploded or leaked:
            break
        keep = np.zeros(len(counts), dtype=np.bool_)
        keep[hit] = True
        grown, before = keep[labels] | trachea, size
    return grown

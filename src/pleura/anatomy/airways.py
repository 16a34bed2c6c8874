"""Trachea and main bronchi: a seed where the trachea is a round tube of gas, and growth that
stops before it leaks.
"""

import numpy as np
from numpy.typing import NDArray

from pleura.geometry.morphology import box_of, boxes_of, components, dilated
from pleura.geometry.resample import Upright
from pleura.geometry.volume import Volume

Bool = NDArray[np.bool_]

LUMEN_HU = -900
"""Below: the lumen of the trachea, where partial volume does not reach."""
LUMEN_MM2 = (60.0, 900.0)
"""Area of a trachea's lumen in an axial slice; from a child's to one with tracheomegaly."""
REACH_MM = (120.0, 70.0, 90.0)
"""How far from the trachea large bronchi reach: along the body, to front and back, and to the
sides.
"""
OFF_MIDDLE_MM = 45.0
"""How far from the middle of the body the trachea can be."""
BAND_MM = 30.0
"""Beyond that, gas can belong to a trachea that is cut by the band examined."""
LEAK_ML = 12.0
"""A growth between two thresholds that is larger has leaked into a lung."""


def airways(volume: Volume, body: Bool) -> Bool:
    """The lumen of trachea and large bronchi.

    The trachea is the longest run, head to foot, of compact gas in axial slices near the body's
    middle. From it a region grows (6-connected) at the highest threshold, in steps of 20 HU, before
    it leaks into a lung (region growing with
    explosion control: Mori K et al. 2000, IEEE TMI 19(2):101-114).

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
    """The box in which airways can grow from the trachea; a leak is recognised long before it
    fills the box.
    """
    box = box_of(trachea)
    if box is None:
        return None
    parts = []
    for part, mm, length, reach in zip(box, spacing, trachea.shape, REACH_MM, strict=True):
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
    """The pieces of lumen that make up the trachea, or `None`. Arrays stand upright."""
    gas = (hu < LUMEN_HU) & inside
    lumen = np.zeros_like(gas)
    columns = np.flatnonzero(inside.any(axis=(0, 1)))
    middle = 0.5 * (columns[0] + columns[-1])
    half = int((OFF_MIDDLE_MM + BAND_MM) / spacing[2])
    band = slice(max(0, int(middle) - half), int(middle) + half + 1)
    for k in range(gas.shape[0]):
        if gas[k, :, band].any():
            lumen[k, :, band] = _compact(
                gas[k, :, band], spacing[1], spacing[2], middle - band.start
            )
    labels, _ = components(lumen, connectivity=6)
    best, longest = 0, 20.0  # a run under 20 mm is as well a bubble in the bowel
    for label, box in boxes_of(labels):
        length = (box[0].stop - box[0].start) * spacing[0] + 0.01 * box[
            0
        ].stop  # of two alike, the one nearer the head
        if length > longest:
            best, longest = label, length
    return labels == best if best else None


def _compact(gas: Bool, row_mm: float, column_mm: float, middle: float) -> Bool:
    """The components of one slice's gas that have a trachea's area, a round shape, and lie near
    the middle.
    """
    import cc3d

    labels = cc3d.connected_components(gas[None], connectivity=6)[0]
    statistics = cc3d.statistics(labels[None])
    keep = np.zeros(len(statistics["voxel_counts"]), dtype=np.bool_)
    for label in range(1, len(keep)):
        area = float(statistics["voxel_counts"][label]) * row_mm * column_mm
        if not LUMEN_MM2[0] <= area <= LUMEN_MM2[1]:
            continue
        box = statistics["bounding_boxes"][label]
        height = (box[1].stop - box[1].start) * row_mm
        width = (box[2].stop - box[2].start) * column_mm
        off = abs(float(statistics["centroids"][label][2]) - middle) * column_mm
        keep[label] = (
            off < OFF_MIDDLE_MM
            and max(height, width) < 2.2 * min(height, width)
            and area > 0.5 * height * width
        )
    return keep[labels]


def _grown(hu: NDArray[np.int16], inside: Bool, trachea: Bool, voxel_ml: float) -> Bool:
    """The trachea grown at the highest threshold that does not leak."""
    seeds = np.flatnonzero(trachea)
    grown = trachea
    before = float(len(seeds)) * voxel_ml
    for threshold in range(-960, -780, 20):
        labels, counts = components((hu < threshold) & inside, connectivity=6)
        hit = np.unique(labels.ravel()[seeds])
        hit = hit[hit > 0]
        if not len(hit):
            continue
        size = float(counts[hit].sum()) * voxel_ml
        if (size > before + LEAK_ML and threshold > -960) or size > 4.0 * before + 60.0:
            break
        keep = np.zeros(len(counts), dtype=np.bool_)
        keep[hit] = True
        grown, before = keep[labels] | trachea, size
    return grown

"""Connected components, holes, and morphology in millimetres, on plain bool arrays."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pleura.core.cores import threads

Bool = NDArray[np.bool_]
Spacing = tuple[float, float, float]


def components(
    mask: Bool, *, connectivity: Literal[6, 26]
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Connected components of a mask.

    Args:
        mask: bool, three axes.
        connectivity: 6 (voxels join at faces) or 26 (at corners too).

    Returns:
        Labels of the same shape (0 background), and voxel counts by label, the background's first.
    """
    box = box_of(mask)
    if box is None:
        return np.zeros(mask.shape, dtype=np.uint16), np.array([mask.size])
    inner = _labelled(mask[box], connectivity)
    counts = np.bincount(inner.ravel())
    counts[0] += mask.size - inner.size
    if inner.shape == mask.shape:
        return inner, counts
    labels = np.zeros(mask.shape, dtype=inner.dtype)
    labels[box] = inner
    return labels, counts


def _labelled(mask: Bool, connectivity: Literal[6, 26]) -> NDArray[Any]:
    """The labels of the components of a mask, in the order in which they are met."""
    import cc3d

    # cc3d raises on a few voxels, because its estimate of the number of labels is too low
    padding = 1 if mask.size < 64 else 0
    padded = np.pad(mask, padding)
    labels: NDArray[Any] = cc3d.connected_components(
        np.ascontiguousarray(padded), connectivity=connectivity, max_labels=padded.size // 2 + 8
    )
    if padding:
        labels = np.ascontiguousarray(labels[1:-1, 1:-1, 1:-1])
    return labels


def present(labels: NDArray[Any]) -> NDArray[np.intp]:
    """The distinct values of an array of labels from 0, rising; `np.unique` sorts for that."""
    return np.flatnonzero(np.bincount(labels.ravel()))


def box_of(mask: Bool, margin: int = 0) -> tuple[slice, slice, slice] | None:
    """The smallest box that holds the mask, widened by `margin` voxels; `None` if it is empty."""
    box = []
    for axis in range(3):
        others = tuple(k for k in range(3) if k != axis)
        filled = np.flatnonzero(mask.any(axis=others))
        if not len(filled):
            return None
        box.append(
            slice(
                max(0, int(filled[0]) - margin), min(mask.shape[axis], int(filled[-1]) + 1 + margin)
            )
        )
    return box[0], box[1], box[2]


def boxes_of(labels: NDArray[Any]) -> Iterator[tuple[int, tuple[slice, slice, slice]]]:
    """Each label of an array of components, with its bounding box."""
    import cc3d

    for label, box in enumerate(cc3d.statistics(labels)["bounding_boxes"]):
        if label:
            yield label, box


def depth_mm(mask: Bool, spacing_mm: Spacing) -> NDArray[np.float32]:
    """Distance of each voxel in the mask to the nearest voxel outside, in mm; 0 outside.

    Distances are from centre to centre. The mask is taken to continue beyond the array, so a part
    that the field of view cuts does not count as thin.
    """
    import edt

    if mask.all():
        return np.full(mask.shape, np.inf, dtype=np.float32)
    inside = np.ascontiguousarray(mask)
    depth: NDArray[np.float32] = edt.edt(
        inside, anisotropy=spacing_mm, black_border=False, parallel=threads()
    )
    return depth


def inscribed_radius_mm(plane: NDArray[np.bool_], spacing_mm: tuple[float, float]) -> float:
    """Radius of the largest circle within a mask of one slice, in mm; depths as in `depth_mm`.

    One thread, because more take five times as long for a slice.
    """
    import edt

    inside = np.ascontiguousarray(plane)
    return float(edt.edt(inside, anisotropy=spacing_mm, black_border=False, parallel=1).max())


def eroded(mask: Bool, spacing_mm: Spacing, radius_mm: float) -> Bool:
    """Voxels deeper than `radius_mm` inside the mask (ball erosion, anisotropic).

    The mask is taken to continue beyond the array, as in `depth_mm`.
    """
    result = np.zeros_like(mask)
    box = box_of(mask, margin=1)
    if box is not None:
        result[box] = ~_within(~mask[box], spacing_mm, radius_mm)
    return result


def dilated(mask: Bool, spacing_mm: Spacing, radius_mm: float) -> Bool:
    """Voxels within `radius_mm` of the mask (ball dilation, anisotropic)."""
    result = np.zeros_like(mask)
    box = box_of(mask, margin=int(radius_mm / min(spacing_mm)) + 1)
    if box is not None:
        result[box] = _within(mask[box], spacing_mm, radius_mm)
    return result


def _within(mask: Bool, spacing_mm: Spacing, radius_mm: float) -> Bool:
    """Voxels within `radius_mm` of the mask, by shifting it over every line of the ball.

    The same as thresholding `depth_mm`, at a twentieth of its cost for the balls that are used here
    (bench/morphology.py). A distance that equals the radius counts as within, rounded or not.
    """
    result = np.zeros_like(mask)
    widened = mask
    for width, lines in enumerate(_lines_of_ball(spacing_mm, radius_mm)):
        if width:
            widened = widened | _either_side(mask, width)
        for slices, rows in lines:
            to, back = _overlap(slices, rows, mask.shape)
            result[to] |= widened[back]
    return result


def _lines_of_ball(spacing_mm: Spacing, radius_mm: float) -> list[list[tuple[int, int]]]:
    """Offsets (slices, rows) of the lines that make up a ball, by their half width in columns."""
    radius = radius_mm * (1 + 1e-6)
    reach = [int(radius / mm) for mm in spacing_mm]
    lines: list[list[tuple[int, int]]] = [[] for _ in range(reach[2] + 1)]
    for slices in range(-reach[0], reach[0] + 1):
        for rows in range(-reach[1], reach[1] + 1):
            left = radius**2 - (slices * spacing_mm[0]) ** 2 - (rows * spacing_mm[1]) ** 2
            if left >= 0:
                width = min(reach[2], int(np.sqrt(left) / spacing_mm[2]))
                lines[width].append((slices, rows))
    return lines


def _either_side(mask: Bool, columns: int) -> Bool:
    """The voxels that lie exactly so many columns from a voxel of the mask, on either side."""
    beside = np.zeros_like(mask)
    beside[:, :, columns:] = mask[:, :, :-columns]
    beside[:, :, :-columns] |= mask[:, :, columns:]
    return beside


def _overlap(
    slices: int, rows: int, shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where an array and its copy shifted by an offset overlap: target index, source index."""
    to, back = [], []
    for offset, length in zip((slices, rows), shape, strict=False):
        to.append(slice(max(0, offset), max(0, length + min(0, offset))))
        back.append(slice(max(0, -offset), max(0, length - max(0, offset))))
    return (to[0], to[1]), (back[0], back[1])


def opened(mask: Bool, spacing_mm: Spacing, radius_mm: float) -> Bool:
    """Ball opening: parts thinner than twice `radius_mm` are removed."""
    core = eroded(mask, spacing_mm, radius_mm)
    return dilated(core, spacing_mm, radius_mm) & mask


def closed(mask: Bool, spacing_mm: Spacing, radius_mm: float) -> Bool:
    """Ball closing: notches, vessels and fissures narrower than twice `radius_mm` are filled."""
    box = box_of(mask)
    if box is None:
        return mask.copy()
    reach = [int(np.ceil(radius_mm / s)) + 1 for s in spacing_mm]
    inner = np.pad(mask[box], [(r, r) for r in reach])
    inner = eroded(dilated(inner, spacing_mm, radius_mm), spacing_mm, radius_mm)
    result = mask.copy()
    result[box] |= inner[tuple(slice(r, -r) for r in reach)]
    return result


def holes_filled(mask: Bool) -> Bool:
    """The mask and every cavity that it encloses in three dimensions; background joins at faces."""
    box = box_of(mask)
    if box is None:
        return mask.copy()
    inner = np.pad(mask[box], 1)
    labels, _ = components(~inner, connectivity=6)
    result = mask.copy()
    result[box] |= (labels != labels[0, 0, 0])[1:-1, 1:-1, 1:-1]
    return result


def slice_holes_filled(mask: Bool, pixel_mm2: float, largest_mm2: float) -> Bool:
    """The mask with the holes of each slice (axis 0) that are no larger than `largest_mm2`."""
    result = mask.copy()
    box = box_of(mask)
    if box is None:
        return result
    view = result[box]
    for k in range(view.shape[0]):
        labels, counts = components(~np.pad(view[k], 1)[None], connectivity=6)
        small = counts * pixel_mm2 <= largest_mm2
        small[[0, int(labels[0, 0, 0])]] = False
        view[k] |= small[labels[0, 1:-1, 1:-1]]
    return result


def within_fov(fov: Bool) -> Bool:
    """Pixels of a slice `[row, column]` whose four neighbours are inside the field of view."""
    inner = np.zeros_like(fov)
    inner[1:-1, 1:-1] = (
        fov[1:-1, 1:-1] & fov[:-2, 1:-1] & fov[2:, 1:-1] & fov[1:-1, :-2] & fov[1:-1, 2:]
    )
    return inner


def directions_met(mask: Bool) -> NDArray[np.uint8]:
    """In how many of the four directions along rows and columns there is mask, for each pixel of
    each slice `[…, row, column]`; a pixel of the mask meets it in all four.
    """
    met = np.zeros(mask.shape, dtype=np.uint8)
    for axis in (-2, -1):
        length = mask.shape[axis]
        place = np.arange(length, dtype=np.int32)
        place = place[:, np.newaxis] if axis == -2 else place
        seen = mask.any(axis=axis, keepdims=True)
        first = mask.argmax(axis=axis, keepdims=True).astype(np.int32)
        last = length - 1 - np.flip(mask, axis).argmax(axis=axis, keepdims=True).astype(np.int32)
        met += (place >= first) & seen
        met += (place <= last) & seen
    return met


def convex_hull(mask: Bool) -> Bool:
    """The convex hull of a slice's mask `[row, column]`: every pixel centre within it."""
    from scipy.spatial import ConvexHull, QhullError

    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    last = mask.shape[1] - 1 - mask[rows, ::-1].argmax(axis=1)
    points = np.concatenate([np.stack([rows, first], axis=1), np.stack([rows, last], axis=1)])
    try:
        sides = ConvexHull(points).equations
    except (QhullError, ValueError):  # empty, or all on one line
        return mask.copy()
    row, column = np.indices(mask.shape)
    inside = np.ones(mask.shape, dtype=np.bool_)
    for a, b, c in sides:
        inside &= a * row + b * column + c <= 1e-6
    return inside


def thick(region: Bool) -> Bool:
    """The parts of a region that are thicker than two voxels."""
    result = np.zeros_like(region)
    box = box_of(region, margin=1)
    if box is not None:
        core = _core(region[box])
        result[box] = grown(core) & region[box]
    return result


def grown(region: Bool) -> Bool:
    """A region and the voxels that share a face with it."""
    grown = region.copy()
    for axis in range(3):
        upper, lower = shifted(axis)
        grown[upper] |= region[lower]
        grown[lower] |= region[upper]
    return grown


def _core(region: Bool) -> Bool:
    """Voxels of a region whose six neighbours are in it; the array's edge counts as inside."""
    inner = region.copy()
    for axis in range(3):
        upper, lower = shifted(axis)
        inner[upper] &= region[lower]
        inner[lower] &= region[upper]
    return inner


def shifted(axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Index of all but the first, and of all but the last, along an axis."""
    upper, lower = [slice(None)] * 3, [slice(None)] * 3
    upper[axis], lower[axis] = slice(1, None), slice(None, -1)
    return tuple(upper), tuple(lower)

"""The patient's right and left: two lungs separated, even where they touch, on any grid."""

import numpy as np
from numpy.typing import NDArray

from pleura.geometry.grid import Grid
from pleura.geometry.morphology import box_of, components, depth_mm
from pleura.geometry.volume import LEFT, RIGHT, LungMask

Bool = NDArray[np.bool_]

RADII_MM = (0.8, 1.5, 2.2, 3.0, 4.0, 5.0, 6.5, 8.0, 10.0, 12.0)
"""Erosions tried, in turn, until two lungs come apart."""
CLEAR_OF_MIDDLE = 0.2
"""The mean of a lung is farther from the midline than this part of its width; that of both lungs
in one part is not.
"""
SMALLER = 0.05
"""A second lung is at least this part of the first; a shrunken lung may be small, a cut-off lobe
or speck is smaller.
"""


def split_sides(lungs: Bool, grid: Grid, *, middle_mm: float | None = None) -> LungMask:
    """Tell right from left, by where the parts lie in the patient (LPS), never by index.

    Where both lungs are one region (they touch at the anterior or posterior junction), the region
    is eroded until two parts lie side by side, and these flood back in order of depth (watershed on
    the distance to the rim), so that they meet at the thinnest place. Where there is one lung only,
    it takes the side on which it lies.

    Args:
        lungs: bool `[slice, row, column]`, both lungs.
        grid: where they lie.
        middle_mm: the L coordinate of the patient's midline, where known; it decides only where one
            lung stands alone or two never come apart. Else the middle of the grid.

    Returns:
        A sided mask with the same voxels.
    """
    labels = np.zeros(lungs.shape, dtype=np.uint8)
    box = box_of(lungs)
    if box is None:
        return LungMask(labels, grid)
    region = np.ascontiguousarray(lungs[box])
    place = _lateral(grid, box)
    found = _two_seeds(region, place, middle_mm, 0.0)
    if found is not None:  # they do not touch, as mostly: nothing has to grow back
        labels[box] = _assign_rest(region, found[1], place)
        return LungMask(labels, grid)
    depth = depth_mm(region, grid.spacing_mm)
    for radius in RADII_MM:
        found = _two_seeds(depth > radius, place, middle_mm, radius)
        if found is not None:
            break
    if found is None:
        middle = (
            grid.to_world((np.array(grid.shape) - 1) / 2)[0] if middle_mm is None else middle_mm
        )
        labels[box] = _by_middle(region, place, float(middle))
    else:
        labels[box] = _flooded(region, depth, *found, place)
    return LungMask(labels, grid)


def _lateral(grid: Grid, box: tuple[slice, slice, slice]) -> tuple[NDArray[np.float64], ...]:
    """How L (mm) of a voxel in `box` is the sum of a term by slice, one by row and one by
    column.
    """
    start = np.array([part.start for part in box], dtype=np.float64)
    terms = []
    for axis, part in enumerate(box):
        index = np.tile(start, (part.stop - part.start, 1))
        index[:, axis] += np.arange(part.stop - part.start)
        along = grid.to_world(index)[:, 0]
        terms.append(along if axis == 0 else along - along[0])
    return tuple(terms)


def _mean_l(region: Bool, place: tuple[NDArray[np.float64], ...]) -> float:
    """The mean L of a region's voxels."""
    total = sum(
        float(region.sum(axis=tuple(k for k in range(3) if k != axis)) @ place[axis])
        for axis in range(3)
    )
    return total / float(np.count_nonzero(region))


def _two_seeds(
    region: Bool, place: tuple[NDArray[np.float64], ...], middle: float | None, radius: float
) -> tuple[float, NDArray[np.uint8]] | None:
    """The radius and the seeds (RIGHT, LEFT), where the two largest parts of an eroded region lie
    side by side.

    Where the midline is known they lie on both sides of it: else both lungs in one part, and a lobe
    or bowel beside it, would pass for right and left.
    """
    parts, counts = components(region, connectivity=6)  # lungs that touch by a corner are two
    if len(counts) < 3:
        return None
    first, second = (int(k) + 1 for k in np.argsort(-counts[1:], kind="stable")[:2])
    if counts[second] < SMALLER * counts[first]:
        return None
    one, other = parts == first, parts == second
    at_one, at_other = _mean_l(one, place), _mean_l(other, place)
    width_one, width_other = _width(one, place), _width(other, place)
    if abs(at_one - at_other) < 0.5 * max(width_one, width_other):
        return None  # above one another: two lobes, not two lungs
    if middle is not None and not _are_on_both_sides(
        (at_one, width_one), (at_other, width_other), middle
    ):
        return None
    seeds = np.zeros(region.shape, dtype=np.uint8)
    seeds[one] = LEFT if at_one > at_other else RIGHT
    seeds[other] = RIGHT if at_one > at_other else LEFT
    return radius, seeds


def _are_on_both_sides(one: tuple[float, float], other: tuple[float, float], middle: float) -> bool:
    """Whether two parts, each with its mean L and its width, lie on different sides of the
    midline and clear of it.
    """
    low, high = sorted((one, other))
    return (
        middle - low[0] > CLEAR_OF_MIDDLE * low[1] and high[0] - middle > CLEAR_OF_MIDDLE * high[1]
    )


def _width(region: Bool, place: tuple[NDArray[np.float64], ...]) -> float:
    """How far a region reaches from its 5th to its 95th percentile along L, in mm."""
    a, b, c = np.nonzero(region)
    low, high = np.percentile(place[0][a] + place[1][b] + place[2][c], [5, 95])
    return float(high - low)


def _by_middle(
    region: Bool, place: tuple[NDArray[np.float64], ...], middle: float
) -> NDArray[np.uint8]:
    """One region that does not come apart: one lung, or, where it lies on both sides in earnest,
    cut at the middle.
    """
    left = (place[0][:, None, None] + place[1][None, :, None] + place[2][None, None, :]) > middle
    share = np.count_nonzero(region & left) / np.count_nonzero(region)
    if not 0.25 < share < 0.75:
        return np.where(region, LEFT if share >= 0.5 else RIGHT, 0).astype(np.uint8)
    return np.where(region, np.where(left, LEFT, RIGHT), 0).astype(np.uint8)


def _flooded(
    region: Bool,
    depth: NDArray[np.float32],
    radius: float,
    seeds: NDArray[np.uint8],
    place: tuple[NDArray[np.float64], ...],
) -> NDArray[np.uint8]:
    """Seeds grown over the region, deepest voxels first; parts that no seed reaches take the
    side they lie nearer to.
    """
    labels = np.pad(seeds, 1)
    deep = np.pad(depth, 1)
    step = 0.5
    for level in [*np.arange(radius - step, 0.0, -step), 0.0]:
        _flood(labels, deep > level)
    return _assign_rest(region, labels[1:-1, 1:-1, 1:-1].copy(), place)


def _assign_rest(
    region: Bool, result: NDArray[np.uint8], place: tuple[NDArray[np.float64], ...]
) -> NDArray[np.uint8]:
    """The labels with every part of the region that has none given to the side it lies nearer
    to.
    """
    parts, counts = components(region & (result == 0), connectivity=26)
    if len(counts) > 1:
        border = 0.5 * (_mean_l(result == RIGHT, place) + _mean_l(result == LEFT, place))
        for part in range(1, len(counts)):
            piece = parts == part
            result[piece] = LEFT if _mean_l(piece, place) > border else RIGHT
    return result


def _flood(labels: NDArray[np.uint8], open_to: Bool) -> None:
    """Grow both labels in step, by faces, over the free voxels of `open_to`; `labels` has an
    empty rim.
    """
    flat, free = labels.reshape(-1), open_to.reshape(-1)
    hops = [
        sign * stride
        for stride in (labels.shape[1] * labels.shape[2], labels.shape[2], 1)
        for sign in (1, -1)
    ]
    fronts = {side: np.flatnonzero(flat == side) for side in (RIGHT, LEFT)}
    while any(len(front) for front in fronts.values()):
        for side, front in fronts.items():
            reached = [front[:0]]
            for hop in hops:
                near = front + hop
                near = near[free[near] & (flat[near] == 0)]
                flat[near] = side
                reached.append(near)
            fronts[side] = np.concatenate(reached)

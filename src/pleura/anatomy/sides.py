"""Split a mask into the patient's right and left lung, on any grid, even where the lungs touch."""

import numpy as np
from numpy.typing import NDArray

from pleura.anatomy import thresholds as t
from pleura.geometry.grid import Grid
from pleura.geometry.morphology import box_of, components, depth_mm
from pleura.geometry.volume import LEFT, RIGHT, LungMask

Bool = NDArray[np.bool_]


def split_sides(lungs: Bool, grid: Grid, *, middle_mm: float | None = None) -> LungMask:
    """Label right and left lung by their position in the patient (LPS), never by index.

    Where the lungs touch, at the anterior or posterior junction, the mask is eroded until two parts
    lie side by side. These grow back in order of depth (watershed on the distance to the rim), so
    that they meet at the thinnest place. A single lung gets the side on which it lies.

    Args:
        lungs: bool `[slice, row, column]`, both lungs.
        grid: the grid of the mask.
        middle_mm: the L coordinate of the patient's midline, where it is known; by default the
            middle of the grid. It decides only for a single lung, and for two lungs that do not
            separate.

    Returns:
        A sided mask with the same voxels.
    """
    labels = np.zeros(lungs.shape, dtype=np.uint8)
    box = box_of(lungs)
    if box is None:
        return LungMask(labels, grid)
    region = np.ascontiguousarray(lungs[box])
    place = grid.world_terms(box, 0)
    found = _two_seeds(region, place, middle_mm, 0.0)
    if found is not None:  # the usual case: the lungs do not touch, and nothing has to grow back
        labels[box] = _assign_rest(region, found[1], place)
        return LungMask(labels, grid)
    depth = depth_mm(region, grid.spacing_mm)
    for radius in t.RADII_MM:
        found = _two_seeds(depth > radius, place, middle_mm, radius)
        if found is not None:
            break
    if found is None:
        if middle_mm is None:
            middle_mm = grid.to_world((np.array(grid.shape) - 1) / 2)[0]
        labels[box] = _by_middle(region, place, float(middle_mm))
    else:
        labels[box] = _flooded(region, depth, *found, place)
    return LungMask(labels, grid)


def _mean_l(region: Bool, place: tuple[NDArray[np.float64], ...]) -> float:
    """The mean L coordinate of a region, in mm."""
    total = 0.0
    for axis, others in enumerate(((1, 2), (0, 2), (0, 1))):
        total += float(region.sum(axis=others) @ place[axis])
    return total / float(np.count_nonzero(region))


def _two_seeds(
    region: Bool, place: tuple[NDArray[np.float64], ...], middle: float | None, radius: float
) -> tuple[float, NDArray[np.uint8]] | None:
    """The radius and the seeds (RIGHT, LEFT), where the two largest parts lie side by side.

    Where the midline is known, they must lie on different sides of it. Without this rule both lungs
    in one part, and a lobe or bowel beside it, would pass for right and left.
    """
    parts, counts = components(region, connectivity=6)  # lungs that touch at a corner are separate
    if len(counts) < 3:
        return None
    first, second = (int(k) + 1 for k in np.argsort(-counts[1:], kind="stable")[:2])
    if counts[second] < t.SMALLER * counts[first]:
        return None
    one, other = parts == first, parts == second
    at_one, at_other = _mean_l(one, place), _mean_l(other, place)
    width_one, width_other = _width(one, place), _width(other, place)
    if abs(at_one - at_other) < t.APART * max(width_one, width_other):
        return None  # one above the other: two lobes, not two lungs
    if middle is not None and not _are_on_both_sides(
        (at_one, width_one), (at_other, width_other), middle
    ):
        return None
    seeds = np.zeros(region.shape, dtype=np.uint8)
    seeds[one] = LEFT if at_one > at_other else RIGHT
    seeds[other] = RIGHT if at_one > at_other else LEFT
    return radius, seeds


def _are_on_both_sides(one: tuple[float, float], other: tuple[float, float], middle: float) -> bool:
    """Whether two parts lie on both sides of the midline, by mean L coordinate and width."""
    low, high = sorted((one, other))
    return (
        middle - low[0] > t.CLEAR_OF_MIDDLE * low[1]
        and high[0] - middle > t.CLEAR_OF_MIDDLE * high[1]
    )


def _width(region: Bool, place: tuple[NDArray[np.float64], ...]) -> float:
    """Width of a region in mm, from its 5th to its 95th percentile along L."""
    a, b, c = np.nonzero(region)
    low, high = np.percentile(place[0][a] + place[1][b] + place[2][c], [5, 95])
    return float(high - low)


def _by_middle(
    region: Bool, place: tuple[NDArray[np.float64], ...], middle: float
) -> NDArray[np.uint8]:
    """Labels of a region that does not separate.

    It is one lung, or is cut at the middle where a good part of it lies on each side.
    """
    left = (place[0][:, None, None] + place[1][None, :, None] + place[2][None, None, :]) > middle
    share = np.count_nonzero(region & left) / np.count_nonzero(region)
    if not t.ONE_LUNG[0] < share < t.ONE_LUNG[1]:
        return np.where(region, LEFT if share >= 0.5 else RIGHT, 0).astype(np.uint8)
    return np.where(region, np.where(left, LEFT, RIGHT), 0).astype(np.uint8)


def _flooded(
    region: Bool,
    depth: NDArray[np.float32],
    radius: float,
    seeds: NDArray[np.uint8],
    place: tuple[NDArray[np.float64], ...],
) -> NDArray[np.uint8]:
    """Grow seeds, deepest voxels first; parts that none reaches get the nearer side."""
    labels = np.pad(seeds, 1)
    deep = np.pad(depth, 1)
    step = t.FLOOD_STEP_MM
    for level in [*np.arange(radius - step, 0.0, -step), 0.0]:
        _flood(labels, deep > level)
    return _assign_rest(region, labels[1:-1, 1:-1, 1:-1].copy(), place)


def _assign_rest(
    region: Bool, result: NDArray[np.uint8], place: tuple[NDArray[np.float64], ...]
) -> NDArray[np.uint8]:
    """Give unlabelled parts of the region the side that they are nearer to."""
    parts, counts = components(region & (result == 0), connectivity=26)
    if len(counts) > 1:
        border = 0.5 * (_mean_l(result == RIGHT, place) + _mean_l(result == LEFT, place))
        for part in range(1, len(counts)):
            piece = parts == part
            result[piece] = LEFT if _mean_l(piece, place) > border else RIGHT
    return result


def _flood(labels: NDArray[np.uint8], open_to: Bool) -> None:
    """Grow both labels over face neighbours in `open_to`; the outermost voxels are empty."""
    flat, free = labels.reshape(-1), open_to.reshape(-1)
    plane, row = labels.shape[1] * labels.shape[2], labels.shape[2]
    hops = [plane, -plane, row, -row, 1, -1]
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

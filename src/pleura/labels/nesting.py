"""Combine the contours of one plane: overlapping ones unite, nested ones are holes.

Repeated contours count once. Everything is in index coordinates `(row, column)` of one slice.
docs/rtstruct.md has the rule and its reasons.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pleura.labels.rasterisation import Points, fill, polygon_area, winding_numbers

Mask = NDArray[np.bool_]

HOLE_AREA = 0.9
"""A hole has less of the area of the contour around it; a larger one is the same outline again."""
ALONG_EDGE = 0.1
"""[pixels] Outlines that are nearer to each other run along each other."""
SHARED_OUTLINE = 0.2
"""A hole shares less of its outline with the contour around it; a part drawn again shares more."""
RETRACED_AREA, RETRACED_PIXELS = 0.5, 0.75
"""A contour inside another with this share of its area, and this near to it, is the same outline.
"""
CROSSED_AREA = 0.02
"""Share of the enclosed pixels above which a loop that crosses itself is reported."""
SAMPLE = 0.25
"""[pixels] Distance of samples along an outline."""
SMALLEST_AREA = 1e-9
"""[pixels] Loops that enclose less enclose nothing."""


@dataclass(frozen=True)
class PlaneFill:
    """The result for one plane: `mask` `[row, column]`, and counts of contours.

    `repeated` contours equal an earlier one, `overlapped` ones share pixels with one, and `crossed`
    ones run round parts of their inside in opposite directions.
    """

    mask: Mask
    repeated: int = 0
    overlapped: int = 0
    crossed: int = 0


@dataclass(frozen=True)
class _Contour:
    """One contour: its loops, the largest first, the enclosed pixels, and whether it crosses."""

    loops: Sequence[Points]
    filled: Mask
    crosses_itself: bool

    @property
    def area(self) -> float:
        return abs(polygon_area(self.loops[0]))


def combine(contours: Sequence[Points], shape: tuple[int, int]) -> PlaneFill:
    """Fill the closed contours of one plane (CLOSED_PLANAR).

    A contour clearly inside another is a hole of it, a contour inside the hole an island, and so
    on. All others unite. Each contour is filled by non-zero winding, so neither its direction nor a
    second tracing matters.

    Args:
        contours: each `(n, 2)`; a keyhole contour is split at its bridge.
        shape: rows and columns of the slice.
    """
    parts = [_filled(loops, shape) for loops in map(loops_of, contours) if loops]
    inside = _nesting(parts)
    depth = _depths(inside)
    repeated, overlapped = _count_shared(parts, depth)
    mask = np.zeros(shape, dtype=bool)
    for k, part in enumerate(parts):
        if depth[k] % 2:
            continue
        region = part.filled.copy()
        for hole in np.flatnonzero(inside[:, k]):
            if depth[hole] == depth[k] + 1:
                region &= ~parts[hole].filled
        mask |= region
    return PlaneFill(mask, repeated, overlapped, sum(part.crosses_itself for part in parts))


def _filled(loops: Sequence[Points], shape: tuple[int, int]) -> _Contour:
    ordered = sorted(loops, key=lambda loop: -abs(polygon_area(loop)))
    filled = np.zeros(shape, dtype=bool)
    crosses = False
    for loop in ordered:
        winding = winding_numbers(loop, shape)
        filled ^= winding != 0
        crosses |= _is_crossed(winding)
    return _Contour(ordered, filled, crosses)


def _is_crossed(winding: NDArray[np.int32]) -> bool:
    """Whether a loop runs both ways round more than a small part of what it encloses."""
    parts = np.count_nonzero(winding > 0), np.count_nonzero(winding < 0)
    return bool(min(parts) > CROSSED_AREA * sum(parts))


def _count_shared(parts: Sequence[_Contour], depth: Sequence[int]) -> tuple[int, int]:
    """Number of contours that equal an earlier one of their depth, and of those that overlap."""
    repeated = overlapped = 0
    for k, part in enumerate(parts):
        earlier = [parts[j].filled for j in range(k) if depth[j] == depth[k]]
        if not part.filled.any():
            continue
        if any(np.array_equal(part.filled, other) for other in earlier):
            repeated += 1
        elif any((part.filled & other).any() for other in earlier):
            overlapped += 1
    return repeated, overlapped


def combine_xor(contours: Sequence[Points], shape: tuple[int, int]) -> PlaneFill:
    """Fill the contours of one plane by exclusive or (CLOSEDPLANAR_XOR, PS3.3 C.8.8.6.3)."""
    mask = np.zeros(shape, dtype=bool)
    for contour in contours:
        mask ^= fill(loops_of(contour), shape)
    return PlaneFill(mask)


def loops_of(contour: Points) -> list[Points]:
    """Split a contour into simple loops at its keyhole bridges, where an edge runs back.

    A contour that runs round twice in opposite directions, and so would cancel, is its first round.

    Returns:
        Loops `(n, 2)` that enclose something; a single one where there is no bridge.
    """
    points = _without_repeats(np.asarray(contour, dtype=np.float64))
    if len(points) < 3:
        return []
    loops = _split_at_bridges(points) if _has_bridge(points) else [points]
    enclosing = [loop for loop in loops if _encloses(loop)]
    if enclosing:
        return enclosing
    first = np.flatnonzero((points[1:] == points[0]).all(axis=1)) + 1
    rounds = [points[: first[0]]] if len(first) else []
    return [loop for loop in rounds if _encloses(loop)]


def _without_repeats(points: Points) -> Points:
    """The points without those that equal the next one, across the end too."""
    kept: Points = points[(points != np.roll(points, -1, axis=0)).any(axis=1)]
    return kept


def _encloses(loop: Points) -> bool:
    if len(loop) < 3:
        return False
    return abs(polygon_area(loop)) > SMALLEST_AREA or _is_figure_of_eight(loop)


def _is_figure_of_eight(loop: Points) -> bool:
    """Whether a loop without net area encloses something, because it is not on one line."""
    return bool(np.linalg.matrix_rank(loop[1:] - loop[0], tol=1e-9) == 2)


def _has_bridge(points: Points) -> bool:
    edges = np.concatenate([points, np.roll(points, -1, axis=0)], axis=1)
    forward = {edge.tobytes() for edge in edges}
    return any(edge.tobytes() in forward for edge in np.roll(edges, 2, axis=1))


def _split_at_bridges(points: Points) -> list[Points]:
    """Walk along the contour; where an edge runs back along an earlier one, split off a loop."""
    corners = [tuple(point) for point in points.tolist()]
    walk: list[tuple[float, ...]] = []
    loops: list[Points] = []
    for corner in [*corners, corners[0]]:
        if len(walk) >= 2 and walk[-2] == corner:  # there and straight back
            walk.pop()
            continue
        bridge = _open_bridge(walk, corner)
        if bridge is not None:
            loops.append(np.array(walk[bridge + 1 : -1]))
            del walk[bridge + 1 :]
            continue
        walk.append(corner)
    if len(walk) > 1 and walk[0] == walk[-1]:
        walk.pop()
    if walk:
        loops.append(np.array(walk))
    return [_without_repeats(loop) for loop in loops if len(loop) >= 3]


def _open_bridge(walk: Sequence[tuple[float, ...]], corner: tuple[float, ...]) -> int | None:
    """The position of the edge `corner -> walk[-1]` in the walk, once its way back is reached."""
    for k in range(len(walk) - 3, -1, -1):
        if walk[k] == corner and walk[k + 1] == walk[-1]:
            return k
    return None


def _depths(inside: Mask) -> list[int]:
    """Depth of each contour: 0 for the outermost. `inside[a, b]`: a lies clearly inside b."""
    depth = [0] * len(inside)
    for k in np.argsort(inside.sum(axis=1), kind="stable"):
        around = np.flatnonzero(inside[k])
        depth[k] = 1 + max((depth[other] for other in around), default=-1)
    return depth


def _nesting(parts: Sequence[_Contour]) -> Mask:
    """`[a, b]`: whether contour a lies clearly inside contour b."""
    count = len(parts)
    inside = np.zeros((count, count), dtype=bool)
    low = np.array([part.loops[0].min(axis=0) for part in parts]).reshape(count, 2)
    high = np.array([part.loops[0].max(axis=0) for part in parts]).reshape(count, 2)
    area = np.array([part.area for part in parts])
    for a in range(count):
        within = (
            (low[a] >= low).all(axis=1)
            & (high[a] <= high).all(axis=1)
            & (area[a] < HOLE_AREA * area)
        )
        within[a] = False
        for b in np.flatnonzero(within).tolist():
            inside[a, b] = _clearly_within(parts[a], parts[b])
    return inside


def _clearly_within(inner: _Contour, outer: _Contour) -> bool:
    samples = _along(inner.loops[0])
    distance = distance_to_outline(samples, outer.loops[0])
    near = distance <= ALONG_EDGE
    retraced = inner.area >= RETRACED_AREA * outer.area and distance.max() <= RETRACED_PIXELS
    if retraced or near.mean() > SHARED_OUTLINE:
        return False
    within = [_winding(samples[~near], loop) != 0 for loop in outer.loops]
    return bool((np.sum(within, axis=0) % 2 == 1).all())


def _along(loop: Points) -> Points:
    """Points along an outline, at most `SAMPLE` apart, corners included."""
    steps = np.roll(loop, -1, axis=0) - loop
    counts = np.maximum(np.ceil(np.linalg.norm(steps, axis=1) / SAMPLE).astype(int), 1)
    edge = np.repeat(np.arange(len(loop)), counts)
    share = (np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)) / counts[edge]
    samples: Points = loop[edge] + share[:, None] * steps[edge]
    return samples


def distance_to_outline(points: Points, loop: Points) -> NDArray[np.float64]:
    """Distance of points to the nearest edge of a closed outline, `(n,)`."""
    nearest = np.full(len(points), np.inf)
    for start, end in _edges(loop):
        step = end - start
        share = ((points - start) @ step) / (step @ step)
        foot = start + np.clip(share, 0, 1)[:, None] * step
        np.minimum(nearest, np.linalg.norm(points - foot, axis=1), out=nearest)
    return nearest


def _winding(points: Points, loop: Points) -> NDArray[np.int64]:
    """Winding number of an outline around each point."""
    winding = np.zeros(len(points), dtype=np.int64)
    for (r0, c0), (r1, c1) in _edges(loop):
        if r0 == r1:
            continue
        crossed = (r0 <= points[:, 0]) != (r1 <= points[:, 0])
        at = c0 + (points[:, 0] - r0) * (c1 - c0) / (r1 - r0)
        winding += np.where(crossed & (at <= points[:, 1]), 1 if r1 > r0 else -1, 0)
    return winding


def _edges(loop: Points) -> Iterable[tuple[Points, Points]]:
    return zip(loop, np.roll(loop, -1, axis=0), strict=True)

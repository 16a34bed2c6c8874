"""Rasterise contours: fill polygons and trace masks, in index coordinates of one slice.

Coordinates are `(row, column)`; pixel centres are at whole numbers. A pixel is inside where its
centre is. A centre on an edge belongs to the polygon below or right of it, never to both
neighbours. Written by hand, because OpenCV's fillPoly and scikit-image's `polygon` round vertices
or grow the border (docs/rtstruct.md has the figures). `nesting` combines the contours of a plane.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

RULE = (
    "a voxel is inside a contour where its centre is, vertices not rounded; the contours of a "
    "plane unite, clearly nested ones are holes, repeated ones count once (CLOSEDPLANAR_XOR: "
    "exclusive or); each contour lies on the nearest true slice"
)
"""The rule in words, for results."""

Points = NDArray[np.float64]
"""`(n, 2)`: row, column; closed without repeating the first point."""

STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))
"""Right, down, left and up from one pixel corner to the next.

They run clockwise around the inside, on the displayed slice.
"""


def polygon_area(points: Points) -> float:
    """Signed area in pixels (shoelace formula), positive where the slice shows it clockwise."""
    row, column = points[:, 0], points[:, 1]
    return float((column @ np.roll(row, -1) - row @ np.roll(column, -1)) / 2)


def fill(polygons: Iterable[Points], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Fill polygons by the even-odd rule, counted over all of them.

    Args:
        polygons: closed, each `(n, 2)`; parts outside the slice are left out.
        shape: rows and columns of the slice.

    Returns:
        bool `[row, column]`.
    """
    inside: NDArray[np.bool_] = _crossings(polygons, shape, signed=False) % 2 == 1
    return inside


def winding_numbers(polygon: Points, shape: tuple[int, int]) -> NDArray[np.int32]:
    """How often a polygon runs round each pixel centre, `[row, column]`; negative anticlockwise."""
    return _crossings([polygon], shape, signed=True)


def _crossings(
    polygons: Iterable[Points], shape: tuple[int, int], *, signed: bool
) -> NDArray[np.int32]:
    """For each pixel centre, the number of edges that a ray from the left border crosses before it.

    With `signed`, by their direction. An edge is always evaluated from its top end, so a bridge and
    its way back cancel exactly.
    """
    rows, columns = shape
    changes = np.zeros((rows, columns + 1), dtype=np.int32)
    for points in polygons:
        start = np.asarray(points, dtype=np.float64)
        end = np.roll(start, -1, axis=0)
        up = start[:, 0] > end[:, 0]
        top, bottom = np.where(up[:, None], end, start), np.where(up[:, None], start, end)
        first = np.clip(np.ceil(top[:, 0]), 0, rows).astype(np.int64)
        counts = np.clip(np.ceil(bottom[:, 0]), 0, rows).astype(np.int64) - first
        edge = np.repeat(np.arange(len(start)), counts)
        row = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
        step = bottom[edge] - top[edge]
        column = top[edge, 1] + (row - top[edge, 0]) * step[:, 1] / step[:, 0]
        change = np.where(up[edge], -1, 1) if signed else 1
        np.add.at(changes, (row, np.clip(np.ceil(column), 0, columns).astype(np.int64)), change)
    crossings: NDArray[np.int32] = np.cumsum(changes[:, :columns], axis=1, dtype=np.int32)
    return crossings


def trace(mask: NDArray[np.bool_]) -> list[Points]:
    """Trace a mask along the edges of its pixels: `fill` gives the same mask back.

    Pixels that touch only at a corner are separate. Each connected piece gives one polygon,
    clockwise on the displayed slice; its holes are joined to it by keyholes (bridges of no width,
    PS3.3 C.8.8.6.3).

    Args:
        mask: bool `[row, column]`.

    Returns:
        Polygons with vertices at half numbers, corners only.
    """
    from scipy.ndimage import label

    pieces, _ = label(mask)
    outer: dict[int, Points] = {}
    holes: dict[int, list[Points]] = {}
    for loop, piece in _loops(np.asarray(mask, dtype=bool), pieces):
        if polygon_area(loop) > 0:
            outer[piece] = loop
        else:
            holes.setdefault(piece, []).append(loop)
    return [_keyholed(outer[piece], holes.get(piece, ())) for piece in sorted(outer)]


def _loops(mask: NDArray[np.bool_], pieces: NDArray[np.int32]) -> Iterable[tuple[Points, int]]:
    """Closed outlines along pixel edges, corners only, with the piece inside, on the right."""
    padded = np.pad(mask, 1)
    rows, columns = mask.shape
    # an edge in this direction starts at this pixel corner
    edges = np.zeros((4, rows + 1, columns + 1), dtype=bool)
    edges[0, :-1, :-1] = mask & ~padded[:-2, 1:-1]
    edges[1, :-1, 1:] = mask & ~padded[1:-1, 2:]
    edges[2, 1:, 1:] = mask & ~padded[2:, 1:-1]
    edges[3, 1:, :-1] = mask & ~padded[1:-1, :-2]
    open_edges = {(int(row), int(column), int(way)) for way, row, column in np.argwhere(edges)}
    for row, column in np.argwhere(edges[0]).tolist():
        if (row, column, 0) not in open_edges:
            continue
        corners = []
        here, way, came = (row, column), 0, -1
        while (*here, way) in open_edges:
            open_edges.remove((*here, way))
            if way != came:
                corners.append(here)
            here, came = (here[0] + STEPS[way][0], here[1] + STEPS[way][1]), way
            # right first, to stay on this piece where two touch at a corner
            way = next(
                (turn % 4 for turn in (way + 1, way, way - 1) if (*here, turn % 4) in open_edges),
                way,
            )
        if came == 0:  # the outline began within a straight edge
            corners = corners[1:]
        yield np.array(corners, dtype=np.float64) - 0.5, int(pieces[row, column])


def _keyholed(outer: Points, holes: Sequence[Points]) -> Points:
    """Join holes to their outer loop at the nearest point."""
    for hole in holes:
        apart = ((outer[:, None] - hole[None]) ** 2).sum(axis=2)
        at, of = divmod(int(apart.argmin()), len(hole))
        turned = np.roll(hole, -of, axis=0)
        outer = np.concatenate([outer[: at + 1], turned, turned[:1], outer[at:]])
    return outer

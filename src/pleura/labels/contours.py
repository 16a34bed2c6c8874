"""Polygons to a mask and back, in index coordinates `(row, column)` of one slice; a pixel's centre lies at whole numbers.

The rule: a pixel is inside where its centre is, by the even-odd count over all polygons of the slice at once. So a contour
within a contour is a hole (XOR), a keyhole's two coinciding bridges cancel, and a centre on an edge belongs to the polygon
below it or right of it, never to both neighbours. Written by hand, since fillPoly of OpenCV and scikit-image's `polygon`
round vertices or grow the border (docs/rtstruct.md measures them).
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

RULE = (
    "contours are filled by voxel centres, even-odd over all contours of a plane, vertices not rounded; each contour lies on "
    "the nearest true slice"
)
"""The rule in words, for results."""

Points = NDArray[np.float64]
"""`(n, 2)`: row, column; closed without repeating the first point."""

STEPS = ((0, 1), (1, 0), (0, -1), (-1, 0))
"""Right, down, left, up from one pixel corner to the next: a clockwise walk, as a picture is seen, round what is inside."""


def polygon_area(points: Points) -> float:
    """The signed area in pixels (shoelace formula); positive where the points run clockwise as a picture is seen."""
    row, column = points[:, 0], points[:, 1]
    return float((column @ np.roll(row, -1) - row @ np.roll(column, -1)) / 2)


def fill(polygons: Iterable[Points], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels whose centres lie inside, even-odd over all polygons.

    Args:
        polygons: closed, each `(n, 2)`; parts outside the picture are left out.
        shape: rows and columns of the picture.

    Returns:
        bool `[row, column]`.
    """
    rows, columns = shape
    flips = np.zeros((rows, columns + 1), dtype=np.int64)  # where a row's ray changes between outside and inside
    for points in polygons:
        start, end = np.asarray(points, dtype=np.float64), np.roll(points, -1, axis=0)
        up = start[:, 0] > end[:, 0]  # an edge is met in one sense only, so that a bridge there and back cancels exactly
        top, bottom = np.where(up[:, None], end, start), np.where(up[:, None], start, end)
        first = np.clip(np.ceil(top[:, 0]), 0, rows).astype(np.int64)
        counts = np.clip(np.ceil(bottom[:, 0]), 0, rows).astype(np.int64) - first
        edge = np.repeat(np.arange(len(start)), counts)
        row = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
        rise = bottom[edge] - top[edge]
        column = top[edge, 1] + (row - top[edge, 0]) * rise[:, 1] / rise[:, 0]
        np.add.at(flips, (row, np.clip(np.ceil(column), 0, columns).astype(np.int64)), 1)
    inside: NDArray[np.bool_] = np.cumsum(flips[:, :columns], axis=1) % 2 == 1
    return inside


def trace(mask: NDArray[np.bool_]) -> list[Points]:
    """Polygons along the edges of the pixels of a slice: `fill` gives the very mask back.

    Pixels that touch by a corner alone are parted. Each connected piece gives one polygon, clockwise as a picture is seen;
    its holes are joined to it by keyholes (bridges of no width, PS3.3 C.8.8.6.3).

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
    """Closed walks along pixel edges with the inside on the right hand, corners only, and the piece that each runs round."""
    padded = np.pad(mask, 1)
    rows, columns = mask.shape
    edges = np.zeros((4, rows + 1, columns + 1), dtype=bool)  # an edge in this direction starts at this pixel corner
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
            # right first, which keeps to this piece where two touch by a corner
            way = next((turn % 4 for turn in (way + 1, way, way - 1) if (*here, turn % 4) in open_edges), way)
        if came == 0:  # the walk began amid a straight run
            corners = corners[1:]
        yield np.array(corners, dtype=np.float64) - 0.5, int(pieces[row, column])


def _keyholed(outer: Points, holes: Sequence[Points]) -> Points:
    """One polygon out of an outer loop and its holes, each joined where it comes nearest."""
    for hole in holes:
        apart = ((outer[:, None] - hole[None]) ** 2).sum(axis=2)
        at, of = divmod(int(apart.argmin()), len(hole))
        turned = np.roll(hole, -of, axis=0)
        outer = np.concatenate([outer[: at + 1], turned, turned[:1], outer[at:]])
    return outer

"""Surfaces of masks, and how far they lie apart: exact at any spacing, on uneven and on tilted
grids.

Two surfaces of one mask are in use, and both are here. *Elements*: a cell between eight voxel
centres that holds both inside and outside carries a piece of surface, as marching cubes draws it
(Lorensen and Cline 1987) with its corners half-way along the cell's edges; the element sits at the
cell's centre and weighs its area in mm² (the definition of DeepMind's surface-distance, Nikolov et
al. 2021, doi:10.2196/26151). *Border voxels*: voxels of the mask with a face neighbour outside it,
each weighing the same (MedPy, MONAI). Beyond the array's edge there is no mask, so a mask that
touches the edge has its surface there.

Distances are from point to nearest point by a k-d tree in LPS mm. Measured on a lung of 0.7 x 0.7 x
2.5 mm it takes 0.1 s where two exact distance transforms take 0.5 s (edt) or 2.1 s (scipy), and it
needs no even spacing.
"""

from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.geometry.grid import Grid

Bool = NDArray[np.bool_]
Floats = NDArray[np.float64]
Box = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class Surface:
    """Points of a surface `(n, 3)` in LPS mm, the weight of each `(n,)`, and its number `(n,)` in a
    lattice shared with others.

    Surfaces are comparable where they were made with one box of one grid: then equal numbers are
        equal points.
    """

    points: Floats
    weights: Floats
    keys: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.keys)


def bounding_box(mask: NDArray[Any]) -> Box | None:
    """The smallest box `[slice, row, column]` with every true voxel; `None` where there is none."""
    plane = np.asarray(mask.any(axis=0))
    if not plane.any():
        return None
    return _span(mask.any(axis=(1, 2))), _span(plane.any(axis=1)), _span(plane.any(axis=0))


def _span(line: Any) -> slice:
    found = np.flatnonzero(line)
    return slice(int(found[0]), int(found[-1]) + 1)


def joint_box(first: Box | None, second: Box | None) -> Box | None:
    """The smallest box that holds both."""
    if first is None or second is None:
        return first or second
    a, b, c = (
        slice(min(p.start, q.start), max(p.stop, q.stop))
        for p, q in zip(first, second, strict=True)
    )
    return a, b, c


def surface_elements(mask: Bool, grid: Grid, box: Box) -> Surface:
    """The area-weighted surface elements of a mask.

    Args:
        mask: bool `[slice, row, column]` on `grid`.
        grid: where it lies.
        box: holds every true voxel; surfaces to be compared share it.

    Returns:
        Points at the centres of the cells between voxel centres, weights in mm².
    """
    voxels = np.pad(mask[box], 1).view(np.uint8)
    pairs = voxels[:, :, :-1] * np.uint8(2) + voxels[:, :, 1:]
    squares = pairs[:, :-1] * np.uint8(4) + pairs[:, 1:]
    codes = squares[:-1] * np.uint8(16) + squares[1:]
    # 0 wraps to 255: neither all outside nor all inside
    keys = np.flatnonzero(codes - np.uint8(1) < 254)
    cell = np.unravel_index(keys, codes.shape)
    code = codes.ravel()[keys]
    steps = _cell_steps(grid, box[0])
    if grid.is_even:
        weights = element_areas(steps[0])[code]
    else:
        weights = np.stack([element_areas(step) for step in steps])[cell[0], code]
    return Surface(_points(cell, box, grid, -0.5), weights, keys)


def border_voxels(mask: Bool, grid: Grid, box: Box) -> Surface:
    """The voxels of a mask with a face neighbour outside it, at their centres, each of weight 1;
    arguments as of `surface_elements`.
    """
    x = np.pad(mask[box], 1)
    inside = x[1:-1, 1:-1, 1:-1].copy()
    for axis in range(3):
        for start in (0, 2):
            window = [slice(1, -1)] * 3
            window[axis] = slice(start, start + inside.shape[axis])
            inside &= x[tuple(window)]
    keys = np.flatnonzero(mask[box] & ~inside)
    return Surface(
        _points(np.unravel_index(keys, inside.shape), box, grid, 0.0), np.ones(len(keys)), keys
    )


def surface_distances(first: Surface, second: Surface) -> tuple[Floats, Floats]:
    """For each point of either surface, the distance in mm to the nearest point of the other.

    Args:
        first: `n` points, at least one.
        second: `m` points, at least one, made with the same box.

    Returns:
        `(n,)` from first to second and `(m,)` from second to first.
    """
    return _directed(first, second), _directed(second, first)


def _directed(origin: Surface, goal: Surface) -> Floats:
    from scipy.spatial import cKDTree

    distances = np.zeros(len(origin))
    # points that coincide need no search
    apart = ~np.isin(origin.keys, goal.keys, assume_unique=True, kind="table")
    if apart.any():
        tree = cKDTree(goal.points, balanced_tree=False, compact_nodes=False)
        distances[apart] = tree.query(origin.points[apart])[0]
    return distances


def _points(cell: tuple[NDArray[np.intp], ...], box: Box, grid: Grid, shift: float) -> Floats:
    return grid.to_world(np.stack(cell, axis=1) + (np.array([side.start for side in box]) + shift))


def _cell_steps(grid: Grid, slices: slice) -> list[Floats]:
    """Edge vectors `(3, 3)` in mm (columns: slice, row, column) of cells, for each layer."""
    if grid.positions_mm is None:
        return [grid.affine[:3, :3]]
    layers = np.arange(slices.start - 1, slices.stop + 1, dtype=np.float64)
    corner = grid.to_world(np.stack([layers, np.zeros_like(layers), np.zeros_like(layers)], axis=1))
    return [
        np.stack([step, grid.affine[:3, 1], grid.affine[:3, 2]], axis=1)
        for step in np.diff(corner, axis=0)
    ]


def element_areas(steps: Floats) -> Floats:
    """Area in mm² of the surface in a cell, for each of the 256 ways in which its eight corners can
    be inside or outside.

    The surface passes half-way along every edge between inside and outside. A loop of more than
    three such points that is not flat has several triangulations; as in the classic table the
    largest at unit spacing counts, and the mean where several are equally large, so that mirrored
    cells weigh the same. A face with two diagonal corners inside is cut so that the fewer of the
    cell's corners stay apart.

    Args:
        steps: `(3, 3)` the cell's edge vectors in mm, as columns (slice, row, column).

    Returns:
        `(256,)`; the code's bits, highest first, are the corners in index order `[0,0,0], [0,0,1],
        [0,1,0] … [1,1,1]`.
    """
    triangles, codes, shares = _triangles()
    corners = triangles @ steps.T
    areas = (
        np.linalg.norm(
            np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
        )
        / 2
    )
    return np.bincount(codes, weights=shares * areas, minlength=256).astype(np.float64)


@cache
def _triangles() -> tuple[Floats, NDArray[np.int64], Floats]:
    """Every triangle `(n, 3 corners, 3)` in cells, its code `(n,)`, and its share `(n,)`."""
    triangles, codes, shares = [], [], []
    for code in range(256):
        corners = np.array([code >> (7 - bit) & 1 for bit in range(8)], dtype=bool).reshape(2, 2, 2)
        for loop in _loops(corners if corners.sum() <= 4 else ~corners):
            ways = _largest(loop)
            triangles.append(ways.reshape(-1, 3, 3))
            codes += [code] * len(triangles[-1])
            shares += [1 / len(ways)] * len(triangles[-1])
    return np.concatenate(triangles), np.array(codes), np.array(shares)


def _loops(corners: Bool) -> list[Floats]:
    """The closed lines in which the surface meets the cell's faces, as `(points, 3)`."""
    ends: dict[tuple[float, ...], list[tuple[float, ...]]] = {}
    for axis in range(3):
        for side in (0, 1):
            for start, stop in _cuts(corners, axis, side):
                ends.setdefault(start, []).append(stop)
                ends.setdefault(stop, []).append(start)
    loops = []
    while ends:
        point, others = next(iter(ends.items()))
        loop = []
        while point in ends:
            loop.append(point)
            others = ends.pop(point)
            point = next((other for other in others if other in ends), point)
        loops.append(np.array(loop))
    return loops


def _cuts(corners: Bool, axis: int, side: int) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
    """Where the surface cuts one face: pairs of half-way points, cutting off the inside corners."""
    ring = [tuple(np.insert(corner, axis, side)) for corner in ((0, 0), (0, 1), (1, 1), (1, 0))]
    inside = [bool(corners[corner]) for corner in ring]
    halfway = [tuple((np.array(ring[i]) + ring[(i + 1) % 4]) / 2) for i in range(4)]
    crossed = [i for i in range(4) if inside[i] != inside[(i + 1) % 4]]
    if len(crossed) == 4:
        return [(halfway[i - 1], halfway[i]) for i in range(4) if inside[i]]
    if crossed:
        return [(halfway[crossed[0]], halfway[crossed[1]])]
    return []


def _largest(loop: Floats) -> Floats:
    """Triangulations of a loop of the largest area, `(triangulations, triangles, 3 corners, 3)`."""
    every = np.array(
        [loop[list(map(list, triangles))] for triangles in _triangulations(range(len(loop)))]
    )
    sides = every[:, :, 1:] - every[:, :, :1]
    areas = np.linalg.norm(np.cross(sides[:, :, 0], sides[:, :, 1]), axis=-1).sum(axis=1)
    largest: Floats = every[areas > areas.max() - 1e-9]
    return largest


def _triangulations(ring: range) -> list[list[tuple[int, int, int]]]:
    """Every way to cut a polygon into triangles by diagonals."""
    if len(ring) < 3:
        return [[]]
    found = []
    for middle in range(1, len(ring) - 1):
        triangle = (ring[0], ring[middle], ring[-1])
        rest = product(_triangulations(ring[: middle + 1]), _triangulations(ring[middle:]))
        found += [[*left, triangle, *right] for left, right in rest]
    return found

"""Whether a label map lies on the voxels of a volume, and how to bring it there."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pleura.core.codes import refused
from pleura.core.errors import GridMismatch
from pleura.geometry.grid import Grid
from pleura.geometry.resample import resample_mask
from pleura.geometry.volume import LungMask

TOLERANCE_VOXELS = 0.25
"""[voxels] Largest distance of a voxel of the map from one of the volume, at any corner.

Files store geometry as float32 (NIfTI: 3e-5 mm at 500 mm, times up to 1,000 steps) or as text: a
step of 2/3 mm written with three decimals drifts by 0.16 mm (0.24 voxel) over 480 slices, cosines
with four digits by up to 0.1 voxel. A shift of 0.3 voxel is never such rounding: it shows in full
at one corner at least.
"""
DRIFT_VOXELS, ROUNDED_MM = 0.45, 5.1e-4
"""Longer stacks may drift by this, if steps differ in the third decimal only and one end fits."""
ANCHOR_VOXELS, EITHER_END_VOXELS = 0.02, 0.27
"""How closely that end fits.

It is the first voxel of the map, or any corner where a shift of 0.3 could not look like drift.
"""
FARTHEST = 1e6
"""[voxels] With a larger distance between map and volume the header is invalid."""
UNIT = np.array([[0.0] * 2 + [1.0]] * 3)


@dataclass(frozen=True)
class Placement:
    """Where the voxels of a map lie in a volume: `order`, `flips` of axes, first voxel `offset`."""

    order: tuple[int, int, int]
    flips: tuple[int, ...]
    offset: tuple[int, int, int]


def place(mask: LungMask, grid: Grid) -> LungMask | None:
    """Bring a mask onto `grid`, whatever the order and direction of its axes.

    Outside the map there is background. For unevenly spaced slices a file has one step only: that
    of `grid.even()`, or the mean.

    Returns:
        The mask on `grid`; `None` where its voxels are not those of `grid`.

    Raises:
        GridMismatch: `GRID-BEYOND`: it has lung outside of the volume.
    """
    if mask.grid is grid or mask.grid.same_as(grid):
        return LungMask(mask.labels, grid, mask.sided)
    if not grid.is_even:
        even = grid.even()
        placement = find_placement(mask.grid, even)
        if placement is not None and _fills(mask.grid, placement, even):
            return resample_mask(
                LungMask(_moved(mask.labels, placement, even.shape), even, mask.sided), grid
            )
    placement = find_placement(mask.grid, Grid(grid.shape, grid.affine))
    if placement is None:
        return None
    return LungMask(_moved(mask.labels, placement, grid.shape), grid, mask.sided)


def _fills(mask: Grid, placement: Placement, grid: Grid) -> bool:
    shape = tuple(mask.shape[axis] for axis in placement.order)
    return shape == grid.shape and not any(placement.offset)


def union(one: LungMask, other: LungMask) -> tuple[LungMask, LungMask]:
    """Both masks on the smallest grid that holds both, or unchanged if voxels do not coincide."""
    placement = find_placement(other.grid, one.grid)
    if placement is None:
        return one, other
    size = np.array([other.grid.shape[axis] for axis in placement.order])
    offset = np.array(placement.offset)
    low = np.minimum(offset, 0)
    shape = np.maximum(one.grid.shape, offset + size) - low
    affine = one.grid.affine.copy()
    affine[:3, 3] = one.grid.to_world(low)
    grid = Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine)
    stays = Placement((0, 1, 2), (), _whole(-low))
    moves = Placement(placement.order, placement.flips, _whole(offset - low))
    return (
        LungMask(_moved(one.labels, stays, grid.shape), grid, one.sided),
        LungMask(_moved(other.labels, moves, grid.shape), grid, other.sided),
    )


def _whole(values: NDArray[np.int64]) -> tuple[int, int, int]:
    return (int(values[0]), int(values[1]), int(values[2]))


def find_placement(mask: Grid, grid: Grid) -> Placement | None:
    """How the voxels of `mask` lie on those of `grid`; `None` if they do not coincide."""
    there = np.linalg.inv(mask.affine) @ grid.affine  # from index in the volume to index in the map
    if not np.isfinite(there).all() or np.abs(there).max() > FARTHEST:
        return None
    turn = np.rint(there[:3, :3])
    if not np.array_equal(np.sort(np.abs(turn), axis=0), UNIT.T) or abs(np.linalg.det(turn)) != 1:
        return None
    steps = np.linalg.norm(mask.affine[:3, :3], axis=0) @ np.abs(turn)
    if not np.allclose(
        steps, np.linalg.norm(grid.affine[:3, :3], axis=0), rtol=0.01, atol=ROUNDED_MM
    ):
        return None
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in grid.shape])).reshape(3, -1).T
    apart = corners @ (there[:3, :3] - turn).T + there[:3, 3]
    start = np.rint(apart[np.abs(apart - np.rint(apart)).max(axis=1).argmin()])
    apart = apart - start
    if np.abs(apart).max() > TOLERANCE_VOXELS and not _drifts(
        mask, grid, there, turn, start, apart
    ):
        return None
    order = tuple(int(axis) for axis in np.abs(turn).argmax(axis=0))
    flips = tuple(axis for axis in range(3) if turn[order[axis], axis] < 0)
    first = np.rint(np.linalg.inv(turn) @ (_first_in(mask.shape, order, flips) - start)).astype(int)
    return Placement((order[0], order[1], order[2]), flips, _whole(first))


def _first_in(
    shape: tuple[int, int, int], order: tuple[int, ...], flips: tuple[int, ...]
) -> NDArray[np.float64]:
    """The index, in the map's own axes, of its first voxel in the order of the volume."""
    first = np.zeros(3)
    for axis in flips:
        first[order[axis]] = shape[order[axis]] - 1
    return first


def _drifts(
    mask: Grid,
    grid: Grid,
    there: NDArray[np.float64],
    turn: NDArray[np.float64],
    start: NDArray[np.float64],
    apart: NDArray[np.float64],
) -> bool:
    """Whether voxels coincide at one end and drift apart only by rounding of the map's steps."""
    steps = np.linalg.norm(mask.affine[:3, :3], axis=0) @ np.abs(turn)
    same_steps = np.abs(steps - np.linalg.norm(grid.affine[:3, :3], axis=0)).max() <= ROUNDED_MM
    first = np.linalg.inv(turn) @ -start
    at_first = first @ (there[:3, :3] - turn).T + there[:3, 3] - start
    return bool(
        same_steps and all(_fits(np.abs(apart[:, axis]), abs(at_first[axis])) for axis in range(3))
    )


def _fits(apart: NDArray[np.float64], at_first: float) -> bool:
    """Whether the distances along one axis are rounding.

    They are taken at the corners of the volume and at the first voxel of the map.
    """
    if apart.max() <= TOLERANCE_VOXELS:
        return True
    if apart.max() <= EITHER_END_VOXELS and apart.min() <= ANCHOR_VOXELS:
        return True
    return bool(apart.max() <= DRIFT_VOXELS and at_first <= ANCHOR_VOXELS)


def _moved(
    labels: NDArray[np.uint8], placement: Placement, shape: tuple[int, int, int]
) -> NDArray[np.uint8]:
    turned = np.flip(labels.transpose(placement.order), placement.flips)
    if turned.shape == shape and not any(placement.offset):
        return np.ascontiguousarray(turned)
    whole = np.zeros(shape, dtype=np.uint8)
    into, out_of = [], []
    for start, size, length in zip(placement.offset, turned.shape, shape, strict=True):
        low, high = max(start, 0), min(start + size, length)
        into.append(slice(low, max(high, low)))
        out_of.append(slice(low - start, max(high, low) - start))
    whole[tuple(into)] = turned[tuple(out_of)]
    beyond = int(np.count_nonzero(turned)) - int(np.count_nonzero(whole))
    if beyond:
        raise refused("GRID-BEYOND", GridMismatch, n=beyond)
    return whole


def mismatch(mask: Grid, volume: Grid, *, other: str = "volume") -> GridMismatch:
    """The refusal of a map that does not lie on a volume, with both lattices."""
    error = refused(
        "GRID-MISMATCH", GridMismatch, mask=describe(mask), other=other, volume=describe(volume)
    )
    assert isinstance(error, GridMismatch)
    return error


def describe(grid: Grid) -> str:
    """A lattice in words: shape, spacing, origin and direction of its axes, in LPS mm."""
    size = " x ".join(str(n) for n in grid.shape)
    spacing = " x ".join(_number(mm) for mm in grid.spacing_mm)
    origin = ", ".join(_number(mm) for mm in grid.affine[:3, 3])
    axes = grid.affine[:3, :3] / np.linalg.norm(grid.affine[:3, :3], axis=0)
    rows = ["(" + ", ".join(_number(x) for x in axis) + ")" for axis in axes.T]
    uneven = "" if grid.is_even else " (mean of uneven steps)"
    return f"{size} voxels of {spacing} mm{uneven}, origin ({origin}), axes {' '.join(rows)}"


def _number(value: float) -> str:
    text = f"{value:.5f}".rstrip("0").rstrip(".")
    if text == "-0":
        return "0"
    return text

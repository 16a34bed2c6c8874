"""A coarse isotropic copy of a volume in patient axes, and the way back to the volume's voxels."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pleura.geometry.grid import Grid
from pleura.geometry.morphology import box_of
from pleura.geometry.resample import Upright, factors_for, shrink
from pleura.geometry.volume import AIR_HU, Volume

Floats = NDArray[np.float32]
Array = NDArray[np.float64]
Box = tuple[slice, slice, slice]

ALIGNED_MM = 1.0
"""[mm] A stack whose voxels deviate less from an axis-parallel one is resampled axis by axis."""
WORLD_AXIS = (2, 1, 0)
"""Index of L, P or S along which each axis `[slice, row, column]` of an upright array rises."""
HIGHEST_HU = 3071
BAND_ROWS = 24
"""Rows of weights that are multiplied at once."""


@dataclass(frozen=True, eq=False)
class PatientAxes:
    """The coarse lattice over a source grid: its axes rise to S, P and L, with one spacing.

    `shape` is `[slice feet to head, row front to back, column right to left]`; `origin_lps` is the
    centre of its first voxel, `(L, P, S)` in mm.
    """

    source: Grid
    spacing_mm: float
    shape: tuple[int, int, int]
    origin_lps: tuple[float, float, float]

    @classmethod
    def of(cls, grid: Grid, spacing_mm: float) -> "PatientAxes":
        """The coarse lattice that covers all voxel centres of `grid`, from their lowest corner."""
        world = grid.to_world(_corners(grid.shape))
        low, high = world.min(axis=0), world.max(axis=0)
        counts = [int(n) for n in np.floor((high - low) / spacing_mm + 1e-6).astype(int) + 1]
        left, back, up = (float(x) for x in low)
        return cls(grid, spacing_mm, (counts[2], counts[1], counts[0]), (left, back, up))

    @cached_property
    def grid(self) -> Grid:
        """The coarse lattice as a grid."""
        return Grid.axial(self.shape, (self.spacing_mm,) * 3, self.origin_lps)

    @cached_property
    def upright(self) -> Upright:
        """How arrays of the source turn to patient axes."""
        return Upright.of(self.source)

    @cached_property
    def is_aligned(self) -> bool:
        """Whether the source's axes are the patient's, within `ALIGNED_MM` at every corner."""
        corners = _corners(self.source.shape)
        world = (self.source.to_world(corners) - self.origin_lps) / self.spacing_mm
        apart = [
            np.abs(
                world[:, WORLD_AXIS[axis]]
                - self._positions(axis)[corners[:, self.upright.axes[axis]]]
            ).max()
            for axis in range(3)
        ]
        return bool(max(apart) * self.spacing_mm <= ALIGNED_MM)

    def coarse_hu(self, volume: Volume) -> Floats:
        """The volume on the coarse lattice, float32 HU.

        A value is a mean with triangle weights, as wide as the coarser of both spacings. Padding,
        voxels outside the source, and values below air count as air.
        """
        if not self.is_aligned:
            return self._coarse_oblique(volume)
        stored = np.argsort(self.upright.axes)  # upright axis of each stored axis
        first, rows, columns = (
            _smoothing(self._positions(axis), self.shape[axis]) for axis in stored
        )
        turn = _PlaneMap(rows, columns)
        coarse = np.zeros((first.shape[0], rows.shape[0], columns.shape[0]), dtype=np.float32)
        for k in range(self.source.shape[0]):
            plane = turn(_air_filled(volume, k))
            for target in np.flatnonzero(first[:, k]):
                coarse[target] += first[target, k] * plane
        return np.ascontiguousarray(coarse.transpose(self.upright.axes))

    def on_source(self, coarse: Floats, box: Box) -> Iterator[Floats]:
        """Interpolate a coarse array linearly at the source's voxels within a box of the source.

        Beyond the coarse lattice its outermost value is repeated.

        Yields:
            float32 `(row, column)` of the box, slice after slice.
        """
        if not self.is_aligned:
            yield from self._fine_oblique(coarse, box)
            return
        stored = np.argsort(self.upright.axes)
        turned = np.ascontiguousarray(coarse.transpose(stored))
        flat = turned.reshape(len(turned), -1)
        first, rows, columns = (
            _linear(self._positions(axis)[part], self.shape[axis])
            for axis, part in zip(stored, box, strict=True)
        )
        turn = _PlaneMap(rows, columns)
        for weights in first:
            near = np.flatnonzero(weights)
            plane = np.dot(weights[near][np.newaxis], flat[near])
            yield turn(plane.reshape(turned.shape[1:]))

    def source_box(self, coarse: NDArray[np.bool_]) -> Box | None:
        """The smallest box of the source with all true voxels of a coarse array, or `None`."""
        box = box_of(coarse)
        if box is None:
            return None
        ends = [(part.start - 1.0, float(part.stop)) for part in box]
        corners = np.array(np.meshgrid(*ends)).reshape(3, -1).T
        index = self.source.to_index(self.grid.to_world(corners))
        low = np.clip(np.floor(index.min(axis=0)), 0, None).astype(int)
        high = np.clip(np.ceil(index.max(axis=0)) + 1, None, self.source.shape).astype(int)
        a, b, c = (
            slice(int(start), max(int(start) + 1, int(stop)))
            for start, stop in zip(low, high, strict=True)
        )
        return a, b, c

    def _positions(self, axis: int) -> Array:
        """Coarse coordinates of the source's voxels along one upright axis, in stored order."""
        stored = self.upright.axes[axis]
        index = np.tile((np.array(self.source.shape) - 1) / 2, (self.source.shape[stored], 1))
        index[:, stored] = np.arange(self.source.shape[stored])
        world = self.source.to_world(index)[:, WORLD_AXIS[axis]]
        positions: Array = (world - self.origin_lps[WORLD_AXIS[axis]]) / self.spacing_mm
        return positions

    def _coarse_oblique(self, volume: Volume) -> Floats:
        from scipy.ndimage import map_coordinates

        filled = np.stack(
            [_air_filled(volume, k).astype(np.int16) for k in range(self.source.shape[0])]
        )
        factors = factors_for(self.source.spacing_mm, self.spacing_mm)
        blocks = shrink(filled, factors)
        del filled
        coarse = np.empty(self.shape, dtype=np.float32)
        scale = np.array(factors).reshape(3, 1, 1)
        limits = np.array(self.source.shape).reshape(3, 1, 1) - 0.5
        rows, columns = np.meshgrid(
            np.arange(self.shape[1]), np.arange(self.shape[2]), indexing="ij"
        )
        for k in range(self.shape[0]):
            points = np.stack([np.full(rows.shape, k), rows, columns], axis=-1)
            index = np.moveaxis(self.source.to_index(self.grid.to_world(points)), -1, 0)
            place = (index + 0.5) / scale - 0.5
            coarse[k] = map_coordinates(blocks, place, output=np.float32, order=1, mode="nearest")
            coarse[k][((index < -0.5) | (index > limits)).any(axis=0)] = AIR_HU
        return coarse

    def _fine_oblique(self, coarse: Floats, box: Box) -> Iterator[Floats]:
        from scipy.ndimage import map_coordinates

        rows, columns = np.meshgrid(
            *(np.arange(part.start, part.stop) for part in box[1:]), indexing="ij"
        )
        for k in range(box[0].start, box[0].stop):
            points = np.stack([np.full(rows.shape, k), rows, columns], axis=-1)
            index = np.moveaxis(self.grid.to_index(self.source.to_world(points)), -1, 0)
            yield map_coordinates(coarse, index, output=np.float32, order=1, mode="nearest")


def _corners(shape: tuple[int, int, int]) -> NDArray[np.intp]:
    return np.array(np.meshgrid(*[(0, n - 1) for n in shape])).reshape(3, -1).T


def _air_filled(volume: Volume, k: int) -> Floats:
    """One slice, float32, with air for padding, clipped to the usual range of CT."""
    plane = np.clip(volume.hu[k], AIR_HU, HIGHEST_HU).astype(np.float32)
    if volume.padding is not None:
        np.copyto(plane, AIR_HU, where=volume.padding[k])  # twice as fast as by index
    return plane


def triangle_weights(
    distance: Array, width: float | Array, nearest: NDArray[np.intp] | None = None
) -> Floats:
    """Weights of a triangle filter, float32; each row sums to 1.

    Args:
        distance: from each target (row) to each sample (column).
        width: half the base of the triangle, in the units of `distance`; one for each row, or one.
        nearest: the nearest sample of each row, which gets a little more, so that no row is empty.
    """
    weights = np.maximum(0.0, 1.0 - distance / width)
    if nearest is not None:
        weights[np.arange(len(weights)), nearest] += 1e-6
    scaled: Floats = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return scaled


class _PlaneMap:
    """Both axes of a plane resampled by weights that are zero but near their diagonal.

    The weights are multiplied in bands, which leaves out most of the zeros: a third of the time of
    whole products.
    """

    def __init__(self, rows: Floats, columns: Floats) -> None:
        self.rows, self.columns = _bands(rows), _bands(columns)
        self.shape = (len(rows), len(columns))

    def __call__(self, plane: Floats) -> Floats:
        """Weights of the rows times the plane times the transposed weights of the columns."""
        wide = np.concatenate([part @ plane[near] for part, near in self.rows])
        return np.concatenate([wide[:, near] @ part.T for part, near in self.columns], axis=1)


def _bands(weights: Floats) -> list[tuple[Floats, slice]]:
    """Runs of rows of a weight matrix, without the zeros at their sides, and the columns left."""
    bands = []
    for start in range(0, len(weights), BAND_ROWS):
        part = weights[start : start + BAND_ROWS]
        used = np.flatnonzero(part.any(axis=0))
        near = slice(int(used[0]), int(used[-1]) + 1)
        bands.append((np.ascontiguousarray(part[:, near]), near))
    return bands


def _smoothing(positions: Array, count: int) -> Floats:
    """Weights `(count, samples)` that take samples at `positions` to 0, 1, 2 …"""
    if len(positions) == 1:
        return np.ones((count, 1), dtype=np.float32)
    targets = np.arange(count)
    ordered = np.sort(positions)
    upper = np.clip(np.searchsorted(ordered, targets), 1, len(ordered) - 1)
    width = np.maximum(1.0, ordered[upper] - ordered[upper - 1])
    distance = np.abs(positions[None, :] - targets[:, None])
    return triangle_weights(distance, width[:, None], distance.argmin(axis=1))


def _linear(positions: Array, count: int) -> Floats:
    """Weights `(len(positions), count)` of linear interpolation between 0, 1, 2 …"""
    inside = np.clip(positions, 0, count - 1)
    return np.maximum(0.0, 1.0 - np.abs(inside[:, None] - np.arange(count)[None, :])).astype(
        np.float32
    )

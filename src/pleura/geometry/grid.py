"""Grids: map index `[slice, row, column]` to DICOM patient space (LPS, mm), without pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.errors import GridMismatch

Array = NDArray[np.float64]

VOXEL_MM = (0.05, 30.0)
"""[mm] Pixels of a slice of CT, and voxels of CT in image files, are no smaller and no larger."""


@dataclass(frozen=True, eq=False)
class Grid:
    """The lattice of a volume or a mask.

    `shape` is `(slices, rows, columns)`. `affine` `(4, 4)` float64 maps the index `(slice, row,
    column, 1)` of a voxel's centre to `(L, P, S, 1)` in mm (PS3.3 C.7.6.2.1.1; the slice step comes
    from the positions, never from SliceThickness). Its columns need not be orthogonal: gantry tilt
    is a sheared affine. `positions_mm` `(slices,)` are the true positions of the slices along the
    slice normal, relative to the first; `None` for uniform spacing, which the affine describes.
    Where positions are given, the first column of `affine` is the mean step.
    """

    shape: tuple[int, int, int]
    affine: Array
    positions_mm: Array | None = None

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        affine = np.array(self.affine, dtype=np.float64)
        if len(shape) != 3 or min(shape) < 1:
            raise GridMismatch(
                f"a grid needs three positive sizes (slices, rows, columns), not {self.shape}"
            )
        if (
            affine.shape != (4, 4)
            or not np.isfinite(affine).all()
            or abs(np.linalg.det(affine[:3, :3])) < 1e-9
        ):
            raise GridMismatch("a grid needs a finite, invertible (4, 4) affine in mm")
        affine.setflags(write=False)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "affine", affine)
        if self.positions_mm is not None:
            positions = np.array(self.positions_mm, dtype=np.float64)
            if positions.shape != (shape[0],) or (np.diff(positions) <= 0).any():
                raise GridMismatch(f"slice positions must be {shape[0]} rising numbers in mm")
            positions.setflags(write=False)
            object.__setattr__(self, "positions_mm", positions)

    @classmethod
    def axial(
        cls,
        shape: Sequence[int],
        spacing_mm: Sequence[float],
        origin_lps: Sequence[float] = (0.0, 0.0, 0.0),
    ) -> "Grid":
        """A plain supine axial grid of spacing `[slice, row, column]`.

        Columns rise to the left, rows to the back, slices to the head.
        """
        affine = np.zeros((4, 4))
        affine[2, 0], affine[1, 1], affine[0, 2] = spacing_mm
        affine[:3, 3] = origin_lps
        affine[3, 3] = 1.0
        return cls((int(shape[0]), int(shape[1]), int(shape[2])), affine)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between neighbours `[slice, row, column]` in mm; slices along their normal."""
        columns = self.affine[:3, :3]
        return (
            abs(float(columns[:, 0] @ self.normal)),
            float(np.linalg.norm(columns[:, 1])),
            float(np.linalg.norm(columns[:, 2])),
        )

    @property
    def normal(self) -> Array:
        """Unit vector along the slice normal, `(3,)` LPS, towards rising slice numbers."""
        cross = np.cross(self.affine[:3, 1], self.affine[:3, 2])
        cross = cross / np.linalg.norm(cross)
        rising: Array = cross if cross @ self.affine[:3, 0] > 0 else -cross
        return rising

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel in ml (of the mean voxel, where spacing is uneven)."""
        return abs(float(np.linalg.det(self.affine[:3, :3]))) / 1000.0

    @property
    def is_even(self) -> bool:
        """Whether the slice spacing is uniform."""
        return self.positions_mm is None

    @property
    def thickness_mm(self) -> Array:
        """The part of the stack that each slice stands for, `(slices,)` in mm.

        It reaches half-way to both neighbours, along the normal.
        """
        if self.positions_mm is None:
            return np.full(self.shape[0], self.spacing_mm[0])
        steps = np.diff(self.positions_mm)
        return (np.append(steps[0], steps) + np.append(steps, steps[-1])) / 2

    def even(self) -> "Grid":
        """The grid itself, or one of uniform spacing from its first slice to its last.

        No step is longer than the grid's shortest. Values that go to it and back by nearest voxel
        are unchanged.
        """
        if self.positions_mm is None:
            return self
        whole = float(self.positions_mm[-1])
        count = int(np.ceil(whole / np.diff(self.positions_mm).min() - 1e-6)) + 1
        affine = self.affine.copy()
        affine[:3, 0] *= whole / (count - 1) / self.spacing_mm[0]
        return Grid((count, *self.shape[1:]), affine)

    def to_world(self, index: Any) -> Array:
        """Points `(…, 3)` LPS mm of indices `(…, 3)` `[slice, row, column]`, fractions allowed."""
        index = np.array(index, dtype=np.float64)
        if self.positions_mm is not None:
            index[..., 0] = _through(
                index[..., 0],
                np.arange(self.shape[0], dtype=np.float64),
                self.positions_mm / self.spacing_mm[0],
            )
        world: Array = index @ self.affine[:3, :3].T + self.affine[:3, 3]
        return world

    def world_terms(self, box: tuple[slice, slice, slice], axis: int) -> tuple[Array, ...]:
        """A world coordinate of the voxels in `box` as a sum, in mm.

        Args:
            box: slices of `[slice, row, column]`, with start and stop.
            axis: 0 for L, 1 for P, 2 for S.

        Returns:
            A term by slice, one by row and one by column, `(n,)` each.
        """
        start = np.array([part.start for part in box], dtype=np.float64)
        terms = []
        for along, part in enumerate(box):
            index = np.tile(start, (part.stop - part.start, 1))
            index[:, along] += np.arange(part.stop - part.start)
            terms.append(self.to_world(index)[:, axis])
        by_slice, by_row, by_column = terms
        return by_slice, by_row - by_row[0], by_column - by_column[0]

    @property
    def along_mm(self) -> Array:
        """Distance of each slice from the first along the normal, `(slices,)` in mm."""
        if self.positions_mm is None:
            return np.arange(self.shape[0], dtype=np.float64) * self.spacing_mm[0]
        return self.positions_mm

    def to_index(self, world: Any) -> Array:
        """Fractional indices `(…, 3)` `[slice, row, column]` of points `(…, 3)` LPS mm."""
        world = np.asarray(world, dtype=np.float64)
        index: Array = (world - self.affine[:3, 3]) @ np.linalg.inv(self.affine[:3, :3]).T
        if self.positions_mm is not None:
            index[..., 0] = _through(
                index[..., 0],
                self.positions_mm / self.spacing_mm[0],
                np.arange(self.shape[0], dtype=np.float64),
            )
        return index

    def orientation(self) -> str:
        """Three letters of L/R, P/A, S/I: where `[slice, row, column]` rise; `SPL` if axial."""
        letters = []
        free = [0, 1, 2]
        for axis in range(3):
            direction = self.affine[:3, axis]
            world = max(free, key=lambda k: abs(direction[k]))
            free.remove(world)
            letters.append(("LR", "PA", "SI")[world][int(direction[world] < 0)])
        return "".join(letters)

    def in_words(self) -> str:
        """Sizes and spacing, as in `140 x 512 x 512 voxels of 2.5 x 0.7 x 0.7 mm`."""
        size = " x ".join(map(str, self.shape))
        spacing = " x ".join(f"{mm:.4g}" for mm in self.spacing_mm)
        return f"{size} voxels of {spacing} mm"

    def same_as(self, other: "Grid", *, tolerance_mm: float = 1e-3) -> bool:
        """Whether every voxel centre of both grids coincides within `tolerance_mm`."""
        if self.shape != other.shape or self.is_even != other.is_even:
            return False
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in self.shape])).reshape(3, -1).T
        if np.abs(self.to_world(corners) - other.to_world(corners)).max() > tolerance_mm:
            return False
        if self.positions_mm is None or other.positions_mm is None:
            return True
        return bool(np.abs(self.positions_mm - other.positions_mm).max() <= tolerance_mm)

    def as_json(self) -> dict[str, Any]:
        """Plain values for JSON; `from_json` reads them back exactly."""
        return {
            "shape": list(self.shape),
            "affine_index_to_lps_mm": [[float(x) for x in row] for row in self.affine],
            "slice_positions_mm": None
            if self.positions_mm is None
            else [float(x) for x in self.positions_mm],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Grid":
        """The grid that `as_json` wrote."""
        positions = value.get("slice_positions_mm")
        shape = value["shape"]
        return cls(
            (int(shape[0]), int(shape[1]), int(shape[2])),
            np.array(value["affine_index_to_lps_mm"], dtype=np.float64),
            None if positions is None else np.array(positions, dtype=np.float64),
        )


def _through(x: Array, knots: Array, values: Array) -> Array:
    """Piecewise linear through `(knots, values)`, extrapolated beyond both ends."""
    left = np.clip(np.searchsorted(knots, x, side="right") - 1, 0, len(knots) - 2)
    step = (values[left + 1] - values[left]) / (knots[left + 1] - knots[left])
    through: Array = values[left] + (x - knots[left]) * step
    return through

"""The two nouns with voxels: `Volume` (HU) and `LungMask` (labels), each on its `Grid`."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.errors import GridMismatch
from pleura.geometry import hu as landmarks
from pleura.geometry.grid import Grid

Counts = NDArray[np.int64]

AIR_HU = landmarks.AIR_FILL
NO_TISSUE_HU = landmarks.NO_MATTER

RIGHT, LEFT = 1, 2
"""Labels of the patient's right and left lung, as lungmask R231 has them too."""
DENSE_RIGHT, DENSE_LEFT = 3, 4
"""Labels of the dense parts of the lungs (`quantify.dense`), where a label map has them."""


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()  # the caller's array stays writeable
    view.setflags(write=False)
    return view


@dataclass(frozen=True, eq=False)
class Volume:
    """A CT volume.

    `hu` is int16 `[slice, row, column]` with the true values, padding included. `padding` is bool
    of the same shape, or `None` where no voxel is padding. Only `filled()` replaces padding by air,
    for networks and statistics; `hu` is what the scanner wrote.
    """

    hu: NDArray[np.int16]
    grid: Grid
    padding: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if self.hu.dtype != np.int16:
            raise GridMismatch(f"a volume is int16 HU, not {self.hu.dtype}")
        if self.hu.shape != self.grid.shape:
            raise GridMismatch(
                f"volume of shape {self.hu.shape} on a grid of shape {self.grid.shape}"
            )
        object.__setattr__(self, "hu", _frozen(self.hu))
        if self.padding is not None:
            if self.padding.shape != self.hu.shape or self.padding.dtype != np.bool_:
                raise GridMismatch("the padding mask is bool and has the volume's shape")
            padding = _frozen(self.padding) if self.padding.any() else None
            object.__setattr__(self, "padding", padding)

    def __repr__(self) -> str:
        return f"Volume({self.grid.in_words()})"

    @classmethod
    def without_header(cls, hu: NDArray[np.int16], grid: Grid) -> "Volume":
        """A volume whose padding nothing declares: its lowest value, where that is below matter."""
        lowest = int(hu.min())
        return cls(hu, grid, hu == lowest if lowest < NO_TISSUE_HU else None)

    def filled(self, value: int = AIR_HU) -> NDArray[np.int16]:
        """A writeable copy of `hu` with padding replaced by `value` (air)."""
        copy = self.hu.copy()
        if self.padding is not None:
            copy[self.padding] = value
        return copy


@dataclass(frozen=True, eq=False)
class LungMask:
    """Lungs on a grid: `labels` uint8 `[slice, row, column]`; 0 background, 1 right, 2 left.

    Right and left are the patient's. Unsided masks (`sided` False) have 1 for both lungs, as the
    report's NPZ files do. SNOMED CT: 39607008 Lung structure, laterality 24028007 right / 7771000
    left.
    """

    labels: NDArray[np.uint8]
    grid: Grid
    sided: bool = True

    def __post_init__(self) -> None:
        if self.labels.dtype != np.uint8:
            raise GridMismatch(f"a lung mask is uint8, not {self.labels.dtype}")
        if self.labels.shape != self.grid.shape:
            raise GridMismatch(
                f"mask of shape {self.labels.shape} on a grid of shape {self.grid.shape}"
            )
        highest = LEFT if self.sided else RIGHT
        if self.labels.size and int(self.labels.max()) > highest:
            raise GridMismatch(
                f"mask holds the label {int(self.labels.max())}; expected 0 to {highest}"
            )
        object.__setattr__(self, "labels", _frozen(self.labels))

    def __repr__(self) -> str:
        volumes = ", ".join(f"{side} {ml:.0f} ml" for side, ml in self.volume_ml().items())
        return f"LungMask({volumes}; {self.grid.in_words()})"

    @property
    def lungs(self) -> NDArray[np.bool_]:
        """Both lungs as one bool array."""
        return self.labels > 0

    @property
    def right(self) -> NDArray[np.bool_]:
        """The patient's right lung. Raises `GridMismatch` on an unsided mask."""
        return self._side(RIGHT)

    @property
    def left(self) -> NDArray[np.bool_]:
        """The patient's left lung. Raises `GridMismatch` on an unsided mask."""
        return self._side(LEFT)

    def _side(self, label: int) -> NDArray[np.bool_]:
        if not self.sided:
            raise GridMismatch(
                "this mask does not tell right from left; pleura.anatomy.sides splits it"
            )
        return self.labels == label

    def counts(self, label: int) -> tuple[Counts, Counts, Counts]:
        """Number of voxels with a label, 1 or 2, in each slice, each row and each column."""
        return self._counts[label]

    @cached_property
    def _counts(self) -> dict[int, tuple[Counts, Counts, Counts]]:
        found = {}
        for label in (RIGHT, LEFT):
            by_slice = np.zeros(len(self.labels), dtype=np.int64)
            plane = np.zeros(self.labels.shape[1:], dtype=np.int32)
            for k, labels in enumerate(self.labels):
                here = labels == label
                by_slice[k] = np.count_nonzero(here)
                if by_slice[k]:
                    plane += here
            found[label] = by_slice, plane.sum(axis=1), plane.sum(axis=0)
        return found

    def box(self, *labels: int, margin: int = 0) -> tuple[slice, slice, slice] | None:
        """The smallest box with all voxels of labels plus `margin` voxels, `None` if empty."""
        parts = []
        for axis, length in enumerate(self.labels.shape):
            filled = np.flatnonzero(sum(self.counts(label)[axis] for label in labels))
            if not len(filled):
                return None
            first, last = int(filled[0]), int(filled[-1])
            parts.append(slice(max(0, first - margin), min(length, last + 1 + margin)))
        return parts[0], parts[1], parts[2]

    def centre_mm(self, label: int) -> NDArray[np.float64] | None:
        """The centre of a label's voxels, `(L, P, S)` in mm, or `None` where there is none."""
        counts = self.counts(label)
        if not counts[0].any():
            return None
        index = [np.average(np.arange(len(one)), weights=one) for one in counts]
        centre: NDArray[np.float64] = self.grid.to_world(index)
        return centre

    def volume_ml(self) -> dict[str, float]:
        """Volume in ml of `right`, `left` (where sided) and `both`."""
        # of even slices 1, so that whole numbers stay whole
        weights = self.grid.thickness_mm / self.grid.spacing_mm[0]
        right, left = (float(weights @ self.counts(label)[0]) for label in (RIGHT, LEFT))
        sides = {"right": right, "left": left} if self.sided else {}
        return {
            name: count * self.grid.voxel_ml
            for name, count in {**sides, "both": right + left}.items()
        }

"""The upright, coarse chest on which orientation and sides are checked."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pleura.anatomy.anatomy import Anatomy
from pleura.geometry.resample import Upright
from pleura.geometry.volume import LungMask
from pleura.quality import thresholds as t

Bool = NDArray[np.bool_]
Spacing = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Chest:
    """A coarse chest, upright.

    If the header is right, axis 0 rises to the head, axis 1 to the back and axis 2 to the left.
    """

    hu: NDArray[np.int16]
    spacing: Spacing
    body: Bool
    lungs: Bool
    airways: Bool
    padding: Bool

    @classmethod
    def of(cls, anatomy: Anatomy, mask: LungMask | None) -> "Chest":
        """The chest of a volume; padding counts as air."""
        volume = anatomy.volume
        upright = Upright.of(volume.grid)
        lungs = anatomy.lungs if mask is None else mask.lungs
        padding = np.zeros(volume.hu.shape, np.bool_) if volume.padding is None else volume.padding
        masks = [upright.turn(one) for one in (anatomy.body, lungs, anatomy.airways, padding)]
        return cls(np.ascontiguousarray(upright.turn(volume.filled())), upright.spacing_mm, *masks)

    @property
    def voxel_ml(self) -> float:
        return self.spacing[0] * self.spacing[1] * self.spacing[2] / 1000

    @property
    def pixel_cm2(self) -> float:
        return self.spacing[1] * self.spacing[2] / 100

    @cached_property
    def levels(self) -> tuple[int, int]:
        """The lowest and the highest slice with lung."""
        slices = np.flatnonzero(self.lungs.any(axis=(1, 2)))
        if len(slices):
            return (int(slices[0]), int(slices[-1]))
        return (0, 0)

    @property
    def height_mm(self) -> float:
        """Height of the lungs within the stack."""
        return (self.levels[1] - self.levels[0]) * self.spacing[0]

    def level(self, part: float) -> int:
        """The slice at a share of the lungs' height: 0 is their lowest slice, 1 their highest."""
        low, high = self.levels
        return int(low + part * (high - low))

    def between(self, parts: tuple[float, float]) -> slice:
        """The slices between two shares of the height of the lungs, both included."""
        return slice(self.level(parts[0]), self.level(parts[1]) + 1)

    @property
    def shows_foot(self) -> bool:
        """Whether the lungs end within the stack towards the feet."""
        return float(np.count_nonzero(self.lungs[0])) * self.pixel_cm2 < t.END_CM2

    @property
    def shows_head(self) -> bool:
        """Whether the lungs end within the stack towards the head."""
        return float(np.count_nonzero(self.lungs[-1])) * self.pixel_cm2 < t.END_CM2

    @cached_property
    def middle(self) -> tuple[int, int]:
        """The row of the lungs' centre, and the column half-way between their outer edges."""
        rows = self.lungs.sum(axis=(0, 2))
        columns = np.flatnonzero(self.lungs.any(axis=(0, 1)))
        return int(np.average(np.arange(len(rows)), weights=rows)), int(
            (columns[0] + columns[-1]) / 2
        )

    def pixels(self, mm: float, axis: int) -> int:
        """A length in pixels, rounded down."""
        return int(mm / self.spacing[axis])

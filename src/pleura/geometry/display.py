"""How planes of a volume are shown: front and head up, the patient's right on the viewer's left."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.geometry.grid import Grid

DISPLAYS = {"axial": ("PA", "LR"), "coronal": ("IS", "LR"), "sagittal": ("IS", "PA")}
"""Directions of the rows and columns of a picture, at both ends."""
NORMALS = {"axial": "SI", "coronal": "AP", "sagittal": "LR"}
FLIPPED_DOWN = ("A", "S")
FLIPPED_ACROSS = ("R", "A")
OPPOSITE = {"R": "L", "L": "R", "A": "P", "P": "A", "S": "I", "I": "S"}


@dataclass(frozen=True)
class Display:
    """One of the three planes: the array axes that lie through it, down and across the picture."""

    name: str
    through: int
    down: int
    across: int
    letters: str

    @classmethod
    def of(cls, grid: Grid, name: str) -> "Display":
        """The plane `axial`, `coronal` or `sagittal` of arrays on `grid`."""
        letters = grid.orientation()
        down, across = (
            next(k for k, letter in enumerate(letters) if letter in pair) for pair in DISPLAYS[name]
        )
        return cls(name, 3 - down - across, down, across, letters)

    @classmethod
    def along(cls, grid: Grid, axis: int) -> "Display":
        """The plane that lies across an array axis."""
        letter = grid.orientation()[axis]
        return cls.of(grid, next(name for name, ends in NORMALS.items() if letter in ends))

    def cut(self, array: NDArray[Any], index: int) -> NDArray[Any]:
        """The plane of `array` at `index`, turned for display."""
        plane = np.take(array, index, axis=self.through)
        if self.down > self.across:
            plane = plane.T
        if self.letters[self.down] in FLIPPED_DOWN:
            plane = plane[::-1]
        if self.letters[self.across] in FLIPPED_ACROSS:
            plane = plane[:, ::-1]
        return plane

    @property
    def ends(self) -> tuple[str, str]:
        """Letters of the patient's direction at the left and at the right of the picture."""
        letter = self.letters[self.across]
        if letter in FLIPPED_ACROSS:
            return letter, OPPOSITE[letter]
        return OPPOSITE[letter], letter

"""Which slices lie above the lungs, to leave them out where a face must not be published."""

import numpy as np
from numpy.typing import NDArray

from pleura.anatomy.anatomy import Anatomy
from pleura.segmenters.classical import Classical

STEEP = 0.5
"""Least upward component of a slice normal; sagittal and coronal slices have no height."""


def above_apex(anatomy: Anatomy, margin_mm: float) -> NDArray[np.bool_] | None:
    """For each slice, whether it lies more than `margin_mm` above the apex of the higher lung.

    `(slices,)` bool; `None` where that is not known: no lungs, or slices that are not axial.
    """
    volume = anatomy.volume
    grid = volume.grid
    up = float(grid.normal[2])
    if abs(up) < STEEP:
        return None
    with_lungs = np.flatnonzero(Classical()(volume, anatomy=anatomy).mask.lungs.any(axis=(1, 2)))
    if not with_lungs.size:
        return None
    height = grid.along_mm * np.sign(up)
    beyond: NDArray[np.bool_] = height > height[with_lungs].max() + margin_mm
    return beyond

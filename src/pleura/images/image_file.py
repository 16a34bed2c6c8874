"""What a NIfTI, NRRD or MetaImage file holds, before anyone asks what it means."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.codes import refused
from pleura.core.errors import UnreadableFile
from pleura.geometry.grid import Grid


@dataclass(frozen=True)
class ImageFile:
    """Voxels with their grid.

    `array` is `[slice, row, column]`, or `[layer, slice, row, column]` for a segmentation in
    layers. `header` holds the text fields that can name labels; `is_sided` is set where pleura's
    own note says that 1 and 2 are sides.
    """

    array: NDArray[Any]
    grid: Grid
    header: Mapping[str, str] = field(default_factory=dict)
    is_sided: bool = False


def check_numbers(array: NDArray[Any]) -> None:
    """Refuse colours and complex numbers."""
    if array.dtype.kind not in "biuf":
        raise refused("MASK-VALUES", found="colours or complex numbers")


def grid_of(shape: tuple[int, ...], affine: NDArray[np.float64]) -> Grid:
    """The grid of a file; raise `UnreadableFile` where its geometry makes none."""
    try:
        return Grid((shape[0], shape[1], shape[2]), affine)
    except ValueError as error:
        raise refused("IMAGE-GEOMETRY", UnreadableFile) from error

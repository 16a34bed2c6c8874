"""Masks of Python callers: images of other libraries and arrays, as masks read from a file."""

from collections.abc import Sequence
from typing import Any

from pleura.core.errors import GridMismatch
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask
from pleura.images.in_memory import as_image, own_grid
from pleura.labels import label_maps
from pleura.labels.lattice import mismatch, place


def as_mask(mask: Any, spacing_mm: Sequence[float] | None = None) -> LungMask:
    """A lung mask on its own grid, with labels 1 right and 2 left, or 1 (or bool) for both.

    Args:
        mask: a `LungMask`, what `find_lungs` returned, a SimpleITK or nibabel image, or an array
            `[slice, row, column]`.
        spacing_mm: `[slice, row, column]`, for an array, which has none of its own.

    Raises:
        UsageError: as `as_image`.
        InputRefused: its values are not labels of lungs.
    """
    for own in (mask, getattr(mask, "mask", None)):
        if isinstance(own, LungMask):
            return own
    return label_maps.read(as_image(mask, spacing_mm))[0]


def mask_on(mask: Any, grid: Grid) -> LungMask:
    """The same on a grid. An array lies on it, voxel by voxel.

    Raises:
        GridMismatch: the shapes differ, or the mask does not lie on the voxels of the grid.
    """
    if is_array(mask):
        given = as_mask(mask, grid.spacing_mm)
        if given.grid.shape != grid.shape:
            raise GridMismatch(
                f"an array of shape {given.grid.shape} does not fit the grid of shape {grid.shape}"
            )
        return LungMask(given.labels, grid, given.sided)
    own = as_mask(mask)
    placed = place(own, grid)
    if placed is None:
        raise mismatch(own.grid, grid)
    return placed


def is_array(mask: Any) -> bool:
    """Whether a mask has no geometry of its own."""
    has_grid = isinstance(getattr(mask, "mask", mask), LungMask) or own_grid(mask) is not None
    return not has_grid

"""Images of SimpleITK and nibabel, and NumPy arrays, as grids and arrays of ours.

Neither library is imported: an image is recognised by its methods.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.errors import UsageError
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LEFT, LungMask, Volume

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def as_array(image: Any, spacing_mm: Sequence[float] | None = None) -> tuple[NDArray[Any], Grid]:
    """The voxels of an image `[slice, row, column]`, and their grid.

    Args:
        image: a SimpleITK image, a nibabel image, a `LungMask`, a `Volume`, or an array `[slice,
            row, column]`.
        spacing_mm: `[slice, row, column]`, for an array, which has none of its own.

    Raises:
        UsageError: the image does not have three axes, or an array comes without spacing.
        GridMismatch: its geometry is invalid.
    """
    if isinstance(image, LungMask):
        return image.labels, image.grid
    if isinstance(image, Volume):
        return image.hu, image.grid
    if hasattr(image, "GetDirection") and hasattr(image, "GetSpacing"):
        return _of_simpleitk(image)
    if hasattr(image, "dataobj") and hasattr(image, "affine"):
        return _of_nibabel(image)
    array = np.asarray(image)
    if array.ndim != 3 or array.dtype == object:
        raise UsageError(
            f"an image needs three axes [slice, row, column]; found an array of shape {array.shape}"
        )
    if spacing_mm is None:
        raise UsageError("an array needs spacing_mm, as (slice, row, column) in mm")
    return array, Grid.axial(array.shape, spacing_mm)


def as_mask(image: Any, spacing_mm: Sequence[float] | None = None) -> LungMask:
    """A lung mask with labels 1 right and 2 left, or bool (or 1) for both lungs as one.

    Arguments are as in `as_array`.

    Raises:
        UsageError: it has other values.
    """
    if isinstance(image, LungMask):
        return image
    array, grid = as_array(image, spacing_mm)
    values = np.unique(array)
    if not np.isin(values, (0, 1, LEFT)).all():
        listed = ", ".join(f"{value:g}" for value in values[:6].astype(float))
        raise UsageError(
            "a lung mask has the values 0, 1 (right, or both lungs) and 2 (left); found the "
            f"values {listed}"
        )
    return LungMask(
        np.ascontiguousarray(array).astype(np.uint8), grid, sided=bool((values == LEFT).any())
    )


def _of_simpleitk(image: Any) -> tuple[NDArray[Any], Grid]:
    from SimpleITK import GetArrayFromImage

    if image.GetDimension() != 3:
        raise UsageError(
            f"an image needs three axes; this SimpleITK image has {image.GetDimension()}"
        )
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    array = GetArrayFromImage(image)
    return array, _grid(array, affine)


def _of_nibabel(image: Any) -> tuple[NDArray[Any], Grid]:
    array = np.asanyarray(image.dataobj)
    if array.ndim != 3:
        raise UsageError(f"an image needs three axes; this nibabel image has {array.ndim}")
    return array.transpose(2, 1, 0), _grid(array.transpose(2, 1, 0), RAS_TO_LPS @ image.affine)


def _grid(array: NDArray[Any], affine: NDArray[np.float64]) -> Grid:
    """The grid of an array `[slice, row, column]` from an affine over `(column, row, slice)`."""
    turned = affine.copy()
    turned[:3, :3] = affine[:3, 2::-1]
    return Grid((array.shape[0], array.shape[1], array.shape[2]), turned)

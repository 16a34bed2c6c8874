"""Images of SimpleITK and nibabel, and NumPy arrays, as if they had been read from a file.

SimpleITK is imported only where somebody gives an image of it; an image is recognised by its
methods.
"""

import os
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.codes import refused
from pleura.core.errors import UsageError
from pleura.geometry.grid import Grid
from pleura.images import nifti
from pleura.images.image_file import ImageFile, grid_of

SAME_SPACING = 1e-3
"""[share] Spacing given beside an image differs from its own by less."""


def as_image(
    image: Any, spacing_mm: Sequence[float] | None = None, *, oriented: bool = False
) -> ImageFile:
    """The voxels of an image `[slice, row, column]` with their grid.

    Args:
        image: a SimpleITK image, a nibabel image, or an array `[slice, row, column]`.
        spacing_mm: `[slice, row, column]`, for an array, which has none of its own.
        oriented: refuse a NIfTI image whose header leaves the sides open, as for files.

    Raises:
        UsageError: it is not an image, an array comes without spacing, or spacing contradicts the
            image.
        UnreadableFile: the header of the image is invalid.
    """
    grid = own_grid(image, oriented=oriented)
    if grid is None:
        return _of_array(image, spacing_mm)
    if spacing_mm is not None and not np.allclose(
        _checked(spacing_mm), grid.spacing_mm, rtol=SAME_SPACING
    ):
        own = " x ".join(f"{mm:.5g}" for mm in grid.spacing_mm)
        raise UsageError(f"spacing_mm contradicts the image, whose voxels have {own} mm; omit it")
    if _is_simpleitk(image):
        array = import_module("SimpleITK").GetArrayFromImage(image)
        return ImageFile(_of_numbers(array.reshape(grid.shape)), grid)
    array = _of_numbers(np.asanyarray(image.dataobj)).reshape(grid.shape[::-1])
    if not _is_nifti(image.header):
        return ImageFile(array.T, grid)
    texts = [one.get_content() for one in image.header.extensions]
    names = nifti.label_names(b"".join(text for text in texts if isinstance(text, bytes)))
    return ImageFile(array.T, grid, names, nifti.says_sides(image.header))


def own_grid(image: Any, *, oriented: bool = False) -> Grid | None:
    """The grid of a SimpleITK or nibabel image, whose voxels are not read; `None` for others."""
    if _is_simpleitk(image):
        return _grid_of_simpleitk(image)
    if hasattr(image, "dataobj") and hasattr(image, "affine"):
        return _grid_of_nibabel(image, oriented)
    return None


def _is_simpleitk(image: Any) -> bool:
    return hasattr(image, "GetDirection") and hasattr(image, "GetSpacing")


def _of_array(given: Any, spacing_mm: Sequence[float] | None) -> ImageFile:
    if given is None or isinstance(given, str | bytes | os.PathLike):
        raise UsageError(
            "an image in memory is expected, not a path: read masks with pleura.read_mask and CT "
            "with pleura.load"
        )
    if isinstance(given, np.ma.MaskedArray) and np.ma.is_masked(given):
        raise UsageError("the array has masked values; replace them first, as by array.filled(0)")
    array = _of_numbers(np.asarray(given))
    if array.ndim != 3:
        raise UsageError(
            f"an image needs three axes [slice, row, column]; found an array of shape {array.shape}"
        )
    if spacing_mm is None:
        raise UsageError("an array needs spacing_mm, as (slice, row, column) in mm")
    return ImageFile(array, Grid.axial(array.shape, _checked(spacing_mm)))


def _checked(spacing_mm: Any) -> list[float]:
    try:
        spacing = [float(mm) for mm in spacing_mm]
    except (TypeError, ValueError):
        spacing = []
    if len(spacing) != 3 or not all(0 < mm < np.inf for mm in spacing):
        raise UsageError(
            f"spacing_mm is three positive numbers (slice, row, column) in mm; found {spacing_mm!r}"
        )
    return spacing


def _of_numbers(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind not in "biuf":
        raise UsageError(
            f"an image holds whole numbers, floats or bool; found the type {array.dtype}"
        )
    return array


def _grid_of_simpleitk(image: Any) -> Grid:
    size = _spatial(image.GetSize(), "SimpleITK")
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise UsageError(
            "an image has one value in each voxel; this SimpleITK image has "
            f"{image.GetNumberOfComponentsPerPixel()}"
        )
    axes = image.GetDimension()
    affine = np.eye(4)
    direction = np.reshape(image.GetDirection(), (axes, axes))[:3, :3]
    affine[:3, :3] = direction * image.GetSpacing()[:3]
    affine[:3, 3] = image.GetOrigin()[:3]
    return grid_of(size[::-1], affine[:, [2, 1, 0, 3]])


def _grid_of_nibabel(image: Any, oriented: bool) -> Grid:
    size = _spatial(image.shape, "nibabel")
    if "analyze" in type(image).__module__:
        raise refused("MASK-FORMAT", found="Analyze", known="NIfTI")
    if image.affine is None:
        raise UsageError("the nibabel image has no affine; give it one, from voxels to RAS mm")
    lps = nifti.TO_RAS @ np.asarray(image.affine, dtype=np.float64)
    if _is_nifti(image.header):
        lps = nifti.to_mm(image.header) @ lps
        if oriented:
            nifti.check_oriented(image.header)
    return grid_of(size[::-1], lps[:, [2, 1, 0, 3]])


def _is_nifti(header: Any) -> bool:
    return hasattr(header, "get_sform")


def _spatial(size: Sequence[int], library: str) -> tuple[int, ...]:
    """The three sizes of an image; further axes may have one entry only."""
    if len(size) < 3 or set(size[3:]) - {1}:
        raise UsageError(f"an image needs three axes; this {library} image has {len(size)}")
    return tuple(int(n) for n in size[:3])

"""Masks for Python callers: any path, any kind of volume as the grid, arrays as masks."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.errors import GridMismatch, UsageError
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LEFT, LungMask
from pleura.labels import registry
from pleura.labels.lattice import mismatch
from pleura.labels.mappings import naming_of

if TYPE_CHECKING:
    from pleura.dicom.series import Series

RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_mask(path: str | os.PathLike[str], like: Any = None, *, mapping: str = "auto") -> LungMask:
    """Read a lung mask of any format.

    Args:
        path: NIfTI, NRRD, MetaImage, NPZ, DICOM SEG or RTSTRUCT; or a folder of one file a
            structure.
        like: the CT that it belongs to: a `Volume`, `LungMask`, `Grid` or `Series`, a SimpleITK or
            nibabel image, or the path of a CT series. NPZ and RTSTRUCT need it. Without it the mask
            comes on its own grid.
        mapping: what label values mean, as `--mapping` of `pleura evaluate`.

    Returns:
        The mask `[slice, row, column]`: 1 right, 2 left; on the grid of `like`.

    Raises:
        GridMismatch: the mask does not lie on the voxels of `like`.
        InputRefused: the mask cannot be read.
    """
    place = Path(path)
    series, grid = _like(like)
    mask = registry.read_mask(place, grid, series, naming_of(mapping, place.parent))
    if grid is not None and not mask.grid.same_as(grid):
        raise mismatch(mask.grid, grid)
    return mask


def write_mask(
    path: str | os.PathLike[str], mask: "LungMask | NDArray[Any]", like: Any = None
) -> None:
    """Write a lung mask in the format that the suffix of `path` names.

    Args:
        path: ends in `.nii.gz`, `.nii`, `.nrrd`, `.mha`, `.npz`, `.seg.dcm` or `.rtstruct.dcm`.
        mask: a `LungMask`, or an array `[slice, row, column]` of 0, 1 right, 2 left (or of 0 and 1,
            both lungs).
        like: where an array lies, as for `read_mask`. SEG and RTSTRUCT need the CT series: a
            `Series` or its path.

    Raises:
        UsageError: an array without `like`, or a DICOM object without its series.
        GridMismatch: shapes or grids differ.
    """
    series, grid = _like(like)
    if not isinstance(mask, LungMask):
        mask = _as_mask(np.asarray(mask), grid)
    registry.write_mask(Path(path), mask, series)


def _as_mask(array: NDArray[Any], grid: Grid | None) -> LungMask:
    if grid is None:
        raise UsageError("An array has no geometry. Give like=, the volume that the mask lies on.")
    if array.shape != grid.shape:
        raise GridMismatch(f"The mask has the shape {array.shape}, the volume {grid.shape}.")
    if array.dtype.kind not in "biu":
        raise UsageError(f"A mask holds whole numbers, not {array.dtype}.")
    labels = array.astype(np.uint8)
    if not np.array_equal(labels, array):
        raise UsageError("A mask holds the labels 0, 1 and 2.")
    return LungMask(labels, grid, sided=bool((labels == LEFT).any()))


def _like(like: Any) -> tuple["Series | None", Grid | None]:
    """The series and the grid of a caller's `like`."""
    if like is None:
        return None, None
    if isinstance(like, Grid):
        return None, like
    if isinstance(like, str | os.PathLike):
        return _like_path(Path(like))
    if hasattr(like, "GetDirection"):
        return None, _grid_of_simpleitk(like)
    if hasattr(like, "affine") and hasattr(like, "shape"):
        affine = RAS @ np.asarray(like.affine, dtype=np.float64)
        shape = tuple(int(n) for n in like.shape[:3])
        return None, Grid((shape[2], shape[1], shape[0]), affine[:, [2, 1, 0, 3]])
    grid = getattr(like, "grid", None)
    if not isinstance(grid, Grid):
        raise UsageError(
            "like= takes a Volume, LungMask, Grid, Series, SimpleITK or nibabel image, or the "
            "path of a CT series."
        )
    return (like if hasattr(like, "files") else None), grid


def _like_path(path: Path) -> tuple["Series | None", Grid | None]:
    from pleura.dicom.series import find_series
    from pleura.images.reading import load_image, map_suffix

    if path.is_file() and map_suffix(path):
        return None, load_image(path).grid
    usable = [series for series in find_series(path) if series.usable]
    if len(usable) != 1:
        raise UsageError(f"like= names {len(usable)} usable CT series; expected one.")
    return usable[0], usable[0].grid


def _grid_of_simpleitk(image: Any) -> Grid:
    columns, rows, slices = image.GetSize()
    axes = np.array(image.GetDirection(), dtype=np.float64).reshape(3, 3) * np.array(
        image.GetSpacing()
    )
    affine = np.eye(4)
    affine[:3, :3] = axes[:, ::-1]
    affine[:3, 3] = image.GetOrigin()
    return Grid((slices, rows, columns), affine)

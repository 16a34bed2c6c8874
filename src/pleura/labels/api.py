"""Masks for Python callers: any path, any kind of volume as the grid, arrays as masks."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pleura.core.errors import UsageError
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask
from pleura.images.in_memory import own_grid
from pleura.labels import registry
from pleura.labels.in_memory import as_mask, is_array, mask_on
from pleura.labels.lattice import mismatch
from pleura.labels.mappings import naming_of

if TYPE_CHECKING:
    from pleura.dicom.series import Series


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
    mask = registry.read_mask(place, grid, series, naming_of(str(mapping), place.parent))
    if grid is not None and not mask.grid.same_as(grid):
        raise mismatch(mask.grid, grid)
    return mask


def write_mask(path: str | os.PathLike[str], mask: Any, like: Any = None) -> None:
    """Write a lung mask in the format that the suffix of `path` names.

    Args:
        path: ends in `.nii.gz`, `.nii`, `.nrrd`, `.mha`, `.npz`, `.seg.dcm` or `.rtstruct.dcm`.
        mask: a `LungMask`, what `find_lungs` returned, a SimpleITK or nibabel image, or an array
            `[slice, row, column]` of 0, 1 right, 2 left (or of 0 and 1, both lungs).
        like: where an array lies, as for `read_mask`. SEG and RTSTRUCT need the CT series: a
            `Series` or its path.

    Raises:
        UsageError: an array without `like`, or a DICOM object without its series.
        InputRefused: the values are not labels of lungs.
        GridMismatch: the mask does not lie on the voxels of `like`.
    """
    series, grid = _like(like)
    if grid is not None:
        lungs = mask_on(mask, grid)
    elif is_array(mask):
        raise UsageError("An array has no geometry. Give like=, the volume that the mask lies on.")
    else:
        lungs = as_mask(mask)
    registry.write_mask(Path(path), lungs, series)


def _like(like: Any) -> tuple["Series | None", Grid | None]:
    """The series and the grid of a caller's `like`."""
    if like is None:
        return None, None
    if isinstance(like, Grid):
        return None, like
    if isinstance(like, str | os.PathLike):
        return _like_path(Path(like))
    grid = own_grid(like) or getattr(like, "grid", None)
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

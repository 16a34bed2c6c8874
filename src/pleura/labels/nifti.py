"""NIfTI label maps: 1 right, 2 left. NIfTI is `[i, j, k]` in RAS, we are `[slice, row, column]` in LPS. The only nibabel."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.errors import UnreadableFile
from pleura.geometry.grid import Grid
from pleura.geometry.resample import resample_labels, resample_volume
from pleura.geometry.volume import LungMask, Volume
from pleura.labels.mappings import LUNGS, Naming
from pleura.labels.values import labels_of, sided

TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
SIDED = "1 right lung, 2 left lung"
"""Stands in the header's `descrip`: tells a map with one lung alone from an unsided one."""


def read(path: Path, naming: Naming = LUNGS) -> LungMask:
    """Read a label map with its own grid; unsided where nothing says otherwise and no 2 occurs.

    Raises:
        UnreadableFile: broken, or not of three dimensions.
        InputRefused: values that `naming` does not know.
    """
    data, affine, said = _load(path)
    labels = labels_of(np.ascontiguousarray(data.T), naming)
    return LungMask(labels, _grid(labels.shape, affine), sided(labels, naming, said == SIDED))


def read_volume(path: Path) -> Volume:
    """Read HU with their grid, as `write_volume` writes them: int16, values beyond its range cut off.

    Raises:
        UnreadableFile: broken, or not of three dimensions.
    """
    data, affine, _ = _load(path)
    limits = np.iinfo(np.int16)
    hu = np.clip(np.rint(data.T), limits.min, limits.max).astype(np.int16)
    return Volume(np.ascontiguousarray(hu), _grid(hu.shape, affine))


def _load(path: Path) -> tuple[NDArray[Any], NDArray[np.float64], str]:
    """Array `[i, j, k]`, RAS affine and description of a file."""
    import nibabel

    logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)  # what is odd in a header is judged by what comes of it
    try:
        image: Any = nibabel.load(path)
        data = np.asanyarray(image.dataobj)
        affine = np.asarray(image.affine, dtype=np.float64)
        said = bytes(image.header["descrip"].item()).decode("latin-1")
    except MemoryError:
        raise
    except Exception as error:  # broken headers and streams fail in any of nibabel's and zlib's many ways
        raise UnreadableFile("the NIfTI file is broken; make it again") from error
    data = data.reshape(data.shape[:3]) if data.ndim > 3 and set(data.shape[3:]) == {1} else data
    if data.ndim != 3:
        raise UnreadableFile(f"the NIfTI file has {data.ndim} dimensions, not three")
    return data, affine, said


def _grid(shape: tuple[int, ...], ras: NDArray[np.float64]) -> Grid:
    lps = TO_RAS @ ras
    return Grid((shape[0], shape[1], shape[2]), lps[:, [2, 1, 0, 3]])


def write(path: Path, mask: LungMask) -> None:
    """Write uint8 labels with the grid as sform (and as qform where it is not sheared), in mm."""
    _save(path, mask.labels, mask.grid, SIDED if mask.sided else "1 lung")


def write_labels(path: Path, labels: NDArray[np.uint8], grid: Grid, said: str) -> None:
    """Write a label map of anything else; `said` tells in the header what the labels are, in at most 79 characters."""
    even = grid.even()
    _save(path, labels if even is grid else resample_labels(labels, grid, even), even, said)


def write_volume(path: Path, volume: Volume) -> None:
    """Write HU as int16, true values, padding included; on their even grid, where slices are uneven."""
    even = resample_volume(volume, volume.grid.even())
    _save(path, even.hu, even.grid, "HU")


def image_of(mask: LungMask) -> Any:
    """A mask as a nibabel image in memory; on its even grid, where slices are uneven."""
    even = mask.grid.even()
    labels = mask.labels if even is mask.grid else resample_labels(mask.labels, mask.grid, even)
    return _image(labels, even, SIDED if mask.sided else "1 lung")


def _save(path: Path, array: NDArray[np.generic], grid: Grid, said: str) -> None:
    import nibabel

    nibabel.save(_image(array, grid, said), path)


def _image(array: NDArray[np.generic], grid: Grid, said: str) -> Any:
    import nibabel

    ras = TO_RAS @ grid.affine[:, [2, 1, 0, 3]]
    image = nibabel.Nifti1Image(array.T, ras)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = said.encode("ascii")
    image.set_sform(ras, code=1)
    image.set_qform(ras if _orthogonal(ras) else None, code=1 if _orthogonal(ras) else 0)
    return image


def _orthogonal(affine: NDArray[np.float64]) -> bool:
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return bool(np.allclose(axes.T @ axes, np.eye(3), atol=1e-5))

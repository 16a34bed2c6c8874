"""The report's NPZ: one array `masks` `[slice, row, column]`, lungs not 0, slices ascending along the normal; no geometry."""

import zipfile
from pathlib import Path

import numpy as np

from pleura.core.errors import GridMismatch, InputRefused, UnreadableFile
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask
from pleura.labels.mappings import LUNGS, Naming
from pleura.labels.values import labels_of

KEY = "masks"


def read(path: Path, grid: Grid | None, naming: Naming = LUNGS) -> LungMask:
    """Read a mask onto `grid`: unsided, but where a `naming` other than `LUNGS` tells of sides.

    Raises:
        GridMismatch: no grid is known, or the mask's shape is another.
        UnreadableFile: broken, or without `masks`.
        InputRefused: values that are no mask.
    """
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            array = file[KEY]
    except KeyError:
        raise UnreadableFile(f"the NPZ mask has no array called {KEY!r}") from None
    except MemoryError:
        raise
    except Exception as error:  # broken archives fail in any of zipfile's, zlib's and numpy's many ways
        raise UnreadableFile("the NPZ mask is broken; make it again") from error
    if grid is None:
        raise GridMismatch("an NPZ mask has no geometry of its own: give the volume that it belongs to")
    if array.shape != grid.shape:
        raise GridMismatch(f"the mask's shape {array.shape} is not the volume's {grid.shape}")
    if naming != LUNGS:
        return LungMask(labels_of(array, naming), grid, bool(naming.sided))
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputRefused("the mask holds NaN or infinity", code="MASK-VALUES")
    if array.dtype.kind not in "biuf" or len(values := np.unique(array)) > 2 or (values[0] != 0 and len(values) == 2):
        raise InputRefused("the NPZ mask is not of two values, 0 and one other", code="MASK-LABELS")
    return LungMask((array != 0).astype(np.uint8), grid, sided=False)


def write(path: Path, mask: LungMask) -> None:
    """Write both lungs as 1 under the key `masks`, the same bytes each time."""
    with path.open("wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        entry = zipfile.ZipInfo(f"{KEY}.npy", date_time=(1980, 1, 1, 0, 0, 0))
        entry.compress_type = zipfile.ZIP_DEFLATED
        with archive.open(entry, "w", force_zip64=True) as member:
            np.lib.format.write_array(member, mask.lungs.astype(np.uint8), allow_pickle=False)

"""The report's NPZ: one array `masks` `[slice, row, column]` without geometry.

Lungs are not 0; slices ascend along the normal.
"""

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pleura.core.codes import refused
from pleura.core.errors import GridMismatch, InputRefused, UnreadableFile
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask
from pleura.images.bounded import check_size, open_regular, read_exactly
from pleura.labels.mappings import LUNGS, Naming
from pleura.labels.values import labels_of

KEY = "masks"
ENTRY = f"{KEY}.npy"


def read(path: Path, grid: Grid | None, naming: Naming = LUNGS) -> LungMask:
    """Read a mask onto `grid`: unsided, unless a `naming` other than `LUNGS` gives sides.

    Raises:
        GridMismatch: no grid is known, or the mask has another shape.
        UnreadableFile: corrupt, larger than the limit, or without `masks`.
        InputRefused: values that are not a mask.
    """
    if grid is None:
        raise refused("NEEDS-GRID", GridMismatch, kind="an NPZ mask")
    try:
        array = _array(path, grid)
    except (InputRefused, MemoryError):
        raise
    except (
        Exception
    ) as error:  # zipfile, zlib and numpy raise various exceptions on broken archives
        raise refused("IMAGE-CORRUPT", UnreadableFile, format="NPZ") from error
    if naming != LUNGS:
        return LungMask(labels_of(array, naming), grid, bool(naming.sided))
    if array.dtype.kind not in "biuf" or (array.dtype.kind == "f" and not np.isfinite(array).all()):
        raise refused("MASK-VALUES", found="NaN, infinity or no numbers")
    values = np.unique(array)
    if len(values) > 2 or (values[0] != 0 and len(values) == 2):
        raise refused("NPZ-VALUES", found=", ".join(f"{value:g}" for value in values[:6]))
    return LungMask((array != 0).astype(np.uint8), grid, sided=False)


def _array(path: Path, grid: Grid) -> NDArray[np.generic]:
    """The array of a zip, which has a checksum; its size is checked before memory is taken."""
    with open_regular(path) as opened, zipfile.ZipFile(opened) as archive:
        if ENTRY not in archive.namelist():
            raise refused("NPZ-NO-MASKS", UnreadableFile, key=KEY)
        entry = archive.getinfo(ENTRY)
        check_size(entry.file_size)
        with archive.open(entry) as member:
            version = np.lib.format.read_magic(member)
            reader = np.lib.format.read_array_header_2_0
            if version == (1, 0):
                reader = np.lib.format.read_array_header_1_0
            shape, fortran, dtype = reader(member)
            if dtype.hasobject or dtype.kind not in "biuf":
                raise refused("MASK-VALUES", found="objects or no numbers")
            if shape != grid.shape:
                raise refused(
                    "MASK-SHAPE", GridMismatch, found=_text(shape), expected=_text(grid.shape)
                )
            size = int(np.prod(shape, dtype=object)) * dtype.itemsize
            data = read_exactly(member.read, size, entry.compress_size)
    return np.frombuffer(data, dtype=dtype).reshape(shape, order="F" if fortran else "C")


LEVEL = 3
"""Compression level: twice the bytes of level 6 (354 against 177 kB) in a third of its time."""


def _text(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape)


def write(path: Path, mask: LungMask) -> None:
    """Write both lungs as 1 under the key `masks`; equal masks give equal bytes."""
    with (
        path.open("wb") as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive,
    ):
        # by its name: a ZipInfo would carry no level; its date is 1980 either way
        with archive.open(ENTRY, "w", force_zip64=True) as member:
            head = {"descr": "|u1", "fortran_order": False, "shape": mask.labels.shape}
            np.lib.format.write_array_header_1_0(member, head)
            for labels in mask.labels:  # a slice at a time, to need no second volume
                member.write((labels > 0).tobytes())

"""NIfTI files. NIfTI is `[i, j, k]` in RAS, pleura is `[slice, row, column]` in LPS. The only
nibabel, which reads; `images.nifti_writer` writes.
"""

import logging
import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.codes import refused
from pleura.core.errors import InputRefused, UnreadableFile
from pleura.geometry.grid import Grid
from pleura.geometry.resample import resample_labels, resample_volume
from pleura.geometry.volume import LungMask, Volume
from pleura.images.bounded import Inflater, open_regular, read_exactly
from pleura.images.image_file import ImageFile, grid_of
from pleura.images.nifti_writer import write_nifti

TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
SIDED = "1 right lung, 2 left lung"
"""Stands in the header's `descrip`: tells a map with one lung alone from an unsided one."""
DENSE = f"{SIDED}, 3 dense right, 4 dense left"
"""What the labels of `quantify.dense` are."""
MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
"""Millimetres of the units that `xyzt_units` names: unknown, metre, millimetre, micrometre."""
SIZE_TOLERANCE = 0.01
"""[share] Voxel sizes of qform and sform differ by less; 1 % in each makes 3 % of volume."""
LABEL = re.compile(
    rb'<Label\b[^>]{0,200}?\bKey="(\d{1,9})"[^>]{0,200}+>\s*+'
    rb"(?:<!\[CDATA\[)?([^<\]]{1,200}+)(?:\]\]>)?\s*+</Label>"
)
"""A label with its number, in the XML of Connectome Workbench."""
MOST_BEFORE_VOXELS = 1 << 20
"""Largest `vox_offset`: header and extensions."""


def load(path: Path, *, oriented: bool = False) -> ImageFile:
    """Read a NIfTI file to its last byte; the checksum of a `.nii.gz` is verified.

    Args:
        path: ends in `.nii` or `.nii.gz`; what is inside decides whether it is compressed.
        oriented: refuse a file without qform and sform, and one whose qform and sform contradict
            each other in direction or voxel size.

    Raises:
        UnreadableFile: corrupt, not of three dimensions, or larger than the limit.
    """
    try:
        return _load(path, oriented)
    except InputRefused:
        raise
    except MemoryError:
        raise
    except Exception as error:  # broken headers fail in many of nibabel's and zlib's ways
        raise refused("IMAGE-CORRUPT", UnreadableFile, format="NIfTI") from error


def _load(path: Path, oriented: bool) -> ImageFile:
    # what is odd in a header is checked here
    logging.getLogger("nibabel.global").setLevel(logging.CRITICAL)
    with open_regular(path) as file:
        compressed = path.stat().st_size
        magic = file.read(2)
        file.seek(0)
        read = Inflater(file, 31).read if magic == b"\x1f\x8b" else file.read
        header, extensions = _header(read)
        shape = [int(n) for n in header.get_data_shape()]
        shape = shape[:3] if set(shape[3:]) <= {1} else shape
        if len(shape) != 3 or min(shape) < 1:
            raise refused("IMAGE-DIMENSIONS", UnreadableFile, found=f"{len(shape)} dimensions")
        dtype = header.get_data_dtype()
        if dtype.kind not in "biuf":
            raise refused("IMAGE-TYPE", UnreadableFile, found="colours or complex numbers")
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        voxels = read_exactly(read, size, compressed)
    array = np.frombuffer(voxels, dtype=dtype).reshape(shape, order="F")
    slope, intercept = header.get_slope_inter()
    if slope is not None and (slope, intercept or 0.0) != (1.0, 0.0):
        array = array * np.float64(slope) + np.float64(intercept or 0.0)
    if oriented:
        check_oriented(header)
    lps = TO_RAS @ to_mm(header) @ np.asarray(header.get_best_affine(), dtype=np.float64)
    transposed = array.T
    grid = grid_of(transposed.shape, lps[:, [2, 1, 0, 3]])
    return ImageFile(transposed, grid, label_names(extensions), says_sides(header))


def label_names(extensions: bytes) -> dict[str, str]:
    """Names of labels, which TotalSegmentator and Connectome Workbench write as XML behind the
    header, in the words of 3D Slicer.
    """
    names = {}
    for number, (value, name) in enumerate(LABEL.findall(extensions)):
        names[f"Segment{number}_Name"] = unescape(name.decode("utf-8", "replace"))
        names[f"Segment{number}_LabelValue"] = value.decode("ascii")
    return names


def says_sides(header: Any) -> bool:
    """Whether pleura's own note in a header says that 1 and 2 are sides."""
    return bytes(header["descrip"].item()).decode("latin-1") == SIDED


def to_mm(header: Any) -> NDArray[np.float64]:
    """From the unit of a header to mm, `(4, 4)`."""
    return np.diag([*[MM.get(int(header["xyzt_units"]) & 7, 1.0)] * 3, 1.0])


def _header(read: Any) -> tuple[Any, bytes]:
    """The header, and the extensions behind it, up to the first voxel."""
    from io import BytesIO

    import nibabel

    start = read(4)
    size = int.from_bytes(start, "little")
    big = int.from_bytes(start, "big")
    second = 540 in (size, big)
    kind, length = (nibabel.Nifti2Header, 540) if second else (nibabel.Nifti1Header, 348)
    if length not in (size, big):
        raise ValueError("no NIfTI header")
    header = kind.from_fileobj(BytesIO(start + read(length - 4)), check=False)
    magic = bytes(header["magic"].item())[:2]
    if magic == b"ni":
        raise refused("IMAGE-PAIR", UnreadableFile)
    if magic != b"n+":
        raise ValueError("no NIfTI magic")
    offset = int(header["vox_offset"])
    if not length <= offset <= MOST_BEFORE_VOXELS:
        raise ValueError("vox_offset")
    return header, read(offset - length)


def check_oriented(header: Any) -> None:
    """Refuse a header of NIfTI without qform and sform, and one in which they contradict.

    Raises:
        UnreadableFile: `NIFTI-NO-ORIENTATION`, `NIFTI-ORIENTATIONS-DISAGREE`,
            `NIFTI-SIZES-DISAGREE`.
    """
    sform, qform = header.get_sform(coded=True)[0], header.get_qform(coded=True)[0]
    if sform is None and qform is None:
        raise refused("NIFTI-NO-ORIENTATION", UnreadableFile)
    if sform is not None and qform is not None:
        _check_agreement(sform, qform)


def _check_agreement(sform: NDArray[np.float64], qform: NDArray[np.float64]) -> None:
    """Refuse two affines that run different ways along the patient, or give other voxel sizes.

    They may lie apart, and be turned or sheared a little: neither changes sides or volumes.
    """
    from nibabel.affines import voxel_sizes
    from nibabel.orientations import aff2axcodes

    if aff2axcodes(sform) != aff2axcodes(qform):
        raise refused("NIFTI-ORIENTATIONS-DISAGREE", UnreadableFile)
    sizes = voxel_sizes(sform), voxel_sizes(qform)
    if not np.allclose(*sizes, rtol=SIZE_TOLERANCE):
        by_sform, by_qform = (" x ".join(f"{mm:.4g}" for mm in size) for size in sizes)
        raise refused("NIFTI-SIZES-DISAGREE", UnreadableFile, by_sform=by_sform, by_qform=by_qform)


def read_volume(path: Path) -> Volume:
    """Read HU with their grid, as `write_volume` writes them: int16, values beyond its range
    clipped; nothing is checked.

    Raises:
        UnreadableFile: as `load`.
    """
    image = load(path)
    limits = np.iinfo(np.int16)
    hu = np.clip(np.rint(image.array), limits.min, limits.max).astype(np.int16)
    return Volume(np.ascontiguousarray(hu), image.grid)


def write(path: Path, mask: LungMask) -> None:
    """Write uint8 labels with the grid as sform (and as qform where it is not sheared), in mm."""
    _save(path, mask.labels, mask.grid, _note(mask))


def write_labels(path: Path, labels: NDArray[np.uint8], grid: Grid, said: str) -> None:
    """Write any other label map; `said` describes the labels in the header, 79 characters."""
    even = grid.even()
    _save(path, labels if even is grid else resample_labels(labels, grid, even), even, said)


def write_volume(path: Path, volume: Volume) -> None:
    """Write HU as int16, true values, padding included; uneven slices on their even grid."""
    even = resample_volume(volume, volume.grid.even())
    _save(path, even.hu, even.grid, "HU")


def image_of(mask: LungMask) -> Any:
    """A mask as a nibabel image in memory; on its even grid, where slices are uneven."""
    even = mask.grid.even()
    labels = mask.labels if even is mask.grid else resample_labels(mask.labels, mask.grid, even)
    return _image(labels, even, _note(mask))


def _note(mask: LungMask) -> str:
    """What the labels are, for the header."""
    return SIDED if mask.sided else "1 lung"


def _save(path: Path, array: NDArray[np.generic], grid: Grid, note: str) -> None:
    write_nifti(path, array, _ras(grid), note)


def _ras(grid: Grid) -> NDArray[np.float64]:
    """From indices `(column, row, slice)` to RAS in mm."""
    ras: NDArray[np.float64] = TO_RAS @ grid.affine[:, [2, 1, 0, 3]]
    return ras


def _image(array: NDArray[np.generic], grid: Grid, note: str) -> Any:
    import nibabel

    ras = _ras(grid)
    image = nibabel.Nifti1Image(array.T, ras)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = note.encode("ascii")
    image.set_sform(ras, code=1)
    if _orthogonal(ras):
        image.set_qform(ras, code=1)
    else:
        image.set_qform(None, code=0)
    return image


def _orthogonal(affine: NDArray[np.float64]) -> bool:
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return bool(np.allclose(axes.T @ axes, np.eye(3), atol=1e-5))

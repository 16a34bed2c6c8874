"""Write NIfTI-1 files: a header of 348 bytes, four bytes for extensions, the voxels.

nibabel reads (`images.nifti`); importing it to write costs 150 ms and pydicom, a twentieth of
`pleura segment`. Format: https://nifti.nimh.nih.gov/pub/dist/src/niftilib/nifti1.h
"""

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LAYOUT = "<i10s18sihcB8h3f4h8f3fhBB4f2i80s24s2h3f3f12f16s4s"
"""Every field of the header, from sizeof_hdr to magic."""
VOXELS_AT = 352
CODES = {"uint8": 2, "int16": 4}
"""`datatype` of each type that is written."""
MILLIMETRE = 2
SCANNER = 1
"""`qform_code` and `sform_code`: the axes are those of the scanner."""
LEVEL = 1
"""Of gzip: masks of equal size in a third of the time of level 6."""


def write_nifti(path: Path, array: NDArray[np.generic], ras: Array, note: str) -> None:
    """Write an array with its affine as sform, and as qform where its axes are orthogonal.

    Args:
        path: ends in `.nii`, or in `.nii.gz` for gzip; equal input gives equal bytes.
        array: uint8 or int16 `[slice, row, column]`; its columns are the first axis of the file.
        ras: 4 × 4, from indices `(column, row, slice)` to RAS in mm.
        note: at most 79 ASCII characters for `descrip`.
    """
    header = _header(array, ras, note) + bytes(VOXELS_AT - struct.calcsize(LAYOUT))
    little = array.dtype.newbyteorder("<")
    with path.open("wb") as file:
        if path.suffix != ".gz":
            file.write(header)
            file.writelines(plane.astype(little, order="C", copy=False) for plane in array)
            return
        engine = zlib.compressobj(LEVEL, zlib.DEFLATED, 31)
        file.write(engine.compress(header))
        for plane in array:
            file.write(engine.compress(plane.astype(little, order="C", copy=False)))
        file.write(engine.flush())


def _header(array: NDArray[np.generic], ras: Array, note: str) -> bytes:
    spacing = np.linalg.norm(ras[:3, :3], axis=0)
    rotation, flip = _rotation(ras[:3, :3] / spacing)
    return struct.pack(
        LAYOUT,
        348,
        *(b"", b"", 0, 0, b"\0", 0),
        *(3, *array.shape[::-1], 1, 1, 1, 1),
        *(0.0, 0.0, 0.0, 0),
        *(CODES[array.dtype.name], 8 * array.dtype.itemsize, 0),
        *(flip, *spacing, 1.0, 1.0, 1.0, 1.0),
        *(float(VOXELS_AT), 1.0, 0.0, 0, 0, MILLIMETRE),
        *(0.0, 0.0, 0.0, 0.0, 0, 0),
        *(note.encode("ascii"), b""),
        *(0 if rotation is None else SCANNER, SCANNER),
        *((0.0, 0.0, 0.0) if rotation is None else rotation),
        *ras[:3, 3],
        *ras[:3].ravel(),
        *(b"", b"n+1"),
    )


def _rotation(axes: Array) -> tuple[tuple[float, float, float] | None, float]:
    """The quaternion `(b, c, d)` of orthogonal unit axes, `None` where they are not orthogonal; and
    -1 where the third axis had to be turned round to make them right-handed, else 1.

    The real part is the root of what is left of 1 (nifti1.h, method 2), so it is taken positive.
    """
    if not np.allclose(axes.T @ axes, np.eye(3), atol=1e-5):
        return None, 1.0
    flip = -1.0 if np.linalg.det(axes) < 0 else 1.0
    r = axes * [1.0, 1.0, flip]
    # the eigenvector of the largest eigenvalue (Bar-Itzhack 2000, J Guid Control Dyn 23:1085-1087)
    symmetric = np.array(
        [
            [r[0, 0] - r[1, 1] - r[2, 2], 0, 0, 0],
            [r[1, 0] + r[0, 1], r[1, 1] - r[0, 0] - r[2, 2], 0, 0],
            [r[2, 0] + r[0, 2], r[2, 1] + r[1, 2], r[2, 2] - r[0, 0] - r[1, 1], 0],
            [r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], np.trace(r)],
        ]
    )
    _, vectors = np.linalg.eigh(symmetric, UPLO="L")
    b, c, d, a = vectors[:, -1]
    sign = -1.0 if a < 0 else 1.0
    return (float(sign * b), float(sign * c), float(sign * d)), flip

"""MetaImage files: `.mha`, and `.mhd` with its voxels in a file beside it. Axes x, y, z in LPS."""

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from pleura.core.codes import refused
from pleura.core.errors import InputRefused, UnreadableFile
from pleura.geometry.volume import LungMask
from pleura.images.bounded import HEADER_BYTES, beside, open_regular, unpack
from pleura.images.image_file import ImageFile, grid_of

TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
ORIGIN = ("Offset", "Position", "Origin")
AXES = ("TransformMatrix", "Rotation", "Orientation")
"""Synonyms, as MetaIO reads them."""
IDENTITY = "1 0 0 0 1 0 0 0 1"


def load(path: Path) -> ImageFile:
    """Read a MetaImage file.

    Raises:
        UnreadableFile: corrupt, not of three dimensions, or with its voxels anywhere but beside it.
    """
    try:
        return _load(path)
    except InputRefused:
        raise
    except (OSError, KeyError, ValueError, zlib.error) as error:
        raise refused("IMAGE-CORRUPT", UnreadableFile, format="MetaImage") from error


def _load(path: Path) -> ImageFile:
    with open_regular(path) as file:
        header = _header(file)
        start = file.tell()
    if int(header["NDims"]) != 3 or int(header.get("ElementNumberOfChannels", "1")) != 1:
        raise refused(
            "IMAGE-DIMENSIONS",
            UnreadableFile,
            found=f"{header['NDims']} dimensions or several channels",
        )
    kind = header["ElementType"]
    if kind not in TYPES:
        raise refused("IMAGE-TYPE", UnreadableFile, found=kind[:32])
    order = ">" if _is_true(header, "BinaryDataByteOrderMSB", "ElementByteOrderMSB") else "<"
    columns, rows, slices = (int(n) for n in header["DimSize"].split())
    if min(columns, rows, slices) < 1 or not _is_true(header, "BinaryData", default=True):
        raise ValueError("empty, or text")
    dtype = np.dtype(order + TYPES[kind])
    size = columns * rows * slices * dtype.itemsize
    data = path if header["ElementDataFile"] == "LOCAL" else beside(path, header["ElementDataFile"])
    encoding = "zlib" if _is_true(header, "CompressedData") else "raw"
    with open_regular(data) as file:
        whole = data.stat().st_size
        file.seek(start if data is path else _skipped(header, whole, size))
        voxels = unpack(file, encoding, size, whole)
    array = np.frombuffer(voxels, dtype=dtype).reshape(slices, rows, columns)
    axes = np.array(_first(header, AXES, IDENTITY).split(), dtype=np.float64).reshape(3, 3)
    spacing = np.array(
        _first(header, ("ElementSpacing", "ElementSize"), "1 1 1").split(), dtype=np.float64
    )
    if not (spacing > 0).all():  # MetaIO has no mirrored axes but those of the matrix
        raise refused("IMAGE-GEOMETRY", UnreadableFile)
    affine = np.eye(4)
    # a row of the matrix is an axis; ours run slice, row, column
    affine[:3, :3] = (axes * spacing[:, None])[::-1].T
    affine[:3, 3] = np.array(_first(header, ORIGIN, "0 0 0").split(), dtype=np.float64)
    return ImageFile(array, grid_of(array.shape, affine), {}, header.get("Name") == "sided")


def _skipped(header: Mapping[str, str], whole: int, size: int) -> int:
    """Bytes before the voxels of a data file: HeaderSize; where it is -1, all that is too much."""
    skip = int(header.get("HeaderSize", "0"))
    if skip < 0:
        return max(whole - size, 0)
    return skip


def _first(header: Mapping[str, str], keys: tuple[str, ...], default: str) -> str:
    return next((header[key] for key in keys if key in header), default)


def _is_true(header: Mapping[str, str], *keys: str, default: bool = False) -> bool:
    value = _first(header, keys, str(default))
    return value.strip().lower() in ("true", "t", "1")


def _header(file: BinaryIO) -> dict[str, str]:
    """Keys and values up to ElementDataFile."""
    header: dict[str, str] = {}
    while "ElementDataFile" not in header and file.tell() < HEADER_BYTES:
        key, equals, value = file.readline(4096).decode("latin-1").partition("=")
        if not equals:
            raise ValueError("a line without =")
        header[key.strip()] = value.strip()
    return header


def write(path: Path, mask: LungMask) -> None:
    """Write uint8 labels with the grid in LPS, compressed."""
    axes = mask.grid.affine[:3, 2::-1]
    spacing = np.linalg.norm(axes, axis=0)
    voxels = zlib.compress(mask.labels.tobytes(), 6)
    header = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "True",
        "CompressedDataSize": str(len(voxels)),
        "TransformMatrix": _text((axes / spacing).T.ravel()),
        "Offset": _text(mask.grid.affine[:3, 3]),
        "ElementSpacing": _text(spacing),
        "DimSize": " ".join(str(n) for n in mask.grid.shape[::-1]),
        "Name": "sided" if mask.sided else "unsided",
        "ElementType": "MET_UCHAR",
        "ElementDataFile": "LOCAL",
    }
    path.write_bytes(
        "".join(f"{key} = {value}\n" for key, value in header.items()).encode("ascii") + voxels
    )


def _text(values: np.ndarray) -> str:
    return " ".join(repr(float(value)) for value in values)

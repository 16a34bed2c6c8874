"""MetaImage (`.mha`, one file) label maps: 1 right, 2 left; axes x, y, z in LPS. Twenty lines of text before the voxels."""

import zlib
from pathlib import Path

import numpy as np

from pleura.core.errors import UnreadableFile
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask
from pleura.labels.mappings import LUNGS, Naming
from pleura.labels.values import labels_of, sided

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
LONGEST_HEADER = 1 << 16


def read(path: Path, naming: Naming = LUNGS) -> LungMask:
    """Read a label map with its own grid.

    Raises:
        UnreadableFile: broken, not of three dimensions, or with its voxels in another file.
        InputRefused: values that `naming` does not know.
    """
    try:
        header, at = _header(path)
        if header["ElementDataFile"] != "LOCAL" or int(header["NDims"]) != 3:
            raise UnreadableFile("the MetaImage mask is not one file of three dimensions")
        order = ">" if header.get("BinaryDataByteOrderMSB", header.get("ElementByteOrderMSB", "False")) == "True" else "<"
        voxels = path.read_bytes()[at:]
        if header.get("CompressedData", "False") == "True":
            voxels = zlib.decompress(voxels)
        columns, rows, slices = (int(n) for n in header["DimSize"].split())
        array = np.frombuffer(voxels, dtype=order + TYPES[header["ElementType"]]).reshape(slices, rows, columns)
        axes = np.array(header["TransformMatrix"].split(), dtype=np.float64).reshape(3, 3)
        spacing = np.array(header["ElementSpacing"].split(), dtype=np.float64)
        affine = np.eye(4)
        affine[:3, :3] = (axes * spacing[:, None])[::-1].T  # a row of the matrix is an axis; ours run slice, row, column
        affine[:3, 3] = np.array(header.get("Offset", "0 0 0").split(), dtype=np.float64)
    except UnreadableFile:
        raise
    except (OSError, KeyError, ValueError, zlib.error) as error:
        raise UnreadableFile("the MetaImage mask is broken; make it again") from error
    labels = labels_of(array, naming)
    return LungMask(labels, Grid((slices, rows, columns), affine), sided(labels, naming, header.get("Name") == "sided"))


def _header(path: Path) -> tuple[dict[str, str], int]:
    """Keys and values, and where the voxels begin."""
    header: dict[str, str] = {}
    with path.open("rb") as file:
        while "ElementDataFile" not in header and file.tell() < LONGEST_HEADER:
            key, equals, value = file.readline(1024).decode("latin-1").partition("=")
            if not equals:
                raise ValueError("a line without =")
            header[key.strip()] = value.strip()
        return header, file.tell()


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
        "TransformMatrix": _told((axes / spacing).T.ravel()),
        "Offset": _told(mask.grid.affine[:3, 3]),
        "ElementSpacing": _told(spacing),
        "DimSize": " ".join(str(n) for n in mask.grid.shape[::-1]),
        "Name": "sided" if mask.sided else "unsided",
        "ElementType": "MET_UCHAR",
        "ElementDataFile": "LOCAL",
    }
    path.write_bytes("".join(f"{key} = {value}\n" for key, value in header.items()).encode("ascii") + voxels)


def _told(values: np.ndarray) -> str:
    return " ".join(repr(float(value)) for value in values)

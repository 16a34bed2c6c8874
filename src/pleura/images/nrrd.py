"""NRRD files (`.nrrd`, `.nhdr`): `space` LPS, RAS or LAS to LPS; layers of 3D Slicer."""

import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from pleura.core.codes import refused
from pleura.core.errors import InputRefused, UnreadableFile
from pleura.geometry.volume import LungMask
from pleura.images.bounded import HEADER_BYTES, beside, open_regular, unpack
from pleura.images.image_file import ImageFile, grid_of

TO_LPS = {
    "left-posterior-superior": (1, 1, 1),
    "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1),
    "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
    "las": (1, -1, 1),
}
MM = {
    **dict.fromkeys(("", "mm", "millimeter", "millimeters", "millimetre", "millimetres"), 1.0),
    **dict.fromkeys(("cm", "centimeter", "centimeters", "centimetre", "centimetres"), 10.0),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), 1000.0),
    **dict.fromkeys(("um", "\u00b5m", "\u03bcm", "micron", "microns", "micrometer"), 0.001),
}
"""Millimetres of the units in `space units`, which is free text."""
TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": (
        "longlong",
        "long long",
        "long long int",
        "signed long long",
        "signed long long int",
        "int64",
        "int64_t",
    ),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
DTYPES = {name: kind for kind, names in TYPES.items() for name in names}
ENCODINGS = {"raw": "raw", "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2"}
TEXT = ("text", "txt", "ascii")
VECTOR = re.compile(r"\(([^)]*)\)|\bnone\b")


def load(path: Path) -> ImageFile:
    """Read an NRRD file.

    Raises:
        UnreadableFile: corrupt, without `space` and `space directions`, or with its voxels anywhere
            but beside it.
    """
    try:
        return _load(path)
    except InputRefused:
        raise
    except (OSError, KeyError, ValueError, EOFError, zlib.error) as error:
        raise refused("IMAGE-CORRUPT", UnreadableFile, format="NRRD") from error


def _load(path: Path) -> ImageFile:
    with open_regular(path) as file:
        header = _header(file)
        start = file.tell()
    sizes = [int(n) for n in header["sizes"].split()]
    if header["type"].lower() not in DTYPES:
        raise refused("IMAGE-TYPE", UnreadableFile, found=header["type"][:32])
    if len(sizes) not in (3, 4) or min(sizes) < 1 or int(header["dimension"]) != len(sizes):
        raise refused("IMAGE-DIMENSIONS", UnreadableFile, found=f"{len(sizes)} dimensions")
    layers, affine = _geometry(header, sizes)
    data = header.get("data file", header.get("datafile"))
    array = _voxels(path, start, data, header, sizes)
    array = array.transpose(
        *[axis for axis in range(len(sizes)) if axis != layers][::-1],
        *([] if layers is None else [layers]),
    )
    if layers is not None:
        array = np.moveaxis(array, -1, 0)
        array = array[0] if array.shape[0] == 1 else array
    return ImageFile(
        array, grid_of(array.shape[-3:], affine), header, header.get("pleura") == "sided"
    )


def _geometry(
    header: Mapping[str, str], sizes: list[int]
) -> tuple[int | None, NDArray[np.float64]]:
    """The axis of layers, if there is one, and the affine from `[slice, row, column]` to LPS mm."""
    sign = TO_LPS.get(header.get("space", "").lower())
    words = [found[0] for found in VECTOR.finditer(header.get("space directions", ""))]
    spatial = [axis for axis, word in enumerate(words) if word != "none"]
    if sign is None or len(words) != len(sizes) or len(spatial) != 3:
        raise refused("IMAGE-GEOMETRY", UnreadableFile)
    directions = np.array([_vector(words[axis]) for axis in spatial], dtype=np.float64)
    others = [axis for axis in range(len(sizes)) if axis not in spatial]
    scale = np.array(sign) * _mm_of_units(header.get("space units", ""))
    affine = np.eye(4)
    affine[:3, :3] = directions[::-1].T * scale[:, None]
    affine[:3, 3] = (
        np.array(_vector(header.get("space origin", "(0,0,0)")), dtype=np.float64) * scale
    )
    return (others[0] if others else None), affine


def _mm_of_units(text: str) -> NDArray[np.float64]:
    """Millimetres of the unit of each axis of space; 1 where none is given."""
    units = re.findall(r'"([^"]*)"', text) or text.split()
    if not units:
        return np.ones(3)
    mm = [MM.get(unit.strip().lower()) for unit in units]
    if len(mm) != 3 or None in mm:
        raise refused("IMAGE-GEOMETRY", UnreadableFile)
    return np.array(mm, dtype=np.float64)


def _vector(text: str) -> list[float]:
    return [float(part) for part in text.strip().strip("()").split(",")]


def _voxels(
    path: Path, start: int, data: str | None, header: Mapping[str, str], sizes: list[int]
) -> NDArray[np.generic]:
    """The voxels, first axis fastest."""
    dtype = np.dtype(
        ("<" if header.get("endian", "little").lower() == "little" else ">")
        + DTYPES[header["type"].lower()]
    )
    size = int(np.prod(sizes, dtype=object)) * dtype.itemsize
    encoding = header["encoding"].lower()
    place = path if data is None else beside(path, data)
    skip = int(header.get("byte skip", header.get("byteskip", "0")))
    if int(header.get("line skip", header.get("lineskip", "0"))):
        raise ValueError("line skip")
    with open_regular(place) as file:
        whole = place.stat().st_size
        file.seek(start if data is None else 0)
        if encoding in TEXT:
            text = file.read(min(whole, 32 * size // dtype.itemsize + HEADER_BYTES))
            values = np.array(text.split(), dtype=np.float64)
            return values.astype(dtype).reshape(sizes, order="F")
        if encoding not in ENCODINGS:
            raise ValueError("encoding")
        if ENCODINGS[encoding] == "raw":
            file.seek(max(whole - size, 0) if skip < 0 else file.tell() + skip)
            skip = 0
        voxels = unpack(file, ENCODINGS[encoding], size + max(skip, 0), whole)
    return np.frombuffer(voxels, dtype=dtype, offset=max(skip, 0)).reshape(sizes, order="F")


def _header(file: BinaryIO) -> dict[str, str]:
    """Fields (lower case) and key/value pairs, up to the empty line."""
    if not file.readline(16).startswith(b"NRRD000"):
        raise ValueError("no NRRD")
    header: dict[str, str] = {}
    while file.tell() < HEADER_BYTES:
        line = file.readline(HEADER_BYTES).decode("utf-8", "replace").rstrip("\r\n")
        if not line:
            return header
        if line.startswith("#"):
            continue
        key, pair, value = line.partition(":=")
        if pair:
            header[key.strip()] = value.strip()
            continue
        field, colon, value = line.partition(":")
        if not colon:
            raise ValueError("a line without a colon")
        header[field.strip().lower()] = value.strip()
    raise ValueError("header too long")


def write(path: Path, mask: LungMask) -> None:
    """Write uint8 labels with the grid in LPS, gzip."""
    axes = mask.grid.affine[:3, :3].T[::-1]
    header = {
        "type": "uint8",
        "dimension": "3",
        "space": "left-posterior-superior",
        "sizes": " ".join(str(n) for n in mask.grid.shape[::-1]),
        "space directions": " ".join(_text(axis) for axis in axes),
        "kinds": "domain domain domain",
        "encoding": "gzip",
        "space origin": _text(mask.grid.affine[:3, 3]),
    }
    lines = ["NRRD0005", *(f"{key}: {value}" for key, value in header.items())]
    sides = "sided" if mask.sided else "unsided"
    lines += [f"pleura:={sides}", "", ""]
    engine = zlib.compressobj(6, zlib.DEFLATED, 31)
    voxels = engine.compress(mask.labels.tobytes()) + engine.flush()
    path.write_bytes("\n".join(lines).encode("ascii") + voxels)


def _text(vector: NDArray[np.float64]) -> str:
    return "(" + ",".join(repr(float(x)) for x in vector) + ")"

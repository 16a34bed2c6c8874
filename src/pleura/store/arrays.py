"""NumPy files of a case, opened only where they are complete."""

import os
import stat
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike, NDArray

from pleura.core.codes import refused
from pleura.core.errors import UnreadableFile


def open_array(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[np.generic]:
    """Map a `.npy` file into memory, read-only.

    The header is checked against what the case says, and the file's size against the header, before
    anything is mapped: reading beyond the end of a mapped file ends the process (SIGBUS).

    Args:
        path: the file.
        shape: the shape that `case.json` gives.
        dtype: the type of its values.

    Raises:
        UnreadableFile: `BROKEN-CASE`: missing, truncated, not a `.npy` file, or of another shape or
            type.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ValueError("is not a regular file")
            found = _header(file)
            offset = file.tell()
        wanted = (tuple(shape), False, np.dtype(dtype))
        if found != wanted:
            raise ValueError(
                f"has shape {found[0]} and type {found[2]}; expected {wanted[0]} and {wanted[2]}"
            )
        size = offset + int(np.prod(shape, dtype=np.int64)) * wanted[2].itemsize
        if status.st_size != size:
            raise ValueError(f"has {status.st_size} bytes; expected {size}")
        return np.memmap(path, wanted[2], "r", offset, wanted[0])
    except FileNotFoundError as error:
        raise _broken(path, "is missing") from error
    except OSError as error:
        raise _broken(path, f"cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise _broken(path, str(error)) from error


def save_array(path: Path, array: NDArray[np.generic]) -> None:
    """Write a `.npy` file, as `np.save` does, whose error of a full disk has no number.

    Raises:
        OSError: the file cannot be written; `errno` says why.
    """
    whole = np.ascontiguousarray(array)
    with path.open("wb") as file:
        npy.write_array_header_1_0(file, npy.header_data_from_array_1_0(whole))
        file.write(whole.reshape(-1).view(np.uint8).data)


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        version = npy.read_magic(file)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        return read(file)
    except OSError:
        raise
    except Exception:  # numpy lets through whatever Python's own parser raises
        raise ValueError("is not a whole .npy file") from None


def _broken(path: Path, problem: str) -> Exception:
    return refused("BROKEN-CASE", UnreadableFile, problem=f"{path.name} {problem}")

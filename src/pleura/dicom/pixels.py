"""Stored values to HU: cells, sign, rescale per plane, padding (pitfalls 17, 18, 19, 22)."""

import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.codecs.frames import BIG_ENDIAN, NATIVE, decode_frame
from pleura.core.errors import UnreadableFile
from pleura.core.progress import Progress, silent
from pleura.dicom.header import Cells, Plane

NO_TISSUE_HU = -1100
"""No matter is lighter than air (−1000 HU); noise and filters reach a little below. A constant value under this is padding."""


def read_hu(
    planes: Sequence[Plane], *, workers: int = 0, progress: Progress = silent
) -> tuple[NDArray[np.int16], NDArray[np.bool_] | None, int]:
    """Read planes, in the order given, as one array of HU.

    HU = stored × RescaleSlope + RescaleIntercept with each plane's own pair (PS3.3 C.11.1.1.2), rounded to the nearest whole
    HU, saturated at the ends of int16.

    Returns:
        `hu` int16 `(planes, rows, columns)`, true values with padding included; `padding` bool of the same shape or `None`;
        how many voxels were saturated.

    Raises:
        UnreadableFile: a plane is cut off or does not decode.
    """
    first = planes[0]
    shape = (len(planes), first.rows, first.columns)
    hu = np.empty(shape, np.int16)
    padding = np.zeros(shape, np.bool_)
    saturated = [0] * len(planes)

    def one(number: int) -> None:
        stored = stored_values(planes[number])
        saturated[number] = _rescale(stored, planes[number], hu[number])
        _find_padding(stored, hu[number], planes[number], padding[number])

    with ThreadPoolExecutor(workers or 4) as pool:
        for done, _ in enumerate(pool.map(one, range(len(planes))), 1):
            progress("read pixels", done, len(planes))
    return hu, padding if padding.any() else None, sum(saturated)


def stored_values(plane: Plane) -> NDArray[Any]:
    """Stored values of a plane, `(rows, columns)`, sign and unused bits treated.

    Raises:
        UnreadableFile: cut off, or not decodable.
    """
    shape = (plane.rows, plane.columns)
    cell = np.dtype(f"u{plane.cells.allocated // 8}")
    if plane.offset is not None:
        order = cell.newbyteorder(">" if plane.syntax == BIG_ENDIAN else "<")
        raw = np.empty(shape, order)
        with plane.path.open("rb", buffering=0) as file:
            file.seek(plane.offset)
            if file.readinto(raw.view(np.uint8).reshape(-1).data) != raw.nbytes:
                raise UnreadableFile("a slice's pixels are cut off: the file is truncated; fetch it again")
        cells = raw if order.isnative or sys.byteorder == order.byteorder else raw.astype(cell)
    else:
        cells = _decoded(plane, shape, cell)
    return _signed(cells, plane.cells)


def _decoded(plane: Plane, shape: tuple[int, int], cell: np.dtype[Any]) -> NDArray[Any]:
    import warnings

    from pydicom import dcmread
    from pydicom.encaps import get_frame

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = dcmread(plane.path, force=True)
            data = dataset.PixelData
            if plane.syntax in NATIVE:  # deflated: the pixels are plain once the data set is inflated
                start = plane.frame * plane.length
                return np.frombuffer(data[start : start + plane.length], cell).reshape(shape)
            encoded = get_frame(data, plane.frame, number_of_frames=int(dataset.get("NumberOfFrames") or 1))
        except Exception as error:
            raise UnreadableFile("a slice's pixels cannot be read: the file is broken or truncated; fetch it again") from error
    return decode_frame(encoded, plane.syntax, shape, plane.cells.allocated)


def _signed(cells: NDArray[Any], said: Cells) -> NDArray[Any]:
    """Cut stored bits out of their cells and give them their sign (PS3.5 section 8.1.1)."""
    if said.stored == said.allocated:
        return cells.view(cells.dtype.str.replace("u", "i")) if said.signed else cells
    shift = said.high_bit + 1 - said.stored
    values = (cells >> shift) & ((1 << said.stored) - 1)
    if not said.signed:
        return values
    left = said.allocated - said.stored
    signed: NDArray[Any] = (values << left).astype(cells.dtype).view(f"i{cells.itemsize}") >> left
    return signed


def _rescale(stored: NDArray[Any], plane: Plane, out: NDArray[np.int16]) -> int:
    slope = 1.0 if plane.slope is None else plane.slope
    intercept = 0.0 if plane.intercept is None else plane.intercept
    if slope == 1.0 and intercept == int(intercept):
        wide: NDArray[Any] = stored.astype(np.int32) + int(intercept)
    else:
        wide = np.rint(stored * slope + intercept)
    over = (wide > 32767) | (wide < -32768)
    np.copyto(out, np.clip(wide, -32768, 32767), casting="unsafe")
    return int(np.count_nonzero(over))


def _find_padding(stored: NDArray[Any], hu: NDArray[np.int16], plane: Plane, out: NDArray[np.bool_]) -> None:
    """Mark padding: the declared range where it lies below all matter, and any constant below it that a corner holds."""
    if plane.padding is not None:
        low, high = plane.padding
        if (1.0 if plane.slope is None else plane.slope) * high + (plane.intercept or 0.0) < NO_TISSUE_HU:
            np.logical_and(stored >= low, stored <= high, out=out)
    for corner in {int(hu[row, column]) for row in (0, -1) for column in (0, -1)}:
        if corner < NO_TISSUE_HU:
            out |= hu == corner

"""Padding: values below those of matter, which stand where nothing was measured."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pleura.dicom.plane import Plane, rescale_of
from pleura.geometry.volume import NO_TISSUE_HU


def find_padding(
    hu: NDArray[np.int16], planes: Sequence[Plane], least: int, out: NDArray[np.bool_]
) -> bool:
    """Mark the padding of slices in `out`, `(planes, rows, columns)`; return whether there is any.

    No HU is below `least`. Where there is no padding, `out` is not changed.
    """
    if least >= NO_TISSUE_HU:
        return False
    ranges = []
    for cells, plane in zip(hu, planes, strict=True):
        ranges.append({one for one in _padding_ranges(cells, plane) if one[1] >= least})
    if not any(ranges):
        return False
    if all(one == ranges[0] for one in ranges):
        _mark(hu, ranges[0], out)
    else:
        for one, cells, mask in zip(ranges, hu, out, strict=True):
            _mark(cells, one, mask)
    return bool(out.any())


def _padding_ranges(hu: NDArray[np.int16], plane: Plane) -> set[tuple[int, int]]:
    """Ranges of HU (first, last) that are padding.

    They are the declared range, if it is below matter, and any constant below matter in a corner.
    """
    ranges = set()
    if plane.padding is not None:
        slope, intercept = rescale_of(plane)
        low, high = sorted(round(slope * end + intercept) for end in plane.padding)
        if high < NO_TISSUE_HU:
            ranges.add((low, high))
    corners = (int(hu[row, column]) for row in (0, -1) for column in (0, -1))
    return ranges | {(corner, corner) for corner in corners if corner < NO_TISSUE_HU}


def _mark(hu: NDArray[np.int16], ranges: set[tuple[int, int]], out: NDArray[np.bool_]) -> None:
    if len(ranges) > 1:  # a declared range is often empty
        least = int(hu.min())
        ranges = {one for one in ranges if one[1] >= least}
    if len(ranges) != 1:
        out[...] = False
    for low, high in ranges:
        if len(ranges) > 1:
            out |= (hu >= low) & (hu <= high)
        elif low == high:
            # without a temporary array, which costs more than the comparison
            np.equal(hu, low, out=out)
        else:
            np.logical_and(hu >= low, hu <= high, out=out)

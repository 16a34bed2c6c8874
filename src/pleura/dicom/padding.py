"""Padding: values below all matter that a scanner or an export writes where it measured nothing."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pleura.dicom.header import Plane
from pleura.geometry.volume import NO_TISSUE_HU


def find_padding(
    hu: NDArray[np.int16], planes: Sequence[Plane], least: int, out: NDArray[np.bool_]
) -> bool:
    """Mark the padding of slices, `(planes, rows, columns)`, in `out`; `False`, and nothing marked,
    where there is none.

    No HU is below `least`.
    """
    if least >= NO_TISSUE_HU:
        return False
    ranges = [
        {one for one in _padding_ranges(*both) if one[1] >= least}
        for both in zip(hu, planes, strict=True)
    ]
    if not any(ranges):
        return False
    if all(one == ranges[0] for one in ranges):
        _mark(hu, ranges[0], out)
    else:
        for one, cells, mask in zip(ranges, hu, out, strict=True):
            _mark(cells, one, mask)
    return bool(out.any())


def _padding_ranges(hu: NDArray[np.int16], plane: Plane) -> set[tuple[int, int]]:
    """HU, first and last, that are padding: the range declared, if below all matter, and any
    constant below it in a corner.
    """
    ranges = set()
    if plane.padding is not None:
        slope, intercept = (1.0 if plane.slope is None else plane.slope), plane.intercept or 0.0
        low, high = sorted(round(slope * end + intercept) for end in plane.padding)
        if high < NO_TISSUE_HU:
            ranges.add((low, high))
    corners = (int(hu[row, column]) for row in (0, -1) for column in (0, -1))
    return ranges | {(corner, corner) for corner in corners if corner < NO_TISSUE_HU}


def _mark(hu: NDArray[np.int16], ranges: set[tuple[int, int]], out: NDArray[np.bool_]) -> None:
    if len(ranges) > 1:  # a range that is declared is often one that nothing lies in
        least = int(hu.min())
        ranges = {one for one in ranges if one[1] >= least}
    if len(ranges) != 1:
        out[...] = False
    for low, high in ranges:
        if len(ranges) > 1:
            out |= (hu >= low) & (hu <= high)
        elif low == high:
            # without an array in between, whose memory costs more than the comparison
            np.equal(hu, low, out=out)
        else:
            np.logical_and(hu >= low, hu <= high, out=out)

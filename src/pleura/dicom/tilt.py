"""Gantry tilt: the angle between the slice normal and the direction from slice to slice.

The gantry of a scanner can lean against the couch. The slices of such a scan are parallel, but they
are shifted against each other, so the stack is sheared (`Grid` keeps the shear in its affine).
"""

import numpy as np
from numpy.typing import NDArray

from pleura.core.codes import finding
from pleura.core.findings import Finding

TILT_DEGREES = 0.5
"""[degrees] A smaller angle is rounding of the positions, not a tilt."""


def tilt_degrees(
    step: NDArray[np.float64], row: NDArray[np.float64], column: NDArray[np.float64]
) -> float:
    """The tilt of a stack in degrees, 0 where slices follow each other along their normal.

    Args:
        step: vector from a slice to the next, in mm, LPS.
        row: unit vector along a row.
        column: unit vector along a column.
    """
    cosine = float(step @ np.cross(row, column) / np.linalg.norm(step))
    return float(np.degrees(np.arccos(min(1.0, cosine))))


def check_tilt(
    step: NDArray[np.float64], row: NDArray[np.float64], column: NDArray[np.float64]
) -> list[Finding]:
    """`GANTRY-TILT` (review) above `TILT_DEGREES`; arguments as for `tilt_degrees`."""
    tilt = tilt_degrees(step, row, column)
    if tilt > TILT_DEGREES:
        return [finding("GANTRY-TILT", degrees=tilt)]
    return []

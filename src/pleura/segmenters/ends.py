"""The ends of a lung: slices above its apex or below its base that hold solid tissue alone."""

import numpy as np
from numpy.typing import NDArray

from pleura.anatomy.thresholds import AIRY_SHARE, TRIM_MM
from pleura.geometry import hu as landmarks
from pleura.geometry.resample import Upright
from pleura.geometry.volume import LEFT, RIGHT, Volume

AIRY_SHARES = (AIRY_SHARE, 0.05)
"""Shares of a slice's lung below `landmarks.HALF_WAY` from which the slice shows lung: the second
where slices up to the first are too many to be a tip, as in a dome that thins out.
"""
END_CM2 = 6.0
"""A larger slice without air is consolidated lung, not a tip that the network drew too far."""
SPECK_CM2 = 0.2
"""A smaller first or last slice, aerated or not, is the blur of the slice beside it."""


def trim_solid_ends(labels: NDArray[np.uint8], volume: Volume) -> None:
    """Empty the slices of solid tissue, and specks, at both ends of each lung, in place.

    At most `TRIM_MM` at an end is emptied, and no slice larger than `END_CM2`. The network sees
    3.5 mm, and streaks of contrast agent at the apex look like lung to it.

    Args:
        labels: uint8 (1 right, 2 left) on the volume's grid.
        volume: HU.
    """
    upright = Upright.of(volume.grid)
    marks, hu = upright.turn(labels), upright.turn(volume.hu)
    step_mm, pixel_cm2 = upright.spacing_mm[0], np.prod(upright.spacing_mm[1:]) / 100
    for side in (RIGHT, LEFT):
        present = np.flatnonzero([(plane == side).any() for plane in marks])
        for order in (present, present[::-1]):
            for k in _solid_end(marks, hu, side, order, int(TRIM_MM / step_mm), pixel_cm2):
                marks[k][marks[k] == side] = 0


def _solid_end(
    marks: NDArray[np.uint8],
    hu: NDArray[np.int16],
    side: int,
    order: NDArray[np.intp],
    most: int,
    pixel_cm2: float,
) -> list[int]:
    """The first slices of `order` that show no air or only a speck.

    None are returned where they are too many, or one is too large.
    """
    areas, shares = [], []
    for k in order[: most + 1]:
        values = hu[k][marks[k] == side]
        areas.append(values.size * pixel_cm2)
        shares.append(np.mean(values < landmarks.HALF_WAY))
    for airy in AIRY_SHARES:
        shows = (np.array(areas) >= SPECK_CM2) & (np.array(shares) >= airy)
        if not shows.any():
            continue
        count = int(np.argmax(shows))
        if max(areas[:count], default=0) <= END_CM2:
            return [int(k) for k in order[:count]]
    return []

"""Where lungs end before the ribs do: effusion and consolidation at the chest wall, and missing
lobes, which a network takes for tissue outside the lung without any doubt.
"""

import numpy as np
from numpy.typing import NDArray

from pleura.geometry import hu as landmarks
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LEFT, RIGHT

Bool = NDArray[np.bool_]
Labels = NDArray[np.uint8]
Floats = NDArray[np.float32]

NEAR_WALL_MM = 14.0
"""[mm] Healthy lung ends this near to the ribs: pleura, muscle between the ribs, partial volume."""
RIB_SLICES = 2
"""[voxels] Ribs run obliquely: one within this many slices up or down closes the wall."""
FEWEST_RAYS = 100
"""Fewer places with a rib behind them say nothing."""
RIB_MM = 3.6
"""[mm] Ribs are lost in wider pixels; the network's own are 3.5 mm."""
END_CM2 = 2.0
"""[cm²] A slice with less is not yet an end of the lung."""


def shows_ribs(grid: Grid) -> bool:
    """Whether the pixels of a volume are fine enough for ribs; slices may be thick."""
    return sorted(grid.spacing_mm)[1] <= RIB_MM


def off_wall(
    labels: Labels, coarse_hu: Floats, spacing_mm: float
) -> dict[str, tuple[float, float]]:
    """How much of each lung ends more than `NEAR_WALL_MM` before the ribs, 0 to 1, right and left.

    The front is left out: the heart lies there.

    Args:
        labels: uint8 (1 right, 2 left) `[slice, row, column]` in patient axes.
        coarse_hu: the CT on the same lattice.
        spacing_mm: of the lattice.

    Returns:
        `back`: over the places of the lung seen from behind; `side`: seen from its own side.
    """
    ribs = _ribs(coarse_hu)
    found = {}
    for name, axis, signs in (("back", 1, (1, 1)), ("side", 2, (-1, 1))):
        shares = []
        for label, sign in zip((RIGHT, LEFT), signs, strict=True):
            lung, wall = (np.moveaxis(part, axis, 0)[::sign] for part in (labels == label, ribs))
            shares.append(_share_off(lung, wall, spacing_mm))
        found[name] = (shares[0], shares[1])
    return found


def ends_apart_mm(labels: Labels, spacing_mm: float) -> tuple[float, float]:
    """How far the right lung ends above the left at base and apex; 0 where one is missing."""
    ends = []
    for label in (RIGHT, LEFT):
        cm2 = np.count_nonzero(labels == label, axis=(1, 2)) * spacing_mm**2 / 100
        levels = np.flatnonzero(cm2 > END_CM2)
        if not levels.size:
            return 0.0, 0.0
        ends.append((int(levels[0]), int(levels[-1])))
    (right_base, right_apex), (left_base, left_apex) = ends
    return (right_base - left_base) * spacing_mm, (right_apex - left_apex) * spacing_mm


def _ribs(coarse_hu: Floats) -> Bool:
    bone = coarse_hu > landmarks.COARSE_BONE
    ribs = bone.copy()
    for step in range(1, RIB_SLICES + 1):
        ribs[step:] |= bone[:-step]
        ribs[:-step] |= bone[step:]
    return ribs


def _share_off(lung: Bool, wall: Bool, spacing_mm: float) -> float:
    """The share of rays along the first axis that leave the lung far before they meet the wall."""
    count = len(lung)
    last = count - 1 - np.argmax(lung[::-1], axis=0)
    place = np.arange(count, dtype=np.int16)[:, None, None]
    beyond = np.where(wall, place, np.int16(2 * count))[::-1]
    next_wall = np.minimum.accumulate(beyond, axis=0)[::-1]
    met = np.take_along_axis(next_wall, last[None], axis=0)[0]
    seen = lung.any(axis=0) & (met < count)
    rays = int(np.count_nonzero(seen))
    if rays < FEWEST_RAYS:
        return 0.0
    gap_mm = (met - last - 1) * spacing_mm
    return float(np.count_nonzero(seen & (gap_mm > NEAR_WALL_MM))) / rays

"""The patient's midline: the spine, also where the image ends within the body."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.anatomy import thresholds as t
from pleura.geometry import hu as landmarks
from pleura.geometry.morphology import box_of

Bool = NDArray[np.bool_]
Spacing = tuple[float, float, float]


def sides_cut(body: Bool) -> tuple[bool, bool]:
    """Whether the image ends within the body on the patient's right and on the left.

    `body` is upright: axis 0 rises to the head, axis 1 to the back, axis 2 to the left.
    """
    there = body[body.any(axis=(1, 2))]
    if not len(there):
        return False, False
    depth = there.sum(axis=1).max(axis=1)
    right, left = (
        float(np.median(there[:, :, edge].sum(axis=1) / depth)) > t.MISSING_SIDE for edge in (0, -1)
    )
    return right, left


def midline_column(hu: NDArray[Any], body: Bool, spacing: Spacing) -> int | None:
    """The column of the spine, `None` where there is too little bone. Arrays are upright.

    The spine is bone in the back half of the body. Ribs are on both sides, so they hardly move the
    median of the bone's columns. Where one side is cut, so are its ribs: then the spine is the most
    bone in the half of the image at that side, and the edge where that is too little.
    """
    box = box_of(body)
    if box is None:
        return None
    back = slice((box[1].start + box[1].stop) // 2, box[1].stop)
    bone = (hu[box[0], back] > landmarks.BONE) & body[box[0], back]
    columns = bone.sum(axis=(0, 1)) * (spacing[1] * spacing[2] / bone.shape[0])
    right, left = sides_cut(body)
    if right != left:
        return _near_cut_side(columns, spacing[2], at_left=left)
    if columns.sum() < t.LEAST_SPINE_MM2:
        return None
    return int(np.searchsorted(np.cumsum(columns), columns.sum() / 2))


def _near_cut_side(columns: NDArray[np.float64], pixel_mm: float, *, at_left: bool) -> int:
    """The middle of the spine in the half of the image at a cut side, or that edge.

    `columns` is the area of bone in each column, in mm², mean over slices.
    """
    near = columns[::-1] if at_left else columns
    near = near[: len(near) // 2]
    width = max(1, round(t.SPINE_MM / pixel_mm))
    sums = np.convolve(near, np.ones(width), mode="full")[: len(near)]
    last = int(np.argmax(sums))
    column = 0
    if sums[last] >= t.SPINE_AT_CUT_MM2:
        column = max(0, last - width // 2)
    return len(columns) - 1 - column if at_left else column

"""Settle the rim of a mask on the CT; a network with pixels of 2 mm cannot draw it finer."""

import numpy as np
from numpy.typing import NDArray

from pleura.geometry import hu as landmarks
from pleura.geometry.morphology import box_of
from pleura.geometry.resample import Upright
from pleura.geometry.volume import Volume

Bool = NDArray[np.bool_]


def settle_rim(mask: Bool, volume: Volume, reach_mm: float) -> Bool:
    """Redraw the rim of a mask where the CT crosses half-way between lung and soft tissue.

    Only voxels within `reach_mm` of the rim, in the axial plane, are decided anew: they are lung
    where the CT is below −420 HU. Voxels deeper inside stay in the mask, whatever they are
    (vessels, nodules, consolidation); voxels farther outside stay out.

    Args:
        mask: bool `[slice, row, column]` on the volume's grid.
        volume: the CT in HU; padding counts as outside.
        reach_mm: the largest error of the rim: one pixel of the network.

    Returns:
        bool of the same shape.
    """
    from scipy.ndimage import maximum_filter1d, minimum_filter1d

    turn = Upright.of(volume.grid)
    steps = [max(1, int(np.ceil(reach_mm / mm - 1e-6))) for mm in turn.spacing_mm[1:]]
    result = np.zeros(mask.shape, np.bool_)
    upright = turn.turn(mask)
    box = box_of(upright, margin=max(steps))
    if box is None:
        return result
    inner = outer = upright[box].view(np.uint8)
    for axis, reach in zip((1, 2), steps, strict=True):
        outer = maximum_filter1d(outer, 2 * reach + 1, axis=axis, mode="constant", cval=0)
        inner = minimum_filter1d(inner, 2 * reach + 1, axis=axis, mode="constant", cval=0)
    airy = turn.turn(volume.hu)[box] < landmarks.HALF_WAY
    if volume.padding is not None:
        airy &= ~turn.turn(volume.padding)[box]
    turn.turn(result)[box] = inner.view(np.bool_) | (outer.view(np.bool_) & airy)
    return result

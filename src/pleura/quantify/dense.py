"""Dense lung: parts of a lung without air, such as consolidation, collapse and large nodules."""

import numpy as np
from numpy.typing import NDArray

from pleura.core.errors import GridMismatch
from pleura.geometry import hu as landmarks
from pleura.geometry.morphology import grown, thick
from pleura.geometry.patient_axes import PatientAxes
from pleura.geometry.resample import resample_labels
from pleura.geometry.volume import DENSE_LEFT, DENSE_RIGHT, LEFT, RIGHT, LungMask, Volume

LATTICE_MM = 3.5
"""[mm] Spacing of the lattice on which HU are averaged; two of its voxels are thicker than the
vessels of a lung outside its hilum."""
CORNERS = 2
"""Steps by which a thick region grows back into its corners."""
DENSE = {RIGHT: DENSE_RIGHT, LEFT: DENSE_LEFT}
SIDES = {"right": DENSE_RIGHT, "left": DENSE_LEFT}


def with_dense_parts(volume: Volume, mask: LungMask) -> NDArray[np.uint8]:
    """The labels of a mask, with the dense part of each lung as a label of its own.

    On a lattice of 3.5 mm along the patient's axes, lung is dense where its mean is above -400 HU,
    half-way from aerated lung to soft tissue, in regions that are thicker than two voxels (7 mm).
    These regions, interpolated to the mask's voxels, are its dense parts. What the mask leaves out
    is never dense lung.

    Args:
        volume: HU; padding counts as air.
        mask: lungs on the same grid.

    Returns:
        uint8 of the mask's shape: 3 the dense part of label 1, 4 that of label 2, else its labels.

    Raises:
        GridMismatch: volume and mask do not lie on one grid.
    """
    if not volume.grid.same_as(mask.grid, tolerance_mm=0.05):
        raise GridMismatch("the mask does not lie on the grid of the CT")
    axes = PatientAxes.of(volume.grid, LATTICE_MM)
    lungs = resample_labels(mask.labels, mask.grid, axes.grid) > 0
    airless = lungs & (axes.coarse_hu(volume) > landmarks.BODY)
    dense = thick(airless)
    for _ in range(CORNERS):
        dense = grown(dense) & airless
    labels: NDArray[np.uint8] = mask.labels.copy()
    box = axes.source_box(dense)
    if box is None:
        return labels
    share = axes.on_source(dense.astype(np.float32), box)
    for part, inside in zip(labels[box], share, strict=True):
        for lung, label in DENSE.items():
            part[(part == lung) & (inside >= 0.5)] = label
    return labels


def dense_ml(volume: Volume, mask: LungMask, labels: NDArray[np.uint8]) -> dict[str, float]:
    """Volumes of dense parts.

    Args:
        volume: the CT.
        mask: the lungs; without sides only `both` is given.
        labels: what `with_dense_parts` returned.

    Returns:
        ml by `right`, `left` (where the mask has sides) and `both`.
    """
    thickness = volume.grid.thickness_mm / volume.grid.spacing_mm[0] * volume.grid.voxel_ml
    ml = {
        side: float(thickness @ np.count_nonzero(labels == label, axis=(1, 2)))
        for side, label in SIDES.items()
    }
    both = {"both": sum(ml.values())}
    return ml | both if mask.sided else both

"""Lungs by threshold and components, without a network."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.anatomy.airways import with_wall
from pleura.anatomy.anatomy import Anatomy
from pleura.anatomy.lungs import clean_lungs
from pleura.anatomy.sides import split_sides
from pleura.anatomy.thresholds import HOLE_MM2
from pleura.core.progress import Progress, silent
from pleura.geometry import hu as landmarks
from pleura.geometry.morphology import closed, holes_filled, slice_holes_filled
from pleura.geometry.resample import Upright
from pleura.geometry.volume import LEFT, RIGHT, LungMask, Volume
from pleura.segmenters.protocol import Segmentation

Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Classical:
    """Threshold and components (after Hu S, Hoffman EA, Reinhardt JM 2001, IEEE TMI 20(6):490-498).

    `threshold_hu` is half-way between inflated lung and chest wall. `airway_wall_mm` is removed
    around the lumen of trachea and main bronchi. `closing_mm` is the ball that closes each lung
    over vessels and small bronchi at the hilum. It finds aerated lung: consolidation, effusion and
    large masses at the rim are left out.
    """

    threshold_hu: int = landmarks.HALF_WAY
    airway_wall_mm: float = 2.6
    closing_mm: float = 6.0

    @property
    def name(self) -> str:
        """`classical`."""
        return "classical"

    def describe(self) -> dict[str, Any]:
        """The name and the three parameters."""
        return {"name": self.name} | asdict(self)

    def __call__(
        self, volume: Volume, progress: Progress = silent, *, anatomy: Anatomy | None = None
    ) -> Segmentation:
        """Segment one volume; see `Segmenter`. `raw` is the body below the threshold."""
        anatomy = anatomy or Anatomy(volume)
        steps = 5
        progress("segment", 0, steps)
        body = anatomy.body
        progress("segment", 1, steps)
        tube = anatomy.airways
        progress("segment", 2, steps)
        raw = (volume.hu < self.threshold_hu) & body
        lungs = clean_lungs(
            raw & ~with_wall(tube, volume, self.airway_wall_mm), volume, body=body, tube=tube
        )
        progress("segment", 3, steps)
        mask = split_sides(lungs, volume.grid, middle_mm=anatomy.midline_mm)
        progress("segment", 4, steps)
        mask = _closed(mask, self.closing_mm, body)
        progress("segment", steps, steps)
        return Segmentation(raw, mask)


def _closed(mask: LungMask, radius_mm: float, body: Bool) -> LungMask:
    """Each lung closed over its vessels and filled; voxels of both closings belong to neither."""
    upright = Upright.of(mask.grid)
    pixel = upright.spacing_mm[1] * upright.spacing_mm[2]
    grown = {}
    for side in (RIGHT, LEFT):
        lung = closed(upright.turn(mask.labels == side), upright.spacing_mm, radius_mm)
        lung = slice_holes_filled(holes_filled(lung), pixel, HOLE_MM2)
        grown[side] = upright.back(lung) & body
    labels = mask.labels.copy()
    for side, other in ((RIGHT, LEFT), (LEFT, RIGHT)):
        labels[grown[side] & ~grown[other] & (mask.labels == 0)] = side
    return LungMask(labels, mask.grid)

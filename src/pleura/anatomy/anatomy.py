"""The anatomy of one volume. Each mask is computed when it is first asked for, and then kept."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pleura.anatomy import thresholds as t
from pleura.anatomy.airways import airways, with_wall
from pleura.anatomy.couch import body_mask
from pleura.anatomy.lungs import clean_lungs
from pleura.anatomy.midline import midline_column
from pleura.anatomy.sides import split_sides
from pleura.geometry import hu as landmarks
from pleura.geometry.morphology import box_of
from pleura.geometry.resample import Upright
from pleura.geometry.volume import LungMask, Volume

Bool = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Anatomy:
    """Body, airways and lungs of one CT volume, all bool `[slice, row, column]` on its grid.

    Pass it on together with the volume, so that nothing is computed twice.
    """

    volume: Volume

    @classmethod
    def known(cls, volume: Volume, *, body: Bool, airways: Bool) -> "Anatomy":
        """The anatomy of a volume whose body and airways are known already."""
        anatomy = cls(volume)
        anatomy.__dict__.update(body=body, airways=airways)
        return anatomy

    @cached_property
    def body(self) -> Bool:
        """The patient, lungs included; see `couch.body_mask`."""
        return body_mask(self.volume)

    @cached_property
    def airways(self) -> Bool:
        """The lumen of trachea and large bronchi; see `airways.airways`."""
        return airways(self.volume, self.body)

    @cached_property
    def is_child(self) -> bool:
        """Whether the body is narrower and flatter than an adult's chest, or there is no body."""
        upright = Upright.of(self.volume.grid)
        box = box_of(upright.turn(self.body))
        if box is None:
            return True
        spans = [(box[k].stop - box[k].start) * upright.spacing_mm[k] for k in (1, 2)]
        return max(spans) <= t.CHILD_MM

    @cached_property
    def middle_mm(self) -> float | None:
        """The L coordinate of the middle of the body's bounding box, or `None` without a body."""
        box = box_of(self.body)
        if box is None:
            return None
        centre = [(part.start + part.stop - 1) / 2 for part in box]
        return float(self.volume.grid.to_world(centre)[0])

    @cached_property
    def midline_mm(self) -> float | None:
        """The L coordinate of the spine, or `middle_mm` where no spine is found.

        An arm, or a side cut by the field of view, moves the middle of the body but not the spine.
        """
        upright = Upright.of(self.volume.grid)
        hu, body = upright.turn(self.volume.hu), upright.turn(self.body)
        box = box_of(body)
        column = midline_column(hu, body, upright.spacing_mm)
        if box is None or column is None:
            return self.middle_mm
        at = [(part.start + part.stop - 1) / 2 for part in box]
        at[2] = column
        index = [0.0, 0.0, 0.0]
        for axis, step, value, length in zip(
            upright.axes, upright.steps, at, hu.shape, strict=True
        ):
            index[axis] = value if step > 0 else length - 1 - value
        return float(self.volume.grid.to_world(index)[0])

    @cached_property
    def lungs(self) -> Bool:
        """Aerated lung by threshold and components, cleaned; both lungs in one mask."""
        tube = with_wall(self.airways, self.volume, t.WALL_MM)
        raw = (self.volume.hu < landmarks.HALF_WAY) & self.body & ~tube
        return clean_lungs(raw, self.volume, body=self.body, tube=self.airways)

    @cached_property
    def mask(self) -> LungMask:
        """`lungs`, split into right and left."""
        return split_sides(self.lungs, self.volume.grid, middle_mm=self.midline_mm)

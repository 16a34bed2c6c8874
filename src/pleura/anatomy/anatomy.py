"""The anatomy of one volume: each mask is computed once, when it is first asked for, and kept."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pleura.anatomy.airways import airways, with_wall
from pleura.anatomy.couch import CHILD_MM, body_mask
from pleura.anatomy.lungs import HALFWAY_HU, clean_lungs
from pleura.anatomy.sides import split_sides
from pleura.geometry.hu import BONE
from pleura.geometry.morphology import box_of
from pleura.geometry.resample import Upright
from pleura.geometry.volume import LungMask, Volume

Bool = NDArray[np.bool_]

LEAST_SPINE_MM2 = 300.0
"""Bone in the back half of the body, mean over slices, from which a spine is there."""
WALL_MM = 2.6
"""Wall of trachea and main bronchi, which is not lung."""


@dataclass(frozen=True, eq=False)
class Anatomy:
    """Body, airways and lungs of one CT volume, all bool `[slice, row, column]` on its grid.

    Hand it on with the volume: whoever asks second gets what the first one computed.
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
        """Whether the body spans less than an adult's chest along rows and along columns, or
        nothing is body.
        """
        upright = Upright.of(self.volume.grid)
        box = box_of(upright.turn(self.body))
        if box is None:
            return True
        spans = [(box[k].stop - box[k].start) * upright.spacing_mm[k] for k in (1, 2)]
        return max(spans) <= CHILD_MM

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
        """The L coordinate of the spine, or `middle_mm` where no spine is seen.

        The spine is bone in the back half of the body; the median of its columns is hardly moved by
        ribs of both sides. An arm, or a side that the field of view cuts, moves the middle of the
        body but not the spine.
        """
        upright = Upright.of(self.volume.grid)
        hu, body = upright.turn(self.volume.hu), upright.turn(self.body)
        box = box_of(body)
        if box is None:
            return None
        back = slice((box[1].start + box[1].stop) // 2, box[1].stop)
        bone = (hu[box[0], back] > BONE) & body[box[0], back]
        columns = bone.sum(axis=(0, 1))
        area_mm2 = (
            float(columns.sum()) * upright.spacing_mm[1] * upright.spacing_mm[2] / bone.shape[0]
        )
        if area_mm2 < LEAST_SPINE_MM2:
            return self.middle_mm
        column = int(np.searchsorted(np.cumsum(columns), columns.sum() / 2))
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
        """Aerated lung by threshold and components, cleaned; both lungs as one."""
        tube = with_wall(self.airways, self.volume, WALL_MM)
        raw = (self.volume.hu < HALFWAY_HU) & self.body & ~tube
        return clean_lungs(raw, self.volume, body=self.body, tube=self.airways)

    @cached_property
    def mask(self) -> LungMask:
        """`lungs`, split into right and left."""
        return split_sides(self.lungs, self.volume.grid, middle_mm=self.midline_mm)

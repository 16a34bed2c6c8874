"""Signs that a lung mask is incomplete, or that its sides are wrong."""

import numpy as np

from pleura.anatomy.anatomy import Anatomy
from pleura.core.codes import finding
from pleura.core.findings import Finding
from pleura.geometry.resample import Upright
from pleura.geometry.volume import LEFT, RIGHT, LungMask
from pleura.quality import thresholds as t


def check_mask(mask: LungMask, anatomy: Anatomy) -> tuple[Finding, ...]:
    """Look for signs that lung was missed (mostly dense disease), or that sides are uncertain.

    Args:
        mask: sided lungs on the grid of the volume.
        anatomy: that of the volume or of its sample; only the midline is used.

    Returns:
        `SIDES-UNCERTAIN`, `LUNGS-UNEQUAL`, `LUNG-INTERRUPTED` (review).
    """
    return (*_sides(mask, anatomy), *_unequal(mask), *_interrupted(mask))


def _sides(mask: LungMask, anatomy: Anatomy) -> tuple[Finding, ...]:
    """`SIDES-UNCERTAIN`, where a lung has its centre on the other side of the patient's midline."""
    middle = anatomy.midline_mm
    if middle is None:
        return ()
    for label, sign, name in ((RIGHT, 1.0, "right"), (LEFT, -1.0, "left")):
        centre = mask.centre_mm(label)
        small = mask.counts(label)[0].sum() * mask.grid.voxel_ml < t.LEAST_SIDE_ML
        if centre is None or small:
            continue
        beyond = sign * (float(centre[0]) - middle)
        if beyond > t.SIDE_TOLERANCE_MM:
            return (finding("SIDES-UNCERTAIN", side=name, beyond_mm=round(beyond, 1)),)
    return ()


def _unequal(mask: LungMask) -> tuple[Finding, ...]:
    """`LUNGS-UNEQUAL`, where one lung has less than half of the volume of the other."""
    ml = mask.volume_ml()
    smaller, larger = sorted((ml["right"], ml["left"]))
    if smaller < t.LEAST_SIDE_ML or smaller >= t.ASYMMETRY * larger:
        return ()
    side = "right" if ml["right"] < ml["left"] else "left"
    return (finding("LUNGS-UNEQUAL", side=side, ratio=round(smaller / larger, 2)),)


def _interrupted(mask: LungMask) -> tuple[Finding, ...]:
    """`LUNG-INTERRUPTED`, where a slice has far less of a lung than both slices beside it."""
    upright = Upright.of(mask.grid)
    pixel_cm2 = upright.spacing_mm[1] * upright.spacing_mm[2] / 100
    found = 0
    for label in (RIGHT, LEFT):
        area = mask.counts(label)[upright.axes[0]] * pixel_cm2
        beside = np.minimum(area[:-2], area[2:])
        found += int(np.count_nonzero((beside >= t.LEAST_DIP_CM2) & (area[1:-1] < t.DIP * beside)))
    if found:
        return (finding("LUNG-INTERRUPTED", n=found),)
    return ()

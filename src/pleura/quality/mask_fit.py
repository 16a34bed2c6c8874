"""Whether a lung mask lies on the lungs of its volume, on all of them, and on the right sides."""

import numpy as np
from numpy.typing import NDArray

from pleura.anatomy.anatomy import Anatomy
from pleura.core.codes import finding, refused
from pleura.core.findings import Finding
from pleura.geometry import hu as landmarks
from pleura.geometry.morphology import opened
from pleura.geometry.resample import Upright, coarse, shrink
from pleura.geometry.volume import LEFT, RIGHT, LungMask, Volume
from pleura.quality import thresholds as t

Bool = NDArray[np.bool_]

AXES = ("slices", "rows", "columns")
"""Names of the upright axes, for messages."""


def check_mask_fit(
    mask: LungMask, volume: Volume, anatomy: Anatomy | None = None
) -> tuple[Finding, ...]:
    """Compare a mask with the volume whose grid it is on, at 3 mm.

    Args:
        mask: lungs, sided or not.
        volume: CT in HU.
        anatomy: that of `volume` at about 3 mm, upright, where it is known.

    Returns:
        `MASK-PARTLY-LUNG`, `MASK-ON-FEW-SLICES`, `AIR-OUTSIDE-MASK` (review), or nothing.

    Raises:
        InputRefused: `MASK-EMPTY`; `SIDES-EXCHANGED`, where the right lung is to the left of the
            left one; `MASK-FLIPPED`, where the mask fits only when its axes are flipped;
            `MASK-NOT-LUNG`.
    """
    if not mask.lungs.any():
        raise refused("MASK-EMPTY")
    if mask.sided and _is_exchanged(mask):
        raise refused("SIDES-EXCHANGED")
    small, upright, factors = coarse(volume, t.FIT_MM)
    patient = _patient(small)
    airy = (small.hu > landmarks.LIGHTEST_LUNG) & (small.hu < landmarks.BODY) & patient
    lungs = shrink(upright.turn(mask.lungs), factors)
    share = _airy_share(lungs, airy)
    if share < t.FITS:
        _refuse_flipped(lungs, airy, share, upright)
    if share < t.FITS_NOWHERE:
        raise refused("MASK-NOT-LUNG", share=round(share, 3))
    found = []
    if share < t.PARTLY_FITS:
        found.append(finding("MASK-PARTLY-LUNG", share=round(share, 3)))
    pixel_cm2 = small.grid.spacing_mm[1] * small.grid.spacing_mm[2] / 100
    with_lung = airy.sum(axis=(1, 2)) * pixel_cm2 > t.LUNG_CM2
    covered = with_lung & (lungs > 0).any(axis=(1, 2))
    if covered.sum() < t.COVERED * with_lung.sum():
        found.append(
            finding(
                "MASK-ON-FEW-SLICES", covered=int(covered.sum()), with_lung=int(with_lung.sum())
            )
        )
    missed_ml = _missed_ml(small, patient, lungs)
    if missed_ml > t.MOST_MISSED_ML:
        found.append(finding("AIR-OUTSIDE-MASK", ml=round(missed_ml)))
    return tuple(found)


def _missed_ml(small: Volume, patient: Bool, lungs: NDArray[np.float32]) -> float:
    """Aerated tissue within the patient that is not in the mask, without thin rims, in ml."""
    low, high = landmarks.AERATED_LUNG
    aerated = (small.hu > low) & (small.hu < high) & patient & (lungs < t.IN_MASK)
    thick = opened(aerated, small.grid.spacing_mm, t.MISSED_RADIUS_MM)
    return float(np.count_nonzero(thick)) * small.grid.voxel_ml


def _airy_share(lungs: NDArray[np.float32], airy: Bool) -> float:
    return float(lungs[airy].sum() / lungs.sum())


def _refuse_flipped(lungs: NDArray[np.float32], airy: Bool, share: float, upright: Upright) -> None:
    """Raise `MASK-FLIPPED` where the mask fits clearly better when an axis is flipped."""
    flipped = {}
    for k, name in enumerate(AXES):
        flipped[name] = _airy_share(np.flip(lungs, upright.axes.index(k)), airy)
    best = max(flipped, key=lambda name: flipped[name])
    if flipped[best] > max(share + t.FLIP_GAIN, t.PARTLY_FITS):
        raise refused(
            "MASK-FLIPPED", axis=best, share=round(share, 3), flipped_share=round(flipped[best], 3)
        )


def _patient(small: Volume) -> Bool:
    """The body; everything, where the body is so small that its wall may not be recognised."""
    anatomy = Anatomy(small)
    if anatomy.is_child:
        return np.ones(small.hu.shape, np.bool_)
    return anatomy.body


def _is_exchanged(mask: LungMask) -> bool:
    """Whether the right lung lies farther to the patient's left than the left lung."""
    right, left = mask.centre_mm(RIGHT), mask.centre_mm(LEFT)
    return right is not None and left is not None and bool(right[0] > left[0])

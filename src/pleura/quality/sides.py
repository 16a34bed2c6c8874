"""Whether left and right agree with the header, by belly, heart and aorta."""

import numpy as np
from numpy.typing import NDArray

from pleura.anatomy.midline import sides_cut
from pleura.core.codes import finding
from pleura.core.findings import Finding
from pleura.geometry import hu as landmarks
from pleura.geometry.morphology import dilated, eroded
from pleura.quality import thresholds as t
from pleura.quality.chest import Chest


def check_sides(chest: Chest) -> tuple[Finding, ...]:
    """`MIRRORED` (review), where liver, heart and descending aorta together are on the wrong sides.

    The liver is plain soft tissue under the right lung, where the left side has stomach, bowel, gas
    and fat; they are compared where the bases of the lungs are in the stack. The heart is to the
    left of the spine; it is compared where both ends of the lungs are in the stack, because these
    give its level. The descending aorta is to the left of the spine at every level, but disease of
    a lung can move or hide it, so alone it counts only far on the wrong side.
    """
    spine = _spine_column(chest)
    if _is_one_sided(chest, spine):
        return ()
    belly = _lighter_left(chest, spine) if chest.shows_foot else None
    heart = _heart_mm(chest, spine) if chest.shows_foot and chest.shows_head else None
    aorta = _aorta_mm2(chest, spine)
    if not _seems_mirrored(belly, heart, aorta):
        return ()
    return (
        finding(
            "MIRRORED",
            gas_and_fat_left_minus_right=None if belly is None else round(belly, 2),
            heart_left_of_spine_mm=None if heart is None else round(heart, 1),
            aorta_left_minus_right_mm2=None if aorta is None else round(aorta),
        ),
    )


def _seems_mirrored(belly: float | None, heart: float | None, aorta: float | None) -> bool:
    if belly is None and heart is None:
        return aorta is not None and aorta < -t.AORTA_ALONE_MM2
    from_belly = np.clip((belly or 0.0) / t.GAS_AND_FAT, -t.MOST_GAS_AND_FAT, t.MOST_GAS_AND_FAT)
    from_heart = (heart or 0.0) / t.HEART_MM
    from_aorta = np.clip((aorta or 0.0) / t.AORTA_MM2, -t.MOST_AORTA, t.MOST_AORTA)
    return bool(from_belly + from_heart + from_aorta < t.MIRRORED_SCORE)


def _spine_column(chest: Chest) -> int:
    """The column of the bone behind the lungs."""
    row, column = chest.middle
    width = chest.pixels(t.SPINE_SEARCH_MM, 2)
    behind = slice(row + chest.pixels(t.CENTRE_GAP_MM, 1), None)
    strip = slice(max(0, column - width), column + width)
    bone = (chest.hu[:, behind, strip] > landmarks.BONE) & chest.body[:, behind, strip]
    columns = np.nonzero(bone)[2]
    if len(columns):
        return strip.start + int(np.median(columns))
    return column


def _is_one_sided(chest: Chest, spine: int) -> bool:
    """Whether a side of the chest is missing: the image ends in the body, or lung is one-sided."""
    if any(sides_cut(chest.body[chest.between((0.0, 1.0))])):
        return True
    left = np.count_nonzero(chest.lungs[:, :, spine:]) / np.count_nonzero(chest.lungs)
    return not t.ONE_SIDED < left < 1 - t.ONE_SIDED


def _lighter_left(chest: Chest, spine: int) -> float | None:
    """Share of gas and fat in the belly under the lungs, left of the spine minus right of it."""
    levels = chest.between(t.BELLY_LEVELS)
    belly = eroded(chest.body[levels], chest.spacing, t.SKIN_AND_RIBS_MM)
    belly &= ~dilated(chest.lungs[levels], chest.spacing, t.LUNG_MARGIN_MM)
    belly[:, chest.middle[0] + chest.pixels(t.BELLY_BACK_MM, 1) :] = False
    beside = chest.pixels(t.BESIDE_SPINE_MM, 2)
    shares = []
    for side in (slice(spine + beside, None), slice(None, max(0, spine - beside))):
        values = chest.hu[levels][:, :, side][belly[:, :, side]]
        if len(values) * chest.voxel_ml < t.LEAST_BELLY_ML:
            return None
        shares.append(float(np.mean(values < landmarks.GAS_OR_FAT)))
    return shares[0] - shares[1]


def _heart_mm(chest: Chest, spine: int) -> float | None:
    """Distance in mm of the heart to the left of the spine, above the dome of the liver.

    It is the mean of the soft tissue between the lungs.
    """
    levels = chest.between(t.HEART_LEVELS)
    right, left = chest.lungs[levels].copy(), chest.lungs[levels].copy()
    right[:, :, spine:] = False
    left[:, :, : spine + 1] = False
    between = np.logical_or.accumulate(right, axis=2)
    between &= np.flip(np.logical_or.accumulate(np.flip(left, 2), axis=2), 2)
    between &= (chest.hu[levels] > landmarks.BLOOD) & chest.body[levels]
    between[:, chest.middle[0] + chest.pixels(t.HEART_BACK_MM, 1) :] = False
    if np.count_nonzero(between) * chest.voxel_ml < t.LEAST_HEART_ML:
        return None
    return float((np.nonzero(between)[2].mean() - spine) * chest.spacing[2])


def _aorta_mm2(chest: Chest, spine: int) -> float | None:
    """Soft tissue beside and before the vertebra, left minus right, mm²; median of the slices."""
    low, high = chest.levels
    differences = []
    for k in range(low, high + 1):
        front = _front_of_vertebra(chest, k, spine)
        if front is not None:
            differences.append(_left_minus_right(chest, k, front, spine))
    if len(differences) < t.LEAST_AORTA_SLICES:
        return None
    return float(np.median(differences))


def _front_of_vertebra(chest: Chest, k: int, spine: int) -> int | None:
    """The first row with the bone of a vertebra near the spine, or `None`."""
    row = chest.middle[0]
    width = chest.pixels(t.VERTEBRA_WIDTH_MM, 2) + chest.pixels(t.CENTRE_GAP_MM, 2)
    strip = slice(max(0, spine - width), spine + width + 1)
    bone: NDArray[np.bool_] = (chest.hu[k, row:, strip] > landmarks.BONE) & chest.body[
        k, row:, strip
    ]
    if np.count_nonzero(bone) * chest.spacing[1] * chest.spacing[2] < t.VERTEBRA_MM2:
        return None
    wide = np.flatnonzero(bone.sum(axis=1) * chest.spacing[2] > t.VERTEBRA_WIDTH_MM)
    if len(wide):
        return row + int(wide[0])
    return None


def _left_minus_right(chest: Chest, k: int, front: int, spine: int) -> float:
    """Soft tissue without lung left of the vertebra minus that right of it, in mm²."""
    rows = slice(
        max(0, front - chest.pixels(t.AORTA_DEPTH_MM[0], 1)),
        front + chest.pixels(t.AORTA_DEPTH_MM[1], 1),
    )
    near, far = (chest.pixels(mm, 2) for mm in t.AORTA_REACH_MM)
    soft = (chest.hu[k, rows] > landmarks.BLOOD) & ~chest.lungs[k, rows]
    left = np.count_nonzero(soft[:, spine + near : spine + far])
    right = np.count_nonzero(soft[:, max(0, spine - far + 1) : max(0, spine - near + 1)])
    return float(left - right) * chest.spacing[1] * chest.spacing[2]

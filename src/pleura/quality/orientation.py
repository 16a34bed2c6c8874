"""The side gate: does the anatomy lie where the header says that head, back and left are?"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pleura.anatomy.anatomy import Anatomy
from pleura.core.findings import Finding, Verdict
from pleura.geometry.grid import Grid
from pleura.geometry.morphology import depth_mm, dilated, eroded
from pleura.geometry.resample import Upright
from pleura.geometry.volume import LungMask, Volume

Bool = NDArray[np.bool_]

COARSEST_MM = 12.0
"""With wider pixels there is no anatomy to see."""
UPRIGHT = 0.82
"""Cosine of 35 degrees: stacks further from head, back and left are not judged, for turned to those they lie askew."""
SHORT_MM = 120.0
"""Height of a part of the lungs that shows too little of the anatomy to refuse it: it is sent to review. Lungs are 200 high."""
SIDEWAYS = 0.9
"""Width over depth of the body, below which a chest lies on its side."""
BONE_HU = 250
"""Vertebrae at 3 mm; contrast in the heart may exceed it too, and is not there in every slice."""


@dataclass(frozen=True, eq=False)
class _Chest:
    """A coarse chest, upright: axis 0 to the head, 1 to the back, 2 to the left, if the header is right."""

    volume: Volume
    body: Bool
    lungs: Bool
    tube: Bool
    hidden: Bool

    @property
    def spacing(self) -> tuple[float, float, float]:
        return self.volume.grid.spacing_mm

    def level(self, part: float) -> int:
        """The slice at a part of the way from the lungs' lowest slice to their highest."""
        slices = np.flatnonzero(self.lungs.any(axis=(1, 2)))
        return int(slices[0] + part * (slices[-1] - slices[0]))


def side_findings(volume: Volume, mask: LungMask | None = None, *, anatomy: Anatomy | None = None) -> tuple[Finding, ...]:
    """Orientation against anatomy, so that a flipped stack is refused or sent to review.

    The spine is bone behind the lungs in every slice, while breastbone, calcified cartilage and contrast in the heart are in
    some (20th percentile over slices of the bone's area before and behind the lungs' middle). A chest is 1.3 to 1.6 times as
    wide as deep (six real ones; 0.62 to 0.80 when turned by 90 degrees). Lungs are round near the head
    and crescents around the diaphragm near the foot, and the trachea lies in the upper part of their height. The liver is
    plain soft tissue under the right lung, where the left side has stomach, bowel, gas and fat; and the heart lies to the
    left of the spine. No sign is taken where the volume does not show it.

    Args:
        volume: CT in HU, any orientation.
        mask: the lungs, where they are known; else they are found by threshold.
        anatomy: that of the volume, where it is known.

    Returns:
        `SPINE-IN-FRONT` and `UPSIDE-DOWN` (refused, for no anatomy explains them; review where no trachea is seen, or
        less than 120 mm of lung), `SIDEWAYS` (refused; review where the sides may be cut off),
        `MIRRORED` (review: situs inversus, one in 10,000, looks the same); empty where nothing speaks against the header, or
        where there is too little to see.
    """
    axes = volume.grid.affine[:3, :3] / np.linalg.norm(volume.grid.affine[:3, :3], axis=0)
    if max(Upright.of(volume.grid).spacing_mm[1:]) > COARSEST_MM or np.abs(axes).max(axis=0).min() < UPRIGHT:
        return ()
    chest = _seen(anatomy or Anatomy(volume), mask)
    if np.count_nonzero(chest.lungs) * chest.volume.grid.voxel_ml < 100 or chest.level(1.0) - chest.level(0.0) < 4:
        return ()
    findings = []
    front, back = _bone_cm2(chest)
    clear = front > 2.0 and front > 1.5 * back
    if clear or (front > 0.5 and front > 4 * back):
        findings.append(
            Finding(
                "SPINE-IN-FRONT",
                Verdict.REFUSED if clear else Verdict.REVIEW,
                "the spine lies in front of the lungs: rows are flipped or the patient's position was entered wrongly, so "
                "right and left cannot be told; export again with true orientation",
                {"bone_front_cm2": round(front, 1), "bone_back_cm2": round(back, 1)},
            )
        )
    findings += [*_upside_down(chest), *_sideways(chest)]
    if (chest.level(1.0) - chest.level(0.0)) * chest.spacing[0] < SHORT_MM:
        findings = [replace(finding, verdict=min(finding.verdict, Verdict.REVIEW)) for finding in findings]
    return tuple(findings) or _mirrored(chest)


def _seen(anatomy: Anatomy, mask: LungMask | None) -> _Chest:
    """The chest, upright; padding counts as air."""
    volume = anatomy.volume
    upright = Upright.of(volume.grid)
    hu = np.ascontiguousarray(upright.turn(volume.filled()))
    lungs = anatomy.lungs if mask is None else mask.lungs
    hidden = np.zeros(volume.hu.shape, np.bool_) if volume.padding is None else volume.padding
    seen = Volume(hu, Grid.axial(hu.shape, upright.spacing_mm))
    return _Chest(seen, *(upright.turn(one) for one in (anatomy.body, lungs, anatomy.airways, hidden)))


def _middle(chest: _Chest) -> tuple[int, int]:
    """The row of the lungs' centre, and the column half-way across them."""
    _, rows, columns = np.nonzero(chest.lungs)
    return int(rows.mean()), int((columns.min() + columns.max()) / 2)


def _bone_cm2(chest: _Chest) -> tuple[float, float]:
    """Bone near the midline in front of and behind both the lungs' centre and the body's: area that four of five slices
    exceed, cm². The bases of lungs alone lie behind the spine, and are no reason to think it in front."""
    row, column = _middle(chest)
    rows = np.flatnonzero(chest.body[chest.level(0.0) : chest.level(1.0) + 1].any(axis=(0, 2)))
    middle = int(rows[0] + rows[-1]) // 2 if len(rows) else row
    gap, width = int(10 / chest.spacing[1]), int(35 / chest.spacing[2])
    strip = slice(max(0, column - width), column + width + 1)
    bone = ((chest.volume.hu > BONE_HU) & chest.body)[chest.level(0.0) : chest.level(1.0) + 1, :, strip]
    pixel = chest.spacing[1] * chest.spacing[2] / 100
    front = np.percentile(bone[:, : max(0, min(row, middle) - gap)].sum(axis=(1, 2)), 20) * pixel
    back = np.percentile(bone[:, max(row, middle) + gap :].sum(axis=(1, 2)), 20) * pixel
    return float(front), float(back)


def _upside_down(chest: _Chest) -> list[Finding]:
    """`UPSIDE-DOWN`, where the lungs taper to the foot and no trachea in their upper part speaks against it."""
    taper, height = _taper(chest), _trachea_height(chest)
    low = height is not None and height < 0.3 and taper < 1.0
    if not low and (taper > 1 / 1.4 or (height is not None and height > 0.4)):
        return []
    return [
        Finding(
            "UPSIDE-DOWN",
            Verdict.REVIEW if height is None or taper > 1 / 1.4 else Verdict.REFUSED,
            "the lungs taper to the foot, where they should wrap around the diaphragm: slices run the wrong way, so right and "
            "left cannot be told; export again with true positions",
            {"taper": round(taper, 2), "trachea_height": None if height is None else round(height, 2)},
        )
    ]


def _sideways(chest: _Chest) -> list[Finding]:
    """`SIDEWAYS`, where the chest is deeper than wide; review where the picture may have cut its sides off."""
    part = slice(chest.level(0.0), chest.level(1.0) + 1)
    body, hidden = chest.body[part], chest.hidden[part]
    if not body.any():
        return []
    ratio = float(np.median(_wider(body, chest.spacing)))
    if ratio > SIDEWAYS:
        return []
    cut = (body[:, :, 1:] & hidden[:, :, :-1]) | (body[:, :, :-1] & hidden[:, :, 1:])
    clear = np.mean(cut.any(axis=(1, 2)) | body[:, :, [0, -1]].any(axis=(1, 2))) < 1 / 3  # else the field is narrow
    return [
        Finding(
            "SIDEWAYS",
            Verdict.REFUSED if clear else Verdict.REVIEW,
            f"the chest is only {ratio:.2f} times as wide as deep: turned by 90 degrees, or rows and columns are swapped, "
            "so right and left cannot be told; export again with true orientation",
            {"width_over_depth": round(ratio, 2)},
        )
    ]


def _wider(shape: Bool, spacing: tuple[float, float, float]) -> NDArray[np.float64]:
    """Of each slice that holds something, its width over its depth."""

    def span(axis: int) -> NDArray[np.intp]:
        there: Bool = np.asarray(shape.any(axis=axis))
        there = there[there.any(axis=1)]
        return there.shape[1] - np.argmax(there, axis=1) - np.argmax(there[:, ::-1], axis=1)

    return span(1) * spacing[2] / (span(2) * spacing[1])


def _taper(chest: _Chest) -> float:
    """How much rounder the lungs are in axial slices near their upper end than near their lower: 2 to 4 the right way up.

    Roundness is the area of the largest inscribed circle over half of the lungs' area in the slice; crescents have little.
    """
    ends = []
    for low, high in ((0.8, 0.97), (0.03, 0.2)):
        values = []
        for k in range(chest.level(low), chest.level(high) + 1):
            slice_ = chest.lungs[k : k + 1]
            if slice_.any():
                area = np.count_nonzero(slice_) * chest.spacing[1] * chest.spacing[2]
                values.append(2 * np.pi * float(depth_mm(slice_, chest.spacing).max()) ** 2 / area)
        ends.append(float(np.median(values)) if values else 1.0)
    return ends[0] / ends[1]


def _trachea_height(chest: _Chest) -> float | None:
    """Where the airways' mean lies on the way from the lungs' lowest slice (0) to their highest (1)."""
    slices = np.nonzero(chest.tube)[0]
    if len(slices) * chest.volume.grid.voxel_ml < 5.0:
        return None
    low, high = chest.level(0.0), chest.level(1.0)
    return float((slices.mean() - low) / (high - low))


def _mirrored(chest: _Chest) -> tuple[Finding, ...]:
    """`MIRRORED`, where liver and heart together speak for it."""
    row, column = _middle(chest)
    spine = _spine_column(chest, row, column)
    light = _lighter_left(chest, row, spine)
    heart = _heart_mm(chest, row, spine)
    score = max(-4.0, min(4.0, (light or 0.0) / 0.06)) + (heart or 0.0) / 10.0  # tumours and scars move hearts, not livers
    if score > -1.5:
        return ()
    evidence = {
        "gas_and_fat_left_minus_right": None if light is None else round(light, 2),
        "heart_left_of_spine_mm": None if heart is None else round(heart, 1),
    }
    return (
        Finding(
            "MIRRORED",
            Verdict.REVIEW,
            "liver and heart seem to lie on the wrong sides: the stack may be mirrored, and the lungs' sides swapped (or the "
            "patient has situs inversus); look before you use them",
            evidence,
        ),
    )


def _spine_column(chest: _Chest, row: int, column: int) -> int:
    """The column of the bone behind the lungs."""
    width = int(50 / chest.spacing[2])
    start = max(0, column - width)
    bone = (chest.volume.hu > BONE_HU) & chest.body
    columns = np.nonzero(bone[:, row + int(10 / chest.spacing[1]) :, start : column + width])[2]
    return start + int(np.median(columns)) if len(columns) else column


def _lighter_left(chest: _Chest, row: int, spine: int) -> float | None:
    """Part of gas and fat in the belly under the lungs: left of the spine less right of it."""
    part = slice(chest.level(0.0), chest.level(0.25) + 1)
    belly = eroded(chest.body[part], chest.spacing, 25.0) & ~dilated(chest.lungs[part], chest.spacing, 6.0)
    belly[:, row + int(40 / chest.spacing[1]) :] = False
    away = int(15 / chest.spacing[2])
    shares = []
    for side in (slice(spine + away, None), slice(None, max(0, spine - away))):
        values = chest.volume.hu[part][:, :, side][belly[:, :, side]]
        if len(values) * chest.volume.grid.voxel_ml < 50:
            return None
        shares.append(float(np.mean(values < -20)))
    return shares[0] - shares[1]


def _heart_mm(chest: _Chest, row: int, spine: int) -> float | None:
    """How far left of the spine the soft tissue between the lungs has its mean, above the liver's dome, in mm."""
    part = slice(chest.level(0.35), chest.level(0.55) + 1)
    lungs = chest.lungs[part]
    right, left = lungs.copy(), lungs.copy()
    right[:, :, spine:] = False
    left[:, :, : spine + 1] = False
    between = np.logical_or.accumulate(right, axis=2) & np.flip(np.logical_or.accumulate(np.flip(left, 2), axis=2), 2)
    between &= (chest.volume.hu[part] > -50) & chest.body[part]
    between[:, row + int(15 / chest.spacing[1]) :] = False
    if np.count_nonzero(between) * chest.volume.grid.voxel_ml < 20:
        return None
    return float((np.nonzero(between)[2].mean() - spine) * chest.spacing[2])

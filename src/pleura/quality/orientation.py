"""Whether the anatomy agrees with the header on head, back and left."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pleura.anatomy.anatomy import Anatomy
from pleura.core.codes import finding
from pleura.core.findings import Finding, Verdict
from pleura.geometry import hu as landmarks
from pleura.geometry.morphology import inscribed_radius_mm
from pleura.geometry.resample import Upright
from pleura.geometry.volume import LungMask, Volume
from pleura.quality import thresholds as t
from pleura.quality.chest import Chest, Spacing
from pleura.quality.sides import check_sides

Bool = NDArray[np.bool_]


def check_orientation(
    volume: Volume, mask: LungMask | None = None, *, anatomy: Anatomy | None = None
) -> tuple[Finding, ...]:
    """Compare orientation with anatomy; a flipped stack is refused or sent to review.

    The spine is bone behind the lungs in every slice. A chest is wider than deep. Lungs are round
    near the head and crescents around the diaphragm near the feet, and the trachea is in the upper
    part of their height. Left and right are compared by `sides.check_sides`. A sign counts only
    where the stack shows its anatomy.

    Args:
        volume: CT in HU, any orientation.
        mask: the lungs, where they are known; by default they are found by threshold.
        anatomy: that of the volume, where it is known.

    Returns:
        `SPINE-IN-FRONT`, `UPSIDE-DOWN` and `SIDEWAYS` (refused, because no anatomy explains them;
        review where no trachea, neither end of the lungs, or less than 120 mm of lung is seen),
        `MIRRORED` (review: situs inversus, one in 10,000, looks the same). Empty where nothing
        contradicts the header, or too little is seen.
    """
    axes = volume.grid.affine[:3, :3] / np.linalg.norm(volume.grid.affine[:3, :3], axis=0)
    is_askew = np.abs(axes).max(axis=0).min() < t.UPRIGHT_COSINE
    if is_askew or max(Upright.of(volume.grid).spacing_mm[1:]) > t.COARSEST_MM:
        return ()
    chest = Chest.of(anatomy or Anatomy(volume), mask)
    too_little = np.count_nonzero(chest.lungs) * chest.voxel_ml < t.LEAST_LUNG_ML
    if too_little or chest.levels[1] - chest.levels[0] < t.LEAST_LEVELS:
        return ()
    findings = [*_spine_in_front(chest), *_upside_down(chest), *_sideways(chest)]
    if chest.height_mm < t.SHORT_MM:
        findings = [replace(one, verdict=min(one.verdict, Verdict.REVIEW)) for one in findings]
    return tuple(findings) or check_sides(chest)


def _spine_in_front(chest: Chest) -> list[Finding]:
    """`SPINE-IN-FRONT`, where there is more bone near the midline in front than behind.

    Compared is the area that four of five slices exceed, before and behind both the centre of the
    lungs and that of the body, because the bases of lungs alone are behind the spine.
    """
    row, column = chest.middle
    levels = chest.between((0.0, 1.0))
    rows = np.flatnonzero(chest.body[levels].any(axis=(0, 2)))
    centre = int(rows[0] + rows[-1]) // 2 if len(rows) else row
    gap, width = chest.pixels(t.CENTRE_GAP_MM, 1), chest.pixels(t.MIDLINE_MM, 2)
    strip = slice(max(0, column - width), column + width + 1)
    bone = (chest.hu[levels, :, strip] > landmarks.BONE) & chest.body[levels, :, strip]
    before = bone[:, : max(0, min(row, centre) - gap)].sum(axis=(1, 2))
    behind = bone[:, max(row, centre) + gap :].sum(axis=(1, 2))
    front = float(np.percentile(before, t.BONE_PERCENTILE)) * chest.pixel_cm2
    back = float(np.percentile(behind, t.BONE_PERCENTILE)) * chest.pixel_cm2
    clear = front > t.FRONT_CM2 and front > t.FRONT_RATIO * back
    likely = front > t.LITTLE_FRONT_CM2 and front > t.LITTLE_FRONT_RATIO * back
    if back > t.SPINE_CM2 or not (clear or likely):
        return []
    verdict = Verdict.REFUSED if clear else Verdict.REVIEW
    return [
        finding(
            "SPINE-IN-FRONT", verdict, bone_front_cm2=round(front, 1), bone_back_cm2=round(back, 1)
        )
    ]


def _upside_down(chest: Chest) -> list[Finding]:
    """`UPSIDE-DOWN`, where the lungs taper to the feet and no trachea contradicts that.

    The taper counts only where both ends of the lungs are in the stack.
    """
    taper, height = _taper(chest), _airway_height(chest)
    is_low = height is not None and height < t.LOW_TRACHEA and taper < 1.0
    is_high = height is not None and height > t.HIGH_TRACHEA
    tapers_down = taper <= t.TAPER and chest.shows_head and chest.shows_foot
    if not is_low and (is_high or not tapers_down):
        return []
    shows_an_end = chest.shows_head or chest.shows_foot
    is_clear = height is not None and taper <= t.TAPER and shows_an_end
    verdict = Verdict.REFUSED if is_clear else Verdict.REVIEW
    shown_height = None if height is None else round(height, 2)
    return [finding("UPSIDE-DOWN", verdict, taper=round(taper, 2), trachea_height=shown_height)]


def _sideways(chest: Chest) -> list[Finding]:
    """`SIDEWAYS`, where the chest is deeper than wide and its sides are in the field of view."""
    levels = chest.between((0.0, 1.0))
    body, padding = chest.body[levels], chest.padding[levels]
    if not body.any():
        return []
    ratio = float(np.median(_width_over_depth(body, chest.spacing)))
    if ratio > t.SIDEWAYS_RATIO:
        return []
    cut = (body[:, :, 1:] & padding[:, :, :-1]) | (body[:, :, :-1] & padding[:, :, 1:])
    if np.mean(cut.any(axis=(1, 2)) | body[:, :, [0, -1]].any(axis=(1, 2))) >= t.SIDE_CUT:
        return []
    return [finding("SIDEWAYS", width_over_depth=round(ratio, 2))]


def _width_over_depth(shape: Bool, spacing: Spacing) -> NDArray[np.float64]:
    """Width over depth of each slice that is not empty."""
    width = _spans(np.any(shape, axis=1)) * spacing[2]
    depth = _spans(np.any(shape, axis=2)) * spacing[1]
    return width / depth


def _spans(lines: Bool) -> NDArray[np.intp]:
    """Distance from the first to the last true value, for each line that has one."""
    filled = lines[lines.any(axis=1)]
    return filled.shape[1] - np.argmax(filled, axis=1) - np.argmax(filled[:, ::-1], axis=1)


def _taper(chest: Chest) -> float:
    """Roundness of the lungs near their upper end over that near their lower end."""
    return _roundness(chest, t.UPPER_LEVELS) / _roundness(chest, t.LOWER_LEVELS)


def _roundness(chest: Chest, parts: tuple[float, float]) -> float:
    """How round the lungs are: near 1 for discs, low for crescents; median over slices.

    It is the area of the largest inscribed circle over half of the lungs' area.
    """
    lungs = chest.lungs[chest.between(parts)]
    # no circle is in a slice without lung, and none is the largest in one that is all lung
    lungs = lungs[lungs.any(axis=(1, 2)) & ~lungs.all(axis=(1, 2))]
    if not len(lungs):
        return 1.0
    radii = np.array([inscribed_radius_mm(plane, chest.spacing[1:]) for plane in lungs])
    areas = lungs.sum(axis=(1, 2)) * (chest.spacing[1] * chest.spacing[2])
    return float(np.median(2 * np.pi * radii**2 / areas))


def _airway_height(chest: Chest) -> float | None:
    """Mean height of the airways between the lowest (0) and the highest (1) slice of the lungs.

    `None` where there are none: gas far below the lungs, or beside their ends only, is in the
    bowel, and is taken for an airway where the trachea is cut off.
    """
    per_slice = chest.airways.sum(axis=(1, 2))
    if per_slice.sum() * chest.voxel_ml < t.LEAST_AIRWAY_ML:
        return None
    lung = chest.lungs.sum(axis=(1, 2))
    beside_lung = per_slice[lung >= t.MUCH_LUNG * lung.max()].sum() / per_slice.sum()
    if beside_lung < t.BESIDE_LUNG:
        return None
    mean = float(np.average(np.arange(len(per_slice)), weights=per_slice))
    height = (mean - chest.levels[0]) / (chest.levels[1] - chest.levels[0])
    return height if height >= t.LOWEST_TRACHEA else None

"""Whether the lungs are there, and whole: what a mask says of the volume that it was found in."""

import numpy as np
from numpy.typing import NDArray

from pleura.core.findings import Finding, Verdict
from pleura.geometry.morphology import box_of
from pleura.geometry.resample import Upright
from pleura.geometry.volume import LungMask, Volume

Bool = NDArray[np.bool_]

NO_LUNGS_SHARE = 0.01
"""Lungs under this part of the body in the picture are none: bases in an abdomen, a speck in a neck."""
LITTLE_LUNG_SHARE = 0.04
"""A chest has 15 to 50 % lung; a whole trunk about 8 %. Less wants a look."""
MOST_LUNG_ML = 10_000
"""The largest healthy men have 8 to 9 l of air and tissue in theirs when fully inflated."""
CUT_CM2 = 5.0
"""Lung on the first or last slice, in cm², from which the chest counts as cut; the tip of a recess is smaller."""
EDGE_ML = 1.0
"""Lung at the lateral edge of the field of view, in ml, from which the chest counts as cut."""


def coverage_findings(mask: LungMask, volume: Volume) -> tuple[Finding, ...]:
    """Lungs present at all, both of them, as dense as lungs are, and not cut by the ends or the edge of the volume.

    Args:
        mask: the lungs found, sided.
        volume: the CT they were found in, on the same grid.

    Returns:
        `NO-LUNGS` (refused), or any of `LITTLE-LUNG`, `MUCH-LUNG`, `LUNG-MISSING`, `LUNG-DENSITY`, `CHEST-CUT` (review). A cut
        chest is incomplete, not wrong: the mask holds, its volume is that of the part in the picture.
    """
    lungs = mask.lungs
    ml = mask.volume_ml()
    tissue = float(np.count_nonzero(volume.hu > -500)) * volume.grid.voxel_ml
    share = ml["both"] / (ml["both"] + tissue) if ml["both"] else 0.0
    if share < NO_LUNGS_SHARE:
        return (
            Finding(
                "NO-LUNGS",
                Verdict.REFUSED,
                f"no lungs: {ml['both']:.0f} ml of lung beside {tissue:.0f} ml of tissue; is this a chest?",
                {"lungs_ml": round(ml["both"], 1), "tissue_ml": round(tissue, 1)},
            ),
        )
    findings = []
    if share < LITTLE_LUNG_SHARE:
        findings.append(
            Finding(
                "LITTLE-LUNG",
                Verdict.REVIEW,
                f"only {100 * share:.1f} % of what is in the picture is lung; is this a chest?",
                {"share": round(share, 4)},
            )
        )
    if ml["both"] > MOST_LUNG_ML:
        findings.append(
            Finding(
                "MUCH-LUNG",
                Verdict.REVIEW,
                f"{ml['both'] / 1000:.1f} l of lung is more than anybody has: are PixelSpacing and the positions right?",
                {"lungs_ml": round(ml["both"], 1)},
            )
        )
    smaller = min(("right", "left"), key=lambda side: ml[side])
    if ml[smaller] < 0.05 * ml["both"]:
        findings.append(
            Finding(
                "LUNG-MISSING",
                Verdict.REVIEW,
                f"next to no {smaller} lung was found ({ml[smaller]:.0f} of {ml['both']:.0f} ml)",
                {"right_ml": round(ml["right"], 1), "left_ml": round(ml["left"], 1)},
            )
        )
    median = float(np.median(volume.hu[lungs]))
    if not -970 < median < -450:
        findings.append(
            Finding(
                "LUNG-DENSITY",
                Verdict.REVIEW,
                f"the median of the lungs is {median:.0f} HU; inflated lung has -900 to -700",
                {"median_hu": median},
            )
        )
    return (*findings, *_cut(mask, volume))


def _cut(mask: LungMask, volume: Volume) -> tuple[Finding, ...]:
    """`CHEST-CUT`, where lung lies on the first or last slice of the patient or at the edge of the field of view."""
    upright = Upright.of(mask.grid)
    lungs = upright.turn(mask.lungs)
    pixel_cm2 = upright.spacing_mm[1] * upright.spacing_mm[2] / 100
    low, high = (float(np.count_nonzero(lungs[end])) * pixel_cm2 for end in (0, -1))
    edge = _at_edge(lungs, None if volume.padding is None else upright.turn(volume.padding)) * mask.grid.voxel_ml
    where = [name for name, cut in (("foot", low >= CUT_CM2), ("head", high >= CUT_CM2), ("side", edge >= EDGE_ML)) if cut]
    if not where:
        return ()
    return (
        Finding(
            "CHEST-CUT",
            Verdict.REVIEW,
            f"the volume cuts the lungs ({', '.join(where)}): incomplete, not wrong; volumes are of the part imaged",
            {"foot_cm2": round(low, 1), "head_cm2": round(high, 1), "edge_ml": round(edge, 2)},
        ),
    )


def _at_edge(lungs: Bool, padding: Bool | None) -> int:
    """How many lung voxels lie beside the lateral edge of the array or beside padding."""
    edge = int(sum(np.count_nonzero(lungs[:, :, side]) + np.count_nonzero(lungs[:, side, :]) for side in (0, -1)))
    box = box_of(lungs, margin=1)
    if padding is None or box is None:
        return edge
    inner, outer = lungs[box], padding[box]
    beside = np.zeros_like(inner)
    for axis in (1, 2):
        there, here = [slice(None)] * 3, [slice(None)] * 3
        there[axis], here[axis] = slice(1, None), slice(None, -1)
        beside[tuple(here)] |= outer[tuple(there)]
        beside[tuple(there)] |= outer[tuple(here)]
    return edge + int(np.count_nonzero(beside & inner))

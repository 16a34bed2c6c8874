"""How far a mask can be trusted: evidence from the network's own result and from the CT, and the
findings it gives.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pleura.core.codes import finding
from pleura.core.findings import Finding
from pleura.geometry.volume import LEFT, RIGHT
from pleura.segmenters.coarse_lungs import CoarseLungs, Floats, thick

Bool = NDArray[np.bool_]

UNSURE = 1.5
"""Log odds nearer to zero than this: the network is unsure (18 to 82 %)."""
AERATED_HU = (-950.0, -500.0)
DENSE_HU = -400.0
"""Mean HU of a coarse voxel above which it holds little air."""

MOST_UNSURE = 0.13
"""Unsure ml as a share of the lungs' ml."""
MOST_OUTSIDE_ML = 100.0
MOST_REMOVED_ML = 60.0
MOST_DENSE = 0.04
MOST_SWAPPED_ML = 40.0
"""Limits above which a mask goes to review, set on five cases held out: masks that a person would
call bad had 0.28 unsure or 416 ml of dense lung. They are cautious: of six held-out chests with
Dice above 0.98, five go to review (docs/model.md)."""


@dataclass(frozen=True)
class Evidence:
    """What is known about one mask, all in ml but for `unsure`, a share.

    `unsure`: where the network is between 18 and 82 %, against the lungs. `outside_ml`: aerated
    tissue within the body that is in no lung. `removed_ml`, `swapped_ml`: what cleaning took away
    or gave to the other lung. `dense_ml`: lung with little air, thicker than vessels, right and
    left.
    """

    unsure: float
    outside_ml: float
    removed_ml: float
    swapped_ml: float
    lung_ml: tuple[float, float]
    dense_ml: tuple[float, float]


def gathered(
    margin: Floats, lungs: CoarseLungs, coarse_hu: Floats, body: Bool, spacing_mm: float
) -> Evidence:
    """Gather the evidence on the coarse lattice.

    Args:
        margin: the network's log odds of lung before cleaning.
        lungs: the cleaned lungs.
        coarse_hu: the CT on the same lattice.
        body: where lungs can be.
        spacing_mm: of the lattice.
    """
    ml = spacing_mm**3 / 1000
    both = lungs.labels > 0
    count = max(1, int(np.count_nonzero(both)))
    aerated = (coarse_hu > AERATED_HU[0]) & (coarse_hu < AERATED_HU[1]) & body
    dense = thick(both & (coarse_hu > DENSE_HU))
    return Evidence(
        unsure=float(np.count_nonzero(np.abs(margin) < UNSURE)) / count,
        outside_ml=float(np.count_nonzero(thick(aerated & ~both))) * ml,
        removed_ml=lungs.removed_ml,
        swapped_ml=lungs.swapped_ml,
        lung_ml=(
            ml * np.count_nonzero(lungs.labels == RIGHT),
            ml * np.count_nonzero(lungs.labels == LEFT),
        ),
        dense_ml=(
            ml * np.count_nonzero(dense & (lungs.labels == RIGHT)),
            ml * np.count_nonzero(dense & (lungs.labels == LEFT)),
        ),
    )


def evidence_findings(evidence: Evidence) -> tuple[Finding, ...]:
    """The findings that the evidence gives; none where the mask can be trusted."""
    found: list[Finding] = []
    if not any(evidence.lung_ml):
        return (finding("NO-LUNGS-FOUND"),)
    if evidence.unsure > MOST_UNSURE:
        found.append(finding("NETWORK-UNSURE", percent=round(100 * evidence.unsure, 1)))
    if evidence.outside_ml > MOST_OUTSIDE_ML:
        found.append(finding("AIR-OUTSIDE-MASK", ml=round(evidence.outside_ml)))
    if evidence.removed_ml > MOST_REMOVED_ML:
        found.append(finding("PARTS-REMOVED", ml=round(evidence.removed_ml)))
    if evidence.swapped_ml > MOST_SWAPPED_ML:
        found.append(finding("SIDES-UNSURE", ml=round(evidence.swapped_ml)))
    for side, dense, ml in zip(("right", "left"), evidence.dense_ml, evidence.lung_ml, strict=True):
        if ml and dense > MOST_DENSE * ml:
            found.append(
                finding(
                    "DENSE-LUNG", side=side, ml=round(dense), percent=round(100 * dense / ml, 1)
                )
            )
    return tuple(found)

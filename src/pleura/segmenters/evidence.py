"""How far a mask can be trusted: evidence from the network and from the CT, and its findings."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pleura.core.codes import finding
from pleura.core.findings import Finding
from pleura.geometry import hu as landmarks
from pleura.geometry.grid import Grid
from pleura.geometry.morphology import components, grown, thick
from pleura.geometry.volume import LEFT, RIGHT
from pleura.segmenters.chest_wall import NEAR_WALL_MM, ends_apart_mm, off_wall, shows_ribs
from pleura.segmenters.coarse_lungs import CoarseLungs, Floats

Bool = NDArray[np.bool_]

UNSURE = 1.5
"""Log odds nearer to zero are uncertain (18 to 82 %)."""

MOST_UNSURE = 0.17
"""Unsure ml as a share of the lungs' ml."""
MOST_OUTSIDE_ML = 200.0
MOST_BESIDE_ML = 20.0
CONTACT = 0.05
"""[share of its voxels] Gas that touches a lung with fewer has a wall between: bowel, bronchi."""
MOST_REMOVED_ML = 100.0
MOST_DENSE = 0.04
MOST_SWAPPED_ML = 40.0
MOST_SOLID_ML = 15.0
MOST_GAS_ML = 10.0
MOST_OFF_BACK = 0.16
MOST_OFF_SIDE = 0.2
MOST_APART_MM = 35.0
"""Limits above which a mask goes to review, set on the masks of docs/model-verdict.md: few good
masks in review, and hardly any bad one called ok. The last three were set on the scenes of
bench/unseen.py: chests without disease at the wall and phantoms have at most 0.14, 0.06, 28 mm.
`MOST_BESIDE_ML` too: 113 ml in the phantom with emphysema, 0 in the others."""


@dataclass(frozen=True)
class Evidence:
    """What is known about one mask, all in ml but for `unsure`, a share.

    `unsure`: where the network is between 18 and 82 %, against the lungs. `outside_ml`: aerated
    tissue within the body that is in no lung. `beside_ml`: gas outside the lungs, without a wall
    between. `removed_ml`, `swapped_ml`: what cleaning took away
    or gave to the other lung. `dense_ml`: lung with little air, thicker than vessels, right and
    left. `solid_ml` and `gas_ml`: the largest connected part of each lung without any air, and of
    nothing but air. `off_back` and `off_side`: how much of each lung ends before the ribs do.
    `base_mm` and `apex_mm`: how far the right lung ends above the left.
    """

    unsure: float
    outside_ml: float
    beside_ml: float
    removed_ml: float
    swapped_ml: float
    lung_ml: tuple[float, float]
    dense_ml: tuple[float, float]
    solid_ml: tuple[float, float]
    gas_ml: tuple[float, float]
    off_back: tuple[float, float]
    off_side: tuple[float, float]
    base_mm: float
    apex_mm: float


def gathered(
    margin: Floats,
    lungs: CoarseLungs,
    coarse_hu: Floats,
    body: Bool,
    spacing_mm: float,
    source: Grid,
) -> Evidence:
    """Gather the evidence on the coarse lattice.

    Args:
        margin: the network's log odds of lung before cleaning.
        lungs: the cleaned lungs.
        coarse_hu: the CT on the same lattice.
        body: where lungs can be.
        spacing_mm: of the lattice.
        source: the volume's own grid.
    """
    ml = spacing_mm**3 / 1000
    sides = [lungs.labels == side for side in (RIGHT, LEFT)]
    both = lungs.labels > 0
    count = max(1, int(np.count_nonzero(both)))
    low, high = landmarks.AERATED_LUNG
    aerated = (coarse_hu > low) & (coarse_hu < high) & body
    dense = thick(both & (coarse_hu > landmarks.BODY))
    none = {"back": (0.0, 0.0), "side": (0.0, 0.0)}
    off = off_wall(lungs.labels, coarse_hu, spacing_mm) if shows_ribs(source) else none
    base_mm, apex_mm = ends_apart_mm(lungs.labels, spacing_mm)
    return Evidence(
        unsure=float(np.count_nonzero(np.abs(margin) < UNSURE)) / count,
        outside_ml=float(np.count_nonzero(thick(aerated & ~both))) * ml,
        beside_ml=_beside(thick((coarse_hu < low) & body & ~both), both, ml),
        removed_ml=lungs.removed_ml,
        swapped_ml=lungs.swapped_ml,
        lung_ml=_of_each(sides, ml),
        dense_ml=_of_each([dense & side for side in sides], ml),
        solid_ml=_largest_of_each(
            [side & (coarse_hu > landmarks.COARSE_SOLID) for side in sides], ml
        ),
        gas_ml=_largest_of_each([side & (coarse_hu < landmarks.COARSE_GAS) for side in sides], ml),
        off_back=off["back"],
        off_side=off["side"],
        base_mm=base_mm,
        apex_mm=apex_mm,
    )


def _of_each(regions: list[Bool], voxel_ml: float) -> tuple[float, float]:
    right, left = (voxel_ml * float(np.count_nonzero(region)) for region in regions)
    return right, left


def _largest_of_each(regions: list[Bool], voxel_ml: float) -> tuple[float, float]:
    """Volume of the largest connected part of each region that is thicker than vessels."""
    found = []
    for region in regions:
        _, counts = components(thick(region), connectivity=6)
        found.append(voxel_ml * float(max(counts[1:], default=0)))
    return found[0], found[1]


def _beside(gas: Bool, lungs: Bool, voxel_ml: float) -> float:
    """Volume of the parts of gas outside the lungs that touch them over more than a point."""
    if np.count_nonzero(gas) * voxel_ml <= MOST_BESIDE_ML:
        return 0.0
    parts, counts = components(gas, connectivity=6)
    touching = np.bincount(parts[gas & grown(lungs)], minlength=len(counts))
    touching[0] = 0
    return float(counts[touching > CONTACT * counts].sum()) * voxel_ml


def evidence_findings(evidence: Evidence) -> tuple[Finding, ...]:
    """The findings from the evidence; empty where the mask can be trusted."""
    found: list[Finding] = []
    if not any(evidence.lung_ml):
        return (finding("NO-LUNGS-FOUND", ml=0),)
    if evidence.unsure > MOST_UNSURE:
        found.append(finding("NETWORK-UNSURE", percent=round(100 * evidence.unsure, 1)))
    if evidence.outside_ml > MOST_OUTSIDE_ML:
        found.append(finding("AIR-OUTSIDE-MASK", ml=round(evidence.outside_ml)))
    if evidence.beside_ml > MOST_BESIDE_ML:
        found.append(finding("GAS-BESIDE-MASK", ml=round(evidence.beside_ml)))
    if evidence.removed_ml > MOST_REMOVED_ML:
        found.append(finding("PARTS-REMOVED", ml=round(evidence.removed_ml)))
    if evidence.swapped_ml > MOST_SWAPPED_ML:
        found.append(finding("SIDES-UNSURE", ml=round(evidence.swapped_ml)))
    found += _ends_apart(evidence)
    for number, side in enumerate(("right", "left")):
        found += _of_one_lung(evidence, number, side)
        found += _off_wall(evidence, number, side)
    return tuple(found)


def _ends_apart(evidence: Evidence) -> list[Finding]:
    """A lung that ends far from where the other does, at the base or at the apex."""
    found = []
    # a positive distance is a right lung that ends above the left: the shorter one at the base
    for end, apart in (("base", evidence.base_mm), ("apex", -evidence.apex_mm)):
        if abs(apart) > MOST_APART_MM:
            side = "right" if apart > 0 else "left"
            found.append(finding("LUNG-SHORT", side=side, end=end, mm=round(abs(apart))))
    return found


def _off_wall(evidence: Evidence, number: int, side: str) -> list[Finding]:
    """A lung that ends before the ribs do."""
    found = []
    for where, share, most in (
        ("back", evidence.off_back[number], MOST_OFF_BACK),
        ("side", evidence.off_side[number], MOST_OFF_SIDE),
    ):
        if share > most:
            percent = round(100 * share)
            found.append(
                finding("LUNG-OFF-WALL", side=side, where=where, percent=percent, mm=NEAR_WALL_MM)
            )
    return found


def _of_one_lung(evidence: Evidence, number: int, side: str) -> list[Finding]:
    """What is in a lung that is not aerated lung."""
    ml, dense = evidence.lung_ml[number], evidence.dense_ml[number]
    solid, gas = evidence.solid_ml[number], evidence.gas_ml[number]
    found = []
    if ml and dense > MOST_DENSE * ml:
        percent = round(100 * dense / ml, 1)
        found.append(finding("DENSE-LUNG", side=side, ml=round(dense), percent=percent))
    if solid > MOST_SOLID_ML:
        found.append(finding("SOLID-PART", side=side, ml=round(solid)))
    if gas > MOST_GAS_ML:
        found.append(finding("GAS-PART", side=side, ml=round(gas)))
    return found

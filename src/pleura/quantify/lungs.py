"""Each lung and both: volume, mass and density, of the whole and of its thirds and halves."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.errors import GridMismatch
from pleura.geometry.volume import LEFT, RIGHT, LungMask, Volume
from pleura.quantify.density import Histogram

Array = NDArray[np.float64]

SIDES = {"right": RIGHT, "left": LEFT}
REGIONS = ("upper", "middle", "lower", "front", "back")
"""Thirds of a lung's height, and halves of its depth."""
REGION_MEASURES = ("ml", "mean_hu", "laa950_percent")
"""What is given of each region."""
MEASURES = (
    *("ml", "mass_g", "mean_hu", "median_hu", "perc15_hu"),
    *("laa950_percent", "laa910_percent", "laa856_percent", "haa_percent"),
)
"""What is given of each lung and of both, in the order of `lungs.csv`."""
DECIMALS = {"ml": 3, "mass_g": 3}
"""How many decimals are written; four for all others."""
TIE_MM = 1e-6
"""A voxel whose centre lies on a cut belongs to the upper or back part."""
UP, BACK = 2, 1
"""World axes S and P of points `(L, P, S)`."""


def measure_lungs(volume: Volume, mask: LungMask) -> dict[str, Any]:
    """Measure the lungs of a mask on the CT.

    Padding is never measured. Thirds are equal parts of a lung's height (feet to head), halves
    equal parts of its depth (front to back), from the edge of its first voxel to that of its last,
    in the patient's axes.

    Args:
        volume: HU.
        mask: lungs on the same grid; without sides only `both` is measured.

    Returns:
        `right`, `left` (where the mask has sides) and `both`, each the measures of `MEASURES` and,
        for each of `REGIONS`, a dictionary of `REGION_MEASURES`; `None` where there is no such
        lung. `asymmetry`: (right − left) / (right + left) of the volumes, or `None`.

    Raises:
        GridMismatch: volume and mask do not lie on one grid.
    """
    if not volume.grid.same_as(mask.grid, tolerance_mm=0.05):
        raise GridMismatch("the mask does not lie on the grid of the CT")
    if mask.sided:
        parts = {name: _regions(volume, mask, label) for name, label in SIDES.items()}
        parts["both"] = _sum(list(parts.values()))
    else:
        parts = {"both": _regions(volume, mask, RIGHT)}
    found: dict[str, Any] = {
        name: None if part is None else _measured(part) for name, part in parts.items()
    }
    right, left = (found[side]["ml"] if found.get(side) else 0.0 for side in SIDES)
    found["asymmetry"] = (right - left) / (right + left) if mask.sided and right + left else None
    return found


def _measured(regions: "_Regions") -> dict[str, Any]:
    measures: dict[str, Any] = regions.whole.measures()
    for name in REGIONS:
        part = regions.part(name)
        values = part.measures() if part.volume_ml else {}
        measures[name] = {key: values.get(key) for key in REGION_MEASURES}
    return measures


class _Regions:
    """Histograms of a lung by third and half: `ml` is `(3 thirds from below, 2 halves, HU)`."""

    def __init__(self, lowest_hu: int, ml: Array, voxel_ml: float) -> None:
        self.lowest_hu, self.ml, self.voxel_ml = lowest_hu, ml, voxel_ml

    @property
    def whole(self) -> Histogram:
        return Histogram(self.lowest_hu, self.ml.sum(axis=(0, 1)), self.voxel_ml)

    def part(self, name: str) -> Histogram:
        thirds = {
            "lower": self.ml[0].sum(axis=0),
            "middle": self.ml[1].sum(axis=0),
            "upper": self.ml[2].sum(axis=0),
        }
        halves = {"front": self.ml[:, 0].sum(axis=0), "back": self.ml[:, 1].sum(axis=0)}
        return Histogram(self.lowest_hu, (thirds | halves)[name], self.voxel_ml)


def _regions(volume: Volume, mask: LungMask, label: int) -> _Regions | None:
    """The histograms of one label; `None` where it is empty."""
    box = mask.box(label)
    if box is None:
        return None
    hu = volume.hu[box]
    inside = mask.labels[box] == label
    if volume.padding is not None:
        inside &= ~volume.padding[box]
    if not inside.any():
        return None
    low, high = int(hu.min()), int(hu.max())
    height, depth = _world(volume, box, UP), _world(volume, box, BACK)
    reach = np.abs(volume.grid.affine[:3, :3]).sum(axis=1) / 2
    thirds, halves = _cuts(height, inside, reach[UP], 3), _cuts(depth, inside, reach[BACK], 2)
    counts = high - low + 1
    ml = np.zeros(6 * counts)
    thickness = volume.grid.thickness_mm[box[0]] / volume.grid.spacing_mm[0] * volume.grid.voxel_ml
    for k, here in enumerate(inside):
        third = np.searchsorted(thirds, _place(height, k), side="right")
        half = np.searchsorted(halves, _place(depth, k), side="right")
        entry = (third * 2 + half) * counts - low + hu[k]
        ml += thickness[k] * np.bincount(entry[here], minlength=len(ml))
    return _Regions(low, ml.reshape(3, 2, counts), float(thickness.min()))


def _sum(parts: list[_Regions | None]) -> _Regions | None:
    """The histograms of several lungs together."""
    present = [part for part in parts if part is not None]
    if not present:
        return None
    low = min(part.lowest_hu for part in present)
    high = max(part.lowest_hu + part.ml.shape[2] for part in present)
    total = np.zeros((3, 2, high - low))
    for part in present:
        start = part.lowest_hu - low
        total[:, :, start : start + part.ml.shape[2]] += part.ml
    return _Regions(low, total, min(part.voxel_ml for part in present))


def _world(volume: Volume, box: tuple[slice, slice, slice], axis: int) -> tuple[Array, ...]:
    """A world coordinate of the box's voxels as the sum of a term by slice, by row and by
    column, in mm. A term that is zero throughout has one entry.
    """
    first, *others = volume.grid.world_terms(box, axis)
    return first, *(term if term.any() else term[:1] for term in others)


def _place(terms: tuple[Array, ...], k: int) -> Array:
    """World coordinate of slice `k`, `(rows, columns)`; one row or column where all are equal."""
    place: Array = terms[0][k] + terms[1][:, None] + terms[2]
    return place


def _cuts(terms: tuple[Array, ...], inside: NDArray[np.bool_], half: float, parts: int) -> Array:
    """Where to cut the extent of a region along a world axis into equal parts; voxels reach
    `half` to both sides.
    """
    low, high = np.inf, -np.inf
    for k, here in enumerate(inside):
        place = _place(terms, k)
        alike = tuple(axis for axis in (0, 1) if place.shape[axis] == 1)
        present = place[here.any(axis=alike, keepdims=True)]
        if present.size:
            low, high = min(low, float(present.min())), max(high, float(present.max()))
    cuts: Array = low - half + (high - low + 2 * half) * np.arange(1, parts) / parts
    return cuts - TIE_MM


def rounded(measures: Any, name: str = "") -> Any:
    """Measures as they are written: volumes and masses to 0.001, the rest to 0.0001, so that
    equal runs write equal bytes.
    """
    if isinstance(measures, dict):
        return {key: rounded(value, key) for key, value in measures.items()}
    if measures is None:
        return None
    return round(float(measures), DECIMALS.get(name, 4))

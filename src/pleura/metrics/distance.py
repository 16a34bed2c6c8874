"""Distances between the surfaces of two masks in mm, under each definition in common use."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pleura.geometry.grid import Grid
from pleura.metrics.policy import worst_distance_mm
from pleura.metrics.surface import (
    Box,
    border_voxels,
    bounding_box,
    joint_box,
    surface_distances,
    surface_elements,
)

Bool = NDArray[np.bool_]
Floats = NDArray[np.float64]
Percentile = Callable[[Floats, Floats, float], float]

TOLERANCES_MM = (1.0, 2.0)
"""Tolerances of the surface Dice values that are always reported."""

BASIC = ("msd_mm", "hd95_mm", "hd_mm", "surface_dice_1mm", "surface_dice_2mm")
POOLED = ("msd_mm_pooled", "hd95_mm_pooled")
DISTANCES = (*BASIC, *(f"{name}_voxel" for name in BASIC), *POOLED)


def distances(prediction: Bool, reference: Bool, grid: Grid) -> dict[str, float]:
    """Every distance between two masks: area-weighted, and with the suffixes `_voxel` and `_pooled`
    as other tools define them.

    Args:
        prediction: bool `[slice, row, column]`.
        reference: bool of the same shape.
        grid: where both lie; anisotropic, uneven and tilted grids are measured as they are.

    Returns:
        Name (`DISTANCES`) to value: mm, or a ratio for surface Dice. Where one mask is empty: the
        scan's diagonal (`policy.worst_distance_mm`), and 0 for surface Dice; where both are: NaN.
    """
    box = _box(prediction, reference)
    if box is None:
        return _without_surface(prediction, reference, grid, DISTANCES)
    borders = [border_voxels(mask, grid, box) for mask in (prediction, reference)]
    directed = surface_distances(*borders)
    pooled = np.concatenate(directed)
    everywhere = [np.ones(len(one)) for one in directed]
    voxel = {
        f"{name}_voxel": value
        for name, value in _measures(directed, everywhere, _percentile).items()
    }
    pools = {
        "msd_mm_pooled": float(pooled.mean()),
        "hd95_mm_pooled": float(np.percentile(pooled, 95)),
    }
    return area_distances(prediction, reference, grid) | voxel | pools


def area_distances(prediction: Bool, reference: Bool, grid: Grid) -> dict[str, float]:
    """The area-weighted distances alone (`BASIC`); arguments and units as in `distances`."""
    box = _box(prediction, reference)
    if box is None:
        return _without_surface(prediction, reference, grid, BASIC)
    surfaces = [surface_elements(mask, grid, box) for mask in (prediction, reference)]
    return _measures(
        surface_distances(*surfaces), [surface.weights for surface in surfaces], weighted_percentile
    )


def weighted_percentile(values: Floats, weights: Floats, percent: float) -> float:
    """The smallest of `values` up to which `percent` of the weight lies; both `(n,)`, above 0."""
    order = np.argsort(values)
    shares = np.cumsum(weights[order]) / weights.sum()
    at = min(int(np.searchsorted(shares, percent / 100)), len(order) - 1)
    return float(values[order[at]])


def _percentile(values: Floats, weights: Floats, percent: float) -> float:
    # equal weights, interpolated between values as MONAI and MedPy do
    return float(np.percentile(values, percent))


def _measures(
    directed: Sequence[Floats], weights: Sequence[Floats], percentile: Percentile
) -> dict[str, float]:
    pairs = list(zip(directed, weights, strict=True))
    whole = sum(float(weight.sum()) for weight in weights)
    near = {
        mm: sum(float(weight[values <= mm].sum()) for values, weight in pairs) / whole
        for mm in TOLERANCES_MM
    }
    return {
        "msd_mm": sum(float(np.average(values, weights=weight)) for values, weight in pairs) / 2,
        "hd95_mm": max(percentile(values, weight, 95) for values, weight in pairs),
        "hd_mm": max(float(values.max()) for values in directed),
    } | {f"surface_dice_{mm:g}mm": share for mm, share in near.items()}


def _box(prediction: Bool, reference: Bool) -> Box | None:
    """The box around both; `None` where either is empty."""
    first, second = bounding_box(prediction), bounding_box(reference)
    if first and second:
        return joint_box(first, second)
    return None


def _without_surface(
    prediction: Bool, reference: Bool, grid: Grid, names: Sequence[str]
) -> dict[str, float]:
    if not (prediction.any() or reference.any()):
        return dict.fromkeys(names, np.nan)
    worst = worst_distance_mm(grid)
    return {name: 0.0 if name.startswith("surface_dice") else worst for name in names}

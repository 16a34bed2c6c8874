"""Slice gaps: stacks with missing slices are refused, split at the gaps, or interpolated.

Slices missing at an end cannot be detected.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pleura.core.codes import finding
from pleura.core.findings import Finding
from pleura.dicom.plane import Plane
from pleura.dicom.stack import depths_of, grid_of
from pleura.geometry.grid import Grid

Gaps = Literal["refuse", "interpolate", "split"]
GAP = "GAP-IN-SLICES"


class Stack(NamedTuple):
    """Planes with files, their grid and findings; `missing` are slices to be interpolated."""

    planes: Sequence[Plane]
    grid: Grid | None
    findings: list[Finding]
    missing: tuple[int, ...] = ()


def apply_gap_policy(planes: Sequence[Plane], gaps: Gaps) -> list[Stack]:
    """Apply the policy to an ascending stack: one stack, or with `split` one for each run."""
    grid, findings = grid_of(planes)
    gap = next((found for found in findings if found.code == GAP), None)
    if gaps == "refuse" or grid is None or gap is None:
        return [Stack(planes, grid, findings)]
    spacing = float(gap.evidence["median_step_mm"])
    if gaps == "split":
        return _split(planes, spacing)
    others = [found for found in findings if found.code != GAP]
    return [_interpolated(planes, grid, others, spacing)]


def _split(planes: Sequence[Plane], spacing: float) -> list[Stack]:
    """One stack for each run of slices without a gap; a run of one slice is refused."""
    wide = np.flatnonzero(np.diff(depths_of(planes)) > 1.5 * spacing)
    cuts = [0, *(int(k) + 1 for k in wide), len(planes)]
    note = finding("GAP-SPLIT", n=len(cuts) - 1)
    stacks = []
    for start, stop in pairwise(cuts):
        run = planes[start:stop]
        if len(run) == 1:
            stacks.append(Stack(run, None, [note, finding("ONE-SLICE", note=" between gaps")]))
            continue
        grid, findings = grid_of(run)
        stacks.append(Stack(run, grid, [note, *findings]))
    return stacks


def _interpolated(
    planes: Sequence[Plane], grid: Grid, findings: list[Finding], spacing: float
) -> Stack:
    """The stack on the full grid, with the missing slices recorded."""
    steps = np.rint(np.diff(depths_of(planes)) / spacing).astype(int)
    numbers = np.concatenate([[0], np.cumsum(steps)])
    count = int(numbers[-1]) + 1
    missing = tuple(sorted(set(range(count)) - {int(number) for number in numbers}))
    affine = grid.affine.copy()
    affine[:3, 0] *= (len(planes) - 1) / numbers[-1]
    filled = finding("GAP-FILLED", n=len(missing), slices=list(missing))
    return Stack(planes, Grid((count, *grid.shape[1:]), affine), [*findings, filled], missing)


def interpolate_missing(
    hu: NDArray[np.int16], padding: NDArray[np.bool_] | None, missing: Sequence[int]
) -> tuple[NDArray[np.int16], NDArray[np.bool_] | None]:
    """Interpolate missing slices linearly in HU.

    Next to padding they get padding, and the value of the nearer slice.

    Args:
        hu: int16 `[slice, row, column]`, measured slices only.
        padding: bool of that shape, or `None`.
        missing: numbers of the missing slices among all; neither the first nor the last.

    Returns:
        HU and padding of all slices.
    """
    count = len(hu) + len(missing)
    measured = np.setdiff1d(np.arange(count), missing)
    full = np.empty((count, *hu.shape[1:]), np.int16)
    full[measured] = hu
    mask = None
    if padding is not None:
        mask = np.zeros(full.shape, np.bool_)
        mask[measured] = padding
    for k in missing:
        after = int(np.searchsorted(measured, k))
        low, high = int(measured[after - 1]), int(measured[after])
        weight = (k - low) / (high - low)
        full[k] = np.rint((1 - weight) * full[low].astype(np.float64) + weight * full[high])
        if mask is not None:
            mask[k] = mask[low] | mask[high]
            nearer = full[low] if weight < 0.5 else full[high]
            full[k][mask[k]] = nearer[mask[k]]
    return full, mask

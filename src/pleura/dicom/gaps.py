"""Stacks with lost slices: refused, parted at the gaps, or filled, as asked (pitfall 9). Losses at the ends cannot be seen."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pleura.core.findings import Finding, Verdict
from pleura.dicom.header import Plane
from pleura.dicom.stack import depths_of, grid_of
from pleura.geometry.grid import Grid

Gaps = Literal["refuse", "interpolate", "split"]
CODE = "GAP-IN-SLICES"

Stack = tuple[Sequence[Plane], Grid | None, list[Finding], tuple[int, ...]]
"""Planes that are there, the grid, findings, and which slices of the grid are lost and to be interpolated."""


def stacks_of(planes: Sequence[Plane], gaps: Gaps) -> list[Stack]:
    """An ascending stack of two or more planes as the policy has it: one stack, or with `split` one for each run of slices."""
    grid, findings = grid_of(planes)
    if gaps == "refuse" or grid is None or all(finding.code != CODE for finding in findings):
        return [(planes, grid, findings, ())]
    steps = np.diff(depths_of(planes))
    usual = next(float(finding.evidence["median_step_mm"]) for finding in findings if finding.code == CODE)
    others = [finding for finding in findings if finding.code != CODE]
    if gaps == "split":
        cuts = [0, *(int(k) + 1 for k in np.flatnonzero(steps > 1.5 * usual)), len(planes)]
        note = Finding("GAP-SPLIT", Verdict.REPAIRED, f"slices are missing: parted at the gaps into {len(cuts) - 1} stacks")
        parts = [planes[start:stop] for start, stop in pairwise(cuts)]
        return [_part(part, note) for part in parts]
    numbers = np.concatenate([[0], np.cumsum(np.rint(steps / usual).astype(int))])
    lost = tuple(sorted(set(range(int(numbers[-1]) + 1)) - {int(number) for number in numbers}))
    affine = grid.affine.copy()
    affine[:3, 0] *= (len(planes) - 1) / numbers[-1]
    filled = Finding(
        "GAP-FILLED",
        Verdict.REPAIRED,
        f"{len(lost)} missing slice(s) were interpolated from their neighbours: they show nothing that was measured",
        {"slices": list(lost)},
    )
    return [(planes, Grid((int(numbers[-1]) + 1, *grid.shape[1:]), affine), [*others, filled], lost)]


def _part(part: Sequence[Plane], note: Finding) -> Stack:
    if len(part) == 1:
        alone = Finding("ONE-SLICE", Verdict.REFUSED, "a single slice between gaps makes no volume")
        return part, None, [note, alone], ()
    grid, findings = grid_of(part)
    return part, grid, [note, *findings], ()


def filled_in(
    hu: NDArray[np.int16], padding: NDArray[np.bool_] | None, lost: Sequence[int]
) -> tuple[NDArray[np.int16], NDArray[np.bool_] | None]:
    """Put interpolated slices between true ones: linear in HU; next to padding, padding with the nearer slice's value.

    Args:
        hu: int16 `[slice, row, column]`, true slices alone.
        padding: bool of that shape, or `None`.
        lost: numbers of the lost slices among all; neither the first nor the last.

    Returns:
        HU and padding with all slices.
    """
    count = len(hu) + len(lost)
    true = np.setdiff1d(np.arange(count), lost)
    full = np.empty((count, *hu.shape[1:]), np.int16)
    full[true] = hu
    hidden = None if padding is None else np.zeros(full.shape, np.bool_)
    if hidden is not None:
        hidden[true] = padding
    for k in lost:
        after = int(np.searchsorted(true, k))
        low, high = int(true[after - 1]), int(true[after])
        share = (k - low) / (high - low)
        full[k] = np.rint((1 - share) * full[low].astype(np.float64) + share * full[high])
        if hidden is not None:
            hidden[k] = hidden[low] | hidden[high]
            nearer = full[low] if share < 0.5 else full[high]
            full[k][hidden[k]] = nearer[hidden[k]]
    return full, hidden

"""Slice spacing: uniform, uneven, or with slices missing."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pleura.core.codes import finding
from pleura.core.findings import Finding

ROUNDING_MM = 0.11
"""[mm] Positions written with one decimal are up to this far from a uniform stack."""

WOBBLE = 0.02
"""[share of the spacing] Smaller deviations are rounding noise."""

SAME_POSITION = 0.05
"""[share of the spacing] Slices that are nearer to each other share a position."""

SAME_POSITION_MM = 1e-3
"""[mm] Slices that are nearer to each other share a position, whatever the spacing."""


def typical_spacing(gaps: NDArray[np.float64]) -> float:
    """The spacing of most slices in mm: the mean of the gaps near the median.

    Rounded positions leave few gaps that are exactly equal.
    """
    middle = float(np.sort(gaps)[(len(gaps) - 1) // 2])
    return float(gaps[np.abs(gaps - middle) < 0.5 * middle].mean())


def same_position_mm(depths: Sequence[float]) -> float:
    """The distance below which slices share a position.

    It is small beside the wider gaps, because two stacks can be slightly offset.
    """
    if len(depths) < 2:
        return SAME_POSITION_MM
    return max(SAME_POSITION_MM, SAME_POSITION * float(np.percentile(np.diff(depths), 75)))


def _tolerance_mm(spacing: float) -> float:
    return max(WOBBLE * spacing, min(ROUNDING_MM, spacing / 5))


def check_spacing(depths: NDArray[np.float64], numbers: Sequence[int | None] = ()) -> list[Finding]:
    """Check the spacing of an ascending stack.

    Slices are missing where a few gaps among many are whole multiples of the typical spacing, or
    where InstanceNumber skips as the positions do. Any other deviation is uneven spacing.

    Args:
        depths: positions along the stack normal, mm, ascending.
        numbers: InstanceNumbers of these slices.
    """
    gaps = np.diff(depths)
    spacing = typical_spacing(gaps)
    tolerance = _tolerance_mm(spacing)
    deviation = np.abs(depths - np.linspace(depths[0], depths[-1], len(depths)))
    if deviation.max() <= tolerance:
        return []
    multiples = _multiples_by_number(gaps, numbers)
    if multiples is not None:
        return [_gap_finding(multiples, float((gaps / multiples).mean()))]
    multiples = _multiples_by_length(gaps, spacing, tolerance)
    if multiples is not None and _is_periodic(multiples > 1):
        return [
            finding(
                "STACKS-INTERLEAVED",
                why="their positions repeat a pattern, and no attribute separates them",
            )
        ]
    if multiples is not None:
        return [_gap_finding(multiples, spacing)]
    return [finding("UNEVEN-SPACING", smallest_mm=float(gaps.min()), largest_mm=float(gaps.max()))]


def _gap_finding(multiples: NDArray[np.float64], spacing: float) -> Finding:
    """The finding for missing slices, from the gaps as multiples of the spacing."""
    after = [int(k) + 1 for k in np.flatnonzero(multiples > 1)]
    return finding(
        "GAP-IN-SLICES",
        missing=int((multiples - 1).sum()),
        after=", ".join(map(str, after[:5])),
        slices=len(multiples) + 1,
        median_step_mm=spacing,
    )


def _multiples_by_length(
    gaps: NDArray[np.float64], spacing: float, tolerance: float
) -> NDArray[np.float64] | None:
    """Each gap as a multiple of the spacing; `None` unless wide gaps are few and whole."""
    irregular = np.abs(gaps - spacing) > tolerance
    multiples = np.rint(gaps / spacing)
    missing = irregular & (multiples >= 2) & (np.abs(gaps - multiples * spacing) <= tolerance)
    few = (multiples[missing] - 1).sum() <= len(gaps) + 1
    if missing.any() and (missing == irregular).all() and few and not _is_other_protocol(missing):
        return np.where(missing, multiples, 1.0)
    return None


def _multiples_by_number(
    gaps: NDArray[np.float64], numbers: Sequence[int | None]
) -> NDArray[np.float64] | None:
    """Each gap in steps of InstanceNumber; `None` unless numbers skip where positions do."""
    known = [number for number in numbers if number is not None]
    if len(known) != len(gaps) + 1:
        return None
    steps = np.diff(np.array(known, np.float64))
    multiples = np.abs(steps)
    if (
        multiples.min() < 1
        or multiples.max() < 2
        or not (np.sign(steps) == np.sign(steps[0])).all()
    ):
        return None
    spacing = float((gaps / multiples).mean())
    fits = np.abs(gaps - multiples * spacing).max() <= _tolerance_mm(spacing)
    if fits:
        return multiples
    return None


def _is_other_protocol(missing: NDArray[np.bool_]) -> bool:
    """Whether three wide gaps follow one another, as where the protocol changes."""
    return bool((missing[:-2] & missing[1:-1] & missing[2:]).any())


def _is_periodic(missing: NDArray[np.bool_]) -> bool:
    """Whether wide gaps recur at equal intervals through the whole stack, as in two stacks."""
    where = np.flatnonzero(missing)
    if len(where) < 4:
        return False
    intervals = np.diff(where)
    is_whole = where[0] <= intervals[0] and len(missing) - 1 - where[-1] <= intervals[0]
    return bool((intervals == intervals[0]).all() and is_whole)

"""The steps from slice to slice: even, uneven, or with slices lost (pitfalls 9, 10)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pleura.core.findings import Finding, Verdict

ROUNDED_MM = 0.11
"""Positions written to a tenth of a millimetre lie up to 0.1 mm off the even stack that they are of."""
WOBBLE = 0.02
NEAR = 0.05
"""Of a step: slices nearer to each other are of one place."""
SAME_PLACE_MM = 1e-3


def usual_step(gaps: NDArray[np.float64]) -> float:
    """The step that most slices take: the mean of the gaps near the median, for rounded positions make few exact ones."""
    middle = float(np.sort(gaps)[(len(gaps) - 1) // 2])
    return float(gaps[np.abs(gaps - middle) < 0.5 * middle].mean())


def near_mm(depths: Sequence[float]) -> float:
    """How near slices lie that are of one place: next to nothing beside the wider steps, which most take where two stacks lie
    a little beside each other."""
    return max(SAME_PLACE_MM, NEAR * float(np.percentile(np.diff(depths), 75))) if len(depths) > 1 else SAME_PLACE_MM


def step_findings(depths: NDArray[np.float64], numbers: Sequence[int | None] = ()) -> list[Finding]:
    """What is odd about the steps of an ascending stack; `numbers` are its InstanceNumbers.

    Missing slices are whole multiples of the usual step, a few among many, or steps that go as the numbers do; anything else
    off the even stack is uneven spacing.
    """
    gaps = np.diff(depths)
    usual = usual_step(gaps)
    slack = max(WOBBLE * usual, min(ROUNDED_MM, usual / 5))
    drift = np.abs(depths - np.linspace(depths[0], depths[-1], len(depths)))
    if drift.max() <= slack:
        return []
    counted = _counted(gaps, numbers)
    if counted is not None:
        return [_lost(counted, float((gaps / counted).mean()))]
    off = np.abs(gaps - usual) > slack
    times = np.rint(gaps / usual)
    missing = off & (times >= 2) & (np.abs(gaps - times * usual) <= slack)
    few = (times[missing] - 1).sum() <= len(depths)
    if missing.any() and (missing == off).all() and few and not _goes_on(missing):
        return [_lost(np.where(missing, times, 1), usual)]
    return [
        Finding(
            "UNEVEN-SPACING",
            Verdict.REVIEW,
            f"slices are {gaps.min():.2f} to {gaps.max():.2f} mm apart; their true positions are kept",
            {"smallest_mm": float(gaps.min()), "largest_mm": float(gaps.max())},
        )
    ]


def _lost(times: NDArray[np.float64], usual: float) -> Finding:
    """Slices that are missing, where steps are `times` the usual one."""
    lost = int((times - 1).sum())
    where = ", ".join(str(int(k) + 1) for k in np.flatnonzero(times > 1)[:5])
    return Finding(
        "GAP-IN-SLICES",
        Verdict.REFUSED,
        f"{lost} missing slice(s), after slice {where} of {len(times) + 1}; fetch the series again, "
        "or give --gaps split or interpolate",
        {"missing": lost, "median_step_mm": usual},
    )


def _counted(gaps: NDArray[np.float64], numbers: Sequence[int | None]) -> NDArray[np.float64] | None:
    """How many steps of the InstanceNumbers each gap is, where numbers are left out just as positions are."""
    told = [number for number in numbers if number is not None]
    if len(told) != len(gaps) + 1:
        return None
    steps = np.diff(np.array(told, np.float64))
    times = np.abs(steps)
    if times.min() < 1 or times.max() < 2 or not (np.sign(steps) == np.sign(steps[0])).all():
        return None
    step = float((gaps / times).mean())
    return times if np.abs(gaps - times * step).max() <= max(WOBBLE * step, min(ROUNDED_MM, step / 5)) else None


def _goes_on(missing: NDArray[np.bool_]) -> bool:
    """Three wide gaps in a row are another protocol, not lost slices (pitfall 10)."""
    return bool((missing[:-2] & missing[1:-1] & missing[2:]).any())

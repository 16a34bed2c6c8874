"""The score of one answer of a network on the slices of a case, on the network's pixels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.metrics.case import PLACES

Bool = NDArray[np.bool_]


def score_answer(
    answer: Bool, lungs: Bool, places: NDArray[np.uint8], pixel_ml: float
) -> dict[str, Any]:
    """Score the raw answer on one case.

    Args:
        answer: what the network calls lung, `(slices, rows, columns)`.
        lungs: the reference.
        places: number of each pixel's place in `metrics.case.PLACES`.
        pixel_ml: volume of a pixel.

    Returns:
        `dice` and `accuracy` of the volume; `empty_slices`, and how many of them are
        `hallucinated_slices` (any lung predicted), in percent and in ml, also by place;
        `lung_slices`, and how many are `missed_slices`; `false_PLACE_ml` over all slices.
    """
    false = answer & ~lungs
    empty = np.array([not one.any() for one in lungs])
    found = np.array([one.any() for one in answer])
    area = int(answer.sum()) + int(lungs.sum())
    values: dict[str, Any] = {
        "dice": 2 * int((answer & lungs).sum()) / area if area else 1.0,
        "accuracy": float((answer == lungs).mean()),
        "empty_slices": int(empty.sum()),
        "hallucinated_slices": int((empty & found).sum()),
        "hallucinated_percent": _percent(empty & found, empty),
        "hallucinated_ml": int(answer[empty].sum()) * pixel_ml,
        "lung_slices": int((~empty).sum()),
        "missed_slices": int((~empty & ~found).sum()),
        "missed_percent": _percent(~empty & ~found, ~empty),
    }
    for number, name in enumerate(PLACES):
        here = false & (places == number)
        values[f"false_{name}_ml"] = int(here.sum()) * pixel_ml
        values[f"hallucinated_{name}_ml"] = int(here[empty].sum()) * pixel_ml
    return values


def score_failure(lungs: Bool, places: NDArray[np.uint8], pixel_ml: float) -> dict[str, Any]:
    """The score of a run that diverged: of the opposite of the reference, so Dice 0."""
    return score_answer(~lungs, lungs, places, pixel_ml)


def _percent(some: Bool, of: Bool) -> float | None:
    return 100 * int(some.sum()) / int(of.sum()) if of.any() else None

"""Percentiles, as NumPy gives them, without what NumPy imports for them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def percentiles(values: NDArray[Any], wanted: Sequence[float]) -> NDArray[np.float64]:
    """Percentiles along the last axis, linear between ranks.

    The values of `np.percentile`, which imports numpy.ma (20 ms) when it is first called.

    Args:
        values: numbers, at least one along the last axis.
        wanted: percentiles from 0 to 100.

    Returns:
        float64, one entry of the first axis for each percentile, then the other axes of `values`.
    """
    last = values.shape[-1] - 1
    places = [percent / 100 * last for percent in wanted]
    ranks = {min(int(place) + step, last) for place in places for step in (0, 1)}
    ordered = np.partition(values, sorted(ranks), axis=-1)
    found = []
    for place in places:
        share = place - int(place)
        low = ordered[..., int(place)].astype(np.float64)
        high = ordered[..., min(int(place) + 1, last)].astype(np.float64)
        step = high - low
        found.append(low + step * share if share < 0.5 else high - step * (1 - share))
    return np.stack(found)

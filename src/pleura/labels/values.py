"""What the numbers of a label map may be, and what they come to here: 1 right, 2 left."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.errors import InputRefused
from pleura.geometry.volume import LEFT, RIGHT
from pleura.labels.mappings import LUNGS, Naming, fitting

WIDEST = 1 << 16
"""Labels lie within so many numbers of each other; what does not is no label map."""
MENTIONED = 6
"""So many odd values are told."""
WHITE = 255
"""What tools that think of masks as pictures write for 1."""


def labels_of(array: NDArray[Any], naming: Naming = LUNGS) -> NDArray[np.uint8]:
    """Labels as uint8: 0 background, 1 right (or either), 2 left.

    Raises:
        InputRefused: code `MASK-LABELS`: a value that `naming` does not know, in a map of lungs alone, or no whole number;
            `MASK-VALUES`: NaN, infinity, or no numbers at all.
    """
    if array.dtype.kind not in "biuf":
        raise InputRefused("the mask holds no numbers", code="MASK-VALUES")
    if array.dtype.kind == "b":
        array = array.view(np.uint8)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputRefused("the mask holds NaN or infinity", code="MASK-VALUES")
    low, high = (array.min().item(), array.max().item()) if array.size else (0, 0)
    if low < -WIDEST or high > WIDEST:
        raise _unknown([low, high])
    least = min(int(low), 0)
    counts = np.zeros(int(high) - least + 1, dtype=np.int64)
    for part in array:  # a slice at a time: the numbers that count are eight times as wide
        counts += np.bincount((_whole(part) - least).ravel(), minlength=len(counts))
    values = [int(value) + least for value in np.flatnonzero(counts)]
    ours = dict.fromkeys((*naming.right, *naming.either), RIGHT) | dict.fromkeys(naming.left, LEFT)
    if naming == LUNGS and values in ([WHITE], [0, WHITE]):
        ours = {WHITE: RIGHT}
    odd = [value for value in values if value and value not in ours]
    if odd and not naming.others:
        raise _unknown(odd, values)
    table = np.zeros(len(counts), dtype=np.uint8)
    for value in values:
        table[value - least] = ours.get(value, 0)
    labels = np.empty(array.shape, dtype=np.uint8)
    for k, part in enumerate(array):
        labels[k] = table[part.astype(np.int64) - least]
    return labels


def _whole(part: NDArray[Any]) -> NDArray[np.int64]:
    whole = part.astype(np.int64)
    if part.dtype.kind == "f" and (broken := part[whole != part]).size:
        raise _unknown(np.unique(broken).tolist())
    return whole


def sided(labels: NDArray[np.uint8], naming: Naming, said: bool) -> bool:
    """Whether a map tells right from left: as its naming says, else as it says itself, or by its having a left lung."""
    return bool(said or (labels == LEFT).any()) if naming.sided is None else naming.sided


def _unknown(odd: Sequence[float], values: Sequence[float] = ()) -> InputRefused:
    some = ", ".join(f"{value:g}" for value in odd[:MENTIONED])
    more = " …" if len(odd) > MENTIONED else ""
    text = f"the mask holds the values {some}{more}; expected 0, 1 right, 2 left, or 0 and 1"
    fits = fitting(values)
    return InputRefused(f"{text}; they fit the mapping {' or '.join(fits)}" if fits else text, code="MASK-LABELS")

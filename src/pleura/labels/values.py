"""Valid values of a label map, and what they become: 1 right, 2 left."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.codes import refused
from pleura.core.errors import InputRefused
from pleura.geometry.volume import LEFT, RIGHT
from pleura.labels.mappings import LUNGS, Naming, fitting

WIDEST = 1 << 16
"""Largest label value."""
ROUNDING = 1e-3
"""A value this near to a whole number is that number, because scaled values are not exact."""
MENTIONED = 6
"""A message lists at most this many odd values."""
WHITE = 255
"""Value for 1 in tools that write masks as pictures."""


def labels_of(array: NDArray[Any], naming: Naming = LUNGS) -> NDArray[np.uint8]:
    """Labels as uint8: 0 background, 1 right (or either), 2 left.

    Raises:
        InputRefused: `MASK-LABELS`: a value that `naming` does not have, in a map of lungs only, or
            that its file does not list;
            `MASK-VALUES`: fractions, NaN, infinity, or not numbers.
    """
    if array.dtype.kind not in "biuf":
        raise refused("MASK-VALUES", found="no numbers")
    if array.dtype.kind == "b":
        array = array.view(np.uint8)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise refused("MASK-VALUES", found="NaN or infinity")
    low, high = (array.min().item(), array.max().item()) if array.size else (0, 0)
    if low < -WIDEST or high > WIDEST:
        raise _unknown([low, high])
    least = min(int(np.rint(low)), 0)
    counts = np.zeros(int(np.rint(high)) - least + 1, dtype=np.int64)
    for part in array:  # slice by slice: int64 takes eight times the memory
        counts += np.bincount((_whole(part) - least).ravel(), minlength=len(counts))
    values = [int(value) + least for value in np.flatnonzero(counts)]
    ours = dict.fromkeys((*naming.right, *naming.either), RIGHT) | dict.fromkeys(naming.left, LEFT)
    if naming == LUNGS and values in ([WHITE], [0, WHITE]):
        ours = {WHITE: RIGHT}
    odd = [value for value in values if value and value not in ours]
    if odd and not naming.others:
        raise _unknown(odd, values)
    unlisted = [value for value in odd if naming.listed and value not in naming.listed]
    if unlisted:
        raise refused("MASK-UNLISTED", found=_some(unlisted))
    table = np.zeros(len(counts), dtype=np.uint8)
    for value in values:
        table[value - least] = ours.get(value, 0)
    labels = np.empty(array.shape, dtype=np.uint8)
    for k, part in enumerate(array):
        labels[k] = table[_whole(part) - least]
    return labels


def _whole(part: NDArray[Any]) -> NDArray[np.int64]:
    """Values as whole numbers; those that float32 scaling changed (1.9999999) are rounded."""
    if part.dtype.kind != "f":
        return part.astype(np.int64)
    rounded = np.rint(part)
    broken = part[np.abs(part - rounded) > ROUNDING]
    if broken.size:
        some = ", ".join(f"{value:g}" for value in np.unique(broken)[:MENTIONED])
        raise refused("MASK-VALUES", found=f"values that are not whole numbers ({some})")
    return rounded.astype(np.int64)


def sided(labels: NDArray[np.uint8], naming: Naming, said: bool) -> bool:
    """Whether a map has sides: by its naming, else by its file, else where it has a left lung."""
    if naming.sided is None:
        return bool(said or (labels == LEFT).any())
    return naming.sided


def _unknown(odd: Sequence[float], values: Sequence[float] = ()) -> InputRefused:
    fits = fitting(values)
    hint = f"; they fit the mapping {' or '.join(fits)}" if fits else ""
    return refused("MASK-LABELS", found=_some(odd), hint=hint)


def _some(odd: Sequence[float]) -> str:
    some = ", ".join(f"{value:g}" for value in odd[:MENTIONED])
    return f"{some} …" if len(odd) > MENTIONED else some

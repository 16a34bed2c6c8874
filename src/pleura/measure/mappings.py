"""What the labels of other tools' maps mean for lungs: a named table each, so that nothing is guessed."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from pleura.arrays.volume import LEFT, RIGHT
from pleura.core.errors import InputRefused

SIDES = {"right": RIGHT, "r": RIGHT, "left": LEFT, "l": LEFT}

MAPPINGS: Mapping[str, Mapping[int, int]] = MappingProxyType(
    {
        "lungs": {1: RIGHT, 2: LEFT},
        "lungmask": {1: RIGHT, 2: LEFT},
        "lungmask-lobes": {1: LEFT, 2: LEFT, 3: RIGHT, 4: RIGHT, 5: RIGHT},
        "totalsegmentator": {10: LEFT, 11: LEFT, 12: RIGHT, 13: RIGHT, 14: RIGHT},
        "totalsegmentator-v1": {13: LEFT, 14: LEFT, 15: RIGHT, 16: RIGHT, 17: RIGHT},
    }
)
"""Label of the tool to ours (1 right, 2 left). `lungmask` is its R231 and R231CovidWeb, `lungmask-lobes` its LTRCLobes (left
upper and lower, then right upper, middle and lower); `totalsegmentator` is the map of task `total` in version 2,
`totalsegmentator-v1` in version 1. An nnU-Net has the labels that it was trained with: `from_names` reads them."""

WHOLE_BODY = frozenset({"totalsegmentator", "totalsegmentator-v1"})
"""Mappings of maps that name other organs too; in the others a label that is not listed is an error, not background."""


def from_names(labels: Mapping[str, int]) -> Mapping[int, int]:
    """The mapping of an nnU-Net from the names in its dataset.json (`{"background": 0, "lung_right": 1, …}`).

    Args:
        labels: name to label.

    Returns:
        label to ours, for every name with `lung` and a side in it.

    Raises:
        InputRefused: no name, or names of one side only, tell of a lung.
    """
    found: dict[int, int] = {}
    for name, label in labels.items():
        words = name.lower().replace("-", "_").replace(" ", "_").split("_")
        if any(word.startswith("lung") for word in words):
            found |= {int(label): side for word, side in SIDES.items() if word in words}
    if set(found.values()) != {RIGHT, LEFT}:
        raise InputRefused("the names in dataset.json do not tell a right and a left lung: name a mapping")
    return found


def to_lungs(labels: NDArray[np.integer], mapping: Mapping[int, int], *, others: bool) -> NDArray[np.uint8]:
    """Another tool's label map as ours: 0 background, 1 right, 2 left.

    Args:
        labels: integers `[slice, row, column]`.
        mapping: label of the tool to ours, as in `MAPPINGS`.
        others: whether the map names other things too, so that what the mapping does not list is background.

    Returns:
        uint8 of the same shape.

    Raises:
        InputRefused: a label that the mapping does not know, in a map that holds lungs only.
    """
    lungs = np.zeros(labels.shape, dtype=np.uint8)
    for theirs, ours in mapping.items():
        lungs[labels == theirs] = ours
    if not others:
        unknown = labels[(labels != 0) & (lungs == 0)]
        if unknown.size:
            raise InputRefused(f"mask holds the label {unknown.min()}, which its mapping does not know: name another mapping")
    return lungs

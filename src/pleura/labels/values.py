"""What the numbers of a label map may be."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.errors import InputRefused


def labels_of(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Labels as uint8. Raises `InputRefused` (`MASK-VALUES`) where a value is not 0, 1 or 2."""
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    if array.dtype.kind not in "iuf":
        raise InputRefused("the mask holds no numbers", code="MASK-VALUES")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputRefused("the mask holds NaN or infinity", code="MASK-VALUES")
    values = np.unique(array)
    odd = [value.item() for value in values if value not in (0, 1, 2)]
    if odd:
        some = ", ".join(f"{value:g}" for value in odd[:4])
        raise InputRefused(f"the mask holds the values {some}; expected 0, 1 right, 2 left, or 0 and 1", code="MASK-VALUES")
    return array.astype(np.uint8)

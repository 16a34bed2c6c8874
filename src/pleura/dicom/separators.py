"""The attributes that usually separate volumes with one SeriesInstanceUID."""

from functools import lru_cache
from typing import Any

from pleura.dicom.values import digest, numbers, text

SEPARATORS = tuple(
    "AcquisitionNumber TemporalPositionIdentifier NominalPercentageOfCardiacPhase TriggerTime "
    "ConvolutionKernel SliceThickness KVP ImageType StackID SeriesNumber SeriesDescription "
    "AcquisitionTime ContentTime".split()
)
"""Attributes that can separate volumes with one SeriesInstanceUID, in the order of trial."""


@lru_cache(maxsize=1024)
def separators_of(*values: Any) -> tuple[str, ...]:
    """The values of `SEPARATORS` to compare; a description, which can identify, as a digest."""
    texts = [text(value) for value in values]
    for name in ("SliceThickness", "KVP"):
        index = SEPARATORS.index(name)
        number = numbers(values[index], 1)
        texts[index] = texts[index] if number is None else f"{number[0]:g}"
    index = SEPARATORS.index("SeriesDescription")
    texts[index] = digest(texts[index])
    return tuple(texts)

"""Images that were computed from several slices: by ImageType, and by their SeriesDescription."""

import re

PROJECTIONS = (
    *"MIP MINIP MNIP AVERAGE AVG RESAMPLED MAXIMUM MINIMUM MEAN".split(),
    "PROJECTION IMAGE",
    *"MAX_IP MIN_IP VOLUME_RENDER SURFACE_RENDER CURVED_MPR SAMPLED DISTORTED".split(),
)
"""Values of ImageType for images computed from slices, which can be in the same series; then those
of VolumeBasedCalculationTechnique and VolumetricProperties (PS3.3 C.8.16.2.1)."""

PROJECTION_WORDS = frozenset("MIP MAXIP MINIP MNIP AVERAGE AVG".split())
"""Words of vendors' own values, such as `CSA MIP` and `MIP_THIN`."""

DESCRIBED = re.compile(
    r"(?<![a-z])(mip|max ?ip|min ?ip|mnip|aip|ave|avg|averaged?)(?![a-z])", re.IGNORECASE
)
"""Words of a SeriesDescription: maximum, minimum and average intensity projections, and averages
over breathing (4D-CT)."""


def is_projection(value: str) -> bool:
    """Whether a value of ImageType is that of an image computed from several slices."""
    return value in PROJECTIONS or not PROJECTION_WORDS.isdisjoint(re.split(r"[ _]", value))


def is_described_as_projection(description: str) -> bool:
    """Whether a SeriesDescription names a projection, for which ImageType has no fixed value."""
    return DESCRIBED.search(description) is not None

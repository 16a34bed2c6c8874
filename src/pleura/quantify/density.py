"""Density of lung from the histogram of its HU: mass, mean, percentiles, volumes by threshold."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LOW_ATTENUATION_HU = {"laa950": -950, "laa910": -910, "laa856": -856}
"""Low-attenuation areas: the share of the lung below these HU. Sources: docs/measurements.md."""
HIGH_ATTENUATION_HU = (-600, -250)
"""High-attenuation area: the share of the lung from the first HU to the second."""


@dataclass(frozen=True, eq=False)
class Histogram:
    """Volume of each HU: `ml[i]` is that at `lowest_hu + i`; `voxel_ml` that of a voxel."""

    lowest_hu: int
    ml: Array
    voxel_ml: float

    @property
    def hu(self) -> Array:
        """The HU of each entry."""
        return self.lowest_hu + np.arange(len(self.ml), dtype=np.float64)

    @property
    def volume_ml(self) -> float:
        """Volume of the region."""
        return float(self.ml.sum())

    @property
    def mass_g(self) -> float:
        """Mass, with (HU + 1000) / 1000 g/ml as density: air has none, water has 1 g/ml."""
        return float(self.ml @ (self.hu + 1000.0)) / 1000.0

    @property
    def mean_hu(self) -> float:
        """Mean HU."""
        return float(self.ml @ self.hu) / self.volume_ml

    def percentile_hu(self, percent: float) -> float:
        """The HU below which `percent` of the volume lies, as `numpy.percentile` (linear)."""
        present = np.flatnonzero(self.ml)
        counts = np.cumsum(self.ml[present]) / self.voxel_ml  # voxels up to each HU
        place = percent / 100.0 * (counts[-1] - 1.0)
        lower = float(np.floor(place + 1e-9))
        ranks = np.searchsorted(counts, [lower + 0.5, lower + 1.5])
        low, high = present[np.minimum(ranks, len(present) - 1)]
        return float(self.lowest_hu + low + max(0.0, place - lower) * (high - low))

    def below(self, hu: float) -> float:
        """Share of the volume below a HU, 0 to 1."""
        return float(self.ml[self.hu < hu].sum()) / self.volume_ml

    def between(self, low_hu: float, high_hu: float) -> float:
        """Share of the volume at or above `low_hu` and below `high_hu`, 0 to 1."""
        return float(self.ml[(self.hu >= low_hu) & (self.hu < high_hu)].sum()) / self.volume_ml

    def measures(self) -> dict[str, float]:
        """All measures of density by name; percentages from 0 to 100."""
        return {
            "ml": self.volume_ml,
            "mass_g": self.mass_g,
            "mean_hu": self.mean_hu,
            "median_hu": self.percentile_hu(50.0),
            "perc15_hu": self.percentile_hu(15.0),
            **{
                f"{name}_percent": 100.0 * self.below(hu) for name, hu in LOW_ATTENUATION_HU.items()
            },
            "haa_percent": 100.0 * self.between(*HIGH_ATTENUATION_HU),
        }

"""Resample slices to a network's input and its output back, for training and for use alike."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]


@dataclass(frozen=True)
class NetInput:
    """A square of `size` × `size` pixels.

    The longer side of the slice (in mm) fills the square and the other is centred; the rest is air.
    Down-sampling is a linear filter as wide as the new pixel, so that noise does not alias; a slice
    that is smaller than the square is interpolated linearly. With scaling `window`, HU are clipped
    and scaled to 0 … 1 first, so that metal and padding do not spread; with `none` the network gets
    HU.
    """

    size: int = 256
    low_hu: float = -1000.0
    high_hu: float = 400.0
    scaling: Literal["window", "none"] = "window"

    @property
    def air(self) -> float:
        """The value for air, and for the area outside the slice."""
        if self.scaling == "window":
            return 0.0
        return self.low_hu

    @property
    def span(self) -> float:
        """The difference of the values of `high_hu` and `low_hu`."""
        if self.scaling == "window":
            return 1.0
        return self.high_hu - self.low_hu

    def as_json(self) -> dict[str, Any]:
        """Plain values for `model.json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "NetInput":
        """The input that `as_json` wrote."""
        scaling = value.get("scaling", "window")
        return cls(int(value["size"]), float(value["low_hu"]), float(value["high_hu"]), scaling)

    def show(self, hu: NDArray[np.int16], spacing_mm: Sequence[float]) -> Float:
        """HU `(rows, columns)` as the network's input, float32 `(size, size)`.

        Padding is filled with air; the spacing is `[row, column]`.
        """
        # resampled above air, because what lies outside the slice comes out as 0
        if self.scaling == "none":
            return self._resampled(hu.astype(np.float32) - self.air, spacing_mm) + np.float32(
                self.air
            )
        scaled = (hu.astype(np.float32) - self.low_hu) / (self.high_hu - self.low_hu)
        np.clip(scaled, 0.0, 1.0, out=scaled)
        return self._resampled(scaled, spacing_mm)

    def show_mask(self, lungs: NDArray[np.bool_], spacing_mm: Sequence[float]) -> Float:
        """A mask to the share of lung in each pixel, float32 `(size, size)` from 0 to 1."""
        return self._resampled(lungs.astype(np.float32), spacing_mm)

    def _resampled(self, picture: Float, spacing_mm: Sequence[float]) -> Float:
        pixel = self._pixel(picture.shape, spacing_mm)
        down = _to_net(picture.shape[0], float(spacing_mm[0]), self.size, pixel)
        across = _to_net(picture.shape[1], float(spacing_mm[1]), self.size, pixel)
        return _applied(down, across, picture)

    def answer(
        self, probability: Float, shape: Sequence[int], spacing_mm: Sequence[float]
    ) -> Float:
        """The network's output `(size, size)` on the slice's pixels, float32, linear."""
        pixel = self._pixel(shape, spacing_mm)
        down = _from_net(shape[0], float(spacing_mm[0]), self.size, pixel)
        across = _from_net(shape[1], float(spacing_mm[1]), self.size, pixel)
        return _applied(down, across, probability)

    def _pixel(self, shape: Sequence[int], spacing_mm: Sequence[float]) -> float:
        return max(n * float(mm) for n, mm in zip(shape, spacing_mm, strict=True)) / self.size


def _applied(down: Any, across: Any, picture: Float) -> Float:
    """Apply the sparse weights of both axes, at a hundredth of the dense product's cost."""
    return np.ascontiguousarray((across @ (down @ picture).T).T, dtype=np.float32)


@lru_cache(maxsize=32)
def _to_net(number: int, step_mm: float, size: int, pixel_mm: float) -> Any:
    """Weights `(size, number)` of a triangle filter as wide as the wider of both pixels.

    Rows sum to 1 inside the slice, and to 0 outside.
    """
    centres = (np.arange(size) - (size - 1) / 2) * pixel_mm / step_mm + (number - 1) / 2
    return _triangles(centres, number, max(1.0, pixel_mm / step_mm))


@lru_cache(maxsize=32)
def _from_net(number: int, step_mm: float, size: int, pixel_mm: float) -> Any:
    """Weights `(number, size)` of linear interpolation."""
    centres = (np.arange(number) - (number - 1) / 2) * step_mm / pixel_mm + (size - 1) / 2
    return _triangles(np.clip(centres, 0, size - 1), size, 1.0)


def _triangles(centres: NDArray[Any], number: int, half_width: float) -> Any:
    from scipy.sparse import csr_array

    distance = np.abs(np.arange(number)[None, :] - centres[:, None])
    weights = np.clip(1.0 - distance / half_width, 0.0, None)
    total = weights.sum(axis=1, keepdims=True)
    inside = (centres > -0.5 - 1e-9) & (centres < number - 0.5 + 1e-9)
    shares = np.divide(
        weights, total, out=np.zeros_like(weights), where=(total > 0) & inside[:, None]
    )
    return csr_array(shares.astype(np.float32))

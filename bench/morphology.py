"""Dilation by shifted lines of a ball, beside what a user would take instead: `python
bench/morphology.py`.

Beside it: a Euclidean distance transform and a threshold (`edt`), and scipy's binary dilation with
a ball. All three give the same voxels. CPU milliseconds, the fastest of three; prints a Markdown
table.
"""

import time
from collections.abc import Callable

import numpy as np
from scipy import ndimage

from pleura.geometry.morphology import depth_mm, dilated

CASES = (
    ("sample of the gate", (48, 170, 170), (7.5, 2.9, 2.9), (3.0, 9.0)),
    ("network's lattice", (96, 128, 128), (3.5, 3.5, 3.5), (3.5, 7.0)),
    ("full resolution", (133, 300, 400), (2.5, 0.7, 0.7), (3.0, 6.0)),
)


def main() -> None:
    """Print the table."""
    print("| array | radius mm | lines | edt | scipy |\n|---|---|---|---|---|")
    noise = np.random.default_rng(0)
    for name, shape, spacing, radii in CASES:
        mask = ndimage.gaussian_filter(noise.standard_normal(shape), 3) > 0.01
        for radius in radii:
            ball = ball_of(spacing, radius)
            ways: list[Callable[[], np.ndarray]] = [
                lambda mask=mask, spacing=spacing, radius=radius: dilated(mask, spacing, radius),
                lambda mask=mask, spacing=spacing, radius=radius: (
                    depth_mm(~mask, spacing) <= radius
                ),
                lambda mask=mask, ball=ball: ndimage.binary_dilation(mask, ball),
            ]
            results, costs = zip(*map(timed, ways), strict=True)
            assert all(np.array_equal(result, results[0]) for result in results)
            cells = " | ".join(f"{1000 * cost:.0f}" for cost in costs)
            print(f"| {name} | {radius} | {cells} |")


def ball_of(spacing: tuple[float, float, float], radius: float) -> np.ndarray:
    """A structuring element: every offset within the radius."""
    axes = [np.arange(-int(radius / mm), int(radius / mm) + 1) * mm for mm in spacing]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return z**2 + y**2 + x**2 <= radius**2 * (1 + 1e-6)


def timed(way: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    """The result, and CPU seconds of the fastest of three."""
    costs = []
    for _ in range(3):
        began = time.process_time()
        result = way()
        costs.append(time.process_time() - began)
    return result, min(costs)


if __name__ == "__main__":
    main()

"""Tubes: straight pieces with round ends, for vessels and airways, and their cut by one slice."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.phantom.body import Body

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Tubes:
    """Straight tubes with round ends: `start` and `end` `(n, 3)` as (x, y, z) in mm, `radius`
    `(n,)` in mm.
    """

    start: Floats
    end: Floats
    radius: Floats

    def section(
        self, x: NDArray[Any], y: NDArray[Any], z: float, *, wider_mm: float = 0.0
    ) -> NDArray[np.bool_]:
        """Where the plane at `z` lies in a tube: bool `[row, column]` for columns at `x` and rows
        at `y` (rising, mm).

        `wider_mm` is added to every radius, as the wall of an airway.
        """
        cut = np.zeros((len(y), len(x)), dtype=np.bool_)
        radius = self.radius + wider_mm
        low, high = np.minimum(self.start, self.end), np.maximum(self.start, self.end)
        for i in np.flatnonzero((low[:, 2] - radius < z) & (high[:, 2] + radius > z)).tolist():
            first, last = self._near(i, z, radius[i])
            columns = slice(*np.searchsorted(x, (first[0], last[0])))
            rows = slice(*np.searchsorted(y, (first[1], last[1])))
            if columns.start == columns.stop or rows.start == rows.stop:
                continue
            along = self.end[i] - self.start[i]
            px, py, pz = (
                x[None, columns] - self.start[i, 0],
                y[rows, None] - self.start[i, 1],
                z - self.start[i, 2],
            )
            t = np.clip((px * along[0] + py * along[1] + pz * along[2]) / (along @ along), 0, 1)
            square = (px - t * along[0]) ** 2 + (py - t * along[1]) ** 2 + (pz - t * along[2]) ** 2
            cut[rows, columns] |= square < radius[i] ** 2
        return cut

    def _near(self, i: int, z: float, radius: float) -> tuple[Floats, Floats]:
        """Corners (x, y) of a box around tube `i` near the plane at `z`."""
        along = self.end[i] - self.start[i]
        ends = np.array([0.0, 1.0])
        if abs(along[2]) > 1e-9:
            ends = np.clip((z + np.array([-radius, radius]) - self.start[i, 2]) / along[2], 0, 1)
        points = self.start[i, :2] + ends[:, None] * along[:2]
        return points.min(axis=0) - radius, points.max(axis=0) + radius


def hilum(body: Body, side: int) -> Floats:
    """The point where the vessels and the bronchus enter the lung: `side` -1 right, +1 left."""
    return np.array([side * 33.0 + 3.0, 2.0, 0.06 * body.lung_height])


def airways(body: Body) -> Tubes:
    """Trachea and the two main bronchi."""
    carina = np.array([3.0, 6.0, 0.14 * body.lung_height])
    above = np.array([0.0, -12.0, body.top + 150.0])
    radius = body.trachea_radius
    return Tubes(
        start=np.array([above, carina, carina]),
        end=np.array([carina, hilum(body, -1), hilum(body, +1)]),
        radius=np.array([radius, 0.72 * radius, 0.66 * radius]),
    )


def vessels(body: Body) -> Tubes:
    """The vessels of both lungs: trees that fork four times from the hilum, each branch thinner."""
    rng = np.random.default_rng([body.seed, 2])
    pieces: list[tuple[Floats, Floats, float]] = []
    for side in (-1, 1):
        root = hilum(body, side)
        for _ in range(10):
            heading = np.array(
                [side * rng.uniform(0.2, 1.0), rng.uniform(-0.9, 0.9), rng.uniform(-1.2, 1.0)]
            )
            growing = [(root, heading / np.linalg.norm(heading))]
            length, radius = rng.uniform(30, 42), rng.uniform(4.0, 6.0)
            for _ in range(4):
                forks = []
                for point, direction in growing:
                    tip = point + direction * length
                    pieces.append((point, tip, radius))
                    for _ in range(2):
                        turned = direction + rng.normal(0, 0.42, 3)
                        forks.append((tip, turned / np.linalg.norm(turned)))
                growing, length, radius = forks, length * 0.8, radius * 0.64
    return Tubes(
        start=np.array([p[0] for p in pieces]),
        end=np.array([p[1] for p in pieces]),
        radius=np.array([p[2] for p in pieces]),
    )

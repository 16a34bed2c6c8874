"""Contours of one plane beside shapely: `python bench/contours.py [COUNT]` (`pip install shapely`).

Random polygons are doubled, shifted, split, reversed and nested; the area of our pixels is held
against the area of shapely's union, holes taken out. The table has the largest difference of each
way, in percent; 0.1 is the limit.
"""

import sys
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon
from shapely.ops import unary_union

from pleura.labels.nesting import combine

SHAPE, CENTRE, RADIUS, LIMIT = (1000, 1000), (500.0, 500.0), 300.0, 0.1
Points = NDArray[np.float64]
Made = tuple[Sequence[Points], float]


def star(rng: np.random.Generator) -> Points:
    """A polygon without crossings round the centre."""
    angles = np.sort(rng.uniform(0, 2 * np.pi, 60))
    radii = RADIUS * (1 + 0.3 * rng.uniform(-1, 1, 60))
    return np.stack([CENTRE[0] + radii * np.sin(angles), CENTRE[1] + radii * np.cos(angles)], 1)


def scaled(points: Points, factor: float) -> Points:
    return np.array(CENTRE) + (points - np.array(CENTRE)) * factor


def union(*polygons: Points) -> float:
    return float(unary_union([Polygon(points) for points in polygons]).area)


def shifted(one: Points, rng: np.random.Generator) -> Made:
    other = one + rng.uniform(30, 100, 2)
    return [one, other], union(one, other)


def split(one: Points, rng: np.random.Generator) -> Made:
    at, middle = int(rng.integers(10, 50)), np.array([CENTRE])
    parts = [np.vstack([middle, one[: at + 1]]), np.vstack([middle, one[at:], one[:1]])]
    return parts, union(*parts)


def nested(one: Points, rng: np.random.Generator) -> Made:
    hole = scaled(one, rng.uniform(0.3, 0.8))
    return [hole, one[::-1]], union(one) - union(hole)


def island(one: Points, rng: np.random.Generator) -> Made:
    hole, inner = scaled(one, 0.7), scaled(one, rng.uniform(0.2, 0.5))
    return [inner, one, hole, one], union(one) - union(hole) + union(inner)


WAYS: dict[str, Callable[[Points, np.random.Generator], Made]] = {
    "doubled": lambda one, rng: ([one, one], union(one)),
    "doubled, reversed": lambda one, rng: ([one, one[::-1]], union(one)),
    "doubled, from another point": lambda one, rng: ([one, np.roll(one, 17, axis=0)], union(one)),
    "shifted": shifted,
    "split": split,
    "nested": nested,
    "nested twice, one doubled": island,
}


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    worst = dict.fromkeys(WAYS, 0.0)
    tried = dict.fromkeys(WAYS, 0)
    for seed in range(count):
        rng = np.random.default_rng(seed)
        name = list(WAYS)[seed % len(WAYS)]
        contours, area = WAYS[name](star(rng), rng)
        found = np.count_nonzero(combine(contours, SHAPE).mask)
        worst[name] = max(worst[name], abs(found / area - 1) * 100)
        tried[name] += 1
    print("| contours | polygons | largest difference [%] |\n|---|---|---|")
    for name, difference in worst.items():
        print(f"| {name} | {tried[name]} | {difference:.3f} |")
    sys.exit(any(difference > LIMIT for difference in worst.values()))


if __name__ == "__main__":
    main()

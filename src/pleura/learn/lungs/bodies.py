"""Synthetic training volumes: chests of `pleura.phantom`, and bodies without lungs.

Bodies without lungs are a head, a pelvis, legs and an empty couch.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.geometry.resample import along_axis
from pleura.learn.lungs.corpus import AIR_HU, SPACING_MM, TrainingVolume

Floats = NDArray[np.float32]
Axes = tuple[Floats, Floats, Floats]

AIR, FAT, MUSCLE, ORGAN, BONE, MARROW = -1000.0, -95.0, 55.0, 45.0, 500.0, 190.0


def synthetic_chest(seed: int) -> TrainingVolume:
    """A phantom chest with its exact lungs, from children to obese adults."""
    from pleura.phantom.anatomy import chest

    rng = np.random.default_rng([seed, 101])
    size = float(rng.choice([0.6, 0.8, 1.0, 1.0, 1.0, 1.1]))
    width, depth = rng.uniform(112, 142) * size, rng.uniform(72, 100) * size
    slices = int(rng.integers(150, 190))
    columns = int(rng.choice([210, 210, 290]))  # the widest shows the arms beside the chest
    volume, mask = chest(
        (slices, 170, columns),
        (SPACING_MM, SPACING_MM, SPACING_MM),
        seed=seed,
        lung_height=float(rng.uniform(170, 270) * size),
        cavity_width=float(width),
        cavity_depth=float(depth),
        fat=float(rng.uniform(3, 35)),
        lung_hu=float(rng.uniform(-900, -680)),
        noise_hu=float(rng.uniform(3, 15)),
        couch=bool(rng.random() < 0.7),
    )
    labels = mask.labels
    x, y, z = (float(value) for value in volume.grid.affine[:3, 3])
    return TrainingVolume(
        f"phantom_{seed:03d}",
        f"phantom_{seed:03d}",
        np.maximum(volume.filled(), AIR_HU),
        (labels == 1) * np.uint8(255),
        (labels == 2) * np.uint8(255),
        np.zeros(labels.shape, dtype=np.uint8),
        (x, y, z),
    )


def without_lungs(seed: int) -> TrainingVolume:
    """A body part without lung, drawn by `seed`: head, pelvis, legs or an empty couch."""
    rng = np.random.default_rng([seed, 102])
    draw: Callable[[Axes, Floats, np.random.Generator], None]
    draw = (_head, _pelvis, _legs, _empty)[seed % 4]
    shape = (int(rng.integers(60, 150)), 140, 190)
    z, y, x = (
        along_axis(np.arange(n, dtype=np.float32) - (n - 1) / 2, axis)
        for axis, n in enumerate(shape)
    )
    axes: Axes = (z * SPACING_MM, y * SPACING_MM, x * SPACING_MM)
    hu = np.full(shape, AIR, dtype=np.float32)
    draw(axes, hu, rng)
    _couch(axes, hu, rng)
    hu += rng.normal(0, rng.uniform(3, 15), shape).astype(np.float32)
    none = np.zeros(shape, dtype=np.uint8)
    rounded = np.clip(np.rint(hu), AIR_HU, 3071).astype(np.int16)
    return TrainingVolume(
        f"negative_{seed:03d}", f"negative_{seed:03d}", rounded, none, none, none, (0.0, 0.0, 0.0)
    )


def _fill(
    hu: Floats, axes: Axes, value: float | Floats, centre: Any, radii: Any, power: float = 2.0
) -> None:
    """Fill an ellipsoid `[z, y, x]` in mm.

    An infinite radius makes a cylinder, a higher power a box.
    """
    terms = [
        np.abs((axis - c) / r) ** power for axis, c, r in zip(axes, centre, radii, strict=True)
    ]
    np.copyto(hu, value, where=terms[0] + terms[1] + terms[2] < 1, casting="same_kind")


def _head(axes: Axes, hu: Floats, rng: np.random.Generator) -> None:
    """Skull with brain, sinuses, mastoid cells and pharynx, and a neck below."""
    endless = np.inf
    top = float(rng.uniform(-20, 90))
    scale = float(rng.uniform(0.75, 1.05))

    def at(z: float, y: float, x: float) -> tuple[float, float, float]:
        return (top + z * scale, y * scale, x * scale)

    def size(*radii: float) -> list[float]:
        return [radius * scale for radius in radii]

    below = axes[0] < top - 60 * scale
    neck = np.full_like(hu, AIR)
    _fill(neck, axes, FAT, (0, 10, 0), (endless, 62, 66))
    _fill(neck, axes, MUSCLE, (0, 10, 0), (endless, 56, 60))
    _fill(neck, axes, BONE, (0, 25, 0), (endless, 13, 15))
    _fill(neck, axes, AIR, (0, -22, 0), (endless, 9, 10))
    np.copyto(hu, neck, where=np.broadcast_to(below, hu.shape))
    _fill(hu, axes, MUSCLE, at(-50, -25, 0), size(75, 68, 68))
    for z, y, x, r in ((0, 0, 0, 1.0), (0, 0, 0, 0.97)):
        _fill(hu, axes, MUSCLE if r == 1.0 else BONE, at(z, y, x), size(82 * r, 96 * r, 76 * r))
    _fill(hu, axes, 35.0, at(0, 0, 0), size(72, 86, 66))
    _fill(hu, axes, BONE, at(-62, -10, 0), size(18, 70, 62))
    gas = float(rng.uniform(-1000, -940))
    for side in (-1, 1):
        _fill(hu, axes, gas, at(-72, -70, 28 * side), size(19, 17, 15))
        _fill(hu, axes, gas, at(-28, -84, 14 * side), size(12, 6, 13))
        cells = np.where(rng.random(hu.shape) < 0.5, -800.0, 300.0).astype(np.float32)
        _fill(hu, axes, cells, at(-58, 20, 56 * side), size(22, 18, 12))
    _fill(hu, axes, gas, at(-70, -75, 0), size(26, 30, 9))
    _fill(hu, axes, gas, at(-100, -35, 0), size(45, 10, 12))


def _pelvis(axes: Axes, hu: Floats, rng: np.random.Generator) -> None:
    """Trunk below the lungs: organs, spine, iliac bones, bowel with gas and mottled stool."""
    width, depth = float(rng.uniform(130, 185)), float(rng.uniform(90, 128))
    fat = float(rng.uniform(6, 40))
    endless = np.inf
    _fill(hu, axes, FAT, (0, 0, 0), (endless, depth, width), 2.3)
    _fill(hu, axes, MUSCLE, (0, 0, 0), (endless, depth - fat, width - fat), 2.3)
    _fill(hu, axes, -90.0, (0, -5, 0), (endless, depth - fat - 18, width - fat - 18), 2.3)
    _fill(hu, axes, MARROW, (0, depth - fat - 42, 0), (endless, 20, 24))
    _fill(hu, axes, 60.0, (float(rng.uniform(-60, 160)), -10, -60), (90, 70, 75))
    for side in (-1, 1):
        _fill(hu, axes, 50.0, (0, depth - fat - 45, 38 * side), (endless, 22, 20))
        _fill(hu, axes, BONE, (-70, 25, (width - fat - 45) * side), (70, 50, 11))
        _fill(hu, axes, 180.0, (float(rng.uniform(0, 120)), 45, 75 * side), (55, 28, 26))
    mottled = (-450 + 350 * rng.standard_normal(hu.shape)).astype(np.float32)
    for _ in range(int(rng.integers(8, 40))):
        centre = (
            rng.uniform(-140, 140),
            rng.uniform(-depth + fat + 30, 20),
            rng.uniform(-0.7, 0.7) * (width - fat),
        )
        radius = rng.uniform(8, 38)
        radii = radius * rng.uniform(0.6, 1.3, 3)
        value = mottled if rng.random() < 0.3 else float(rng.uniform(-1000, -900))
        _fill(hu, axes, 40.0, centre, radii + 4)
        _fill(hu, axes, value, centre, radii)


def _legs(axes: Axes, hu: Floats, rng: np.random.Generator) -> None:
    """Two legs (or arms) with air between them."""
    radius = float(rng.uniform(38, 85))
    gap = radius + float(rng.uniform(-4, 18))
    endless = np.inf
    for side in (-1, 1):
        for value, r in ((FAT, radius), (MUSCLE, radius * 0.85), (BONE, 16.0), (MARROW, 9.0)):
            _fill(hu, axes, value, (0, 0, gap * side), (endless, r, r))


def _empty(axes: Axes, hu: Floats, rng: np.random.Generator) -> None:
    """Nothing, or a water cylinder with holes (a quality phantom)."""
    if rng.random() < 0.5:
        radius = float(rng.uniform(60, 120))
        _fill(hu, axes, float(rng.uniform(0, 100)), (0, 0, 0), (np.inf, radius, radius))
        for _ in range(int(rng.integers(0, 6))):
            centre = (0, *rng.uniform(-0.6, 0.6, 2) * radius)
            _fill(hu, axes, float(rng.uniform(-1000, 900)), centre, (np.inf, 12, 12))


def _couch(axes: Axes, hu: Floats, rng: np.random.Generator) -> None:
    """A curved hollow couch behind the body."""
    if rng.random() < 0.2:
        return
    solid = np.flatnonzero((hu > -500).any(axis=(0, 2)))
    back = float(axes[1].ravel()[solid[-1]]) if solid.size else float(rng.uniform(0, 90))
    top = back + rng.uniform(0, 12) - rng.uniform(0, 40) * (axes[2] / 190) ** 2
    depth = axes[1] - top
    thickness, shell = rng.uniform(20, 70), rng.uniform(2, 5)
    reach = np.abs(axes[2]) < 180
    inside = (depth > 0) & (depth < thickness) & reach & (hu < -500)
    core = inside & (depth > shell) & (depth < thickness - shell)
    np.copyto(hu, np.float32(rng.uniform(-200, 100)), where=inside)
    np.copyto(hu, np.float32(rng.uniform(-990, -700)), where=core)

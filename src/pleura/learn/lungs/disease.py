"""Paint disease into healthy lungs, with the correct label.

Convention (RTOG 1106): consolidated, collapsed and fibrotic lung stays lung (consolidated and
collapsed lung as dense lung); effusion, pleural air and masses over 3 cm become background.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import ndimage

from pleura.learn.lungs.samples import (
    BACKGROUND,
    LEFT,
    NETWORK_MM,
    RIGHT,
    Bools,
    Floats,
    Labels,
    Sample,
    smooth_noise,
)

MIN_LUNG_VOXELS = 2000
FLUID_HU = (-5.0, 22.0)
"""[HU] Pleural fluid. Airless lung starts at 25 HU: by that the network separates them."""
Painter = Callable[[Sample, Bools, np.random.Generator], Sample]


def one_lung(sample: Sample, rng: np.random.Generator) -> Bools | None:
    """Aerated lung of a random side, or `None` where there is too little."""
    sides = [
        side for side in (RIGHT, LEFT) if np.count_nonzero(sample.label == side) >= MIN_LUNG_VOXELS
    ]
    if not sides:
        return None
    return np.asarray(sample.label == sides[int(rng.integers(len(sides)))])


def as_dense(label: Labels, where: Bools) -> Labels:
    """Labels with aerated lung in `where` changed to dense lung of the same side."""
    return np.where(where & ((label == RIGHT) | (label == LEFT)), label + 2, label).astype(np.uint8)


def blend(hu: Floats, where: Bools, values: Floats | float) -> Floats:
    """HU with `values` in `where`, with the edge softened over about a voxel, as a scanner does."""
    share = ndimage.uniform_filter(where.astype(np.float32), 2)
    share = np.where(where, np.maximum(share, 0.75), 0).astype(np.float32)
    return np.asarray(hu + share * (values - hu), dtype=np.float32)


def lowest_part(score: Floats, lung: Bools, share: float) -> Bools:
    """The `share` of `lung` where `score` is lowest."""
    limit = np.quantile(score[lung][::7], share)
    return lung & (score <= limit)


def _plane(shape: tuple[int, ...], rng: np.random.Generator, rough: float = 12.0) -> Floats:
    """Height over a random plane in voxels, with a rough surface, to cut lobes and segments."""
    direction = rng.standard_normal(3)
    direction /= np.linalg.norm(direction)
    axes = np.ogrid[tuple(slice(n) for n in shape)]
    flat = sum(np.float32(d) * a.astype(np.float32) for d, a in zip(direction, axes, strict=True))
    return np.asarray(
        flat + rough / NETWORK_MM * smooth_noise(shape, (5, 5, 5), rng), dtype=np.float32
    )


def _level(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Height in voxels over the back of a lying patient, tilted and uneven."""
    axes = np.ogrid[tuple(slice(n) for n in shape)]
    tilt = np.float32(rng.uniform(-0.5, 0.5))
    flat = -axes[1].astype(np.float32) + tilt * axes[0]
    return np.asarray(flat + 1.5 * smooth_noise(shape, (4, 4, 4), rng), dtype=np.float32)


def _one_or_both(sample: Sample, lung: Bools, rng: np.random.Generator) -> Bools:
    """The lung, or in three of ten samples both lungs."""
    if rng.random() < 0.7:
        return lung
    return np.asarray((sample.label == RIGHT) | (sample.label == LEFT))


def consolidation(sample: Sample, lung: Bools, rng: np.random.Generator) -> Sample:
    """Airless lung of 25-65 HU (more with contrast) with air bronchograms: dense lung.

    It lies at the back, as fluid does, or beyond a random plane.
    """
    lung = _one_or_both(sample, lung, rng)
    behind = rng.random() < 0.4
    height = _level(lung.shape, rng) if behind else _plane(lung.shape, rng)
    where = lowest_part(height, lung, float(rng.uniform(0.08, 1.0)))
    base = rng.uniform(25, 65) + (rng.uniform(20, 80) if rng.random() < 0.3 else 0)
    values = base + 15 * smooth_noise(lung.shape, (12, 12, 12), rng)
    if rng.random() < 0.6:
        cells = tuple(n // 4 + 2 for n in lung.shape)
        bronchi = np.abs(smooth_noise(lung.shape, cells, rng)) < rng.uniform(0.03, 0.12)
        values = np.where(bronchi, np.float32(rng.uniform(-850, -300)), values)
    return replace(sample, hu=blend(sample.hu, where, values), label=as_dense(sample.label, where))


def patchy(sample: Sample, lung: Bools, rng: np.random.Generator) -> Sample:
    """Patches from ground glass to consolidation in both lungs, as in viral pneumonia.

    They are dense lung where airless.
    """
    lungs = (sample.label == RIGHT) | (sample.label == LEFT)
    cells = tuple(max(3, int(n * NETWORK_MM / rng.uniform(25, 60))) for n in lung.shape)
    field = smooth_noise(lung.shape, cells, rng) + rng.uniform(-0.8, 0.6)  # type: ignore[arg-type]
    if rng.random() < 0.5:  # most at the rim
        depth_mm = ndimage.distance_transform_edt(lungs) * NETWORK_MM
        field = field + np.clip(1 - depth_mm / rng.uniform(10, 30), -1, 1)
    filling = np.clip(field * rng.uniform(0.5, 2.0), 0, 1) * lungs
    hu = sample.hu + filling * (rng.uniform(0, 60) - sample.hu)
    hu = np.where(filling > 0, hu, sample.hu).astype(np.float32)
    dense = (filling > 0.85) & lungs
    unsure = (filling > 0.65) & ~dense
    return replace(
        sample,
        hu=hu,
        label=as_dense(sample.label, dense),
        density_unknown=sample.density_unknown | unsure,
    )


def ground_glass(sample: Sample, lung: Bools, rng: np.random.Generator) -> Sample:
    """Ground glass or fibrosis: denser aerated lung with coarse texture, at the edges or
    everywhere.
    """
    lungs = (sample.label == RIGHT) | (sample.label == LEFT)
    where = lowest_part(_plane(lung.shape, rng, 30.0), lungs, float(rng.uniform(0.2, 1.0)))
    cells = tuple(n // 2 + 2 for n in lung.shape)
    texture = rng.uniform(0, 150) * smooth_noise(lung.shape, cells, rng)
    values = np.clip(sample.hu + rng.uniform(80, 450) + texture, -980, 100)
    return replace(sample, hu=np.where(where, values, sample.hu).astype(np.float32))


def emphysema(sample: Sample, lung: Bools, rng: np.random.Generator) -> Sample:
    """Holes near the density of air, and bullae: lung."""
    lungs = (sample.label == RIGHT) | (sample.label == LEFT)
    cells = tuple(n // 3 + 2 for n in lung.shape)
    holes = lungs & (smooth_noise(lung.shape, cells, rng) > rng.uniform(0.0, 1.2))
    hu = np.where(holes & (sample.hu < -500), np.float32(rng.uniform(-990, -940)), sample.hu)
    return replace(sample, hu=hu.astype(np.float32))


def effusion(sample: Sample, lung: Bools, rng: np.random.Generator) -> Sample:
    """Fluid behind, or below a rough plane: background.

    A strip of lung along it is dense.
    """
    lung = _one_or_both(sample, lung, rng)
    behind = rng.random() < 0.75
    height = _level(lung.shape, rng) if behind else _plane(lung.shape, rng)
    share = float(rng.uniform(0.04, 0.9))
    fluid = lowest_part(height, lung, share)
    strip_mm = rng.uniform(0, 25)
    near = ndimage.distance_transform_edt(~fluid) * NETWORK_MM < strip_mm
    collapsed = lung & near & ~fluid
    hu = blend(sample.hu, collapsed, float(rng.uniform(25, 90)))
    hu = blend(hu, fluid, float(rng.uniform(*FLUID_HU)))
    label = as_dense(sample.label, collapsed)
    label[fluid] = BACKGROUND
    return replace(sample, hu=hu, label=label)


def collapse(sample: Sample, lung: Bools, rng: np.random.Generator) -> Sample:
    """A lung collapsed towards the hilum in a chest full of fluid: dense lung in background."""
    inside = ndimage.distance_transform_edt(lung).astype(np.float32)
    centre = np.array([index.mean() for index in np.nonzero(lung)])
    middle = lung.shape[2] / 2
    centre[2] += np.sign(middle - centre[2]) * rng.uniform(3, 9)
    axes = np.ogrid[tuple(slice(n) for n in lung.shape)]
    away = sum(((a - c) / s) ** 2 for a, c, s in zip(axes, centre, (1.6, 1.0, 1.0), strict=True))
    score = (
        np.sqrt(away).astype(np.float32)
        + 2 * smooth_noise(lung.shape, (6, 6, 6), rng)
        - 0.1 * inside
    )
    core = lowest_part(score, lung, float(rng.uniform(0.12, 0.6)))
    fluid = lung & ~core
    hu = blend(sample.hu, fluid, float(rng.uniform(*FLUID_HU)))
    aerated = rng.random() < 0.5
    label = sample.label.copy()
    if not aerated:
        hu = blend(hu, core, float(rng.uniform(30, 100)))
        label = as_dense(label, core)
    label[fluid] = BACKGROUND
    return replace(sample, hu=hu, label=label)


def _ball(lung: Bools, radius_mm: float, rng: np.random.Generator) -> Bools:
    """An irregular ball around a random voxel of the lung."""
    flat = np.flatnonzero(lung)
    centre = np.unravel_index(flat[int(rng.integers(flat.size))], lung.shape)
    axes = np.ogrid[tuple(slice(n) for n in lung.shape)]
    away = sum((a - c).astype(np.float32) ** 2 for a, c in zip(axes, centre, strict=True))
    uneven = 1 + 0.15 * smooth_noise(lung.shape, (8, 8, 8), rng)
    return np.asarray(np.sqrt(away) * NETWORK_MM < radius_mm * uneven)


def mass(sample: Sample, lung: Bools, rng: np.random.Generator) -> Sample:
    """A solid mass over 3 cm: background. Its rim is ignored."""
    ball = _ball(lung, float(rng.uniform(17, 45)), rng)
    lungs = sample.label > 0
    inside = ball & lungs
    hu = blend(sample.hu, inside, float(rng.uniform(15, 80)))
    label = sample.label.copy()
    label[inside] = BACKGROUND
    return replace(sample, hu=hu, label=label)


def nodule(sample: Sample, lung: Bools, rng: np.random.Generator) -> Sample:
    """A solid nodule under 3 cm: lung, with density unknown."""
    inside = _ball(lung, float(rng.uniform(4, 13)), rng) & (sample.label > 0)
    hu = blend(sample.hu, inside, float(rng.uniform(0, 80)))
    return replace(sample, hu=hu, density_unknown=sample.density_unknown | inside)


def pneumothorax(sample: Sample, lung: Bools, rng: np.random.Generator) -> Sample:
    """Air in the front of the pleural space: background. The lung behind it loses air."""
    axes = np.ogrid[tuple(slice(n) for n in lung.shape)]
    height = axes[1].astype(np.float32) - np.float32(0.2) * axes[0]
    score = np.asarray(height + 2 * smooth_noise(lung.shape, (5, 5, 5), rng), dtype=np.float32)
    free = lowest_part(score, lung, float(rng.uniform(0.1, 0.6)))
    rest = lung & ~free
    hu = np.where(rest, sample.hu + np.float32(rng.uniform(0, 250)), sample.hu)
    edge = rest & ndimage.binary_dilation(free)
    hu = np.where(edge, np.maximum(hu, np.float32(rng.uniform(-700, -300))), hu)
    noise = rng.normal(0, 8, lung.shape)
    hu = np.where(free, -1000 + noise, hu)
    label = sample.label.copy()
    label[free] = BACKGROUND
    return replace(sample, hu=hu.astype(np.float32), label=label)


PAINTERS: dict[str, tuple[Painter, float]] = {
    "consolidation": (consolidation, 0.26),
    "patchy": (patchy, 0.18),
    "ground_glass": (ground_glass, 0.12),
    "emphysema": (emphysema, 0.06),
    "effusion": (effusion, 0.16),
    "collapse": (collapse, 0.08),
    "mass": (mass, 0.06),
    "nodule": (nodule, 0.05),
    "pneumothorax": (pneumothorax, 0.03),
}
"""Painters and their shares among samples with disease."""


def diseased(sample: Sample, rng: np.random.Generator, *, chance: float = 0.5) -> Sample:
    """Paint none, one or two diseases into a sample."""
    names = list(PAINTERS)
    shares = np.array([PAINTERS[name][1] for name in names])
    for again in (chance, chance * 0.4):
        if rng.random() >= again:
            break
        lung = one_lung(sample, rng)
        if lung is None:
            break
        name = names[int(rng.choice(len(names), p=shares / shares.sum()))]
        sample = PAINTERS[name][0](sample, lung, rng)
    return sample

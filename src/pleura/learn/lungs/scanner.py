"""Effects of scanner and surroundings: field of view, slices, noise, couch, gas and metal."""

from dataclasses import replace
from typing import Any

import numpy as np
from scipy import ndimage

from pleura.learn.lungs.corpus import AIR_HU
from pleura.learn.lungs.samples import BACKGROUND, NETWORK_MM, Bools, Sample, smooth_noise


def density(sample: Sample, rng: np.random.Generator) -> Sample:
    """Change the density of lungs (expiration, age), contrast in soft tissue, and calibration."""
    hu = sample.hu
    if rng.random() < 0.4:
        aerated = (sample.label > BACKGROUND) & (hu < -300)
        hu = np.where(aerated, hu + np.float32(rng.uniform(-60, 220)), hu)
    if rng.random() < 0.3:
        enhanced = np.clip(smooth_noise(hu.shape, (7, 7, 7), rng), 0, 2) * rng.uniform(20, 140)
        hu = np.where((hu > 20) & (hu < 150), hu + enhanced, hu)
    offset_hu = rng.uniform(-20, 20) if rng.random() < 0.15 else rng.uniform(-5, 5)
    return replace(sample, hu=(hu + np.float32(offset_hu)).astype(np.float32))


def bowel_gas(sample: Sample, rng: np.random.Generator) -> Sample:
    """Gas or mottled stool in soft tissue, as in stomach and bowel: background."""
    if rng.random() > 0.3:
        return sample
    hu = sample.hu.copy()
    far = ndimage.distance_transform_edt((hu > -200) & (sample.label == BACKGROUND))
    for _ in range(int(rng.integers(1, 6))):
        radius = rng.uniform(6, 32) / NETWORK_MM
        places = np.flatnonzero(far > min(radius + 1, 6))
        if places.size == 0:
            break
        centre = np.unravel_index(places[int(rng.integers(places.size))], hu.shape)
        axes = np.ogrid[tuple(slice(n) for n in hu.shape)]
        stretch = rng.uniform(0.6, 1.5, 3)
        away = sum(
            ((a - c) / s).astype(np.float32) ** 2
            for a, c, s in zip(axes, centre, stretch, strict=True)
        )
        inside = (away < radius**2) & (far > 0.5)
        values: Any = np.float32(rng.uniform(-1000, -880))
        if rng.random() < 0.25:
            values = (rng.uniform(-700, -200) + 250 * rng.standard_normal(hu.shape)).astype(
                np.float32
            )
        hu = np.where(inside, values, hu)
    return replace(sample, hu=hu.astype(np.float32))


def couch(sample: Sample, rng: np.random.Generator) -> Sample:
    """A hollow couch or foam behind the body, seldom in front of it: background."""
    if rng.random() > 0.35:
        return sample
    hu = sample.hu
    front = rng.random() < 0.1
    if front:
        hu = hu[:, ::-1]
    solid = np.flatnonzero((hu > -300).mean(axis=(0, 2)) > 0.04)
    if solid.size == 0:
        return sample
    z, y, x = np.ogrid[tuple(slice(n) for n in hu.shape)]
    across = (x - hu.shape[2] / 2) * NETWORK_MM
    top = solid[-1] - rng.uniform(0, 4) - rng.uniform(0, 45) / NETWORK_MM * (across / 190) ** 2
    depth = (y - top) * NETWORK_MM + 0 * z
    thickness, shell = rng.uniform(15, 75), rng.uniform(2, 6)
    label = sample.label[:, ::-1] if front else sample.label
    free = (hu < -600) & (label == BACKGROUND)
    inside = (depth > 0) & (depth < thickness) & (np.abs(across) < rng.uniform(150, 230)) & free
    core = inside & (depth > shell) & (depth < thickness - shell)
    hu = np.where(inside, np.float32(rng.uniform(-400, 100)), hu)
    hu = np.where(core, np.float32(rng.uniform(-990, -650)), hu)
    return replace(sample, hu=(hu[:, ::-1] if front else hu).astype(np.float32))


def slices(sample: Sample, rng: np.random.Generator) -> Sample:
    """Thick slices (up to about 10 mm), interpolated linearly; or blur in plane."""
    hu = sample.hu
    if rng.random() < 0.3:
        thick = int(rng.integers(2, 4))
        blurred = ndimage.uniform_filter1d(hu, thick, axis=0)
        places = np.arange(int(rng.integers(thick)), hu.shape[0], thick)
        lower = np.clip(
            np.searchsorted(places, np.arange(hu.shape[0]), side="right") - 1, 0, len(places) - 2
        )
        share = np.clip((np.arange(hu.shape[0]) - places[lower]) / thick, 0, 1).astype(np.float32)
        share = share[:, None, None]
        hu = blurred[places[lower]] * (1 - share) + blurred[places[lower + 1]] * share
    chance = rng.random()
    if chance < 0.15:
        hu = ndimage.gaussian_filter(hu, (0, *2 * [rng.uniform(0.3, 0.8)]), truncate=2.5)
    elif chance < 0.3:
        hu = hu + rng.uniform(0.3, 1.2) * (hu - ndimage.uniform_filter(hu, (1, 3, 3)))
    return replace(sample, hu=np.asarray(hu, dtype=np.float32))


def motion(sample: Sample, rng: np.random.Generator) -> Sample:
    """Shift image and labels of bands of slices by some millimetres, as breathing does."""
    if rng.random() > 0.07:
        return sample
    parts = {
        name: getattr(sample, name).copy() for name in ("hu", "label", "ignore", "density_unknown")
    }
    start = 0
    while start < sample.hu.shape[0]:
        stop = start + int(rng.integers(3, 9))
        shift = tuple(int(n) for n in rng.integers(-1, 2, 2))
        for name, array in parts.items():
            array[start:stop] = np.roll(getattr(sample, name)[start:stop], shift, axis=(1, 2))
        start = stop
    return Sample(**parts)


def metal(sample: Sample, rng: np.random.Generator) -> Sample:
    """A piece of metal with streaks in its slices."""
    if rng.random() > 0.06:
        return sample
    hu = sample.hu.copy()
    tissue = np.flatnonzero(hu > 0)
    if tissue.size == 0:
        return sample
    z, y, x = (int(n) for n in np.unravel_index(tissue[int(rng.integers(tissue.size))], hu.shape))
    rows, columns = np.ogrid[: hu.shape[1], : hu.shape[2]]
    away = np.hypot(rows - y, columns - x).astype(np.float32)
    angle = np.arctan2(rows - y, columns - x)
    wave = (
        np.sin(angle * int(rng.integers(6, 20)) + rng.uniform(0, 6))
        * rng.uniform(100, 500)
        * 6
        / (away + 6)
    )
    band = slice(max(0, z - 2), z + 3)
    hu[band] += wave.astype(np.float32)
    hu[band, away < rng.uniform(1, 3)] = 3000
    return replace(sample, hu=hu)


def noise(sample: Sample, rng: np.random.Generator) -> Sample:
    """White or coarse noise, stronger in some slices."""
    strength = rng.uniform(0, 12) if rng.random() < 0.6 else rng.uniform(10, 70)
    grain = rng.standard_normal(sample.hu.shape, dtype=np.float32)
    if rng.random() < 0.4:
        grain = ndimage.uniform_filter(grain, (1, 2, 2)) * 2
    return replace(sample, hu=sample.hu + np.float32(strength) * grain)


def field_of_view(sample: Sample, rng: np.random.Generator) -> Sample:
    """Cut the ends, and the sides by a circle or a square; the rest is air without label."""
    keep: Bools = np.ones(sample.hu.shape, dtype=np.bool_)
    z, y, x = np.ogrid[tuple(slice(n) for n in keep.shape)]
    depth, rows, columns = keep.shape
    if rng.random() < 0.3:
        low, high = rng.uniform(0, 0.5), rng.uniform(0.5, 1)
        keep &= (z >= low * depth * (rng.random() < 0.6)) & (
            z < (high if rng.random() < 0.6 else 1) * depth
        )
    if rng.random() < 0.25:
        centre = rows / 2 + rng.uniform(-10, 10), columns / 2 + rng.uniform(-12, 12)
        radius = rng.uniform(110, 220) / NETWORK_MM
        if rng.random() < 0.6:
            keep &= (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2
        else:
            keep &= (np.abs(y - centre[0]) < radius) & (np.abs(x - centre[1]) < radius)
    hu = np.where(keep, sample.hu, np.float32(AIR_HU))
    return replace(sample, hu=hu, label=np.where(keep, sample.label, BACKGROUND).astype(np.uint8))


STEPS = (density, bowel_gas, couch, motion, metal, slices, noise, field_of_view)


def scanned(sample: Sample, rng: np.random.Generator) -> Sample:
    """Apply all effects, in the order in which they occur."""
    for step in STEPS:
        sample = step(sample, rng)
    return sample

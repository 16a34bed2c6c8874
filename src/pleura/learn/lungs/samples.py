"""Samples for the network: a training volume in a random pose, with its labels."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import grid_sample, interpolate

from pleura.learn.lungs.corpus import AIR_HU, DENSE, DENSITY_UNKNOWN, DOUBTFUL, TrainingVolume

NETWORK_MM = 3.5
"""[mm] Spacing of the network's grid."""
BACKGROUND, RIGHT, LEFT, DENSE_RIGHT, DENSE_LEFT = range(5)
SHAPES = ((64, 64, 96), (48, 80, 96), (80, 48, 96), (64, 80, 80))
"""Shapes of samples with about the same number of voxels; one is drawn for each batch."""

Floats = NDArray[np.float32]
Labels = NDArray[np.uint8]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Sample:
    """One sample `[slice, row, column]`.

    `hu` is float32. `label` is uint8 (0 background, 1 right, 2 left, 3 dense right, 4 dense left).
    Voxels of `ignore` do not count; in voxels of `density_unknown` only lung and side count.
    """

    hu: Floats
    label: Labels
    ignore: Bools
    density_unknown: Bools


@dataclass(frozen=True)
class Pose:
    """How far a volume may be rotated, scaled, bent and mirrored."""

    turn_degrees: float = 14.0
    tilt_degrees: float = 8.0
    log_scale: float = 0.22
    log_stretch: float = 0.08
    bend_mm: float = 5.0
    shift_mm: tuple[float, float, float] = (60.0, 25.0, 30.0)
    mirror: float = 0.5
    upside: float = 0.08
    """Probability of a flip front to back.

    It stands for a wrong header of a prone patient, with the couch in front.
    """


def smoothed(volume: TrainingVolume) -> TrainingVolume:
    """The volume, filtered for the spacing of the network so that its noise does not alias."""
    hu = volume.hu.astype(np.float32)
    for axis in range(3):
        low = np.concatenate(
            [np.take(hu, [0], axis), np.take(hu, range(hu.shape[axis] - 1), axis)], axis
        )
        high = np.concatenate(
            [np.take(hu, range(1, hu.shape[axis]), axis), np.take(hu, [-1], axis)], axis
        )
        hu = 0.5 * hu + 0.25 * (low + high)
    return TrainingVolume(
        volume.name,
        volume.patient,
        np.rint(hu).astype(np.int16),
        volume.right,
        volume.left,
        volume.flags,
        volume.origin_lps,
        volume.spacing_mm,
    )


def rotation(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rotation matrix in (z, y, x) for turns about the three axes."""
    result = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        one, two = [k for k in range(3) if k != axis]
        turn = np.eye(3)
        turn[one, one] = turn[two, two] = np.cos(angle)
        turn[one, two], turn[two, one] = -np.sin(angle), np.sin(angle)
        result = result @ turn
    return result


def smooth_noise(
    shape: tuple[int, ...], cells: tuple[int, int, int], rng: np.random.Generator
) -> Floats:
    """A smooth random field, float32: unit normals on `cells` knots, linear in between."""
    knots = torch.from_numpy(rng.standard_normal((1, 1, *cells), dtype=np.float32))
    field: Floats = interpolate(knots, size=list(shape), mode="trilinear", align_corners=True)[
        0, 0
    ].numpy()
    return field


def posed(
    volume: TrainingVolume,
    shape: tuple[int, int, int],
    rng: np.random.Generator,
    pose: Pose,
    spacing_mm: float = NETWORK_MM,
) -> Sample:
    """Draw a sample of `shape` from a volume; outside the volume there is air."""
    scale = np.exp(rng.uniform(-1, 1) * pose.log_scale + rng.uniform(-1, 1, 3) * pose.log_stretch)
    limits = np.array([pose.turn_degrees, pose.tilt_degrees, pose.tilt_degrees])
    matrix = rotation(rng.uniform(-1, 1, 3) * limits) * (scale * spacing_mm)
    mirrored = bool(rng.random() < pose.mirror)
    if mirrored:
        matrix[:, 2] *= -1
    if rng.random() < pose.upside:
        matrix[:, 1] *= -1
    extent = np.array(volume.hu.shape) * volume.spacing_mm
    centre = extent / 2 + rng.uniform(-1, 1, 3) * np.array(pose.shift_mm)
    spare = max(0.0, extent[0] - shape[0] * spacing_mm)
    centre[0] += rng.uniform(-0.5, 0.5) * spare
    grid = _sampling_grid(volume, shape, matrix, centre)
    cells = tuple(max(2, int(n * spacing_mm / 70)) for n in shape)
    for axis in range(3):
        noise = smooth_noise(shape, cells, rng)  # type: ignore[arg-type]
        bend = noise * (pose.bend_mm * rng.random())
        step = 2.0 / (volume.spacing_mm * max(1, volume.hu.shape[axis] - 1))
        grid[..., 2 - axis] += torch.from_numpy(bend * np.float32(step))
    return _sampled(volume, grid, mirrored)


def upright(volume: TrainingVolume, spacing_mm: float = NETWORK_MM, multiple: int = 16) -> Sample:
    """The whole volume on the network's grid, without rotation, padded with air to a multiple."""
    sizes = [int((n - 1) * volume.spacing_mm / spacing_mm) + 1 for n in volume.hu.shape]
    shape = tuple(-(-n // multiple) * multiple for n in sizes)
    centre = (np.array(shape) - 1) / 2 * spacing_mm
    grid = _sampling_grid(volume, shape, np.eye(3) * spacing_mm, centre)  # type: ignore[arg-type]
    return _sampled(volume, grid, False)


def _sampling_grid(
    volume: TrainingVolume, shape: tuple[int, int, int], matrix: Any, centre: Any
) -> torch.Tensor:
    """Coordinates (x, y, z) in the volume from -1 to 1, for each voxel of the sample."""
    last = np.maximum(np.array(volume.hu.shape) - 1, 1) * volume.spacing_mm
    to_unit = 2.0 / last
    terms = []
    for axis, n in enumerate(shape):
        steps = np.arange(n) - (n - 1) / 2
        vector = (steps[:, None] * matrix[:, axis] * to_unit).astype(np.float32)
        others = tuple(k for k in range(3) if k != axis)
        terms.append(torch.from_numpy(np.expand_dims(vector, others)))
    offset = torch.from_numpy((centre * to_unit - 1.0).astype(np.float32))
    grid = terms[0] + terms[1] + (terms[2] + offset)
    return grid.flip(-1)


def _sampled(volume: TrainingVolume, grid: torch.Tensor, mirrored: bool) -> Sample:
    sides = [volume.left, volume.right] if mirrored else [volume.right, volume.left]
    channels = np.stack(
        [volume.hu.astype(np.float32) - AIR_HU, *(side.astype(np.float32) for side in sides)]
    )
    linear = grid_sample(torch.from_numpy(channels)[None], grid[None], align_corners=True)[
        0
    ].numpy()
    bits = torch.from_numpy(volume.flags.astype(np.float32))[None, None]
    flags = (
        grid_sample(bits, grid[None], mode="nearest", align_corners=True)[0, 0]
        .numpy()
        .astype(np.uint8)
    )
    hu, right, left = linear[0] + AIR_HU, linear[1], linear[2]
    lung = right + left > 127.5
    label = np.where(lung, np.where(right >= left, RIGHT, LEFT), BACKGROUND).astype(np.uint8)
    label[lung & (flags & DENSE > 0)] += 2
    return Sample(hu, label, flags & DOUBTFUL > 0, flags & DENSITY_UNKNOWN > 0)

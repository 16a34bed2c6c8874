"""What lies around a synthetic body, and what may be wrong in it: tables, blankets, tubes;
narrow fields, air, metal.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pleura.geometry.grid import Grid
from pleura.geometry.morphology import depth_mm, slice_holes_filled
from pleura.geometry.volume import Volume

Bool = NDArray[np.bool_]
Floats = NDArray[np.float64]
Side = Literal["back", "front", "left", "right"]
SIDES = {"back": (1, 1), "front": (1, -1), "left": (0, 1), "right": (0, -1)}
"""The world axis (L, P) and its sign that point down: supine, prone, lying on the left or right
side.
"""


def patient_of(bare: Volume) -> Bool:
    """The body of a phantom in front of nothing (`couch=False`): what is no air outside, slice
    by slice.
    """
    return slice_holes_filled(bare.filled() > -500, 1.0, float("inf"))


def places(grid: Grid) -> tuple[Floats, Floats, Floats]:
    """L, P, S of every voxel's centre, mm."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij"), axis=-1)
    x, y, z = np.moveaxis(grid.to_world(index), -1, 0)
    return x, y, z


def table(
    bare: Volume,
    *,
    down: Side = "back",
    gap_mm: float = 0.0,
    thick_mm: float = 40.0,
    shell_mm: float = 3.0,
    core_hu: int = -930,
) -> dict[str, tuple[Bool, int]]:
    """A flat hollow table under the patient: shells of a composite around foam, beginning
    `gap_mm` below the lowest skin.
    """
    x, y, _ = places(bare.grid)
    axis, sign = SIDES[down]
    depth, across = (sign * y, x) if axis == 1 else (sign * x, y)
    top = float(depth[patient_of(bare)].max()) + gap_mm
    across = across - float(across.mean())
    within = (depth > top) & (depth < top + thick_mm) & (np.abs(across) < 205)
    core = (
        (depth > top + shell_mm)
        & (depth < top + thick_mm - shell_mm)
        & (np.abs(across) < 205 - shell_mm)
    )
    return {"shell": (within & ~core, -20), "foam": (core, core_hu)}


def cradle(
    bare: Volume, *, core_hu: int = -930, sides_mm: float = 45.0
) -> dict[str, tuple[Bool, int]]:
    """A table that bends up around the patient and touches the sides."""
    x, y, _ = places(bare.grid)
    patient = patient_of(bare)
    top = float(y[patient].max()) - sides_mm * (x / 200) ** 2
    within = (y > top) & (y < top + 45) & (np.abs(x) < 205)
    core = (y > top + 4) & (y < top + 41) & (np.abs(x) < 200)
    return {"shell": (within & ~core, 0), "foam": (core, core_hu)}


def mattress(
    bare: Volume, *, hu: int = -880, thick_mm: float = 35.0
) -> dict[str, tuple[Bool, int]]:
    """Foam as dense as lung that the patient sinks into, on the skin without a gap."""
    x, y, _ = places(bare.grid)
    top = float(y[patient_of(bare)].max()) - 18
    return {"mattress": ((y > top) & (y < top + thick_mm) & (np.abs(x) < 200), hu)}


def blanket(
    bare: Volume, *, hu: int = -450, thick_mm: float = 6.0, away_mm: float = 3.0
) -> dict[str, tuple[Bool, int]]:
    """Cloth all around the patient, in folds: on the skin here, 20 mm away there."""
    x, y, z = places(bare.grid)
    away = depth_mm(~patient_of(bare), bare.grid.spacing_mm)
    fold = away_mm + 10 * (1 + np.sin(np.arctan2(y, x) * 9 + z / 25))
    return {"blanket": ((away > fold) & (away < fold + thick_mm), hu)}


def tubes(bare: Volume, *, radius_mm: float = 5.0) -> dict[str, tuple[Bool, int]]:
    """An oxygen tube and two leads along the chest, hollow, of PVC; each lies on the skin for a
    part of its length.
    """
    x, y, z = places(bare.grid)
    front = float(y[patient_of(bare)].min())
    walls, lumen = (
        np.zeros(bare.grid.shape, dtype=np.bool_),
        np.zeros(bare.grid.shape, dtype=np.bool_),
    )
    for at, lift, slope in ((-60.0, 14.0, 0.1), (20.0, 6.0, -0.2), (90.0, 9.0, 0.0)):
        away = np.hypot(x - at - slope * z, y - front + lift)
        walls |= away < radius_mm
        lumen |= away < radius_mm - 2
    return {"tube": (walls & ~lumen, 120), "lumen": (lumen, -1000)}


def laid(
    bare: Volume, things: dict[str, tuple[Bool, int]], *, noise_hu: float = 12.0, seed: int = 0
) -> tuple[Volume, Bool]:
    """The patient with things around, with noise in them; and which voxels are foreign. The
    patient's own stay as they are.
    """
    patient = patient_of(bare)
    hu = bare.hu.astype(np.float32)
    foreign = np.zeros(bare.grid.shape, dtype=np.bool_)
    for where, value in things.values():
        free = where & ~patient
        hu[free] = value
        foreign |= free
    rng = np.random.default_rng([seed, 9])
    hu[foreign] += noise_hu * rng.standard_normal(np.count_nonzero(foreign), dtype=np.float32)
    foreign &= hu > -990
    if bare.padding is not None:
        hu[bare.padding] = bare.hu[bare.padding]
        foreign &= ~bare.padding
    return Volume(
        np.clip(np.rint(hu), -1024, 3071).astype(np.int16), bare.grid, bare.padding
    ), foreign


def narrowed(volume: Volume, radius_mm: float, at: tuple[float, float] = (0.0, 0.0)) -> Volume:
    """The volume with everything beyond a circle padded, as a targeted reconstruction has it."""
    x, y, _ = places(volume.grid)
    outside = (x - at[0]) ** 2 + (y - at[1]) ** 2 > radius_mm**2
    return Volume(np.where(outside, -2000, volume.hu).astype(np.int16), volume.grid, outside)


def pneumothorax(volume: Volume, lungs: Bool, *, part: float = 0.4) -> Volume:
    """Air in the front part of the right chest, in place of lung."""
    x, y, _ = places(volume.grid)
    front = np.quantile(y[lungs], part)
    return _set(volume, lungs & (x < 0) & (y < front), -1000)


def air_under_skin(volume: Volume, patient: Bool, *, seed: int = 0) -> Volume:
    """Streaks of air in the fat under the skin, some open to the surface."""
    rng = np.random.default_rng([seed, 11])
    depth = depth_mm(patient, volume.grid.spacing_mm)
    waves = places(volume.grid)
    phase = sum(np.sin(w / rng.uniform(6, 14) + rng.uniform(0, 6)) for w in waves)
    return _set(volume, patient & (depth < 16) & (phase > 1.2), -950)


def metal(volume: Volume) -> Volume:
    """A pacemaker under the skin of the left chest, and streaks of it."""
    x, y, z = places(volume.grid)
    patient = patient_of(volume)
    front = float(y[patient].min())
    away = np.sqrt((x - 75) ** 2 + (y - front - 25) ** 2 + (z - 60) ** 2)
    streak = np.where(
        (np.abs(z - 60) < 12) & (away > 15),
        500 * np.sin(np.arctan2(y - front - 25, x - 75) * 8) * 25 / (away + 25),
        0,
    )
    hu = np.clip(volume.hu + streak, -1024, 3071)
    hu[away < 15] = 3071
    return Volume(np.rint(hu).astype(np.int16), volume.grid, volume.padding)


def _set(volume: Volume, where: Bool, value: int) -> Volume:
    hu = volume.hu.copy()
    hu[where] = value
    return Volume(hu, volume.grid, volume.padding)

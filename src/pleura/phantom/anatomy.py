"""Synthetic chests: a CT volume of an invented body and the exact mask of its lungs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.geometry.grid import Grid
from pleura.geometry.volume import AIR_HU, LEFT, RIGHT, LungMask, Volume
from pleura.phantom.body import Body
from pleura.phantom.tubes import Tubes, airways, vessels

FIELD_MM = (340.0, 420.0, 420.0)
"""Extent of a phantom `[slice, row, column]` in mm where no spacing is given: it reaches beyond the
lungs above and below, and cuts off the arms.
"""

AIR, FAT, MUSCLE, SOFT, LIVER, MARROW, BONE, GAS = (
    -1000.0,
    -95.0,
    55.0,
    35.0,
    62.0,
    190.0,
    480.0,
    -960.0,
)

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


def chest(
    shape: Sequence[int] = (40, 128, 128),
    spacing_mm: Sequence[float] | None = None,
    seed: int = 0,
    **variation: Any,
) -> tuple[Volume, LungMask]:
    """A synthetic CT of a chest and its lungs.

    Args:
        shape: `(slices, rows, columns)`.
        spacing_mm: between voxel centres `[slice, row, column]`, mm; by default the whole chest
            fits (`FIELD_MM`).
        seed: decides the body and the noise; equal arguments give equal voxels.
        variation: fixes measures of `phantom.body.Body` by name, as `arms="down"`,
            `padding_hu=-2000`, `couch=False`.

    Returns:
        The volume, on a plain axial grid (the patient's right at low columns, slices upwards), and
        the sided mask: the lungs with the vessels in them, without trachea and main bronchi (RTOG
        1106, as experts draw for LCTSC).

    Raises:
        UsageError: `variation` names something that a body does not have.
    """
    scene, grid = _laid_out(shape, spacing_mm, Body.sample(seed, **variation))
    body, spacing = scene.body, grid.spacing_mm
    corner = grid.to_world([0, 0, 0])
    hu = np.empty(grid.shape, dtype=np.int16)
    labels = np.zeros(grid.shape, dtype=np.uint8)
    outside = None
    if body.padding_hu is not None:
        reach = min(grid.shape[1] * spacing[1], grid.shape[2] * spacing[2]) / 2
        outside = scene.x[None, :] ** 2 + (scene.y[:, None] - _lowered(body)) ** 2 > reach**2
        labels_allowed = ~outside
    for k in range(grid.shape[0]):
        z = float(corner[2]) + spacing[0] * k
        exact, lungs = scene.slice(z)
        seen = _scanned(exact, lungs > 0, body, spacing, k)
        hu[k] = np.clip(np.rint(seen), AIR_HU, 3071)
        labels[k] = lungs
        if outside is not None:
            hu[k][outside] = body.padding_hu
            labels[k] *= labels_allowed
    padding = None if outside is None else np.broadcast_to(outside, grid.shape).copy()
    return Volume(hu, grid, padding), LungMask(labels, grid)


def couch(
    shape: Sequence[int] = (40, 128, 128),
    spacing_mm: Sequence[float] | None = None,
    seed: int = 0,
    **variation: Any,
) -> Bools:
    """The couch in `chest` of the same arguments, with its core: bool `[slice, row, column]`."""
    body = Body.sample(seed, **variation)
    scene, grid = _laid_out(shape, spacing_mm, body)
    bare = replace(scene, body=replace(body, couch=False))
    heights = [float(grid.to_world([k, 0, 0])[2]) for k in range(grid.shape[0])]
    return np.stack([scene.slice(z)[0] != bare.slice(z)[0] for z in heights])


def _laid_out(
    shape: Sequence[int], spacing_mm: Sequence[float] | None, body: Body
) -> tuple["_Scene", Grid]:
    """A body on its grid; the middle of the lungs is the centre of the image."""
    slices, rows, columns = (int(n) for n in shape)
    spacing = tuple(
        float(s) for s in spacing_mm or (f / n for f, n in zip(FIELD_MM, shape, strict=True))
    )
    origin = tuple(-(n - 1) / 2 * s for n, s in zip((slices, rows, columns), spacing, strict=True))
    down = _lowered(body)
    grid = Grid.axial((slices, rows, columns), spacing, (origin[2], origin[1] + down, origin[0]))
    x = (origin[2] + spacing[2] * np.arange(columns)).astype(np.float32)
    y = (origin[1] + down + spacing[1] * np.arange(rows)).astype(np.float32)
    return _Scene(body, x, y, airways(body), vessels(body)), grid


def _lowered(body: Body) -> float:
    """Distance in mm of the image centre below the body's, so that the couch is in the image."""
    if body.couch:
        return 0.35 * body.couch_thickness
    return 0.0


def _scanned(exact: Floats, lungs: Bools, body: Body, spacing: tuple[float, ...], k: int) -> Floats:
    """The exact slice as the scanner shows it: texture in the lung, blur and noise by kernel."""
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng([body.seed, 3, k])
    blur_mm, grain_mm = (0.5, 0.3) if body.kernel == "sharp" else (1.1, 0.9)
    blur = [float(np.hypot(0.35, blur_mm / s)) for s in spacing[1:]]
    grain = [grain_mm / s for s in spacing[1:]]
    texture = gaussian_filter(rng.standard_normal(exact.shape, dtype=np.float32), 2.0)
    exact = exact + np.where(lungs, 130.0 * texture, 0).astype(np.float32)
    noise = gaussian_filter(rng.standard_normal(exact.shape, dtype=np.float32), grain)
    noise *= body.noise_hu * float(
        np.prod([max(1.0, 2 * np.sqrt(np.pi) * g) ** 0.5 for g in grain])
    )
    seen: Floats = gaussian_filter(exact, blur, truncate=3.0) + noise
    return seen


@dataclass(frozen=True, eq=False)
class _Scene:
    """One body sampled at the pixel centres `x` (columns) and `y` (rows), mm."""

    body: Body
    x: Floats
    y: Floats
    airways: Tubes
    vessels: Tubes

    def slice(self, z: float) -> tuple[Floats, NDArray[np.uint8]]:
        """Exact HU and lung labels `[row, column]` at height `z`."""
        hu: Floats = np.full((len(self.y), len(self.x)), AIR, dtype=np.float32)
        if self.body.couch:
            self._couch(hu)
        self._arms(hu, z)
        self._trunk(hu, z)
        self._skeleton(hu, z)
        lungs = self._lungs(z)
        self._middle(hu, z)
        self._abdomen(hu, z)
        self._air(hu, lungs, z)
        return hu, lungs

    def _ellipse(self, cx: float, cy: float, a: float, b: float) -> Bools:
        if a <= 0 or b <= 0:
            return np.zeros((len(self.y), len(self.x)), dtype=np.bool_)
        inside: Bools = ((self.x[None, :] - cx) / a) ** 2 + ((self.y[:, None] - cy) / b) ** 2 < 1
        return inside

    def _paint(self, hu: Floats, value: float, cx: float, cy: float, a: float, b: float) -> None:
        """Fill one ellipse; only the pixels of its bounding box are computed."""
        if a <= 0 or b <= 0:
            return
        columns = slice(*np.searchsorted(self.x, (cx - a, cx + a)))
        rows = slice(*np.searchsorted(self.y, (cy - b, cy + b)))
        inside = ((self.x[None, columns] - cx) / a) ** 2 + ((self.y[rows, None] - cy) / b) ** 2 < 1
        hu[rows, columns][inside] = value

    def _couch(self, hu: Floats) -> None:
        """A cradle with a thin shell and a light core, whose HU pass a lung threshold."""
        body = self.body
        x, y = self.x[None, :], self.y[:, None]
        top = body.back + 1.5 - 20 * (x / 200) ** 2
        below = top + body.couch_thickness * np.clip(1 - (x / 200) ** 4, 0, 1)
        shell = (y > top) & (y < below)
        core = (y > top + 4.5) & (y < below - 4.5) & (np.abs(x) < 192)
        np.copyto(hu, np.float32(-20), where=shell)
        np.copyto(hu, np.float32(body.couch_hollow_hu), where=core)

    def _arms(self, hu: Floats, z: float) -> None:
        body = self.body
        if body.arms == "down":
            if z > body.top - 10:
                return
            away, height, radius = body.cavity_width + body.wall + 46, 15.0, 41.0
        else:
            if z < body.top + 5:
                return
            away, height, radius = 128.0, -8.0, 44.0
        for side in (-1, 1):
            for value, r in (
                (FAT, radius),
                (MUSCLE, radius - 3 - 0.35 * body.fat),
                (BONE, 13.0),
                (MARROW, 8.0),
            ):
                self._paint(hu, value, side * away, height, r, r)

    def _trunk(self, hu: Floats, z: float) -> None:
        body = self.body
        width, depth = body.outline(z)
        flat = self.y[:, None] < body.back
        for value, depth_in in ((MUSCLE - 25, 0.0), (FAT, 2.0), (MUSCLE, 2.0 + body.fat)):
            inside = self._ellipse(0, 0, width - depth_in, depth - depth_in) & flat
            np.copyto(hu, np.float32(value), where=inside)

    def _skeleton(self, hu: Floats, z: float) -> None:
        """Ribs running down to the front, sternum, shoulder blades, muscle, soft tissue."""
        body = self.body
        a, b = body.cavity(z)
        for side in (-1, 1):
            if body.top - 150 < z < body.top + 5:
                self._paint(hu, BONE, side * (a - 18), b + 17, 38, 5)
        if z < body.top + 12:
            cage = self._ellipse(0, 0, a + 9, b + 9)
            slope = z + 0.55 * self.y[:, None] - 6 * np.abs(self.x[None, :]) / body.cavity_width
            phase = np.mod(slope / body.rib_pitch, 1.0)
            front = self.y[:, None] > -0.8 * body.cavity_depth
            np.copyto(hu, np.float32(BONE), where=cage & (phase < 0.36) & front)
            np.copyto(
                hu,
                np.float32(MARROW),
                where=cage
                & (np.abs(phase - 0.18) < 0.1)
                & front
                & self._ellipse(0, 0, a + 7, b + 7),
            )
            np.copyto(hu, np.float32(SOFT), where=self._ellipse(0, 0, a + 1.5, b + 1.5))
            if -0.55 * body.lung_height / 2 < z < body.top - 20:
                self._paint(hu, BONE, 0, -b - 7, 21, 7)
                self._paint(hu, MARROW, 0, -b - 7, 18, 4)
        spine = body.spine
        disc = np.mod(z, 24.0) < 5
        arch = (body.back - 9 - spine) / 2 - 8
        self._paint(hu, BONE, 0, spine + 16 + arch, 8, arch)
        self._paint(hu, 90.0 if disc else BONE, 0, spine, 21, 17)
        self._paint(hu, 90.0 if disc else MARROW, 0, spine, 18.5, 14.5)
        self._paint(hu, 20.0, 0, spine + 23, 9, 8)

    def _lungs(self, z: float) -> NDArray[np.uint8]:
        """Labels at `z`: the cavity, less the middle, the heart, spine and aorta, the diaphragm,
        trachea and main bronchi.
        """
        body = self.body
        labels = np.zeros((len(self.y), len(self.x)), dtype=np.uint8)
        opening = body.apex(z)
        if opening == 0 or z < body.bottom:
            return labels
        a, b = body.cavity(z)
        taken = self.airways.section(self.x, self.y, z, wider_mm=2.0)
        taken |= np.abs(self.x[None, :] - 2) < 3.0
        taken |= self._ellipse(3, 4, 31, body.cavity_depth + 6)
        taken |= self._ellipse(*self._heart(z, 2.5))
        taken |= self._ellipse(0, body.spine, 24, 20)
        taken |= self._ellipse(0, body.spine + 24, 32, 22)
        taken |= self._ellipse(20, body.spine - 22, 15, 15)
        for side, label in ((-1, RIGHT), (1, LEFT)):
            taken |= self._dome(side, z)
            lung = self._ellipse(side * 54, 8, 84 * opening, 1.15 * body.cavity_depth * opening)
            lung &= self._ellipse(0, 0, a - 1, b - 1) & ((self.x[None, :] > 2) == (side > 0))
            labels[lung & ~taken] = label
        return labels

    def _heart(self, z: float, wider: float) -> tuple[float, float, float, float]:
        body = self.body
        t = (z + 0.17 * body.lung_height) / (62 * body.heart)
        size = float(np.sqrt(max(0.0, 1 - t * t)))
        if size == 0:
            return (0.0, 0.0, 0.0, 0.0)
        return (27.0, -20.0, 62 * body.heart * size + wider, 50 * body.heart * size + wider)

    def _dome(self, side: int, z: float) -> Bools:
        """Section of one dome of the diaphragm: liver and stomach inside it, lung around it."""
        body = self.body
        size = body.dome(side, z)
        a = 0.76 * body.cavity_width * size
        return self._ellipse(
            side * 0.46 * body.cavity_width, -2, a, 1.14 * body.cavity_depth * size
        )

    def _middle(self, hu: Floats, z: float) -> None:
        """Mediastinum: fat, heart, great vessels, and an oesophagus with occasional air."""
        body = self.body
        if body.bottom < z < body.top - 15:
            self._paint(hu, -70.0, 3, -body.cavity_depth * 0.55, 16, body.cavity_depth * 0.35)
        self._paint(hu, body.blood_hu, *self._heart(z, 0.0))
        if z < 0.24 * body.lung_height:
            self._paint(hu, body.blood_hu, 20, body.spine - 22, 12, 12)
        if 0.05 * body.lung_height < z < 0.26 * body.lung_height:
            self._paint(hu, body.blood_hu, 8, -16, 15, 15)
        self._paint(hu, 40.0, 6, body.spine - 32, 8, 6)
        if np.sin(z / 11.0 + body.seed) > 0.75:
            self._paint(hu, GAS, 6, body.spine - 32, 3.5, 2.5)

    def _abdomen(self, hu: Floats, z: float) -> None:
        """Liver under the right half of the diaphragm, stomach, spleen and bowel gas at left."""
        body = self.body
        a, b = body.cavity(z)
        within = self._ellipse(0, 0, a, b)
        spine = self._ellipse(0, body.spine, 22, 18)
        for side, value in ((-1, LIVER), (1, 48.0)):
            np.copyto(hu, np.float32(value), where=self._dome(side, z) & within & ~spine)
        rng = np.random.default_rng([body.seed, 4])
        deep = self._dome(1, z + 14) | self._dome(-1, z + 14)
        places = [(58.0, -30.0, body.bottom + 0.1 * body.lung_height, 30.0)]
        places += [
            (
                rng.uniform(-80, 80),
                rng.uniform(-60, 10),
                body.bottom - rng.uniform(10, 90),
                rng.uniform(12, 30),
            )
            for _ in range(body.gas)
        ]
        for cx, cy, cz, r in places:
            size = r * float(np.sqrt(max(0.0, 1 - ((z - cz) / (0.8 * r)) ** 2)))
            np.copyto(
                hu,
                np.float32(GAS),
                where=deep & within & ~spine & self._ellipse(cx, cy, size, 0.7 * size),
            )

    def _air(self, hu: Floats, lungs: NDArray[np.uint8], z: float) -> None:
        """Lung tissue, denser towards the back, its vessels; then airways and their walls."""
        body = self.body
        tissue = body.lung_hu + 45 * self.y[:, None] / body.cavity_depth
        np.copyto(hu, tissue.astype(np.float32), where=lungs > 0)
        np.copyto(
            hu,
            np.float32(body.blood_hu),
            where=self.vessels.section(self.x, self.y, z) & (lungs > 0),
        )
        np.copyto(hu, np.float32(30), where=self.airways.section(self.x, self.y, z, wider_mm=1.6))
        np.copyto(hu, np.float32(GAS - 20), where=self.airways.section(self.x, self.y, z))

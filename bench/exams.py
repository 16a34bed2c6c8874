"""Exams unlike the training, for `bench/unseen.py`: real chests with references, changed by simple
means that keep the reference true, and phantoms of seeds that no training used.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pleura.geometry.grid import Grid
from pleura.geometry.volume import LEFT, RIGHT
from pleura.images.nifti import read_volume
from pleura.labels.registry import read_mask
from pleura.learn.lungs.bodies import without_lungs
from pleura.learn.lungs.corpus import TrainingVolume
from pleura.phantom.anatomy import chest

UNSEEN = 7000
"""Seeds from here on were in no training."""
LUNG_HU, WATER_HU, SOFT_HU = -850, 10, 45

Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Exam:
    """A volume, its true labels (1 right, 2 left), and voxels that count for nobody."""

    hu: NDArray[np.int16]
    labels: NDArray[np.uint8]
    ignore: Bools
    grid: Grid

    def rng(self) -> np.random.Generator:
        """Random numbers that depend on the content alone."""
        return np.random.default_rng(zlib.crc32(self.hu.tobytes()))

    def changed(self, hu: NDArray[Any]) -> "Exam":
        """The exam with other values."""
        return replace(self, hu=np.clip(np.rint(hu), -1024, 3071).astype(np.int16))

    def part(self, *box: slice) -> "Exam":
        """A box of the exam."""
        box = (*box, *[slice(None)] * (3 - len(box)))
        hu = np.ascontiguousarray(self.hu[box])
        start = self.grid.to_world([part.indices(10**6)[0] for part in box])
        affine = self.grid.affine.copy()
        affine[:3, 3] = start
        grid = Grid(hu.shape, affine)
        labels, ignore = (np.ascontiguousarray(a[box]) for a in (self.labels, self.ignore))
        return Exam(hu, labels, ignore, grid)

    def stretched(self, *factors: float) -> "Exam":
        """The exam with other spacings."""
        affine = self.grid.affine.copy()
        affine[:3, :3] *= np.array(factors)
        return replace(self, grid=Grid(self.hu.shape, affine))


Change = Callable[[Exam], Exam]


def axial(hu: NDArray[Any], labels: NDArray[np.uint8], mm: Any, ignore: Any = None) -> Exam:
    """An exam on a plain grid."""
    hu = np.clip(np.rint(hu), -1024, 3071).astype(np.int16)
    ignore = np.zeros(hu.shape, np.bool_) if ignore is None else ignore
    return Exam(hu, labels, ignore, Grid.axial(hu.shape, mm))


@cache
def real(data: Path, name: str) -> Exam:
    """A real chest at 256 x 256 with its reference, feet to head."""
    folder = data / "training"
    volume = read_volume(folder / f"{name}_ct.nii")
    labels = read_mask(folder / f"{name}_lungs.nii.gz", volume.grid).labels
    doubtful = read_mask(folder / f"{name}_doubtful.nii.gz", volume.grid).labels > 0
    return axial(volume.hu, np.array(labels), volume.grid.spacing_mm, doubtful)


def phantom(seed: int, **body: Any) -> Exam:
    """A phantom chest of 2.5 x 1.8 x 1.8 mm."""
    volume, mask = chest((136, 220, 240), (2.5, 1.8, 1.8), seed=UNSEEN + seed, **body)
    return axial(volume.filled(), np.array(mask.labels), volume.grid.spacing_mm)


def body(seed: int) -> Exam:
    """A body part without lungs; 0 head, 1 pelvis, 2 legs, 3 empty couch, modulo 4."""
    made: TrainingVolume = without_lungs(UNSEEN + seed)
    return axial(made.hu, np.zeros(made.hu.shape, np.uint8), (made.spacing_mm,) * 3)


def filled(value: float, noise: float = 10.0) -> Exam:
    """A field of one value with noise."""
    grain = np.random.default_rng(0).normal(value, noise, (60, 160, 160))
    return axial(grain, np.zeros(grain.shape, np.uint8), (3.0, 2.0, 2.0))


def extent(exam: Exam) -> tuple[int, int]:
    """The first and the last slice with lung."""
    present = np.flatnonzero(exam.labels.any(axis=(1, 2)))
    return int(present[0]), int(present[-1])


def between(low: float, high: float) -> Change:
    """The slices from one share of the lungs' height to another."""

    def cut(exam: Exam) -> Exam:
        first, last = extent(exam)
        place = [round(first + share * (last - first)) for share in (low, high)]
        return exam.part(slice(max(0, place[0]), max(place[1], place[0] + 8)))

    return cut


def outside(end: str) -> Change:
    """The slices above or below the lungs, and nothing of them."""

    def cut(exam: Exam) -> Exam:
        first, last = extent(exam)
        return exam.part(slice(last + 2, None) if end == "above" else slice(0, first - 1))

    return cut


def narrow(left: float, right: float) -> Change:
    """Columns cut at shares of the picture's width."""

    def cut(exam: Exam) -> Exam:
        width = exam.hu.shape[2]
        rows = slice(round(0.15 * exam.hu.shape[1]), round(0.85 * exam.hu.shape[1]))
        return exam.part(slice(None), rows, slice(round(left * width), round(right * width)))

    return cut


def thick(mm: float, step_mm: float) -> Change:
    """Slices of another thickness, `step_mm` apart; thin ones get more noise."""

    def resampled(exam: Exam) -> Exam:
        spacing = exam.grid.spacing_mm
        weights = round(mm / spacing[0]) or 1
        hu = ndimage.uniform_filter1d(exam.hu.astype(np.float32), weights, axis=0)
        count = int((len(hu) - 1) * spacing[0] / step_mm) + 1
        place = np.arange(count) * step_mm / spacing[0]
        low = np.minimum(place.astype(int), len(hu) - 2)
        share = (place - low)[:, None, None].astype(np.float32)
        hu = hu[low] * (1 - share) + hu[low + 1] * share
        if step_mm < spacing[0]:
            hu += exam.rng().normal(0, 45, hu.shape).astype(np.float32)
        near = np.minimum(np.rint(place).astype(int), len(exam.hu) - 1)
        return axial(hu, exam.labels[near], (step_mm, *spacing[1:]), exam.ignore[near])

    return resampled


def sharpened(exam: Exam) -> Exam:
    """A lung kernel: edges overshoot, and noise of 90 HU."""
    hu = exam.hu.astype(np.float32)
    soft = ndimage.gaussian_filter(hu, (0, 1.2, 1.2))
    grain = exam.rng().normal(0, 60, hu.shape).astype(np.float32)
    return exam.changed(hu + 0.9 * (hu - soft) + grain)


def low_dose(exam: Exam) -> Exam:
    """Noise of 120 HU, blurred in plane as a soft kernel has it."""
    grain = ndimage.gaussian_filter(exam.rng().normal(0, 1, exam.hu.shape), (0, 0.7, 0.7))
    return exam.changed(exam.hu + 120 / grain.std() * grain)


def metal(exam: Exam) -> Exam:
    """A plate and a pacemaker with bright and dark streaks over eight slices."""
    first, last = extent(exam)
    rng, hu = exam.rng(), exam.hu.astype(np.float32)
    rows, columns = np.indices(hu.shape[1:])
    middle = (first + last) // 2
    for centre in ((0.32, 0.66), (0.62, 0.5)):
        y, x = (share * n for share, n in zip(centre, hu.shape[1:], strict=True))
        angle = np.arctan2(rows - y, columns - x)
        away = np.hypot(rows - y, columns - x)
        streaks = sum(np.cos(n * angle + rng.uniform(0, 6)) for n in (2, 4, 6, 9))
        for k in range(middle - 4, middle + 4):
            hu[k] += 350 * streaks * np.exp(-away / 45)
            hu[k][away < 5] = 3071
    return exam.changed(hu)


def enhanced(exam: Exam) -> Exam:
    """Contrast agent: blood and organs 150 HU brighter, with a dense vein at the apex."""
    soft = (exam.hu > 20) & (exam.hu < 100)
    return exam.changed(exam.hu + 150.0 * ndimage.gaussian_filter(soft.astype(np.float32), 0.8))


def part_of_lung(exam: Exam, side: int, low: float, high: float, axis: int) -> Bools:
    """The part of a lung between two quantiles of its height (axis 0) or depth (axis 1)."""
    lung = exam.labels == side
    place = np.nonzero(lung)[axis]
    ends = np.quantile(place, [low, high])
    index = np.arange(lung.shape[axis]).reshape([-1 if a == axis else 1 for a in range(3)])
    part: Bools = lung & (index >= ends[0]) & (index <= ends[1])
    return part


def consolidated(*parts: tuple[int, float, float, int], hu: float = SOFT_HU) -> Change:
    """Parts of lungs without air, a few bronchi left: lung all the same."""

    def change(exam: Exam) -> Exam:
        values, noise = exam.hu.astype(np.float32), exam.rng().normal(0, 15, exam.hu.shape)
        for part in parts:
            where = part_of_lung(exam, *part)
            dense = np.maximum(values, hu) + noise  # vessels stay
            share = ndimage.gaussian_filter(where.astype(np.float32), 1.0) * where
            values = np.where(where, values + np.minimum(1, 1.6 * share) * (dense - values), values)
        return exam.changed(values)

    return change


def effusion(side: int, share: float) -> Change:
    """Fluid in the back of one half of the chest: not lung."""

    def change(exam: Exam) -> Exam:
        where = part_of_lung(exam, side, 1 - share, 1.0, 1)
        noise = exam.rng().normal(WATER_HU, 12, exam.hu.shape)
        labels = np.where(where, np.uint8(0), exam.labels)
        return replace(exam.changed(np.where(where, noise, exam.hu)), labels=labels)

    return change


def removed(side: int) -> Change:
    """After pneumonectomy: the empty half is full of fluid."""
    return effusion(side, 1.0)


def tumour(side: int, mm: float) -> Change:
    """A solid mass in the middle of one lung: not lung."""

    def change(exam: Exam) -> Exam:
        lung = exam.labels == side
        centre = [int(np.median(index)) for index in np.nonzero(lung)]
        axes = np.ogrid[tuple(slice(n) for n in lung.shape)]
        away = sum(
            ((axis - c) * s) ** 2
            for axis, c, s in zip(axes, centre, exam.grid.spacing_mm, strict=True)
        )
        ball = lung & (np.sqrt(away) < mm / 2)
        labels = np.where(ball, np.uint8(0), exam.labels)
        noise = exam.rng().normal(SOFT_HU, 12, exam.hu.shape)
        return replace(exam.changed(np.where(ball, noise, exam.hu)), labels=labels)

    return change


def covid(exam: Exam) -> Exam:
    """Patches of ground glass and consolidation at the back and the edges of both lungs."""
    lung = exam.labels > 0
    inside = ndimage.distance_transform_edt(lung, exam.grid.spacing_mm)
    field = ndimage.gaussian_filter(exam.rng().normal(0, 1, lung.shape), 5)
    field = field / field.std() + np.clip(1.2 - inside / 14, -1, 1.2)
    filling = np.clip(field, 0, 1) * lung
    return exam.changed(exam.hu + filling * (10 - np.minimum(exam.hu, 10)))


def turned(*signs: int, transposed: bool = False) -> Change:
    """The same patient stored along other axes, the affine telling so: prone, feet first."""

    def change(exam: Exam) -> Exam:
        affine, arrays = exam.grid.affine.copy(), [exam.hu, exam.labels, exam.ignore]
        for axis in signs:
            affine[:3, 3] += affine[:3, axis] * (exam.hu.shape[axis] - 1)
            affine[:3, axis] *= -1
            arrays = [np.flip(array, axis) for array in arrays]
        if transposed:
            affine = affine[:, [0, 2, 1, 3]]
            arrays = [array.transpose(0, 2, 1) for array in arrays]
        hu, labels, ignore = (np.ascontiguousarray(array) for array in arrays)
        return Exam(hu, labels, ignore, Grid(hu.shape, affine))

    return change


def circle(padding_hu: int) -> Change:
    """A round field of view with a value outside it that nothing declares."""

    def change(exam: Exam) -> Exam:
        rows, columns = np.indices(exam.hu.shape[1:])
        radius = np.hypot(
            *(
                2 * index / n - 1
                for index, n in zip((rows, columns), exam.hu.shape[1:], strict=True)
            )
        )
        beyond = radius > 1
        hu, labels = exam.hu.copy(), exam.labels.copy()
        hu[:, beyond], labels[:, beyond] = padding_hu, 0
        return replace(exam, hu=hu, labels=labels)

    return change


def whole_body(exam: Exam) -> Exam:
    """A head above and a pelvis with legs below the chest, as in PET/CT of the whole body."""
    parts = []
    for seed in (2, 1, 0):
        other = body(seed)
        scale = [s / t for s, t in zip(other.grid.spacing_mm, exam.grid.spacing_mm, strict=True)]
        size = [round(other.hu.shape[0] * scale[0]), *exam.hu.shape[1:]]
        index = np.meshgrid(
            *[
                np.arange(n) / f + (0 if axis == 0 else (other.hu.shape[axis] - n / f) / 2)
                for axis, (n, f) in enumerate(zip(size, scale, strict=True))
            ],
            indexing="ij",
        )
        parts.append(ndimage.map_coordinates(other.hu, index, order=1, cval=-1000))
    hu = np.concatenate([parts[0], parts[1], exam.hu, parts[2]])
    below = len(parts[0]) + len(parts[1])
    room = ((below, len(parts[2])), (0, 0), (0, 0))
    labels, ignore = np.pad(exam.labels, room), np.pad(exam.ignore, room)
    return axial(hu, labels, exam.grid.spacing_mm, ignore)


CHANGES: dict[str, Change] = {
    "as it is": lambda exam: exam,
    "cut at the top": between(-9, 0.75),
    "cut at the bottom": between(0.3, 9),
    "cut at both ends": between(0.3, 0.7),
    "apices only": between(0.85, 9),
    "bases only": between(-9, 0.2),
    "above the lungs": outside("above"),
    "below the lungs": outside("below"),
    "narrow field, both sides": narrow(0.2, 0.8),
    "half of the chest": narrow(0.0, 0.5),
    "round field of -2000 HU": circle(-2000),
    "round field of 0 HU": circle(0),
    "prone": turned(1, 2),
    "feet first": turned(0, 2),
    "decubitus": turned(1, transposed=True),
    "child, 0.55 of the size": lambda exam: exam.stretched(0.55, 0.55, 0.55),
    "slices of 8 mm": thick(8, 8),
    "slices of 10 mm": thick(10, 10),
    "slices of 5 mm, overlapping": thick(5, 2.5),
    "slices of 0.5 mm, noisy": thick(1, 0.5),
    "lung kernel": sharpened,
    "low dose": low_dose,
    "contrast": enhanced,
    "metal": metal,
    "consolidation of a lower lobe": consolidated((RIGHT, 0.0, 0.35, 0)),
    "consolidation of both backs": consolidated((RIGHT, 0.75, 1, 1), (LEFT, 0.75, 1, 1)),
    "consolidation of a tenth": consolidated((RIGHT, 0.9, 1.0, 1)),
    "white lung": consolidated((LEFT, 0.0, 1.0, 0)),
    "small effusion": effusion(RIGHT, 0.08),
    "effusion": effusion(LEFT, 0.3),
    "tumour of 5 cm with effusion": lambda exam: tumour(RIGHT, 50)(effusion(RIGHT, 0.15)(exam)),
    "pneumonia in patches": covid,
    "one lung removed": removed(LEFT),
    "whole body": whole_body,
}
CHESTS = ("R01-001", "4DLung_113")
PHANTOMS: dict[str, Callable[[], Exam]] = {
    "phantom, arms down": partial(phantom, 1, arms="down"),
    "phantom, sharp kernel": partial(phantom, 2, kernel="sharp", noise_hu=60),
    "phantom, emphysema": partial(phantom, 3, lung_hu=-945),
    "phantom, expiration": partial(phantom, 4, lung_hu=-600),
    "phantom, very fat": partial(phantom, 5, fat=60),
    "phantom, child": lambda: phantom(6, fat=4).stretched(0.5, 0.5, 0.5),
    "phantom, white lung": lambda: CHANGES["white lung"](phantom(7)),
    "phantom, one lung removed": lambda: removed(RIGHT)(phantom(8)),
    "head": partial(body, 0),
    "pelvis": partial(body, 1),
    "legs": partial(body, 2),
    "couch or quality phantom": partial(body, 3),
    "nothing but air": partial(filled, -1000),
    "nothing but water": partial(filled, 0),
    "nothing but lung": partial(filled, LUNG_HU),
    "blank": partial(filled, -1024, 0.0),
}


def scenes(data: Path) -> Iterator[tuple[str, str, Callable[[], Exam]]]:
    """Kind, condition, and what makes the exam."""
    for condition, change in CHANGES.items():
        for name in CHESTS:
            yield name, condition, lambda change=change, name=name: change(real(data, name))
    for condition, make in PHANTOMS.items():
        yield "synthetic", condition, make

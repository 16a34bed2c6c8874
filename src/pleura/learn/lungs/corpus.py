"""Training volumes in one frame: patient axes, isotropic.

Arrays are `[slice feet to head, row front to back, column right to left]`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.errors import GridMismatch
from pleura.dicom.series import find_series
from pleura.geometry.patient_axes import triangle_weights
from pleura.geometry.volume import AIR_HU, LungMask, Volume
from pleura.images import nifti
from pleura.labels.registry import read_mask

SPACING_MM = 2.0
"""[mm] Spacing of the cached volumes; augmentation resamples them to that of the network."""
DENSE, DOUBTFUL, DENSITY_UNKNOWN = 1, 2, 4
"""Bits of `TrainingVolume.flags`."""
DENSE_HU = -250.0
DENSE_MIN_ML = 20.0
"""[ml] Airless lung of this size counts as dense.

Smaller pieces are vessels and nodules, which are taught neither as dense nor as aerated.
"""

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class RealCase:
    """One real series.

    `labels` is `None` for a series without lung; `patient` decides the fold. `lowest_mm` keeps only
    this much of the volume, from the feet.
    """

    name: str
    patient: str
    images: str
    labels: str | None = None
    doubtful: str | None = None
    lowest_mm: float | None = None


REAL_CASES = (
    RealCase(
        "Case_000", "LIDC-IDRI-1011", "chests/Images/Case_000", "chests/Labels/Case_000.nii.gz"
    ),
    RealCase(
        "Case_001", "LIDC-IDRI-0001", "chests/Images/Case_001", "chests/Labels/Case_001.nii.gz"
    ),
    RealCase(
        "Case_002", "LIDC-IDRI-0003", "chests/Images/Case_002", "chests/Labels/Case_002.nii.gz"
    ),
    RealCase("Case_003", "A0001", "chests/Images/Case_003", "chests/Labels/Case_003.nii.gz"),
    RealCase(
        "4DLung_113",
        "113_HM10395",
        "chests2/4DLung_113",
        "chests2/Labels/4DLung_113.nii.gz",
        "chests2/Labels/4DLung_113_doubtful.nii.gz",
    ),
    RealCase("C3N-00247", "C3N-00247", "chests2/C3N-00247", "chests2/Labels/C3N-00247.nii.gz"),
    RealCase(
        "LIDC-IDRI-0314",
        "LIDC-IDRI-0314",
        "training/LIDC-IDRI-0314_ct.nii",
        "training/LIDC-IDRI-0314_lungs.nii.gz",
        "training/LIDC-IDRI-0314_doubtful.nii.gz",
    ),
    RealCase(
        "R01-001",
        "R01-001",
        "training/R01-001_ct.nii",
        "training/R01-001_lungs.nii.gz",
        "training/R01-001_doubtful.nii.gz",
    ),
    RealCase(
        "LIDC-IDRI-0002",
        "LIDC-IDRI-0002",
        "training/LIDC-IDRI-0002_ct.nii",
        "training/LIDC-IDRI-0002_lungs.nii.gz",
        "training/LIDC-IDRI-0002_doubtful.nii.gz",
    ),
)
# The upper slices of the abdomen show the lowest recess of a lung, without a reference.
NEGATIVE_CASES = (
    RealCase("head", "dcm_qa_ct", "oddities/tilt_uneven_GE_head"),
    RealCase("neck", "LIDC-IDRI-0003", "oddities/neck_not_chest"),
    RealCase("abdomen", "abdomen_j2k", "oddities/abdomen_j2k", lowest_mm=14.0),
)


@dataclass(frozen=True, eq=False)
class TrainingVolume:
    """A volume in the common frame.

    `hu` is int16; `right` and `left` are uint8 (255: the whole voxel is that lung, dense lung
    included); `flags` is uint8 with the bits `DENSE`, `DOUBTFUL` and `DENSITY_UNKNOWN`. All have
    one shape. `origin_lps` is the centre of the first voxel in mm.
    """

    name: str
    patient: str
    hu: NDArray[np.int16]
    right: NDArray[np.uint8]
    left: NDArray[np.uint8]
    flags: NDArray[np.uint8]
    origin_lps: tuple[float, float, float]
    spacing_mm: float = SPACING_MM

    def save(self, path: Path) -> None:
        """Write the volume as an uncompressed NPZ file."""
        with path.open("wb") as file:
            np.savez(
                file,
                hu=self.hu,
                right=self.right,
                left=self.left,
                flags=self.flags,
                origin=self.origin_lps,
                spacing=self.spacing_mm,
                names=[self.name, self.patient],
            )

    @classmethod
    def load(cls, path: Path) -> "TrainingVolume":
        """Read what `save` wrote."""
        with np.load(path) as file:
            name, patient = (str(text) for text in file["names"])
            x, y, z = (float(value) for value in file["origin"])
            return cls(
                name,
                patient,
                file["hu"],
                file["right"],
                file["left"],
                file["flags"],
                (x, y, z),
                float(file["spacing"]),
            )


def axis_weights(count: int, spacing: float, target_count: int, target_spacing: float) -> Floats:
    """Weights `(target_count, count)` of a triangle filter along one axis.

    Both axes start at the same point. The filter is as wide as the coarser of the two spacings:
    linear interpolation to a finer axis, a smooth mean to a coarser one. Beyond the ends the last
    sample is repeated.
    """
    targets = np.clip(np.arange(target_count) * target_spacing / spacing, 0, count - 1)
    width = max(1.0, target_spacing / spacing)
    distance = np.abs(np.arange(count)[None, :] - targets[:, None])
    return triangle_weights(distance, width)


def resample_axes(array: NDArray[Any], weights: tuple[Floats, Floats, Floats]) -> Floats:
    """Apply one weight matrix along each axis."""
    result = np.asarray(array, dtype=np.float32)
    for axis in (2, 1, 0):
        result = np.moveaxis(np.moveaxis(result, axis, -1) @ weights[axis].T, -1, axis)
    return np.ascontiguousarray(result)


def to_patient_axes(
    array: NDArray[Any], affine: NDArray[np.float64]
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Transpose and flip `array` so that its axes rise to S, P and L.

    Returns the array and its affine (index to LPS mm). Shear is ignored: each axis goes to the
    world axis that is closest.
    """
    axes, free = [], [0, 1, 2]
    for world in (2, 1, 0):
        axis = max(free, key=lambda k: abs(affine[world, k]))
        free.remove(axis)
        axes.append(axis)
    array = array.transpose(axes)
    affine = affine[:, [*axes, 3]].copy()
    for axis, world in enumerate((2, 1, 0)):
        if affine[world, axis] < 0:
            affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
            affine[:3, axis] *= -1
            array = np.flip(array, axis)
    return array, affine


def dense_lung(hu: Floats, lung: Bools, spacing_mm: float) -> tuple[Bools, Bools]:
    """Find airless lung: lung that is dense over more than the width of a vessel.

    Returns:
        Pieces of at least `DENSE_MIN_ML`, and smaller ones (nodules, thick vessels), both bool.
    """
    import cc3d
    from scipy import ndimage

    smooth = ndimage.uniform_filter(hu, 3)
    solid = (smooth > DENSE_HU) & lung
    radius = max(1, round(5.0 / spacing_mm))
    core = ndimage.distance_transform_edt(solid) > radius
    grown = ndimage.distance_transform_edt(~core) <= radius + 1
    pieces = cc3d.connected_components(solid & grown, connectivity=6)
    least = DENSE_MIN_ML * 1000.0 / spacing_mm**3
    counts = np.bincount(pieces.ravel())
    large = counts >= least
    large[0] = False
    small = counts < least
    small[0] = False
    return large[pieces], small[pieces]


def prepare(case: RealCase, data: Path, spacing_mm: float = SPACING_MM) -> TrainingVolume:
    """Read one real case and resample it to the common frame."""
    volume = read_ct(data / case.images)
    shape = volume.hu.shape
    labels = None if case.labels is None else _labels_of(data / case.labels, shape)
    doubtful = None if case.doubtful is None else _labels_of(data / case.doubtful, shape)
    return resampled(case, volume, labels, doubtful, spacing_mm)


def resampled(
    case: RealCase,
    volume: Volume,
    labels: LungMask | None,
    doubtful: LungMask | None = None,
    spacing_mm: float = SPACING_MM,
) -> TrainingVolume:
    """A CT and its labels in the common frame; masks have the shape of the CT."""
    hu = np.clip(volume.filled(), AIR_HU, 3071).astype(np.int16)
    array, affine = to_patient_axes(hu, volume.grid.affine)
    spacing = [float(np.linalg.norm(affine[:3, axis])) for axis in range(3)]
    if case.lowest_mm is not None:
        array = array[: int(case.lowest_mm / spacing[0]) + 1]
    shape = [int((n - 1) * s / spacing_mm) + 1 for n, s in zip(array.shape, spacing, strict=True)]
    weights = tuple(
        axis_weights(n, s, target, spacing_mm)
        for n, s, target in zip(array.shape, spacing, shape, strict=True)
    )
    coarse = resample_axes(array, weights)  # type: ignore[arg-type]
    right = np.zeros(shape, dtype=np.uint8)
    left = right.copy()
    flags = right.copy()
    if labels is not None:
        sides = to_patient_axes(labels.labels, labels.grid.affine)[0]
        right = _share(sides == 1, weights)
        left = _share(sides == 2, weights)
        dense, unknown = dense_lung(coarse, right.astype(int) + left > 127, spacing_mm)
        flags = dense * np.uint8(DENSE) + unknown * np.uint8(DENSITY_UNKNOWN)
    if doubtful is not None:
        unclear = to_patient_axes(doubtful.labels, doubtful.grid.affine)[0] > 0
        flags |= (_share(unclear, weights) > 64) * np.uint8(DOUBTFUL)
    x, y, z = (float(value) for value in affine[:3, 3])
    rounded = np.clip(np.rint(coarse), AIR_HU, 3071).astype(np.int16)
    return TrainingVolume(
        case.name,
        case.patient,
        rounded,
        right,
        left,
        flags.astype(np.uint8),
        (x, y, z),
        spacing_mm,
    )


def prepare_all(data: Path, cache: Path) -> Iterator[TrainingVolume]:
    """Yield all real volumes; each is prepared once and kept in `cache`."""
    cache.mkdir(parents=True, exist_ok=True)
    for case in (*REAL_CASES, *NEGATIVE_CASES):
        path = cache / f"{case.name}.npz"
        if not path.exists():
            prepare(case, data).save(path)
        yield TrainingVolume.load(path)


def read_ct(path: Path) -> Volume:
    """Read the CT of a folder of DICOM files, or of a NIfTI file."""
    if path.is_dir():
        return find_series(path)[0].read()
    return nifti.read_volume(path)


def _share(mask: Bools, weights: Any) -> NDArray[np.uint8]:
    return np.rint(255 * resample_axes(mask, weights)).astype(np.uint8)


def _labels_of(path: Path, shape: tuple[int, ...]) -> LungMask:
    """A label map, which must have the shape of the CT."""
    mask = read_mask(path)
    if mask.labels.shape != shape:
        raise GridMismatch(f"{path.name} has shape {mask.labels.shape}; the CT has {shape}")
    return mask

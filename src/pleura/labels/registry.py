"""Which file holds which case's mask, and the one way to read and to write any of them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pleura.arrays.grid import Grid
from pleura.arrays.volume import LungMask
from pleura.core.errors import InputRefused, UsageError
from pleura.core.files import PART, whole_file

MAPS = (".nii.gz", ".nii", ".nrrd")
SUFFIXES = (*MAPS, ".npz")
OWN = {"lungs": MAPS, "lungs_seg": (".npz",)}
"""Names of masks in a folder of their case, as `segment` writes them."""
ON_GRID_MM = 0.01
"""Masks in float32 files come this near to their grid (NIfTI's sform, at 500 mm)."""


@dataclass(frozen=True)
class MaskFiles:
    """The mask files of one case: a label map with geometry, an NPZ, or both."""

    case: str
    map: Path | None = None
    npz: Path | None = None

    @property
    def path(self) -> Path:
        """The better of them: the label map, which has geometry and may have sides."""
        found = self.map or self.npz
        assert found is not None
        return found


def find_masks(folder: Path) -> dict[str, MaskFiles]:
    """Masks of a folder by case: `Segmentations/` and `Labels/` where it has them, else `CASE.nii.gz`, `CASE_seg.npz`,
    `CASE/lungs.nii.gz` directly in it; never deeper, since other tools' label maps lie below.

    Raises:
        UsageError: no such folder.
    """
    if not folder.is_dir():
        raise UsageError("the masks' folder does not exist: check the path")
    layout = [folder / name for name in ("Segmentations", "Labels") if (folder / name).is_dir()]
    found: dict[str, MaskFiles] = {}
    for place in layout or [folder]:
        for case, path in _masks_in(place):
            held = found.get(case, MaskFiles(case))
            is_npz = path.suffix == ".npz"
            other = held.npz if is_npz else held.map
            if other is None:
                found[case] = MaskFiles(case, held.map if is_npz else path, path if is_npz else held.npz)
    return dict(sorted(found.items()))


def _masks_in(folder: Path) -> Iterator[tuple[str, Path]]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith((PART, "._")):
            continue
        if entry.is_dir():
            for stem, suffixes in OWN.items():
                for suffix in suffixes:
                    if (entry / f"{stem}{suffix}").is_file():
                        yield entry.name, entry / f"{stem}{suffix}"
        elif suffix := suffix_of(entry):
            yield re.sub(r"_seg$", "", entry.name[: -len(suffix)]), entry


def suffix_of(path: Path) -> str:
    """The suffix that a mask format is known by; empty where there is none."""
    return next((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), "")


def read_mask(path: Path, grid: Grid | None = None) -> LungMask:
    """Read a mask of any format.

    Args:
        path: the file.
        grid: the volume's grid. An NPZ needs it. A label map whose voxels are those of the grid, in whatever order and
            direction its axes run, comes back on it; one that lies elsewhere keeps its own grid, for the caller to judge.

    Returns:
        The mask: labels uint8, sided or not.

    Raises:
        UnreadableFile, InputRefused, GridMismatch: one line each; the file's name is left out, for it may be a patient's.
    """
    from pleura.labels import nifti, npz, nrrd

    suffix = suffix_of(path)
    if suffix == ".npz":
        return npz.read(path, grid)
    if suffix == ".nrrd":
        mask = nrrd.read(path)
    elif suffix:
        mask = nifti.read(path)
    else:
        raise InputRefused("a mask of a format that is not known here; give .nii.gz, .nii, .nrrd or .npz")
    return mask if grid is None else onto(mask, grid)


def write_mask(path: Path, mask: LungMask) -> None:
    """Write a mask, whole or not at all, in the format that the suffix of `path` names.

    Raises:
        UsageError: a suffix that is not known.
        OutputFailed: `path` cannot be written.
    """
    from pleura.labels import nifti, npz, nrrd

    suffix = suffix_of(path)
    if not suffix:
        raise UsageError(f"masks are written as {', '.join(SUFFIXES)}, not {path.suffix}")
    writer = {".npz": npz.write, ".nrrd": nrrd.write}.get(suffix, nifti.write)
    with whole_file(path) as part:
        writer(part, mask)


def onto(mask: LungMask, grid: Grid) -> LungMask:
    """The mask in the axis order of `grid` where both hold the same voxels; else the mask as it is."""
    if mask.grid.same_as(grid, tolerance_mm=ON_GRID_MM):
        return LungMask(mask.labels, grid, mask.sided)
    there = np.linalg.inv(mask.grid.affine) @ grid.affine
    whole = np.rint(there[:3, :3])
    if not np.array_equal(np.sort(np.abs(whole), axis=0), [[0] * 3, [0] * 3, [1] * 3]) or abs(np.linalg.det(whole)) != 1:
        return mask
    order = [int(axis) for axis in np.abs(whole).argmax(axis=0)]
    labels = mask.labels.transpose(order)
    flips = tuple(axis for axis in range(3) if whole[order[axis], axis] < 0)
    labels = np.ascontiguousarray(np.flip(labels, flips))
    if labels.shape != grid.shape:
        return mask
    turned = mask.grid.affine.copy()
    turned[:3, :3] = mask.grid.affine[:3, :3] @ whole
    corner = [mask.grid.shape[axis] - 1 if whole[axis].sum() < 0 else 0 for axis in range(3)]
    turned[:3, 3] = mask.grid.to_world(corner)
    mean = Grid(grid.shape, grid.affine)  # files hold the mean step only, where spacing is uneven
    if not Grid(grid.shape, turned).same_as(mean, tolerance_mm=ON_GRID_MM):
        return mask
    return LungMask(labels, grid, mask.sided)

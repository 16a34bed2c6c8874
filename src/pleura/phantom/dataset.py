"""A data set of synthetic chests in the report's own layout."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from pleura.core.atomic import atomic_file, atomic_folder
from pleura.core.progress import Progress, silent
from pleura.geometry.volume import LungMask
from pleura.phantom.anatomy import chest
from pleura.phantom.writer import SeriesSpec, write_series


def write_dataset(
    out: Path,
    *,
    cases: int = 4,
    shape: Sequence[int] = (40, 128, 128),
    seed: int = 0,
    label: Callable[[Path, LungMask], None] | None = None,
    progress: Progress = silent,
) -> list[str]:
    """Write `cases` chests: `Images/Case_00N/*.dcm` and `Segmentations/Case_00N_seg.npz`, unless
    they exist.

    Args:
        out: the folder to write into.
        cases: how many.
        shape: `(slices, rows, columns)` of each.
        seed: decides bodies, noise, identities, UIDs and file names; equal arguments give equal
            bytes.
        label: writes the sided mask of a case to the path given to it, `Labels/Case_00N.nii.gz`.
        progress: told after each case.

    Returns:
        The names of the cases. The NPZ holds `masks` uint8 `[slice, row, column]`, 1 in both lungs,
        slices upwards.

    Raises:
        OutputFailed: `out` cannot be written.
    """
    names = [f"Case_{number:03d}" for number in range(cases)]
    progress("phantoms", 0, cases)
    for number, name in enumerate(names):
        volume, mask = chest(shape, seed=seed * 1000 + number)
        series = out / "Images" / name
        if not series.exists():
            with atomic_folder(series) as part:
                write_series(part, volume, SeriesSpec(seed=seed * 1000 + number))
        with (
            atomic_file(out / "Segmentations" / f"{name}_seg.npz") as path,
            path.open("wb") as file,
        ):
            np.savez_compressed(file, masks=mask.lungs.astype(np.uint8))
        if label is not None:
            label(out / "Labels" / f"{name}.nii.gz", mask)
        progress("phantoms", number + 1, cases)
    return names

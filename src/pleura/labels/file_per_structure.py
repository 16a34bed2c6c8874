"""A folder with one file for each structure, such as `Lung_R.nii.gz` and `Lung_L.nii.gz`.

TotalSegmentator writes `lung_upper_lobe_left.nii.gz` and the like.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from pleura.core.codes import refused
from pleura.core.errors import GridMismatch
from pleura.core.findings import Finding
from pleura.core.lung_names import LungPart, lung_parts
from pleura.geometry.volume import LungMask
from pleura.labels.lattice import mismatch
from pleura.labels.structures import Structure, assemble


def parts_of(folder: Path, suffixes: tuple[str, ...]) -> dict[Path, LungPart]:
    """The files of a folder with a lung or a lobe, by name; empty where no name has a side."""
    stems = _stems(folder, suffixes)
    parts = lung_parts(stems)
    found = {stems[stem]: part for stem, part in parts.items()}
    if any(part.side != "both" for part in found.values()):
        return found
    return {}


def _stems(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    stems: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        suffix = next((suffix for suffix in suffixes if path.name.lower().endswith(suffix)), None)
        if suffix and path.is_file() and not path.name.startswith("."):
            stems.setdefault(path.name[: -len(suffix)], path)
    return stems


def read(
    folder: Path, suffixes: tuple[str, ...], reader: Callable[[Path], LungMask]
) -> tuple[LungMask, tuple[Finding, ...]]:
    """Make one mask of the files of a folder.

    Raises:
        GridMismatch: the files do not lie on one grid.
        UnreadableFile, InputRefused: one of them cannot be read, or they contradict each other.
    """
    parts = parts_of(folder, suffixes)
    if not parts:
        raise refused("NO-LUNG", near="")
    structures: list[Structure] = []
    grid = None
    for path, part in parts.items():
        mask = reader(path)
        grid = grid or mask.grid
        if not mask.grid.same_as(grid):
            raise mismatch(mask.grid, grid, other="first file of the case")
        structures.append(
            Structure(path.name.split(".")[0], part, np.ascontiguousarray(mask.lungs))
        )
    if grid is None:
        raise refused("NEEDS-GRID", GridMismatch, kind="an empty folder")
    return assemble(structures, _stems(folder, suffixes), grid)

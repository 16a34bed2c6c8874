"""A mask and its reference, read onto one lattice where they share one: what has no grid of its own takes the other's."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pleura.core.errors import GridMismatch, InputRefused
from pleura.core.findings import Finding
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask
from pleura.labels.mappings import Naming
from pleura.labels.objects import RTSTRUCT, open_dataset
from pleura.labels.registry import ON_GRID_MM, is_object, read_judged, suffix_of

if TYPE_CHECKING:
    from pleura.labels.objects import Scan

NOTHING, LATTICE, WHOLE = 0, 1, 2
"""What a mask's file says of the grid: nothing; a lattice without its ends (a segmentation leaves empty frames out); all."""

REFERENCE = "reference: "
"""Stands before what is wrong with a reference."""

Judged = tuple[LungMask, tuple[Finding, ...]]


def read_pair(
    answer: Path, reference: Path, grid: Grid | None, scan: "Scan | None", namings: tuple[Naming, Naming]
) -> tuple[Judged, Judged]:
    """Read a mask and its reference, each with what was odd in it; still on two grids where they do not share a lattice.

    Args:
        answer: the mask to judge.
        reference: what is taken for true.
        grid: the scan's, where it is known; else that of a label map is taken, the reference's first.
        scan: what is known of the scan: label objects must lie in its frame of reference.
        namings: what the numbers of the two mean.

    Raises:
        GridMismatch: neither has a grid; else as `read_judged`.
    """

    def read(which: int, on: Grid | None) -> Judged:
        try:
            return read_judged((answer, reference)[which], on, scan, namings[which])
        except InputRefused as error:
            error.args = (f"{REFERENCE}{error}",) if which else error.args
            raise

    known = [_grid_in(path) for path in (answer, reference)]
    first = int(known[1] >= known[0])
    if grid is None and known[first] is NOTHING:
        raise GridMismatch("mask and reference are NPZ or structure sets, which have no grid: give --grid")
    told: dict[int, Judged] = {first: read(first, grid)}
    lattice = told[first][0].grid
    if grid is None and known[1 - first] is LATTICE:
        told[1 - first] = read(1 - first, None)
        if known[first] is LATTICE:
            one, other = on_one_lattice(told[0][0], told[1][0])
            return (one, told[0][1]), (other, told[1][1])
        told = _tried(told, 1 - first, lambda: read(1 - first, lattice))
    else:
        told[1 - first] = read(1 - first, lattice)
    return told[0], told[1]


def _tried(told: dict[int, Judged], which: int, read: Callable[[], Judged]) -> dict[int, Judged]:
    """A segmentation on the other's grid where it lies there; else on its own, for the caller to judge."""
    try:
        return told | {which: read()}
    except GridMismatch:
        return told


def _grid_in(path: Path) -> int:
    if suffix_of(path) == ".npz":
        return NOTHING
    if not is_object(path):
        return WHOLE
    return NOTHING if open_dataset(path, pixels=False).SOPClassUID == RTSTRUCT else LATTICE


def on_one_lattice(one: LungMask, other: LungMask) -> tuple[LungMask, LungMask]:
    """Both on the smallest grid that holds both, where their voxels coincide; else as they are."""
    shift = one.grid.to_index(other.grid.to_world([0, 0, 0]))
    start = np.rint(shift).astype(int)
    moved = one.grid.affine.copy()
    moved[:3, 3] = one.grid.to_world(start)
    if not Grid(other.grid.shape, moved).same_as(other.grid, tolerance_mm=ON_GRID_MM):
        return one, other
    low = np.minimum(start, 0)
    shape = np.maximum(one.grid.shape, start + other.grid.shape) - low
    affine = one.grid.affine.copy()
    affine[:3, 3] = one.grid.to_world(low)
    grid = Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine)
    return _placed(one, -low, grid), _placed(other, start - low, grid)


def _placed(mask: LungMask, at: np.ndarray, grid: Grid) -> LungMask:
    labels = np.zeros(grid.shape, dtype=np.uint8)
    labels[tuple(slice(k, k + n) for k, n in zip(at, mask.grid.shape, strict=True))] = mask.labels
    return LungMask(labels, grid, mask.sided)

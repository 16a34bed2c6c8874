"""Read a mask and its reference onto one lattice; a mask without a grid takes the other's."""

from pathlib import Path
from typing import TYPE_CHECKING

from pleura.core.codes import refused
from pleura.core.errors import GridMismatch, InputRefused
from pleura.core.findings import Finding
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask
from pleura.labels.lattice import union
from pleura.labels.mappings import Naming
from pleura.labels.objects import RTSTRUCT, open_dataset
from pleura.labels.registry import is_object, read_judged, suffix_of

if TYPE_CHECKING:
    from pleura.labels.objects import Scan

REFERENCE = "reference: "
"""Begins messages about a reference."""

Judged = tuple[LungMask, tuple[Finding, ...]]


def read_pair(
    answer: Path,
    reference: Path,
    grid: Grid | None,
    scan: "Scan | None",
    namings: tuple[Naming, Naming],
) -> tuple[Judged, Judged]:
    """Read a mask and its reference, each with its findings.

    Where no grid is given, both come on the smallest grid that holds both, along the axes of the
    reference; or on two grids, where their voxels do not coincide.

    Args:
        answer: the mask to score.
        reference: the mask to score it against.
        grid: the grid of the scan, where it is known.
        scan: what is known of the scan: label objects must lie in its frame of reference.
        namings: what the label values of the two mean.

    Raises:
        GridMismatch: neither has a grid of its own; else as `read_judged`.
    """
    paths = (answer, reference)

    def read(which: int, on: Grid | None) -> Judged:
        try:
            return read_judged(paths[which], on, scan, namings[which])
        except InputRefused as error:
            error.args = (f"{REFERENCE}{error}",) if which else error.args
            raise

    if grid is not None:
        return read(0, grid), read(1, grid)
    has_grid = [_has_grid(path) for path in paths]
    if not any(has_grid):
        raise refused("NEEDS-GRID", GridMismatch, kind="neither mask nor reference (NPZ, RTSTRUCT)")
    if not all(has_grid):
        first = has_grid.index(True)
        known = read(first, None)
        other = read(1 - first, known[0].grid)
        if first:
            return (other, known)
        return (known, other)
    one, other = read(0, None), read(1, None)
    truth, scored = union(other[0], one[0])
    return (scored, one[1]), (truth, other[1])


def _has_grid(path: Path) -> bool:
    """Whether a mask's file has geometry of its own."""
    if suffix_of(path) == ".npz":
        return False
    return not is_object(path) or open_dataset(path, pixels=False).SOPClassUID != RTSTRUCT

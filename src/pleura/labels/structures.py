"""From named structures to a lung mask, with the same names and rules for every format.

Whole lungs come before lobes. A missing side is both lungs without the other. Structures of one
side must be identical.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.codes import finding, refused
from pleura.core.findings import Finding
from pleura.core.lung_names import LungPart, chosen, near_names, shown_name
from pleura.core.lung_words import Side
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LEFT, RIGHT, LungMask

Mask = NDArray[np.bool_]

LOBES_OF = {"right": ("upper", "middle", "lower"), "left": ("upper", "lower")}
WORDS: dict[Side, str] = {"right": "right lung", "left": "left lung", "both": "lungs"}
OTHER: dict[Side, Side] = {"right": "left", "left": "right"}


@dataclass(frozen=True)
class Structure:
    """A structure that is a lung or part of one, with its voxels.

    `count` is the number of its `items` (contours, voxels) in the file, so that a structure that
    ends up empty is noticed.
    """

    name: str
    part: LungPart
    voxels: Mask
    count: int = 0
    items: str = "voxels"


def assemble(
    structures: Sequence[Structure], names: Iterable[str], grid: Grid
) -> tuple[LungMask, tuple[Finding, ...]]:
    """Make a lung mask from structures.

    Args:
        structures: those with a `part`, in the order of their file.
        names: the names of all structures of the file, to list those that are close to a lung's.
        grid: where the voxels lie.

    Returns:
        The mask (unsided where the file has both lungs as one structure only) and the findings.

    Raises:
        InputRefused: `NO-LUNG`, `LUNG-TWICE`, `LUNG-PARTIAL` or `LUNG-EMPTY`.
    """
    used = chosen(structure.part for structure in structures)
    structures = [structure for structure in structures if structure.part in used]
    taken = {structure.name for structure in structures if not structure.part.partial}
    near = near_names(name for name in names if name not in taken)
    found = _additions(structures)
    for structure in structures:
        if structure.count and not structure.voxels.any():
            raise refused(
                "LUNG-EMPTY",
                lung=_words_of(structure.part),
                n=structure.count,
                items=structure.items,
            )
    whole = [structure for structure in structures if not structure.part.partial]
    every: tuple[Side, ...] = ("right", "left", "both")
    sides = {side: _side(whole, side, found) for side in every}
    _derive(sides, found)
    _check_partial(structures, sides)
    right, left, both = sides["right"], sides["left"], sides["both"]
    if near:
        found.append(finding("LUNG-NAMES-UNUSED", names=", ".join(near)))
    if right is None and left is None:
        if both is None:
            raise refused(
                "NO-LUNG", near=f"; names close to a lung: {', '.join(near)}" if near else ""
            )
        return LungMask(both.astype(np.uint8) * RIGHT, grid, sided=False), tuple(found)
    if right is None or left is None:
        found.append(finding("ONE-LUNG", lung=WORDS["left" if right is None else "right"], n=1))
    return _sided(right, left, grid, found), tuple(found)


def _additions(structures: Sequence[Structure]) -> list[Finding]:
    """That names have more than the words for a lung, and are taken for lungs nevertheless."""
    names = [shown_name(one.name) for one in structures if one.part.has_additions]
    if names:
        return [finding("LUNG-NAMES-WITH-ADDITIONS", names=", ".join(dict.fromkeys(names)))]
    return []


def _sided(right: Mask | None, left: Mask | None, grid: Grid, found: list[Finding]) -> LungMask:
    labels = np.zeros(grid.shape, dtype=np.uint8)
    if right is not None:
        labels[right] = RIGHT
    if left is not None:
        shared = int(np.count_nonzero(left & (labels == RIGHT)))
        if shared:
            found.append(finding("LUNGS-OVERLAP", n=shared))
        labels[left & (labels == 0)] = LEFT
    return LungMask(labels, grid)


def _side(structures: Sequence[Structure], side: Side, found: list[Finding]) -> Mask | None:
    """The lung of a side, as a whole structure, else from its lobes, else `None`."""
    ours = [structure for structure in structures if structure.part.side == side]
    whole = [structure for structure in ours if structure.part.whole]
    if whole:
        return _one_of(whole, WORDS[side], found)
    lobes: dict[str, Mask] = {}
    for lobe in LOBES_OF.get(side, ()):
        same = [structure for structure in ours if structure.part.lobe == lobe]
        if same:
            lobes[lobe] = _one_of(same, f"{side} {lobe} lobe", found)
    if not lobes:
        return None
    missing = [lobe for lobe in LOBES_OF[side] if lobe not in lobes]
    if missing:
        parts: dict[str, Any] = {
            "lung": WORDS[side],
            "found": _lobes(list(lobes)),
            "missing": _lobes(missing),
        }
        found.append(finding("LOBES-MISSING", **parts))
    united: Mask = np.logical_or.reduce(list(lobes.values()))
    return united


def _lobes(names: Sequence[str]) -> str:
    noun = "lobes" if len(names) > 1 else "lobe"
    return f"the {' and '.join(names)} {noun}"


def _one_of(same: Sequence[Structure], lung: str, found: list[Finding]) -> Mask:
    """The voxels of structures that must be identical, such as two copies of one structure."""
    first = same[0].voxels
    differ = max(int(np.count_nonzero(first != other.voxels)) for other in same)
    if differ:
        raise refused("LUNG-TWICE", n=len(same), lung=lung, voxels=differ)
    if len(same) > 1:
        found.append(finding("LUNG-REPEATED", n=len(same), lung=lung))
    return first


def _derive(sides: dict[Side, Mask | None], found: list[Finding]) -> None:
    """Fill in a missing side where there is also a structure of both lungs."""
    both = sides["both"]
    for side, other in OTHER.items():
        opposite = sides[other]
        if sides[side] is None and opposite is not None and both is not None:
            rest = both & ~opposite
            if rest.any():
                sides[side] = rest
                found.append(finding("LUNG-DERIVED", lung=WORDS[side], other=WORDS[other]))
            return


def _check_partial(structures: Sequence[Structure], sides: dict[Side, Mask | None]) -> None:
    """Refuse a side that occurs only as a partial structure."""
    partial: dict[Side, list[str]] = {}
    for structure in structures:
        if structure.part.partial:
            partial.setdefault(structure.part.side, []).append(shown_name(structure.name))
    has_both = sides["both"] is not None
    for side, names in partial.items():
        if sides[side] is None and not has_both:
            raise refused("LUNG-PARTIAL", lung=WORDS[side], names=", ".join(names))


def _words_of(part: LungPart) -> str:
    if part.lobe:
        return f"{part.side} {part.lobe} lobe"
    return WORDS[part.side]

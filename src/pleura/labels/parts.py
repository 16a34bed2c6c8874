"""A folder of one file a structure: TotalSegmentator's `lung_upper_lobe_left.nii.gz` …, or `Lung_R.nii.gz`, `Lung_L.nii.gz`."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from pleura.core.errors import GridMismatch
from pleura.core.findings import Finding, Verdict
from pleura.geometry.volume import LEFT, RIGHT, LungMask
from pleura.labels.mappings import side_of_part
from pleura.labels.names import Side


def parts_of(folder: Path, suffixes: tuple[str, ...]) -> dict[Path, Side]:
    """The files of a folder that hold a lung or a lobe of a side, by their names; empty where there are none.

    Where whole lungs lie there, lobes do not count.
    """
    found: dict[Path, Side] = {}
    for path in sorted(folder.iterdir()):
        suffix = next((suffix for suffix in suffixes if path.name.lower().endswith(suffix)), None)
        side = side_of_part(path.name[: -len(suffix)]) if suffix else None
        if side in ("right", "left") and path.is_file():
            found[path] = side
    whole = {path: side for path, side in found.items() if "lobe" not in path.name.lower() and "lung" in path.name.lower()}
    return whole if set(whole.values()) == {"right", "left"} else found


def read(parts: dict[Path, Side], reader: Callable[[Path], LungMask]) -> tuple[LungMask, tuple[Finding, ...]]:
    """One mask of many: a voxel of any part is its side's.

    Raises:
        GridMismatch: the parts do not lie on one grid.
        UnreadableFile, InputRefused: one of them cannot be read.
    """
    labels, grid, twice = None, None, 0
    for path, side in parts.items():
        mask = reader(path)
        if labels is None or grid is None:
            labels, grid = np.zeros(mask.grid.shape, dtype=np.uint8), mask.grid
        if not mask.grid.same_as(grid):
            raise GridMismatch("the files of one case do not lie on one grid; make them again from one scan")
        label = LEFT if side == "left" else RIGHT
        twice += int(np.count_nonzero(mask.lungs & (labels > 0) & (labels != label)))
        labels[mask.lungs & (labels == 0)] = label
    assert labels is not None
    assert grid is not None
    findings = []
    if twice:
        text = f"{twice} voxels lie in both lungs; the first to claim them has them"
        findings.append(Finding("LUNGS-OVERLAP", Verdict.REVIEW, text, {"n": twice}))
    if len(set(parts.values())) == 1:
        text = f"the files hold a {next(iter(parts.values()))} lung only"
        findings.append(Finding("ONE-LUNG", Verdict.REVIEW, text, {"n": 1}))
    return LungMask(labels, grid), tuple(findings)

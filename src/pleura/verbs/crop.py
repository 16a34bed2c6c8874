"""`--crop-above-apex`: the slices of a CT that lie above the lungs, so that no face need be published with a chest."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pleura.core.errors import PleuraError
from pleura.core.findings import Verdict
from pleura.core.progress import Progress, silent

if TYPE_CHECKING:
    from pleura.dicom.series import Series

STEEP = 0.5
"""Least upward part of a slice normal: slices of a sagittal or coronal series have no height."""


@dataclass(frozen=True)
class Crop:
    """Which slices lie too high, by file, and by SOPInstanceUID for the copies that no volume counts."""

    files: Mapping[Path, bool]
    uids: Mapping[str, bool]
    series: int  # in which an apex was found

    def above(self, path: Path, uid: str) -> bool | None:
        """Whether a slice of CT is to be left out; `None` where nothing tells how high it lies."""
        return self.files.get(path, self.uids.get(uid))


def crop_above_apex(source: Path, margin_mm: float, progress: Progress = silent) -> Crop:
    """Find the slices of all CT below `source` that lie more than `margin_mm` above the apex of the higher lung.

    The lungs are found by the classical segmenter. A series without lungs, one that is no volume (a scout), one of multi-frame
    objects and one that is not axial tell of no apex.
    """
    from pleura.dicom.series import find_series

    files: dict[Path, bool] = {}
    uids: dict[str, bool] = {}
    found = 0
    series = [one for one in find_series(source) if one.is_ct]
    for number, one in enumerate(series):
        progress("find apex", number, len(series))
        cut = _beyond(one, margin_mm)
        if cut is not None:
            found += 1
            for plane, beyond in zip(one.files, cut, strict=True):
                files[plane.path] = uids[plane.sop_uid] = bool(beyond)
    progress("find apex", len(series), len(series))
    return Crop(files, uids, found)


def _beyond(series: "Series", margin_mm: float) -> NDArray[np.bool_] | None:
    """For each slice whether it lies too high, `(slices,)` bool; `None` where nothing tells."""
    from pleura.arrays.hounsfield import settled
    from pleura.segmenters.classical import Classical

    grid = series.grid
    if not series.usable or grid is None or any(plane.frames > 1 for plane in series.files):
        return None
    up = float(grid.normal[2])
    if abs(up) < STEEP:
        return None
    try:
        volume, findings = settled(series.read())
        if any(finding.verdict is Verdict.REFUSED for finding in findings):
            return None
        lungs = Classical()(volume).mask
    except PleuraError:
        return None
    held = np.flatnonzero(lungs.lungs.any(axis=(1, 2)))
    if not held.size:
        return None
    along = np.arange(grid.shape[0]) * grid.spacing_mm[0] if grid.positions_mm is None else grid.positions_mm
    height = along * np.sign(up)
    beyond: NDArray[np.bool_] = height > height[held].max() + margin_mm
    return beyond

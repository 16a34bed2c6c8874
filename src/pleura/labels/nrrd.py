"""NRRD label maps: 1 right, 2 left; `space` LPS, RAS or LAS turned to LPS. The only pynrrd."""

from collections import OrderedDict
from pathlib import Path

import numpy as np

from pleura.core.errors import UnreadableFile
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask
from pleura.labels.mappings import LUNGS, Naming
from pleura.labels.values import labels_of, sided

TO_LPS = {
    "left-posterior-superior": (1, 1, 1),
    "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1),
    "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
    "las": (1, -1, 1),
}


def read(path: Path, naming: Naming = LUNGS) -> LungMask:
    """Read a label map with its own grid.

    Raises:
        UnreadableFile: broken, not of three dimensions, or without `space` and `space directions`.
        InputRefused: values that `naming` does not know.
    """
    import nrrd

    try:
        data, header = nrrd.read(str(path), index_order="F")
    except Exception as error:  # pynrrd raises whatever parsing meets
        raise UnreadableFile("the NRRD mask is broken; make it again") from error
    directions = header.get("space directions")
    sign = TO_LPS.get(str(header.get("space", "")).lower())
    if data.ndim != 3 or directions is None or sign is None:
        raise UnreadableFile("the NRRD mask is not three-dimensional with `space` and `space directions`")
    affine = np.eye(4)
    try:
        affine[:3, :3] = np.asarray(directions, dtype=np.float64)[::-1].T * np.array(sign)[:, None]
        affine[:3, 3] = np.asarray(header.get("space origin", (0, 0, 0)), dtype=np.float64) * sign
    except ValueError as error:
        raise UnreadableFile("the NRRD mask's `space directions` or `space origin` are broken; make it again") from error
    labels = labels_of(np.ascontiguousarray(data.T), naming)
    grid = Grid((labels.shape[0], labels.shape[1], labels.shape[2]), affine)
    return LungMask(labels, grid, sided(labels, naming, header.get("pleura") == "sided"))


def write(path: Path, mask: LungMask) -> None:
    """Write uint8 labels with the grid in LPS, gzip."""
    import nrrd

    axes = mask.grid.affine[:3, :3]
    header = OrderedDict(
        {
            "space": "left-posterior-superior",
            "space directions": axes.T[::-1],
            "space origin": mask.grid.affine[:3, 3],
            "kinds": ["domain"] * 3,
            "encoding": "gzip",
            "pleura": "sided" if mask.sided else "unsided",
        }
    )
    nrrd.write(str(path), mask.labels.T, header, index_order="F", compression_level=6)

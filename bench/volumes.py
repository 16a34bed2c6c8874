"""Volumes beside SimpleITK's and dcm2niix's: `python bench/volumes.py [DATA [DCM2NIIX]]` prints a
table.

Every usable series of a folder of real CT, and phantoms in every transfer syntax and many
orientations. "same": the same HU in the same places, voxel for voxel (within 0.02 voxel). SimpleITK
reads the files that GDCM lists for the series, dcm2niix a folder that holds the series alone. Where
a neighbour differs, the finding of ours that says why stands beside it.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from pleura.dicom.series import Series, find_series
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.phantom.writer import SYNTAXES, SeriesSpec, write_series

ORIENTATIONS = {
    "supine": "SPL",
    "columns to the right": "IPR",
    "rows to the front": "IAL",
    "prone": "SAR",
    "coronal": "AIL",
    "sagittal": "LIP",
    "oblique": "SPL",
}
"""Where slices, rows and columns run to in the patient; slices along cross(row, column), as
DICOM has it.
"""
LPS = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "S": (2, 1), "I": (2, -1)}


def phantoms() -> Iterator[tuple[str, Volume, SeriesSpec]]:
    """Name, volume and declaration; values tell every axis and direction apart."""
    shape = (10, 24, 28)
    s, r, c = np.indices(shape)
    hu = (-1000 + 60 * s + 17 * r + 7 * c + np.random.default_rng(1).integers(-3, 4, shape)).astype(
        np.int16
    )
    for syntax in SYNTAXES:
        yield (
            f"phantom, {syntax}",
            Volume(hu, Grid.axial(shape, (2.5, 0.7, 0.9), (-90.0, -80.0, 20.0))),
            SeriesSpec(syntax=syntax),
        )
    for name, letters in ORIENTATIONS.items():
        affine = np.zeros((4, 4))
        for column, (letter, spacing) in enumerate(zip(letters, (2.5, 0.7, 0.9), strict=True)):
            axis, sign = LPS[letter]
            affine[axis, column] = sign * spacing
        affine[3, 3] = 1
        if name == "oblique":
            angle = np.radians(20)
            turn = np.array(
                [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
            )
            affine[:3, :3] = turn @ affine[:3, :3]
        affine[:3, 3] = (-90.0, -80.0, 20.0)
        for signed, slope in ((False, 1.0), (True, 2.0)):
            spec = SeriesSpec(signed=signed, slope=slope, intercept=-1024.0 * (not signed))
            yield (
                f"phantom, {name}, {'signed, slope 2' if signed else 'unsigned'}",
                Volume(hu // 2 * 2, Grid(shape, affine)),
                spec,
            )


def placed(array: Any, affine: Any, truth: Volume) -> bool:
    """Whether `array` `[i, j, k]`, with the affine of its indices to LPS, is the truth with axes
    swapped and turned.
    """
    array = np.squeeze(np.asarray(array))
    steps = np.linalg.solve(truth.grid.affine, np.asarray(affine, float))
    turn = np.rint(steps).astype(int)
    if array.ndim != 3 or (np.abs(turn[:3, :3]).sum(axis=0) != 1).any():
        return False
    axes = [int(np.flatnonzero(turn[k, :3])[0]) for k in range(3)]
    if (array.shape[axes[0]], array.shape[axes[1]], array.shape[axes[2]]) != truth.hu.shape:
        return False
    corners = np.array(
        [
            [*(c * (n - 1) for c, n in zip(corner, array.shape, strict=True)), 1]
            for corner in np.ndindex(2, 2, 2)
        ]
    )
    where = corners @ steps.T
    if (
        np.abs(where - corners @ turn.T).max() > 0.02
        or where.min() < -0.02
        or (where[:, :3].max(axis=0) > np.array(truth.hu.shape) - 0.98).any()
    ):
        return False
    flips = tuple(slice(None, None, int(turn[k, axes[k]])) for k in range(3))
    return bool(np.array_equal(array.transpose(axes)[flips], truth.hu))


def simpleitk(one: Series, volume: Volume) -> str:
    """SimpleITK on the files that GDCM lists for the series in its folder."""
    import SimpleITK as sitk

    sitk.ProcessObject_SetGlobalWarningDisplay(False)
    reader = sitk.ImageSeriesReader()
    try:
        names = reader.GetGDCMSeriesFileNames(str(one.files[0].path.parent), one.series_uid)
        reader.SetFileNames(names)
        image = reader.Execute() if len(names) > 1 else sitk.ReadImage(names[0])
    except RuntimeError:
        return "error"
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return "same" if placed(sitk.GetArrayFromImage(image).T, affine, volume) else "DIFFERS"


def dcm2niix(program: str, one: Series, volume: Volume) -> str:
    """dcm2niix's file, or files, of a folder that holds the series alone."""
    with tempfile.TemporaryDirectory() as place:
        for number, path in enumerate(dict.fromkeys(plane.path for plane in one.files)):
            shutil.copy(path, Path(place) / f"{number:04}.dcm")
        done = subprocess.run(
            [program, "-z", "n", "-o", place, place], capture_output=True, check=False, timeout=300
        )
        images: list[Any] = [nibabel.load(path) for path in sorted(Path(place).glob("*.nii"))]
        same = [
            placed(np.asanyarray(one.dataobj), np.diag([-1, -1, 1, 1]) @ one.affine, volume)
            for one in images
        ]
    if not same:
        return f"refused (exit {done.returncode})"
    return ("same" if any(same) else "DIFFERS") + (f", {len(same)} files" if len(same) > 1 else "")


def row(name: str, one: Series, program: str | None) -> str:
    """A line of the table."""
    volume = one.read()
    cells = [name, "×".join(map(str, volume.hu.shape)), simpleitk(one, volume)]
    if program:
        cells.append(dcm2niix(program, one, volume))
    codes = " ".join(f"`{finding.code}`" for finding in one.findings)
    return f"| {' | '.join(cells)} | {codes} |"


def main() -> None:
    """Print the table."""
    data, program = [*sys.argv[1:], None, None][:2]
    print(
        f"| series | size | SimpleITK |{' dcm2niix |' if program else ''} pleura's findings "
        f"|\n|{'---|' * (4 + bool(program))}"
    )
    for one in find_series(Path(data)) if data else ():
        if one.usable:
            print(row(str(one.files[0].path.parent.relative_to(data)), one, program), flush=True)
    for name, volume, spec in phantoms():
        with tempfile.TemporaryDirectory() as place:
            write_series(Path(place), volume, spec)
            (one,) = find_series(Path(place))
            assert placed(volume.hu, volume.grid.affine, one.read()), name
            print(row(name, one, program), flush=True)


if __name__ == "__main__":
    main()

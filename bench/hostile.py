"""Hostile series, ours and the neighbours': `python bench/hostile.py [PYTHON_OF_PEERS [DCM2NIIX]]` prints a table.

Each row is a flaw declared on one small series. "same" is the volume of the clean series, voxel for voxel and in geometry;
"WRONG" a volume that is another one, without a refusal. Peers are run as their documentation says, on the folder.
"""

import contextlib
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pleura.arrays.grid import Grid
from pleura.arrays.volume import Volume
from pleura.core.errors import InputRefused
from pleura.dicom.series import find_series
from pleura.phantom import flaws
from pleura.phantom.enhanced import enhanced
from pleura.phantom.writer import SeriesSpec, series, write_files

SHAPE = (12, 32, 28)
SPEC = SeriesSpec(declare_padding=False)
Make = Callable[[Sequence[Any]], Sequence[Any]]

TRAPS: dict[str, Make] = {
    "clean": list,
    "1 screenshots as CT": flaws.screenshots,
    "2 localizer inside": flaws.with_localizer,
    "3 two phases, one UID": flaws.two_passes,
    "3 two stacks, nothing tells them apart": lambda s: flaws.two_passes(s, told_apart_by=""),
    "4 a slice twice": lambda s: flaws.duplicated(s, 3),
    "4 one UID, two slices": lambda s: flaws.repeated_uid(s, 4),
    "4 one place, two slices": lambda s: flaws.duplicated(s, 4, new_uid=True, other_pixels=True),
    "7 short pixels": lambda s: flaws.short_pixels(s, 2),
    "8 InstanceNumber shuffled": lambda s: flaws.instance_numbers(s, [5, 3, 9, 1, 7, 2, 8, 6, 4, 12, 10, 11]),
    "8 no position": lambda s: flaws.tags(s, ImagePositionPatient=None),
    "9 a slice missing": lambda s: flaws.missing(s, 4),
    "10 steps change": lambda s: flaws.shifted(s, [0] * 6 + [2.1 * k for k in range(1, 7)]),
    "10 wobble of 5 µm": lambda s: flaws.shifted(s, [0.005 * (k % 2) for k in range(12)]),
    "11 SpacingBetweenSlices negative": lambda s: flaws.tags(s, SpacingBetweenSlices="-1.25", SliceThickness="5"),
    "12 gantry tilt 15°": lambda s: flaws.tilted(s, 15.0),
    "13 one smaller slice": lambda s: flaws.smaller(s, 0),
    "14 cosines not orthogonal": lambda s: flaws.tags(s, ImageOrientationPatient=["1", "0", "0", "0.5", "0.8", "0"]),
    "16 Enhanced CT, frames shuffled": lambda s: [enhanced(s, order=[5, 3, 8, 0, 7, 1, 6, 2, 4, 11, 9, 10])],
    "17 rescale of its own on three slices": lambda s: flaws.rescaled(s, 2, 5, 6, intercept=-2047),
    "17 no rescale": lambda s: flaws.tags(s, RescaleSlope=None, RescaleIntercept=None),
    "17 RescaleType is not HU": lambda s: flaws.tags(s, RescaleType="OD"),
    "19 overlay in the unused bits": lambda s: flaws.overlay_bits(s),
    "20 four transfer syntaxes": lambda s: flaws.syntaxes(s, ["explicit", "jpeg-ls", "rle", "implicit"]),
    "21 MONOCHROME1": lambda s: flaws.tags(s, PhotometricInterpretation="MONOCHROME1"),
}
MOVED = {"10 steps change", "12 gantry tilt 15°"}
"""Here the planes really lie elsewhere than in the clean series."""

PEER = """
import sys, json, numpy as np, warnings
warnings.simplefilter("ignore")
which, folder, out = sys.argv[1:]
if which == "MONAI PydicomReader":
    from monai.data import PydicomReader
    reader = PydicomReader()
    array, about = reader.get_data(reader.read(folder))
    affine = np.asarray(about["affine"])
else:
    from lungmask.utils import load_input_image
    import SimpleITK as sitk
    image = load_input_image(folder)
    array = sitk.GetArrayFromImage(image)
    affine = np.eye(4)
    axes = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, :3], affine[:3, 3] = axes, image.GetOrigin()
    affine = np.diag([-1, -1, 1, 1]) @ affine
    array = array.transpose(2, 1, 0)
np.savez(out, array=np.asarray(array), affine=affine)
"""


def made() -> Volume:
    """Values that tell every axis and direction apart, with air and tissue."""
    s, r, c = np.indices(SHAPE)
    hu = -1000 + 40 * s + 13 * r + 5 * c + np.random.default_rng(1).integers(-3, 4, SHAPE)
    return Volume(hu.astype(np.int16), Grid.axial(SHAPE, (2.5, 0.7, 0.9), (-90.0, -80.0, 20.0)))


def moved(truth: Volume, slices: Sequence[Any]) -> Volume:
    """The volume where the slices' own positions and cosines say that it is."""
    places = np.array([one.ImagePositionPatient for one in slices], float)
    cosines = np.array(slices[0].ImageOrientationPatient, float)
    affine = truth.grid.affine.copy()
    affine[:3, 0] = (places[-1] - places[0]) / (len(slices) - 1)
    affine[:3, 1] = cosines[3:] * truth.grid.spacing_mm[1]
    depths = (places - places[0]) @ np.cross(cosines[:3], cosines[3:])
    even = np.ptp(np.diff(depths)) < 0.02
    return Volume(truth.hu, Grid(truth.grid.shape, affine, None if even else depths))


def placed(array: Any, affine_ras: Any, truth: Volume) -> bool:
    """Whether `array` `[i, j, k]` with a NIfTI-like affine holds the truth where the truth lies."""
    array, affine = np.squeeze(np.asarray(array)), np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.asarray(affine_ras, float)
    if array.size != truth.hu.size or array.ndim != 3:
        return False
    points = np.indices(array.shape).reshape(3, -1).T @ affine[:3, :3].T + affine[:3, 3]
    index = truth.grid.to_index(points)
    nearest = np.rint(index).astype(int)
    if np.abs(index - nearest).max() > 0.02 or (nearest < 0).any() or (nearest >= truth.hu.shape).any():
        return False
    return bool((truth.hu[tuple(nearest.T)] == array.reshape(-1)).all())


def ours(folder: Path, truth: Volume) -> str:
    """What pleura makes of a folder."""
    words = []
    for one in find_series(folder):
        codes = " ".join(f"`{f.code}`" for f in one.findings)
        if not one.usable:
            words.append(f"refused {codes}")
            continue
        with contextlib.suppress(InputRefused):
            volume = one.read()
            same = volume.hu.shape == truth.hu.shape and (volume.hu == truth.hu).all()
            same = same and volume.grid.same_as(truth.grid, tolerance_mm=0.02)
            words.append(f"{'same' if same else 'another volume'}, {one.verdict.word} {codes}".strip())
    return "; ".join(dict.fromkeys(words))


def simpleitk(folder: Path, truth: Volume) -> str:
    """SimpleITK's series reader on the first series that GDCM names."""
    import SimpleITK as sitk

    sitk.ProcessObject_SetGlobalWarningDisplay(False)
    reader = sitk.ImageSeriesReader()
    names = reader.GetGDCMSeriesFileNames(str(folder))
    try:
        reader.SetFileNames(names)
        image = reader.Execute() if len(names) > 1 else sitk.ReadImage(names[0])
    except (RuntimeError, IndexError):
        return "error"
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return "same" if placed(sitk.GetArrayFromImage(image).T, np.diag([-1, -1, 1, 1]) @ affine, truth) else "WRONG"


def peer(which: str, python: str, folder: Path, truth: Volume) -> str:
    """A reader in another environment."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "out.npz"
        done = subprocess.run([python, "-c", PEER, which, str(folder), str(out)], capture_output=True, check=False, timeout=120)
        if done.returncode or not out.exists():
            missing = b"ModuleNotFoundError" in done.stderr
            return "not installed" if missing else "error"
        with np.load(out) as told:
            return "same" if placed(told["array"], told["affine"], truth) else "WRONG"


def dcm2niix(program: str, folder: Path, truth: Volume) -> str:
    """dcm2niix's files, one or several."""
    import nibabel

    with tempfile.TemporaryDirectory() as place:
        done = subprocess.run([program, "-z", "n", "-o", place, str(folder)], capture_output=True, check=False, timeout=120)
        files = sorted(Path(place).glob("*.nii"))
        if not files:
            return f"refused (exit {done.returncode})"
        same = []
        for path in files:
            image: Any = nibabel.load(path)
            same.append(placed(np.asanyarray(image.dataobj), image.affine, truth))
        return ("same" if any(same) else "WRONG") + (f", {len(files)} files" if len(files) > 1 else "")


def main() -> None:
    """Print the page."""
    python, program = [*sys.argv[1:], None, None][:2]
    warnings.simplefilter("ignore")
    clean = made()
    heads = ["SimpleITK", *(["MONAI PydicomReader", "lungmask"] if python else []), *(["dcm2niix"] if program else [])]
    print("| trap | pleura | " + " | ".join(heads) + " |\n" + "|---" * (2 + len(heads)) + "|")
    for name, flaw in TRAPS.items():
        spec = SeriesSpec(declare_padding=False, bits_stored=12) if name.startswith("19") else SPEC
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            made_so = flaw(series(clean, spec))
            write_files(folder, made_so)
            truth = moved(clean, made_so) if name in MOVED else clean
            cells = [ours(folder, truth), simpleitk(folder, truth)]
            if python:
                cells += [peer(which, python, folder, truth) for which in ("MONAI PydicomReader", "lungmask")]
            if program:
                cells.append(dcm2niix(program, folder, truth))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

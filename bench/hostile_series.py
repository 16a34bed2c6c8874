"""Hostile series, ours and the neighbours', as two tables.

    python bench/hostile_series.py [PYTHON_OF_PEERS [DCM2NIIX]]

Each row is a flaw declared on one small series. "same" is the volume of the clean series, voxel for
voxel and in geometry; "WRONG" a volume that is another one, without a refusal. Peers are run as
their documentation says, on the folder.
"""

import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from testing.hostile_series import HOSTILE_SERIES, came_out, lies_right, scanned
from testing.label_outcomes import LABEL_CASES, prepared

from pleura.geometry.volume import Volume

DOCUMENTED = (Path(__file__).parents[1] / "docs" / "findings.md").read_text(encoding="utf-8")

PEER = """
import sys, numpy as np, warnings
from pathlib import Path
warnings.simplefilter("ignore")
which, root, out = sys.argv[1:]
if which == "lungmask":
    from lungmask.utils import load_input_image
    import SimpleITK as sitk
else:
    from monai.data import PydicomReader
for folder in sorted(Path(root).iterdir()):
    try:
        if which == "lungmask":
            image = load_input_image(str(folder))
            array = sitk.GetArrayFromImage(image).transpose(2, 1, 0)
            affine = np.eye(4)
            affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
            affine[:3, 3] = image.GetOrigin()
            affine = np.diag([-1, -1, 1, 1]) @ affine
        else:
            reader = PydicomReader()
            array, about = reader.get_data(reader.read(str(folder)))
            affine = np.asarray(about["affine"])
    except BaseException:  # lungmask exits
        continue
    np.savez(Path(out) / folder.name, array=np.asarray(array), affine=affine)
"""


def placed(array: Any, affine_ras: Any, truth: Volume) -> bool:
    """Whether `array` `[i, j, k]` with a NIfTI-like affine holds the truth where the truth lies."""
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.asarray(affine_ras, float)
    return lies_right(
        np.squeeze(np.asarray(array)), lambda index: index @ lps[:3, :3].T + lps[:3, 3], truth
    )


def ours(folder: Path, truth: Volume) -> str:
    """What pleura makes of a folder."""
    words = []
    for one in scanned(folder, truth):
        codes = " ".join(f"`{code}`" for code in one.codes)
        volume = "" if one.same is None else "same, " if one.same else "another volume, "
        words.append(f"{volume}{one.verdict} {codes}".strip())
    return "; ".join(dict.fromkeys(words)) or "no series"


def simpleitk(folder: Path, truth: Volume) -> str:
    """SimpleITK's series reader on the first series that GDCM names."""
    import SimpleITK as sitk

    sitk.ProcessObject_SetGlobalWarningDisplay(False)
    reader = sitk.ImageSeriesReader()
    try:
        names = reader.GetGDCMSeriesFileNames(str(folder))
        reader.SetFileNames(names)
        image = reader.Execute() if len(names) > 1 else sitk.ReadImage(names[0])
    except (RuntimeError, IndexError):
        return "error"
    if image.GetDimension() != 3:  # files stacked along a fourth axis
        return "WRONG"
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return (
        "same"
        if placed(sitk.GetArrayFromImage(image).T, np.diag([-1, -1, 1, 1]) @ affine, truth)
        else "WRONG"
    )


def peer(which: str, python: str, root: Path, truths: Sequence[Volume]) -> list[str]:
    """A reader in another environment, over all cases' folders."""
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(
            [python, "-c", PEER, which, str(root), place],
            capture_output=True,
            check=True,
            timeout=1800,
        )
        told = []
        for number, truth in enumerate(truths):
            out = Path(place) / f"{number:03d}.npz"
            if not out.exists():
                told.append("error")
                continue
            with np.load(out) as held:
                told.append("same" if placed(held["array"], held["affine"], truth) else "WRONG")
        return told


def dcm2niix(program: str, folder: Path, truth: Volume) -> str:
    """dcm2niix's files, one or several."""
    import nibabel

    with tempfile.TemporaryDirectory() as place:
        done = subprocess.run(
            [program, "-z", "n", "-o", place, str(folder)],
            capture_output=True,
            check=False,
            timeout=120,
        )
        files = sorted(Path(place).glob("*.nii"))
        if not files:
            return f"refused (exit {done.returncode})"
        same = []
        for path in files:
            image: Any = nibabel.load(path)
            grey = image.get_data_dtype().fields is None  # nibabel cannot scale colours
            same.append(grey and placed(np.asanyarray(image.dataobj), image.affine, truth))
        return ("same" if any(same) else "WRONG") + (
            f", {len(files)} files" if len(files) > 1 else ""
        )


def main() -> None:
    """Print the table, and say where a case did not come out as it should."""
    python, program = [*sys.argv[1:], None, None][:2]
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as place:
        folders = [Path(place) / f"{number:03d}" for number in range(len(HOSTILE_SERIES))]
        truths = [case.write(folder) for case, folder in zip(HOSTILE_SERIES, folders, strict=True)]
        columns = {
            "pleura": [ours(*one) for one in zip(folders, truths, strict=True)],
            "SimpleITK": [simpleitk(*one) for one in zip(folders, truths, strict=True)],
        }
        for which in ("MONAI PydicomReader", "lungmask") if python else ():
            columns[which] = peer(which, str(python), Path(place), truths)
        if program:
            columns["dcm2niix"] = [
                dcm2niix(program, *one) for one in zip(folders, truths, strict=True)
            ]
        for case, folder, truth in zip(HOSTILE_SERIES, folders, truths, strict=True):
            if not came_out(case, scanned(folder, truth)):
                print(f"{case.name}: not {case.outcome}", file=sys.stderr)
    print("| case | " + " | ".join(columns) + " |\n" + "|---" * (1 + len(columns)) + "|")
    for case, *cells in zip(HOSTILE_SERIES, *columns.values(), strict=True):
        print(f"| {case.name} | {' | '.join(cells)} |")
    print("\n| case | pleura |\n|---|---|")
    for case in LABEL_CASES:
        with tempfile.TemporaryDirectory() as place:
            right, codes = prepared(case, Path(place))
        found = dict.fromkeys(re.findall(r"\b(?:[A-Z]+-)+[A-Z]+\b", codes))
        codes = " ".join(f"`{code}`" for code in found if f"`{code}`" in DOCUMENTED)
        print(
            f"| {case.name} | {'refused' if right is None else 'same' if right else 'WRONG'} "
            f"{codes}".rstrip()
            + " |"
        )


if __name__ == "__main__":
    main()

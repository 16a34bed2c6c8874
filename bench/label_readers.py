"""SEG and RTSTRUCT of usable hostile series, read by strangers: pydicom-seg, rt-utils and dcmqi.

python bench/label_readers.py PYTHON [STEP]

rt-utils exchanges the spacings of rows and columns, and the numbers of them, so it is compared
on series with square pixels and images only: `SQUARE` are two of them.

PYTHON is an interpreter with `pydicom<3 pydicom-seg rt-utils` (and `dcmqi` beside it, or in the
path); they need an older pydicom than pleura. Every STEPth series is tried. rt-utils rounds points
to whole pixels and grows the border, so its voxels are compared but for the outermost layer.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import warnings
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from label_objects import boxes

from pleura.core.errors import InputRefused
from pleura.dicom.series import find_series
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.labels.registry import write_mask
from pleura.phantom.anatomy import chest
from pleura.phantom.writer import SeriesSpec, series, write_files

STRANGERS = """
import json, sys, warnings
from pathlib import Path
import numpy as np, pydicom
warnings.simplefilter("ignore")
found = {}
for place in sorted(Path(sys.argv[1]).iterdir()):
    truth, outcomes = np.load(place / "truth.npy"), {}
    try:
        import pydicom_seg
        read = pydicom_seg.SegmentReader().read(pydicom.dcmread(place / "labels.seg.dcm"))
        same = []
        for number in read.available_segments:
            mask, wanted = read.segment_data(number) > 0, truth == number
            rows = lambda array: array[array.any(axis=(1, 2))]
            same.append(np.array_equal(rows(mask), rows(wanted)))
        outcomes["pydicom-seg"] = "same" if same and all(same) else "other voxels"
    except Exception as error:
        outcomes["pydicom-seg"] = f"{type(error).__name__}: {error}"
    if not np.load(place / "square.npy"):
        outcomes["rt-utils"] = "same: not compared (rows and columns differ)"
        found[place.name] = outcomes
        continue
    try:
        from rt_utils import RTStructBuilder
        sets = RTStructBuilder.create_from(str(place / "ct"), str(place / "labels.rtstruct.dcm"))
        same = []
        for name, number in (("Lung_R", 1), ("Lung_L", 2)):
            mask = np.moveaxis(sets.get_roi_mask_by_name(name), 2, 0)
            mask = mask if np.load(place / "up.npy") else mask[::-1]
            wanted = truth == number
            grown = wanted.copy()
            for axis in (1, 2):
                grown |= np.roll(grown, 1, axis) | np.roll(grown, -1, axis)
            same.append(mask.shape == wanted.shape and not (wanted & ~mask).any()
                        and not (mask & ~grown).any())
        outcomes["rt-utils"] = "same but for its border" if all(same) else "other voxels"
    except BaseException as error:
        outcomes["rt-utils"] = f"{type(error).__name__}: {error}"
    found[place.name] = outcomes
print(json.dumps(found))
"""


SQUARE = {"square pixels of 1 mm": (1.0, 61), "square pixels of 0.7 mm": (0.7, 62)}


def _square(mm: float, seed: int, folder: Path) -> None:
    """Write a chest of square pixels and images."""
    grid = Grid.axial((24, 64, 64), (3.0, mm, mm), (-40.0, -30.0, 100.0))
    volume = Volume(chest((24, 64, 64), seed=seed)[0].hu, grid)
    write_files(folder, series(volume, SeriesSpec(seed=seed, declare_padding=False)))


def written(folder: Path, step: int) -> dict[str, str]:
    """Write CT, both objects and the true voxels of every usable series; the case of each."""
    from testing.hostile_series import HOSTILE_SERIES

    names: dict[str, str] = {}
    made = {name: partial(_square, mm, seed) for name, (mm, seed) in SQUARE.items()}
    made |= {case.name: case.write for case in HOSTILE_SERIES[::step]}
    for name, write in made.items():
        place = folder / f"{len(names):03d}"
        write(place / "ct")
        usable = [found for found in find_series(place / "ct") if found.usable]
        if len(usable) != 1:
            shutil.rmtree(place)
            continue
        (one,) = usable
        mask = boxes(one)
        try:
            for suffix in (".seg.dcm", ".rtstruct.dcm"):
                write_mask(place / f"labels{suffix}", mask, one)
        except InputRefused as error:
            print(f"{name}: refused {error.code}")
            shutil.rmtree(place)
            continue
        true = np.setdiff1d(np.arange(one.slices), one.missing)
        np.save(place / "truth.npy", mask.labels[true])
        np.save(place / "up.npy", np.array(one.grid.affine[2, 0] > 0))
        _, row_mm, column_mm = one.grid.spacing_mm
        square = row_mm == column_mm and one.rows == one.columns
        np.save(place / "square.npy", np.array(square))
        names[place.name] = name
    return names


def by_dcmqi(place: Path, program: str) -> str:
    """What segimage2itkimage reads of the SEG, by the number of voxels of each segment."""
    import nibabel

    truth, out = np.load(place / "truth.npy"), place / "dcmqi"
    out.mkdir()
    ended = subprocess.run(
        [program, "--inputDICOM", place / "labels.seg.dcm", "--outputDirectory", out,
         "--outputType", "nii"],
        capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    if ended.returncode:
        return f"exit {ended.returncode}: {ended.stderr.strip().splitlines()[-1:]}"
    counts = sorted(int((nibabel.load(p).get_fdata() > 0).sum()) for p in out.glob("*.nii.gz"))
    wanted = sorted(int((truth == number).sum()) for number in (1, 2) if (truth == number).any())
    return "same" if counts == wanted else f"other voxels: {counts}, not {wanted}"


def main() -> None:
    python, step = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1
    program = shutil.which("segimage2itkimage", path=str(Path(python).parent)) or shutil.which(
        "segimage2itkimage"
    )
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(place)
        names = written(folder, step)
        told = subprocess.run(
            [python, "-c", STRANGERS, folder], capture_output=True, text=True, check=True
        )
        found = json.loads(told.stdout.splitlines()[-1])
        for number in names if program else ():
            found[number]["dcmqi"] = by_dcmqi(folder / number, program)
    counts: dict[tuple[str, str], int] = {}
    for number, outcomes in found.items():
        for reader, outcome in outcomes.items():
            good = outcome.startswith("same")
            counts[reader, outcome if good else "else"] = (
                counts.get((reader, outcome if good else "else"), 0) + 1
            )
            if not good:
                print(f"{names[number]}: {reader}: {outcome}"[:200])
    for (reader, outcome), count in sorted(counts.items()):
        print(f"{reader}: {outcome}: {count} of {len(names)}")


if __name__ == "__main__":
    main()

"""SEG and RTSTRUCT of every usable hostile series: dciodvfy without errors, read back by highdicom
and by pleura: same voxels.

python bench/label_objects.py            prints a line for each problem, then the counts
python bench/label_objects.py 10         every tenth series only
"""

import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from pleura.core.errors import InputRefused
from pleura.dicom.series import Series, find_series
from pleura.geometry.volume import LungMask
from pleura.labels.registry import read_mask, write_mask

SUFFIXES = (".seg.dcm", ".rtstruct.dcm")


def boxes(series: Series) -> LungMask:
    """Two boxes of lung on a series, one on all but the outer slices and one shorter, with a
    hole.
    """
    slices, rows, columns = series.grid.shape
    labels = np.zeros(series.grid.shape, np.uint8)
    inner = slice(min(1, slices - 1), max(slices - 1, 1))
    labels[inner, rows // 4 : rows // 2 + 1, columns // 8 : columns // 3 + 1] = 1
    labels[inner, rows // 4 : rows // 2 + 1, columns // 2 : columns * 3 // 4 + 1] = 2
    labels[inner, rows // 3, columns // 2 + 2] = 0
    return LungMask(labels, series.grid)


def problems(series: Series, folder: Path) -> Iterator[str]:
    """What is wrong with the label objects of a series."""
    mask = boxes(series)
    kept = series.measured()
    true = np.setdiff1d(np.arange(series.slices), series.missing)
    for suffix in SUFFIXES:
        path = folder / f"labels{suffix}"
        try:
            write_mask(path, mask, series)
        except InputRefused as error:
            yield f"{suffix}: refused {error.code}: {error}"
            continue
        yield from (f"{suffix}: {line}" for line in dciodvfy(path))
        back = read_mask(path, kept.grid, kept)
        if not np.array_equal(back.labels, mask.labels[true]):
            yield f"{suffix}: other voxels came back"
        if suffix == ".seg.dcm" and not _by_highdicom(path, mask, true):
            yield f"{suffix}: highdicom reads other voxels"


def dciodvfy(path: Path) -> list[str]:
    """The errors that dciodvfy finds."""
    program = shutil.which("dciodvfy") or str(Path(sys.executable).parent / "dciodvfy")
    run = subprocess.run(
        [program, str(path)], capture_output=True, text=True, errors="replace", check=False
    )
    return [line for line in run.stderr.splitlines() if line.startswith("Error")]


def _by_highdicom(path: Path, mask: LungMask, true: Any) -> bool:
    import highdicom as hd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = hd.seg.segread(path)
        found = {1: 0, 2: 0}
        for number in (1, 2):
            frames = [
                image.get_stored_frame(k + 1)
                for k, group in enumerate(image.PerFrameFunctionalGroupsSequence)
                if group.SegmentIdentificationSequence[0].ReferencedSegmentNumber == number
            ]
            stack = np.stack(frames) if frames else np.zeros((0, *mask.grid.shape[1:]))
            wanted = mask.labels[true] == number
            wanted = wanted[wanted.any(axis=(1, 2))]
            found[number] = int(stack.shape == wanted.shape and np.array_equal(stack > 0, wanted))
    return all(found.values())


def main() -> None:
    from testing.hostile_series import HOSTILE_SERIES

    usable = wrong = 0
    step = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    for case in HOSTILE_SERIES[::step]:
        with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            case.write(Path(place) / "in")
            for series in find_series(Path(place) / "in"):
                if not series.usable:
                    continue
                usable += 1
                for problem in problems(series, Path(place)):
                    wrong += 1
                    print(f"{case.name}: {problem}", flush=True)
    print(f"{usable} usable series, {wrong} problems")


if __name__ == "__main__":
    main()

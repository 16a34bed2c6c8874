"""Reading CT series: ours beside the floor and the peers: `python bench/reading.py [slices]`. Prints Markdown tables.

The series is synthetic, 512 × 512, noise included, written to a temporary folder and read from a warm cache. Methods take
turns; a cell is the median of five rounds (fastest to slowest).
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from pleura.arrays.grid import Grid
from pleura.arrays.volume import Volume
from pleura.dicom.series import find_series
from pleura.phantom.writer import SeriesSpec, write_series

ROUNDS = 5


def made(slices: int) -> Volume:
    """A disc of tissue with two lungs in air, all noisy: what matters to a codec."""
    rows, columns = np.mgrid[:512, :512]
    body = ((rows - 256) / 170) ** 2 + ((columns - 256) / 230) ** 2 < 1
    lungs = (((rows - 250) / 110) ** 2 + ((abs(columns - 256) - 105) / 75) ** 2 < 1) & body
    clean = np.where(lungs, -860, np.where(body, 40, -1000))
    rng = np.random.default_rng(0)
    hu = np.stack([clean + np.rint(rng.normal(0, 19, clean.shape)) for _ in range(slices)]).clip(-1024, 3071).astype(np.int16)
    return Volume(hu, Grid.axial(hu.shape, (2.5, 0.7, 0.7)))


def floor(folder: Path) -> Callable[[], object]:
    """`preadv` of the pixels' bytes into a fresh volume, offsets known."""
    (one,) = find_series(folder)
    where = [(str(plane.path), plane.offset) for plane in one.files]

    def read() -> object:
        hu = np.empty((one.slices, one.rows, one.columns), np.int16)
        for k, (path, offset) in enumerate(where):
            handle = os.open(path, os.O_RDONLY)
            os.preadv(handle, [hu[k].reshape(-1).view(np.uint8).data], offset)
            os.close(handle)
        return hu

    return read


def ours(folder: Path) -> object:
    """Found, grouped, checked, ordered, read, in HU."""
    (one,) = find_series(folder)
    return one.read().hu


def pydicom_loop(folder: Path) -> object:
    """What most scripts do, at its leanest."""
    from pydicom import dcmread

    slices = sorted((dcmread(path) for path in folder.iterdir()), key=lambda one: float(one.ImagePositionPatient[2]))
    first = slices[0]
    stored = np.stack([one.pixel_array for one in slices])
    return (stored * float(first.RescaleSlope) + float(first.RescaleIntercept)).astype(np.int16)


def simpleitk(folder: Path) -> object:
    """SimpleITK's series reader, names included."""
    import SimpleITK as sitk

    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return sitk.GetArrayFromImage(reader.Execute())


def headers_pydicom(folder: Path) -> object:
    """A loop over headers."""
    from pydicom import dcmread

    return [dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in folder.rglob("*") if path.is_file()]


def timed(methods: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Seconds of each method in each round, after one round that is not counted."""
    told: dict[str, list[float]] = {name: [] for name in methods}
    for turn in range(rounds + 1):
        for name, method in methods.items():
            start = time.perf_counter()
            method()
            if turn:
                told[name].append(time.perf_counter() - start)
    return told


def cell(seconds: list[float]) -> str:
    """Median and range."""
    return f"{median(seconds):.3f} ({min(seconds):.3f}-{max(seconds):.3f})"


def main() -> None:
    """Print both tables."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 140
    volume = made(count)
    print(f"{count} x 512 x 512, {os.cpu_count()} threads, seconds: median of {ROUNDS} (range)\n")
    print("| | pleura | preadv, fresh volume | SimpleITK | pydicom loop |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as place:
        for syntax in ("explicit", "implicit", "jpeg-ls", "jpeg lossless", "rle", "jpeg 2000"):
            folder = Path(place) / syntax
            write_series(folder, volume, SeriesSpec(syntax=syntax))
            assert np.array_equal(ours(folder), simpleitk(folder))
            methods: dict[str, Callable[[], object]] = {"pleura": lambda f=folder: ours(f)}  # type: ignore[misc]
            if syntax in ("explicit", "implicit"):
                methods["floor"] = floor(folder)
            methods |= {"SimpleITK": lambda f=folder: simpleitk(f), "pydicom": lambda f=folder: pydicom_loop(f)}  # type: ignore[misc]
            if syntax == "jpeg lossless":
                del methods["pydicom"]  # it has no decoder for it that is not GPL
            told = timed(methods, ROUNDS if syntax in ("explicit", "implicit") else 2)
            cells = [cell(told[name]) if name in told else "-" for name in ("pleura", "floor", "SimpleITK", "pydicom")]
            print(f"| {syntax} | {' | '.join(cells)} |", flush=True)
        many = Path(place) / "explicit"
        told = timed({"pleura": lambda: find_series(many), "pydicom": lambda: headers_pydicom(many)})
        ours_us, theirs_us = (1e6 / count * median(told[name]) for name in ("pleura", "pydicom"))
        print(f"\nheaders, µs a file: pleura {ours_us:.0f}, pydicom {theirs_us:.0f}")


if __name__ == "__main__":
    main()

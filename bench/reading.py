"""Reading CT series: ours beside the floor and the peers: `python bench/reading.py [slices] [python
of the peers] [series…]`.

The series is synthetic, 512 × 512, with a scanner's noise in the body (for JPEG-LS, in the air
too), written to a temporary folder and read from a warm cache. Methods take turns in one run; a
cell is the fastest round and, in brackets, the median. With a Python that has lungmask, its reader
takes turns too, in a process of its own and timed inside it. Peak memory is that of a fresh
process. Folders of real series are read as they are, and written anew as JPEG-LS. Prints Markdown
tables.
"""

import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from pleura.dicom.series import find_series
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.phantom.writer import SeriesSpec, write_series
from pleura.verbs.scan import scan

ROUNDS = 15
PLAIN = ("explicit", "implicit")
Method = Callable[[], object]
PEAK = "; print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"
FRESH = {
    "pleura": "from pathlib import Path; from pleura.dicom.series import find_series; "
    "volume = find_series(Path({folder!r}))[0].read()",
    "SimpleITK": (
        "import SimpleITK as s; r = s.ImageSeriesReader(); "
        "r.SetFileNames(r.GetGDCMSeriesFileNames({folder!r})); volume = "
        "s.GetArrayFromImage(r.Execute())"
    ),
    "lungmask": "from lungmask.utils import load_input_image; import SimpleITK as s; "
    "volume = s.GetArrayFromImage(load_input_image({folder!r}, disable_tqdm=True))",
}
"""What a fresh process does, of which the peak memory is asked."""
SERVED = """
import sys, time
from lungmask.utils import load_input_image
import SimpleITK as sitk
for folder in sys.stdin:
    start = time.perf_counter()
    sitk.GetArrayFromImage(load_input_image(folder.strip(), disable_tqdm=True))
    print("took", time.perf_counter() - start, flush=True)
"""


def made(slices: int, *, noisy_air: bool = False) -> Volume:
    """A disc of tissue with two lungs in air, noise of 19 HU in the body or all over the
    picture: what matters to a codec.
    """
    rows, columns = np.mgrid[:512, :512]
    body = ((rows - 256) / 220) ** 2 + ((columns - 256) / 250) ** 2 < 1
    lungs = (((rows - 250) / 130) ** 2 + ((abs(columns - 256) - 115) / 85) ** 2 < 1) & body
    clean = np.where(lungs, -860, np.where(body, 40, -1000))
    rng = np.random.default_rng(0)
    noise = 19 * (body | noisy_air)
    hu = (
        np.stack([clean + np.rint(rng.normal(0, noise)) for _ in range(slices)])
        .clip(-1024, 3071)
        .astype(np.int16)
    )
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


def ours(folder: Path) -> Any:
    """Found, grouped, checked, ordered, read, in HU."""
    (one,) = find_series(folder)
    return one.read().hu


def pydicom_loop(folder: Path) -> object:
    """What most scripts do, at its leanest."""
    from pydicom import dcmread

    slices = sorted(
        (dcmread(path) for path in folder.iterdir()),
        key=lambda one: float(one.ImagePositionPatient[2]),
    )
    first = slices[0]
    stored = np.stack([one.pixel_array for one in slices])
    return (stored * float(first.RescaleSlope) + float(first.RescaleIntercept)).astype(np.int16)


def simpleitk(folder: Path) -> Any:
    """SimpleITK's series reader, names included."""
    import SimpleITK as sitk

    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return sitk.GetArrayFromImage(reader.Execute())


class Lungmask:
    """lungmask's reader in a process of its own; a call gives the seconds that it took there."""

    def __init__(self, python: str) -> None:
        self.process = subprocess.Popen(
            [python, "-c", SERVED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, folder: Path) -> float:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(folder, file=self.process.stdin, flush=True)
        return next(
            float(line.split()[1]) for line in self.process.stdout if line.startswith("took")
        )


def headers_pydicom(folder: Path) -> object:
    """A loop over headers."""
    from pydicom import dcmread

    return [
        dcmread(path, stop_before_pixels=True).SOPInstanceUID
        for path in folder.rglob("*")
        if path.is_file()
    ]


def timed(methods: dict[str, Method], rounds: int) -> dict[str, list[float]]:
    """Seconds of each method in each round, after one round that is not counted; a method may
    tell its own seconds.
    """
    told: dict[str, list[float]] = {name: [] for name in methods}
    answer: object = None
    for turn in range(rounds + 1):
        for name, method in methods.items():
            answer = None
            # what the method before left, in cycles too, is freed before the clock runs, for that
            # takes time
            gc.collect()
            start = time.perf_counter()
            answer = method()
            took = answer if isinstance(answer, float) else time.perf_counter() - start
            if turn:
                told[name].append(took)
    return told


def row(name: str, told: dict[str, list[float]], columns: tuple[str, ...]) -> str:
    """A line of a table: seconds, and how many times pleura's fastest the fastest of each other
    is.
    """
    ours = min(told["pleura"])
    cells = [
        f"{1e3 * min(told[one]):.1f} ({1e3 * median(told[one]):.1f})" if one in told else "-"
        for one in columns
    ]
    times = [f"{min(told[one]) / ours:.2f}" if one in told else "-" for one in columns[1:]]
    return f"| {name} | {' | '.join(cells + times)} |"


def head(columns: tuple[str, ...], unit: str) -> str:
    """Headings for `row`."""
    cells = [*(f"{one} [{unit}]" for one in columns), *(f"{one} / pleura" for one in columns[1:])]
    return f"| | {' | '.join(cells)} |\n|{'---|' * (len(cells) + 1)}"


def peak(python: str, code: str) -> int:
    """Bytes of memory that a fresh process had at its most."""
    told = subprocess.run(
        [python, "-c", code + PEAK], check=True, capture_output=True, text=True
    ).stdout
    return 1024 * int(told.split()[-2])


def compared(
    name: str, folder: Path, columns: tuple[str, ...], lungmask: Lungmask | None, *, plain: bool
) -> str:
    """A line of the table, for a series whose pixels are plain or compressed."""
    assert np.array_equal(ours(folder), simpleitk(folder))
    methods: dict[str, Method] = {
        "pleura": lambda: ours(folder),
        "SimpleITK": lambda: simpleitk(folder),
    }
    if plain:
        methods["preadv, fresh volume"] = floor(folder)
        if lungmask:
            methods["lungmask"] = lambda: lungmask(folder)
    if "lossless" not in name:  # pydicom has no decoder for it that is not GPL
        methods["pydicom loop"] = lambda: pydicom_loop(folder)
    return row(name, timed(methods, ROUNDS if plain else 5), columns)


def volumes(place: Path, count: int, peers: str | None, real: Sequence[Path]) -> None:
    """The tables of speed and of memory."""
    volume = made(count)
    columns = ("pleura", "preadv, fresh volume", "SimpleITK", "lungmask", "pydicom loop")
    lungmask = Lungmask(peers) if peers else None
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load not known"
    print(
        f"{count} x 512 x 512, {os.cpu_count()} threads, {load}: found, grouped, checked, read, "
        "in HU. Fastest (median).\n"
    )
    print(head(columns, "ms"))
    for syntax in (*PLAIN, "jpeg-ls", "jpeg lossless", "rle", "jpeg 2000"):
        write_series(place / syntax, volume, SeriesSpec(syntax=syntax))
        print(
            compared(syntax, place / syntax, columns, lungmask, plain=syntax in PLAIN), flush=True
        )
    write_series(place / "noisy", made(count, noisy_air=True), SeriesSpec(syntax="jpeg-ls"))
    print(
        compared("jpeg-ls, noisy air", place / "noisy", columns, lungmask, plain=False), flush=True
    )
    for number, folder in enumerate(real):
        print(
            compared(f"{folder.name}, as it is", folder, columns, lungmask, plain=True), flush=True
        )
        again = place / str(number)
        write_series(
            again,
            find_series(folder)[0].read(),
            SeriesSpec(syntax="jpeg-ls", signed=True, intercept=0.0),
        )
        print(
            compared(f"{folder.name}, jpeg-ls", again, columns, lungmask, plain=False), flush=True
        )
    print("\n| peak memory, fresh process | MB | times the volume |\n|---|---|---|")
    for syntax in (*PLAIN, "jpeg-ls", "jpeg lossless", "rle", "jpeg 2000"):
        bytes_ = peak(sys.executable, FRESH["pleura"].format(folder=str(place / syntax)))
        print(f"| pleura, {syntax} | {bytes_ / 1e6:.0f} | {bytes_ / volume.hu.nbytes:.2f} |")
    for name, python in (("SimpleITK", sys.executable), ("lungmask", peers)):
        if python:
            bytes_ = peak(python, FRESH[name].format(folder=str(place / "explicit")))
            print(f"| {name}, explicit | {bytes_ / 1e6:.0f} | {bytes_ / volume.hu.nbytes:.2f} |")


def headers(place: Path) -> None:
    """The table of header scans: the verb, and the command with its start."""
    hu = np.zeros((200, 64, 64), np.int16)
    for number in range(10):
        write_series(
            place / str(number),
            Volume(hu, Grid.axial(hu.shape, (1, 1, 1))),
            SeriesSpec(seed=number),
        )
    loop = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from pathlib import "
        "Path; import reading; "
    )
    commands = {
        "pleura": [sys.executable, "-m", "pleura", "scan", "--headers", str(place)],
        "pydicom loop": [
            sys.executable,
            "-c",
            f"{loop}reading.headers_pydicom(Path({str(place)!r}))",
        ],
    }
    columns = tuple(commands)
    print(f"\n2,000 files in ten series, headers alone. Fastest (median).\n\n{head(columns, 'ms')}")
    verb = {
        "pleura": lambda: scan(place, headers=True),
        "pydicom loop": lambda: headers_pydicom(place),
    }
    print(row("the verb", timed(verb, 5), columns))
    whole: dict[str, Method] = {
        name: partial(subprocess.run, command, check=True, capture_output=True)
        for name, command in commands.items()
    }
    print(row("the command, its start included", timed(whole, 5), columns))


def main() -> None:
    """Print the tables."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 140
    with tempfile.TemporaryDirectory() as place:
        volumes(
            Path(place),
            count,
            sys.argv[2] if len(sys.argv) > 2 else None,
            [Path(one) for one in sys.argv[3:]],
        )
        headers(Path(place) / "headers")


if __name__ == "__main__":
    main()

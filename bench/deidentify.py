"""De-identification with verification, beside plain pydicom: `python bench/deidentify.py
[FOLDER_OF_CT] [FILES]`.

Plain is read and write of every file, nothing changed and nothing verified. The methods take turns
in every round; the figure is the median of the rounds, in seconds by the clock and, of one process,
in seconds of CPU. With FILES, such as 5000, the peak memory over so many slices (copies of one,
each with a number, a place and a UID of its own) is held against that over 500.
"""

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import pydicom

from pleura.verbs.deidentify import deidentify

ROUNDS = 5
FEW, SOME = 500, 1000


def plain(source: Path, out: Path) -> None:
    for number, path in enumerate(sorted(p for p in source.rglob("*") if p.is_file())):
        pydicom.dcmread(path).save_as(out / f"{number}.dcm")


def timed(work: Callable[[Path], object]) -> tuple[float, float]:
    """Seconds by the clock and of CPU that `work` takes into a new folder."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out")
        out.mkdir()
        begun, cpu = time.perf_counter(), time.process_time()
        work(out)
        return time.perf_counter() - begun, time.process_time() - cpu


def speed(source: Path) -> None:
    files = sum(1 for path in source.rglob("*") if path.is_file())
    methods: dict[str, Callable[[Path], object]] = {
        "pydicom read + write, untouched": lambda out: plain(source, out)
    }
    for profile in ("report", "basic"):
        for workers in (1, 2):
            words = f"pleura deidentify --profile {profile} --workers {workers}, verified"
            methods[words] = partial(
                lambda p, w, out: deidentify(source, out, profile=p, workers=w), profile, workers
            )
    taken: dict[str, list[tuple[float, float]]] = {words: [] for words in methods}
    for _ in range(ROUNDS):
        for words, work in methods.items():
            taken[words].append(timed(work))
    clock, cpu = (
        {words: median(one[k] for one in runs) for words, runs in taken.items()} for k in (0, 1)
    )
    floor = next(iter(methods))
    print(f"\n{files} files\n\n| | files/s | of plain | of plain, CPU |\n|---|---|---|---|")
    for words in methods:
        alone = "" if words.endswith("2, verified") else f"{cpu[floor] / cpu[words]:.2f}"
        print(
            f"| {words} | {files / clock[words]:.0f} | {clock[floor] / clock[words]:.2f} | "
            f"{alone} |"
        )


def copies(source: Path, folder: Path, count: int) -> None:
    """So many slices of one series, made from the first file of `source`."""
    dataset = pydicom.dcmread(min(p for p in source.rglob("*") if p.is_file()))
    folder.mkdir()
    for number in range(count):
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = (
            f"1.2.826.0.1.3680043.2.1143.{number + 1}"
        )
        dataset.InstanceNumber, dataset.SliceLocation = number + 1, f"{number * 0.5}"
        dataset.ImagePositionPatient = [*dataset.ImagePositionPatient[:2], number * 0.5]
        dataset.save_as(folder / f"{number}.dcm")


def memory(source: Path, counts: tuple[int, ...]) -> None:
    print(
        "\n| files | peak of this process [MB] | peak of a worker [MB] | files/s, two processes "
        "|\n|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            into, out = Path(folder, "in"), Path(folder, "out")
            copies(source, into, count)
            told = subprocess.run(
                [sys.executable, __file__, "--peak", into, out],
                capture_output=True,
                text=True,
                check=True,
            )
            print(f"| {count} {told.stdout.strip()}")
            for path in (into, out):
                shutil.rmtree(path)


def peak(source: Path, out: Path) -> None:
    """One run by two processes; what both had in memory at most."""
    begun = time.perf_counter()
    done = deidentify(source, out, workers=2)
    seconds = time.perf_counter() - begun
    peaks = (
        resource.getrusage(who).ru_maxrss / 1024
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    print(*(f"| {size:.0f} " for size in peaks), f"| {done.files / seconds:.0f} |", sep="")


def main() -> None:
    if sys.argv[1:2] == ["--peak"]:
        peak(Path(sys.argv[2]), Path(sys.argv[3]))
        return
    source = Path(sys.argv[1] if len(sys.argv) > 1 else "data/chests/Images/Case_000")
    if not source.is_dir():
        print("skipped: name a folder of CT files")
        return
    speed(source)
    if len(sys.argv) > 2:
        with tempfile.TemporaryDirectory() as folder:
            copies(source, Path(folder, "in"), SOME)
            speed(Path(folder, "in"))
        memory(source, (FEW, int(sys.argv[2])))


if __name__ == "__main__":
    main()

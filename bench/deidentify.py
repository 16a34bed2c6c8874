"""De-identification with verification, beside plain pydicom: `python bench/deidentify.py [FOLDER_OF_CT]`.

Plain is read and write of every file, nothing changed and nothing verified. Three rounds, the median.
"""

import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pydicom

from pleura.verbs.deidentify import deidentify

ROUNDS = 3


def plain(source: Path, out: Path) -> None:
    for number, path in enumerate(sorted(p for p in source.rglob("*") if p.is_file())):
        pydicom.dcmread(path).save_as(out / f"{number}.dcm")


def timed(work: Callable[[Path], object], place: Path) -> float:
    """Seconds of `work` into a new folder, the median of the rounds."""
    taken = []
    for number in range(ROUNDS):
        out = place / f"out-{number}"
        out.mkdir()
        begun = time.perf_counter()
        work(out)
        taken.append(time.perf_counter() - begun)
        shutil.rmtree(out)
        for beside in place.glob("out-*.*"):
            beside.unlink()
    return median(taken)


def main() -> None:
    source = Path(sys.argv[1] if len(sys.argv) > 1 else "data/chests/Images/Case_000")
    if not source.is_dir():
        print("skipped: name a folder of CT files")
        return
    files = sum(1 for path in source.rglob("*") if path.is_file())
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        floor = timed(lambda out: plain(source, out), place)
        rows = [("pydicom read + write, untouched", floor)]
        for profile in ("report", "basic"):
            for workers in (1, 2):
                words = f"pleura deidentify --profile {profile} --workers {workers}, verified"
                rows.append(
                    (words, timed(lambda out, p=profile, w=workers: deidentify(source, out, profile=p, workers=w), place))
                )
    print("| | files/s | of plain |\n|---|---|---|")
    for words, seconds in rows:
        print(f"| {words} | {files / seconds:.0f} | {floor / seconds:.2f} |")
    print(f"\n{files} files; peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()

"""Many cases, many slices, many files: how time and memory grow. `python bench/load.py`

    python bench/load.py [SMALL LARGE] [--only scan plan segment prepare] [--picture FILE]

`segment` and `prepare` on SMALL and LARGE tiny cases (200 and 2,000), `segment --plan` on 6,000 and
60,000 slices in series of 60, `scan` on series of 300 and 3,000 slices and on 5,000 and 50,000
files of other kinds. Seconds are of processor time and memory is the most that a process of its own
has had. Exit 1 where the seconds of an item grow by half, or memory by a quarter and over 100 MB.
FILE gets a plot.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pleura.dicom.header import read_planes
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.page.palette import BLUE, GREEN, ORANGE, PURPLE, RED
from pleura.phantom.anatomy import chest
from pleura.phantom.writer import SeriesSpec, write_series

OPTIONS = {"segment": ["--model", "classical"], "prepare": []}
TINY = (14, 40, 40)
SERIES = 60
MEASURED = """
import resource, sys
from pleura.cli.app import main
try:
    main(sys.argv[2:])
except SystemExit as ended:
    code = ended.code or 0
used = resource.getrusage(resource.RUSAGE_SELF)
with open("/proc/self/status") as status:  # ru_maxrss is at least that of the parent
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
with open(sys.argv[1], "w") as file:
    print(used.ru_utime + used.ru_stime, peak / 1024, code, file=file)
"""
SLOWER, MORE, FREE_MB = 1.5, 1.25, 100.0

LOOKS = tuple(
    {"color": color, "marker": marker}
    for color, marker in zip((BLUE, ORANGE, GREEN, RED, PURPLE), "osD^v", strict=True)
)
"""How the line of each kind looks; its marker is enough without its colour."""


@dataclass(frozen=True)
class Cost:
    """What a command on `count` items took; `begun` without any."""

    what: str
    count: int
    seconds: float
    megabytes: float
    exit_code: int


def measured(what: str, count: int, words: list[str], folder: Path) -> Cost:
    """Run a command in a process of its own."""
    told = folder / "told"
    environment = dict(os.environ) | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", MEASURED, str(told), *words, "--quiet"]
    subprocess.run(command, env=environment, capture_output=True, check=True)
    seconds, megabytes, code = told.read_text().split()
    return Cost(what, count, float(seconds), float(megabytes), int(code))


def cases(folder: Path, count: int) -> Path:
    """`count` series: two chests, under UIDs, names and folders of their own."""
    made = [chest(TINY, seed=seed)[0] for seed in (3, 4)]
    for number in range(count):
        place = folder / f"Case_{number:04d}"
        write_series(place, made[number % 2], SeriesSpec(seed=number, syntax="implicit"))
    return folder


def slices(folder: Path, count: int) -> Path:
    """One series of `count` slices of 16 x 16."""
    hu = np.random.default_rng(1).integers(-1000, 100, (count, 16, 16)).astype(np.int16)
    write_series(folder, Volume(hu, Grid.axial(hu.shape, (0.1, 1, 1))), SeriesSpec())
    return folder


def many_series(folder: Path, count: int) -> Path:
    """`count` slices in series of 60, which are equal but for their UIDs."""
    slices(folder / "0", SERIES)
    made = [(read_planes(path)[0], path) for path in sorted((folder / "0").iterdir())]
    for number in range(1, count // SERIES):
        place = folder / f"Patient_{number:06}" / "CT thorax 1.0 mm"
        place.mkdir(parents=True)
        for plane, path in made:
            content = path.read_bytes()
            for uid in (plane.sop_uid, plane.series_uid, plane.study_uid, plane.frame_uid):
                content = content.replace(uid.encode(), f"{uid[:-6]}{number:06}".encode())
            (place / path.name).write_bytes(content)
    return folder


def junk(folder: Path, count: int) -> Path:
    """`count` files of other kinds: text, pictures, broken DICOM, nothing."""
    kinds = (b"text " * 40, b"\x89PNG\r\n\x1a\n" + bytes(90), b"\0" * 128 + b"DICM" + b"\xff" * 99)
    for number in range(count):
        place = folder / f"{number // 1000:03d}"
        if number % 1000 == 0:
            place.mkdir(parents=True)
        body = (*kinds, b"")[number % 4]
        (place / f"{number:06d}").write_bytes(body)
    return folder


def scanned(folder: Path) -> Iterator[Cost]:
    """`scan` of few and then of many slices, and files of other kinds."""
    for make, what, counts in (
        (slices, "scan, slices", (300, 3000)),
        (junk, "scan, other files", (5000, 50_000)),
    ):
        for count in counts:
            source = make(folder / "in", count)
            yield measured(what, count, ["scan", str(source), "--workers", "1"], folder)
            shutil.rmtree(source)


def planned(folder: Path) -> Iterator[Cost]:
    """`segment --plan` of few and then of many series."""
    for count in (6000, 60_000):
        source, out = many_series(folder / "in", count), folder / "out"
        words = ["segment", str(source), str(out), *OPTIONS["segment"], "--plan"]
        yield measured("segment --plan, slices", count, words, folder)
        shutil.rmtree(source)
        shutil.rmtree(out)


def worked(folder: Path, verbs: Sequence[str], small: int, large: int) -> Iterator[Cost]:
    """Each verb on a small and then on a large input, of which the small one is a part."""
    many, few, out = cases(folder / "many", large), folder / "few", folder / "out"
    for place in sorted(many.iterdir())[:small]:
        shutil.copytree(place, few / place.name)
    for verb in verbs:
        for source, count in ((few, small), (many, large)):
            command = [verb, str(source), str(out), *OPTIONS[verb], "--workers", "1"]
            yield measured(verb, count, command, folder)
            shutil.rmtree(out)


def costs(folder: Path, only: Sequence[str], small: int, large: int) -> Iterator[Cost]:
    """Every command on a small and then on a large input."""
    if "scan" in only:
        yield from scanned(folder)
    if "plan" in only:
        yield from planned(folder)
    verbs = [verb for verb in OPTIONS if verb in only]
    if verbs:
        yield from worked(folder, verbs, small, large)


def problems(small: Cost, large: Cost, begun: float) -> list[str]:
    """What does not grow as it should; `begun` are the seconds of a command on nothing."""
    each = [max(one.seconds - begun, 0.01) / one.count for one in (small, large)]
    found = []
    if each[1] > SLOWER * each[0]:
        found.append(f"{each[1] / each[0]:.1f} times the seconds an item")
    if large.megabytes > max(MORE * small.megabytes, small.megabytes + FREE_MB):
        found.append(f"{large.megabytes:.0f} MB instead of {small.megabytes:.0f}")
    return found


def draw(found: list[Cost], file: Path) -> None:
    """Seconds and memory over the number of items, both from nought."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    kinds = dict.fromkeys(one.what for one in found)
    for what, look in zip(kinds, LOOKS, strict=False):
        own = [one for one in found if one.what == what]
        most = own[-1]
        shares = [one.count / most.count for one in own]
        left.plot(shares, [one.seconds / most.seconds for one in own], **look, label=what)
        label = f"{what}: {most.count:,}"
        right.plot(shares, [one.megabytes for one in own], **look, label=label)
    left.plot([0, 1], [0, 1], ":", color="grey", label="proportional")
    left.set(xlabel="share of the items", ylabel="share of the processor time", ylim=(0, None))
    right.set(xlabel="share of the items", ylabel="peak memory [MB]", ylim=(0, None))
    left.legend(frameon=False, fontsize=8)
    right.legend(frameon=False, fontsize=8)
    figure.savefig(file, dpi=110, metadata={"Software": None})


def main() -> int:
    """Print a row for each command; return how many do not grow as they should."""
    parser = argparse.ArgumentParser()
    parser.add_argument("counts", type=int, nargs="*", default=[200, 2000])
    parser.add_argument(
        "--only", nargs="+", default=["scan", "plan", *OPTIONS], help="these commands"
    )
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    found: list[Cost] = []
    wrong = 0
    print("| command | items | CPU [s] | ms an item | peak [MB] | exit | |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "nothing").mkdir()
        begun = measured("scan", 0, ["scan", str(folder / "nothing")], folder).seconds
        for one in costs(folder, given.only, *given.counts):
            smaller = [before for before in found if before.what == one.what]
            told = "; ".join(problems(smaller[0], one, begun)) if smaller else ""
            found.append(one)
            wrong += bool(told)
            each = 1000 * (one.seconds - begun) / one.count
            cells = (one.what, f"{one.count:,}", f"{one.seconds:.1f}", f"{each:.2f}")
            row = (*cells, f"{one.megabytes:.0f}", str(one.exit_code), told)
            print("|", " | ".join(row), "|", flush=True)
    print(json.dumps([vars(one) for one in found]), file=sys.stderr)
    if given.picture:
        draw(found, given.picture)
    return wrong


if __name__ == "__main__":
    sys.exit(main() > 0)

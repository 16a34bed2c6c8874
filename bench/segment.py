"""Lungs from CT, timed as a user waits for it: `python bench/segment.py [SERIES…]`.

Whole processes, from the typed command to closed files: each row is the fastest of three, with its
CPU seconds and its peak memory. Modules are compiled before, as `pip` does when it installs. Beside
them, in the same run: thresholds (`--model classical`), the
floor (bytes read and multiply-adds at the measured peak of this machine), and the network of
lungmask R231 (Hofmanninger J et al. 2020, doi:10.1186/s41747-020-00173-2), whose architecture is
built here with random weights, which cost the same: some slices are timed, and the time of 140 is
computed from them. Series are phantoms of 512 x 512, and any that are named. Prints Markdown
tables.
"""

import compileall
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

import pleura
from pleura.phantom.anatomy import chest
from pleura.phantom.writer import SeriesSpec, write_series

ROUNDS = 3
SLICES = 140
PEER_SLICES = 4
PEER_GMAC = 48.1
"""Multiply-adds of R231 for a slice of 256 x 256."""
HEAD = "| what | wall s | CPU s | peak MB |\n|---|---|---|---|"


class Cost(NamedTuple):
    """What one process cost."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def main() -> None:
    """Print the tables."""
    given = [Path(word) for word in sys.argv[1:]]
    compileall.compile_dir(Path(pleura.__file__).parent, quiet=1)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        one = phantom(work / "one", SLICES)
        long = phantom(work / "long", 300)
        ten = work / "ten"
        for seed in range(10):
            phantom(ten / f"{seed}", SLICES, seed)
        print(HEAD)
        lines = {
            "NIfTI": (one, []),
            "DICOM SEG": (one, ["--format", "seg"]),
            "thresholds": (one, ["--model", "classical"]),
            "300 slices": (long, []),
            "ten series, one worker on one core": (ten, ["--workers", "1"]),
            "ten series, one worker": (ten, ["--workers", "1"]),
            "ten series, two workers": (ten, ["--workers", "2"]),
        }
        costs = {}
        for name, (source, options) in lines.items():
            rounds = 1 if source == ten else ROUNDS
            cores = {0} if name.endswith("one core") else os.sched_getaffinity(0)
            costs[name] = row(name, segment(source, work / "out", options, cores), rounds)
        for series in given:
            row(series.name, segment(series, work / "out", [], os.sched_getaffinity(0)), ROUNDS)
        compared(costs, one)


def phantom(folder: Path, slices: int, seed: int = 0) -> Path:
    """A phantom as DICOM files."""
    write_series(folder, chest((slices, 512, 512), seed=seed)[0], SeriesSpec(seed=seed))
    return folder


def segment(source: Path, out: Path, options: Sequence[str], cores: set[int]) -> Callable[[], Cost]:
    """A run of the command on some cores."""
    command = [sys.executable, "-m", "pleura", "segment", str(source), str(out), "--quiet"]
    return lambda: cost_of([*command, "--overwrite", *options], cores)


def cost_of(command: Sequence[str], cores: set[int]) -> Cost:
    """Run a command to its end; with its workers."""
    began = time.monotonic()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, cores)
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in (0, 1), process.returncode
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(time.monotonic() - began, cpu, usage.ru_maxrss / 1024)


def row(name: str, run: Callable[[], Cost], rounds: int) -> Cost:
    """The fastest round of a run, printed."""
    cost = min((run() for _ in range(rounds)), key=lambda one: one.wall_s)
    print(f"| {name} | {cost.wall_s:.2f} | {cost.cpu_s:.2f} | {cost.peak_mb:.0f} |", flush=True)
    return cost


def compared(costs: dict[str, Cost], series: Path) -> None:
    """The ratios that are asked for, beside the floor and the peer."""
    one = costs["NIfTI"].wall_s
    peer = peer_seconds()
    print(f"\nlungmask's network, {SLICES} slices: {peer:.0f} s of wall time on all cores")
    print(f"* with NIfTI {peer / one:.0f} times as fast")
    print(f"* with SEG {peer / costs['DICOM SEG'].wall_s:.0f} times as fast")
    print(f"* 300 slices take {costs['300 slices'].wall_s / one:.2f} times as long as {SLICES}")
    for workers in ("one worker on one core", "one worker", "two workers"):
        cost = costs[f"ten series, {workers}"].wall_s
        print(f"* ten series take {cost / one:.2f} times as long as one, {workers}")
    gmac = card_gmac()
    peak = matmul_gmacs()
    began = time.perf_counter()
    size = sum(len(path.read_bytes()) for path in series.iterdir())
    read = time.perf_counter() - began
    print(
        f"* floor: {gmac:.1f} GMAC at {peak:.0f} GMAC/s are {gmac / peak:.2f} s, "
        f"{size / 1e6:.0f} MB read in {read:.2f} s"
    )


def card_gmac() -> float:
    """Multiply-adds of pleura's network for a chest of 350 x 390 x 390 mm."""
    from pleura.segmenters.shipped import ShippedNetwork

    card = ShippedNetwork.open().card
    voxels = 350 * 390 * 390 / float(card["spacing_mm"]) ** 3
    return float(card["multiply_adds_per_voxel"]) * voxels / 1e9


def matmul_gmacs() -> float:
    """Multiply-adds a second of float32 matrix products on all cores, in 1e9."""
    n = 2048
    a = np.random.default_rng(0).standard_normal((n, n), dtype=np.float32)
    a @ a
    began = time.perf_counter()
    for _ in range(4):
        a @ a
    return 4 * n**3 / (time.perf_counter() - began) / 1e9


def peer_seconds() -> float:
    """Wall seconds of `SLICES` slices of 256 x 256 through an R231 of random weights."""
    import torch
    from torch import nn

    def block(inputs: int, outputs: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for width in (inputs, outputs):
            layers += [nn.Conv2d(width, outputs, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(outputs)]
        return nn.Sequential(*layers)

    class R231(nn.Module):
        """A U-Net of 64 to 1,024 channels, padded, with upsampling and a 1 x 1 convolution."""

        def __init__(self) -> None:
            super().__init__()
            widths = (64, 128, 256, 512, 1024)
            self.down = nn.ModuleList(map(block, (1, *widths[:-1]), widths))
            pairs = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
            self.up = nn.ModuleList(nn.Conv2d(wide, thin, 1) for wide, thin in pairs)
            self.merge = nn.ModuleList(block(wide, thin) for wide, thin in pairs)
            self.last = nn.Conv2d(widths[0], 3, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            skips = []
            for level, down in enumerate(self.down):
                x = down(x if level == 0 else nn.functional.avg_pool2d(x, 2))
                skips.append(x)
            for up, merge, skip in zip(self.up, self.merge, skips[-2::-1], strict=True):
                x = up(nn.functional.interpolate(x, scale_factor=2.0, mode="bilinear"))
                x = merge(torch.cat([x, skip], 1))
            return self.last(x)

    net = R231().eval()
    with torch.inference_mode():
        picture = torch.zeros(1, 1, 256, 256)
        net(picture)
        began = time.perf_counter()
        for _ in range(PEER_SLICES):
            net(picture)
        return (time.perf_counter() - began) / PEER_SLICES * SLICES


if __name__ == "__main__":
    main()

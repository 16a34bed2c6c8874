"""20,000 mutated files through scan and the reader: `python bench/fuzz.py [count] [seed]`. Exit 1 on any crash, hang or growth.

Each file is a small CT object in one of eight transfer syntaxes (or a zip or tar of three), with bytes flipped, runs
overwritten, cut, doubled or inserted, most of them in the header. The only things that may come out are series, and refusals
with a reason.
"""

import faulthandler
import io
import random
import resource
import sys
import tarfile
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np

from pleura.arrays.grid import Grid
from pleura.arrays.volume import Volume
from pleura.core.errors import InputRefused
from pleura.dicom.pixels import read_hu
from pleura.dicom.series import find_series
from pleura.phantom.enhanced import enhanced
from pleura.phantom.writer import SYNTAXES, SeriesSpec, series, write_files

SECONDS, GIGABYTES = 15.0, 2.0  # a broken JPEG-LS stream of 472 bytes keeps its decoder busy for 4 s


def seeds(folder: Path) -> list[bytes]:
    """Good files to start from."""
    shape = (3, 16, 16)
    hu = np.random.default_rng(0).integers(-1000, 1000, shape).astype(np.int16)
    volume = Volume(hu, Grid.axial(shape, (2, 1, 1)))
    found = []
    for syntax in SYNTAXES:
        paths = write_files(folder / syntax, series(volume, SeriesSpec(syntax=syntax)))
        found.append(paths[0].read_bytes())
        if syntax == "explicit":
            found.append(write_files(folder / "enhanced", [enhanced(series(volume))])[0].read_bytes())
            packed, rolled = io.BytesIO(), io.BytesIO()
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
                for path in paths:
                    target.write(path, path.name)
            with tarfile.open(fileobj=rolled, mode="w") as target:
                target.add(folder / syntax, "in")
            found += [packed.getvalue(), rolled.getvalue()]
    return found


def mutated(data: bytes, rng: random.Random) -> bytes:
    """A few wounds, mostly within the header."""
    body = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        top = len(body) if rng.random() < 0.3 else min(len(body), 3000)
        at = rng.randrange(min(128, top - 1), top) if top > 1 else 0
        kind = rng.randrange(6)
        if kind == 0 and body:
            body[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            run = rng.randint(1, 8)
            body[at : at + run] = rng.choice([b"\xff", b"\x00", b"\x7f", b"\\", b"9"]) * run
        elif kind == 2:
            del body[at : at + rng.randint(1, 40)]
        elif kind == 3:
            body[at:at] = rng.randbytes(rng.randint(1, 40))
        elif kind == 4:
            run = body[at : at + rng.randint(1, 200)]
            body[at:at] = run
        elif rng.random() < 0.3:
            del body[at:]
        if len(body) < 2:
            break
    return bytes(body)


def tried(path: Path, told: Counter[str]) -> None:
    """Scan one file, and read every plane that claims to have pixels of a possible size."""
    for one in find_series(path, workers=1):
        refused = [finding for finding in one.findings if finding.verdict.word == "refused"]
        if not one.usable and not refused and one.is_ct:
            raise AssertionError("neither usable nor refused")
        for finding in refused:
            assert finding.message, "a refusal without a reason"
            told[finding.code] += 1
        huge = any(finding.code in ("HUGE-IMAGE", "NOT-HU", "NO-PIXELS", "TRUNCATED") for finding in refused)
        if one.is_ct and not huge and one.files[0].rows:
            try:
                read_hu(one.files[:1], workers=1)
                told["pixels read"] += 1
            except InputRefused:
                told["pixels refused"] += 1


def main() -> int:
    """Run, and print one table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    told: Counter[str] = Counter()
    slowest, failures = 0.0, 0
    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory() as name:
        good = seeds(Path(name))
        place = Path(name) / "fuzzed"
        for number in range(count):
            data = mutated(rng.choice(good), rng)
            place.write_bytes(data)
            faulthandler.dump_traceback_later(SECONDS * 4, exit=True)
            start = time.perf_counter()
            try:
                tried(place, told)
            except Exception as error:
                failures += 1
                print(f"file {number}: {type(error).__name__}: {error}", file=sys.stderr)
                if failures <= 3:
                    import traceback

                    traceback.print_exc()
            took = time.perf_counter() - start
            slowest = max(slowest, took)
            if took > 1:
                print(f"file {number}: {took:.1f} s, {len(data)} bytes", file=sys.stderr)
        faulthandler.cancel_dump_traceback_later()
        outside = [path for path in Path(name).iterdir() if path.name not in {*SYNTAXES, "enhanced", "fuzzed"}]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"| {count} files | |\n|---|---|")
    for code, times in told.most_common():
        print(f"| {code} | {times} |")
    print(f"| slowest file [s] | {slowest:.2f} |\n| peak memory [GB] | {peak:.2f} |\n| crashes | {failures} |")
    return int(bool(failures or outside or slowest > SECONDS or peak > GIGABYTES))


if __name__ == "__main__":
    sys.exit(main())

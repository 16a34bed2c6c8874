"""20,000 mutated files through scan and the reader: `python bench/fuzz.py [count] [seed]`. Exit 1
on any crash, hang or growth.

What is made of which files stands in `tests/testing/mutants.py`: bytes flipped; elements that lie
about their length or VR, go missing, come twice, hold nonsense; sequences that are deep, wide or
never end; sizes blown up; fragments, offset tables and codec headers that lie; deflated streams,
broken and bombs; zip and tar with hostile names, links, sizes and bombs. A hostile file lies in a
folder alone or among its good neighbours. All that may come out are series, and refusals with a
reason.
"""

import faulthandler
import random
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from testing.mutants import mutant, seeds, tried

SECONDS = 60.0
"""CharLS 2.4.3 counts to 2^31 at the end of some broken streams: 5 s alone, more on a busy
machine.
"""
GIGABYTES = 1.0


def peak() -> float:
    """GB of memory that this process had at its most."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return (
        int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1e6
    )


def main() -> int:
    """Run, and print one table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    told: Counter[str] = Counter()
    slowest, failures, files = 0.0, 0, 0
    warnings.simplefilter("error")
    good = seeds()
    with tempfile.TemporaryDirectory() as name:
        number = 0
        while files < count:
            rng = random.Random(f"{seed} {number}")
            kind, bodies = mutant(good, rng)
            files += 1
            faulthandler.dump_traceback_later(SECONDS * 40, exit=True)
            start, before = time.process_time(), peak()
            try:
                tried(Path(name), kind, bodies, told)
            except Exception as error:
                failures += 1
                print(f"{seed} {number}: {type(error).__name__}: {error}", file=sys.stderr)
                if failures <= 5:
                    traceback.print_exc()
            took, grown = time.process_time() - start, peak() - before
            slowest = max(slowest, took)
            if took > 2 or grown > 0.1:
                print(
                    f"{seed} {number}: {took:.1f} s, {1000 * grown:.0f} MB more, {len(bodies[0])} "
                    "bytes",
                    file=sys.stderr,
                )
            number += 1
        faulthandler.cancel_dump_traceback_later()
    print(f"| {count} files, seed {seed} | |\n|---|---|")
    for code, times in sorted(told.items(), key=lambda one: (-one[1], one[0])):
        print(f"| {code} | {times} |")
    print(
        f"| slowest [s] | {slowest:.2f} |\n| peak memory [GB] | {peak():.2f} |\n| crashes | "
        f"{failures} |"
    )
    return int(bool(failures or slowest > SECONDS or peak() > GIGABYTES))


if __name__ == "__main__":
    sys.exit(main())

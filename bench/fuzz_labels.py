"""Hostile masks, models and records through their readers: `python bench/fuzz_labels.py`.

    python bench/fuzz_labels.py [COUNT] [SEED] [FORMAT…]

COUNT mutants of each format of `tests/testing/label_mutants.py`. Exit 1 on any exception that is
not pleura's own, on a mask that is wrong although a checksum covers the file, on 10 s or on 1 GB.
"""

import faulthandler
import random
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from testing.label_mutants import FORMATS, checks, tried

SECONDS, GIGABYTES = 10.0, 1.0


def main() -> int:
    """Print a row for each format; return how many broke the rule."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    seed = sys.argv[2] if len(sys.argv) > 2 else "1"
    names = sys.argv[3:] or list(FORMATS)
    warnings.simplefilter("ignore")
    checks()
    wrong = 0
    print("| format | mutants | read | refused | wrong | slowest [s] |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            ends: Counter[str] = Counter()
            slowest = 0.0
            for number in range(count):
                faulthandler.dump_traceback_later(100 * SECONDS, exit=True)
                begun = time.process_time()
                try:
                    rng = random.Random(f"{seed} {name} {number}")
                    ends[tried(FORMATS[name], rng, Path(folder) / "good")] += 1
                except Exception as error:
                    ends["wrong"] += 1
                    print(f"{seed} {name} {number}: {type(error).__name__}", file=sys.stderr)
                    if ends["wrong"] <= 2:
                        traceback.print_exc()
                slowest = max(slowest, time.process_time() - begun)
            faulthandler.cancel_dump_traceback_later()
            wrong += ends["wrong"] + (slowest > SECONDS)
            refused = count - ends["read"] - ends["wrong"]
            row = (name, count, ends["read"], refused, ends["wrong"], f"{slowest:.2f}")
            print(f"| {' | '.join(map(str, row))} |", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"\npeak memory {peak:.2f} GB")
    return wrong + (peak > GIGABYTES)


if __name__ == "__main__":
    sys.exit(main() > 0)

"""Run a verb on each bomb of `tests/testing/bombs.py` and `more_bombs.py`: seconds of processor
time, memory and what it says.

    python bench/bombs.py [NAMES, a regular expression] [SECONDS]

Exit 1 where one takes over SECONDS (2) of processor time or 500 MB, or ends otherwise than it
should.
"""

import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from testing.bombs import BOMBS, SECONDS, costs
from testing.more_bombs import MORE


def main() -> int:
    """Print a row for each bomb; return how many broke the rule."""
    wrong = 0
    part = sys.argv[1] if len(sys.argv) > 1 else ""
    most = float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    bombs = [bomb for bomb in (*BOMBS, *MORE) if re.search(part, bomb.name)]
    print("| bomb | verb | exit | CPU [s] | peak [MB] | |\n|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as name:
        for bomb, cost in costs(Path(name), bombs):
            problems = "; ".join(cost.problems(bomb, most))
            wrong += bool(problems)
            numbers = f"{cost.exit_code} | {cost.seconds:.2f} | {cost.megabytes:.0f}"
            print(f"| {bomb.name} | {bomb.words[0]} | {numbers} | {problems} |", flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(main() > 0)

"""Let system calls of every verb fail, run the verb again, compare: `python bench/faults.py`.

    python bench/faults.py [COUNT] [VERB…] [--kill | --cut] [--workers N] [--cases N] [--seed N]
                           [--log FILE]

COUNT faults (2,000 by default; 0: every n-th call of every kind with every error) are spread over
the verbs: the n-th open, read, write, fsync or rename below the test's folder fails with EIO,
ENOSPC, EACCES or EINTR. With --kill the process is killed (SIGKILL) before the n-th write, fsync or
rename instead: COUNT 0 kills it before each. With --cut the file is cut to half behind the n-th
mapping of one into memory, as by somebody who writes it meanwhile. With --workers the fault is in
a worker process, and those whose n-th call did not come are not counted. What is checked stands in
`tests/testing/injected_faults.py`. FILE gets a line of JSON for each. Linux with a C compiler.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from testing.injected_faults import ASKED, CUT, ERRORS, KILL, VERBS, can_run, environment

SHARES = {
    "scan": 9,
    "deidentify": 17,
    "verify": 12,
    "prepare": 6,
    "segment": 3,
    "segment classical": 5,
    "evaluate": 13,
    "measure": 8,
    "couch": 6,
    "couch of a cohort": 3,
    "load": 9,
    "report": 6,
    "train": 3,
    "run": 2,
    "study": 2,
    "phantom": 8,
}
"""Share of each verb in the faults: more for those that are quick, or have more to lose."""

KILLED_AT = ("write", "fsync", "rename")
HIGHEST = 25
"""Highest n in a worker, whose calls nobody counts."""


def trials(folder: Path, spec: dict) -> Iterator[dict]:
    """The outcomes of the verbs in turn, as they come."""
    command = [sys.executable, "-m", "testing.injected_faults", str(folder), json.dumps([spec])]
    with subprocess.Popen(command, env=environment(folder), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            yield json.loads(line)
    assert process.returncode == 0


def row(verb: str, done: list[dict]) -> str:
    """A row of the table: faults by call, exits of the faulted run, and what broke the rule."""
    calls = Counter(one["fault"]["call"] for one in done)
    exits = Counter(one["first_exit"] for one in done)
    silent = sum(any("silent" in line for line in one["problems"]) for one in done)
    wrong = sum(bool(one["problems"]) for one in done)
    counts = " | ".join(str(calls[call]) for call in (*ASKED, "map"))
    ends = ", ".join(f"{code}: {count}" for code, count in sorted(exits.items()))
    return f"| {verb} | {counts} | {len(done)} | {ends} | {silent} | {wrong - silent} |"


def main() -> int:
    """Print a row for each verb; return how many faults broke the rule."""
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int, nargs="?", default=2000)
    parser.add_argument("verbs", nargs="*")
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--cut", action="store_true")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--cases", type=int, default=2)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--log", type=Path)
    given = parser.parse_args()
    if not can_run():
        sys.exit("this machine has no C compiler, or is not Linux")
    verbs = given.verbs or VERBS
    shares = sum(SHARES[verb] for verb in verbs)
    calls, errors = (KILLED_AT, (KILL,)) if given.kill else (ASKED, ERRORS)
    calls, errors = (("map",), (CUT,)) if given.cut else (calls, errors)
    most = dict.fromkeys(verbs, 0)
    if given.count:
        part = given.count / shares / len(calls) / len(errors)
        each = {verb: part * SHARES[verb] for verb in verbs}
        most = {verb: max(1, round(number)) for verb, number in each.items()}
    head = " | ".join((*ASKED, "map"))
    print(f"| verb | {head} | faults | exits of the faulted run | silent loss | other |")
    print("|---|" + "---|" * (len(ASKED) + 5), flush=True)
    done: dict[str, list[dict]] = {}
    with tempfile.TemporaryDirectory() as name:
        spec = {"verbs": most, "seed": given.seed, "calls": calls, "errors": errors}
        spec |= {"workers": given.workers, "numbers": HIGHEST, "cases": given.cases}
        for outcome in trials(Path(name), spec):
            if "counts" in outcome:
                for verb in list(done)[-1:]:
                    print(row(verb, done[verb]), flush=True)
                done[outcome["verb"]] = []
                continue
            if not outcome["fired"]:  # the n-th call did not come
                continue
            done[outcome["verb"]].append(outcome)
            if given.log:
                with given.log.open("a", encoding="utf-8") as log:
                    log.write(json.dumps(outcome) + "\n")
            if outcome["problems"]:
                fault = outcome["fault"]
                print(f"    {outcome['verb']}: {fault}: {outcome['problems']}", file=sys.stderr)
    print(row(outcome["verb"], done[outcome["verb"]]), flush=True)
    outcomes = [one for some in done.values() for one in some]
    wrong = sum(bool(one["problems"]) for one in outcomes)
    print(f"\n{len(outcomes)} faults, {wrong} broke the rule")
    return wrong


if __name__ == "__main__":
    sys.exit(main() > 0)

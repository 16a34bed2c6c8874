"""Kill each verb at random moments and compare the final bytes with those of an undisturbed run.

    python bench/kills.py [KILLS] [VERB…] [--how kill|grow|two] [--workers 1|2] [--seed N]

Three stories of each verb, with 1 and with 2 workers, on a tiny input:

kill  the command is killed (SIGKILL) again and again, and started again
grow  the same, twice: the input gets one case more between the two
two   two processes start the command on one OUT at the same time; one of them is killed

A kill comes at a random moment between the start and the time that an undisturbed run takes. After
the last one the command runs to its end. Every file of OUT must then have the same bytes as after
one undisturbed run, nothing temporary may be left, and no worker may be alive. Processes are forked
from one that has imported everything, so that kills hit the work and not the imports. KILLS is the
number over all stories, 60 by default; the verbs are deidentify, prepare, segment, evaluate and
run.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ |= {  # before libraries read it: how many threads share a sum decides its last bit
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "SOURCE_DATE_EPOCH": "0",
}
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from testing.injected_faults import (
    KEY,
    QUICK,
    blank_pictures,
    differences,
    in_silence,
    results,
    run_words,
    use_workers,
)

VERBS = ("deidentify", "prepare", "segment", "evaluate", "run")
HOWS = ("kill", "grow", "two")
CLASSICAL = ("--model", "classical")
HANGS_S = 1800.0
"""[seconds] A process that takes longer hangs, even on a loaded machine."""
BUSY = 2
"""The exit code of a process that finds OUT in use."""


@dataclass(frozen=True)
class Story:
    """One verb with a number of workers, and what happens to it."""

    verb: str
    workers: int
    how: str = "kill"

    def words(self, source: Path, out: Path) -> list[str]:
        """The command."""
        fixed = [str(out), "--workers", str(self.workers), "--quiet"]
        if self.verb == "evaluate":
            return ["evaluate", str(source / "Labels"), str(source / "Labels"), *fixed]
        words = [self.verb, str(source), *fixed]
        return [*words, *{"run": QUICK, "segment": CLASSICAL}.get(self.verb, ())]


class Killer:
    """Runs the stories on one input, which is made once."""

    def __init__(self, folder: Path, cases: int = 3) -> None:
        from pleura.labels.registry import write_mask
        from pleura.phantom.dataset import write_dataset

        use_workers()
        blank_pictures()
        self.folder = folder
        self.whole = folder / "whole"
        write_dataset(self.whole, cases=cases, shape=(10, 40, 40), seed=6, label=write_mask)
        self.last = f"Case_{cases - 1:03d}"
        self._warm: set[str] = set()

    def problems(self, story: Story, kills: int, chance: random.Random) -> list[str]:
        """Tell a story; what differs from the undisturbed run, or is left over."""
        place = self.folder / "story"
        shutil.rmtree(place, ignore_errors=True)
        # the source has one name in all, for OUT records it
        source, out, good = place / "in", place / "killed" / "out", place / "undisturbed" / "out"
        shutil.copytree(self.whole, source)
        for one in (out, good):
            one.parent.mkdir()
            (one.parent / "out.key").write_text(KEY)  # decides new UIDs
        if story.verb not in self._warm:
            self._warm.add(story.verb)
            in_silence(lambda: run_words(story.words(source, place / "warm" / "out")))
        begun = time.monotonic()
        code = ended(start(story.words(source, good), place / "log"))
        took = time.monotonic() - begun
        problems = [f"undisturbed: exit {code}"] * (code != 0)

        def moment() -> float:
            return chance.uniform(0.02, 1.0) * took

        before = 0
        if story.how == "grow":
            before = (kills + 1) // 2
            self._shrink(source)
            problems += self._killed(story, source, out, [moment() for _ in range(before)])
            self._grow(source)
        problems += self._killed(story, source, out, [moment() for _ in range(kills - before)])
        problems += differences(results(good.parent), results(out.parent))
        problems += [f"left over: {path.name[:6]}" for path in out.parent.rglob(".part-*")]
        shutil.rmtree(place)
        return problems

    def _killed(self, story: Story, source: Path, out: Path, waits: list[float]) -> list[str]:
        """Kill a command after each of these times in seconds, then let it end."""
        problems = []
        for wait in waits:
            problems += killed_once(story, source, out, wait)
        log = self.folder / "log"
        code = ended(start(story.words(source, out), log))
        if code != 0:
            problems.append(f"last run: exit {code}: {log.read_text()[-300:]}")
        return problems

    def _last_files(self, folder: Path) -> Iterator[Path]:
        """What the last case has in a data set."""
        return (path for path in folder.glob(f"*/{self.last}*") if path.exists())

    def _shrink(self, source: Path) -> None:
        for path in list(self._last_files(source)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def _grow(self, source: Path) -> None:
        for path in self._last_files(self.whole):
            goal = source / path.relative_to(self.whole)
            if path.is_dir():
                shutil.copytree(path, goal, dirs_exist_ok=True)
            else:
                shutil.copy2(path, goal)


def killed_once(story: Story, source: Path, out: Path, wait: float) -> list[str]:
    """Start a command, or two of them, and kill one after `wait` seconds; what went wrong."""
    words = story.words(source, out)
    log = out.parent.with_name("log")
    processes = [start(words, log)]
    if story.how == "two":
        processes.append(start(words, log.with_name("log2")))
    time.sleep(wait)
    os.kill(processes[0], signal.SIGKILL)
    codes = [ended(process) for process in processes]
    problems = [f"the other process: exit {code}" for code in codes[1:] if code not in (0, BUSY)]
    limit = time.monotonic() + 10
    while survivors(processes[0]) and time.monotonic() < limit:
        time.sleep(0.02)
    return problems + [f"worker {pid} outlived its parent" for pid in survivors(processes[0])]


def start(words: list[str], log: Path) -> int:
    """Start a command in a forked process with a session of its own; return its id."""
    child = os.fork()
    if child:
        return child
    code = 99
    try:
        os.setsid()
        stream = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.dup2(stream, 1)
        os.dup2(stream, 2)
        code = run_words(words)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def ended(process: int) -> int:
    """Wait for a process; its exit code, negative for a signal, -100 for a hang."""
    limit = time.monotonic() + HANGS_S
    while time.monotonic() < limit:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return -100


def survivors(session: int) -> list[int]:
    """Processes of a session that are still there."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(entry.name))
    return found


def main(stories: list[Story], kills: int, seed: int = 0) -> int:
    """Print a row for each story; return how many ended wrongly."""
    wrong = done = 0
    with tempfile.TemporaryDirectory() as name:
        killer = Killer(Path(name))
        print("| verb | workers | story | kills | final bytes | left over |", flush=True)
        print("|---|---|---|---|---|---|", flush=True)
        for number, story in enumerate(stories):
            count = kills // len(stories) + (number < kills % len(stories))
            chance = random.Random(f"{seed} {story}")
            problems = killer.problems(story, count, chance)
            left = sum("left over" in line or "outlived" in line for line in problems)
            same = "as undisturbed" if len(problems) == left else "DIFFER"
            cells = (story.verb, story.workers, story.how, count, same, left)
            print("| " + " | ".join(map(str, cells)) + " |", flush=True)
            for line in problems:
                print(f"    {line}", file=sys.stderr, flush=True)
            wrong += bool(problems)
            done += count
    print(f"\n{done} kills, {wrong} of {len(stories)} stories ended otherwise than undisturbed")
    return wrong


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("kills", nargs="?", type=int, default=60)
    parser.add_argument("verbs", nargs="*", default=list(VERBS))
    parser.add_argument("--how", action="append", choices=HOWS)
    parser.add_argument("--workers", action="append", type=int, choices=(1, 2))
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    given = asked()
    wanted = [
        Story(verb, workers, how)
        for verb in given.verbs
        for workers in given.workers or (1, 2)
        for how in given.how or HOWS
    ]
    sys.exit(main(wanted, given.kills, given.seed) > 0)

"""Kill each verb at random moments and compare the final bytes with those of an undisturbed run.

    python bench/kills.py [KILLS] [VERB…]

Each verb runs with 1 and with 2 workers on a tiny input. The process is killed (SIGKILL) at a
random moment between its start and the time that an undisturbed run takes, and started again; after
the last kill it runs to its end. Every file of OUT must then have the same bytes as the undisturbed
run's, nothing temporary may be left, and no worker may be alive. KILLS is the number over all
verbs, 40 by default; the verbs are deidentify, prepare, segment, evaluate and run.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from pleura.labels.registry import write_mask
from pleura.phantom.dataset import write_dataset

VERBS = ("deidentify", "prepare", "segment", "evaluate", "run")
CLASSICAL = ("--model", "classical")
QUICK_TRAINING = ("--epochs", "1", "--size", "32", "--loss", "bce")


@dataclass(frozen=True)
class Story:
    """One verb on one input with a number of workers; `beside` are files next to OUT that decide
    or belong to the result.
    """

    verb: str
    workers: int
    source: Path

    def words(self, out: Path) -> list[str]:
        """The command."""
        fixed = [str(out), "--workers", str(self.workers), "--quiet"]
        if self.verb == "evaluate":
            return ["evaluate", str(self.source / "Labels"), str(self.source / "Labels"), *fixed]
        words = [self.verb, str(self.source), *fixed]
        return [*words, *{"run": QUICK_TRAINING, "segment": CLASSICAL}.get(self.verb, ())]

    def start(self, out: Path) -> subprocess.Popen[bytes]:
        """Start the command in a session of its own, on one thread: how many threads share a sum
        decides its last bit.
        """
        environment = os.environ | {"OMP_NUM_THREADS": "1", "SOURCE_DATE_EPOCH": "0"}
        command = [sys.executable, "-m", "pleura", *self.words(out)]
        return subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def finish(self, out: Path) -> None:
        """Run to the end. Raises `AssertionError` where it fails."""
        process = self.start(out)
        _, lines = process.communicate()
        assert process.returncode == 0, lines.decode(errors="replace")


def results(out: Path) -> dict[str, bytes]:
    """Every file of OUT but the bookkeeping, and the files beside OUT."""
    files = [path for path in out.rglob("*") if path.is_file() and ".pleura" not in path.parts]
    files += [path for path in out.parent.glob(f"{out.name}.*") if path.is_file()]
    return {
        path.relative_to(out.parent).as_posix().removeprefix(out.name): path.read_bytes()
        for path in files
    }


def left_over(folder: Path) -> list[str]:
    """Temporary names below a folder."""
    return [path.name for path in folder.rglob(".part-*")]


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


def try_story(story: Story, kills: int, folder: Path, chance: random.Random) -> list[str]:
    """Kill a story `kills` times, then let it end; return what differs from the undisturbed run."""
    undisturbed, killed = folder / "undisturbed" / "out", folder / "killed" / "out"
    for out in (undisturbed, killed):
        out.parent.mkdir(parents=True)
        (out.parent / "out.key").write_text("5" * 64 + "\n")  # decides new UIDs
    begun = time.monotonic()
    story.finish(undisturbed)
    took = time.monotonic() - begun
    problems = []
    for _ in range(kills):
        process = story.start(killed)
        time.sleep(chance.uniform(0.05, 1.0) * took)
        process.send_signal(signal.SIGKILL)
        process.communicate()  # ends when no worker holds the pipe any more
        limit = time.monotonic() + 10
        while survivors(process.pid) and time.monotonic() < limit:
            time.sleep(0.05)
        problems += [f"worker {pid} outlived its parent" for pid in survivors(process.pid)]
    story.finish(killed)
    before, after = results(undisturbed), results(killed)
    problems += [
        f"differs: {name}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
    problems += [f"left over: {name}" for name in left_over(killed.parent)]
    return problems


def main(kills: int = 40, verbs: tuple[str, ...] = VERBS, seed: int = 0) -> int:
    """Print a row for each verb and number of workers; return how many ended wrongly."""
    chance = random.Random(seed)
    stories = [(verb, workers) for verb in verbs for workers in (1, 2)]
    wrong = done = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_dataset(folder / "in", cases=3, shape=(10, 40, 40), seed=6, label=write_mask)
        print(
            "| verb | workers | kills | final bytes | left over |\n|---|---|---|---|---|",
            flush=True,
        )
        for number, (verb, workers) in enumerate(stories):
            count = kills // len(stories) + (number < kills % len(stories))
            place = folder / f"{verb}-{workers}"
            problems = try_story(Story(verb, workers, folder / "in"), count, place, chance)
            same = "as undisturbed" if not any("differs" in line for line in problems) else "DIFFER"
            left = sum("differs" not in line for line in problems)
            print(f"| {verb} | {workers} | {count} | {same} | {left} |", flush=True)
            for line in problems:
                print(f"    {line}", file=sys.stderr)
            shutil.rmtree(place)
            wrong += bool(problems)
            done += count
    print(f"\n{done} kills, {wrong} of {len(stories)} stories ended otherwise than undisturbed")
    return wrong


if __name__ == "__main__":
    given = sys.argv[1:]
    number = int(given.pop(0)) if given and given[0].isdigit() else 40
    sys.exit(main(number, tuple(given) or VERBS) > 0)

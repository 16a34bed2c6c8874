"""What a job array costs for each case, how that grows, and what kills at random moments do.

    python bench/job_arrays.py growth [CASES…]
    python bench/job_arrays.py kills [KILLS]

The verb is that of tests/testing/toy_batch.py, whose cases take no time of their own. `growth`
prints milliseconds a case and the memory of the largest process (plan, two tasks at once, run that
collects, and a plain run with one worker). `kills` starts four tasks, kills one of them (SIGKILL)
at a random moment, and starts again; at the end OUT must have the bytes of a plain run.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
TOY = TESTS / "testing" / "toy_batch.py"
CASES = (10, 100, 1000, 10000)


def start(*words: object) -> subprocess.Popen[bytes]:
    """Start the toy verb in a session of its own."""
    paths = os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH", ""))))
    environment = os.environ | {"PYTHONPATH": paths}
    call = [sys.executable, str(TOY), *map(str, words)]
    return subprocess.Popen(call, env=environment, start_new_session=True)


def ended(processes: list[subprocess.Popen[bytes]]) -> tuple[float, int]:
    """Wait for processes; return CPU seconds of all, and MB of the largest."""
    seconds, largest = 0.0, 0
    for process in processes:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, process.args
        seconds += usage.ru_utime + usage.ru_stime
        largest = max(largest, usage.ru_maxrss // 1024)
    return seconds, largest


def make(folder: Path, count: int) -> Path:
    """An input of so many cases."""
    source = folder / "in"
    source.mkdir(parents=True)
    for number in range(count):
        (source / f"case_{number:05}").write_text(str(number))
    return source


def results(out: Path) -> dict[str, bytes]:
    """Every file of OUT but the bookkeeping."""
    files = [path for path in out.rglob("*") if path.is_file() and ".pleura" not in path.parts]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


def growth(counts: tuple[int, ...]) -> int:
    """Print a row for each number of cases: wall and CPU milliseconds a case, and MB."""
    print("| cases | step | ms a case | CPU ms a case | MB |\n|---|---|---|---|---|", flush=True)
    for count in counts:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            source, out = make(folder, count), folder / "out"
            steps = {
                "plain": [(folder / "plain",)],
                "plan": [(out, "--plan", 2)],
                "2 tasks": [(out, "--task", "0/2"), (out, "--task", "1/2")],
                "collect": [(out,)],
            }
            for step, calls in steps.items():
                begun = time.monotonic()
                cpu, largest = ended([start(source, *words) for words in calls])
                wall = time.monotonic() - begun
                each = f"{1000 * wall / count:.1f} | {1000 * cpu / count:.1f}"
                print(f"| {count} | {step} | {each} | {largest} |", flush=True)
            assert results(out) == results(folder / "plain")
    return 0


def kills(count: int, cases: int = 60, seed: int = 24) -> int:
    """Kill tasks at random moments; return 1 where the bytes differ at the end."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, out = make(folder, cases), folder / "out"
        begun = time.monotonic()
        ended([start(source, folder / "plain")])
        took = time.monotonic() - begun
        ended([start(source, out, "--plan", 4)])
        hits = 0
        for _ in range(count):
            tasks = [start(source, out, "--task", f"{number}/4") for number in range(4)]
            time.sleep(chance.uniform(0.2, 1.2) * took)
            victim = chance.choice(tasks)
            hits += victim.poll() is None
            if victim.poll() is None:
                os.killpg(victim.pid, signal.SIGKILL)
            others = [task.wait() for task in tasks if task is not victim]
            victim.wait()
            assert max(others) < 2, others  # 1 where one case was hit three times
            for path in chance.sample(sorted((out / ".pleura" / "items").glob("*.json")), 3):
                path.unlink()  # so that there is work for the next tasks
                for claim in (out / ".pleura" / "claims").glob(f"{path.stem}.*"):
                    claim.unlink()
        ended([start(source, out, "--retry", "WORKER-LOST")])
        same = results(out) == results(folder / "plain")
        left = len(list(out.rglob(".part-*")))
        print(
            f"{count} rounds, {hits} kills: {'equal' if same else 'OTHER'} bytes, {left} left over"
        )
        return int(not same or left > 0)


def main(words: list[str]) -> int:
    """Run what the command line names."""
    numbers = tuple(int(word) for word in words[1:])
    if words[:1] == ["kills"]:
        return kills(*numbers[:1] or (30,))
    return growth(numbers or CASES)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What a job array costs for each case, how that grows, and what kills at random moments do.

    python bench/job_arrays.py growth [CASES…]
    python bench/job_arrays.py overhead [CASES…]
    python bench/job_arrays.py kills [KILLS]
    python bench/job_arrays.py worker-kills [KILLS]
    python bench/job_arrays.py dask-kills [KILLS]
    python bench/job_arrays.py store-kills [KILLS]
    python bench/job_arrays.py plot docs/benchmarks.md docs/pictures/job-arrays.png

The verb is that of tests/testing/toy_batch.py, whose cases take no time of their own. `growth`
prints milliseconds a case and the memory of the largest process (plan, two tasks at once, run that
collects, and a plain run with one worker). `overhead` runs one worker, two, and a Dask cluster of
two: milliseconds a case, how often a worker opened the recipe, and the memory of each worker after
a tenth of its cases and after the last.

`kills` starts four tasks, kills one of them (SIGKILL) at a random moment, and starts again; at the
end OUT must have the bytes of a plain run. `worker-kills` does that with the two worker processes
of a run, `dask-kills` with the workers of a Dask cluster of two; one time in four they kill the
client. `store-kills` kills a run whose IN and OUT are in an object store (moto's server) that
answers one request in 20 with 500 or 503. `plot` draws the table of `growth` that stands in
docs/benchmarks.md.
"""

import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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


@contextmanager
def dask_cluster(folder: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler and two workers on loopback, whose nannies start a killed worker again.

    Yields the scheduler's address, and the nannies.
    """
    plain = ("--host", "127.0.0.1", "--no-dashboard")
    processes: list[subprocess.Popen[bytes]] = []

    def serve(name: str, *words: str) -> subprocess.Popen[bytes]:
        call = [sys.executable, "-m", f"distributed.cli.{words[0]}", *words[1:], *plain]
        paths = os.pathsep.join(filter(None, (str(TESTS), os.environ.get("PYTHONPATH", ""))))
        with (folder / name).open("w") as log:
            process = subprocess.Popen(
                call, stdout=log, stderr=log, env=os.environ | {"PYTHONPATH": paths}
            )
        processes.append(process)
        return process

    try:
        serve("scheduler", "dask_scheduler", "--port", "0")
        address = ""
        while not address:
            time.sleep(0.2)
            found = re.search(r"tcp://127[.]0[.]0[.]1:\d+", (folder / "scheduler").read_text())
            address = found[0] if found else ""
        words = ("dask_worker", address, "--nthreads", "1", "--local-directory", str(folder))
        nannies = [serve(f"worker{number}", *words) for number in range(2)]
        logs = [folder / f"worker{number}" for number in range(2)]
        while not all("Registered to" in log.read_text() for log in logs):
            time.sleep(0.2)
        yield address, nannies
    finally:
        for process in reversed(processes):  # a worker without a scheduler waits for one
            process.terminate()
            process.wait()


def processor_s(pid: int) -> float:
    """Processor seconds of a process and of all below it, as far as these are alive or over."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    own = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return own + sum(map(processor_s, children_of(pid)))


def overhead(counts: tuple[int, ...]) -> int:
    """Print a row for each number of cases and way; return 1 where bytes or openings differ."""
    print("| cases | way | wall ms a case | CPU ms a case | opened | MB of each worker |")
    print("|---|---|---|---|---|---|", flush=True)
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        notes = {kind: Path(name, kind) for kind in ("TOY_OPENED", "TOY_MEMORY")}
        os.environ |= {kind: str(path) for kind, path in notes.items()}
        for count in counts:
            folder = Path(name, str(count))
            source = make(folder, count)
            for workers, way in ((1, "1 worker"), (2, "2 workers"), (2, "Dask, 2 workers")):
                for path in notes.values():
                    path.write_text("")
                out = folder / way
                wall, cpu = timed(folder, source, out, workers, dask="Dask" in way)
                opened = len(notes["TOY_OPENED"].read_text().split())
                each = f"{1000 * wall / count:.1f} | {1000 * cpu / count:.1f}"
                memory = memory_of_workers(notes["TOY_MEMORY"])
                print(f"| {count} | {way} | {each} | {opened} | {memory} |", flush=True)
                wrong += opened != workers or results(out) != results(folder / "1 worker")
    return int(wrong > 0)


def timed(
    folder: Path, source: Path, out: Path, workers: int, *, dask: bool
) -> tuple[float, float]:
    """Wall and CPU seconds of a run; on a Dask cluster, without the start of the cluster."""
    if not dask:
        begun = time.monotonic()
        cpu, _ = ended([start(source, out, "--workers", workers)])
        return time.monotonic() - begun, cpu
    with dask_cluster(folder) as (address, _):
        servers = children_of(os.getpid())
        before, begun = sum(map(processor_s, servers)), time.monotonic()
        cpu, _ = ended([start(source, out, "--scheduler", address)])
        return time.monotonic() - begun, cpu + sum(map(processor_s, servers)) - before


def memory_of_workers(notes: Path) -> str:
    """MB of each process after a tenth of its cases, and after its last."""
    sizes: dict[str, list[int]] = {}
    for line in notes.read_text().splitlines():
        pid, size = line.split()
        sizes.setdefault(pid, []).append(int(size))
    pairs = ((all[len(all) // 10] / 1024, all[-1] / 1024) for all in sizes.values())
    return ", ".join(f"{first:.1f} to {last:.1f}" for first, last in pairs)


def children_of(pid: int) -> list[int]:
    """The processes that a process has started and not yet waited for."""
    found: list[int] = []
    with suppress(OSError):  # it ends meanwhile
        for thread in Path(f"/proc/{pid}/task").glob("*/children"):
            found += map(int, thread.read_text().split())
    return found


def workers_of(parent: int) -> list[int]:
    """The worker processes below a nanny of Dask, or below a run."""
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children_of(parent)}
    return [pid for pid, command in commands.items() if b"spawn_main" in command]


def slow_cases(folder: Path, cases: int) -> tuple[Path, Path]:
    """An input whose cases take a second each, without work for the processor, and an OUT of it."""
    source = make(folder, cases)
    for path in source.iterdir():
        path.write_text("slow")
    ended([start(source, folder / "plain", "--workers", 8)])
    return source, folder / "plain"


def worker_kills(count: int) -> int:
    """Kill worker processes and runs at random moments; return 1 where the bytes differ."""
    with tempfile.TemporaryDirectory() as name:
        return kill_workers(Path(name), count, ("--workers", 2), lambda client: client)


def dask_kills(count: int) -> int:
    """Kill Dask workers and clients at random moments; return 1 where the bytes differ."""
    chance = random.Random(24)
    with tempfile.TemporaryDirectory() as name, dask_cluster(Path(name)) as (address, nannies):
        where = ("--scheduler", address)
        return kill_workers(Path(name), count, where, lambda _: chance.choice(nannies).pid)


def kill_workers(
    folder: Path, count: int, options: tuple[object, ...], parent_of: Callable[[int], int]
) -> int:
    """Kill workers, and one time in four the client.

    Args:
        folder: a place for input and output.
        count: the number of kills.
        options: of the client's command.
        parent_of: a process whose children are workers, from the number of the client's process.
    """
    chance = random.Random(24)
    workers, clients, runs = 0, 0, 0
    source, plain = slow_cases(folder, 40)
    out = folder / "out"
    while workers + clients < count:
        client, runs = start(source, out, *options), runs + 1
        while client.poll() is None and workers + clients < count:
            time.sleep(chance.uniform(0.5, 6))
            found = workers_of(parent_of(client.pid))
            if chance.random() < 0.25 and client.poll() is None:
                os.killpg(client.pid, signal.SIGKILL)
                clients += 1
            elif found:
                os.kill(chance.choice(found), signal.SIGKILL)
                workers += 1
        assert client.wait() in (0, 1, -signal.SIGKILL), client.returncode
        made = sorted(out.glob("case_*/square"))
        for path in chance.sample(made, min(10, len(made))):
            path.unlink()  # so that there is work for the next run
    code = start(source, out, *options).wait()
    same = code == 0 and results(out) == results(plain)
    left = len(list(out.rglob(".part-*")))
    print(
        f"{workers} kills of workers and {clients} of clients in {runs} runs: "
        f"{'equal' if same else 'OTHER'} bytes, {left} left over"
    )
    return int(not same or left > 0)


def store_kills(count: int, cases: int = 12, seed: int = 24) -> int:
    """Kill runs on an object store that fails at random; return 1 where the bytes differ."""
    sys.path.insert(0, str(TESTS))
    from testing.object_store import BUCKET, ENVIRONMENT, serving

    chance, places = random.Random(seed), (f"s3://{BUCKET}/in", f"s3://{BUCKET}/out")
    os.environ |= ENVIRONMENT
    with tempfile.TemporaryDirectory() as name, serving() as store:
        folder = Path(name)
        source = make(folder, cases)
        (folder / "scratch").mkdir()
        os.environ |= {"AWS_ENDPOINT_URL_S3": store.url, "TMPDIR": str(folder / "scratch")}
        ended([start(source, folder / "plain")])
        store.upload(source, "in")
        store.faults = 0.05
        begun = time.monotonic()
        ended([start(places[0], f"s3://{BUCKET}/first")])
        took, hits = time.monotonic() - begun, 0
        while hits < count:
            client = start(*places)
            time.sleep(chance.uniform(0.2, 1.0) * took)
            if client.poll() is None:
                os.killpg(client.pid, signal.SIGKILL)
                hits += 1
            assert client.wait() in (0, -signal.SIGKILL), client.returncode
            made = sorted(name for name in store.content("out") if name.endswith("/square"))
            store.delete("out", chance.sample(made, min(4, len(made))))  # work for the next run
        code = start(*places).wait()
        store.faults = 0.0
        content = {k: v for k, v in store.content("out").items() if not k.startswith(".pleura")}
        same = code == 0 and content == results(folder / "plain")
        left = len(list((folder / "scratch").iterdir()))
    print(
        f"{hits} kills of runs on an object store; of {len(store.requests)} requests "
        f"{store.failed} failed: {'equal' if same else 'OTHER'} bytes, {left} left over"
    )
    return int(not same or left > 0)


def plot(page: Path, picture: Path) -> int:
    """Draw the table of job arrays in docs/benchmarks.md: processor seconds and memory."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import StrMethodFormatter

    from pleura.page.palette import BLUE, GREEN, ORANGE, RED

    section = page.read_text(encoding="utf-8").split("\n## Job arrays\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if re.fullmatch(r"[|]( [0-9,.]+ [|])+", line)]
    rows = [
        [float(cell.replace(",", "")) for cell in line.strip("| ").split(" | ")] for line in lines
    ]
    counts = [row[0] for row in rows]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    seconds, memory = figure.subplots(1, 2)
    looks = zip((BLUE, ORANGE, GREEN, RED), "osD^", strict=True)  # enough without colours too
    steps = ("plan", "2 tasks", "collect", "plain run")
    for column, (step, (color, marker)) in enumerate(zip(steps, looks, strict=True), 1):
        spent = [row[0] * row[column] / 1000 for row in rows]
        seconds.plot(counts, spent, color=color, marker=marker, label=step)
    memory.plot(counts, [row[-1] for row in rows], color=BLUE, marker="o")
    for axes, label in ((seconds, "processor time [s]"), (memory, "largest process [MB]")):
        axes.set(xscale="log", xlabel="cases", ylabel=label)
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.grid(alpha=0.3)
    seconds.set_yscale("log")
    seconds.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    seconds.legend()
    memory.set_ylim(0, 100)
    figure.savefig(picture, dpi=110, metadata={"Software": None})
    return 0


def main(words: list[str]) -> int:
    """Run what the command line names."""
    if words[:1] == ["plot"]:
        return plot(Path(words[1]), Path(words[2]))
    numbers = tuple(int(word) for word in words[1:])
    killers = {
        "kills": kills,
        "worker-kills": worker_kills,
        "dask-kills": dask_kills,
        "store-kills": store_kills,
    }
    if words[:1] and words[0] in killers:
        return killers[words[0]](*numbers[:1] or (30,))
    if words[:1] == ["overhead"]:
        return overhead(numbers or CASES)
    return growth(numbers or CASES)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

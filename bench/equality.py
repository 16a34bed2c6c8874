"""One cohort by every way of doing many cases: OUT must have the same bytes.

    python bench/equality.py [CASES] [--source FOLDER] [--size 48] [--slices 16] [--model classical]
        [--ways "1 worker" "2 workers" …]

Ways: 1 worker, 2 workers, a job array of 4 tasks, a Dask cluster of 2 workers, and an object store
(moto's server on loopback). Without --source the cohort is CASES phantoms. With --tasks-in-store
the object store is also tried with a job array of 2 tasks. Processor seconds are those of this
process and of all that it started; memory is that of each process of this machine that does cases,
after a tenth of them and at the end.
"""

import argparse
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from job_arrays import TESTS, children_of, dask_cluster, results

sys.path.insert(0, str(TESTS))

from testing.object_store import BUCKET, ENVIRONMENT, serving

from pleura.verbs.phantom import phantom
from pleura.verbs.segment import segment

MB = 1 << 20
Way = Callable[[Path, Path], object]


@dataclass
class Memory:
    """Resident MB of the processes below this one, and of this one: called as cases complete."""

    first: dict[int, int] = field(default_factory=dict)
    last: dict[int, int] = field(default_factory=dict)

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Note the memory of every process that runs Python, ten times a run."""
        tenth = max(1, total // 10)
        if stage != "cases" or done < tenth or done % tenth:
            return
        self.last = {pid: resident(pid) for pid in family(os.getpid())}
        self.first = {pid: self.first.get(pid, size) for pid, size in self.last.items()}

    def __str__(self) -> str:
        pairs = (f"{self.first[pid]} to {size}" for pid, size in self.last.items() if size > 0)
        return ", ".join(pairs)


def resident(pid: int) -> int:
    """Resident MB of a process without the pages of mapped files, which the system drops and reads
    again as it likes; 0 where it is gone.
    """
    try:
        _, pages, shared = map(int, Path(f"/proc/{pid}/statm").read_text().split()[:3])
    except OSError:
        return 0
    return (pages - shared) * os.sysconf("SC_PAGE_SIZE") // MB


def family(pid: int) -> list[int]:
    """A process and all below it."""
    return [pid, *(one for child in children_of(pid) for one in family(child))]


def cpu_s() -> float:
    """Processor seconds of this process and of those that it waited for."""
    return sum(os.times()[:4])


def digests(content: Mapping[str, bytes]) -> dict[str, tuple[int, str]]:
    """Size and digest of each file, so that a thousand cases need not stay in memory."""
    return {name: (len(body), hashlib.sha256(body).hexdigest()) for name, body in content.items()}


def array(do: Callable[..., object], source: Path, out: Path, tasks: int) -> None:
    """Plan, every task, and the run that collects."""
    do(source, out, plan=True, tasks=tasks)
    for number in range(tasks):
        do(source, out, task=f"{number}/{tasks}")
    do(source, out)


def by_store(way: Way, source: Path) -> dict[str, tuple[int, str]]:
    """What a call on an object store leaves in OUT."""
    with serving() as store:
        os.environ["AWS_ENDPOINT_URL_S3"] = store.url
        store.upload(source, "in")
        store.requests.clear()
        way(Path(f"s3://{BUCKET}/in"), Path(f"s3://{BUCKET}/out"))
        content = store.content("out")
    return digests({name: body for name, body in content.items() if name[:7] != ".pleura"})


def on_folders(folder: Path, way: Way, source: Path) -> dict[str, tuple[int, str]]:
    """What a call on folders leaves in OUT."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        way(source, Path(place) / "out")
        return digests(results(Path(place) / "out"))


def ways_of(
    folder: Path, source: Path, do: Callable[..., object], tasks_in_store: bool
) -> dict[str, Callable[[], dict[str, tuple[int, str]]]]:
    """Every way of doing the cases, by name."""

    def on_dask(source: Path, out: Path) -> None:
        with dask_cluster(folder) as (address, _):
            do(source, out, scheduler=address)

    here = partial(on_folders, folder)
    ways = {
        "1 worker": lambda: here(do, source),
        "2 workers": lambda: here(partial(do, workers=2), source),
        "4 tasks": lambda: here(lambda given, out: array(do, given, out, 4), source),
        "Dask, 2 workers": lambda: here(on_dask, source),
        "object store": lambda: by_store(do, source),
    }
    if tasks_in_store:
        ways["object store, 2 tasks"] = lambda: by_store(lambda i, o: array(do, i, o, 2), source)
    return ways


def main(words: argparse.Namespace) -> int:
    """Print a line for each way; return 1 where one differs."""
    os.environ |= ENVIRONMENT
    with tempfile.TemporaryDirectory() as name:
        folder, source = Path(name), words.source
        if source is None:
            phantom(folder / "made", cases=words.cases, size=words.size, slices=words.slices)
            source = folder / "made" / "Images"
        memory = Memory()

        def do(given: Path, out: Path, **more: object) -> object:
            return segment(given, out, model=words.model, progress=memory, **more)

        found = {}
        ways = ways_of(folder, source, do, words.tasks_in_store)
        for way in words.ways or ways:
            call = ways[way]
            begun = cpu_s()
            memory.first.clear()
            found[way] = call()
            same = found[way] == next(iter(found.values()))
            sizes = [size for size, _ in found[way].values()]
            print(
                f"{way}: {'equal' if same else 'OTHER'} ({len(sizes)} files, {sum(sizes)} bytes; "
                f"{cpu_s() - begun:.0f} CPU s; MB: {memory})",
                flush=True,
            )
    return int(any(one != next(iter(found.values())) for one in found.values()))


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="?", type=int, default=20)
    parser.add_argument("--source", type=Path)
    parser.add_argument("--size", type=int, default=48)
    parser.add_argument("--slices", type=int, default=16)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--ways", nargs="+", help="their names; by default all")
    parser.add_argument("--tasks-in-store", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main(asked()))

"""The one pool: whatever happens to an item is that item's refusal, and the others are done."""

import errno
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from pleura.core.cores import cores
from pleura.core.errors import InputRefused, UnreadableFile, UsageError
from pleura.store.pool import Pool
from pleura.store.spread import How, spread


def refuse(n):
    raise InputRefused("too few slices", code="TOO-FEW", evidence={"n": n})


def library(n):
    raise NotImplementedError("Doe^Jane cannot be encoded")


def killed(n):
    os.kill(os.getpid(), signal.SIGKILL)


def memory(n):
    raise MemoryError


def full(n):
    raise OSError(errno.ENOSPC, "No space left on device")


def bad_disk(n):
    try:
        raise OSError(errno.EIO, "Input/output error")
    except OSError as error:
        raise UnreadableFile("cannot be read", code="UNREADABLE") from error


def exits(n):
    os._exit(3)


def unpicklable(n):
    return lambda: n


def usage(n):
    raise UsageError("--threshold 2 is not between 0 and 1")


def fine(n):
    return n * n


FAULTS = {
    refuse: ("TOO-FEW", False),
    library: ("INTERNAL-ERROR", True),
    memory: ("OUT-OF-MEMORY", True),
    full: ("DISK-FULL", True),
    bad_disk: ("DISK-ERROR", True),
}
PROCESS_FAULTS = {
    killed: ("WORKER-LOST", True),
    exits: ("WORKER-LOST", True),
    unpicklable: ("INTERNAL-ERROR", True),
}


@dataclass(frozen=True)
class Call:
    """Calls the job's function; each opening leaves a file."""

    opened: str | None = None

    def open(self):
        if self.opened:
            Path(self.opened, f"{os.getpid()}-{time.monotonic_ns()}").touch(exist_ok=False)
        return call


def call(job):
    do, n = job
    return do(n)


@dataclass(frozen=True)
class Broken:
    def open(self):
        raise UsageError("no model there")


@dataclass(frozen=True)
class Threads:
    def open(self):
        return lambda job: os.environ["OMP_NUM_THREADS"]


@pytest.mark.parametrize("workers", [1, 2])
def test_every_fault_is_its_items_own(workers):
    faults = FAULTS if workers == 1 else FAULTS | PROCESS_FAULTS
    jobs = [(fine, n) for n in range(6)]
    for place, do in enumerate(faults):
        jobs.insert(2 * place % len(jobs), (do, place))
    outcomes = {outcome.index: outcome for outcome in spread(Call(), jobs, How(workers))}
    assert sorted(outcomes) == list(range(len(jobs)))
    for index, (do, n) in enumerate(jobs):
        outcome = outcomes[index]
        if do is fine:
            assert (outcome.value, outcome.refusal) == (n * n, None)
            continue
        assert (outcome.refusal.code, outcome.passing) == faults[do], do.__name__
        assert "Doe" not in str(outcome.refusal.as_json())


def test_a_lone_killer_does_not_take_its_neighbours_along():
    jobs = [(killed, 0), *[(fine, n) for n in range(9)], (killed, 1)]
    outcomes = sorted(spread(Call(), jobs, How(3)), key=lambda outcome: outcome.index)
    assert [o.refusal.code if o.refusal else o.value for o in outcomes] == [
        "WORKER-LOST",
        *[n * n for n in range(9)],
        "WORKER-LOST",
    ]


def test_a_recipe_is_opened_once_in_each_process(tmp_path):
    jobs = [(fine, n) for n in range(8)]
    assert len(list(spread(Call(str(tmp_path)), jobs, How(2)))) == 8
    assert len(list(tmp_path.iterdir())) == 2
    assert len(list(spread(Call(str(tmp_path)), jobs, How(1)))) == 8
    assert len(list(tmp_path.iterdir())) == 3


@dataclass(frozen=True)
class Add:
    """Adds a number, and tells in which process."""

    number: int

    def open(self):
        return lambda job: (job + self.number, os.getpid())


def test_a_pool_serves_one_recipe_after_another_with_the_same_processes():
    with Pool(2) as pool:
        seen = set()
        for number in (10, 20, 30):
            values = [
                outcome.value
                for outcome in sorted(pool.spread(Add(number), range(5)), key=lambda one: one.index)
            ]
            assert [value for value, _ in values] == [number + k for k in range(5)]
            seen |= {pid for _, pid in values}
        assert len(seen) == 2
        assert os.getpid() not in seen
        lost = list(pool.spread(Call(), [(fine, 1), (killed, 2), (fine, 3)]))
        assert sorted(one.refusal.code for one in lost if one.refusal) == ["WORKER-LOST"]
        assert [one.value[0] for one in pool.spread(Add(1), [1])] == [2]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_about_the_call_ends_the_batch(workers):
    with pytest.raises(UsageError, match="no model there"):
        list(spread(Broken(), [1, 2, 3], How(workers)))
    with pytest.raises(UsageError, match="threshold"):
        list(spread(Call(), [(fine, 1), (usage, 2), (fine, 3)], How(workers)))


def test_threads_are_cores_over_workers_and_the_parents_environment_stays(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert {o.value for o in spread(Threads(), [1, 2], How(2))} == {str(max(1, cores() // 2))}
    assert {o.value for o in spread(Threads(), [1, 2], How(2, threads=3))} == {"3"}
    assert "OMP_NUM_THREADS" not in os.environ


def test_no_jobs_start_nothing():
    assert list(spread(Broken(), [], How(2))) == []


SLEEPER = """
import sys, time
from dataclasses import dataclass
from pathlib import Path
sys.path[:0] = {path!r}

@dataclass(frozen=True)
class Sleep:
    def open(self):
        return nap

def nap(job):
    Path({folder!r}, str(job)).write_text(str(__import__("os").getpid()))
    time.sleep(60)

if __name__ == "__main__":
    from pleura.store.spread import How, spread
    list(spread(Sleep(), [0, 1], How(2)))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a kill by signal")
@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_their_parent(tmp_path, kill):
    script = tmp_path / "sleeper.py"
    folder = tmp_path / "pids"
    folder.mkdir()
    script.write_text(SLEEPER.format(path=sys.path, folder=str(folder)))
    parent = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    wait_for(lambda: len([f for f in folder.iterdir() if f.read_text()]) == 2)
    pids = [int(file.read_text()) for file in folder.iterdir()]
    parent.send_signal(kill)
    parent.communicate(timeout=20)  # ends only when no worker holds the pipe any more
    wait_for(lambda: not any(alive(pid) for pid in pids))


def wait_for(holds, seconds=20):
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.05)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True

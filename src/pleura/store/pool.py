"""Processes that do the items of a batch; `store.spread` imports this only where there are some."""

import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import ForkingPickler
from typing import Any

from pleura.core.codes import finding
from pleura.core.cores import cores
from pleura.core.errors import UsageError
from pleura.core.faults import refusal_of, stops_the_batch
from pleura.core.quiet import silence_libraries
from pleura.store.attempts import Outcome, Recipe, attempt, in_this_process

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
STARTED = "started"
PATIENCE_S = 5.0
"""[seconds] Time for a worker to end after its last job."""


@dataclass(frozen=True)
class _Open:
    """Tells a worker to open a recipe, which is pickled."""

    recipe: bytes


@dataclass
class _Worker:
    """One process and the `pipe` to it; `index` is its current job, `opened` its recipe."""

    process: Any
    pipe: Connection
    index: int | None = None
    opened: bytes = b""

    def end(self) -> None:
        """End the process: let it end where it is idle, else terminate it."""
        if self.index is None:
            with suppress(OSError):
                self.pipe.send(None)
        else:
            self.process.terminate()
        self.pipe.close()
        self.process.join(PATIENCE_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


class Pool:
    """Processes for one `spread` after another; with `count` 1 there is no other, unless `apart`.

    with Pool(count) as pool:
        for outcome in pool.spread(recipe, jobs):
            ...
    """

    def __init__(self, count: int, threads: int = 0, *, apart: bool = False) -> None:
        self.count = count
        self.apart = apart
        self.threads = threads or max(1, cores() // count)
        self._workers: list[_Worker] = []
        self._suspects: list[int] = []
        self._any_started = False

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def spread(self, recipe: Recipe, jobs: Sequence[Any]) -> Iterator[Outcome]:
        """Do every job; yield outcomes as they complete. See `spread`."""
        if self.count == 1 and not self.apart:
            yield from in_this_process(recipe, jobs)
            return
        if not jobs:
            return
        packed = bytes(ForkingPickler.dumps(recipe))
        self._suspects = []
        yield from self._all(packed, jobs, range(len(jobs)), min(self.count, len(jobs)))
        suspects, self._suspects = sorted(self._suspects), []
        # alone in a fresh process: a job that ends this one too is the cause
        for index in suspects:
            self._end()
            yield from self._all(packed, jobs, [index], 1)
        for index in self._suspects:
            yield Outcome(index, refusal=finding("WORKER-LOST"), passing=True)

    def _all(
        self, recipe: bytes, jobs: Sequence[Any], indices: Sequence[int], count: int
    ) -> Iterator[Outcome]:
        """Do these jobs in `count` processes; a job whose process ends becomes a suspect."""
        waiting = deque(indices)
        while len(self._workers) < count:
            self._workers.append(self._start())
        for worker in self._workers:
            _give(worker, recipe, jobs, waiting)
        while any(worker.index is not None for worker in self._workers):
            busy = {worker.pipe: worker for worker in self._workers if worker.index is not None}
            for pipe in wait(list(busy)):
                worker = busy[pipe]  # type: ignore[index]
                answer = self._answer(worker)
                if answer is None:
                    self._lost(worker)
                    if waiting:
                        self._workers.append(self._start())
                        _give(self._workers[-1], recipe, jobs, waiting)
                elif isinstance(answer, Outcome):
                    worker.index = None
                    yield answer
                    _give(worker, recipe, jobs, waiting)

    def _end(self) -> None:
        """End all processes at once."""
        while self._workers:
            self._workers.pop().end()

    def _start(self) -> _Worker:
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs,), daemon=True)
        with _limited_threads(self.threads):
            process.start()
        theirs.close()  # so that the pipe ends with the process
        return _Worker(process, ours)

    def _answer(self, worker: _Worker) -> Any:
        """An `Outcome`, `STARTED`, or `None` where the process has ended.

        Raises the exception that ends the batch, where the worker reports one.
        """
        try:
            answer = worker.pipe.recv()
        except (EOFError, OSError):
            return None
        self._any_started = True
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _lost(self, lost: _Worker) -> None:
        if lost.index is not None:
            self._suspects.append(lost.index)
        self._workers.remove(lost)
        lost.index = None
        lost.end()
        if not self._any_started and len(self._suspects) > 1:
            raise UsageError(
                "worker processes cannot start; use --workers 1, or in a script call pleura "
                "below if __name__ == '__main__':"
            )


def _give(worker: _Worker, recipe: bytes, jobs: Sequence[Any], waiting: deque[int]) -> None:
    """Send a worker its next job, and before it the recipe where it has another one."""
    if not waiting:
        return
    worker.index = waiting.popleft()
    with suppress(OSError):  # a process that has ended is noticed when its answer is read
        if worker.opened != recipe:
            worker.pipe.send(_Open(recipe))
            worker.opened = recipe
        worker.pipe.send((worker.index, jobs[worker.index]))


@contextmanager
def _limited_threads(threads: int) -> Iterator[None]:
    """Limit numerical libraries of processes that start meanwhile: they read the environment."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(pipe: Connection) -> None:
    """The main function of a worker process."""
    silence_libraries()
    _end_with_parent()
    # Ctrl-C reaches the whole group; the parent ends its workers
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe.send(STARTED)
    work: Callable[[Any], Any] | None = None
    while True:
        try:
            given = pipe.recv()
            if given is None:
                return
            if isinstance(given, _Open):
                work = ForkingPickler.loads(given.recipe).open()
                continue
        except (EOFError, ConnectionError):
            return
        except Exception as error:
            _send_error(pipe, error)
            return
        assert work is not None
        if not _answer(pipe, work, *given):
            return


def _answer(pipe: Connection, work: Callable[[Any], Any], index: int, job: Any) -> bool:
    """Do one job and send its outcome; return whether the process continues."""
    try:
        pipe.send(attempt(work, index, job))
    except (EOFError, ConnectionError):
        return False
    except Exception as error:
        if stops_the_batch(error):
            _send_error(pipe, error)
            return False
        # a value that cannot be pickled
        pipe.send(Outcome(index, refusal=refusal_of(error), passing=True))
    return True


def _send_error(pipe: Connection, error: Exception) -> None:
    try:
        pipe.send(error)
    except Exception:
        pipe.send(RuntimeError(f"{type(error).__name__} while a worker process started"))


def _end_with_parent() -> None:
    """End this process with its parent, even by SIGKILL: by the kernel on Linux, else a thread."""
    parent = parent_process()
    if parent is None:
        return
    if sys.platform == "linux":
        import ctypes

        death_signal = 1  # PR_SET_PDEATHSIG, prctl(2)
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(death_signal, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent.pid:
            os._exit(1)

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()

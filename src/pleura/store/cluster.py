"""Jobs on a Dask cluster that the user started. The only module that imports distributed.

Every worker opens the recipe once. An exception of a job becomes its refusal in the worker, as in
the local pool, so Dask only repeats jobs whose worker was lost.
"""

import logging
import math
import re
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from distributed import Client, WorkerPlugin, as_completed
from distributed.scheduler import KilledWorker
from distributed.security import Security

from pleura import __version__
from pleura.core.codes import finding
from pleura.core.errors import UsageError
from pleura.core.faults import refusal_of, stops_the_batch
from pleura.core.quiet import silence_libraries
from pleura.store.attempts import Outcome, Recipe, attempt
from pleura.store.failures import LOST

WAIT_S = 30
"""Seconds to wait for the scheduler, and for its first worker."""
REQUESTS = 5
"""Requests to open the recipe, of which each fails where a worker is lost meanwhile."""
PROFILER = ("profile", "profile-cycle")
"""Names of Dask's own callbacks."""
AHEAD = 2
"""Jobs sent ahead for each thread of the cluster, so that the scheduler never holds all jobs."""

CERTIFICATES = ", ".join(
    f"DASK_DISTRIBUTED__COMM__TLS__{name}" for name in ("CA_FILE", "CLIENT__CERT", "CLIENT__KEY")
)
"""Variables of Dask's settings for TLS."""
LOOK_S = 1.0
"""Seconds between two questions how many threads the cluster has: asking takes a tenth of a short
case."""

_works: dict[str, Callable[[Any], Any]] = {}


_one_at_a_time = threading.Lock()


class Opener(WorkerPlugin):
    """Opens a recipe in every worker, also in those that join later."""

    def __init__(self, recipe: Recipe) -> None:
        self.name = f"pleura-{secrets.token_hex(8)}"
        self.recipe = recipe
        self.version = __version__

    def setup(self, worker: Any) -> None:
        """Called in each worker."""
        if __version__ != self.version:
            raise UsageError(
                f"a worker of the cluster has pleura {__version__}, not {self.version}; install "
                "the same version everywhere"
            )
        silence_libraries()
        for callback in _profiler(worker):
            callback.stop()
        _works[self.name] = self.recipe.open()

    def teardown(self, worker: Any) -> None:
        """Called where the plugin is removed, and where the worker closes."""
        _works.pop(self.name, None)
        if worker.status.name == "running":
            for callback in _profiler(worker):
                callback.start()


def _profiler(worker: Any) -> list[Any]:
    """What samples the call stacks of a worker. Dask keeps those of 1,000 seconds, which made a
    worker grow by 0.13 MB with each short case.
    """
    return [
        worker.periodic_callbacks[name] for name in PROFILER if name in worker.periodic_callbacks
    ]


def spread_on_cluster(recipe: Recipe, jobs: Sequence[Any], address: str) -> Iterator[Outcome]:
    """Do every job on a cluster; yield outcomes as they complete. See `spread.spread`.

    Raises:
        UsageError: the scheduler does not answer, or has no worker.
    """
    with _connected(address) as client:
        opener = Opener(recipe)
        _register(client, opener)
        suspects = []
        for outcome in _all(client, opener.name, jobs, range(len(jobs))):
            if outcome.refusal is not None and outcome.refusal.code == LOST:
                suspects.append(outcome.index)
            else:
                yield outcome
        for index in suspects:  # alone: Dask blames all that a lost worker had
            yield from _all(client, f"{opener.name}-again", jobs, [index], opener.name)
        with suppress(OSError):  # a worker is lost at the end: all jobs are done
            client.unregister_worker_plugin(opener.name)


def _register(client: Any, opener: Opener) -> None:
    """Open the recipe in every worker. A worker that is lost meanwhile ends the request.

    Raises:
        UsageError: workers are lost again and again.
    """
    for _ in range(REQUESTS):
        try:
            client.register_plugin(opener)
            return
        except OSError:
            time.sleep(LOOK_S)
    raise UsageError(
        f"workers of the Dask cluster ended {REQUESTS} times while they opened the model; look "
        "into their logs, and give them more memory"
    )


def _all(
    client: Any, prefix: str, jobs: Sequence[Any], indices: Sequence[int], name: str = ""
) -> Iterator[Outcome]:
    """Do the jobs of these indices; keys begin with `prefix`, the recipe is that of `name`."""
    waiting, running_by_key = deque(indices), dict[str, int]()
    running = as_completed(loop=client.loop)
    threads, asked = 0, -math.inf
    while waiting or running_by_key:
        if time.monotonic() - asked > LOOK_S:
            threads, asked = sum(client.nthreads().values()), time.monotonic()
        room = AHEAD * threads + 1 - len(running_by_key)
        for _ in range(min(room, len(waiting))):
            index = waiting.popleft()
            key = f"{prefix}-{index}"
            running_by_key[key] = index
            running.add(client.submit(_do, name or prefix, index, jobs[index], key=key))
        future = next(running)
        yield _outcome(future, running_by_key.pop(future.key))


def _do(name: str, index: int, job: Any) -> Outcome:
    """Do one job in a worker; one at a time, since recipes need not be thread-safe."""
    with _one_at_a_time:
        return attempt(_works[name], index, job)


def _outcome(future: Any, index: int) -> Outcome:
    if future.status == "finished":
        with suppress(KilledWorker):  # its worker, and those that repeated it, did not send it
            outcome: Outcome = future.result()
            return outcome
    error = future.exception() if future.status == "error" else None
    if error is not None and stops_the_batch(error):
        raise error
    if error is None or isinstance(error, KilledWorker):
        return Outcome(index, refusal=finding(LOST), passing=True)
    return Outcome(index, refusal=refusal_of(error), passing=True)


def _check_certificates() -> None:
    """Raises `UsageError` where Dask's configuration names no certificates, or broken ones."""
    try:
        context = Security().get_connection_args("client").get("ssl_context")
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(
            f"the certificates of Dask's configuration cannot be used ({type(error).__name__}); "
            f"check {CERTIFICATES}"
        ) from error
    if context is None:
        raise UsageError(
            "--scheduler tls:// needs certificates, and Dask's configuration names none; set "
            f"{CERTIFICATES}, to PEM files, or the same in Dask's YAML files"
        )


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    if not re.fullmatch(r"(tcp|tls)://\S+:\d+", address):
        raise UsageError("--scheduler is tcp://HOST:PORT or tls://HOST:PORT")
    if not address.startswith(("tls://", "tcp://127.", "tcp://localhost:")):
        logging.getLogger(__name__).warning(
            "the connection to the Dask scheduler is not encrypted, and whoever reaches the "
            "scheduler can run code on its workers; use TLS (tls://) or a closed network"
        )
    if address.startswith("tls://"):
        _check_certificates()
    try:
        client = Client(address, timeout=WAIT_S, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise UsageError(
            "no Dask scheduler answers at the address of --scheduler; start it with dask "
            "scheduler. One that uses TLS has an address with tls://, and a certificate of the "
            "same authority as that of this machine"
        ) from error
    with client:
        try:
            client.wait_for_workers(1, timeout=WAIT_S)
        except TimeoutError as error:
            raise UsageError(
                "the Dask scheduler has no worker; start some with dask worker --nthreads 1"
            ) from error
        yield client

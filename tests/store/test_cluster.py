"""Jobs on a Dask cluster of two workers: the bytes of a plain run, one opening a worker, and a
killed worker's case done again. Skipped where distributed is not installed (pleura[dask]).
"""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from testing import toy_batch
from testing.toy_batch import main

from pleura.core.atomic import BOOKKEEPING
from pleura.store.spread import How, spread

pytest.importorskip("distributed", reason="distributed is not installed: pleura[dask]")

LOOPBACK = "127.0.0.1"


def wait_for(path, pattern, process):
    """The first match of a pattern in what a server has written so far."""
    limit = time.monotonic() + 120
    while time.monotonic() < limit:
        found = re.search(pattern, path.read_text())
        if found:
            return found
        assert process.poll() is None, path.read_text()
        time.sleep(0.05)
    raise AssertionError(path.read_text())


@contextmanager
def cluster(folder, workers=2):
    """A scheduler and workers on the loopback interface; yields its address and their processes."""
    processes = []
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

    def start(name, *words):
        with (folder / name).open("w") as file:
            call = [sys.executable, "-m", "distributed.cli." + words[0], *words[1:]]
            process = subprocess.Popen(call, stdout=file, stderr=file, env=environment)
        processes.append(process)
        return process

    plain = ("--host", LOOPBACK, "--no-dashboard")
    try:
        scheduler = start("scheduler", "dask_scheduler", *plain, "--port", "0")
        address = wait_for(folder / "scheduler", r"tcp://127\.0\.0\.1:\d+", scheduler)[0]
        for number in range(workers):
            words = ("dask_worker", address, *plain, "--nthreads", "1", "--nworkers", "1")
            start(f"worker{number}", *words, "--local-directory", str(folder))
        yield address
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    os.environ["TOY_OPENED"] = str(folder / "TOY_OPENED")  # the workers inherit it
    os.environ["TOY_DONE"] = str(folder / "TOY_DONE")
    try:
        with cluster(folder) as found:
            yield found
    finally:
        del os.environ["TOY_OPENED"], os.environ["TOY_DONE"]


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(12):
        (folder / f"case_{number:02}").write_text(str(number))
    return folder


def results(out):
    files = [path for path in out.rglob("*") if path.is_file() and BOOKKEEPING not in path.parts]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


def lines(name):
    with open(os.environ[name]) as file:  # noqa: PTH123
        return file.read().split()


def test_two_workers_write_the_bytes_of_a_plain_run_and_open_once_each(tmp_path, source, address):
    (source / "case_05").write_text("refuse")
    opened = os.environ.pop("TOY_OPENED")
    assert main([str(source), str(tmp_path / "plain")]) == 1
    os.environ["TOY_OPENED"] = opened
    assert main([str(source), str(tmp_path / "out"), "--scheduler", address]) == 1
    assert results(tmp_path / "out") == results(tmp_path / "plain")
    assert len(lines("TOY_OPENED")) == len(set(lines("TOY_OPENED"))) <= 2
    assert lines("TOY_DONE").count("case_05") == 2  # once here, once there: never tried again


def profilers(dask_worker):
    callbacks = dask_worker.periodic_callbacks
    return [callbacks[name].is_running() for name in ("profile", "profile-cycle")]


def test_dask_does_not_sample_call_stacks_while_its_workers_do_cases(address):
    from distributed import Client

    from pleura.store.cluster import Opener

    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(1)
        opener = Opener(toy_batch.ToyRecipe(None))
        for asked, running in (("register_plugin", False), ("unregister_worker_plugin", True)):
            getattr(client, asked)(opener if asked == "register_plugin" else opener.name)
            assert {value for pair in client.run(profilers).values() for value in pair} == {running}


def test_tasks_of_a_plan_may_use_a_cluster(tmp_path, source, address):
    out = tmp_path / "out"
    main([str(source), str(tmp_path / "plain")])
    main([str(source), str(out), "--plan", "2"])
    assert main([str(source), str(out), "--task", "0/2", "--scheduler", address]) == 0
    assert main([str(source), str(out), "--scheduler", address]) == 0
    assert results(out) == results(tmp_path / "plain")


def test_a_killed_worker_loses_nothing_and_a_killer_is_named(tmp_path, source, address):
    (source / "case_03").write_text("kill")
    assert main([str(source), str(tmp_path / "out"), "--scheduler", address]) == 1
    failed = (tmp_path / "out" / BOOKKEEPING / "failures.jsonl").read_text().splitlines()
    assert len(failed) == 1
    assert "WORKER-LOST" in failed[0]
    assert "case_03" in failed[0]
    assert sum(name.startswith("case_") for name in results(tmp_path / "out")) == 11


@pytest.mark.skipif(sys.platform == "win32", reason="a kill by signal")
def test_a_killed_client_resumes(tmp_path, source, address):
    for path in sorted(source.iterdir())[::3]:
        path.write_text("slow")
    main([str(source), str(tmp_path / "plain")])
    out = tmp_path / "out"
    words = [sys.executable, toy_batch.__file__, str(source), str(out), "--scheduler", address]
    client = subprocess.Popen(words)
    while not list(out.glob("case_*")):
        assert client.poll() is None
        time.sleep(0.02)
    client.send_signal(signal.SIGKILL)
    client.wait()
    assert main(words[2:]) == 0
    assert results(out) == results(tmp_path / "plain")


def test_without_tls_beyond_this_machine_there_is_a_warning(monkeypatch, caplog):
    from pleura.core.errors import UsageError
    from pleura.store import cluster as module

    def no_client(*_, **__):
        raise OSError

    monkeypatch.setattr(module, "Client", no_client)
    for address, warned in (
        ("tcp://10.1.2.3:8786", True),
        ("tls://10.1.2.3:8786", False),
        ("tcp://127.0.0.1:8786", False),
    ):
        caplog.clear()
        with pytest.raises(UsageError):
            list(spread(toy_batch.ToyRecipe(None), [1], How(scheduler=address)))
        assert ("not encrypted" in caplog.text) is warned


def test_no_scheduler_is_a_usage_error(monkeypatch):
    from pleura.core.errors import UsageError
    from pleura.store import cluster as module

    monkeypatch.setattr(module, "WAIT_S", 1)
    for wrong in ("tcp://127.0.0.1:9", "127.0.0.1:8786", "udp://host:1"):
        with pytest.raises(UsageError):
            list(spread(toy_batch.ToyRecipe(None), [1], How(scheduler=wrong)))


class LostOnTheWay:
    """A future of Dask that had finished, and whose value was lost with its workers."""

    status = "finished"

    def result(self):
        self.status = "error"
        raise self.exception()

    def exception(self):
        from distributed.scheduler import KilledWorker

        return KilledWorker("key", None, 3)


def test_a_value_that_is_lost_on_its_way_is_the_loss_of_a_worker():
    from pleura.store.cluster import _outcome

    outcome = _outcome(LostOnTheWay(), 7)
    assert (outcome.index, outcome.refusal.code, outcome.passing) == (7, "WORKER-LOST", True)


def test_a_worker_that_is_lost_while_the_recipe_opens_is_no_error(monkeypatch):
    from pleura.core.errors import UsageError
    from pleura.store import cluster as module

    monkeypatch.setattr(module, "LOOK_S", 0)
    asked = []

    class Losing:
        def register_plugin(self, plugin):
            asked.append(plugin)
            if len(asked) < lost:
                raise OSError("in <TCP (closed)>: Stream is closed")

    lost = 3
    module._register(Losing(), "opener")
    assert asked == ["opener"] * 3
    asked.clear()
    lost = 99
    with pytest.raises(UsageError, match="ended 5 times while they opened the model"):
        module._register(Losing(), "opener")

"""Claims: one attempt at a time, taken over only from the dead, never by the clock of a host."""

import json
import os
import subprocess
import sys
import threading

import pytest

from pleura.core.atomic import BOOKKEEPING
from pleura.core.errors import OutputBusy
from pleura.store import claims as claims_module
from pleura.store.claims import MOST_LOST, Claims, Watch, process_of_this
from pleura.store.failures import LOST, Failure
from pleura.store.layout import CLAIMS


@pytest.fixture
def claims(tmp_path):
    (tmp_path / BOOKKEEPING / CLAIMS).mkdir(parents=True)
    return Claims(tmp_path)


def of_other_host(claims, id, attempt=1, **about):
    """Make a claim look as if another machine held it."""
    path = next(claims.folder.glob(f"*.{attempt}"))
    path.write_text(json.dumps(process_of_this() | {"machine": "elsewhere", "lost": 0} | about))
    return path


def test_of_many_that_ask_at_once_one_gets_the_case(claims):
    start, answers = threading.Barrier(16), []

    def ask():
        start.wait()
        answers.append(claims.take("a").answer)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["busy"] * 15 + ["taken"]


def test_a_dead_process_of_this_machine_loses_its_claim_at_once(claims):
    code = (
        "import sys; from pathlib import Path; from pleura.store.claims import Claims;"
        "print(Claims(Path(sys.argv[1])).take('a'))"
    )
    subprocess.run([sys.executable, "-c", code, str(claims.out)], check=True)
    assert claims.take("a").attempt == 2


def test_a_number_that_another_process_has_now_is_not_taken_for_the_holder(claims):
    claims.take("a")
    path = next(claims.folder.glob("*.1"))
    path.write_text(json.dumps(process_of_this() | {"started": "long ago", "lost": 0}))
    assert claims.take("a").attempt == 2


@pytest.mark.parametrize("ahead_s", [-600, 0, 600])
def test_other_hosts_are_judged_by_their_beats_and_not_by_clocks(claims, monkeypatch, ahead_s):
    now = [1000.0]
    monkeypatch.setattr(claims_module.time, "monotonic", lambda: now[0])
    claims.take("a")
    path = of_other_host(claims, "a")
    stamp = path.stat().st_mtime_ns + ahead_s * 10**9
    os.utime(path, ns=(stamp, stamp))
    assert claims.take("a").answer == "busy"
    watch = Watch(claims)
    assert watch.look("a", 1) == "unknown"
    now[0] += claims_module.LEASE_S - 1
    assert watch.look("a", 1) == "unknown"
    stamp += 1
    os.utime(path, ns=(stamp, stamp))
    assert watch.look("a", 1) == "alive"
    silent = Watch(claims)
    silent.look("a", 1)
    now[0] += claims_module.LEASE_S + 1
    assert silent.look("a", 1) == "dead"
    assert claims.take("a", dead=1).attempt == 2


def test_two_that_find_one_claim_dead_do_not_both_get_it(claims):
    claims.take("a")
    of_other_host(claims, "a")
    assert claims.take("a", dead=1).answer == "taken"
    assert claims.take("a", dead=1).answer == "busy"


def test_a_beat_touches_the_claim(claims, monkeypatch):
    monkeypatch.setattr(claims_module, "BEAT_S", 0.01)
    claims.take("a")
    before = claims.last_beat("a", 1)
    with claims.beating("a", 1):
        limit = threading.Event()
        for _ in range(500):
            if claims.last_beat("a", 1) != before:
                break
            limit.wait(0.01)
    assert claims.last_beat("a", 1) > before


def test_a_case_is_given_up_after_too_many_lost_attempts_but_not_after_a_full_disk(claims):
    for attempt in range(1, 6):
        assert claims.take("full").attempt == attempt
        Failure("full", "DISK-FULL", attempt, 0.0).write(claims.out)
    for attempt in range(1, MOST_LOST + 1):
        assert claims.take("killer", dead=attempt - 1).attempt == attempt
        Failure("killer", LOST, attempt, 0.0).write(claims.out)
    assert claims.take("killer").answer == "given up"


def test_without_a_plan_nothing_can_be_claimed(tmp_path):
    with pytest.raises(OutputBusy, match="plan of OUT is gone"):
        Claims(tmp_path).take("a")

"""Items that one process does in turn, each claimed where other processes do others of one OUT."""

import time
from collections.abc import Iterator, Sequence

from pleura.store.claims import Claim, Claims, Watch
from pleura.store.items import LOOK_S
from pleura.store.run_record import RunRecord


def in_turn(run: RunRecord, ids: Sequence[str]) -> Iterator[tuple[str, Claim]]:
    """Yield every id with its claim, which is held until the next one is asked for.

    The claim is `taken`, `given up`, or `busy` where another process has it and is alive. Where OUT
    has no plan every id is taken without a claim.

    Raises:
        OutputBusy: another run has collected the plan.
    """
    if not run.planned:
        for id in ids:
            yield id, Claim("taken")
        return
    claims = Claims(run.folder)
    watch = Watch(claims)
    waiting = dict.fromkeys(ids, 0)
    while waiting:
        busy = {}
        for id, dead in waiting.items():
            claim = claims.take(id, dead)
            if claim.answer == "busy":
                busy[id] = claim
                continue
            with claims.beating(id, claim.attempt):
                yield id, claim
        time.sleep(LOOK_S if busy else 0)
        waiting = {}
        for id, claim in busy.items():
            state = watch.state(id, claim.attempt)
            if state == "alive":
                yield id, claim
            else:
                waiting[id] = claim.attempt if state == "dead" else 0

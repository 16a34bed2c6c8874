"""Claims in an object store: which process plans, collects, or does a case.

The n-th claim of a name is an object `NAME.n`, created with `If-None-Match: *`, so that one process
has it. Nothing takes a claim over: who finds the last one dead creates the next. Every process
writes one beat object again and again, and deletes it at its end. A claim is dead when its
process's beat is gone, has not changed for `LEASE_S` of the observer's own clock, or belongs to a
process of this machine that is gone. The clocks of two machines are never compared.
"""

import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from pleura.core.atomic import BOOKKEEPING
from pleura.core.errors import OutputFailed, PleuraError
from pleura.store import claims
from pleura.store.claims import is_gone, process_of_this
from pleura.store.item import stem_of
from pleura.store.layout import CLAIMS, LOCK
from pleura.store.object_store import Objects

BEATS = f"{BOOKKEEPING}/beats/"
RUN_LOCK = f"{BOOKKEEPING}/{LOCK}"
LOOK_S = 1.0
"""Seconds between two looks at the beats of others."""

State = Literal["taken", "alive", "unknown"]


@dataclass
class ObjectClaims:
    """The claims of one process on one OUT."""

    objects: Objects
    token: str = field(default_factory=lambda: secrets.token_hex(12))
    seen: dict[str, tuple[str, float]] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    last_beat: float = 0.0

    @contextmanager
    def beating(self) -> Iterator["ObjectClaims"]:
        """Beat while the block runs; after it, this process's claims are dead."""
        ended = threading.Event()
        self._beat(0)

        def beat() -> None:
            number = 0
            while not ended.wait(claims.BEAT_S):
                number += 1
                with suppress(PleuraError):  # `check` notices
                    self._beat(number)

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            ended.set()
            thread.join()
            self.objects.delete([BEATS + self.token])

    def take(self, name: str) -> State:
        """Ask for a name: `taken`, or another process has it, which is `alive` or `unknown`."""
        while True:
            number = self._last(name)
            state = self._state(name, number)
            if state != "dead":
                return state
            created = f"{name}.{number + 1}"
            if not self.objects.create(created, self._body()):
                continue
            if self._last(name) == number + 1:
                self.held[name] = created
                return "taken"
            self.objects.delete([created])  # older numbers were removed meanwhile

    def is_alive(self, name: str) -> bool:
        """Whether another process has a name; waits until that is known."""
        while True:
            state = self._state(name, self._last(name))
            if state != "unknown":
                return state == "alive"
            time.sleep(LOOK_S)

    def check(self, name: str) -> bool:
        """Whether this process still holds a name.

        Raises:
            OutputFailed: others may think that this process has ended.
        """
        if time.monotonic() - self.last_beat > claims.LEASE_S / 2:
            raise OutputFailed(
                "the object store was out of reach for too long, and others may have taken this "
                "work over; run the same command again"
            )
        body = self.objects.read(self.held[name])
        return body is not None and _parsed(body).get("token") == self.token

    def remove_older(self, name: str) -> None:
        """Remove the dead claims of a name that this process holds. The last one must stay."""
        own = self.held[name]
        self.objects.delete(key for key in self.objects.list(f"{name}.") if key != own)

    def leave_nothing(self, name: str) -> None:
        """Remove the claim of this process where there is nothing else: the call wrote nothing."""
        own = {self.held[name], BEATS + self.token}
        with suppress(PleuraError):
            if self.objects.list().keys() <= own:
                self.objects.delete([self.held[name]])

    def _state(self, name: str, number: int) -> Literal["alive", "dead", "unknown"]:
        body = self.objects.read(f"{name}.{number}") if number else None
        holder = _parsed(body) if body is not None else {}
        if not holder or is_gone(holder):
            return "dead"
        beat = self.objects.read(BEATS + str(holder.get("token")))
        if beat is None:
            return "dead"
        now, content = time.monotonic(), beat.decode("ascii", "replace")
        first, since = self.seen.setdefault(str(holder["token"]), (content, now))
        if content != first:
            return "alive"
        return "dead" if now - since > claims.LEASE_S else "unknown"

    def _last(self, name: str) -> int:
        """The number of the last claim of a name, 0 where there is none."""
        numbers = [key.rpartition(".")[2] for key in self.objects.list(f"{name}.")]
        return max((int(one) for one in numbers if one.isdecimal()), default=0)

    def _beat(self, number: int) -> None:
        self.objects.write(BEATS + self.token, str(number).encode("ascii"))
        self.last_beat = time.monotonic()

    def _body(self) -> bytes:
        return json.dumps(process_of_this() | {"token": self.token}).encode("ascii")


def case_claim(id: str) -> str:
    """The name of a case's claim."""
    return f"{BOOKKEEPING}/{CLAIMS}/{stem_of(id)}"


def _parsed(body: bytes) -> Mapping[str, Any]:
    with suppress(ValueError):
        value = json.loads(body)
        if isinstance(value, dict):
            return value
    return {}

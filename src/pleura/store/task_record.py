"""One task among many on one OUT: it shares the lock and leaves `run.json` to the collector."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pleura.core.atomic import BOOKKEEPING
from pleura.core.errors import Exit, OutputConflict, UsageError
from pleura.core.locks import KILLED_S, locked
from pleura.store.layout import LOCK
from pleura.store.run_file import difference, head_in, head_of
from pleura.store.run_record import RunRecord


class TaskRecord(RunRecord):
    """A run that many tasks share."""

    @property
    def done(self) -> bool:
        """Never: a task always looks at its share."""
        return False

    def gone(self, ids: Iterable[str], group: str = "") -> list[str]:
        """Nothing: only the run that collects sees all items."""
        return []

    def check_other_input(self, inputs: Mapping[str, str], group: str = "") -> None:
        """Nothing: this was checked when the work was planned."""

    def finish(self, exit_code: Exit, **_: Any) -> None:
        """Never called: the run that collects writes `run.json`."""
        raise AssertionError("a task does not finish a run")


@contextmanager
def open_task(out: Path, *, verb: str, options: Mapping[str, Any]) -> Iterator[TaskRecord]:
    """Open a planned output folder beside other tasks.

    Args:
        out: the output folder.
        verb: the verb's name.
        options: the options that decide the result; they must be the plan's.

    Raises:
        UsageError: `out` has no plan of this verb with these options.
        OutputBusy: a run that plans or collects is at work on `out`.
    """
    record = head_in(out)
    if record is None:
        raise UsageError(f"{verb}: OUT has no plan; make it once with --plan, without --task")
    other = difference(record, head_of(verb, options))
    if other:
        raise OutputConflict(
            f"{verb}: OUT was planned with {other}; use one version and the same options in --plan "
            "and in every task"
        )
    run = TaskRecord(out, record, {}, "size", True, is_task=True)
    if not run.planned and record.get("state") != "done":
        raise UsageError(f"{verb}: OUT has no plan; make it once with --plan, without --task")
    with locked(out / BOOKKEEPING / LOCK, what="OUT", wait_s=KILLED_S, shared=True):
        yield run

"""The result of a verb: its values, and their form on a terminal (without colours)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pleura.core.errors import Exit


@dataclass(frozen=True)
class Table:
    """A table for the terminal; a column whose heading ends in a unit in brackets aligns right."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Result(Protocol):
    """The outcome of a verb; by default it is well and has no table."""

    @property
    def exit_code(self) -> Exit:
        """`OK`, `SOME_FAILED` or `NOTHING_USABLE`; everything else is raised."""
        return Exit.OK

    def as_json(self) -> Any:
        """Plain values, as `--json` prints them."""
        ...

    def table(self) -> Table | None:
        """The table that a person sees, if there is one."""
        return None

    def notes(self) -> Sequence[str]:
        """Lines for the terminal: each refusal with its reason, then what was written where."""
        ...


def batch_exit(done: int, failed: int) -> Exit:
    """The exit code of a batch: `OK` where nothing failed, `NOTHING_USABLE` if nothing was done."""
    if done == 0:
        return Exit.NOTHING_USABLE
    return Exit.SOME_FAILED if failed else Exit.OK


def number_or_dash(value: float | None, form: str) -> str:
    """A number for a table, printed as `form` says; `-` where there is none."""
    if value is None:
        return "-"
    return format(value, form)


def reason_lines(cases: Sequence[Mapping[str, Any]]) -> list[str]:
    """Verdict and reason of each case that has a reason."""
    return [f"{one['id']}: {one['verdict']}: {one['reason']}" for one in cases if one["reason"]]


def gone_notes(ids: Sequence[str]) -> list[str]:
    """Lines about results in OUT whose input is not in IN any more."""
    return [f"{id}: not in IN any more; its earlier results were left as they are" for id in ids]

"""The result of `pleura segment`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pleura.core.errors import Exit
from pleura.core.results import Table, batch_exit, gone_notes, number_or_dash, reason_lines
from pleura.store.input_files import account_line
from pleura.store.layout import INDEX

if TYPE_CHECKING:
    from pleura.store.input_names import InputNames

LABELS = {"1": "right lung", "2": "left lung"}


@dataclass(frozen=True)
class SegmentResult:
    """The records of all cases: `id`, `series_uid`, `verdict`, `reason`, `mask` and more.

    `mask` is a path below OUT, or `None`. `gone` are ids of cases whose input is gone. `input`
    counts the files of a tree (`files.accounting`). `names` are the names of the input, where
    `paths` asked for them.
    """

    out: Path
    cases: Sequence[Mapping[str, Any]]
    gone: tuple[str, ...] = ()
    input: Mapping[str, Any] | None = None
    names: "InputNames | None" = None

    @classmethod
    def of(
        cls, out: Path, record: Mapping[str, Any], names: "InputNames | None"
    ) -> "SegmentResult":
        """The result of a run whose `run.json` is `record`."""
        return cls(out, record["cases"], tuple(record["gone"]), record.get("input"), names)

    @property
    def exit_code(self) -> Exit:
        """1 where a case was refused, 3 where all were."""
        refused = sum(case["mask"] is None for case in self.cases)
        return batch_exit(len(self.cases) - refused, refused)

    def as_json(self) -> Any:
        """`cases` and `labels`, as in `run.json`; `names` of the input where asked for."""
        requested = {} if self.names is None else {"names": self.names.as_json()}
        return {
            "cases": [dict(case) for case in self.cases],
            "labels": LABELS,
            "input": self.input,
        } | requested

    def table(self) -> Table | None:
        """One row for each case."""
        rows = []
        for case in self.cases:
            ml = case["volume_ml"] or {}
            right, left = (number_or_dash(ml.get(side), ".0f") for side in ("right", "left"))
            rows.append((case["id"], case["verdict"], right, left))
        return Table("Lungs", ("case", "verdict", "right [ml]", "left [ml]"), tuple(rows))

    def notes(self) -> Sequence[str]:
        """The reasons of verdicts, names of the input where asked for, and where the masks are."""
        lines = reason_lines(self.cases)
        done = sum(case["mask"] is not None for case in self.cases)
        last = (
            f"{done} of {len(self.cases)} segmented (1 right lung, 2 left lung); see "
            f"{self.out / INDEX}"
        )
        names = [] if self.names is None else self.names.lines()
        account = account_line("segment", self.input)
        return [*lines, *names, *gone_notes(self.gone), *account, last]

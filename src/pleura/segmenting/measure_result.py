"""The result of `pleura measure`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pleura.core.errors import Exit
from pleura.core.results import Table, batch_exit, gone_notes, number_or_dash, reason_lines
from pleura.store.input_files import account_line
from pleura.store.layout import INDEX


@dataclass(frozen=True)
class MeasureResult:
    """The measures of each case: `id`, `verdict`, `reason`, `measures` (or `None`).

    `input` counts the files of a tree (`files.accounting`).
    """

    out: Path
    cases: Sequence[Mapping[str, Any]]
    gone: tuple[str, ...] = ()
    input: Mapping[str, Any] | None = None

    @property
    def exit_code(self) -> Exit:
        """1 where a case was refused, 3 where all were."""
        refused = sum(case["measures"] is None for case in self.cases)
        return batch_exit(len(self.cases) - refused, refused)

    def as_json(self) -> Any:
        """`cases` and `input`, as in `run.json`."""
        return {"cases": [dict(case) for case in self.cases], "input": self.input}

    def table(self) -> Table | None:
        """One row a case, of both lungs."""
        rows = []
        for case in self.cases:
            both = (case["measures"] or {}).get("both") or {}
            values = (both.get(name) for name in ("ml", "mass_g", "mean_hu", "perc15_hu"))
            numbers = [number_or_dash(value, ".0f") for value in values]
            rows.append((case["id"], case["verdict"], *numbers))
        columns = ("case", "verdict", "volume [ml]", "mass [g]", "mean [HU]", "Perc15 [HU]")
        return Table("Lungs", columns, tuple(rows))

    def notes(self) -> Sequence[str]:
        """Why each case is not plainly ok, then where the tables are."""
        lines = reason_lines(self.cases)
        done = sum(case["measures"] is not None for case in self.cases)
        return [
            *lines,
            *gone_notes(self.gone),
            *account_line("measure", self.input),
            f"{done} of {len(self.cases)} measured; see {self.out / INDEX}",
        ]

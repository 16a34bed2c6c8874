"""The result of `pleura couch`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pleura.core.errors import Exit
from pleura.core.results import Table, batch_exit, gone_notes, number_or_dash, reason_lines
from pleura.store.input_files import account_line

LABELS = {"1": "body", "2": "couch"}


@dataclass(frozen=True)
class CouchResult:
    """Each case: `id`, `series_uid`, `verdict`, `reason`, `body_ml`, `couch_ml`, `volume`.

    `input` counts the files of a tree (`files.accounting`).
    """

    out: Path
    cases: tuple[Mapping[str, Any], ...]
    gone: tuple[str, ...] = ()
    input: Mapping[str, Any] | None = None

    @property
    def exit_code(self) -> Exit:
        """1 where a case was refused, 3 where all were."""
        refused = sum(case["volume"] is None for case in self.cases)
        return batch_exit(len(self.cases) - refused, refused)

    def as_json(self) -> Any:
        """`cases` and `labels`, as in `run.json`."""
        return {"cases": [dict(case) for case in self.cases], "labels": LABELS, "input": self.input}

    def table(self) -> Table | None:
        """One row a case."""
        rows = []
        for case in self.cases:
            body, couch = (number_or_dash(case[key], ".0f") for key in ("body_ml", "couch_ml"))
            rows.append((case["id"], case["verdict"], body, couch))
        return Table("Body and couch", ("case", "verdict", "body [ml]", "couch [ml]"), tuple(rows))

    def notes(self) -> Sequence[str]:
        """Why each case is not plainly ok, then where the volumes are."""
        lines = reason_lines(self.cases)
        done = sum(case["volume"] is not None for case in self.cases)
        last = f"{done} of {len(self.cases)} written: {self.out}"
        return [*lines, *gone_notes(self.gone), *account_line("couch", self.input), last]

"""The result of `pleura evaluate`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pleura.core.errors import Exit
from pleura.core.results import Table, batch_exit
from pleura.core.text import counted
from pleura.store.input_files import account_line
from pleura.store.layout import SCORES_CSV

UNREAD = "evaluate: a file could not be read just now; run the same command again to score with it"


@dataclass(frozen=True)
class EvaluateResult:
    """Scores of all cases. `scores` is the content of `OUT/scores.json`.

    `input` counts the files of the input (`files.accounting`). `unread` says that a file could not
    be read just now, so that scores may lack a CT.
    """

    out: Path
    scores: Mapping[str, Any]
    input: Mapping[str, Any] | None = None
    unread: bool = False

    @property
    def exit_code(self) -> Exit:
        """1 where a case was refused, a reference has no mask, or a file was not read."""
        failed = [*self.scores["refused"], *self.scores["unanswered"]]
        if self.scores["against"]:
            failed += [*self.scores["against"]["refused"], *self.scores["against"]["unanswered"]]
        return batch_exit(len(self.scores["cases"]), len(failed) + self.unread)

    def as_json(self) -> Any:
        """The content of `scores.json`, and `input`."""
        return {**self.scores, "input": self.input}

    def table(self) -> Table | None:
        """One row for each case, the worst first."""
        from pleura.metrics.tables import case_table

        if self.scores["cases"]:
            return case_table(self.scores["cases"])
        return None

    def notes(self) -> Sequence[str]:
        """Refusals, masks or references alone, findings, the comparison, where tables are."""
        from pleura.metrics.tables import score_notes

        count = len(self.scores["cases"])
        cases = counted(count, "case", "cases")
        last = f"{cases} scored: {self.out / SCORES_CSV}; page: pleura report {self.out}"
        unread = [UNREAD] if self.unread else []
        account = account_line("evaluate", self.input)
        return [*score_notes(self.scores), *unread, *account, last]

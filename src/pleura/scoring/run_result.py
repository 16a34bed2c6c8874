"""The result of `pleura run`: the scores, and the notes of every stage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pleura.core.errors import Exit
from pleura.core.results import Table, number_or_dash


@dataclass(frozen=True)
class RunResult:
    """The result of a run; `scores` is `OUT/scores.json`, `None` if no case has a reference.

    `input` counts the files of the input (`files.accounting`).
    """

    exit_code: Exit
    scores: Mapping[str, Any] | None
    lines: tuple[str, ...]
    input: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """The scores' cases, the notes, and the account of the input."""
        return {
            "cases": self.scores["cases"] if self.scores else [],
            "notes": list(self.lines),
            "input": self.input,
            "exit_code": int(self.exit_code),
        }

    def table(self) -> Table | None:
        """One row for each case: split, Dice and accuracy of the volume, slices by class."""
        if not self.scores:
            return None
        columns = ("case", "split", "Dice", "accuracy", "hallucinated [slices]", "missed [slices]")
        return Table(
            "Lungs against references", columns, tuple(_row(case) for case in self.scores["cases"])
        )

    def notes(self) -> Sequence[str]:
        """Refusals of every stage, the account of the input, then where the report is."""
        return self.lines


def _row(case: Mapping[str, Any]) -> tuple[str, ...]:
    numbers = (number_or_dash(case.get(name), ".4f") for name in ("dice", "accuracy"))
    counts = (str(case["slices"][name]) for name in ("hallucinated", "missed"))
    return (str(case["case"]), str(case.get("split") or "-"), *numbers, *counts)

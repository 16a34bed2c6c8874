"""The result of `pleura prepare`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pleura.core.errors import Exit
from pleura.core.results import Table, batch_exit, gone_notes
from pleura.core.text import counted
from pleura.store.input_files import account_line

if TYPE_CHECKING:
    from pleura.store.input_names import InputNames


@dataclass(frozen=True)
class PrepareResult:
    """A cohort that was prepared.

    `about` is the content of `cohort.json`, `split` that of `split.json`. `failures` has a line for
    each refused case and mask, `gone` the ids of cases whose input is gone. `input`
    counts the files of the input (`files.accounting`). `names` are the names of the input, where
    `paths` asked for them.
    """

    out: Path
    about: Mapping[str, Any]
    split: Mapping[str, Any]
    failures: tuple[str, ...]
    gone: tuple[str, ...] = ()
    input: Mapping[str, Any] | None = None
    names: "InputNames | None" = None

    @property
    def exit_code(self) -> Exit:
        return batch_exit(len(self.about["cases"]), len(self.failures))

    def as_json(self) -> dict[str, Any]:
        """`cases`, `split`, `refused`, `input`; `names` of the input where they were asked for."""
        requested = {} if self.names is None else {"names": self.names.as_json()}
        return {
            "cases": self.about["cases"],
            "split": dict(self.split),
            "refused": list(self.failures),
            "input": self.input,
        } | requested

    def table(self) -> Table | None:
        """One row for each case."""
        if not self.about["cases"]:
            return None
        part_of: dict[str, str] = {}
        for part in ("train", "validation", "test", "unlabelled"):
            part_of |= dict.fromkeys(self.split[part], part)
        rows = []
        for case in self.about["cases"]:
            part = part_of.get(case["id"], "-")
            mask = case["mask"] or "-"
            rows.append((case["id"], str(case["slices"]), mask, part, case["verdict"]))
        return Table("Cohort", ("case", "slices", "mask", "part", "verdict"), tuple(rows))

    def notes(self) -> Sequence[str]:
        """Refusals, names of the input where asked for, how validation is done, and OUT."""
        made = len(self.about["cases"])
        cases = counted(made, "case", "cases")
        last = f"prepare: {cases} in {self.out}; validation is {self.split['validation_is']}"
        names = [] if self.names is None else self.names.lines()
        account = account_line("prepare", self.input)
        return [*self.failures, *names, *gone_notes(self.gone), *account, last]

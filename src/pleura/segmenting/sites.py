"""The site of each case, from a table of the user: headers are not asked, because the name of an
institution may identify a patient and must not reach OUT by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pleura.core.errors import UsageError
from pleura.core.packed import FEW, Packed
from pleura.store.patients_table import read_people


@dataclass(frozen=True)
class Sites:
    """The site by case; empty without a table. `table` is the path of the table."""

    table: Path | None = None
    by_case: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, table: Path | None) -> "Sites":
        """The sites of a CSV table with the columns case and site.

        Raises:
            UsageError: the table cannot be read, or has no column of that name.
        """
        if table is None:
            return cls()
        people = read_people(table)
        sites = {case: row["site"] for case, row in people.items() if "site" in row}
        if not sites:
            raise UsageError("the --patients table has no column site; add it, or leave it out")
        return cls(table, sites)

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The table, as an input of the run: where it changes, the page is made anew."""
        return () if self.table is None else (self.table,)

    def check(self, cases: Sequence[str]) -> None:
        """Raise `UsageError` where the table names none of the cases."""
        if self.by_case and cases and self.by_case.keys().isdisjoint(cases):
            raise UsageError(
                f"the --patients table names none of the {len(cases)} cases; its column `case` "
                "must hold their ids, as lungs.csv and pleura scan have them"
            )

    def added_to(self, records: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """The records of cases with their `site`, `None` where the table has none."""
        if self.table is None:
            return records
        return Packed(
            ({**record, "site": self.by_case.get(record["id"])} for record in records), FEW
        )

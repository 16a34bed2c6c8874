"""The patient and the site of each case, from a CSV table of the user."""

from collections.abc import Mapping
from pathlib import Path

from pleura.core.errors import UsageError
from pleura.core.tables import read_table

COLUMNS = ("patient", "site")


def read_people(table: Path) -> Mapping[str, Mapping[str, str]]:
    """Read case to `patient` and `site` from a CSV file with a heading.

    Raises:
        UsageError: not a CSV file, a column or a value is missing, or a case has two rows that
            differ.
    """
    try:
        content = table.read_bytes()
    except OSError:
        raise UsageError("the --patients table cannot be read; check its path") from None
    rows = dict(read_table(content, "--patients table"))
    columns = {name for row in rows.values() for name in row}
    wanted = [name for name in COLUMNS if name in columns]
    if not rows or "case" not in columns or not wanted:
        raise UsageError(
            "the --patients table needs a heading (case, and patient or site or both) and a row "
            "for each case"
        )
    people: dict[str, dict[str, str]] = {}
    for number, row in rows.items():
        known = {name: row.get(name, "") for name in wanted}
        if "" in known.values() or not row.get("case"):
            raise UsageError(
                f"the --patients table has no case, patient or site in line {number}; fill it in"
            )
        if people.setdefault(row["case"], known) != known:
            raise UsageError(
                f"the --patients table has a case twice, with different values (line {number})"
            )
    return people

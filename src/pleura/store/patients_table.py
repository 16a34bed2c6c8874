"""The patient and the site of each case, from a CSV table of the user."""

import csv
from collections.abc import Mapping
from pathlib import Path

from pleura.core.errors import UsageError
from pleura.core.text import delimiter_of

COLUMNS = ("patient", "site")


def read_people(table: Path) -> Mapping[str, Mapping[str, str]]:
    """Read case to `patient` and `site` from a CSV file with a heading.

    Commas, semicolons or tabs separate the columns.

    Raises:
        UsageError: not a CSV file, a column or a value is missing, or a case has two rows that
            differ.
    """
    try:
        text = table.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise UsageError("the --patients table is not a UTF-8 CSV file") from None
    delimiter = delimiter_of(text)
    try:
        parsed = list(csv.DictReader(text.splitlines(), delimiter=delimiter))
    except csv.Error:
        raise UsageError("the --patients table is not a UTF-8 CSV file") from None
    rows = [
        {str(k).strip().lower(): v.strip() for k, v in row.items() if isinstance(v, str)}
        for row in parsed
    ]
    columns = {name for row in rows for name in row}
    wanted = [name for name in COLUMNS if name in columns]
    if not rows or "case" not in columns or not wanted:
        raise UsageError(
            "the --patients table needs a heading (case, and patient or site or both) and a row "
            "for each case"
        )
    people: dict[str, dict[str, str]] = {}
    for number, row in enumerate(rows, 2):
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

"""Whose each case is, and from which site: a CSV table that a person keeps."""

import csv
from collections.abc import Mapping
from pathlib import Path

from pleura.core.errors import UsageError

COLUMNS = ("patient", "site")


def read_people(table: Path) -> Mapping[str, Mapping[str, str]]:
    """Case to `patient` and `site`, from a CSV file with a heading, parted by commas or semicolons.

    Raises:
        UsageError: no CSV, no such heading, no row, or a case twice with different words.
    """
    try:
        text = table.read_text(encoding="utf-8-sig")
        heading = text.split("\n", 1)[0]
        rows = list(csv.DictReader(text.splitlines(), delimiter=";" if ";" in heading and "," not in heading else ","))
    except (OSError, UnicodeDecodeError, csv.Error):
        raise UsageError("the --patients table is no CSV file in UTF-8") from None
    rows = [{str(k).strip().lower(): v.strip() for k, v in row.items() if isinstance(v, str)} for row in rows]
    if not rows or "case" not in rows[0] or not set(COLUMNS) & rows[0].keys():
        raise UsageError("the --patients table needs a heading: case, and patient or site or both; and a row a case")
    people: dict[str, dict[str, str]] = {}
    for row in rows:
        told = {key: row[key] for key in COLUMNS if row.get(key)}
        if people.setdefault(row.get("case", ""), told) != told:
            raise UsageError("the --patients table has a case twice, with different words")
    return people

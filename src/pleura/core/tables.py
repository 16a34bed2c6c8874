"""Tables of the user: CSV as spreadsheets and shells of all systems write it."""

import csv
from collections.abc import Iterator

from pleura.core.errors import UsageError
from pleura.core.text import composed, decoded


def read_table(content: bytes, table: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of a CSV file with a heading, by line number.

    Commas, semicolons or tabs separate the columns. Headings are in lower case, cells without
    space around them and in Unicode's composed form, as names of cases are.

    Args:
        content: the file.
        table: what it is called in messages.

    Raises:
        UsageError: it is not a CSV file.
    """
    try:
        text = decoded(content)
        rows = list(csv.DictReader(text.splitlines(), delimiter=_delimiter_of(text)))
    except (UnicodeDecodeError, csv.Error):
        raise UsageError(f"the {table} is not a CSV file in UTF-8; save it as CSV UTF-8") from None
    for number, row in enumerate(rows, 2):
        yield (
            number,
            {
                str(key).strip().lower(): composed(value.strip())
                for key, value in row.items()
                if isinstance(value, str)
            },
        )


def _delimiter_of(text: str) -> str:
    """What separates the columns, by the heading: a comma, a semicolon or a tab."""
    heading = text.split("\n", 1)[0]
    if "," in heading:
        return ","
    return next((sign for sign in ";\t" if sign in heading), ",")

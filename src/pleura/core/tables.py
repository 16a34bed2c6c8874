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
        lines = decoded(content).splitlines()
        first = next((k for k, line in enumerate(lines) if _is_heading(line)), len(lines))
        reader = csv.DictReader(lines[first:], delimiter=_delimiter_of("".join(lines[first:][:1])))
        rows = [(first + reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error):
        raise UsageError(f"the {table} is not a CSV file in UTF-8; save it as CSV UTF-8") from None
    for number, row in rows:
        yield (
            number,
            {
                str(key).strip().lower(): composed(value.strip())
                for key, value in row.items()
                if isinstance(value, str)
            },
        )


def _is_heading(line: str) -> bool:
    """Whether a line is neither blank nor Excel's `sep=;`."""
    return bool(line.strip()) and not line.startswith("sep=")


def _delimiter_of(heading: str) -> str:
    """What separates the columns: a comma, a semicolon or a tab."""
    if "," in heading:
        return ","
    return next((sign for sign in ";\t" if sign in heading), ",")

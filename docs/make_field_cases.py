"""Write docs/field-cases.md: every fault of the field trial, tried again.

    python docs/make_field_cases.py [FAULT ...]

With names of faults (`L1 I10`) only these are tried again; the other rows stay. Some cases need
the real chests (`PLEURA_DATA`); where these are not here, their rows stay too. A test keeps the
page equal to what is seen.
"""

import re
import sys
import tempfile
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from testing.field_cases import FIELD_CASES, FieldCase
from testing.field_cases.case import NotTried, row_of, rows_of

PAGE = Path(__file__).parent / "field-cases.md"
HEAD = """# Faults of the field trial

<!-- Written by docs/make_field_cases.py from tests/testing/field_cases: change the cases there. -->

About 90 public bug reports, and the habits of the tools that users come from, were tried on
version 0.1.0. This page has every fault that was found in reading CT (D), labels (L),
de-identification (I) and evaluation (E): the input, what happened then, what happens now, and what
says that it was wrong. "Now" is what the code gave when this page was written; a test tries every
row again and compares. Codes are explained in [findings](findings.md).
"""
COLUMNS = """
| fault | input | {before} | now | authority |
|---|---|---|---|---|
"""
SIBLINGS = """
## Siblings

Each fault stands for its kind. These cases of the same kinds were not listed by the trial: we found
them ourselves, at least three for each fault. "At first" is what went wrong when a case was first
tried; then its kind was mended.
"""


def main() -> None:
    wanted, old = set(sys.argv[1:]), rows_of(PAGE)
    rows: dict[bool, list[str]] = {False: [], True: []}
    wrong = 0
    for case in FIELD_CASES:
        row = old.get((case.fault, case.given))
        if row is None or not wanted or case.fault in wanted:
            row, right = _tried(case, row)
            wrong += not right
        rows[case.sibling].append(row)
    parts = [HEAD, COLUMNS.format(before="version 0.1.0"), *rows[False]]
    parts += [SIBLINGS, COLUMNS.format(before="at first"), *rows[True]]
    counts = f"{len(rows[False])} cases of {_faults()} faults, and {len(rows[True])} siblings."
    text = "".join(parts) + f"\n{counts}\n"
    PAGE.write_text(text, encoding="utf-8", newline="\n")
    sys.exit(f"{wrong} case(s) are not right" if wrong else 0)


def _tried(case: FieldCase, old: str | None) -> tuple[str, bool]:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            seen = case.seen(Path(folder))
        except NotTried as error:
            print(f"{case.fault}: not tried: {error}")
            return old or row_of(case, "not tried"), True
    if not case.is_right(seen):
        print(f"{case.fault}: {case.given}: {seen}")
    return row_of(case, seen), case.is_right(seen)


def _faults() -> int:
    return len({re.sub(r"[a-z]$", "", case.fault) for case in FIELD_CASES})


if __name__ == "__main__":
    main()

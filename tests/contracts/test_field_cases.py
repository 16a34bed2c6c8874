"""Every fault of the field trial, tried again: the outcome is right, and is the one that
docs/field-cases.md shows.
"""

from collections import Counter
from pathlib import Path

import pytest
from testing.field_cases import FIELD_CASES
from testing.field_cases.case import NotTried, row_of, rows_of

PAGE = Path(__file__).parents[2] / "docs" / "field-cases.md"
ROWS = rows_of(PAGE)


def test_the_page_has_these_cases_and_no_others():
    given = [(case.fault, case.given) for case in FIELD_CASES]
    assert len(set(given)) == len(given)
    assert set(ROWS) - {("fault", "input"), ("---", "---")} == set(given)


def test_every_fault_has_three_siblings():
    """Each stands for its kind, so cases that the trial did not list were tried."""
    listed = {case.fault for case in FIELD_CASES if not case.sibling}
    counts = Counter(case.fault for case in FIELD_CASES if case.sibling)
    assert {fault for fault in listed if counts[fault] < 3} == set()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "case", FIELD_CASES, ids=lambda case: f"{case.fault} {case.probe.__name__}"
)
def test_outcome_is_right_and_is_the_one_of_the_page(case, tmp_path, request, monkeypatch):
    try:
        seen = case.seen(tmp_path)
    except NotTried:  # it needs the data packs, which are unpacked here, or the test is skipped
        monkeypatch.setenv("PLEURA_DATA", str(request.getfixturevalue("real_data")))
        seen = case.seen(tmp_path)
    assert case.is_right(seen), seen
    assert row_of(case, seen) == ROWS[case.fault, case.given], "run docs/make_field_cases.py"

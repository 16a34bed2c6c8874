"""Every case comes out as it is declared: the same physical volume, or the documented refusal. A
third outcome is a bug.
"""

import os
import re
from pathlib import Path

import pytest
from testing.hostile_series import HOSTILE_SERIES, SAME, came_out, scanned
from testing.label_outcomes import LABEL_CASES, prepared

from pleura.dicom.series import find_series

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("case", HOSTILE_SERIES, ids=lambda case: case.name)
def test_the_same_volume_or_the_documented_refusal(case, tmp_path):
    truth = case.write(tmp_path)
    told = scanned(tmp_path, truth)
    assert came_out(case, told), told


@pytest.mark.parametrize("case", LABEL_CASES, ids=lambda case: case.name)
def test_the_same_mask_or_a_refusal(case, tmp_path):
    right, message = prepared(case, tmp_path)
    if case.outcome == "FRAME-OF-REFERENCE":
        assert right is None
        assert "frame of reference of another scan" in message
    else:
        assert right
        assert case.outcome == SAME or case.outcome in message


def test_every_outcome_is_documented_and_every_case_is_in_the_table():
    findings = (DOCS / "findings.md").read_text(encoding="utf-8")
    table = (DOCS / "hostile-series.md").read_text(encoding="utf-8")
    for case in (*HOSTILE_SERIES, *LABEL_CASES):
        assert f"| {case.name} |" in table, case.name
        if re.fullmatch(r"[A-Z-]{3,}", case.outcome):
            assert f"`{case.outcome}`" in findings
    # the part that the tables' own script leaves alone
    assert "`python bench/gate.py DATA`" in table
    numbers = {
        match[1]
        for case in (*HOSTILE_SERIES, *LABEL_CASES)
        if (match := re.match(r"(\d+) ", case.name))
    }
    assert numbers >= {str(number) for number in range(1, 26)}


def test_files_that_may_not_be_read_are_told_of(tmp_path, monkeypatch):
    HOSTILE_SERIES[0].write(tmp_path)
    closed = min(str(path) for path in tmp_path.iterdir())

    def guarded(name, *args, straight=os.open, **options):
        if str(name) == closed:
            raise PermissionError(13, "closed")
        return straight(name, *args, **options)

    monkeypatch.setattr("pleura.files.walk.os.open", guarded)
    (entry,) = [one for one in find_series(tmp_path) if one.id == "unreadable"]
    assert "CLOSED-FILES: permission denied for 1 file" in entry.reason

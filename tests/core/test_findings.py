"""Verdicts are ordered, findings travel between processes."""

import pickle

from pleura import Finding, Verdict
from pleura.core.codes import finding
from pleura.core.findings import reason, worst


def test_the_worst_decides_and_tells_why():
    fine = Finding("PADDING-UNDECLARED", Verdict.OK, "padding found")
    gap = Finding("GAP-IN-SLICES", Verdict.REFUSED, "one slice is missing", {"missing": 1})
    assert worst([fine, gap]) is Verdict.REFUSED
    assert worst([]) is Verdict.OK
    assert reason([fine, gap]) == "GAP-IN-SLICES: one slice is missing"
    assert reason([fine]) == ""
    assert Verdict.REFUSED.word == "refused"


def test_findings_pickle_and_stay_closed():
    gap = Finding("GAP-IN-SLICES", Verdict.REFUSED, "one slice is missing", {"missing": 1})
    assert pickle.loads(pickle.dumps(gap)).as_json() == gap.as_json()


def test_a_reason_of_several_findings_has_semicolons_between_them():
    both = [finding("MASK-MISSING"), finding("MASKS-SEVERAL", n=2)]
    assert both[0].message.endswith(".")
    assert ".;" not in reason(both)

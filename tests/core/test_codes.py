"""The one table of codes."""

import pickle

import pytest

from pleura.core import codes
from pleura.core.codes import CODES, finding, refused
from pleura.core.codes.code import Code, refusal
from pleura.core.errors import GridMismatch, InputRefused, UnreadableFile
from pleura.core.findings import Verdict


@pytest.fixture
def table(monkeypatch):
    entries = {
        "N-LOST": refusal("{n} slices are missing", "Export the series again."),
        "EITHER": Code((Verdict.OK, Verdict.REVIEW), "{n} of them"),
    }
    monkeypatch.setattr(codes, "CODES", entries)


def test_a_finding_takes_its_sentence_and_verdict_from_the_table(table):
    made = finding("N-LOST", n=4)
    assert made.message == "4 slices are missing. Export the series again."
    assert made.verdict is Verdict.REFUSED
    assert dict(made.evidence) == {"n": 4}


def test_only_declared_verdicts_and_fields_are_accepted(table):
    assert finding("EITHER", Verdict.REVIEW, n=1).verdict is Verdict.REVIEW
    with pytest.raises(ValueError, match="cannot have the verdict refused"):
        finding("EITHER", Verdict.REFUSED, n=1)
    with pytest.raises(KeyError):
        finding("N-LOST")
    with pytest.raises(KeyError):
        finding("UNHEARD-OF")


@pytest.mark.parametrize("kind", [InputRefused, UnreadableFile, GridMismatch])
def test_a_refusal_keeps_code_and_evidence_through_a_worker(table, kind):
    error = pickle.loads(pickle.dumps(refused("N-LOST", kind, n=4)))
    assert type(error) is kind
    assert (str(error), error.code, error.evidence) == (
        "4 slices are missing. Export the series again.",
        "N-LOST",
        {"n": 4},
    )


def test_every_entry_reads_as_a_sentence():
    for code, entry in CODES.items():
        assert code == code.upper()
        assert not entry.sentence.endswith("."), code
        assert not entry.remedy or entry.remedy.endswith("."), code

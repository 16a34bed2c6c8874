"""The one table of codes."""

import ast
import pickle
from pathlib import Path
from string import Formatter

import numpy as np
import pytest

import pleura
from pleura.core import codes
from pleura.core.codes import CODES, finding, refused
from pleura.core.codes.code import Code, filled, refusal
from pleura.core.errors import GridMismatch, InputRefused, UnreadableFile
from pleura.core.findings import Verdict

SOURCE = Path(pleura.__file__).parent


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


def calls_of_the_table():
    """Every call in the source that names a code: where it stands, the code, its keywords."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            code = node.args[0]
            if name in ("finding", "refused") and isinstance(code, ast.Constant):
                given = {keyword.arg for keyword in node.keywords}
                yield f"{path.name}:{node.lineno}", code.value, given


def test_every_call_fills_the_fields_of_its_sentence():
    """A field without its value would end in an error where a user should read a refusal."""
    calls = list(calls_of_the_table())
    assert len(calls) > 150
    for place, code, given in calls:
        fields = {field for _, field, _, _ in Formatter().parse(CODES[code].sentence) if field}
        assert None in given or fields <= given, f"{place}: {code} lacks {fields - given}"


def test_every_entry_reads_as_a_sentence():
    for code, entry in CODES.items():
        assert code == code.upper()
        assert not entry.sentence.endswith("."), code
        assert not entry.remedy or entry.remedy.endswith("."), code


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (0, "0 slices are blank, they"),
        (1, "1 slice is blank, it"),
        (12, "12 slices are blank, they"),
    ],
)
def test_words_agree_with_their_number(n, words):
    assert filled("{n:slice is|slices are} blank, {n:|it|they}", {"n": n}) == words
    assert filled("{n:slice is|slices are} blank, {n:|it|they}", {"n": np.int64(n)}) == words


def test_no_sentence_leaves_the_plural_to_the_reader():
    for code, entry in CODES.items():
        assert "(s)" not in entry.sentence + entry.remedy, code

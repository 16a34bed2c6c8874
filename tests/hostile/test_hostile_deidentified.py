"""`deidentify` on the hostile corpus, judged by the corpus's own truth and by `verify`: nothing leaks, nothing is lost."""

import pytest
from hostile.corpus import build
from hostile.judge import judge

from pleura.core.errors import Exit
from pleura.verbs.deidentify import deidentify
from pleura.verbs.verify import verify


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    return build(tmp_path_factory.mktemp("hostile") / "in")


@pytest.mark.parametrize(("dates", "after"), [("remove", "removed"), ("shift", "shifted")])
def test_nothing_leaks_and_nothing_is_lost(truth, tmp_path, dates, after):
    out = tmp_path / "out"
    result = deidentify(truth.folder, out, dates=dates, workers=1)
    assert result.exit_code == Exit.SOME_FAILED  # captures, documents and the like are refused
    found = judge(truth, out, after)
    assert found.complaints() == {}
    assert len(found.pairs) == len(truth.required)
    assert verify(truth.folder, out, key=tmp_path / "out.key").report.counts() == {}


def test_refusals_and_the_audit_hold_no_identity(truth, tmp_path):
    result = deidentify(truth.folder, tmp_path / "out", workers=1)
    told = "\n".join([*result.notes(), (tmp_path / "out.audit.json").read_text(), str(result.as_json())]).lower()
    assert not [secret for secret in truth.secrets() if secret.lower() in told]

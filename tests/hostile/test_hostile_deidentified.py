"""`deidentify` on the hostile corpus, judged by the corpus's own truth, by `verify`, by the
rules of MIDI-B and by dciodvfy.
"""

import shutil
import sys
from pathlib import Path

import pytest
from hostile.corpus import build
from hostile.judge import judge
from hostile.midi import ACTIONS, iod_errors, score

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
    total = score(truth, found)
    assert total.wrong == []
    assert len(total.required) == len(ACTIONS)
    assert sum(total.required.values()) > 5000
    program = shutil.which("dciodvfy") or shutil.which(
        "dciodvfy", path=str(Path(sys.executable).parent)
    )
    if program is None:
        pytest.skip("dciodvfy (dicom3tools) is not installed: the output was not held against it")
    pairs = [
        (truth.made[k], path)
        for k, path in found.pairs.items()
        if "deflated" not in truth.made[k].what
    ]
    assert {
        (m.what, e)
        for m, path in pairs
        for e in iod_errors(path, program) - iod_errors(m.path, program)
    } == set()


def test_refusals_and_the_audit_hold_no_identity(truth, tmp_path):
    result = deidentify(truth.folder, tmp_path / "out", workers=1)
    told = "\n".join(
        [*result.notes(), (tmp_path / "out.audit.json").read_text(), str(result.as_json())]
    ).lower()
    assert not [secret for secret in truth.secrets() if secret.lower() in told]

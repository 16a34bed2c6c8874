"""People whose names stand in text in other spellings, damaged and hidden ones: nothing of them
comes out, and all else does. `bench/names.py` tries all people in every mode.
"""

import pytest
from hostile.judge import judge
from hostile.midi import score
from hostile.spelt import build

from pleura.core.errors import Exit
from pleura.deid.choices import RETAINABLE
from pleura.verbs.deidentify import deidentify
from pleura.verbs.verify import verify

pytestmark = pytest.mark.filterwarnings("ignore")


def test_no_spelling_of_a_name_comes_out_and_everything_else_does(tmp_path):
    truth = build(tmp_path / "in", every=11)
    retain = tuple(option for option in RETAINABLE if option != "uids")
    result = deidentify(truth.folder, tmp_path / "out", dates="shift", retain=retain, workers=1)
    assert result.exit_code is Exit.OK
    found = judge(truth, tmp_path / "out", "shifted")
    assert found.complaints() == {}
    assert len(found.pairs) == len(truth.required)
    assert score(truth, found).wrong == []
    key = tmp_path / "out.key"
    assert verify(truth.folder, tmp_path / "out", key=key).report.counts() == {}

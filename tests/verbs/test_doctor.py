"""doctor tells what is here, and no more than that."""

import hashlib
import json
from importlib.metadata import version

import pytest

from pleura.core.errors import UsageError
from pleura.phantom.writer import SYNTAXES
from pleura.verbs.doctor import doctor


def test_what_is_written_can_be_read():
    told = doctor().as_json()
    readable = {one["uid"] for one in told["syntaxes"] if one["readable"]}
    assert set(SYNTAXES.values()) <= readable
    assert told["libraries"]["pydicom"] == version("pydicom")
    assert json.loads(json.dumps(told)) == told


def test_weights(tmp_path):
    with pytest.raises(UsageError, match=r"model\.onnx"):
        doctor(model=tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"weights")
    assert hashlib.sha256(b"weights").hexdigest() in " ".join(doctor(model=tmp_path).notes())

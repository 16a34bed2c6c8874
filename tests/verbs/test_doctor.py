"""doctor tells what is here, and no more than that."""

import hashlib
import json
from importlib.metadata import version

import imagecodecs
import pytest

from pleura.codecs import frames
from pleura.core.errors import UsageError
from pleura.phantom.writer import SYNTAXES
from pleura.verbs.doctor import doctor


def test_what_is_written_can_be_read():
    told = doctor().as_json()
    readable = {one["uid"] for one in told["syntaxes"] if one["readable"]}
    assert set(SYNTAXES.values()) <= readable
    assert len(readable) == len(frames.NATIVE) + len(frames.ENCODED)
    assert told["licences"]["imagecodecs"] == "BSD-3-Clause"
    assert told["libraries"]["pydicom"] == version("pydicom")
    assert json.loads(json.dumps(told)) == told


def test_a_decoder_that_is_there_and_does_not_work_is_told(monkeypatch):
    frames.can_decode.cache_clear()
    monkeypatch.setattr(
        imagecodecs, "jpegls_decode", lambda encoded: imagecodecs.ljpeg_decode(encoded)
    )
    told = {one["name"]: one["readable"] for one in doctor().as_json()["syntaxes"]}
    frames.can_decode.cache_clear()
    assert not told["JPEG-LS Lossless"]
    assert sum(told.values()) == len(told) - 2


def test_weights(tmp_path):
    with pytest.raises(UsageError, match=r"model\.onnx"):
        doctor(model=tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"weights")
    assert hashlib.sha256(b"weights").hexdigest() in " ".join(doctor(model=tmp_path).notes())


def test_every_distribution_is_listed_with_its_licence():
    listed = {one["name"]: one for one in doctor().as_json()["components"]}
    assert {"pleura", "numpy", "pydicom", "packaging", "markupsafe"} <= set(listed)
    assert not {"torch", "pytest"} & set(listed)  # of extras
    assert listed["pydicom"]["version"] == version("pydicom")
    assert all(one["licence"] for one in listed.values())

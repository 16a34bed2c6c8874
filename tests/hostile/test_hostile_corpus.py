"""The corpus is what it says: readable, hostile, and found dirty by the judge and by `verify`
when nothing was done to it.
"""

import shutil
import warnings

import pytest
from hostile.corpus import build
from hostile.judge import judge
from pydicom import config, dcmread

from pleura.audit.tree import verify_tree
from pleura.phantom.writer import SYNTAXES


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    return build(tmp_path_factory.mktemp("hostile") / "in")


def test_every_object_is_there_and_readable(truth):
    kinds = {made.what for made in truth.made}
    assert {f"CT {syntax}" for syntax in SYNTAXES} <= kinds
    assert {
        "RTSTRUCT",
        "SEG",
        "SR",
        "GSPS",
        "Enhanced CT",
        "SC",
        "PDF",
        "dose SR",
        "DICOMDIR",
        "CT follow-up",
    } <= kinds
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        for made in truth.required:
            ds = dcmread(made.path)
            assert str(ds.SOPInstanceUID) == made.uid
            # pydicom lacks that one
            assert "PixelData" not in ds or made.what == "CT jpeg lossless" or ds.pixel_array.size


def test_secrets_are_really_planted(truth):
    blob = b"".join(made.path.read_bytes().lower() for made in truth.made)
    for person in truth.people:
        family = person.secrets[0].lower()
        assert any(family.encode(e) in blob for e in ("utf-8", "latin-1", "gb18030"))
    assert (
        "山田".encode("iso2022_jp")[3:-3] in blob
        or "山田".encode("iso2022_jp")[3:-3].lower() in blob
    )
    assert "小东".encode("gb18030") in blob
    assert "길동".encode("euc_kr") in blob
    assert b"126 ottoline" in blob


def test_the_judge_finds_the_corpus_itself_dirty(truth, tmp_path):
    shutil.copytree(truth.folder, tmp_path / "out")
    found = judge(truth, tmp_path / "out")
    assert len(found.leaks) > 200
    assert "study dates are left" in found.dates
    assert found.lost == found.values == found.references == []


def test_verify_finds_the_corpus_itself_dirty(truth, tmp_path):
    shutil.copytree(truth.folder, tmp_path / "out")
    report = verify_tree(truth.folder, tmp_path / "out")
    dirty = {one.number for one in report.judged if one.findings}
    assert len(dirty) == report.files
    assert report.published == report.sources
    assert {
        "NAME-LEFT",
        "UID-LEFT",
        "PATH-LEFT",
        "TEXT-LEFT",
        "PRIVATE-LEFT",
        "UNSAFE-OBJECT",
    } <= set(report.counts())
    assert "REFERENCE-BROKEN" not in report.counts()
    assert not any(
        secret.lower() in str(report.as_json()).lower()
        for secret in truth.secrets()
        if len(secret) > 5
    )

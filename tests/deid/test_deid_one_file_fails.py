"""Whatever one file provokes, that file alone is refused, with a code; all others are exported."""

import shutil

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pleura.core.codes import CODES
from pleura.core.errors import Exit
from pleura.deid.choices import Choices
from pleura.deid.engine import Patient
from pleura.deid.writing import Writer
from pleura.phantom.dataset import write_dataset
from pleura.verbs.deidentify import deidentify

META = 132


@pytest.fixture(scope="module")
def chests(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "chests"
    write_dataset(folder, cases=1, shape=(4, 16, 16), seed=6)
    return folder / "Images"


def _syntax(data: bytes, new: bytes) -> bytes:
    """The file with another TransferSyntaxUID of the same length, padded with zeros."""
    at = data.index(b"1.2.840.10008.1.2", META)
    end = data.index(b"\x02\x00\x12\x00", at)
    return data[:at] + new.ljust(end - at, b"\0")[: end - at] + data[end:]


def _vr(data: bytes, tag: bytes, vr: bytes) -> bytes:
    at = data.index(tag, META)
    return data[: at + 4] + vr + data[at + 6 :]


def _after(data: bytes, tag: bytes, more: bytes) -> bytes:
    at = data.index(tag, META)
    return data[:at] + more + data[at:]


BREAK = {
    "delimiter of a sequence at the end": lambda d: (
        d + b"\xfe\xff\xdd\xe0\0\0\0\0" + b"\x09\0\x10\0LO\x04\0abcd"
    ),
    "delimiter of a sequence before the pixels": lambda d: _after(
        d, b"\xe0\x7f\x10\0", b"\xfe\xff\xdd\xe0\0\0\0\0"
    ),
    "delimiter of an item before the pixels": lambda d: _after(
        d, b"\xe0\x7f\x10\0", b"\xfe\xff\x0d\xe0\0\0\0\0"
    ),
    "item without a sequence": lambda d: _after(
        d, b"\xe0\x7f\x10\0", b"\xfe\xff\0\xe0\x08\0\0\0" + bytes(8)
    ),
    "unknown transfer syntax": lambda d: _syntax(d, b"1.2.3.4.5"),
    "transfer syntax that is a class": lambda d: _syntax(d, b"1.2.840.10008.1.1"),
    "empty transfer syntax": lambda d: _syntax(d, b""),
    "VR Ow": lambda d: _vr(d, b"\xe0\x7f\x10\0", b"Ow"),
    "VR of zeros": lambda d: _vr(d, b"\x28\0\x10\0", b"\0\0"),
    "VR SQ for a number": lambda d: _vr(d, b"\x28\0\x10\0", b"SQ"),
    "group without a VR": lambda d: d[:-600] + b"\xff" * 40 + d[-600:],
}


@pytest.mark.parametrize("profile", ["basic", "report"])
@pytest.mark.parametrize("kind", BREAK)
def test_the_others_are_exported(chests, tmp_path, kind, profile):
    source = shutil.copytree(chests, tmp_path / "in")
    victim = sorted(source.rglob("*.dcm"))[1]
    victim.write_bytes(BREAK[kind](victim.read_bytes()))
    result = deidentify(source, tmp_path / "out", profile=profile, workers=1)
    refused = [one for unit in result.units.values() for one in unit["refused"]]
    assert (result.files, result.exit_code) in [(3, Exit.SOME_FAILED), (4, Exit.OK)]
    assert sum(one["files"] for one in refused) + result.left["unreadable"] == 4 - result.files
    assert all(one["code"] in CODES for one in refused)


@pytest.mark.parametrize("where", ["read_whole", "check_whole", "check_pixels", "encoded"])
@pytest.mark.parametrize(
    "error", [NotImplementedError, RecursionError, MemoryError, KeyError, ZeroDivisionError]
)
def test_any_exception_of_a_library_is_that_files_refusal(
    chests, tmp_path, monkeypatch, where, error
):
    source = shutil.copytree(chests, tmp_path / "in")

    def fails(*_):
        raise error("Quillfeather")

    monkeypatch.setattr(f"pleura.deid.writing.{where}", fails)
    result = deidentify(source, tmp_path / "out", workers=1)
    assert result.exit_code is Exit.NOTHING_USABLE
    (refusal,) = [one for unit in result.units.values() for one in unit["refused"]]
    assert (refusal["code"], refusal["files"]) == ("DEIDENTIFY-FAILED", 4)
    assert "Quillfeather" not in str(result.notes())


def test_a_disk_error_is_not_recorded_as_a_result(chests, tmp_path, monkeypatch):
    from pathlib import Path

    source = shutil.copytree(chests, tmp_path / "in")
    write = Path.write_bytes

    def full(self, data):
        if self.name == "000002.dcm":
            raise OSError(28, "No space left on device")
        return write(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    result = deidentify(source, tmp_path / "out", workers=1)
    assert (result.files, result.exit_code) == (3, Exit.SOME_FAILED)
    monkeypatch.setattr(Path, "write_bytes", write)
    again = deidentify(source, tmp_path / "out", workers=1)
    assert (again.files, again.exit_code) == (4, Exit.OK)


@given(at=st.integers(0, 4000), what=st.binary(min_size=1, max_size=16))
@settings(max_examples=60, deadline=None)
@pytest.mark.filterwarnings("ignore")  # pydicom's, of a damaged character set
def test_no_damage_raises(chests, tmp_path_factory, at, what):
    source = min(chests.rglob("*.dcm"))
    folder = tmp_path_factory.mktemp("damage")
    data = source.read_bytes()
    at %= len(data)
    (folder / "in.dcm").write_bytes(data[:at] + what + data[at + len(what) :])
    outcome = Writer(Choices(), Patient("Case_000", bytes(32))).write(
        folder / "in.dcm", folder / "out.dcm"
    )
    assert (folder / "out.dcm").exists() == (not outcome.code)
    if not outcome.code:
        pydicom.dcmread(folder / "out.dcm")

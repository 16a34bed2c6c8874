"""Stray delimiters, preambles and dates, in every profile: a file is exported and clean, or refused
by name; none is lost, and none of them ends the run.
"""

import pytest
from pydicom import dcmwrite
from testing.field_cases.identity import ct

from pleura.audit.tree import verify_tree
from pleura.core.codes import CODES
from pleura.verbs.deidentify import deidentify

PIXELS = b"\xe0\x7f\x10\0"
RETAINED = ("device", "institution", "patient", "uids", "private", "descriptors", "graphics")
MODES = {
    "basic": {},
    "report": {"profile": "report"},
    "dates shift": {"dates": "shift"},
    "dates keep": {"dates": "keep"},
    **{f"retain {name}": {"dates": "keep", "retain": (name,)} for name in RETAINED},
    "retain all": {"dates": "keep", "retain": RETAINED},
}


def before_pixels(data: bytes, more: bytes) -> bytes:
    at = data.index(PIXELS, 132)
    return data[:at] + more + data[at:]


BYTES = {
    "delimiter of a sequence at the end": lambda d: d + b"\xfe\xff\xdd\xe0\0\0\0\0",
    "the same with bytes behind it": lambda d: (
        d + b"\xfe\xff\xdd\xe0\0\0\0\0" + b"\x09\0\x10\0LO\x04\0abcd"
    ),
    "delimiter of a sequence": lambda d: before_pixels(d, b"\xfe\xff\xdd\xe0\0\0\0\0"),
    "delimiter of an item": lambda d: before_pixels(d, b"\xfe\xff\x0d\xe0\0\0\0\0"),
    "zeros at the end": lambda d: d + bytes(64),
    "preamble with text": lambda d: b"Quillfeather".ljust(128, b" ") + d[128:],
    "preamble of TIFF": lambda d: b"II*\0\x08\0\0\0".ljust(128, b"\0") + d[128:],
    "preamble of ones": lambda d: b"\xff" * 128 + d[128:],
}
DATES = {
    "AcquisitionDate": ("AcquisitionDate", lambda born: born),
    "AcquisitionDateTime": ("AcquisitionDateTime", lambda born: f"{born}120000"),
    "comment": ("ImageComments", lambda born: f"born {born[6:]}.{born[4:6]}.{born[:4]}"),
}


def write_cases(folder) -> int:
    """A file of each kind; returns how many."""
    folder.mkdir()
    made = [ct(f"Quillfeather{n}^Ottoline", f"MRN44719{n:02d}", n) for n in range(1, 12)]
    for number, change in enumerate(BYTES.values()):
        path = folder / f"{number}.dcm"
        dcmwrite(path, made[number], enforce_file_format=True)
        path.write_bytes(change(path.read_bytes()))
    for number, (keyword, text) in enumerate(DATES.values(), len(BYTES)):
        setattr(made[number], keyword, text(str(made[number].PatientBirthDate)))
        dcmwrite(folder / f"{number}.dcm", made[number], enforce_file_format=True)
    return len(made)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", MODES)
def test_every_file_is_exported_or_refused_by_name(mode, tmp_path):
    count = write_cases(tmp_path / "in")
    result = deidentify(tmp_path / "in", tmp_path / "out", workers=1, **MODES[mode])
    refused = [one for unit in result.units.values() for one in unit["refused"]]
    assert result.files + sum(one["files"] for one in refused) == count
    codes = {one["code"] for one in refused}
    assert codes <= CODES.keys() - {"DEIDENTIFY-FAILED"}, codes
    assert result.files >= count - 4, codes  # the four delimiters may be refused
    found = verify_tree(tmp_path / "in", tmp_path / "out").counts()
    assert found.keys() <= ({"REPORT-KEEPS"} if mode == "report" else set()), found
    if mode != "report":
        written = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*.dcm"))
        assert b"Quillfeather" not in written

"""scan accounts for every file of the input, names refused files where asked, and nothing
identifying where not.
"""

import io
import json
import os
import zipfile
from functools import cache

import pytest
from testing import flaws

from pleura.core.errors import Exit
from pleura.phantom.anatomy import chest
from pleura.phantom.writer import SeriesSpec, series, write_files
from pleura.verbs.scan import scan

SPEC = SeriesSpec(
    tags={
        "SeriesDescription": "Thorax 1.5 B70f",
        "SeriesDate": "20060102",
        "AcquisitionDate": "20060103",
    }
)


@pytest.fixture(scope="module")
def volume():
    return chest((12, 24, 24), spacing_mm=(24, 16, 16), seed=1)[0]


def entries(result):
    return {entry["id"]: entry for entry in result.as_json()}


@cache
def bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("zeros", bytes(257 << 20))
    return packed.getvalue()


def add_files(folder):
    (folder / "letter.pdf").write_bytes(b"%PDF-1.4")
    (folder / "Thumbs.db").write_bytes(b"\1")
    (folder / "broken").write_bytes(bytes(128) + b"DICM" + bytes(50))
    (folder / "Doe Jane.zip").write_bytes(bomb())


def test_every_file_is_used_refused_or_other(volume, tmp_path):
    slices = series(volume, SPEC)
    write_files(
        tmp_path / "Thorax",
        [*slices, *flaws.tags(slices[:1], SeriesInstanceUID="2.25.7", SOPInstanceUID="2.25.8")],
    )
    write_files(tmp_path / "copy", slices[:2])
    add_files(tmp_path)
    result = scan(tmp_path, headers=True)
    account = result.accounting
    assert account.files == sum(len(names) for _, _, names in os.walk(tmp_path))
    assert account.used == 12
    assert dict(account.refused) == {"ONE-SLICE": 1, "ARCHIVE-REFUSED": 1, "UNREADABLE-FILES": 1}
    assert dict(account.other) == {"pdf": 1, "litter": 1, "duplicate slice": 2}
    told = entries(result)["files"]
    assert (
        told["files"]
        == told["used"] + sum(told["refused"].values()) + sum(told["other"].values())
        == account.files
    )
    assert account.sentence() in result.notes()[-1]
    assert result.exit_code is Exit.SOME_FAILED


def test_each_file_that_cannot_be_read_has_an_entry(volume, tmp_path):
    write_files(tmp_path, series(volume, SPEC))
    add_files(tmp_path)
    told = entries(scan(tmp_path, headers=True))
    found = [told[f"unreadable-{number}"] for number in (1, 2)]
    assert {entry["findings"][0]["code"] for entry in found} == {
        "ARCHIVE-REFUSED",
        "UNREADABLE-FILES",
    }
    assert all(entry["verdict"] == "refused" and entry["reason"] for entry in found)


def test_names_are_shown_only_where_asked(volume, tmp_path):
    write_files(tmp_path / "Doe^Jane", series(volume, SPEC))
    add_files(tmp_path)
    silent, named = scan(tmp_path, headers=True), scan(tmp_path, headers=True, paths=True)
    for result, shown in ((silent, False), (named, True)):
        text = json.dumps(result.as_json()) + "".join(result.notes()) + str(result.table())
        for word in ("Doe^Jane", "Thorax 1.5 B70f", "20060103", 'broken"', "Doe Jane.zip"):
            assert (word in text) is shown, word
    (entry,) = [entry for entry in named.as_json() if entry["usable"]]
    assert entry["folders"] == ["Doe^Jane"]
    assert (entry["description"], entry["date"]) == ("Thorax 1.5 B70f", "20060103")
    assert len(entry["paths"]) == 12
    assert all((tmp_path / name).exists() for name in entry["paths"])


def test_files_of_series_that_rules_leave_out_are_not_chosen(volume, tmp_path):
    write_files(tmp_path / "a", series(volume, SeriesSpec(kernel="LUNG", number=1)))
    write_files(tmp_path / "b", series(volume, SeriesSpec(kernel="STANDARD", number=2)))
    account = scan(tmp_path, headers=True, rules=["LUNG"]).accounting
    assert (account.used, dict(account.other)) == (12, {"not chosen": 12})


@pytest.mark.parametrize("name", ["DICOMDIR", "dicomdir"])
def test_a_dicomdir_given_as_input(name, volume, tmp_path):
    from testing.series_changes import amid_junk

    amid_junk(tmp_path, write_files(tmp_path, series(volume, SPEC)))
    (tmp_path / "DICOMDIR").rename(tmp_path / name)
    result = scan(tmp_path / name, headers=True)
    assert [one.slices for one in result.series if one.usable] == [12]
    assert result.accounting.other["DICOMDIR"] == 1

"""The one walk: every file of the input ends up used, refused with a code, or counted by kind."""

import gzip
import io
import os
import pickle
import socket
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from pleura.core.errors import UsageError
from pleura.files.contents import is_dicom
from pleura.files.walk import read_file, read_files, walk

OBJECT = bytes(128) + b"DICM" + b"\x02\x00\x00\x00UL\x04\x00" + bytes(400)
DICOMDIR = (
    bytes(128)
    + b"DICM\x02\x00\x00\x00UL\x04\x00\x00\x00\x00\x00"
    + b"\x02\x00\x02\x00UI\x14\x001.2.840.10008.1.3.10"
    + bytes(400)
)

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")


def kinds(found):
    return Counter(file.kind for file in found.files)


def codes(found):
    return Counter(file.code for file in found.refused)


def test_every_file_is_told_by_content_and_counted(tmp_path):
    contents = {
        "IM0001": OBJECT,
        "a/report": b"%PDF-1.4",
        "a/b/view.dcm": b"\xff\xd8\xff\xe0JFIF",
        "a/b/notes.txt": b"words",
        "a/b/Smith.John": b"words",
        "a/b/raw": bytes(range(256)),
        "lost.dcm": b"",
        "zeros.dcm": bytes(4096),
        "nothing": b"",
        "odd.dcm": b"\1\2\3",
        "Thumbs.db": b"\1\2",
        "._IM0001": b"\0\5\x16\7" * 99,
        "DICOMDIR": DICOMDIR,
        "table.csv": b"id,age",
        ".part-1-x/IM": OBJECT,
    }
    for name, data in contents.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    found = walk(tmp_path)
    lost = {"lost.dcm", "zeros.dcm"}
    assert {file.name for file in found.files} == set(contents) - lost
    assert {file.name for file in found.refused} == lost
    assert codes(found) == {"EMPTY-FILE": 2}
    assert kinds(found) == {
        **{
            "DICOM": 1,
            "DICOMDIR": 1,
            "pdf": 1,
            "jpg": 1,
            "txt": 1,
            "text": 1,
            "unknown": 1,
            "empty": 1,
        },
        **{"dcm (not DICOM)": 1, "litter": 2, "csv": 1, "unfinished output": 1},
    }
    account = found.accounting(used={"IM0001"})
    assert account.files == len(contents)
    assert account.used == 1
    assert "Smith" not in account.sentence()


def test_links_are_followed_once_and_loops_refused(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "elsewhere"
    for path in (inside / "real" / "x", outside / "y", outside / "deep" / "z"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(OBJECT)
    (inside / "to itself").symlink_to("to itself")
    (inside / "real" / "up").symlink_to(inside)
    (inside / "above").symlink_to(tmp_path)
    (inside / "gone").symlink_to("nowhere")
    (inside / "sibling").symlink_to(inside / "real")
    (inside / "file here").symlink_to(inside / "real" / "x")
    (inside / "out").symlink_to(outside)
    (inside / "out again").symlink_to(outside)
    (inside / "deep").symlink_to(outside / "deep")
    (outside / "back").symlink_to(inside)
    found = walk(inside)
    assert Counter(os.path.realpath(file.path) for file in found.dicom()).most_common(1)[0][1] == 1
    assert len(found.dicom()) == 3
    assert codes(found) == {"SYMLINK-LOOP": 3, "BROKEN-LINK": 1}
    assert kinds(found)["link"] == 4


@needs_pipes
def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.dcm")
    (tmp_path / "device").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        assert codes(walk(tmp_path)) == {"SPECIAL-FILE": 3}
        assert codes(walk(tmp_path / "pipe.dcm")) == {"SPECIAL-FILE": 1}


@needs_pipes
def test_a_pipe_that_takes_the_place_of_a_file_does_not_block(tmp_path):
    from pleura.files.walk import open_files

    os.mkfifo(tmp_path / "IM")
    (found,) = open_files(str(tmp_path / "IM"), "IM")
    assert found.code == "SPECIAL-FILE"


@pytest.mark.parametrize(
    ("error", "code"), [(PermissionError(13, ""), "CLOSED-FILES"), (OSError(5, ""), "READ-ERROR")]
)
def test_files_that_cannot_be_opened_are_refused(error, code, tmp_path, monkeypatch):
    for name in "ab":
        (tmp_path / name).write_bytes(OBJECT)

    def guarded(path, *args, straight=os.open):
        if path.endswith("a"):
            raise error
        return straight(path, *args)

    monkeypatch.setattr("pleura.files.walk.os.open", guarded)
    found = walk(tmp_path)
    assert [file.name for file in found.dicom()] == ["b"]
    assert codes(found) == {code: 1}
    assert found.accounting(used={"b"}).files == 2


def test_a_folder_that_cannot_be_listed_is_refused(tmp_path, monkeypatch):
    (tmp_path / "closed").mkdir()
    (tmp_path / "IM").write_bytes(OBJECT)

    def guarded(path, straight=os.scandir):
        if path.endswith("closed"):
            raise PermissionError(13, "")
        return straight(path)

    monkeypatch.setattr("pleura.files.walk.os.scandir", guarded)
    found = walk(tmp_path)
    assert codes(found) == {"CLOSED-FOLDERS": 1}
    assert "permission denied for 1 folder" in found.findings[0].message


def as_zip(path, contents):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in contents:
            archive.writestr(name, data)


def as_tar(path, contents, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, data in contents:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


MEMBERS = [
    ("CD/IM1", OBJECT),
    ("CD/IM1", OBJECT + b"2"),
    ("../../etc/IM3", OBJECT + b"3"),
    ("readme.txt", b"words"),
]


@pytest.mark.parametrize("mode", ["zip", "w", "w:gz", "w:bz2", "w:xz"])
def test_members_of_archives_are_files_of_the_input(mode, tmp_path):
    place = tmp_path / "no suffix"
    with pytest.warns() if mode == "zip" else io.BytesIO():
        as_zip(place, MEMBERS) if mode == "zip" else as_tar(place, MEMBERS, mode)
    (tmp_path / "IM0").write_bytes(OBJECT + b"0")
    found = walk(tmp_path)
    assert [file.name for file in found.files] == [
        *(
            "IM0",
            "no suffix/CD/IM1",
            "no suffix/CD/IM1",
            "no suffix/etc/IM3",
            "no suffix/readme.txt",
        )
    ]
    assert all(Path(file.location).is_relative_to(tmp_path) for file in found.files)
    files = pickle.loads(pickle.dumps(found.dicom()))
    assert [data[len(OBJECT) :] for _, data in read_files(files)] == [b"0", b"", b"2", b"3"]
    assert read_file(files[2]) == OBJECT + b"2"
    assert found.accounting(used={"IM0"}).files == 5


def test_one_gzipped_file_and_documents(tmp_path):
    (tmp_path / "slice.dcm.gz").write_bytes(gzip.compress(OBJECT))
    (tmp_path / "mask.nii.gz").write_bytes(gzip.compress(b"not DICOM" * 99))
    as_zip(tmp_path / "letter.docx", [("word/document.xml", b"<xml>")])
    found = walk(tmp_path)
    assert kinds(found) == {"DICOM": 1, "nii.gz": 1, "docx": 1}
    assert read_file(found.dicom()[0]) == OBJECT


@pytest.mark.parametrize("name", ["DICOMDIR", "dicomdir;1", "index.dcm"])
def test_a_dicomdir_stands_for_its_folder(name, tmp_path):
    (tmp_path / "IMAGES").mkdir()
    (tmp_path / "IMAGES" / "IM1").write_bytes(OBJECT)
    (tmp_path / name).write_bytes(DICOMDIR)
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "DICOMDIR").symlink_to(tmp_path / name)
    for source in (tmp_path / name, tmp_path / "link" / "DICOMDIR"):
        assert {file.name for file in walk(source).dicom()} == {"IMAGES/IM1"}


def test_an_input_that_does_not_exist(tmp_path):
    with pytest.raises(UsageError):
        walk(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("head", "answer"),
    [
        (OBJECT, True),
        (b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100" + bytes(200), True),
        (b"\x08\x00\x16\x00\x1a\x00\x00\x00" + bytes(200), True),
        (b"\x00\x08\x00\x05CS\x00\x0aISO_IR 100" + bytes(200), True),
        (b"\x08\x00\x16\x00\x1a\x00", False),
        (b"plain text " * 20, False),
        (bytes(200), False),
    ],
)
def test_is_dicom(head, answer):
    assert is_dicom(head) is answer


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n"


@pytest.mark.parametrize("content", [b"", bytes(5000), POINTER, b"\n<!DOCTYPE html><p>404"])
@pytest.mark.parametrize("name", ["a.dcm", "A.DCM", "scan.IMA", "x.dicom"])
def test_a_placeholder_is_refused_on_disk_and_in_archives(name, content, tmp_path):
    """What a cloud folder leaves before it downloads, and what a broken copy leaves."""
    (tmp_path / name).write_bytes(content)
    (tmp_path / f"._{name}").write_bytes(b"")
    with zipfile.ZipFile(tmp_path / "e.zip", "w") as archive:
        archive.writestr(name, content)
    assert codes(walk(tmp_path)) == {"EMPTY-FILE": 2}


def zipped(path, members=3, **how):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **how) as archive:
        for number in range(members):
            archive.writestr(f"{number}", OBJECT + os.urandom(500))


def problems(found):
    return {(file.code, file.problem) for file in found.refused}


def test_volumes_of_an_archive_are_named_as_such(tmp_path):
    whole = tmp_path / "e.zip"
    zipped(whole)
    data = whole.read_bytes()
    end = data.rindex(b"PK\5\6")
    last = data[: end + 4] + b"\2\0\2\0" + data[end + 8 :]  # the third disk of three
    for name, part in (("e.z01", data[:900]), ("e.z02", data[900:1300]), ("e.zip", last[1300:])):
        (tmp_path / name).write_bytes(part)
    for name in ("f.zip.001", "f.zip.002", "g.7z.001", "h.part1.rar", "h.r00"):
        (tmp_path / name).write_bytes(os.urandom(64))
    found = walk(tmp_path)
    assert problems(found) == {("ARCHIVE-REFUSED", "volumes")}
    assert len(found.refused) == 8


def test_a_zip_with_a_comment_is_no_volume(tmp_path):
    zipped(tmp_path / "e.zip")
    with zipfile.ZipFile(tmp_path / "e.zip", "a") as archive:
        archive.comment = b"\1" * 60000
    assert len(walk(tmp_path).dicom()) == 3


def test_a_compression_that_is_not_known_is_not_called_corrupt(tmp_path):
    """Deflate64 (method 9): Windows uses it for files over 2 GB."""
    zipped(tmp_path / "e.zip", members=1)
    data = (tmp_path / "e.zip").read_bytes()
    data = data.replace(b"\x08\x00", b"\x09\x00", 1)
    where = data.rindex(b"PK\1\2") + 10
    (tmp_path / "e.zip").write_bytes(data[:where] + b"\x09" + data[where + 1 :])
    assert problems(walk(tmp_path)) == {("ARCHIVE-REFUSED", "method")}

"""Small files that would cost gigabytes or minutes are refused by code, before they do."""

import gzip
import io
import struct
import tarfile
import time
import zipfile
import zlib

import numpy as np
import pytest

from pleura.dicom.series import survey
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.phantom.enhanced import enhanced
from pleura.phantom.writer import SeriesSpec, series, write_files

SECONDS = 10.0
"""Processor time in which each file must be refused: 1 to 2 s on the machines seen, over 90 s where
a bomb goes off.
"""

PIXEL_DATA = b"\xe0\x7f\x10\x00OW\0\0"
ITEM = b"\xfe\xff\x00\xe0"


@pytest.fixture(scope="module")
def one_slice(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slices")
    return write_files(folder, slices(1))[0].read_bytes()


def slices(count):
    hu = np.random.default_rng(1).integers(-1000, 100, (count, 64, 64)).astype(np.int16)
    return series(
        Volume(hu, Grid.axial(hu.shape, (2.0, 0.7, 0.7))), SeriesSpec(declare_padding=False)
    )


def refusals(folder):
    """Codes of what was refused, within the time."""
    start = time.process_time()
    found = survey(folder)
    assert time.process_time() - start < SECONDS
    account = found.accounting([False] * len(found.walk.files), "rest")
    return {code for code, count in account.refused.items() if count}


def sequence(items, length):
    return b"\x08\x00\x40\x11SQ\0\0" + struct.pack("<I", length) + items


@pytest.mark.parametrize("kind", ["defined", "undefined", "undefined items", "functional groups"])
def test_sixteen_megabytes_of_empty_items(kind, one_slice, tmp_path):
    items = (ITEM + bytes(4)) * (2 << 20)
    at = one_slice.index(b"\x08\x00\x60\x00CS")
    end = b"\xfe\xff\xdd\xe0\0\0\0\0"
    if kind == "undefined items":
        items = (ITEM + b"\xff\xff\xff\xff\xfe\xff\x0d\xe0\0\0\0\0") * (1 << 20)
    if kind == "functional groups":
        at = one_slice.rindex(PIXEL_DATA)
        added = b"\x00\x52\x30\x92SQ\0\0" + struct.pack("<I", len(items)) + items
    else:
        added = (
            sequence(items, len(items)) if kind == "defined" else sequence(items + end, 0xFFFFFFFF)
        )
    (tmp_path / "a.dcm").write_bytes(one_slice[:at] + added + one_slice[at:])
    assert refusals(tmp_path) == {"UNREADABLE-FILES"}


@pytest.mark.parametrize(
    "kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK]
)
def test_tar_headers_of_gigabytes(kind, tmp_path):
    header = tarfile.TarInfo("x")
    header.type = kind
    header.size = 3 << 30
    with (tmp_path / "a.tar").open("wb") as file:
        file.write(header.tobuf(tarfile.GNU_FORMAT))
        file.truncate(512 + (3 << 30) + 1024)
    assert refusals(tmp_path) == {"ARCHIVE-REFUSED"}


@pytest.mark.parametrize("count", [2, 5000])
def test_zip_with_overlapping_entries(count, tmp_path):
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    raw = bytes(10_000)
    packed = stream.compress(raw) + stream.flush()
    sizes = (zlib.crc32(raw), len(packed), len(raw), 1)
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 8, 0, 0, *sizes, 0) + b"a" + packed
    entry = (
        struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 8, 0, 0, *sizes, 0, 0, 0, 0, 0, 0)
        + b"a"
    )
    directory = entry * count
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, len(directory), len(local), 0)
    (tmp_path / "a.zip").write_bytes(local + directory + end)
    found = survey(tmp_path)
    assert [file.problem for file in found.walk.refused] == ["overlap"]
    assert refusals(tmp_path) == {"ARCHIVE-REFUSED"}


def deflated(one_slice, extra):
    end = 132
    while one_slice[end : end + 2] == b"\x02\x00":
        short = one_slice[end + 4 : end + 6] != b"OB"
        length = one_slice[end + 6 : end + 8] if short else one_slice[end + 8 : end + 12]
        end += (8 if short else 12) + int.from_bytes(length, "little")
    meta = one_slice[:end]
    at = meta.index(b"\x02\x00\x10\x00UI") + 6
    length = int.from_bytes(meta[at : at + 2], "little")
    syntax = b"1.2.840.10008.1.2.1.99"
    meta = meta[:at] + struct.pack("<H", len(syntax)) + syntax + meta[at + 2 + length :]
    group = int.from_bytes(meta[140:144], "little") + len(syntax) - length
    meta = meta[:140] + struct.pack("<I", group) + meta[144:]
    stream = zlib.compressobj(1, zlib.DEFLATED, -15)
    parts = [meta, stream.compress(one_slice[end:])]
    parts += [stream.compress(bytes(1 << 20)) for _ in range(extra)]
    return b"".join([*parts, stream.flush()])


@pytest.mark.parametrize(("extra", "code"), [(0, "ONE-SLICE"), (64, "UNREADABLE-FILES")])
def test_a_deflated_file_that_inflates_beyond_its_header(extra, code, one_slice, tmp_path):
    (tmp_path / "a.dcm").write_bytes(deflated(one_slice, extra))
    assert refusals(tmp_path) == {code}


def test_sparse_files_that_claim_gigabytes(one_slice, tmp_path):
    head = one_slice[: one_slice.rindex(PIXEL_DATA) + 8]
    for number in range(6):
        with (tmp_path / f"{number}.dcm").open("wb") as file:
            file.write(head + struct.pack("<I", 1_800_000_000))
            file.truncate(len(head) + 4 + 1_800_000_000)
    assert refusals(tmp_path) == {"SPARSE-FILE"}


@pytest.mark.parametrize("frames", ["2000000000", "7", "-1"])
def test_an_enhanced_ct_whose_frame_count_lies_has_an_entry_of_its_own(frames, tmp_path):
    one = enhanced(slices(6))
    one.NumberOfFrames = frames
    write_files(tmp_path, [one])
    (found,) = survey(tmp_path).series
    assert found.reason.startswith("TRUNCATED")
    assert found.modality == "CT"


@pytest.mark.parametrize("writer", ["sizes in front", "sizes behind"])
@pytest.mark.parametrize("lie", [bytes(12), b"\1\0\0\0" * 3, b"\xff" * 12])
def test_a_zip_whose_directory_contradicts_its_files(writer, lie, one_slice, tmp_path):
    """It would drop a slice, or the end of one, without a word."""
    target = io.BytesIO()
    if writer == "sizes behind":
        target.seekable = lambda: False
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in "ab":
            archive.writestr(name, one_slice)
    data = target.getvalue()
    (tmp_path / "a.zip").write_bytes(data)
    assert refusals(tmp_path) == {"REPEATED-FILES"} or not survey(tmp_path).walk.refused
    at = data.rindex(b"PK\1\2") + 16  # CRC, compressed and whole size of the last file
    (tmp_path / "a.zip").write_bytes(data[:at] + lie + data[at + 12 :])
    assert survey(tmp_path).walk.refused


@pytest.mark.parametrize("harm", ["cut", "no end", "files behind its end"])
def test_a_tar_that_ends_too_early_is_refused(harm, one_slice, tmp_path):
    """It would lose slices without a word."""
    rolled = io.BytesIO()
    with tarfile.open(fileobj=rolled, mode="w") as archive:
        about = tarfile.TarInfo("a")
        about.size = len(one_slice)
        archive.addfile(about, io.BytesIO(one_slice))
    data = rolled.getvalue()
    end = 512 + -(-len(one_slice) // 512) * 512
    harmed = {
        "cut": data[: end + 700],
        "no end": data[:end],
        "files behind its end": data + data,
    }
    (tmp_path / "a.tar").write_bytes(data)
    assert not survey(tmp_path).walk.refused
    (tmp_path / "a.tar").write_bytes(harmed[harm])
    assert [file.problem for file in survey(tmp_path).walk.refused] == ["broken"]


def test_a_tar_in_gzip_with_a_wrong_checksum_gives_none_of_its_files(one_slice, tmp_path):
    rolled = io.BytesIO()
    with tarfile.open(fileobj=rolled, mode="w") as archive:
        about = tarfile.TarInfo("a")
        about.size = len(one_slice)
        archive.addfile(about, io.BytesIO(one_slice))
    data = bytearray(gzip.compress(rolled.getvalue(), mtime=0))
    data[-8] ^= 1
    (tmp_path / "a.tgz").write_bytes(data)
    found = survey(tmp_path)
    assert [file.problem for file in found.walk.refused] == ["broken"]
    assert not any(one.is_ct for one in found.series)

"""The quick walk tells what pydicom tells, or leaves the file to pydicom; archives give what
folders give.
"""

import io
import shutil
import tarfile
import warnings
import zipfile
import zlib
from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pleura.core.findings import Verdict
from pleura.dicom.fast_header import FIRST_READ, Known, walk
from pleura.dicom.header import _parsed, planes_of
from pleura.dicom.series import find_series
from pleura.files import limits
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.phantom.enhanced import enhanced
from pleura.phantom.writer import SYNTAXES, SeriesSpec, series, write_files

SHAPE = (6, 20, 24)


def made():
    hu = np.random.default_rng(2).integers(-900, 900, SHAPE).astype(np.int16)
    return Volume(hu, Grid.axial(SHAPE, (2.0, 0.8, 0.7), (-5.0, 3.0, 100.0)))


def both(path, known):
    """What a file says by the walk, where it goes, and by pydicom."""
    data = path.read_bytes()
    with path.open("rb") as file:
        walked = walk(file, len(data), file.read(FIRST_READ), known)
    if walked is None:
        return None, None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return walked, _parsed(io.BytesIO(data))


def agree(path, known):
    walked, oracle = both(path, known)
    if walked is None:
        return False
    assert walked[1:3] == oracle[1:3], path
    names = set(walked.values) | set(oracle.values)
    for name in names:
        ours, theirs = walked.values.get(name), oracle.values.get(name)
        flat = [
            None if v in ("", None) else v
            for v in (theirs if isinstance(theirs, tuple) else [theirs])
        ]
        mine = list(ours) if isinstance(ours, tuple) else [ours]
        if name in ("PixelPaddingValue", "PixelPaddingRangeLimit") and mine != [None]:
            assert [v % 65536 for v in mine] == [v % 65536 for v in flat]
        else:
            assert mine == (flat or [None]) or [str(v) for v in mine] == [
                str(v).strip() for v in flat
            ], (path, name)
    return True


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_the_walk_is_pydicom(syntax, tmp_path):
    (path, *_) = write_files(tmp_path, series(made(), SeriesSpec(syntax=syntax)))
    assert agree(path, Known()) == (syntax not in ("big endian", "deflated"))


def test_the_walk_is_pydicom_on_real_files(real_data):
    files = [
        path
        for path in sorted(real_data.rglob("*"))
        if path.is_file() and path.suffix not in (".gz", ".npz", ".json")
    ]
    seen, known = 0, Known()
    for path in files[::7] + sorted((real_data / "oddities" / "formats").rglob("*.dcm")):
        try:
            seen += agree(path, known)
        except Exception as error:
            raise AssertionError(path.name) from error
    assert seen > 60


@pytest.mark.parametrize("syntax", ["explicit", "implicit"])
def test_what_is_remembered_changes_no_answer(syntax, tmp_path):
    """Neighbours, strangers, and neighbours with an element changed, removed or added, are read
    as if they came alone.
    """
    slices = series(made(), SeriesSpec(syntax=syntax)) * 2
    changes = [
        ("PatientName", "X^Y"),
        ("KVP", "80"),
        ("Manufacturer", "Other maker"),
        ("BodyPartExamined", "ABDOMEN"),
    ]
    for number, (name, value) in enumerate(changes):
        slices[number + 3] = copy = deepcopy(slices[number + 3])
        setattr(copy, name, value)
        del slices[number + 7].ConvolutionKernel, slices[number + 7].StudyID
        slices[number + 6].add_new(0x00091001, "UN", b"private bytes")
    known, passed_over = Known(), 0
    for path in write_files(tmp_path, slices):
        assert agree(path, known)
        data = path.read_bytes()
        assert header_of(data, known) == header_of(data, Known())
        seen = (stretch.raw for stretches in known.stretches for stretch in stretches.values())
        passed_over += any(raw in data for raw in seen)
    assert passed_over > len(slices) // 2


@pytest.fixture(scope="module", params=["explicit", "implicit"])
def neighbours(request, tmp_path_factory):
    """Headers of a series, and what a walk knows that went over all of them."""
    known, headers = Known(), []
    for path in write_files(
        tmp_path_factory.mktemp("neighbours"), series(made(), SeriesSpec(syntax=request.param)) * 3
    ):
        data = path.read_bytes()
        headers.append(data[: walk(None, len(data), data, known).place + 16])
    assert known.way is not None
    assert sum(
        walk(None, len(header), header, known).way is known.way for header in headers
    ) == len(headers)
    return headers, known


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_a_way_that_is_known_changes_no_answer(neighbours, data):
    """A header of which bytes were changed, taken out or put in, or of which the end is missing,
    is header_of as if alone.
    """
    headers, known = neighbours
    header = bytearray(data.draw(st.sampled_from(headers)))
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(128, len(header) - 1))
        header[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    cut = bytes(header[: data.draw(st.integers(132, len(header)) | st.just(len(header)))])
    assert header_of(cut, copy_of(known)) == header_of(cut, Known())


def test_a_way_of_which_the_end_was_not_read_yet_is_gone_to_the_end(neighbours):
    headers, known = neighbours
    right = header_of(headers[0], Known())
    assert right is not None
    for cut in range(132, len(headers[0])):
        assert header_of(headers[0], copy_of(known), cut) == right, cut


def test_a_transfer_syntax_that_changes_is_looked_at(tmp_path):
    """A way over an element that tells how the rest is encoded is none: here big-endian pixels,
    which are pydicom's work.
    """
    plain, rle, ge = b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0", b"1.2.840.113619.5.2\0\0"
    headers = [
        path.read_bytes()
        for path in write_files(tmp_path, series(made(), SeriesSpec(syntax="explicit")) * 3)
    ]
    known = Known()
    for number, header in enumerate(headers):
        assert header_of(header.replace(plain, (plain, rle)[number % 2]), known) is not None
    assert header_of(headers[0].replace(plain, ge), known) is None


def copy_of(known):
    """What is known, to be added to."""
    return Known(
        set(known.elements), tuple(dict(one) for one in known.stretches), list(known.met), known.way
    )


def header_of(data, known, read=None):
    """What a walk tells, but for the way that it came; of a file of which so many bytes were
    read already.
    """
    walked = walk(io.BytesIO(data[read:]), len(data), data[:read], known)
    return walked and walked[:3]


def packed(folder, place, how):
    if how == "zip":
        with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as target:
            for path in folder.rglob("*.dcm"):
                target.write(path, f"../../{path.relative_to(folder)}")
    else:
        with tarfile.open(place, how) as target:
            target.add(folder, "/etc")


@pytest.mark.parametrize(
    ("name", "how"), [("a.zip", "zip"), ("noname", "w"), ("a.tgz", "w:gz"), ("a.tar.xz", "w:xz")]
)
@pytest.mark.parametrize("syntax", ["explicit", "jpeg-ls", "deflated"])
def test_archives_are_read_in_place(name, how, syntax, tmp_path):
    volume = made()
    write_files(tmp_path / "made" / "Case_004", series(volume, SeriesSpec(syntax=syntax)))
    (tmp_path / "in").mkdir()
    packed(tmp_path / "made", tmp_path / "in" / name, how)
    before = sorted(tmp_path.rglob("*"))
    (one,) = find_series(tmp_path / "in")
    assert one.id == "Case_004"
    np.testing.assert_array_equal(one.read().hu, volume.hu)
    assert sorted(tmp_path.rglob("*")) == before


def test_members_of_one_name_are_told_apart(tmp_path):
    volume = made()
    paths = write_files(tmp_path / "made", series(volume))
    with tarfile.open(tmp_path / "a.tar", "w") as target:
        for path in paths:
            target.add(path, "CT.dcm")
    (one,) = find_series(tmp_path / "a.tar")
    np.testing.assert_array_equal(one.read().hu, volume.hu)


def test_bombs_and_broken_archives_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "GROWTH_FREE", 1 << 20)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("1.dcm", bytes(200 << 20))
    with tarfile.open(tmp_path / "bomb.tgz", "w:gz") as target:
        info = tarfile.TarInfo("2.dcm")
        info.size = 200 << 20
        target.addfile(info, io.BytesIO(bytes(200 << 20)))
    (tmp_path / "cut.zip").write_bytes((tmp_path / "bomb.zip").read_bytes()[:5000])
    (tmp_path / "not.tgz").write_bytes(zlib.compress(b"x" * 999))
    (one,) = find_series(tmp_path)
    assert one.verdict is Verdict.REFUSED
    assert one.slices == 4
    assert {finding.code for finding in one.findings} == {"ARCHIVE-REFUSED"}


def test_loops_zero_bytes_and_a_dicomdir(tmp_path):
    write_files(tmp_path / "in", series(made()))
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "in" / "empty.dcm").touch()
    (tmp_path / "in" / "zeros.dcm").write_bytes(bytes(4096))
    good, links = find_series(tmp_path / "in")
    assert (good.slices, good.verdict) == (SHAPE[0], Verdict.OK)
    assert {finding.code for finding in links.findings} == {
        "SYMLINK-LOOP",
        "BROKEN-LINK",
        "EMPTY-FILE",
    }


def test_no_value_is_quoted_by_a_warning(tmp_path, recwarn):
    one = enhanced(series(made()))
    one.PerFrameFunctionalGroupsSequence[0].PlanePositionSequence[
        0
    ].FrameOfReferenceUID = "DOE^JANE"
    one.StudyInstanceUID = "DOE^JANE"
    recwarn.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_files(tmp_path, [one])
    warnings.simplefilter("always")
    (found,) = find_series(tmp_path)
    assert found.slices == SHAPE[0]
    assert not recwarn.list


def test_frames_that_no_file_can_hold(tmp_path):
    (path, *_) = write_files(
        tmp_path, series(made(), SeriesSpec(tags={"NumberOfFrames": "2000000000"}))
    )
    (one,) = find_series(path)
    assert one.reason.startswith("TRUNCATED")
    shutil.rmtree(tmp_path)
    assert planes_of(io.BytesIO(b"plain text" * 50), 500, str(path), Known()) == []

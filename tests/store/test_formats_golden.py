"""Formats on disk, letter for letter: what version 1 wrote, it writes and reads. A change here
is a new version number.
"""

import gzip
import struct

import numpy as np
import pytest

from pleura.core.errors import InputRefused, UsageError
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume
from pleura.labels.registry import read_mask, write_mask
from pleura.store.case import Case, write_case
from pleura.store.cohort import Cohort, write_cohort
from pleura.store.split import make_split

CASE = """\
{
  "findings": [],
  "format": "pleura-case/1",
  "grid": {
    "affine_index_to_lps_mm": [
      [
        0.0,
        0.0,
        0.5,
        -1.0
      ],
      [
        0.0,
        0.75,
        0.0,
        2.0
      ],
      [
        2.0,
        0.0,
        0.0,
        3.5
      ],
      [
        0.0,
        0.0,
        0.0,
        1.0
      ]
    ],
    "shape": [
      2,
      3,
      4
    ],
    "slice_positions_mm": null
  },
  "id": "Case_000",
  "mask": {
    "sided": true,
    "volume_ml": {
      "both": 0.00375,
      "left": 0.0015,
      "right": 0.0022500000000000003
    }
  },
  "padding_voxels": 1,
  "spacing_mm": [
    2.0,
    0.75,
    0.5
  ],
  "verdict": "ok"
}
"""
COHORT = """\
{
  "cases": [
    {
      "id": "Case_000",
      "mask": "right and left",
      "slices": 2,
      "verdict": "ok"
    }
  ],
  "format": "pleura-cohort/1",
  "refused": 0,
  "verdicts": {
    "ok": 1
  }
}
"""
SPLIT = """\
{
  "format": "pleura-split/1",
  "rule": "order",
  "seed": 0,
  "test": [],
  "train": [
    "Case_000"
  ],
  "unlabelled": [],
  "validation": [],
  "validation_is": "nothing: the last epoch is kept",
  "validation_slices": {}
}
"""
GRID = Grid.axial((2, 3, 4), (2.0, 0.75, 0.5), (-1.0, 2.0, 3.5))
LABELS = np.array([1, 1, 1, 0, 2, 2, *[0] * 18], np.uint8).reshape(GRID.shape)
HU = (np.arange(24, dtype=np.int16) * 50 - 1000).reshape(GRID.shape)


def file_bytes(header, array):
    """A NumPy file of version 1 by hand (NEP 1): magic, length of the header, header padded to
    64 bytes, C order.
    """
    text = header.ljust((10 + len(header)) // 64 * 64 + 64 - 11).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + array.tobytes()


@pytest.fixture
def cohort(tmp_path):
    case = tmp_path / "cases" / "Case_000"
    case.mkdir(parents=True)
    write_case(
        case,
        "Case_000",
        Volume(HU, GRID, HU == -1000),
        LungMask(LABELS, GRID),
        verdict="ok",
        findings=[],
    )
    entries = [{"id": "Case_000", "slices": 2, "mask": "right and left", "verdict": "ok"}]
    write_cohort(tmp_path, entries, make_split({"Case_000": 2}), verdicts={"ok": 1}, refused=0)
    return tmp_path


def test_json_letter_for_letter(cohort):
    assert (cohort / "cases" / "Case_000" / "case.json").read_bytes() == CASE.encode()
    assert (cohort / "cohort.json").read_bytes() == COHORT.encode()
    assert (cohort / "split.json").read_bytes() == SPLIT.encode()


def test_arrays_byte_for_byte(cohort):
    shape = "'fortran_order': False, 'shape': (2, 3, 4), }"
    case = cohort / "cases" / "Case_000"
    assert (case / "volume.npy").read_bytes() == file_bytes(f"{{'descr': '<i2', {shape}", HU)
    assert (case / "mask.npy").read_bytes() == file_bytes(f"{{'descr': '|u1', {shape}", LABELS)
    assert (case / "padding.npy").read_bytes() == file_bytes(
        f"{{'descr': '|b1', {shape}", HU == -1000
    )


def test_what_version_1_wrote_is_read(tmp_path):
    case = tmp_path / "cases" / "Case_000"
    case.mkdir(parents=True)
    shape = "'fortran_order': False, 'shape': (2, 3, 4), }"
    (case / "case.json").write_text(CASE)
    (case / "volume.npy").write_bytes(file_bytes(f"{{'descr': '<i2', {shape}", HU))
    (case / "padding.npy").write_bytes(file_bytes(f"{{'descr': '|b1', {shape}", HU == -1000))
    (case / "mask.npy").write_bytes(file_bytes(f"{{'descr': '|u1', {shape}", LABELS))
    (tmp_path / "cohort.json").write_text(COHORT)
    (tmp_path / "split.json").write_text(SPLIT)
    (held,) = Cohort.open(tmp_path).cases
    np.testing.assert_array_equal(held.volume().hu, HU)
    np.testing.assert_array_equal(held.mask().labels, LABELS)
    assert held.grid.same_as(GRID, tolerance_mm=0)
    assert Cohort.open(tmp_path).split.train == ("Case_000",)


def test_other_versions_are_refused_by_name(cohort):
    for path, number, read, error in (
        (
            cohort / "cases" / "Case_000" / "case.json",
            "case",
            lambda: Case.open(cohort / "cases" / "Case_000"),
            InputRefused,
        ),
        (cohort / "cohort.json", "cohort", lambda: Cohort.open(cohort), UsageError),
        (cohort / "split.json", "split", lambda: Cohort.open(cohort).split, UsageError),
    ):
        before = path.read_text()
        path.write_text(before.replace(f"pleura-{number}/1", f"pleura-{number}/2"))
        with pytest.raises(error, match="prepare"):
            read()
        path.write_text(before)


def test_masks_whose_bytes_are_ours_alone(tmp_path):
    """MetaImage and NIfTI headers by their bytes (NIfTI-1: offsets of nifti1.h); voxels as they
    are.
    """
    for suffix in (".mha", ".nii.gz"):
        write_mask(tmp_path / f"m{suffix}", LungMask(LABELS, GRID))
        np.testing.assert_array_equal(read_mask(tmp_path / f"m{suffix}", GRID).labels, LABELS)
    text = (tmp_path / "m.mha").read_bytes().split(b"ElementDataFile")[0].decode()
    told = dict(line.split(" = ") for line in text.splitlines())
    assert told["TransformMatrix"] == "1.0 0.0 0.0 0.0 1.0 0.0 0.0 0.0 1.0"
    assert (told["Offset"], told["ElementSpacing"], told["DimSize"]) == (
        "-1.0 2.0 3.5",
        "0.5 0.75 2.0",
        "4 3 2",
    )
    nifti = gzip.decompress((tmp_path / "m.nii.gz").read_bytes())
    assert len(nifti) == 352 + LABELS.size
    assert nifti[352:] == LABELS.tobytes()
    assert struct.unpack_from("<8h", nifti, 40) == (3, 4, 3, 2, 1, 1, 1, 1)
    assert struct.unpack_from("<2h", nifti, 70) == (2, 8)  # uint8
    assert struct.unpack_from("<4f", nifti, 76)[1:] == (0.5, 0.75, 2.0)
    assert (nifti[123], nifti[148:173], nifti[344:347]) == (2, b"1 right lung, 2 left lung", b"n+1")
    assert struct.unpack_from("<2h", nifti, 252) == (1, 1)  # qform and sform: scanner coordinates
    rows = ((-0.5, 0, 0, 1.0), (0, -0.75, 0, -2.0), (0, 0, 2.0, 3.5))
    assert struct.unpack_from("<12f", nifti, 280) == tuple(value for row in rows for value in row)

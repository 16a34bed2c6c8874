"""Label objects of series that are odd to refer to: in archives, in several multi-frame objects,
without UIDs.
"""

import zipfile
from dataclasses import replace

import numpy as np
import pydicom
import pytest
from testing import flaws

from pleura.core.errors import InputRefused
from pleura.dicom.series import find_series
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume
from pleura.labels.registry import read_mask, write_mask
from pleura.phantom.enhanced import enhanced
from pleura.phantom.identity import uid
from pleura.phantom.writer import SeriesSpec, series, write_files

GRID = Grid.axial((6, 12, 16), (3.0, 1.0, 1.0), (-12.0, -10.0, 100.0))
SLICES = series(Volume(np.zeros(GRID.shape, np.int16), GRID), SeriesSpec(declare_padding=False))


def mask(grid):
    labels = np.zeros(grid.shape, np.uint8)
    labels[1:5, 3:9, 2:6], labels[2:4, 3:9, 9:14] = 1, 2
    return LungMask(labels, grid)


@pytest.mark.parametrize("suffix", [".seg.dcm", ".rtstruct.dcm"])
def test_series_in_an_archive(suffix, tmp_path):
    paths = write_files(tmp_path / "a", SLICES)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for path in paths:
            archive.write(path, path.name)
    (one,) = find_series(tmp_path / "x.zip")
    write_mask(tmp_path / f"m{suffix}", mask(one.grid), one)
    np.testing.assert_array_equal(
        read_mask(tmp_path / f"m{suffix}", one.grid, one).labels, mask(one.grid).labels
    )
    named = pydicom.dcmread(tmp_path / f"m{suffix}")
    assert named.StudyInstanceUID == SLICES[0].StudyInstanceUID


@pytest.mark.parametrize("cut", [3, 1])
def test_several_multi_frame_objects_take_labels(cut, tmp_path):
    parts = [enhanced(SLICES[:cut]), enhanced(SLICES[cut:])]
    for k, part in enumerate(parts):
        part.SOPInstanceUID = part.file_meta.MediaStorageSOPInstanceUID = uid("part", k)
    write_files(tmp_path, parts)
    (one,) = find_series(tmp_path)
    for suffix in (".seg.dcm", ".rtstruct.dcm"):
        write_mask(tmp_path / f"m{suffix}", mask(one.grid), one)
        np.testing.assert_array_equal(
            read_mask(tmp_path / f"m{suffix}", one.grid, one).labels, mask(one.grid).labels
        )
    frames = [
        c.ContourImageSequence[0].get("ReferencedFrameNumber")
        for c in contours(tmp_path / "m.rtstruct.dcm")
    ]
    assert all(frames)


def contours(path):
    return [
        contour
        for roi in pydicom.dcmread(path).ROIContourSequence
        for contour in roi.ContourSequence
    ]


@pytest.mark.parametrize(
    "keyword", ["SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID"]
)
def test_slices_that_cannot_be_referred_to(keyword, tmp_path):
    write_files(tmp_path, flaws.tags(SLICES, **{keyword: ""}))
    (one,) = find_series(tmp_path)
    for suffix in (".seg.dcm", ".rtstruct.dcm"):
        with pytest.raises(InputRefused, match="UIDs") as told:
            write_mask(tmp_path / f"m{suffix}", mask(one.grid), one)
        assert told.value.code == "NO-UIDS"
        assert not (tmp_path / f"m{suffix}").exists()


@pytest.mark.parametrize("uid", ["{0C3F-a1b2}", "1.2." + "3" * 64, "1.2.", "12"])
def test_what_is_no_uid_is_not_referenced(uid, tmp_path):
    write_files(tmp_path / "ct", SLICES)
    (one,) = find_series(tmp_path / "ct")
    with pytest.raises(InputRefused, match="UIDs") as told:
        write_mask(tmp_path / "m.seg.dcm", mask(one.grid), replace(one, series_uid=uid))
    assert told.value.code == "NO-UIDS"

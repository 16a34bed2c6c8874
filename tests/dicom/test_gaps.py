"""Lost slices: refused, parted, or filled; and what is true stays true."""

import numpy as np
import pytest
from testing import flaws

from pleura.core.errors import InputRefused
from pleura.core.findings import Verdict
from pleura.dicom.series import find_series
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.phantom.writer import SeriesSpec, series, write_files

SHAPE = (12, 20, 16)


def ramp() -> Volume:
    """Linear along the slices, so that interpolation is exact."""
    hu = np.broadcast_to(-900 + 40 * np.arange(12)[:, None, None], SHAPE) + np.arange(16)
    return Volume(hu.astype(np.int16), Grid.axial(SHAPE, (2.0, 0.8, 0.7), (-5.0, 3.0, 100.0)))


@pytest.fixture
def gapped(tmp_path):
    write_files(tmp_path, flaws.missing(series(ramp()), 3, 7, 8))
    return tmp_path


def test_refused_unless_asked(gapped):
    (one,) = find_series(gapped)
    assert one.reason.startswith("GAP-IN-SLICES: 3 slices are missing, after slice 3, 6 of 9")
    with pytest.raises(InputRefused):
        one.read()


def test_split(gapped):
    parts = sorted(find_series(gapped, gaps="split"), key=lambda one: one.grid.affine[2, 3])
    assert [one.slices for one in parts] == [3, 3, 3]
    assert {one.verdict for one in parts} == {Verdict.REPAIRED}
    truth = ramp()
    for one, start in zip(parts, (0, 4, 9), strict=True):
        np.testing.assert_array_equal(one.read().hu, truth.hu[start : start + 3])
        np.testing.assert_allclose(one.grid.to_world([0, 0, 0]), truth.grid.to_world([start, 0, 0]))


@pytest.mark.parametrize(
    ("lost", "lengths"),
    [
        ((1,), [1, 10]),
        ((10,), [10, 1]),
        ((1, 3), [1, 1, 8]),
        ((1, 10), [1, 8, 1]),
        ((2, 4, 6, 9), [2, 1, 1, 2, 2]),
    ],
)
def test_a_slice_alone_between_gaps_is_refused_and_the_rest_used(tmp_path, lost, lengths):
    write_files(tmp_path, flaws.missing(series(ramp()), *lost))
    parts = sorted(find_series(tmp_path, gaps="split"), key=lambda one: one.files[0].position[2])
    assert [one.slices for one in parts] == lengths
    for one in parts:
        codes = [finding.code for finding in one.findings]
        assert ("ONE-SLICE" in codes) == (one.slices == 1)
        assert one.usable == (one.slices > 1)
        if one.usable:
            assert one.read().hu.shape == (one.slices, 20, 16)


def test_interpolated(gapped):
    (one,) = find_series(gapped, gaps="interpolate")
    truth = ramp()
    assert (one.verdict, one.slices, one.missing) == (Verdict.REPAIRED, 12, (3, 7, 8))
    np.testing.assert_allclose(one.grid.affine, truth.grid.affine, atol=1e-6)
    np.testing.assert_array_equal(one.read().hu, truth.hu)


def test_padding_is_never_interpolated(tmp_path):
    made = flaws.padded(series(ramp(), SeriesSpec(signed=True, intercept=0.0)), -2000)
    write_files(tmp_path, flaws.missing(made, 5))
    (one,) = find_series(tmp_path, gaps="interpolate")
    read = one.read()
    np.testing.assert_array_equal(read.padding, read.hu == -2000)
    assert (read.padding[5] == read.padding[4]).all()


def test_many_scattered_losses_are_a_gap_all_the_same(tmp_path):
    volume = Volume(np.zeros((40, 8, 8), np.int16), Grid.axial((40, 8, 8), (2.5, 1, 1)))
    lost = [k for k in range(1, 39) if k % 10 in (1, 3, 6)]
    slices = [one for k, one in enumerate(series(volume, SeriesSpec())) if k not in lost]
    write_files(tmp_path, slices)
    (found,) = find_series(tmp_path)
    (gap,) = [finding for finding in found.findings if finding.code == "GAP-IN-SLICES"]
    assert gap.evidence["missing"] == len(lost)

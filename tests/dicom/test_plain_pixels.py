"""Plain 16-bit pixels read where they are to be: the same as wide arithmetic, wherever sums or
unused bits leave int16.
"""

import numpy as np
import pytest

from pleura.dicom.pixels import read_hu
from pleura.dicom.plane import Cells, Plane

EXPLICIT = "1.2.840.10008.1.2.1"


def plane_of(path, cells, intercept):
    bare = Plane(
        str(path),
        0,
        None,
        -1,
        "",
        "",
        None,
        None,
        (),
        0,
        None,
        1,
        True,
        True,
        0,
        "",
        "",
        "",
        "",
        "CT",
        EXPLICIT,
    )
    return bare._replace(
        rows=4, columns=4, slope=1.0, intercept=float(intercept), cells=cells, length=32
    )


@pytest.mark.parametrize("intercept", [-40000, -32769, -32768, -1024, -1, 0, 1, 1000, 32767])
@pytest.mark.parametrize("least", [True, False], ids=["lowest", "any"])
@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
@pytest.mark.parametrize("stored", [10, 12, 14, 16])
def test_as_wide_arithmetic_has_it(tmp_path, stored, signed, least, intercept):
    low, high = (-(1 << stored - 1), 1 << stored - 1) if signed else (0, 1 << stored)
    wide = np.random.default_rng(stored).integers(low, high, (3, 4, 4))
    if least:
        wide[1], wide[2] = low, 1  # what only one comparison sees
    cells = Cells(16, stored, stored - 1, signed, 1, "MONOCHROME2")
    dirt = np.zeros_like(wide)
    dirt[2] = -1 << stored  # unused bits that are set
    for number, stored_values in enumerate(wide):
        (stored_values ^ dirt[number]).astype("<i8").astype("<u2").tofile(tmp_path / str(number))
    hu, _, over = read_hu(
        [plane_of(tmp_path / str(number), cells, intercept) for number in range(3)]
    )
    truth = wide + intercept
    assert np.array_equal(hu, truth.clip(-32768, 32767))
    assert over == np.count_nonzero((truth > 32767) | (truth < -32768))


@pytest.mark.parametrize("order", ["aaaa", "aaba", "baaa", "a-a-", "-aaa", "----", "-b-a"])
def test_padding_is_marked_slice_by_slice_however_often_it_changes(tmp_path, order):
    cells = Cells(16, 16, 15, True, 1, "MONOCHROME2")
    masks = {
        "a": np.triu(np.ones((4, 4), bool), 1),
        "b": np.eye(4, dtype=bool),
        "-": np.zeros((4, 4), bool),
    }
    truth = np.stack([masks[name] for name in order])
    for number, mask in enumerate(truth):
        np.where(mask, -2000, 40).astype("<i2").tofile(tmp_path / str(number))
    hu, padding, _ = read_hu(
        [plane_of(tmp_path / str(number), cells, 0) for number in range(4)], workers=2
    )
    assert np.array_equal(hu, np.where(truth, -2000, 40))
    assert np.array_equal(padding if padding is not None else np.zeros_like(truth), truth)
    assert (padding is None) == (order == "----")


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("seed", range(6))
def test_neighbours_may_differ_in_all_that_is_treated_together(tmp_path, seed, workers):
    """Long enough that slices are read several at a time: each keeps its own intercept, padding
    and declaration.
    """
    rng = np.random.default_rng(seed)
    slices, planes, truth, marked = 60, [], [], []
    intercept, outside, declared = 0, 0, None
    for number in range(slices):
        if rng.random() < 0.3:
            intercept = int(rng.choice([0, -24, -1024, 5]))
        if rng.random() < 0.3:
            outside = int(rng.choice([0, -2000, -3000, -32768]))  # 0: no padding
        if rng.random() < 0.3:
            declared = [None, (-2000, -2000), (-3100, -1900), (-900, -900)][rng.integers(4)]
        stored = rng.integers(-900, 2000, (4, 4)).astype("<i2")
        mask = rng.random((4, 4)) < 0.4
        mask[0, 0] = rng.random() < 0.5
        if outside:
            stored[mask] = outside
        stored.tofile(tmp_path / str(number))
        cells = Cells(16, 16, 15, True, 1, "MONOCHROME2")
        planes.append(plane_of(tmp_path / str(number), cells, intercept)._replace(padding=declared))
        hu = (stored.astype(int) + intercept).clip(-32768, 32767)
        corners = {int(hu[row, column]) for row in (0, -1) for column in (0, -1)}
        padding = np.isin(hu, [value for value in corners if value < -1100])
        if declared and declared[1] + intercept < -1100:
            padding |= (hu >= declared[0] + intercept) & (hu <= declared[1] + intercept)
        truth.append(hu)
        marked.append(padding)
    hu, padding, _ = read_hu(planes, workers=workers)
    assert np.array_equal(hu, truth)
    assert padding is not None
    assert np.array_equal(padding, marked)

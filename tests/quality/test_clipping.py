"""A window baked in, and dense matter that wrapped around, are told; true values, metal and
noise are not.
"""

import numpy as np
import pytest

from pleura.core.findings import Verdict
from pleura.geometry.volume import Volume
from pleura.phantom.anatomy import chest
from pleura.quality.hounsfield import check_hounsfield

BODY = chest((40, 128, 128), seed=3)[0]


def codes(hu, padding=None):
    return {
        finding.code
        for finding in check_hounsfield(Volume(hu.astype(np.int16), BODY.grid, padding))[1]
    }


@pytest.mark.parametrize("top", [150, 240, 400])
def test_a_window_that_was_baked_in_is_told(top):
    assert "VALUES-CLIPPED" in codes(BODY.hu.clip(-1350, top))


@pytest.mark.parametrize("top", [1500, 3071, 32767])
def test_a_scanners_own_end_is_none(top):
    assert not codes(BODY.hu.clip(-1024, top)) & {"VALUES-CLIPPED", "VALUES-WRAPPED"}


def dense(value):
    """Rods of metal or dense bone, smooth at their rim as scanners see them."""
    hu = BODY.hu.astype(np.int32)
    rows, columns = np.mgrid[:128, :128]
    for row, column in ((70, 40), (70, 90), (85, 64)):
        near = np.exp(-(((rows - row) ** 2 + (columns - column) ** 2) / 18.0))
        hu = (hu + near * (value - hu)).astype(np.int32)
    return hu


def test_dense_matter_that_wrapped_around_twelve_bits_is_told():
    stored = dense(1900) + 1024
    signed = np.where(stored >= 2048, stored - 4096, stored) - 1024
    (finding,) = [
        one
        for one in check_hounsfield(Volume(signed.astype(np.int16), BODY.grid))[1]
        if one.code == "VALUES-WRAPPED"
    ]
    assert finding.verdict is Verdict.REVIEW
    assert finding.evidence["n"] == np.count_nonzero(signed < -1100)


@pytest.mark.parametrize("value", [1900, 3071, 12000])
def test_dense_matter_that_did_not_is_no_such_thing(value):
    assert "VALUES-WRAPPED" not in codes(dense(value))


def with_block(value, row, column, seed=3):
    """A chest with a block of one value and sharp edges: 8 × 8 pixels on five slices."""
    hu = chest((40, 128, 128), seed=seed)[0].hu.astype(np.int32)
    hu[15:20, row : row + 8, column : column + 8] = value
    return hu


@pytest.mark.parametrize("intercept", [0, -1024])
@pytest.mark.parametrize("value", [2100, 2500, 3000])
@pytest.mark.parametrize(("row", "column"), [(85, 64), (50, 62), (45, 62)])
def test_metal_with_sharp_edges_that_wrapped_is_told(value, intercept, row, column):
    """No bone around it tells that its values left the range of 12 bits, signed."""
    stored = with_block(value, row, column) - intercept
    wrapped = np.where(stored >= 2048, stored - 4096, stored) + intercept
    (finding,) = [
        one
        for one in check_hounsfield(Volume(wrapped.astype(np.int16), BODY.grid))[1]
        if one.code == "VALUES-WRAPPED"
    ]
    assert finding.verdict is Verdict.REVIEW
    assert finding.evidence["n"] >= 320


@pytest.mark.parametrize("value", [-1000, -1024, -1050, 3071])
def test_gas_and_metal_with_sharp_edges_are_none(value):
    assert "VALUES-WRAPPED" not in codes(with_block(value, 64, 60))


@pytest.mark.parametrize("spread", [60, 150])
def test_noise_of_a_low_dose_is_none(spread):
    noise = np.random.default_rng(1).normal(0, spread, BODY.hu.shape)
    assert "VALUES-WRAPPED" not in codes(BODY.hu + noise)


def test_streaks_beside_metal_are_no_wrapping():
    hu = dense(3071)
    rng = np.random.default_rng(0)
    k, i, j = (rng.integers(0, n, 200) for n in (40, 128, 128))
    hu[k, i, j] = -1500
    assert "VALUES-WRAPPED" not in codes(hu)


def test_padding_within_padding_is_marked():
    hu = BODY.hu.copy()
    padding = np.zeros(hu.shape, np.bool_)
    hu[:, :12], hu[:, :6] = -2048, -3024
    padding[:, :6] = True
    right, findings = check_hounsfield(Volume(hu, BODY.grid, padding))
    assert right.padding is not None
    assert right.padding[:, :12].all()
    assert not right.padding[:, 12:].any()
    assert all(finding.verdict is not Verdict.REFUSED for finding in findings)


@pytest.mark.parametrize("where", [0, 20, 39])
def test_a_slice_of_another_intercept_is_refused_amid_padding(where):
    hu = BODY.hu.copy()
    padding = np.zeros(hu.shape, np.bool_)
    padding[:, :, :20] = padding[:, :, -20:] = True
    hu[padding] = -2048
    hu[where] += 1024
    padding[where] = False  # −1024 now, which is no padding by its value
    assert "SLICES-DISAGREE" in codes(hu, padding)


LIMITS = [(0, 2047), (-1024, 1023)]
"""Intercepts of 12 bits, signed, with the highest HU that they store."""


def wrapped_to_12_bits(hu, intercept):
    stored = hu.astype(np.int64) - intercept
    return ((stored + 2048) % 4096 - 2048 + intercept).astype(np.int16)


@pytest.mark.parametrize(("intercept", "limit"), LIMITS)
@pytest.mark.parametrize("value", [4000, 4600, 6000, 8000])
def test_metal_that_wrapped_to_values_of_tissue_is_told(value, intercept, limit):
    """Where it lands nothing is odd, but the values above the end of 12 bits are missing."""
    found = check_hounsfield(Volume(wrapped_to_12_bits(dense(value), intercept), BODY.grid))[1]
    codes_found = {one.code: one for one in found}
    assert codes_found.keys() & {"VALUES-OVERFLOW", "VALUES-WRAPPED"}
    if "VALUES-OVERFLOW" in codes_found:
        assert codes_found["VALUES-OVERFLOW"].evidence["hu"] == limit
        assert codes_found["VALUES-OVERFLOW"].verdict is Verdict.REVIEW


@pytest.mark.parametrize("limit", [1023, 2047, 3071, 3095])
@pytest.mark.parametrize("value", [900, 1900, 3000, 6000, 12000])
def test_a_scanner_that_saturates_lost_nothing(value, limit):
    assert "VALUES-OVERFLOW" not in codes(dense(value).clip(-1024, limit))

"""Blank slices and blank ends of slices are told from air, padding and what a scanner leaves
empty.
"""

import numpy as np
import pytest

from pleura.core.findings import Verdict
from pleura.geometry.volume import Volume
from pleura.phantom.anatomy import chest
from pleura.quality.slices import check_blank

SHAPE = (24, 64, 64)


def codes(hu, volume):
    return [(finding.code, finding.verdict) for finding in check_blank(Volume(hu, volume.grid))]


@pytest.mark.parametrize("clipped", [True, False])
def test_whole_chests_have_none(clipped):
    for seed in range(3):
        volume, _ = chest(SHAPE, seed=seed)
        hu = volume.hu.clip(-1000, None) if clipped else volume.hu  # clipped: air has one value
        assert codes(hu, volume) == []


@pytest.mark.parametrize("value", [-1024, 0, -32768, 3071])
@pytest.mark.parametrize("rows", [64, 40, 30])
@pytest.mark.parametrize("which", [[12], [3, 4, 5], [1, 9, 20], [22]])
def test_lost_rows_are_refused(which, rows, value):
    volume, _ = chest(SHAPE, seed=1)
    hu = volume.hu.copy()
    hu[which, -rows:] = value
    (finding,) = check_blank(Volume(hu, volume.grid))
    assert (finding.code, finding.verdict) == ("BLANK-SLICES", Verdict.REFUSED)
    assert finding.evidence["n"] == len(which)


def test_blank_ends_want_a_look():
    volume, _ = chest(SHAPE, seed=1)
    hu = volume.hu.copy()
    hu[:2], hu[-1] = -1024, -2000
    (finding,) = check_blank(Volume(hu, volume.grid))
    assert (finding.verdict, finding.evidence["n"]) == (Verdict.REVIEW, 3)


def test_blank_rows_under_the_patient_are_air():
    volume, _ = chest(SHAPE, seed=1)
    hu = volume.hu.copy()
    below = int(np.flatnonzero((hu > -500).any(axis=(0, 2)))[-1]) + 1
    hu[::2, below:] = -1000
    assert codes(hu, volume) == []


def test_nothing_but_blank_is_left_to_others():
    volume, _ = chest(SHAPE, seed=1)
    assert codes(np.full(SHAPE, -1000, np.int16), volume) == []

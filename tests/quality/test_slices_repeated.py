"""Slices with their neighbour's pixels are seen; drawn pictures and blank ends, which repeat
honestly, are not.
"""

import numpy as np
import pytest

from pleura.core.findings import Verdict
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.quality.slices import check_repeated


def noisy(slices=20):
    return np.random.default_rng(1).normal(0, 20, (slices, 32, 32)).astype(np.int16)


def findings(hu):
    return check_repeated(Volume(hu, Grid.axial(hu.shape, (1, 1, 1))))


def test_noise_is_never_the_same_twice():
    assert findings(noisy()) == ()


@pytest.mark.parametrize("which", [(1,), (7, 8), (19,)])
def test_some_are_refused_and_told_by_number(which):
    hu = noisy()
    for k in which:
        hu[k] = hu[k - 1]
    (finding,) = findings(hu)
    assert finding.code == "SLICES-REPEATED"
    assert finding.verdict is Verdict.REFUSED
    assert f"(slice {', '.join(str(k + 1) for k in which)})" in finding.message


def test_a_stack_whose_slices_come_in_pairs_was_resampled():
    (finding,) = findings(np.repeat(noisy(10), 2, axis=0))
    assert finding.verdict is Verdict.REVIEW


def test_blank_and_drawn_slices_may_repeat():
    hu = noisy()
    hu[-3:] = -1000
    hu[:3] = np.where(np.eye(32, dtype=bool), 40, -1000)
    assert findings(hu) == ()

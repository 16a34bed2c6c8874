"""Steps: even, uneven, or with slices lost; InstanceNumbers tell lost slices from another
protocol.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pleura.dicom.spacing import check_spacing, same_position_mm


def outcome(depths, numbers=()):
    return [
        (finding.code, finding.evidence.get("missing"))
        for finding in check_spacing(np.array(depths, float), numbers)
    ]


@given(
    st.sets(st.integers(1, 38), min_size=1, max_size=30),
    st.sampled_from([0.625, 2.5, 5.0]),
    st.booleans(),
)
def test_losses_that_numbers_tell_are_counted_to_the_slice(lost, step, downwards):
    kept = [k for k in range(40) if k not in lost]
    numbers = [40 - k if downwards else k + 1 for k in kept]
    depths = [step * k for k in kept]
    even = len(set(np.diff(kept))) == 1
    assert outcome(depths, numbers) == ([] if even else [("GAP-IN-SLICES", len(lost))])


def test_another_protocol_goes_on_counting():
    depths = [*range(0, 60, 3), *range(60, 180, 6)]
    assert outcome(depths, range(1, 41)) == [("UNEVEN-SPACING", None)]
    assert outcome(depths) == [("UNEVEN-SPACING", None)]


@pytest.mark.parametrize(
    "numbers", [[None] * 7, [1, 2, 3, 4, 5, 6, None], [3, 1, 7, 2, 9, 4, 8], [1] * 7]
)
def test_numbers_that_tell_nothing_are_left_aside(numbers):
    assert outcome([0, 5, 10, 20, 25, 30, 35], numbers) == [("GAP-IN-SLICES", 1)]


def test_stacks_beside_each_other_are_no_gap_of_thousands():
    depths = sorted([5.0 * k for k in range(48)] + [5.0 * k + 1.0 for k in range(48)])
    assert outcome(depths) == [("UNEVEN-SPACING", None)]


@pytest.mark.parametrize("offset", [0.002, 0.05, 0.2])
def test_slices_next_to_each_other_are_of_one_place(offset):
    depths = sorted([5.0 * k for k in range(48)] + [5.0 * k + offset for k in range(48)])
    assert offset < same_position_mm(depths) < 1.0

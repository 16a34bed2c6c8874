"""Percentiles are NumPy's own, to the last bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from pleura.geometry.percentiles import percentiles

SHAPES = arrays.array_shapes(min_dims=1, max_dims=2, min_side=1, max_side=40)
VALUES = st.one_of(
    arrays.arrays(np.int16, SHAPES, elements=st.integers(-1024, 3071)),
    arrays.arrays(np.float64, SHAPES, elements=st.floats(-1e6, 1e6)),
)


@given(VALUES, st.lists(st.floats(0, 100), min_size=1, max_size=3))
def test_the_same_as_numpys(values, wanted):
    assert np.array_equal(percentiles(values, wanted), np.percentile(values, wanted, axis=-1))


@pytest.mark.parametrize("wanted", [0, 20, 50, 75, 95, 100])
def test_usual_percentiles_of_a_few_values(wanted):
    for count in range(1, 60):
        values = np.arange(count) ** 2 * 0.7
        assert percentiles(values, [wanted])[0] == np.percentile(values, wanted)

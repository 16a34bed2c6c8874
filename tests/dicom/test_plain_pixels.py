"""Plain 16-bit pixels read where they are to be: the same as wide arithmetic, wherever sums or unused bits leave int16."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pleura.dicom.header import Cells, Plane
from pleura.dicom.pixels import read_hu

EXPLICIT = "1.2.840.10008.1.2.1"


def plane_of(path, cells, intercept):
    bare = Plane(str(path), 0, None, -1, "", "", None, None, (), 0, None, 1, True, True, "", "", "", "CT", EXPLICIT)
    return bare._replace(rows=4, columns=4, slope=1.0, intercept=float(intercept), cells=cells, length=32)


@given(
    raw=arrays(np.uint16, (4, 4), elements=st.integers(0, 65535)),
    stored=st.sampled_from([10, 12, 14, 16]),
    signed=st.booleans(),
    clean=st.booleans(),
    intercept=st.integers(-40000, 40000) | st.sampled_from([-32768, -1024, 0, 32767]),
)
def test_as_wide_arithmetic_has_it(tmp_path_factory, raw, stored, signed, clean, intercept):
    wide = raw.astype(np.int64) & (1 << stored) - 1
    wide = np.where(signed & (wide >= 1 << stored - 1), wide - (1 << stored), wide)
    path = tmp_path_factory.mktemp("plain") / "pixels"
    (wide.astype("<i8").astype("<u2") if clean else raw).tofile(path)  # clean: no unused bit is set but for the sign's
    hu, _, over = read_hu([plane_of(path, Cells(16, stored, stored - 1, signed, 1, "MONOCHROME2"), intercept)])
    truth = wide + intercept
    assert np.array_equal(hu[0], truth.clip(-32768, 32767))
    assert over == np.count_nonzero((truth > 32767) | (truth < -32768))

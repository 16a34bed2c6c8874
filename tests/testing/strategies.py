"""Hypothesis strategies shared by the tests: grids of every kind a scanner makes, and some it
should not.
"""

import numpy as np
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pleura.geometry.grid import Grid


@st.composite
def grids(
    draw, *, uneven: bool | None = None, left_handed: bool | None = None, largest: int = 9
) -> Grid:
    """Oblique, left-handed and unevenly spaced grids; `uneven` and `left_handed` fix what they
    name.
    """
    shape = tuple(draw(st.integers(2, largest)) for _ in range(3))
    spacing = [draw(st.floats(0.3, 6.0)) for _ in range(3)]
    turn = Rotation.random(random_state=draw(st.integers(0, 2**31 - 1))).as_matrix()
    # columns of the affine: slice, row, column; right-handed as DICOM has it
    axes = turn[:, ::-1].copy()
    if draw(st.booleans()) if left_handed is None else left_handed:
        axes[:, 0] = -axes[:, 0]
    affine = np.eye(4)
    affine[:3, :3] = axes * spacing
    affine[:3, 3] = [draw(st.floats(-500, 500)) for _ in range(3)]
    positions = None
    if draw(st.booleans()) if uneven is None else uneven:
        steps = np.array([draw(st.floats(0.5, 7.0)) for _ in range(shape[0] - 1)])
        positions = np.concatenate([[0.0], np.cumsum(steps)])
        affine[:3, 0] *= steps.mean() / spacing[0]
    return Grid(shape, affine, positions)

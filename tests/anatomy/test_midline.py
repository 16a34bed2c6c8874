"""The midline, where the image ends within the body."""

import numpy as np
import pytest

from pleura.anatomy.anatomy import Anatomy
from pleura.anatomy.midline import midline_column, sides_cut
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.phantom.anatomy import chest

SPACING = (5.0, 2.0, 2.0)


def slab(width: int = 160, spine: int | None = 80) -> tuple[np.ndarray, np.ndarray]:
    """HU and body of an elliptic trunk 300 mm wide, with a spine of 40 mm and ribs at its sides."""
    rows, columns = np.mgrid[:120, :width]
    body = ((rows - 60) / 55) ** 2 + ((columns - 80) / 75) ** 2 < 1
    hu = np.where(body, 0, -1000).astype(np.int16)
    if spine is not None:
        hu[85:105, spine - 10 : spine + 10] = 600
    hu[65:80, 10:13] = hu[65:80, 147:150] = 600
    return np.repeat(hu[None], 6, axis=0), np.repeat(body[None], 6, axis=0)


@pytest.mark.parametrize(
    ("columns", "cut", "wanted"),
    [
        (slice(0, 160), (False, False), 80),
        (slice(0, 80), (False, True), 75),
        (slice(80, 160), (True, False), 5),
        (slice(0, 110), (False, True), 80),
        (slice(50, 160), (True, False), 30),
        (slice(0, 60), (False, True), 59),
        (slice(40, 120), (True, True), 40),
    ],
)
def test_spine_is_found_whichever_side_is_cut(columns, cut, wanted):
    hu, body = (array[:, :, columns] for array in slab())
    assert sides_cut(body) == cut
    assert midline_column(hu, body, SPACING) == pytest.approx(wanted, abs=5)  # 10 mm


def test_no_spine_and_no_body_give_no_midline():
    hu, body = slab(spine=None)
    hu[hu > 0] = 0
    assert midline_column(hu, body, SPACING) is None
    assert midline_column(hu, np.zeros_like(body), SPACING) is None


@pytest.mark.parametrize(("columns", "side"), [(slice(0, 48), "right"), (slice(48, 96), "left")])
def test_lung_of_half_a_chest_has_its_own_side(columns, side):
    volume, truth = chest((24, 96, 96), seed=4)
    hu = np.ascontiguousarray(volume.hu[:, :, columns])
    half = Volume(hu, Grid.axial(hu.shape, volume.grid.spacing_mm))
    found = Anatomy(half).mask
    wanted = getattr(truth, side)[:, :, columns]
    other = {"right": found.left, "left": found.right}[side]
    assert not other.any()
    assert np.count_nonzero(getattr(found, side) & wanted) > 0.9 * np.count_nonzero(wanted)

"""Dense lung: analytic shapes of known volume, in whatever direction the stack lies."""

import numpy as np
import pytest

from pleura.core.errors import GridMismatch
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume
from pleura.quantify.dense import dense_ml, with_dense_parts

SPACING = (2.0, 1.0, 1.0)
SHAPE = (60, 120, 160)
RIGHT_BOX = (slice(5, 55), slice(15, 105), slice(10, 70))
LEFT_BOX = (slice(5, 55), slice(15, 105), slice(90, 150))
SLICE, ROW, COLUMN = np.ogrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
BALL = ((SLICE - 30) * 2.0) ** 2 + (ROW - 60) ** 2 + (COLUMN - 40) ** 2 < 25**2
"""Of 25 mm radius in the middle of the right lung."""
BALL_ML = 4 / 3 * np.pi * 2.5**3


def exam(*, dense_hu=40, vessel_mm=None):
    """Two boxes of lung in tissue; a ball without air in the right one, or a straight vessel."""
    hu = np.full(SHAPE, 40, np.int16)
    labels = np.zeros(SHAPE, np.uint8)
    for label, box in ((1, RIGHT_BOX), (2, LEFT_BOX)):
        hu[box], labels[box] = -850, label
    if vessel_mm is None:
        hu[BALL] = dense_hu
    else:
        hu[5:55, 60 : 60 + vessel_mm, 40 : 40 + vessel_mm] = dense_hu
    grid = Grid.axial(SHAPE, SPACING)
    return Volume.without_header(hu, grid), LungMask(labels, grid)


def found(volume, mask):
    labels = with_dense_parts(volume, mask)
    return labels, dense_ml(volume, mask, labels)


def test_a_ball_without_air_is_the_dense_part_of_its_lung():
    volume, mask = exam()
    labels, ml = found(volume, mask)
    overlap = np.count_nonzero((labels == 3) & BALL)
    assert 2 * overlap / (np.count_nonzero(labels == 3) + BALL.sum()) > 0.95
    assert ml["right"] == pytest.approx(BALL_ML, rel=0.05)
    assert ml["both"] == ml["right"]
    assert ml["left"] == 0
    assert ml["right"] == pytest.approx(np.count_nonzero(labels == 3) * np.prod(SPACING) / 1000)


def test_lungs_keep_their_voxels():
    volume, mask = exam()
    labels, _ = found(volume, mask)
    assert np.array_equal(labels > 0, mask.labels > 0)
    assert np.array_equal(np.where(labels > 2, labels - 2, labels), mask.labels)


@pytest.mark.parametrize("change", [{"vessel_mm": 4}, {"dense_hu": -650}, {"dense_hu": -850}])
def test_vessels_ground_glass_and_aerated_lung_are_not_dense(change):
    labels, ml = found(*exam(**change))
    assert ml["both"] == 0
    assert labels.max() == 2


def test_tissue_outside_the_mask_is_not_dense():
    volume, mask = exam()
    labels = mask.labels.copy()
    labels[BALL] = 0
    _, ml = found(volume, LungMask(labels, mask.grid))
    assert ml["both"] == 0


@pytest.mark.parametrize("flip", [(0,), (1,), (2,), (0, 1, 2)])
def test_it_does_not_depend_on_how_the_stack_is_stored(flip):
    volume, mask = exam()
    expected = found(volume, mask)[1]
    affine = mask.grid.affine.copy()
    for axis in flip:
        affine[:3, 3] += affine[:3, axis] * (SHAPE[axis] - 1)
        affine[:3, axis] *= -1
    grid = Grid(SHAPE, affine)
    hu, labels = (np.ascontiguousarray(np.flip(array, flip)) for array in (volume.hu, mask.labels))
    ml = found(Volume.without_header(hu, grid), LungMask(labels, grid))[1]
    assert ml == pytest.approx(expected, rel=0.03)


def test_uneven_slices_count_with_their_thickness():
    volume, mask = exam()
    kept = np.r_[0:30, 30:60:2]
    affine = mask.grid.affine.copy()
    affine[:3, 0] *= np.diff(kept).mean()
    grid = Grid((len(kept), *SHAPE[1:]), affine, positions_mm=kept * 2.0)
    thin = Volume.without_header(np.ascontiguousarray(volume.hu[kept]), grid)
    _, ml = found(thin, LungMask(np.ascontiguousarray(mask.labels[kept]), grid))
    assert ml["right"] == pytest.approx(BALL_ML, rel=0.1)


def test_a_mask_without_sides_has_one_volume():
    volume, mask = exam()
    unsided = LungMask((mask.labels > 0).astype(np.uint8), mask.grid, sided=False)
    _, ml = found(volume, unsided)
    assert list(ml) == ["both"]
    assert ml["both"] == pytest.approx(BALL_ML, rel=0.05)


def test_another_grid_is_refused():
    volume, mask = exam()
    with pytest.raises(GridMismatch, match="grid of the CT"):
        with_dense_parts(volume, LungMask(mask.labels, Grid.axial(SHAPE, (2.0, 1.0, 1.1))))

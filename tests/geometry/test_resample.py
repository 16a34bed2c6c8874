"""Grids turned upright, shrunk and resampled, against SimpleITK and against functions known in
closed form.
"""

import numpy as np
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from testing.strategies import grids

from pleura.geometry.grid import Grid
from pleura.geometry.resample import (
    Upright,
    enlarge,
    resample_mask,
    resample_volume,
    shrink,
)
from pleura.geometry.volume import AIR_HU, LungMask, Volume


def upright_grid(grid, spacing_mm):
    """The plain axial grid that covers all of another: slices to the head, rows to the back."""
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in grid.shape])).reshape(3, -1).T
    world = grid.to_world(corners)
    low, high = world.min(axis=0), world.max(axis=0)
    counts = np.floor((high - low) / np.array(spacing_mm)[::-1] + 1e-6).astype(int) + 1
    return Grid.axial((counts[2], counts[1], counts[0]), spacing_mm, (low[0], low[1], low[2]))


def as_image(array, grid):
    """The same voxels as SimpleITK has them: axes x y z are columns, rows, slices."""
    image = sitk.GetImageFromArray(array)
    axes = grid.affine[:3, [2, 1, 0]]
    spacing = np.linalg.norm(axes, axis=0)
    image.SetSpacing([float(s) for s in spacing])
    image.SetDirection((axes / spacing).ravel().tolist())
    image.SetOrigin(grid.affine[:3, 3].tolist())
    return image


@given(grids())
def test_upright_turns_and_turns_back(grid):
    upright = Upright.of(grid)
    array = np.arange(np.prod(grid.shape)).reshape(grid.shape)
    turned = upright.turn(array)
    assert np.array_equal(upright.back(turned), array)
    steps = np.array(np.unravel_index([turned[0, 0, 0], turned[-1, -1, -1]], grid.shape)).T
    low, high = grid.to_world(steps)
    # not too oblique to say
    if grid.is_even and np.abs(grid.affine[:3, :3] / grid.spacing_mm).max(axis=0).min() > 0.9:
        assert (high > low).all()


def test_upright_of_a_flipped_coronal_stack():
    affine = np.eye(4)
    # slices to the back, rows to the feet
    affine[:3, :3] = np.array([[0, 0, -1], [2, 0, 0], [0, -1, 0]], dtype=float)
    grid = Grid((4, 5, 6), affine)
    assert grid.orientation() == "PIR"
    upright = Upright.of(grid)
    assert upright.spacing_mm == (1.0, 2.0, 1.0)
    array = np.zeros(grid.shape)
    array[3, 0, 0] = 1  # back, head, left
    assert upright.turn(array)[-1, -1, -1] == 1


@given(
    st.tuples(st.integers(1, 7), st.integers(1, 7), st.integers(1, 7)),
    st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)),
    st.integers(0, 99),
)
def test_shrink_is_the_mean_over_blocks(shape, factors, seed):
    array = np.random.default_rng(seed).integers(-3000, 3000, shape).astype(np.int16)
    small = shrink(array, factors)
    a, b, c = factors
    for at in np.ndindex(small.shape):
        block = array[
            at[0] * a : at[0] * a + a, at[1] * b : at[1] * b + b, at[2] * c : at[2] * c + c
        ]
        assert np.isclose(small[at], block.mean(), atol=1e-2)
    assert enlarge(small, factors, shape).shape == shape
    assert enlarge(small, factors, shape)[-1, -1, -1] == small[-1, -1, -1]


def test_linear_resampling_agrees_with_simpleitk():
    rng = np.random.default_rng(1)
    source = Grid.axial((9, 14, 12), (3.0, 1.1, 0.9), (-4.0, 7.0, 20.0))
    target = Grid.axial((15, 9, 11), (1.5, 1.4, 0.8), (-3.0, 8.0, 21.0))
    hu = rng.integers(-1000, 1000, source.shape).astype(np.int16)
    ours = resample_volume(Volume(hu, source), target)
    frame = as_image(np.zeros(target.shape, dtype=np.float32), target)
    theirs = sitk.GetArrayFromImage(
        sitk.Resample(
            as_image(hu.astype(np.float32), source),
            frame,
            sitk.Transform(),
            sitk.sitkLinear,
            AIR_HU,
        )
    )
    index = np.stack(np.meshgrid(*[np.arange(n) for n in target.shape], indexing="ij"), axis=-1)
    at = source.to_index(target.to_world(index))
    within = ((at >= 0) & (at <= np.array(source.shape) - 1)).all(axis=-1)
    assert within.mean() > 0.5
    assert np.abs(ours.hu[within] - theirs[within]).max() <= 0.51


@given(grids(uneven=True, largest=7))
def test_a_linear_field_survives_uneven_spacing(grid):
    index = np.stack(np.meshgrid(*[np.arange(n) for n in grid.shape], indexing="ij"), axis=-1)
    reach = grid.to_world(index.reshape(-1, 3))
    slope = np.array([1.0, -0.7, 0.4]) * 1500 / max(1.0, np.abs(reach - reach.mean(0)).max())

    def field(points):
        return (points - reach.mean(0)) @ slope

    volume = Volume(np.rint(field(grid.to_world(index))).astype(np.int16), grid)
    target = (
        upright_grid(grid, (2.0, 2.0, 2.0))
        if max(np.ptp(reach, axis=0)) < 60
        else upright_grid(grid, (8.0, 8.0, 8.0))
    )
    result = resample_volume(volume, target)
    points = target.to_world(
        np.stack(np.meshgrid(*[np.arange(n) for n in target.shape], indexing="ij"), axis=-1)
    )
    at = grid.to_index(points)
    within = ((at >= 0) & (at <= np.array(grid.shape) - 1)).all(axis=-1)
    assert np.abs(result.hu[within] - field(points)[within]).max(initial=0) <= 1.01
    far = ((at < -0.51) | (at > np.array(grid.shape) - 0.49)).any(axis=-1)
    assert (result.hu[far] == AIR_HU).all()
    assert not far.any() or (result.padding is not None and result.padding[far].all())


def test_padding_is_never_blended():
    grid = Grid.axial((2, 1, 8), (1, 1, 1))
    hu = np.zeros(grid.shape, dtype=np.int16)
    hu[:, :, 4:] = -2000
    volume = Volume(hu, grid, hu == -2000)
    finer = resample_volume(volume, Grid.axial((2, 1, 15), (1, 1, 0.5)))
    assert set(np.unique(finer.hu)) == {AIR_HU, 0}
    assert finer.padding[0, 0].tolist() == [False] * 7 + [True] * 8


@given(grids(largest=6), st.integers(0, 99))
def test_masks_take_the_nearest_label(grid, seed):
    labels = np.random.default_rng(seed).integers(0, 3, grid.shape).astype(np.uint8)
    mask = LungMask(labels, grid)
    assert np.array_equal(resample_mask(mask, grid).labels, labels)
    spacing = float(max(grid.spacing_mm))
    target = upright_grid(grid, (spacing, spacing, spacing))
    result = resample_mask(mask, target)
    for at in np.ndindex(target.shape):
        index = grid.to_index(target.to_world(np.array(at)))
        nearest = np.floor(index + 0.5).astype(int)
        inside = ((nearest >= 0) & (nearest < grid.shape)).all()
        assert result.labels[at] == (labels[tuple(nearest)] if inside else 0)

"""How a slice reaches the network and comes back: places and areas in mm, against SimpleITK and
simple shapes.
"""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from pleura.geometry.network_grid import NetInput

SHAPES = st.tuples(st.integers(8, 70), st.integers(8, 70))
SPACINGS = st.tuples(st.floats(0.4, 4.0), st.floats(0.4, 4.0))


def centred_mm(number, step):
    return (np.arange(number) - (number - 1) / 2) * step


def disc(shape, spacing, middle_mm, radius_mm):
    rows, columns = (centred_mm(n, s) for n, s in zip(shape, spacing, strict=True))
    return (rows[:, None] - middle_mm[0]) ** 2 + (columns[None] - middle_mm[1]) ** 2 <= radius_mm**2


@given(SHAPES, SPACINGS)
def test_all_of_a_uniform_slice_is_shown_and_the_rest_is_air(shape, spacing):
    picture = NetInput(32).show(np.full(shape, 400, np.int16), spacing)
    pixel = max(n * s for n, s in zip(shape, spacing, strict=True)) / 32
    inside = [
        np.abs(centred_mm(32, pixel)) <= n * s / 2 - pixel / 2
        for n, s in zip(shape, spacing, strict=True)
    ]
    assert picture.shape == (32, 32)
    assert np.allclose(picture[np.ix_(*inside)], 1, atol=1e-6)
    beyond = np.abs(centred_mm(32, pixel)) > shape[0] * spacing[0] / 2 + pixel
    assert not picture[beyond].any()


@given(SHAPES, SPACINGS)
def test_there_and_back_keeps_what_a_pixel_can_hold(shape, spacing):
    """A ramp in mm comes back in its place to a tenth of a pixel, except where the slice's own
    edge cuts the filter.
    """
    net = NetInput(32, low_hu=-1000, high_hu=1000)
    rows, columns = (centred_mm(n, s) for n, s in zip(shape, spacing, strict=True))
    slope = 1500 / max(n * s for n, s in zip(shape, spacing, strict=True))
    hu = np.rint(slope * (0.5 * rows[:, None] + 0.5 * columns[None])).astype(np.int16)
    back = net.answer(net.show(hu, spacing), shape, spacing) * 2000 - 1000
    pixel = max(n * s for n, s in zip(shape, spacing, strict=True)) / 32
    margins = [int(np.ceil(2 * pixel / s)) for s in spacing]
    inner = tuple(slice(m, n - m) for m, n in zip(margins, shape, strict=True))
    assert back.shape == shape
    assert np.abs(back[inner] - hu[inner]).max(initial=0) <= 0.5 + 0.1 * slope * max(
        pixel, *spacing
    )


@pytest.mark.parametrize(
    ("shape", "spacing"), [((96, 96), (0.8, 0.8)), ((60, 96), (1.1, 0.7)), ((40, 30), (3.0, 3.5))]
)
def test_a_shape_keeps_its_place_and_its_area(shape, spacing):
    net = NetInput(64)
    mask = disc(shape, spacing, (6.0, -9.0), 14.0)
    share = net.show_mask(mask, spacing)
    pixel = max(n * s for n, s in zip(shape, spacing, strict=True)) / 64
    places = centred_mm(64, pixel)
    assert share.sum() * pixel**2 == pytest.approx(mask.sum() * spacing[0] * spacing[1], rel=0.02)
    for axis in (0, 1):
        true = mask.sum(axis=1 - axis) @ centred_mm(shape[axis], spacing[axis]) / mask.sum()
        assert share.sum(axis=1 - axis) @ places / share.sum() == pytest.approx(
            true, abs=0.05 * pixel
        )
    back = net.answer(share, shape, spacing) >= 0.5
    assert 2 * (back & mask).sum() / (back.sum() + mask.sum()) > 0.96


def test_up_sampling_is_linear_as_simpleitk_has_it():
    drawn = np.random.default_rng(5)
    probability = drawn.random((24, 24)).astype(np.float32)
    shape, spacing = (70, 80), (0.9, 0.8)
    pixel = 64 / 24
    source = sitk.GetImageFromArray(probability)
    source.SetSpacing((pixel, pixel))
    source.SetOrigin((-pixel * 23 / 2,) * 2)
    goal = sitk.Image(shape[1], shape[0], sitk.sitkFloat32)
    goal.SetSpacing(spacing[::-1])
    goal.SetOrigin((centred_mm(shape[1], spacing[1])[0], centred_mm(shape[0], spacing[0])[0]))
    wanted = sitk.GetArrayFromImage(
        sitk.Resample(source, goal, sitk.Transform(), sitk.sitkLinear, -1.0, sitk.sitkFloat32)
    )
    ours = NetInput(24).answer(probability, shape, spacing)
    known = wanted >= 0
    assert known.mean() > 0.8
    assert np.abs(ours - wanted)[known].max() < 1e-5


def test_noise_is_averaged_and_not_aliased():
    """Every second pixel bright: half-bright when shown at half the size, wherever the pixels
    fall.
    """
    hu = np.full((64, 64), -1000, np.int16)
    hu[::2] = 400
    picture = NetInput(32).show(hu, (1.0, 1.0))
    assert np.abs(picture[2:-2] - 0.5).max() < 0.01


def test_the_window_is_clipped_before_the_filter():
    hu = np.full((32, 32), -1000, np.int16)
    hu[16, 16] = 30_000
    picture = NetInput(16).show(hu, (1.0, 1.0))
    assert picture.max() <= 1
    assert picture.sum() == pytest.approx(0.25, abs=0.01)


def test_the_card_brings_the_same_input_back():
    net = NetInput(48, -900, 300)
    assert NetInput.from_json(net.as_json()) == net

"""Densities against NumPy and SimpleITK on the voxels themselves, and against phantoms of known
HU and volume.
"""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from pleura.core.errors import GridMismatch
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LEFT, RIGHT, LungMask, Volume
from pleura.phantom.anatomy import chest
from pleura.quantify.lungs import REGIONS, measure_lungs


@pytest.fixture(scope="module")
def phantom():
    return chest((36, 96, 96), seed=7)


@pytest.fixture(scope="module")
def measures(phantom):
    return measure_lungs(*phantom)


@pytest.mark.parametrize(
    ("side", "labels"), [("right", (RIGHT,)), ("left", (LEFT,)), ("both", (RIGHT, LEFT))]
)
def test_as_numpy_has_it(phantom, measures, side, labels):
    volume, mask = phantom
    hu = volume.hu[np.isin(mask.labels, labels)].astype(np.float64)
    ml = np.prod(volume.grid.spacing_mm) / 1000
    wanted = {
        "ml": hu.size * ml,
        "mass_g": ((hu + 1000) / 1000).sum() * ml,
        "mean_hu": hu.mean(),
        "median_hu": np.median(hu),
        "perc15_hu": np.percentile(hu, 15),
        "laa950_percent": 100 * (hu < -950).mean(),
        "laa910_percent": 100 * (hu < -910).mean(),
        "laa856_percent": 100 * (hu < -856).mean(),
        "haa_percent": 100 * ((hu >= -600) & (hu < -250)).mean(),
    }
    for name, value in wanted.items():
        assert measures[side][name] == pytest.approx(value, rel=1e-6, abs=1e-6), name


def test_as_simpleitk_has_it(phantom, measures):
    volume, mask = phantom
    image, labels = sitk.GetImageFromArray(volume.hu), sitk.GetImageFromArray(mask.labels)
    for one in (image, labels):
        one.SetSpacing(volume.grid.spacing_mm[::-1])
    statistics = sitk.LabelIntensityStatisticsImageFilter()
    statistics.Execute(labels, image)
    for side, label in (("right", RIGHT), ("left", LEFT)):
        assert measures[side]["mean_hu"] == pytest.approx(statistics.GetMean(label), rel=1e-6)
        assert measures[side]["ml"] == pytest.approx(
            statistics.GetPhysicalSize(label) / 1000, rel=1e-6
        )


@settings(max_examples=40)
@given(st.lists(st.integers(-1024, 300), min_size=1, max_size=60), st.sampled_from([15.0, 50.0]))
def test_percentiles_of_any_few_voxels(values, percent):
    hu = np.array(values, dtype=np.int16).reshape(1, 1, -1)
    grid = Grid.axial(hu.shape, (2.5, 0.7, 0.7))
    found = measure_lungs(Volume(hu, grid), LungMask(np.ones(hu.shape, np.uint8), grid))
    name = "perc15_hu" if percent == 15.0 else "median_hu"
    assert found["right"][name] == pytest.approx(np.percentile(values, percent), abs=1e-6)


def test_a_phantom_of_known_density_and_volume():
    """A ball of radius 60 mm at −800 HU: 904.8 ml, 181 g."""
    shape, mm = (140, 140, 140), 1.0
    place = (np.indices(shape) - 69.5) * mm
    ball = (place**2).sum(axis=0) < 60**2
    grid = Grid.axial(shape, (mm, mm, mm))
    found = measure_lungs(
        Volume(np.where(ball, -800, 40).astype(np.int16), grid),
        LungMask(ball.astype(np.uint8), grid),
    )
    ml = 4 / 3 * np.pi * 60**3 / 1000
    assert found["right"]["ml"] == pytest.approx(ml, rel=0.005)
    assert found["right"]["mass_g"] == pytest.approx(0.2 * ml, rel=0.005)
    assert found["right"]["mean_hu"] == -800
    assert found["left"] is None
    assert found["asymmetry"] == 1.0
    for region in ("front", "back"):
        assert found["right"][region]["ml"] == pytest.approx(ml / 2, rel=0.005)
    cap = np.pi * 40**2 * (3 * 60 - 40) / 3 / 1000  # of a third of the height
    assert found["right"]["upper"]["ml"] == pytest.approx(cap, rel=0.02)


def test_regions_add_up_and_lie_where_they_are_named(phantom, measures):
    volume, mask = phantom
    for side, label in (("right", RIGHT), ("left", LEFT)):
        parts = measures[side]
        thirds = sum(parts[name]["ml"] for name in REGIONS[:3])
        halves = sum(parts[name]["ml"] for name in REGIONS[3:])
        assert thirds == pytest.approx(parts["ml"], rel=1e-9)
        assert halves == pytest.approx(parts["ml"], rel=1e-9)
        stored = np.flatnonzero((mask.labels == label).any(axis=(1, 2)))
        height = stored[-1] - stored[0] + 1
        upper = mask.labels[round(stored[0] + height * 2 / 3) :] == label
        assert parts["upper"]["ml"] == pytest.approx(
            np.count_nonzero(upper) * volume.grid.voxel_ml, rel=1e-9
        )


def test_stored_upside_down_the_upper_third_is_still_the_upper(phantom, measures):
    volume, mask = phantom
    affine = np.array(volume.grid.affine)
    affine[:3, 3] += affine[:3, 0] * (volume.grid.shape[0] - 1)
    affine[:3, 0] *= -1
    grid = Grid(volume.grid.shape, affine)
    found = measure_lungs(
        Volume(np.ascontiguousarray(volume.hu[::-1]), grid),
        LungMask(np.ascontiguousarray(mask.labels[::-1]), grid),
    )
    for region in REGIONS:
        assert found["right"][region]["ml"] == pytest.approx(
            measures["right"][region]["ml"], rel=0.02
        )


def test_uneven_slices_weigh_by_their_thickness():
    positions = np.array([0.0, 1.0, 2.0, 12.0])
    affine = np.diag([1.0, 1.0, 4.0, 1.0])[:, [2, 1, 0, 3]]
    grid = Grid((4, 2, 2), affine, positions)
    hu = np.broadcast_to(
        np.array([-900, -900, -900, -700], np.int16)[:, None, None], (4, 2, 2)
    ).copy()
    found = measure_lungs(Volume(hu, grid), LungMask(np.ones((4, 2, 2), np.uint8), grid))["right"]
    thickness = grid.thickness_mm
    assert found["ml"] == pytest.approx(thickness.sum() * 4 / 1000)
    assert found["mean_hu"] == pytest.approx(
        (thickness * [-900, -900, -900, -700]).sum() / thickness.sum()
    )


def test_padding_is_not_measured(phantom):
    volume, mask = phantom
    padding = np.zeros(volume.hu.shape, np.bool_)
    padding[:18] = True
    found = measure_lungs(Volume(volume.hu, volume.grid, padding), mask)
    assert found["both"]["ml"] == pytest.approx(
        np.count_nonzero(mask.labels[18:]) * volume.grid.voxel_ml
    )


def test_an_unsided_mask_gives_both_alone(phantom):
    volume, mask = phantom
    found = measure_lungs(volume, LungMask(mask.lungs.astype(np.uint8), volume.grid, sided=False))
    assert set(found) == {"both", "asymmetry"}
    assert found["asymmetry"] is None


def test_no_lung_is_none(phantom):
    volume, _ = phantom
    found = measure_lungs(volume, LungMask(np.zeros(volume.hu.shape, np.uint8), volume.grid))
    assert found == {"right": None, "left": None, "both": None, "asymmetry": None}


def test_another_grid_is_refused(phantom):
    volume, mask = phantom
    grid = Grid.axial(mask.labels.shape, (5, 5, 5))
    with pytest.raises(GridMismatch):
        measure_lungs(volume, LungMask(mask.labels, grid))

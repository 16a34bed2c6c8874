"""Lungs there at all, both, dense as lungs are, and not cut."""

import numpy as np
import pytest

from pleura.core.findings import Verdict
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume
from pleura.phantom.anatomy import chest
from pleura.quality.coverage import check_coverage

SHAPE = (32, 64, 64)


@pytest.fixture(scope="module")
def case():
    return chest(SHAPE, seed=1)


def codes(volume, mask):
    return {finding.code: finding for finding in check_coverage(mask, volume)}


def cropped(volume, mask, part):
    hu = np.ascontiguousarray(volume.hu[part])
    grid = Grid.axial(hu.shape, volume.grid.spacing_mm)
    return Volume(hu, grid), LungMask(np.ascontiguousarray(mask.labels[part]), grid)


def test_a_whole_chest_is_whole(case):
    assert codes(*case) == {}


def test_no_lungs(case):
    volume, mask = case
    found = codes(volume, LungMask(np.zeros(SHAPE, np.uint8), mask.grid))
    assert set(found) == {"NO-LUNGS"}
    assert found["NO-LUNGS"].verdict is Verdict.REFUSED
    speck = np.zeros(SHAPE, np.uint8)
    speck[10:12, 20:25, 20:25] = 1
    assert set(codes(volume, LungMask(speck, mask.grid))) == {"NO-LUNGS"}


def test_one_lung(case):
    volume, mask = case
    found = codes(volume, LungMask(np.where(mask.labels == 1, 1, 0).astype(np.uint8), mask.grid))
    assert "LUNG-MISSING" in found
    assert "left" in found["LUNG-MISSING"].message


def test_solid_lungs(case):
    volume, mask = case
    hu = volume.hu.copy()
    hu[mask.lungs] = -50
    assert codes(Volume(hu, volume.grid), mask)["LUNG-DENSITY"].evidence["median_hu"] == -50


@pytest.mark.parametrize(
    ("part", "where"),
    [
        (slice(12, None), "foot"),
        (slice(None, 20), "head"),
        ((slice(None), slice(None), slice(26, None)), "edge"),
        ((slice(None), slice(28, None)), "edge"),
    ],
)
def test_a_cut_chest(case, part, where):
    found = codes(*cropped(*case, part))
    evidence = found["CHEST-CUT"].evidence
    assert found["CHEST-CUT"].verdict is Verdict.REVIEW
    assert evidence[f"{where}_{'ml' if where == 'edge' else 'cm2'}"] > 5
    assert all(
        value < 5 for key, value in evidence.items() if key != "where" and not key.startswith(where)
    )


def test_cut_by_a_round_field_of_view():
    volume, mask = chest(SHAPE, seed=1, padding_hu=-2000)
    assert "CHEST-CUT" not in codes(volume, mask)
    index = np.stack(np.meshgrid(*[np.arange(n) for n in SHAPE], indexing="ij"), axis=-1)
    x, y, _ = np.moveaxis(volume.grid.to_world(index), -1, 0)
    outside = np.hypot(x, y) > 90
    narrow = Volume(np.where(outside, -2000, volume.hu).astype(np.int16), volume.grid, outside)
    labels = np.where(outside, 0, mask.labels).astype(np.uint8)
    assert codes(narrow, LungMask(labels, mask.grid))["CHEST-CUT"].evidence["edge_ml"] > 5


def test_more_lung_than_anybody_has(case):
    volume, mask = case
    # four times the volume
    grid = Grid.axial(SHAPE, tuple(1.6 * mm for mm in volume.grid.spacing_mm))
    found = codes(Volume(volume.hu, grid), LungMask(mask.labels, grid))
    assert {code: finding.verdict for code, finding in found.items()} == {
        "MUCH-LUNG": Verdict.REVIEW
    }


def scaled(case, *factors):
    """The same chest with its lengths along slices, rows and columns multiplied."""
    volume, mask = case
    spacing = np.array(volume.grid.spacing_mm) * factors
    grid = Grid.axial(volume.hu.shape, spacing.tolist())
    return Volume(volume.hu, grid), LungMask(mask.labels, grid)


@pytest.mark.parametrize("factor", [0.3, 0.5, 0.7])
def test_a_chest_that_is_too_small_for_an_adult(case, factor):
    found = codes(*scaled(case, factor, factor, factor))
    assert found["SMALL-CHEST"].verdict is Verdict.REVIEW
    columns = np.flatnonzero(case[1].lungs.any(axis=(0, 1)))
    width = (np.ptp(columns) + 1) * case[0].grid.spacing_mm[2] * factor
    assert found["SMALL-CHEST"].evidence["width_mm"] == round(width)


@pytest.mark.parametrize("factors", [(2, 1, 1), (0.5, 1, 1), (1, 0.5, 1), (1, 1, 2)])
def test_one_spacing_that_is_wrong(case, factors):
    assert codes(*scaled(case, *factors))["ODD-PROPORTIONS"].verdict is Verdict.REVIEW


@pytest.mark.parametrize("factors", [(1.2, 1, 1), (0.8, 1, 1), (1, 0.9, 1.1), (1, 1.2, 1)])
def test_adults_differ(case, factors):
    assert codes(*scaled(case, *factors)) == {}


def test_the_apex_of_an_adult_is_no_small_chest(case):
    volume, mask = case
    levels = np.flatnonzero(mask.lungs.any(axis=(1, 2)))
    found = codes(*cropped(volume, mask, np.s_[levels[-1] - 2 : levels[-1] + 2]))
    assert "SMALL-CHEST" not in found
    assert "CHEST-CUT" in found

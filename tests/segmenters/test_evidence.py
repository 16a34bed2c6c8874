"""What a mask holds that is not aerated lung sends it to review, and says how much."""

import numpy as np
import pytest

from pleura.geometry.grid import Grid
from pleura.segmenters.coarse_lungs import CoarseLungs
from pleura.segmenters.evidence import evidence_findings, gathered

MM = 3.5
ML = MM**3 / 1000
SHAPE = (40, 40, 60)
LUNG_HU = -850.0


def scene():
    """Two lungs of even density side by side, and how sure the network is of them."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[4:36, 5:35, 4:27] = 1
    labels[4:36, 5:35, 33:56] = 2
    hu = np.where(labels > 0, LUNG_HU, 40.0).astype(np.float32)
    margin = np.where(labels > 0, 6.0, -6.0).astype(np.float32)
    return labels, hu, margin


def findings_of(labels, hu, margin, source_mm=(8.0, 1.0, 1.0)):
    lungs = CoarseLungs(labels, margin, np.where(labels == 2, 6.0, -6.0), 0.0, 0.0, 0.0)
    evidence = gathered(
        margin, lungs, hu, np.ones(SHAPE, bool), MM, Grid.axial((9, 9, 9), source_mm)
    )
    return {one.code: one for one in evidence_findings(evidence)}


def test_even_lungs_give_no_finding():
    assert findings_of(*scene()) == {}


@pytest.mark.parametrize(("value", "code"), [(45.0, "SOLID-PART"), (-1000.0, "GAS-PART")])
def test_a_part_without_lung_tissue_is_told_with_its_side_and_volume(value, code):
    labels, hu, margin = scene()
    hu[10:18, 8:18, 40:46] = value
    (found,) = (one for one in findings_of(labels, hu, margin).values() if one.code == code)
    assert found.evidence["side"] == "left"
    assert found.evidence["ml"] == pytest.approx(
        8 * 10 * 6 * ML, rel=0.2
    )  # its corners count as thin


@pytest.mark.parametrize("value", [45.0, -1000.0])
def test_as_much_in_vessels_or_specks_is_no_finding(value):
    labels, hu, margin = scene()
    hu[5:35:4, 6:34:4, 6:26] = value  # threads, one voxel thick
    hu[:, :, 34:55:5] = np.where(labels[:, :, 34:55:5] == 2, value, hu[:, :, 34:55:5])  # sheets
    assert not {"SOLID-PART", "GAS-PART"} & findings_of(labels, hu, margin).keys()


@pytest.mark.parametrize("value", [-960.0, -1000.0])
def test_gas_that_touches_a_lung_and_is_left_out_is_told_with_its_volume(value):
    """Severe emphysema and bullae, which a network can take for air outside the body."""
    labels, hu, margin = scene()
    part = (slice(10, 18), slice(5, 15), slice(33, 40))
    hu[part], labels[part], margin[part] = value, 0, -6.0
    found = findings_of(labels, hu, margin)
    assert found.keys() == {"GAS-BESIDE-MASK"}
    assert found["GAS-BESIDE-MASK"].evidence["ml"] == pytest.approx(8 * 10 * 7 * ML, rel=0.2)


def test_gas_behind_a_wall_and_a_little_gas_are_no_finding():
    """The bowel below the diaphragm, and what is left of bronchi."""
    labels, hu, margin = scene()
    hu[0:3, 8:34, 33:56] = -1000.0  # a wall of one voxel between
    hu[10:14, 5:10, 27:31] = -1000.0  # 2.6 ml, next to the right lung
    assert findings_of(labels, hu, margin) == {}


def test_no_lungs_at_all():
    labels, hu, margin = scene()
    assert list(findings_of(labels * 0, hu, margin * 0 - 6)) == ["NO-LUNGS-FOUND"]


def caged():
    """The two lungs in a cage of ribs that touches them, with a spine between."""
    labels, hu, margin = scene()
    hu[:, 2:4, 2:58] = hu[:, 36:38, 2:58] = hu[:, 2:38, 2:4] = hu[:, 2:38, 56:58] = 400.0
    return labels, hu, margin


def without(labels, hu, margin, part):
    """The same CT where a part of a lung is solid and left out of the mask."""
    lost = labels.copy()
    lost[part] = 0
    hu[part] = np.where(labels[part] > 0, 30.0, hu[part])
    return lost, hu, np.where(lost > 0, margin, np.float32(-6.0))


def test_lungs_that_fill_their_cage_give_no_finding():
    assert findings_of(*caged()) == {}


@pytest.mark.parametrize(
    ("part", "side", "where"),
    [
        ((slice(None), slice(27, 36), slice(0, 30)), "right", "back"),
        ((slice(None), slice(27, 36), slice(30, 60)), "left", "back"),
        ((slice(None), slice(None), slice(0, 12)), "right", "side"),
        ((slice(None), slice(None), slice(48, 60)), "left", "side"),
    ],
)
def test_a_lung_that_ends_before_the_ribs_is_told_with_its_side_and_place(part, side, where):
    found = findings_of(*without(*caged(), part))
    assert found.keys() == {"LUNG-OFF-WALL"}
    evidence = found["LUNG-OFF-WALL"].evidence
    assert (evidence["side"], evidence["where"], evidence["percent"]) == (side, where, 100)


@pytest.mark.parametrize(
    ("part", "side", "end"),
    [
        ((slice(0, 16), slice(None), slice(0, 30)), "right", "base"),
        ((slice(0, 16), slice(None), slice(30, 60)), "left", "base"),
        ((slice(24, 40), slice(None), slice(0, 30)), "right", "apex"),
        ((slice(24, 40), slice(None), slice(30, 60)), "left", "apex"),
    ],
)
def test_a_lung_that_ends_far_from_the_other_is_told_with_its_side_and_end(part, side, end):
    found = findings_of(*without(*caged(), part))
    assert found.keys() == {"LUNG-SHORT"}
    evidence = found["LUNG-SHORT"].evidence
    assert (evidence["side"], evidence["end"], evidence["mm"]) == (side, end, 42)


def test_pixels_too_wide_for_ribs_say_nothing_of_the_wall():
    part = (slice(None), slice(27, 36), slice(0, 30))
    assert findings_of(*without(*caged(), part), source_mm=(9.0, 7.0, 7.0)) == {}


def test_a_thin_layer_at_the_wall_and_lungs_of_nearly_one_height_are_no_finding():
    thin = (slice(None), slice(32, 36), slice(0, 30))
    assert findings_of(*without(*caged(), thin)) == {}
    short = (slice(0, 13), slice(None), slice(0, 30))
    assert findings_of(*without(*caged(), short)) == {}

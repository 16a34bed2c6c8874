"""The side gate on real chests: silent on whole and cut ones, and on halves; flips are caught."""

import numpy as np
import pytest

from pleura.dicom.series import find_series
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.quality.gate import sampled
from pleura.quality.orientation import check_orientation


def sample(folder):
    (series,) = [one for one in find_series(folder) if one.usable]
    return sampled(series.sample(48))


@pytest.fixture(scope="module")
def chests(real_data):
    """A whole chest, and a PET/CT from the apices to the dome of the liver (D9)."""
    return {
        "whole": sample(real_data / "chests" / "Images" / "Case_003"),
        "cut": sample(real_data / "cut" / "petct_bases_cut"),
    }


def changed(volume, change):
    hu = np.ascontiguousarray(change(volume.filled()))
    return Volume(hu, Grid.axial(hu.shape, volume.grid.spacing_mm))


def codes(volume, change=lambda hu: hu):
    return [finding.code for finding in check_orientation(changed(volume, change))]


PARTS = {
    "all": lambda hu: hu,
    "lower half": lambda hu: hu[: len(hu) // 2],
    "upper half": lambda hu: hu[len(hu) // 2 :],
    "right half": lambda hu: hu[:, :, : hu.shape[2] // 2],
    "left half": lambda hu: hu[:, :, hu.shape[2] // 2 :],
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", ["whole", "cut"])
def test_nothing_is_found_in_true_chests_and_their_parts(chests, name, part):
    assert codes(chests[name], PARTS[part]) == []


@pytest.mark.parametrize(
    ("axis", "code"), [(0, "UPSIDE-DOWN"), (1, "SPINE-IN-FRONT"), (2, "MIRRORED")]
)
def test_flips_are_caught(chests, axis, code):
    assert code in codes(chests["whole"], lambda hu: np.flip(hu, axis))


def test_front_and_back_are_caught_where_the_bases_are_cut(chests):
    assert codes(chests["cut"], lambda hu: np.flip(hu, 1)) == ["SPINE-IN-FRONT"]

"""What other tools' labels mean: tables read from their own documentation, and a real map of one of them."""

import nibabel
import numpy as np
import pytest

from pleura.core.errors import InputRefused
from pleura.measure.mappings import MAPPINGS, from_names, to_lungs


def test_lobes_become_lungs():
    """lungmask's LTRCLobes: 1, 2 left upper and lower; 3, 4, 5 right upper, middle and lower (its README)."""
    labels = np.array([[[0, 1, 2, 3, 4, 5]]])
    assert to_lungs(labels, MAPPINGS["lungmask-lobes"], others=False).tolist() == [[[0, 2, 2, 1, 1, 1]]]


def test_an_unknown_label_is_an_error_in_a_map_of_lungs_and_background_in_one_of_everything():
    labels = np.array([[[0, 1, 7]]])
    with pytest.raises(InputRefused, match="label 7"):
        to_lungs(labels, MAPPINGS["lungs"], others=False)
    assert to_lungs(np.array([[[0, 10, 90]]]), MAPPINGS["totalsegmentator"], others=True).tolist() == [[[0, 2, 0]]]


def test_names_of_an_nnu_net():
    assert from_names({"background": 0, "lung_left": 1, "lung_right": 2, "heart": 3}) == {1: 2, 2: 1}
    lobes = {"lung_upper_lobe_left": 4, "lung_lower_lobe_left": 5, "lung_upper_lobe_right": 6}
    assert from_names(lobes) == {4: 2, 5: 2, 6: 1}
    for names in ({"background": 0, "lung": 1}, {"lung_left": 1}, {}):
        with pytest.raises(InputRefused, match="name a mapping"):
            from_names(names)


def test_a_real_map_of_totalsegmentator_has_its_sides_where_the_reference_has_them(real_data):
    """Case_001: TotalSegmentator's lobes, mapped, lie in the reference's right and left lung by more than nine tenths."""
    labels = real_data / "chests" / "Labels"
    lobes = np.asarray(nibabel.load(labels / "other_tools" / "Case_001_totalsegmentator_lobes.nii.gz").dataobj)
    truth = np.asarray(nibabel.load(labels / "Case_001.nii.gz").dataobj)
    lungs = to_lungs(lobes, MAPPINGS["totalsegmentator"], others=True)
    for side in (1, 2):
        assert np.count_nonzero((lungs == side) & (truth == side)) > 0.9 * np.count_nonzero(lungs == side)

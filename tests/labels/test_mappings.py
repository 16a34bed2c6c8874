"""What other tools' labels mean: tables read from their own documentation, and a real map of one
of them.
"""

import json
import pickle

import nibabel
import numpy as np
import pytest

from pleura.core.errors import InputRefused, UsageError
from pleura.core.lung_names import part_of
from pleura.labels.mappings import LUNGS, MAPPINGS, from_names, naming_of
from pleura.labels.registry import read_mask
from pleura.labels.values import labels_of


def mapped(labels, naming):
    return labels_of(np.array([[labels]]), naming).ravel().tolist()


def test_lobes_become_lungs():
    """lungmask's LTRCLobes: 1, 2 left upper and lower; 3, 4, 5 right upper, middle and lower
    (its README).
    """
    assert mapped([0, 1, 2, 3, 4, 5], MAPPINGS["lungmask-lobes"]) == [0, 2, 2, 1, 1, 1]


def test_an_unknown_label_is_an_error_in_a_map_of_lungs_and_background_in_one_of_everything():
    for values in ([0, 1, 7], [0.0, 1.0, 7.0], [-1, 0, 1], [0, 1e12]):
        with pytest.raises(InputRefused, match="expected 0, 1 right, 2 left"):
            mapped(values, LUNGS)
    assert mapped([0, 10, 90], MAPPINGS["totalsegmentator"]) == [0, 2, 0]


@pytest.mark.parametrize("naming", [LUNGS, MAPPINGS["totalsegmentator"]])
def test_a_map_of_probabilities_is_not_a_question_of_the_mapping(naming):
    with pytest.raises(InputRefused, match=r"not whole numbers \(0.25, 0.5\).*threshold") as told:
        mapped([0, 0.25, 0.5, 1], naming)
    assert told.value.code == "MASK-VALUES"


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int64, np.float32, np.float64, ">i2"])
def test_any_type_of_number_and_pictures_of_255(kind):
    assert labels_of(np.array([[[0, 1, 2]]], dtype=kind)).tolist() == [[[0, 1, 2]]]
    if np.dtype(kind) != np.uint8:
        assert labels_of(
            np.array([[[-3, 4]]], dtype=kind), MAPPINGS["totalsegmentator"]
        ).tolist() == [[[0, 0]]]
    assert labels_of(np.array([[[0, 255]]], dtype=kind)).tolist() == [[[0, 1]]]
    with pytest.raises(InputRefused, match="255"):
        labels_of(np.array([[[0, 1, 255]]], dtype=kind))


def test_a_naming_means_the_same_in_another_process():
    """Workers get a copy: a map of label 1 alone is as unsided there as here."""
    copy = pickle.loads(pickle.dumps(LUNGS))
    assert copy.sided is None
    assert labels_of(np.array([[[0, 255]]]), copy).tolist() == [[[0, 1]]]


def test_names_of_an_nnu_net():
    named = from_names(
        {"background": 0, "lung_left": 1, "lung_right": 2, "heart": 3, "lung_nodule_left": 4}
    )
    assert (named.right, named.left, named.either, named.sided) == ((2,), (1,), (), True)
    lobes = from_names(
        {
            "lung_upper_lobe_left": 4,
            "lung_lower_lobe_left": 5,
            "RightUpperLobe": 6,
            "RML": 7,
            "RLL": 8,
        }
    )
    assert (lobes.right, lobes.left) == ((6, 7, 8), (4, 5))
    both = from_names({"background": 0, "lung": 1})
    assert (both.either, both.sided) == ((1,), False)
    regions = from_names({"background": 0, "lungs": [1, 2], "Lung_R": [1], "Lung_L": [2]})
    assert (regions.right, regions.left, regions.either) == ((1,), (2,), ())
    derived = from_names({"lungs": [1, 2], "lung_right": 2})
    assert (derived.right, derived.left, derived.either) == ((2,), (1,), ())
    bare = from_names({"background": 0, "left": 1, "right": 2})
    assert (bare.right, bare.left) == ((2,), (1,))
    whole = from_names({"background": 0, "lesion": 1, "whole lung": 2})
    assert (whole.either, whole.others) == ((2,), True)
    for names in ({"lung_left": 1}, {}, {"heart": 1}):
        with pytest.raises(UsageError, match="names of its labels"):
            from_names(names)


@pytest.mark.parametrize(
    ("name", "side"),
    [("lung_middle_lobe_right", "right"), ("Lung_L", "left"), ("LLL", "left"), ("lungs", "both"),
     ("lung_vessels", None),
     ("lung_trachea_bronchia", None), ("heart", None), ("right", None), ("kidney_left", None),
     ("lung_left_right", None)],
)  # fmt: skip
def test_whose_a_structure_is_by_its_name(name, side):
    part = part_of(name)
    assert (None if part is None else part.side) == side


def test_a_mapping_is_named_or_read_beside_the_masks(tmp_path):
    below = tmp_path / "labelsTs"
    below.mkdir()
    assert naming_of("auto", below) == LUNGS
    (tmp_path / "summary.json").write_text(json.dumps({"foreground_mean": {"Dice": 1}}))
    (tmp_path / "dataset.json").write_text(
        json.dumps({"labels": {"background": 0, "lung_left": 1, "lung_right": 2}})
    )
    assert naming_of("auto", below).left == naming_of("nnunet", tmp_path).left == (1,)
    assert naming_of("lungs", below) is LUNGS
    (tmp_path / "dataset.json").write_text(
        json.dumps({"labels": {"0": "background", "1": "left lung", "2": "right lung"}})
    )
    assert naming_of("auto", below).right == (2,)
    for broken in (
        '{"labels": {"background": 0, "liver": 1}}',
        "[]",
        "not json",
        '{"labels": [1]}',
    ):
        (tmp_path / "dataset.json").write_text(broken)
        for option in ("auto", "nnunet"):
            with pytest.raises(UsageError, match=r"dataset\.json.*--mapping"):
                naming_of(option, below)
    (tmp_path / "dataset.json").write_text('{"name": "of something else"}')
    assert naming_of("auto", below) == LUNGS
    given = naming_of("right=3+4+5,left=1+2", below)
    assert (given.right, given.left, given.others) == ((3, 4, 5), (1, 2), True)
    assert naming_of("either=1+2", below).sided is False
    for wrong in (
        "lungmusk",
        "right=1",
        "right=1,left=1",
        "right=1,left=2,right=3",  # the first right must not get lost
        "right=0,left=1",
        "right=,left=1",
        "",
        "right=1,left=2,",
    ):
        with pytest.raises(UsageError):
            naming_of(wrong, below)


def test_a_real_map_of_totalsegmentator_has_its_sides_where_the_reference_has_them(real_data):
    """Case_001: TotalSegmentator's lobes, mapped, lie in the reference's right and left lung by
    more than nine tenths.
    """
    labels = real_data / "chests" / "Labels"
    found = read_mask(
        labels / "other_tools" / "Case_001_totalsegmentator_lobes.nii.gz",
        naming=MAPPINGS["totalsegmentator"],
    ).labels.T
    truth = np.asarray(nibabel.load(labels / "Case_001.nii.gz").dataobj)
    for side in (1, 2):
        assert np.count_nonzero((found == side) & (truth == side)) > 0.9 * np.count_nonzero(
            found == side
        )

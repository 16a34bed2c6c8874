"""What a mask leaves out or invents is counted per lung, located, and decides which case is
worst.
"""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask
from pleura.metrics.case import PLACES, score_case
from pleura.metrics.policy import Policy
from pleura.metrics.ranking import explanation, ranking, worse_lung, worst_first
from pleura.metrics.tables import case_table, score_rows
from pleura.phantom.anatomy import chest

SPACING = (5.0, 2.0, 2.0)


def scored(prediction, reference, grid=None, places=None, name="Case_000", sided=True):
    grid = grid or Grid.axial(reference.shape, SPACING)
    masks = [LungMask(labels.astype(np.uint8), grid, sided) for labels in (prediction, reference)]
    case = score_case(*masks, Policy(), places=places or {})
    return {"case": name, "split": None, "patient": name, "raw": None} | case


@pytest.fixture(scope="module")
def lungs():
    return np.array(chest((24, 96, 96), seed=1)[1].labels)


def without_top(labels, label, n):
    """The mask without the highest `n` slices of one lung."""
    changed = labels.copy()
    slices = np.flatnonzero((labels == label).any(axis=(1, 2)))[-n:]
    changed[slices] = np.where(changed[slices] == label, 0, changed[slices])
    return changed


def codes(case):
    return [one["code"] for one in case["findings"]]


@pytest.mark.parametrize(("label", "side", "other"), [(1, "right", "left"), (2, "left", "right")])
def test_the_top_of_one_lung_deleted_is_seen_per_lung_and_in_the_headline(
    lungs, label, side, other
):
    case = scored(without_top(lungs, label, 3), lungs)
    assert (case[side]["slices_missed"], case[other]["slices_missed"]) == (3, 0)
    assert codes(case) == ["MISSED-SLICES"]
    (finding,) = case["findings"]
    assert (finding["evidence"]["n"], finding["evidence"]["mm"]) == (3, 15.0)
    assert side in finding["message"]
    row = case_table([case]).rows[0]
    assert row[6:8] == (("3", "0") if side == "right" else ("0", "3"))
    csv = {(row[1], row[2]): row[3] for row in score_rows(case)}
    assert csv[side, "slices_missed"] == "3"
    assert csv[other, "slices_missed"] == "0"


def test_maximum_distance_equals_that_of_simpleitk(lungs):
    """Deleted slices lie outside what is left, so the distance between the sets is that between
    their surfaces.
    """
    changed = without_top(lungs, 1, 3)
    case = scored(changed, lungs)
    images = [sitk.GetImageFromArray((labels == 1).astype(np.uint8)) for labels in (changed, lungs)]
    for image in images:
        image.SetSpacing(SPACING[::-1])
    measure = sitk.HausdorffDistanceImageFilter()
    measure.Execute(*images)
    assert case["right"]["hd_mm_voxel"] == pytest.approx(measure.GetHausdorffDistance(), abs=1e-6)
    assert worse_lung(case, "hd_mm_voxel") == (case["right"]["hd_mm_voxel"], "right")


def border(mask):
    """Voxels with a face neighbour outside the mask, one at a time."""
    found = []
    for index in np.argwhere(mask):
        for axis in range(3):
            for step in (-1, 1):
                near = index.copy()
                near[axis] += step
                if not 0 <= near[axis] < mask.shape[axis] or not mask[tuple(near)]:
                    found.append(tuple(index))
    return np.array(sorted(set(found))) * SPACING


def test_voxel_hd95_equals_a_search_of_all_pairs_of_border_voxels():
    reference = np.zeros((12, 9, 9), np.uint8)
    reference[1:11, 2:7, 2:7] = 1
    changed = reference.copy()
    changed[7:] = 0
    a, b = (border(labels == 1) for labels in (changed, reference))
    apart = np.linalg.norm(a[:, None] - b[None], axis=-1)
    expected = max(np.percentile(apart.min(axis=1), 95), np.percentile(apart.min(axis=0), 95))
    case = scored(changed, reference)
    assert case["right"]["hd95_mm_voxel"] == pytest.approx(expected)
    assert (
        case["right"]["hd_mm_voxel"]
        == pytest.approx(apart.min(axis=0).max())
        == pytest.approx(20.0)
    )


def counted_by_hand(prediction, reference):
    """Slices by class with plain loops."""
    counts = dict.fromkeys(("lung", "empty", "hallucinated", "missed"), 0)
    for p, r in zip(prediction, reference, strict=True):
        if r.any():
            counts["lung" if p.any() else "missed"] += 1
        else:
            counts["hallucinated" if p.any() else "empty"] += 1
    return counts


@given(
    st.integers(0, 2**31 - 1), st.sampled_from([0.0, 0.02, 0.3]), st.sampled_from([0.0, 0.02, 0.3])
)
def test_slices_of_each_lung_equal_a_count_by_hand(seed, dense, thin):
    random = np.random.default_rng(seed)
    masks = [
        np.where(random.random((7, 4, 4)) < share, random.integers(1, 3, (7, 4, 4)), 0)
        for share in (dense, thin)
    ]
    case = scored(*masks)
    for side, labels in (("right", (1,)), ("left", (2,)), ("both", (1, 2))):
        prediction, reference = (np.isin(mask, labels) for mask in masks)
        expected = counted_by_hand(prediction, reference)
        assert {name: case[side][f"slices_{name}"] for name in expected} == expected
        empty = ~reference.any(axis=(1, 2))
        assert case[side]["hallucinated_ml"] == pytest.approx(prediction[empty].sum() * 0.02)
        assert case[side]["missed_ml"] == pytest.approx(
            reference[~prediction.any(axis=(1, 2))].sum() * 0.02
        )
    missed = {"right", "left"} - {
        side for side in ("right", "left") if not case[side]["slices_missed"]
    }
    named = {
        word
        for one in case["findings"]
        if "MISSED" in one["code"]
        for word in one["message"].split()[:1]
    }
    assert named == missed, "every lung with missed slices has a finding"


def test_hallucination_is_n_of_n_in_ml_and_by_place(lungs):
    reference = lungs.copy()
    reference[:6] = 0
    prediction = reference.copy()
    places = {name: np.zeros(lungs.shape, bool) for name in PLACES}
    for k, name in enumerate(PLACES):
        places[name][:, 10 * k : 10 * k + 10] = True
        prediction[k, 10 * k, : k + 1] = 1
    prediction[4, 80, :7] = 1  # in none of the places
    case = scored(prediction, reference, places=places)
    empty = int((~reference.any(axis=(1, 2))).sum())
    assert case_table([case]).rows[0][-1] == f"5 of {empty}"
    for k, name in enumerate(PLACES):
        assert case["both"][f"hallucinated_{name}_ml"] == pytest.approx((k + 1) * 0.02)
        assert case["both"][f"false_positive_{name}_ml"] == pytest.approx((k + 1) * 0.02)
    assert case["both"]["hallucinated_ml"] == pytest.approx((1 + 2 + 3 + 4 + 7) * 0.02)
    (finding,) = case["findings"]
    assert finding["code"] == "HALLUCINATED-SLICES"
    assert all(
        word in finding["message"]
        for word in ("airways 0.02", "couch 0.06", "outside the body 0.08")
    )


def test_places_on_uneven_slices_weigh_their_thickness():
    """A slice stands for half of each gap beside it."""
    positions = np.array([0.0, 2.0, 8.0, 10.0])
    affine = Grid.axial((4, 3, 3), (10 / 3, 1.0, 1.0)).affine
    grid = Grid((4, 3, 3), affine, positions)
    reference = np.zeros(grid.shape, np.uint8)
    reference[0, 0, 0] = 1
    prediction = reference.copy()
    prediction[2, 1, 1] = 1
    places = {"couch": np.ones(grid.shape, bool)}
    case = scored(prediction, reference, grid, places)
    assert case["both"]["hallucinated_couch_ml"] == pytest.approx(0.004)  # (6 + 2) / 2 mm of 1 mm²


def test_a_lung_that_is_missing_or_invented_has_its_own_finding(lungs):
    right_alone = np.where(lungs == 1, 1, 0)
    assert codes(scored(right_alone, lungs)) == ["LUNG-MISSED"]
    assert codes(scored(lungs, right_alone))[0] == "LUNG-INVENTED"
    assert codes(scored(lungs, lungs)) == []
    assert codes(scored(np.zeros_like(lungs), lungs)) == ["LUNG-MISSED"] * 2


def test_masks_without_sides_still_get_the_finding(lungs):
    both = (lungs > 0).astype(np.uint8)
    changed = both.copy()
    changed[np.flatnonzero(both.any(axis=(1, 2)))[-2:]] = 0
    case = scored(changed, both, sided=False)
    assert codes(case) == ["MISSED-SLICES"]
    assert worse_lung(case, "slices_missed") == (2, "both")


def test_a_deleted_apex_is_not_ranked_best_and_says_why(lungs):
    shifted = np.roll(lungs, 1, axis=1)  # a lower Dice, but every slice has lung
    top = scored(without_top(lungs, 1, 3), lungs, name="top")
    thin = scored(shifted, lungs, name="thin")
    good = scored(lungs, lungs, name="good")
    assert thin["dice"] < top["dice"] < good["dice"]
    order = [case["case"] for case in worst_first([good, thin, top])]
    assert order[0] == "top"
    assert order[-1] == "good"
    assert "3 slices missed (right lung)" in explanation(top)
    assert [row["case"] for row in ranking([top, good])["worst_first"]] == ["top", "good"]


def test_a_case_with_exchanged_sides_comes_before_any_other(lungs):
    swapped = scored(np.array([0, 2, 1])[lungs], lungs, name="swapped")
    top = scored(without_top(lungs, 1, 4), lungs, name="top")
    assert [case["case"] for case in worst_first([top, swapped])] == ["swapped", "top"]
    assert explanation(swapped).startswith("right and left appear swapped")


def test_an_undefined_case_is_the_last_and_order_does_not_depend_on_the_input(lungs):
    none = np.zeros_like(lungs)
    case = scored(none, none, name="none")
    for side in ("right", "left", "both"):
        case[side] |= dict.fromkeys(("dice", "hd95_mm_voxel"))
    cases = [
        scored(lungs, lungs, name="b"),
        case,
        scored(without_top(lungs, 2, 1), lungs, name="a"),
    ]
    order = [one["case"] for one in worst_first(cases)]
    assert order == [one["case"] for one in worst_first(cases[::-1])] == ["a", "b", "none"]
    assert worst_first([]) == []

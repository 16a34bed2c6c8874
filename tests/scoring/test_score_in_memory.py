"""`pleura.score` on arrays and images of other libraries gives what `evaluate` gives."""

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

import pleura
from pleura.core.errors import GridMismatch, InputRefused, PleuraError, UsageError
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask
from pleura.images.in_memory import as_image
from pleura.verbs.evaluate import evaluate

SPACING = (4.0, 2.0, 1.5)


def lungs(shift=0):
    labels = np.zeros((8, 12, 14), np.uint8)
    labels[1:6, 2 + shift : 10, 1:6] = 1
    labels[2:7, 2:10, 8:13] = 2
    return labels


def simpleitk(labels):
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing(SPACING[::-1])
    image.SetOrigin((-30.0, -20.0, 100.0))
    return image


def nibabel_image(labels):
    """The same image in RAS, as nibabel users make it."""
    affine = np.diag([-1.5, -2.0, 4.0, 1.0])
    affine[:3, 3] = (30.0, 20.0, 100.0)
    return nibabel.Nifti1Image(labels.transpose(2, 1, 0), affine)


def own(labels):
    return LungMask(labels, Grid.axial(labels.shape, SPACING, (-30.0, -20.0, 100.0)))


@pytest.mark.parametrize("make", [simpleitk, nibabel_image, own])
def test_every_kind_of_image_gives_the_scores_of_the_files(make, tmp_path):
    for name, shift in (("pred", 1), ("ref", 0)):
        (tmp_path / name).mkdir()
        sitk.WriteImage(simpleitk(lungs(shift)), str(tmp_path / name / "Case_000.nii.gz"))
    (expected,) = evaluate(tmp_path / "pred", tmp_path / "ref", tmp_path / "out", workers=1).scores[
        "cases"
    ]
    found = pleura.score(make(lungs(1)), make(lungs()))
    for side in ("right", "left", "both"):
        assert found[side] == pytest.approx(expected[side], abs=1e-6)
    assert found.dice == expected["dice"] < 1


def test_arrays_need_spacing_and_the_same_grid():
    found = pleura.score(lungs(1), lungs(), SPACING)
    assert found["right"]["hd_mm_voxel"] == pytest.approx(2.0)
    with pytest.raises(UsageError, match="spacing_mm"):
        pleura.score(lungs(), lungs())
    with pytest.raises(GridMismatch):
        pleura.score(lungs()[1:], lungs(), SPACING)
    with pytest.raises(GridMismatch):
        pleura.score(simpleitk(lungs()), lungs()[:, :, :-1], SPACING)


@pytest.mark.parametrize("wrong", [lungs() * 3, lungs() - 1.5, lungs()[0], np.array([["a"]])])
def test_what_is_not_a_lung_mask_is_refused(wrong):
    with pytest.raises(PleuraError):
        pleura.score(wrong, lungs(), SPACING)


def test_one_label_and_bool_are_both_lungs_as_one():
    found = pleura.score(lungs() > 0, lungs(), SPACING)
    assert found.dice == 1
    assert found["right"] == {}
    alone = pleura.score((lungs() == 1).astype(np.uint8), lungs(), SPACING)
    assert alone["left"]["dice"] == 0


def test_the_repr_says_what_matters():
    labels = lungs()
    labels[1] = 0
    text = repr(pleura.score(labels, lungs(), SPACING))
    assert text.startswith("Score(Dice 0.9")
    assert "1 slice missed" in text
    assert "\n" not in text
    assert pleura.score(lungs(), lungs(), SPACING).findings == ()


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_oblique_images_lie_where_their_library_says(axes):
    angle = np.deg2rad(20)
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )[:, list(axes)]
    image = simpleitk(lungs())
    image.SetDirection(turn.ravel())
    grid = as_image(image).grid
    for index in ((0, 0, 0), (7, 3, 2), (1, 11, 13)):
        expected = image.TransformIndexToPhysicalPoint(tuple(int(k) for k in index[::-1]))
        np.testing.assert_allclose(grid.to_world(index), expected, atol=1e-6)


def turned(image):
    return sitk.PermuteAxes(sitk.Flip(image, [True, False, True]), [2, 0, 1])


def canonical(labels):
    return nibabel.as_closest_canonical(nibabel_image(labels))


def of_one_volume(labels):
    image = nibabel_image(labels)
    return nibabel.Nifti1Image(image.dataobj[..., None], image.affine)


@pytest.mark.parametrize(
    "make",
    [
        lambda labels: turned(simpleitk(labels)),
        lambda labels: sitk.JoinSeries([simpleitk(labels)]),
        lambda labels: simpleitk(labels)[1:, :, 1:],
        canonical,
        of_one_volume,
        lambda labels: nibabel.MGHImage(labels.T, nibabel_image(labels).affine),
        lambda labels: simpleitk(labels.astype(np.float32) - np.float32(1e-5)),
    ],
)
def test_the_same_voxels_score_the_same_in_whatever_order(make):
    expected = pleura.score(own(lungs(1)), own(lungs()))
    found = pleura.score(make(lungs(1)), own(lungs()))
    for side in ("right", "left"):
        assert found[side]["dice"] == expected[side]["dice"]
        assert found[side]["hd95_mm"] == pytest.approx(expected[side]["hd95_mm"], abs=1e-4)


def test_voxels_that_do_not_coincide_are_refused_with_both_lattices():
    shifted = simpleitk(lungs())
    shifted.SetOrigin((-30.0 + 0.3 * 1.5, -20.0, 100.0))
    with pytest.raises(GridMismatch, match=r"origin \(-29.55, .*origin \(-30, "):
        pleura.score(shifted, own(lungs()))
    in_metres = nibabel_image(lungs())
    in_metres.header.set_xyzt_units("meter")
    with pytest.raises(GridMismatch, match="4000 x 2000 x 1500 mm"):
        pleura.score(in_metres, own(lungs()))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (lungs().astype(complex), "complex128"),
        (lungs().astype(object), "object"),
        (lungs().astype(str), "<U"),
        (np.ma.masked_equal(lungs(), 2), "masked values"),
        ("mask.nii.gz", "not a path"),
        (None, "not a path"),
        (lungs()[None], "three axes"),
        (nibabel.Nifti1Image(lungs().T, None), "no affine"),
        (sitk.Compose(simpleitk(lungs()), simpleitk(lungs())), "one value"),
    ],
)
def test_the_reason_for_what_is_not_an_image_is_true(given, reason):
    with pytest.raises(UsageError, match=reason):
        pleura.score(given, lungs(), SPACING)


@pytest.mark.parametrize(
    "spacing", [1.0, "2.5", (1, 2), (0, 1, 1), (-4, 2, 1.5), (np.nan, 1, 1), (np.inf, 1, 1), None]
)
def test_spacing_is_three_positive_numbers(spacing):
    with pytest.raises(UsageError, match="spacing_mm"):
        pleura.score(lungs(), lungs(), spacing)


def test_spacing_that_contradicts_an_image_is_refused():
    assert pleura.score(simpleitk(lungs()), lungs(), SPACING).dice == 1
    with pytest.raises(UsageError, match=r"4 x 2 x 1\.5 mm"):
        pleura.score(simpleitk(lungs()), simpleitk(lungs()), (1, 1, 1))


def test_analyze_is_refused_by_name():
    image = nibabel.Spm99AnalyzeImage(lungs().T.astype(np.int16), nibabel_image(lungs()).affine)
    with pytest.raises(InputRefused, match="Analyze"):
        pleura.score(image, own(lungs()))

"""The main job without files: images of other libraries in, and out again."""

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

import pleura
from pleura.core.errors import GridMismatch, InputRefused, UsageError
from pleura.phantom.anatomy import chest

RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def phantom():
    return chest((36, 96, 96), seed=7)


@pytest.fixture(scope="module")
def straight(phantom):
    return pleura.find_lungs(phantom[0], model="classical")


def as_sitk(volume):
    image = sitk.GetImageFromArray(volume.hu)
    image.SetSpacing(volume.grid.spacing_mm[::-1])
    image.SetOrigin([float(x) for x in volume.grid.affine[:3, 3]])
    return image


def as_nibabel(volume):
    return nibabel.Nifti1Image(
        np.ascontiguousarray(volume.hu.T), RAS @ volume.grid.affine[:, [2, 1, 0, 3]]
    )


@pytest.mark.parametrize(
    "made", [as_sitk, as_nibabel, lambda volume: (volume.hu, volume.grid.spacing_mm)]
)
def test_any_image_gives_the_same_lungs_and_numbers(phantom, straight, made):
    image = made(phantom[0])
    found = pleura.find_lungs(image, model="classical")
    assert np.array_equal(found.mask.labels, straight.mask.labels)
    assert pleura.measure(image, found)["right"]["ml"] == pytest.approx(
        straight.mask.volume_ml()["right"]
    )
    assert found.verdict is straight.verdict


def test_masks_go_back_onto_the_image(phantom, straight):
    volume, _ = phantom
    back = pleura.to_sitk(straight.mask)
    assert np.array_equal(sitk.GetArrayFromImage(back), straight.mask.labels)
    source = as_sitk(volume)
    assert back.GetOrigin() == pytest.approx(source.GetOrigin())
    assert back.GetSpacing() == pytest.approx(source.GetSpacing())
    assert back.GetDirection() == pytest.approx(source.GetDirection())
    nifti = pleura.to_nifti(straight.mask)
    assert np.allclose(nifti.affine, as_nibabel(volume).affine)
    assert np.array_equal(np.asarray(nifti.dataobj).T, straight.mask.labels)


@pytest.mark.parametrize(
    "bad",
    [np.zeros((3, 3, 3)), "ct.nii", (np.zeros((3, 3)), (1, 1, 1)), (np.zeros((3, 3, 3)), (1, 1))],
)
def test_what_is_not_a_ct_is_refused(bad):
    with pytest.raises(UsageError):
        pleura.find_lungs(bad, model="classical")


def test_values_that_are_not_numbers_are_refused():
    with pytest.raises(InputRefused, match="NaN or infinity"):
        pleura.find_lungs((np.full((4, 4, 4), np.nan), (1, 1, 1)), model="classical")


@pytest.mark.parametrize("code", ["NIFTI-NO-ORIENTATION", "NIFTI-ORIENTATIONS-DISAGREE"])
def test_ct_whose_header_leaves_the_sides_open_is_refused_as_a_file_is(phantom, code, tmp_path):
    image, file = as_nibabel(phantom[0]), tmp_path / "ct.nii.gz"
    if code == "NIFTI-NO-ORIENTATION":
        image = nibabel.Nifti1Image(image.dataobj, None)
    else:
        image.set_qform(np.diag([-1, 1, 1, 1]) @ image.affine, code=1)
    nibabel.save(image, file)
    with pytest.raises(InputRefused) as in_memory:
        pleura.find_lungs(nibabel.load(file), model="classical")
    with pytest.raises(InputRefused) as from_file:
        next(iter(pleura.load(tmp_path).values()))
    assert in_memory.value.code == from_file.value.code == code


def test_masks_of_any_kind_are_measured_on_their_ct_only(phantom, straight):
    volume, labels = phantom[0], straight.mask.labels
    expected = pleura.measure(volume, straight)
    flipped = sitk.Flip(pleura.to_sitk(straight.mask), [True, True, False])
    for lungs in (straight.mask, labels, flipped, pleura.to_nifti(straight.mask)):
        assert pleura.measure(volume, lungs) == expected
    flipped.SetOrigin((0, 0, 0))
    with pytest.raises(GridMismatch):
        pleura.measure(volume, flipped)
    with pytest.raises(GridMismatch):
        pleura.measure(volume, labels[1:])


def test_padding_that_nothing_declares_is_no_tissue(phantom, straight):
    volume, _ = phantom
    hu = volume.hu.copy()
    rows, columns = np.indices(hu.shape[1:])
    hu[:, np.hypot(rows - 47.5, columns - 47.5) > 47] = -2000
    padded = pleura.find_lungs((hu, volume.grid.spacing_mm), model="classical")
    assert np.mean(padded.mask.labels != straight.mask.labels) < 0.001


def test_what_python_shows_of_a_result_fits_a_line(phantom, straight, tmp_path):
    assert repr(phantom[0]) == "Volume(36 x 96 x 96 voxels of 9.444 x 4.375 x 4.375 mm)"
    right = straight.mask.volume_ml()["right"]
    assert f"Segmentation(ok; LungMask(right {right:.0f} ml, left " in repr(straight)
    assert "\n" not in repr(straight)
    nibabel.save(as_nibabel(phantom[0]), tmp_path / "ct.nii.gz")
    assert repr(pleura.load(tmp_path)).startswith("Volumes(1 of 1 usable: CT-")

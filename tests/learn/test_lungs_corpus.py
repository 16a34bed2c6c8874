"""The common frame of the training volumes: axes, resampling, dense lung."""

import itertools

import numpy as np
import pytest

from pleura.core.errors import GridMismatch
from pleura.learn.lungs.bodies import synthetic_chest, without_lungs
from pleura.learn.lungs.corpus import (
    REAL_CASES,
    RealCase,
    TrainingVolume,
    axis_weights,
    dense_lung,
    prepare,
    resample_axes,
    to_patient_axes,
)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("signs", list(itertools.product((-1, 1), repeat=3)))
def test_axes_rise_to_head_back_and_left_and_voxels_stay_in_place(order, signs):
    array = np.random.default_rng(0).random((3, 4, 5))
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis in range(3):
        affine[order[axis], axis] = signs[axis] * (axis + 1.5)
    affine[:3, 3] = 7, -3, 11
    turned, new = to_patient_axes(array, affine)
    assert all(new[world, axis] > 0 for axis, world in enumerate((2, 1, 0)))
    inverse = np.linalg.inv(new)
    for index in itertools.product(*(range(n) for n in array.shape)):
        there = inverse @ affine @ [*index, 1]
        assert turned[tuple(np.rint(there[:3]).astype(int))] == array[index]


def test_finer_axes_are_interpolated_linearly_and_ends_repeat():
    ramp = np.arange(5.0)
    finer = axis_weights(5, 2.0, 13, 0.75) @ ramp
    assert np.allclose(finer, np.minimum(np.arange(13) * 0.375, 4))


def test_coarser_axes_keep_means_and_ramps():
    weights = axis_weights(40, 0.7, 10, 2.5)
    assert np.allclose(weights.sum(axis=1), 1)
    inner = (weights @ (np.arange(40) * 0.7))[2:-2]
    assert np.allclose(inner, (np.arange(10) * 2.5)[2:-2], atol=0.35)


def test_resampling_each_axis_is_the_full_tensor_product():
    array = np.random.default_rng(1).random((5, 6, 7)).astype(np.float32)
    weights = tuple(
        axis_weights(n, 1.0, m, s) for n, m, s in ((5, 9, 0.5), (6, 3, 2.0), (7, 4, 1.7))
    )
    wanted = np.einsum("ai,bj,ck,ijk->abc", *weights, array)
    assert np.allclose(resample_axes(array, weights), wanted, atol=1e-5)


def ball(radius_mm, spacing_mm, size=40):
    z, y, x = (np.indices((size,) * 3) - size / 2) * spacing_mm
    return z**2 + y**2 + x**2 < radius_mm**2


@pytest.mark.parametrize(("radius_mm", "is_dense"), [(22, True), (12, False)])
def test_dense_lung_is_large_and_a_nodule_is_not(radius_mm, is_dense):
    solid = ball(radius_mm, 2.0)
    hu = np.where(solid, 40, -850).astype(np.float32)
    dense, small = dense_lung(hu, np.ones_like(solid), 2.0)
    found, other = (dense, small) if is_dense else (small, dense)
    assert not other.any()
    overlap = (
        2 * np.count_nonzero(found & solid) / (np.count_nonzero(found) + np.count_nonzero(solid))
    )
    assert overlap > 0.8


def test_vessels_are_not_dense_lung():
    hu = np.full((40, 40, 40), -850, dtype=np.float32)
    hu[:, 18:21, 18:21] = 60
    dense, small = dense_lung(hu, np.ones(hu.shape, dtype=bool), 2.0)
    assert not dense.any()
    assert not small.any()


def test_a_volume_survives_its_file(tmp_path):
    volume = without_lungs(1)
    volume.save(tmp_path / "one.npz")
    again = TrainingVolume.load(tmp_path / "one.npz")
    for name in ("hu", "right", "left", "flags"):
        assert np.array_equal(getattr(volume, name), getattr(again, name))
    assert (again.name, again.origin_lps, again.spacing_mm) == (
        volume.name,
        volume.origin_lps,
        volume.spacing_mm,
    )


def test_a_nifti_case_is_prepared_on_the_wanted_spacing_with_its_sides(tmp_path):
    from pleura.images import nifti
    from pleura.phantom.anatomy import chest

    volume, mask = chest((40, 64, 64), seed=3)
    nifti.write_volume(tmp_path / "ct.nii", volume)
    nifti.write(tmp_path / "lungs.nii.gz", mask)
    case = RealCase("one", "patient", "ct.nii", "lungs.nii.gz")
    prepared = prepare(case, tmp_path, 6.0)
    ml = 6.0**3 / 1000 / 255
    wanted = mask.volume_ml()
    assert prepared.right.sum(dtype=float) * ml == pytest.approx(wanted["right"], rel=0.04)
    assert prepared.left.sum(dtype=float) * ml == pytest.approx(wanted["left"], rel=0.04)
    right_columns = np.nonzero(prepared.right)[2]
    left_columns = np.nonzero(prepared.left)[2]
    assert right_columns.mean() < left_columns.mean()


def test_labels_of_another_shape_are_refused(tmp_path):
    from pleura.images import nifti
    from pleura.phantom.anatomy import chest

    nifti.write_volume(tmp_path / "ct.nii", chest((20, 32, 32), seed=1)[0])
    nifti.write(tmp_path / "lungs.nii.gz", chest((21, 32, 32), seed=1)[1])
    with pytest.raises(GridMismatch):
        prepare(RealCase("one", "patient", "ct.nii", "lungs.nii.gz"), tmp_path)


def test_synthetic_bodies_are_reproducible():
    for make in (synthetic_chest, without_lungs):
        one, two = make(5), make(5)
        assert np.array_equal(one.hu, two.hu)
        assert np.array_equal(one.right, two.right)


@pytest.mark.parametrize("seed", range(4))
def test_bodies_without_lungs_have_none(seed):
    volume = without_lungs(seed)
    assert not volume.right.any()
    assert not volume.left.any()


def test_each_patient_has_one_case():
    assert len({case.patient for case in REAL_CASES}) == len(REAL_CASES) == 9

"""What is written as NIfTI, as nibabel and SimpleITK read it."""

import gzip

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from pleura.images.nifti_writer import write_nifti

NOTE = "1 right lung, 2 left lung"
SHAPE = (3, 4, 5)


def array_of(dtype):
    values = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    return (values - (0 if dtype == "uint8" else 1000)).astype(dtype)


quaternions = st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: np.linalg.norm(q) > 0.1)


@settings(max_examples=60)
@given(quaternions, st.tuples(*[st.floats(0.3, 9)] * 3), st.tuples(*[st.booleans()] * 3))
def test_any_rotation_and_handedness_is_read_back(tmp_path_factory, turn, spacing, flips):
    ras = np.eye(4)
    signs = np.where(flips, -1.0, 1.0)
    ras[:3, :3] = Rotation.from_quat(turn).as_matrix() * signs * spacing
    ras[:3, 3] = (-120.5, 33.25, 7.0)
    path = tmp_path_factory.mktemp("nifti") / "a.nii"
    write_nifti(path, array_of("uint8"), ras, NOTE)
    header = nibabel.load(path).header
    assert np.allclose(header.get_sform(), ras, atol=1e-4)
    assert np.allclose(header.get_qform(), ras, atol=2e-3)
    expected = nibabel.Nifti1Image(array_of("uint8").T, ras)
    expected.set_qform(ras, code=1)
    assert np.allclose(header.get_qform(), expected.header.get_qform(), atol=2e-3)
    assert header["pixdim"][0] == expected.header["pixdim"][0]


@pytest.mark.parametrize("flip", [np.diag([-1, -1, 1]), np.diag([-1, 1, -1]), np.diag([1, -1, -1])])
def test_half_turns_have_a_quaternion(tmp_path, flip):
    ras = np.eye(4)
    ras[:3, :3] = flip
    write_nifti(tmp_path / "a.nii", array_of("uint8"), ras, NOTE)
    assert np.allclose(nibabel.load(tmp_path / "a.nii").header.get_qform(), ras)


@pytest.mark.parametrize("dtype", ["uint8", "int16"])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_as_nibabel_writes_it(tmp_path, dtype, suffix):
    ras = np.diag([-0.859375, -0.859375, 2.5, 1.0])
    ours, theirs = tmp_path / f"ours{suffix}", tmp_path / f"theirs{suffix}"
    write_nifti(ours, array_of(dtype), ras, NOTE)
    image = nibabel.Nifti1Image(array_of(dtype).T, ras)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = NOTE.encode()
    image.set_sform(ras, code=1)
    image.set_qform(ras, code=1)
    image.header.set_slope_inter(1, 0)
    image.header["regular"] = b""
    nibabel.save(image, theirs)
    opened = gzip.open if suffix == ".nii.gz" else open
    with opened(ours, "rb") as one, opened(theirs, "rb") as other:
        ours, theirs = one.read(), other.read()
    assert ours[352:] == theirs[352:]
    # nibabel leaves offset and scale open, which readers take for 352, 1 and 0
    assert ours[:108] + ours[120:348] == theirs[:108] + theirs[120:348]


def test_sheared_axes_have_an_sform_only(tmp_path):
    ras = np.diag([0.7, 0.7, 2.0, 1.0])
    ras[1, 2] = 0.4
    write_nifti(tmp_path / "a.nii.gz", array_of("uint8"), ras, NOTE)
    header = nibabel.load(tmp_path / "a.nii.gz").header
    assert header.get_qform(coded=True)[1] == 0
    assert np.allclose(header.get_sform(), ras, atol=1e-6)


def test_simpleitk_reads_it(tmp_path):
    ras = np.diag([-0.7, -0.8, 2.0, 1.0])
    ras[:3, 3] = (10, 20, -30)
    write_nifti(tmp_path / "a.nii.gz", array_of("int16"), ras, NOTE)
    image = sitk.ReadImage(str(tmp_path / "a.nii.gz"))
    assert np.array_equal(sitk.GetArrayFromImage(image), array_of("int16"))
    assert np.allclose(image.GetSpacing(), (0.7, 0.8, 2.0))
    assert np.allclose(image.GetOrigin(), (-10, -20, -30))


def test_equal_input_gives_equal_bytes(tmp_path):
    for name in ("a.nii.gz", "b.nii.gz"):
        write_nifti(tmp_path / name, array_of("uint8"), np.eye(4), NOTE)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()

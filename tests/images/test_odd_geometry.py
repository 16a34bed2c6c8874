"""Geometry that tools state oddly: units of NRRD, voxel sizes that disagree, mirrored spacing, and
voxels that are not where the header says.
"""

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from testing import flaws
from testing.series_changes import PLAIN, good

from pleura.core.errors import InputRefused
from pleura.images.volumes import read_volume
from pleura.phantom.writer import series, write_files
from pleura.store.volume_files import series_in

HU = np.random.default_rng(0).integers(-1000, 1000, (6, 7, 8)).astype(np.int16)
AFFINE = np.diag([-0.9, -0.7, 2.5, 1.0])


def nrrd(path, units, mm):
    """An NRRD file in RAS whose lengths are in units of `mm` millimetres."""
    header = [
        "NRRD0004",
        "type: short",
        "dimension: 3",
        "space: RAS",
        "sizes: 8 7 6",
        "encoding: raw",
        "endian: little",
        f"space directions: ({-0.9 / mm},0,0) (0,{-0.7 / mm},0) (0,0,{2.5 / mm})",
        f"space origin: ({10 / mm},{-20 / mm},{30 / mm})",
    ]
    header += [f"space units: {units}"] if units else []
    path.write_bytes("\n".join([*header, "", ""]).encode() + HU.tobytes())
    return path


@pytest.mark.parametrize(
    ("units", "mm"),
    [
        ("", 1),
        ('"mm" "mm" "mm"', 1),
        ('"" "" ""', 1),
        ('"cm" "cm" "cm"', 10),
        ('"m" "m" "m"', 1000),
        ('"microns" "microns" "microns"', 0.001),
        ('"\u00b5m" "\u00b5m" "\u00b5m"', 0.001),
        ("um um um", 0.001),
    ],
)
def test_space_units_of_nrrd(units, mm, tmp_path):
    grid = read_volume(nrrd(tmp_path / "a.nrrd", units, mm)).grid
    np.testing.assert_allclose(grid.spacing_mm, (2.5, 0.7, 0.9), rtol=1e-9)
    np.testing.assert_allclose(grid.affine[:3, 3], (-10, 20, 30), rtol=1e-9)


@pytest.mark.parametrize("units", ['"inch" "inch" "inch"', '"mm" "mm"', "pixels"])
def test_units_that_are_not_known_are_refused(units, tmp_path):
    with pytest.raises(InputRefused) as caught:
        read_volume(nrrd(tmp_path / "a.nrrd", units, 1))
    assert caught.value.code == "IMAGE-GEOMETRY"


def nifti(path, sform, qform):
    image = nibabel.Nifti1Image(HU.T, sform)
    image.set_sform(sform, 1)
    image.set_qform(qform, 1)
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("scale", [(0.5, 0.5, 0.5), (1.02, 1, 1), (0.9, 1.1, 0.95)])
def test_voxel_sizes_that_disagree_are_refused_and_both_are_named(scale, tmp_path):
    sform = np.diag([*scale, 1]) @ AFFINE
    with pytest.raises(InputRefused) as caught:
        read_volume(nifti(tmp_path / "a.nii", sform, AFFINE))
    assert caught.value.code == "NIFTI-SIZES-DISAGREE"
    assert "0.9 x 0.7 x 2.5" in str(caught.value)


def test_forms_that_lie_apart_or_are_turned_a_little_agree(tmp_path):
    angle = np.deg2rad(10)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    turn[:3, 3] = 7, -30, 500
    found = read_volume(nifti(tmp_path / "a.nii", turn @ AFFINE, AFFINE))
    np.testing.assert_allclose(found.grid.spacing_mm, (2.5, 0.7, 0.9), rtol=1e-5)


def test_a_negative_spacing_of_metaimage_is_refused(tmp_path):
    """SimpleITK refuses it too: which way the axis runs nobody says."""
    path = tmp_path / "a.mhd"
    sitk.WriteImage(sitk.GetImageFromArray(HU), str(path))
    path.write_text(path.read_text().replace("ElementSpacing = 1 ", "ElementSpacing = -1 "))
    with pytest.raises(InputRefused) as caught:
        read_volume(path)
    assert caught.value.code == "IMAGE-GEOMETRY"


@pytest.mark.parametrize("suffix", [".mhd", ".nhdr"])
def test_voxels_that_are_gone_are_named_as_such(suffix, tmp_path):
    path = tmp_path / f"a{suffix}"
    sitk.WriteImage(sitk.GetImageFromArray(HU), str(path))
    next(other for other in tmp_path.iterdir() if other != path).unlink()
    with pytest.raises(InputRefused) as caught:
        read_volume(path)
    assert caught.value.code == "MASK-DATA-ELSEWHERE"


def test_image_files_are_used_where_no_series_can_be(tmp_path):
    slices = series(good(), PLAIN)
    write_files(
        tmp_path / "dicom", flaws.tags(slices, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    )
    nifti(tmp_path / "a.nii", AFFINE, AFFINE)
    scout, image = sorted(series_in(tmp_path), key=lambda one: one.image is not None)
    assert not scout.usable
    assert image.image == tmp_path / "a.nii"


def test_an_image_file_that_may_not_be_read_is_refused_once(tmp_path, monkeypatch):
    """The walk has named it CLOSED-FILES; a root user may read everything, so this is played."""
    closed = nifti(tmp_path / "closed.nii", AFFINE, AFFINE)
    opened = nifti(tmp_path / "open.nii", AFFINE, AFFINE)
    monkeypatch.setattr("os.access", lambda path, mode: path != closed)
    assert [one.image for one in series_in(tmp_path)] == [opened]


@pytest.mark.parametrize("name", ["b.nii.bz2", "b.img", "b.mgz", "B.NRRD.GZ", "b.gipl"])
def test_a_volume_in_a_format_that_is_not_read_is_refused_and_not_passed_over(name, tmp_path):
    nifti(tmp_path / "a.nii", AFFINE, AFFINE)
    (tmp_path / name).write_bytes(b"\1" * 500)
    (tmp_path / "table.npy").write_bytes(b"\1" * 500)
    found = {one.image.name: one for one in series_in(tmp_path)}
    assert set(found) == {"a.nii", name}
    with pytest.raises(InputRefused) as caught:
        found[name].read()
    assert caught.value.code == "MASK-FORMAT"

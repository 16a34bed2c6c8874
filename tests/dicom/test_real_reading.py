"""Real CT, beside an independent reader."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from pleura.dicom.series import find_series

FOLDERS = [
    *(f"chests/Images/Case_00{number}" for number in range(4)),
    *(
        "lung_dx_A0002/2_8mm_B70f",
        "lung_dx_A0002/3_8mm_B40f",
        "oddities/neck_not_chest",
        "oddities/abdomen_j2k",
    ),
    "oddities/formats/dcmqi_ct-3slice",
]


@pytest.mark.parametrize("name", FOLDERS)
def test_volumes_equal_simpleitk(real_data, name):
    (one,) = find_series(real_data / name)
    assert one.id == Path(name).name or "Case" not in name
    reader = sitk.ImageSeriesReader()
    folder = str(one.files[0].path.parent)
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(folder))  # its own files, in its own order
    image = reader.Execute()
    volume = one.read()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), volume.hu)
    axes = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    np.testing.assert_allclose(volume.grid.affine[:3, :3], axes[:, ::-1], atol=1e-3)
    np.testing.assert_allclose(volume.grid.affine[:3, 3], image.GetOrigin(), atol=1e-3)


def test_oddities_are_told_apart(real_data):
    found = find_series(real_data / "oddities")
    assert len({one.id for one in found}) == len(found)
    codes = {finding.code for one in found for finding in one.findings}
    assert {
        "TRUNCATED",
        "GANTRY-TILT",
        "UNEVEN-SPACING",
        "ONE-SLICE",
        "UNREADABLE-FILES",
        "NOT-CT",
    } <= codes
    (abdomen,) = find_series(real_data / "oddities" / "abdomen_j2k")
    assert (abdomen.usable, abdomen.slices) == (True, 20)
    (truncated,) = find_series(real_data / "oddities" / "truncated")
    assert not truncated.usable

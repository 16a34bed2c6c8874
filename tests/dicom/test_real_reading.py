"""Real CT, beside an independent reader."""

import numpy as np
import pytest
import SimpleITK as sitk

from pleura.dicom.series import find_series


@pytest.mark.parametrize("case", ["Case_000", "Case_001", "Case_002", "Case_003"])
def test_volumes_equal_simpleitk(real_data, case):
    (one,) = find_series(real_data / "chests" / "Images" / case)
    assert one.id == case
    reader = sitk.ImageSeriesReader()
    folder = str(real_data / "chests" / "Images" / case)
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
    assert {"TRUNCATED", "GANTRY-TILT", "UNEVEN-SPACING", "ONE-SLICE", "UNREADABLE-FILES", "NOT-CT"} <= codes
    (abdomen,) = find_series(real_data / "oddities" / "abdomen_j2k")
    assert (abdomen.usable, abdomen.slices) == (True, 20)
    (truncated,) = find_series(real_data / "oddities" / "truncated")
    assert not truncated.usable

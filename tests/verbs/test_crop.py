"""`deidentify --crop-above-apex`: what lies above the lungs does not come out, and what cannot
be placed does not either.
"""

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest

from pleura.core.errors import Exit, UsageError
from pleura.phantom.anatomy import chest
from pleura.phantom.writer import SeriesSpec, write_series
from pleura.verbs.deidentify import deidentify

SHAPE = (24, 64, 64)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A chest, its files in slice order, and the height (mm) of the higher apex by the phantom's
    own mask.
    """
    volume, truth = chest(SHAPE, seed=3)
    folder = tmp_path_factory.mktemp("crop") / "in"
    files = write_series(folder, volume, SeriesSpec(seed=3))
    heights = [float(pydicom.dcmread(path).ImagePositionPatient[2]) for path in files]
    apex = max(height for height, labels in zip(heights, truth.labels, strict=True) if labels.any())
    assert 2 < sum(height > apex for height in heights) < len(heights) / 2
    return folder, files, np.array(heights), apex


def heights_of(folder: Path) -> list[float]:
    return sorted(
        float(pydicom.dcmread(path).ImagePositionPatient[2]) for path in folder.rglob("*.dcm")
    )


@pytest.mark.parametrize("slices", [0, 2])
def test_slices_above_the_apex_are_left_out_and_counted(made, tmp_path, slices):
    folder, files, heights, apex = made
    step = heights[1] - heights[0]
    result = deidentify(folder, tmp_path / "out", crop_above_apex=(slices + 0.5) * step, workers=1)
    left = [height for height in heights if height <= apex + slices * step]
    assert heights_of(tmp_path / "out") == pytest.approx(left)
    assert result.exit_code is Exit.OK
    assert result.left["cropped"] == len(files) - len(left)
    assert any("above the lung apex" in line for line in result.notes())
    assert (
        deidentify(folder, tmp_path / "out", crop_above_apex=(slices + 0.5) * step, workers=1)
        == result
    )


def test_copies_are_cut_too_and_what_has_no_apex_is_refused(made, tmp_path):
    folder, files, _, _ = made
    source = tmp_path / "in"
    shutil.copytree(folder, source)
    shutil.copy(source / files[-1].name, source / "again.dcm")
    scout = pydicom.dcmread(source / files[-1].name)
    scout.SeriesInstanceUID, scout.SOPInstanceUID = "2.25.777", "2.25.778"
    scout.file_meta.MediaStorageSOPInstanceUID = scout.SOPInstanceUID
    scout.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    scout.save_as(source / "scout.dcm")
    plain = deidentify(folder, tmp_path / "plain", crop_above_apex=0.0, workers=1)
    result = deidentify(source, tmp_path / "out", crop_above_apex=0.0, workers=1)
    assert (result.left["cropped"], result.left["uncropped LOCALIZER"]) == (
        plain.left["cropped"] + 1,
        1,
    )
    assert result.files == plain.files
    assert result.exit_code is Exit.SOME_FAILED
    assert any("LOCALIZER" in line for line in result.notes())


def test_it_is_asked_for_in_millimetres(made, tmp_path):
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="millimetres"):
            deidentify(made[0], tmp_path / "out", crop_above_apex=wrong)
    with pytest.raises(UsageError, match="report"):
        deidentify(made[0], tmp_path / "out", profile="report", crop_above_apex=5.0)

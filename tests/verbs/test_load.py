"""`pleura.load` on DICOM files: every usable series by id, read when it is asked for; the others
with their reasons.
"""

import numpy as np
import pytest
import SimpleITK as sitk

from pleura.core.errors import InputRefused, NothingUsable, UsageError
from pleura.phantom.dataset import write_dataset
from pleura.verbs.load import load


@pytest.fixture
def chests(tmp_path):
    write_dataset(tmp_path / "in", cases=2, shape=(8, 32, 24), seed=3)
    return tmp_path / "in"


def test_volumes_of_a_dicom_tree_are_what_a_stranger_reads(chests):
    volumes = load(chests)
    assert list(volumes) == ["Case_000", "Case_001"]
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(chests / "Images" / "Case_001")))
    np.testing.assert_array_equal(volumes["Case_001"].hu, sitk.GetArrayFromImage(reader.Execute()))


def test_a_refused_series_is_not_in_it_and_says_why_when_asked(chests):
    volumes = load(chests)
    victim = next((chests / "Images" / "Case_000").iterdir())
    victim.write_bytes(victim.read_bytes()[:-100])
    assert "Case_000" in volumes, "nothing is read before it is asked for"
    volumes = load(chests)
    assert list(volumes) == ["Case_001"]
    assert "TRUNCATED" in volumes.refused["Case_000"]
    with pytest.raises(InputRefused, match="TRUNCATED"):
        volumes["Case_000"]
    with pytest.raises(KeyError):
        volumes["Case_007"]


def test_a_folder_without_ct_and_one_that_is_not_there(tmp_path):
    with pytest.raises(NothingUsable):
        load(tmp_path)
    with pytest.raises(UsageError):
        load(tmp_path / "none")

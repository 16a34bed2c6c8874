"""Too little of a chest to refuse its orientation is sent to review."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from pleura.core.findings import Verdict
from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.phantom.anatomy import chest
from pleura.quality.gate import gate
from pleura.quality.orientation import check_orientation
from pleura.verbs.segment import segment


def test_a_short_part_of_a_flipped_chest_is_reviewed_and_the_whole_refused():
    volume = chest((64, 96, 104), spacing_mm=(4.5, 3.6, 3.6), seed=5)[0]
    flipped = Volume(np.ascontiguousarray(volume.hu[:, ::-1]), volume.grid)
    assert {f.verdict for f in check_orientation(flipped) if f.code == "SPINE-IN-FRONT"} == {
        Verdict.REFUSED
    }
    part = flipped.hu[24:46]
    short = check_orientation(Volume(part, Grid.axial(part.shape, (4.5, 3.6, 3.6))))
    assert {f.verdict for f in short if f.code == "SPINE-IN-FRONT"} == {Verdict.REVIEW}


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_one_slice_is_not_a_volume_whatever_it_is_read_from(axis):
    """As in DICOM: no lungs were looked for, so that none are missing."""
    volume = chest((24, 64, 64), spacing_mm=(8.0, 5.0, 5.0), seed=5)[0]
    hu = np.take(volume.hu, [volume.hu.shape[axis] // 2], axis=axis)
    one = Volume(np.ascontiguousarray(hu), Grid.axial(hu.shape, (8.0, 5.0, 5.0)))
    assert [finding.code for finding in gate(one).findings] == ["ONE-SLICE"]
    assert "ONE-SLICE" not in {finding.code for finding in gate(volume).findings}


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_one_slice_in_an_image_file(tmp_path, suffix):
    hu = chest((24, 64, 64), spacing_mm=(8.0, 5.0, 5.0), seed=5)[0].hu[12:13]
    (tmp_path / "in").mkdir()
    image = sitk.GetImageFromArray(hu)
    image.SetSpacing((5.0, 5.0, 8.0))
    sitk.WriteImage(image, str(tmp_path / "in" / f"Case_001{suffix}"))
    (case,) = segment(tmp_path / "in", tmp_path / "out", model=Path("classical")).cases
    assert [one["code"] for one in case["findings"]] == ["ONE-SLICE"]

"""`pleura phantom`: the report's layout, ended at once the second time, and refusals in one
line.
"""

import nibabel
import numpy as np
import pytest

from pleura.core.errors import Exit, OutputConflict, UsageError
from pleura.verbs.phantom import phantom


def test_writes_the_layout_and_ends_at_once_the_second_time(tmp_path):
    out = tmp_path / "data"
    result = phantom(out, cases=2, size=24, slices=12, seed=3)
    assert (result.exit_code, result.as_json()) == (
        Exit.OK,
        {"cases": ["Case_000", "Case_001"], "shape": [12, 24, 24]},
    )
    assert len(list((out / "Images" / "Case_001").glob("*.dcm"))) == 12
    labels = nibabel.load(out / "Labels" / "Case_001.nii.gz")
    masks = np.load(out / "Segmentations" / "Case_001_seg.npz")["masks"]
    assert nibabel.aff2axcodes(labels.affine) == ("L", "P", "S")
    sided = np.asarray(labels.dataobj)
    assert set(np.unique(sided)) == {0, 1, 2}
    # columns first in NIfTI, slices first in the NPZ
    assert np.array_equal(sided.transpose(2, 1, 0) > 0, masks > 0)
    right, left = (
        nibabel.affines.apply_affine(labels.affine, np.argwhere(sided == k))[:, 0].mean()
        for k in (1, 2)
    )
    assert left < -20 < 20 < right  # NIfTI's x rises to the patient's right
    times = {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()}
    assert phantom(out, cases=2, size=24, slices=12, seed=3).cases == result.cases
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file()} == times
    with pytest.raises(OutputConflict, match="--overwrite"):
        phantom(out, cases=1, size=24, slices=12, seed=3)


@pytest.mark.parametrize("wrong", [{"cases": 0}, {"size": 3}, {"slices": 1}, {"seed": -1}])
def test_numbers_out_of_range(tmp_path, wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        phantom(tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()

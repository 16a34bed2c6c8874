"""CT as NIfTI, NRRD and MetaImage through segment, prepare, load and evaluate: the same lungs as
from the volume itself.
"""

import gzip

import nibabel
import numpy as np
import pytest

from pleura.core.errors import Exit, UsageError
from pleura.images.nifti import write_volume
from pleura.labels.registry import read_mask, write_mask
from pleura.phantom.anatomy import chest
from pleura.store.cohort import Cohort
from pleura.verbs.evaluate import evaluate
from pleura.verbs.load import load
from pleura.verbs.prepare import prepare
from pleura.verbs.segment import segment


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A chest and its mask under names as tools give them, and a broken file beside."""
    folder = tmp_path_factory.mktemp("files")
    volume, mask = chest((40, 96, 96), spacing_mm=(7.0, 4.0, 4.0), seed=3)[:2]
    write_volume(folder / "pat_ct.nii.gz", volume)
    write_mask(folder / "pat_lungs.nii.gz", mask)
    (folder / "cut_ct.nii.gz").write_bytes(gzip.compress(nibabel.Nifti1Header().binaryblock))
    return folder, volume, mask


def test_segment_prepare_and_load_take_image_files(files, tmp_path):
    folder, volume, mask = files
    loaded = load(folder)
    result = segment(folder, tmp_path / "seg")
    assert result.exit_code is Exit.SOME_FAILED
    good = [case for case in result.cases if case["mask"]]
    assert len(good) == 1
    assert all("pat" not in case["id"] for case in result.cases)
    np.testing.assert_array_equal(loaded[good[0]["id"]].hu, volume.hu)
    found = read_mask(tmp_path / "seg" / good[0]["mask"], volume.grid)
    assert found.grid is volume.grid
    overlap = np.count_nonzero((found.labels == mask.labels) & mask.lungs) / np.count_nonzero(
        mask.lungs
    )
    assert overlap > 0.9
    made = prepare(folder, tmp_path / "cohort")
    (case,) = Cohort.open(tmp_path / "cohort").cases
    np.testing.assert_array_equal(case.mask().labels, mask.labels)
    assert len(made.failures) == 1
    single = segment(folder / "pat_ct.nii.gz", tmp_path / "one")
    assert single.cases[0]["volume_ml"] == good[0]["volume_ml"]


def test_ct_files_are_a_grid_for_evaluate(files, tmp_path):
    folder, _, mask = files
    for name in ("a", "b"):
        write_mask(tmp_path / name / "pat.npz", mask)
    only = tmp_path / "grid"
    only.mkdir()
    (only / "pat_ct.nii.gz").write_bytes((folder / "pat_ct.nii.gz").read_bytes())
    result = evaluate(tmp_path / "a", tmp_path / "b", tmp_path / "out", grid=only, workers=1)
    assert [case["both"]["dice"] for case in result.scores["cases"]] == [1.0]


def test_dicom_objects_need_a_dicom_series(files, tmp_path):
    with pytest.raises(UsageError):
        segment(files[0], tmp_path / "out", format="seg")
    assert not (tmp_path / "out").exists()

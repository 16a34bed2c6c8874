"""`pleura couch`, and `prepare --couch remove`: what is called couch becomes air, and nothing
else changes.
"""

import json

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from pleura.core.errors import Exit, NothingUsable, OutputConflict
from pleura.phantom.anatomy import chest
from pleura.phantom.dataset import write_dataset
from pleura.store.case import Case
from pleura.verbs.couch import couch
from pleura.verbs.prepare import prepare

pytestmark = pytest.mark.usefixtures("figures_rendered")


@pytest.fixture(scope="module")
def chests(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "chests"
    write_dataset(folder, cases=2, shape=(16, 96, 96), seed=0)
    return folder


def read(path):
    return np.asanyarray(nibabel.load(path).dataobj).T


def test_the_couch_is_air_and_the_rest_is_what_a_stranger_reads(chests, tmp_path):
    result = couch(chests, tmp_path / "out")
    assert result.exit_code is Exit.OK
    for number, case in enumerate(result.cases):
        folder = tmp_path / "out" / case["id"]
        image = sitk.ReadImage(str(folder / "volume.nii.gz"))
        bare, labels = sitk.GetArrayFromImage(image), read(folder / "couch.nii.gz")
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(chests / "Images" / case["id"])))
        source = reader.Execute()
        assert np.allclose(image.GetOrigin(), source.GetOrigin(), atol=1e-3)
        assert np.allclose(image.GetSpacing(), source.GetSpacing(), atol=1e-4)
        before = sitk.GetArrayFromImage(source)
        assert (bare[labels == 2] == -1024).all()
        assert np.array_equal(bare[labels != 2], before[labels != 2])
        _, lungs = chest((16, 96, 96), seed=number)
        assert not (labels[lungs.lungs] == 2).any()
        ml = np.count_nonzero(labels == 2) * np.prod(source.GetSpacing()) / 1000
        assert case["couch_ml"] == pytest.approx(ml, rel=1e-3)
        assert ml > 500
        assert (case["verdict"], case["volume"]) == ("repaired", f"{case['id']}/volume.nii.gz")
        assert (folder / "planes.png").stat().st_size > 10_000


def test_again_ends_at_once_and_another_input_is_refused(chests, tmp_path):
    other = tmp_path / "other"
    write_dataset(other, cases=1, shape=(8, 48, 48), seed=7)
    couch(chests, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    assert couch(chests, tmp_path / "out").exit_code is Exit.OK
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before
    with pytest.raises(OutputConflict):
        couch(other, tmp_path / "out")


def test_one_bad_series_does_not_stop_the_rest(tmp_path):
    write_dataset(tmp_path / "in", cases=2, shape=(8, 48, 48), seed=1)
    victim = next((tmp_path / "in" / "Images" / "Case_000").iterdir())
    victim.write_bytes(victim.read_bytes()[:-100])
    result = couch(tmp_path / "in", tmp_path / "out")
    assert result.exit_code is Exit.SOME_FAILED
    assert [case["verdict"] for case in result.cases] == ["refused", "repaired"]
    assert "TRUNCATED" in result.cases[0]["reason"]
    assert not (tmp_path / "out" / "Case_000").exists()
    (tmp_path / "empty").mkdir()
    with pytest.raises(NothingUsable):
        couch(tmp_path / "empty", tmp_path / "none")


def test_two_workers_give_what_one_gives(chests, tmp_path):
    prepare(chests, tmp_path / "cohort")
    one = couch(tmp_path / "cohort", tmp_path / "one")
    two = couch(tmp_path / "cohort", tmp_path / "two", workers=2)
    assert one.cases == two.cases
    for path in (tmp_path / "one").rglob("*.png"):
        assert (
            path.read_bytes()
            == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()
        )


def test_prepare_takes_the_couch_out_when_it_is_asked(chests, tmp_path):
    prepare(chests, tmp_path / "kept")
    prepare(chests, tmp_path / "bare", couch="remove")
    for name in ("Case_000", "Case_001"):
        kept, bare = (Case.open(tmp_path / which / "cases" / name) for which in ("kept", "bare"))
        changed = kept.volume().hu != bare.volume().hu
        assert changed.any()
        assert (bare.volume().hu[changed] == -1024).all()
        assert not changed[kept.mask().lungs].any()
        assert np.array_equal(kept.mask().labels, bare.mask().labels)
        (told,) = [one for one in bare.about["findings"] if one["code"] == "COUCH-REMOVED"]
        assert told["evidence"]["ml"] == pytest.approx(
            np.count_nonzero(changed) * bare.grid.voxel_ml, rel=0.01
        )
        assert bare.about["verdict"] == "repaired"
        assert "COUCH-REMOVED" not in json.dumps(kept.about)

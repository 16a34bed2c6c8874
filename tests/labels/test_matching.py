"""Whose mask is whose, told by UIDs: SEG and RTSTRUCT against each other, against named maps,
and anywhere in a tree.
"""

import shutil

import numpy as np
import pytest

from pleura.core.errors import Exit, UsageError
from pleura.dicom.series import find_series
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask
from pleura.labels.lattice import union
from pleura.labels.registry import read_mask, write_mask
from pleura.phantom.dataset import write_dataset
from pleura.verbs.evaluate import evaluate


@pytest.fixture(scope="module")
def chests(tmp_path_factory):
    """Two scans with references; the same lungs, a column narrower, as SEG and RTSTRUCT under
    names that say nothing.
    """
    folder = tmp_path_factory.mktemp("chests")
    write_dataset(folder / "in", cases=2, shape=(16, 48, 64), seed=4, label=write_mask)
    for number, series in enumerate(find_series(folder / "in" / "Images")):
        truth = read_mask(folder / "in" / "Labels" / f"{series.id}.nii.gz", series.grid)
        lungs = truth.labels.copy()
        lungs[:, :, np.flatnonzero(lungs.any(axis=(0, 1)))[-4:]] = 0
        lungs[np.flatnonzero(lungs.any(axis=(1, 2)))[0]] = (
            0  # so that a segmentation has a frame less
        )
        answer = LungMask(lungs, series.grid)
        write_mask(folder / "seg" / f"a{9 - number}.seg.dcm", answer, series)
        write_mask(folder / "rtstruct" / f"p{number}" / "1-1.rtstruct.dcm", answer, series)
        write_mask(folder / "truth" / f"b{number}.seg.dcm", truth, series)
        write_mask(folder / "maps" / f"{series.id}.nii.gz", answer)
    return folder


def dices(pred, ref, out, **options):
    result = evaluate(pred, ref, out, workers=1, **options)
    assert (
        result.scores["refused"]
        == result.scores["unanswered"]
        == result.scores["without_reference"]
        == []
    )
    return [
        tuple(case[side]["dice"] for side in ("right", "left", "both"))
        for case in result.scores["cases"]
    ]


def test_label_objects_are_matched_whatever_their_names_and_folders(chests, tmp_path):
    images, labels = chests / "in" / "Images", chests / "in" / "Labels"
    expected = dices(chests / "maps", labels, tmp_path / "0")
    assert 0.8 < expected[0][1] < 1
    pairs = {
        "seg against seg": (chests / "seg", chests / "truth", {}),
        "rtstruct in a tree against seg": (chests / "rtstruct", chests / "truth", {}),
        "rtstruct against maps by the scans": (chests / "rtstruct", labels, {"grid": images}),
        "seg against maps by the scans": (chests / "seg", labels, {"grid": images}),
        "maps against seg by the scans": (chests / "maps", chests / "truth", {"grid": images}),
        "the report's layout": (chests / "maps", chests / "in", {}),
    }
    for name, (pred, ref, options) in pairs.items():
        assert dices(pred, ref, tmp_path / name, **options) == expected, name


def test_two_readers_of_one_scan_and_a_broken_object_are_refused_and_the_rest_goes_on(
    chests, tmp_path
):
    pred = tmp_path / "pred"
    shutil.copytree(chests / "seg", pred)
    shutil.copy(chests / "rtstruct" / "p0" / "1-1.rtstruct.dcm", pred / "second.dcm")
    (pred / "broken.dcm").write_bytes(b"no DICOM here")
    result = evaluate(pred, chests / "truth", tmp_path / "out", workers=1)
    assert result.exit_code is Exit.SOME_FAILED
    told = {entry["case"]: entry["reason"] for entry in result.scores["refused"]}
    assert "2 masks of this case" in told["b0"]
    assert "corrupt" in told["hidden_001"], "the name of the file stands in no result"
    assert [case["case"] for case in result.scores["cases"]] == ["b1"]


def test_several_maps_of_a_case_are_refused_and_a_file_is_no_folder(chests, tmp_path):
    shutil.copytree(chests / "maps", tmp_path / "pred")
    shutil.copy(tmp_path / "pred" / "Case_000.nii.gz", tmp_path / "pred" / "Case_000_mask.nii.gz")
    result = evaluate(tmp_path / "pred", chests / "in" / "Labels", tmp_path / "out", workers=1)
    assert [entry["case"] for entry in result.scores["refused"]] == ["Case_000"]
    with pytest.raises(UsageError, match="is a file"):
        evaluate(tmp_path / "pred" / "Case_000.nii.gz", chests / "in" / "Labels", tmp_path / "out2")


def test_masks_in_a_folder_of_their_case_or_further_down(chests, tmp_path):
    for place in ("{}/{}.nii.gz", "{}/segmentation.nii.gz", "reader/{}_pred.nii.gz"):
        pred = tmp_path / place[3:6]
        for path in (chests / "maps").iterdir():
            goal = pred / place.format(*[path.name[:8]] * 2)
            goal.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, goal)
        assert len(dices(pred, chests / "in" / "Labels", tmp_path / f"out{place[3:6]}")) == 2


def test_two_lattices_without_ends_become_one():
    whole = Grid.axial((9, 8, 7), (2.5, 0.7, 0.8), (3, 4, 5))
    labels = np.random.default_rng(3).integers(0, 3, whole.shape).astype(np.uint8)
    parts = []
    for low, high in (((1, 2, 0), (7, 8, 5)), ((3, 0, 2), (9, 6, 7))):
        cut = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        affine = whole.affine.copy()
        affine[:3, 3] = whole.to_world(low)
        parts.append(LungMask(labels[cut], Grid(labels[cut].shape, affine)))
    one, other = union(*parts)
    assert one.grid is other.grid
    np.testing.assert_allclose(one.grid.to_world([0, 0, 0]), whole.to_world([1, 0, 0]))
    np.testing.assert_array_equal(one.labels[:6, 2:8, :5], parts[0].labels)
    np.testing.assert_array_equal(other.labels[2:8, :6, 2:7], parts[1].labels)
    assert one.labels.sum() == parts[0].labels.sum()
    shifted = LungMask(
        parts[1].labels, Grid.axial(parts[1].grid.shape, (2.5, 0.7, 0.8), (3.3, 4, 5))
    )
    assert union(parts[0], shifted) == (parts[0], shifted)

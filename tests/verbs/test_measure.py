"""measure: masks of any tool are measured where they lie on lung, and refused by code where not."""

import csv
import json
import shutil

import numpy as np
import pytest
import SimpleITK as sitk

from pleura.core.errors import Exit, UsageError
from pleura.labels.registry import write_mask
from pleura.phantom.dataset import write_dataset
from pleura.verbs.measure import measure

CASE = "Case_000"


@pytest.fixture(scope="module")
def chests(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "chests"
    write_dataset(folder, cases=1, shape=(20, 48, 48), seed=3, label=write_mask)
    return folder


@pytest.fixture
def measured(chests, tmp_path):
    """Measure the phantom's lungs after a change of their labels: the result and its one case."""
    reference = sitk.ReadImage(str(chests / "Labels" / f"{CASE}.nii.gz"))

    def run(change, **options):
        image = sitk.GetImageFromArray(change(sitk.GetArrayFromImage(reference)))
        image.CopyInformation(reference)
        sitk.WriteImage(image, str(tmp_path / f"{CASE}.nii.gz"))
        result = measure(
            chests / "Images", tmp_path / f"{CASE}.nii.gz", tmp_path / "out", **options
        )
        (case,) = json.loads((tmp_path / "out" / "run.json").read_text())["cases"]
        return result, case

    return run


def codes(case):
    return {finding["code"] for finding in case["findings"]}


def test_each_lung_has_the_volume_of_its_voxels(measured):
    counts = {}

    def count(labels):
        counts.update({side: int((labels == k).sum()) for side, k in (("right", 1), ("left", 2))})
        return labels

    result, case = measured(count)
    assert result.exit_code is Exit.OK
    volumes = case["volume_ml"]
    assert volumes["right"] / volumes["left"] == pytest.approx(counts["right"] / counts["left"])
    assert volumes["both"] == pytest.approx(volumes["right"] + volumes["left"], abs=0.002)


@pytest.mark.parametrize("kind", ["image file", "folder of DICOM files"])
def test_a_mask_may_have_the_name_of_its_ct(chests, tmp_path, kind):
    """The id of such a case is a digest, because a name may identify the patient."""
    if kind == "image file":
        (tmp_path / "ct").mkdir()
        reader = sitk.ImageSeriesReader()
        folder = str(chests / "Images" / CASE)
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(folder))
        sitk.WriteImage(reader.Execute(), str(tmp_path / "ct" / "P1.nii.gz"))
    else:
        shutil.copytree(chests / "Images" / CASE, tmp_path / "ct" / "P1")
    for name in ("P1", "P2"):
        shutil.copytree(chests / "Labels", tmp_path / name)
        (tmp_path / name / f"{CASE}.nii.gz").rename(tmp_path / name / f"{name}.nii.gz")
    assert measure(tmp_path / "ct", tmp_path / "P1", tmp_path / "out").exit_code is Exit.OK
    (case,) = json.loads((tmp_path / "out" / "run.json").read_text())["cases"]
    assert case["id"].startswith("CT-")
    assert case["volume_ml"]["right"] > 1000
    other = measure(tmp_path / "ct", tmp_path / "P2", tmp_path / "other")
    assert other.exit_code is Exit.NOTHING_USABLE
    assert "MASK-MISSING" in " ".join(other.notes())


@pytest.mark.parametrize("value", [1, 255])
def test_a_mask_without_sides_is_measured_as_both_lungs(measured, value):
    result, case = measured(lambda labels: np.where(labels > 0, value, 0).astype(np.uint8))
    assert result.exit_code is Exit.OK
    assert set(case["volume_ml"]) == {"both"}  # not 0 ml of a right lung
    assert case["volume_ml"]["both"] > 1000
    assert "NO-SIDES" in codes(case)


def test_label_maps_of_other_tools_are_measured_with_their_mapping(measured, tmp_path):
    """TotalSegmentator's lobes: 10, 11 left, 12 to 14 right (its class map)."""

    def lobes(labels):
        return np.array([0, 13, 10], np.uint8)[labels]

    result, case = measured(lobes)
    assert result.exit_code is Exit.NOTHING_USABLE
    assert "with --mapping" in case["reason"]
    shutil.rmtree(tmp_path / "out")
    result, case = measured(lobes, mapping="totalsegmentator")
    assert result.exit_code is Exit.OK
    assert case["volume_ml"]["right"] > case["volume_ml"]["left"]
    with pytest.raises(UsageError, match="no such mapping"):
        measured(lobes, mapping="lungmusk")


def test_a_dataset_json_beside_the_masks_says_which_lung_is_which(measured, tmp_path):
    """nnU-Net's names, with the left lung first."""
    named = {"labels": {"background": 0, "lung_left": 1, "lung_right": 2}}
    (tmp_path / "dataset.json").write_text(json.dumps(named))
    result, case = measured(lambda labels: np.array([0, 2, 1], np.uint8)[labels])
    assert result.exit_code is Exit.OK
    assert case["volume_ml"]["right"] > case["volume_ml"]["left"]


def test_two_masks_of_a_case_are_refused_and_not_one_of_them_measured(chests, tmp_path):
    masks = tmp_path / "masks"
    shutil.copytree(chests / "Labels", masks)
    empty = sitk.ReadImage(str(masks / f"{CASE}.nii.gz")) * 0
    sitk.WriteImage(empty, str(masks / f"{CASE}.nrrd"))
    result = measure(chests / "Images", masks, tmp_path / "out")
    assert result.exit_code is Exit.NOTHING_USABLE
    assert "MASKS-SEVERAL" in codes(result.cases[0])


def test_an_npz_and_a_report_of_a_mask_without_sides(chests, tmp_path):
    masks = chests / "Segmentations"
    result = measure(chests / "Images", masks, tmp_path / "out", sr=True)
    assert result.exit_code is Exit.OK
    assert (tmp_path / "out" / CASE / "measurements.sr.dcm").is_file()


def test_a_lobe_or_a_lung_that_is_left_out_goes_to_review(measured):
    result, case = measured(lambda labels: (labels == 1).astype(np.uint8))
    assert result.exit_code is Exit.OK
    assert case["verdict"] == "review"
    (missed,) = [f for f in case["findings"] if f["code"] == "AIR-OUTSIDE-MASK"]
    assert missed["evidence"]["ml"] == pytest.approx(1800, rel=0.3)  # the other lung


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (np.zeros_like, "MASK-EMPTY"),
        (lambda labels: np.array([0, 2, 1], np.uint8)[labels], "SIDES-EXCHANGED"),
        (lambda labels: np.roll(labels, 20, axis=1), "MASK-NOT-LUNG"),
        (lambda labels: np.roll(labels > 0, 20, axis=1).astype(np.uint8), "MASK-NOT-LUNG"),
    ],
)
def test_a_mask_that_is_not_on_the_lungs_is_refused(measured, change, code):
    result, case = measured(change)
    assert result.exit_code is Exit.NOTHING_USABLE
    assert code in codes(case)
    assert case["measures"] is None


def test_dense_parts_are_labels_and_volumes_of_their_own(measured, tmp_path):
    """Soft tissue within the mask is dense; every number is that of the file's voxels."""
    from scipy.ndimage import binary_dilation

    def with_tissue(labels):
        around = binary_dilation(labels == 1, iterations=3) & (labels == 0)
        around[:8], around[12:] = False, False  # a mask of much tissue is refused
        return np.where(around, 1, labels)

    _, case = measured(with_tissue, dense=True)
    image = sitk.ReadImage(str(tmp_path / "out" / case["id"] / "dense.nii.gz"))
    labels = sitk.GetArrayFromImage(image)
    mask = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / f"{CASE}.nii.gz")))
    assert np.array_equal(np.where(labels > 2, labels - 2, labels), mask)
    assert (labels == 3).any()
    for side, label in (("right", 3), ("left", 4)):
        ml = np.count_nonzero(labels == label) * np.prod(image.GetSpacing()) / 1000
        assert case["measures"][side]["dense_ml"] == pytest.approx(ml, abs=1e-4)
    with (tmp_path / "out" / "lungs.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["lung"]: row for row in csv.DictReader(file)}
    assert float(rows["right"]["dense_ml"]) > 0
    assert "dense [ml]" in (tmp_path / "out" / "index.html").read_text(encoding="utf-8")


def test_without_the_option_nothing_is_said_of_dense_parts(measured, tmp_path):
    _, case = measured(lambda labels: labels)
    assert not (tmp_path / "out" / case["id"] / "dense.nii.gz").exists()
    for name in ("lungs.csv", "index.html"):
        assert "dense" not in (tmp_path / "out" / name).read_text(encoding="utf-8")

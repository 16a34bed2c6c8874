"""`pleura evaluate` through its command on masks as other tools leave them: their labels, their
names, their folders.
"""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from click.testing import CliRunner

from pleura.cli.commands import app
from pleura.phantom.anatomy import chest

SHAPE = (10, 20, 24)
RIGHT_LOBES, LEFT_LOBES = (12, 13, 14), (10, 11)


def lungs():
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:8, 5:15, 3:10] = 1
    labels[3:9, 5:15, 13:20] = 2
    return labels


def lobes():
    """The lungs as TotalSegmentator's map has them: lobes from top to bottom, the trachea (16)
    and a rib beside.
    """
    labels = np.zeros(SHAPE, np.uint8)
    for side, numbers in ((1, RIGHT_LOBES), (2, LEFT_LOBES)):
        for number, rows in zip(
            numbers, np.array_split(np.arange(5, 15), len(numbers)), strict=True
        ):
            labels[:, rows] = np.where(lungs()[:, rows] == side, number, labels[:, rows])
    labels[9, 10, 11], labels[0, 0, 0] = 16, 92
    return labels


def write(path, labels):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing((1.5, 2.0, 4.0))
    image.SetOrigin((-30.0, -20.0, 100.0))
    sitk.WriteImage(image, str(path))


@pytest.fixture
def ref(tmp_path):
    write(tmp_path / "ref" / "Case_000.nii.gz", lungs())
    return tmp_path / "ref"


def evaluate(pred, ref, *words):
    out = ref.parent / f"out{len(list(ref.parent.glob('out*')))}"
    told = CliRunner().invoke(
        app, ["evaluate", *map(str, (pred, ref, out, *words)), "--workers", "1"]
    )
    assert "Traceback" not in told.output
    return told, out


def dice(out):
    with (out / "scores.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "dice"]
    return [float(row["value"]) if row["value"] else None for row in rows]


def test_a_map_of_lobes_is_refused_with_the_mapping_that_fits_and_scored_with_it(ref):
    write(ref.parent / "pred" / "Case_000.nii.gz", lobes())
    told, _ = evaluate(ref.parent / "pred", ref)
    assert told.exit_code == 3
    (line,) = [line for line in told.stderr.splitlines() if ": refused:" in line]
    assert "they fit the mapping totalsegmentator; specify the label mapping with --mapping" in line
    told, out = evaluate(ref.parent / "pred", ref, "--mapping", "totalsegmentator")
    assert told.exit_code == 0, told.output
    assert dice(out) == [1, 1, 1]
    named = json.loads((out / "scores.json").read_text())["labels"]
    assert named["mask"] == {
        "name": "totalsegmentator",
        "right": [12, 13, 14],
        "left": [10, 11],
        "either": [],
    }
    assert named["reference"]["name"] == "lungs"


@pytest.mark.parametrize(
    ("values", "mapping"),
    [
        ((3, 1), "lungmask-lobes"),
        ((4, 7), "right=4,left=7"),
        ((1, 2), "lungmask"),
        ((13, 15), "totalsegmentator-v1"),
    ],
)
def test_other_mappings_by_name_or_by_side(ref, values, mapping):
    write(ref.parent / "pred" / "Case_000.nii.gz",
          np.array([0, values[mapping == "totalsegmentator-v1"],
          values[mapping != "totalsegmentator-v1"]], np.int16)[lungs()])  # fmt: skip
    told, out = evaluate(ref.parent / "pred", ref, "--mapping", mapping)
    assert told.exit_code == 0, told.output
    assert dice(out) == [1, 1, 1]


def test_references_and_the_other_method_have_their_own_mapping(ref):
    for name in ("lobes", "other"):
        write(ref.parent / name / "Case_000.nii.gz", lobes())
    told, _ = evaluate(ref, ref.parent / "lobes")
    assert "reference: the mask has the values" in told.output
    assert "--ref-mapping" in told.output
    told, out = evaluate(ref, ref.parent / "lobes", "--ref-mapping", "totalsegmentator")
    assert (told.exit_code, dice(out)) == (0, [1, 1, 1])
    told, _ = evaluate(ref, ref, "--against", ref.parent / "other")
    assert told.exit_code == 1
    assert "--against-mapping" in told.output
    told, _ = evaluate(
        ref, ref, "--against", ref.parent / "other", "--against-mapping", "totalsegmentator"
    )
    assert told.exit_code == 0


def test_an_unknown_mapping_is_wrong_usage_and_lists_them(ref):
    told, out = evaluate(ref, ref, "--mapping", "totalsegmentor")
    assert told.exit_code == 2
    assert "lungmask-lobes, totalsegmentator" in told.stderr
    assert not out.exists()


def test_an_nnu_net_tells_its_labels_beside_its_predictions(ref):
    pred = ref.parent / "nnUNet" / "labelsTs"
    write(pred / "Case_000.nii.gz", np.array([0, 5, 3], np.uint8)[lungs()])
    (pred / "summary.json").write_text('{"foreground_mean": {"Dice": 0.5}}')
    names = {"background": 0, "heart": 1, "lung_left": 3, "lung_right": 5}
    (pred / "dataset.json").write_text(json.dumps({"labels": names, "file_ending": ".nii.gz"}))
    told, out = evaluate(pred, ref)
    assert told.exit_code == 0, told.output
    assert dice(out) == [1, 1, 1]


def test_a_folder_of_one_file_a_structure(ref):
    case = ref.parent / "pred" / "Case_000"
    names = {12: "lung_upper_lobe_right", 13: "lung_middle_lobe_right", 14: "lung_lower_lobe_right",
             10: "lung_upper_lobe_left",
             11: "lung_lower_lobe_left", 92: "rib_left_1", 16: "trachea"}  # fmt: skip
    for number, name in names.items():
        write(case / f"{name}.nii.gz", (lobes() == number).astype(np.uint8))
    told, out = evaluate(ref.parent / "pred", ref)
    assert told.exit_code == 0, told.output
    assert dice(out) == [1, 1, 1]
    (case / "lung_upper_lobe_left.nii.gz").unlink()
    (case / "lung_lower_lobe_left.nii.gz").unlink()
    told, out = evaluate(ref.parent / "pred", ref)
    assert "ONE-LUNG" in told.output, told.output
    assert dice(out)[:2] == [1, 0]


def write_on(path, array, grid):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing([float(mm) for mm in grid.spacing_mm[::-1]])
    image.SetOrigin([float(mm) for mm in grid.affine[:3, 3]])
    sitk.WriteImage(image, str(path))


@pytest.mark.parametrize(
    ("ct", "mask", "case"),
    [
        ("imagesTr/lung_001_0000.nii.gz", "labelsTr/lung_001.nii.gz", "lung_001"),
        ("set/s0001/ct.nii.gz", "set/s0001/segmentations/lung_{}.nii.gz", "s0001"),
        ("set/Case_003_ct.nrrd", "set/Case_003.nrrd", "Case_003"),
    ],
)
def test_ct_in_an_image_file_beside_the_references_is_drawn(tmp_path, ct, mask, case):
    """Layouts of nnU-Net, TotalSegmentator and of CT beside its mask."""
    volume, lung = chest((16, 64, 64), seed=5)
    write_on(tmp_path / ct, volume.hu, volume.grid)
    for side, name in ((1, "right"), (2, "left")) if "{}" in mask else ((0, ""),):
        labels = (lung.labels == side).astype(np.uint8) if side else lung.labels
        write_on(tmp_path / mask.format(name), labels, volume.grid)
    less = lung.labels.copy()
    less[:, :30] = 0
    write_on(tmp_path / "pred" / f"{case}.nii.gz", less, volume.grid)
    ref = tmp_path / (Path(mask).parts[0])
    told, out = evaluate(tmp_path / "pred", ref, "--paths")
    assert told.exit_code == 0, told.output
    (record,) = json.loads((out / "scores.json").read_text())["cases"]
    assert (record["case"], record["has_ct"]) == (case, True)

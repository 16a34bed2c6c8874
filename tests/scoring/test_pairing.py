"""Masks and references find each other in the folders that tools and collections leave, and
nobody is taken for another.
"""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import SimpleITK as sitk

from pleura.core.errors import NothingUsable, UsageError
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask
from pleura.labels.registry import write_mask
from pleura.scoring.names import is_neutral, neutral_names, sidecar
from pleura.scoring.pairing import find_references, pair_masks
from pleura.verbs.evaluate import evaluate

GRID = Grid.axial((8, 12, 14), (4.0, 2.0, 1.5), (-30.0, -20.0, 100.0))
LOBES = ("lung_upper_lobe_right", "lung_middle_lobe_right", "lung_lower_lobe_right",
         "lung_upper_lobe_left",
         "lung_lower_lobe_left")  # fmt: skip


def lungs():
    labels = np.zeros(GRID.shape, np.uint8)
    labels[1:6, 2:10, 1:6] = 1
    labels[2:7, 2:10, 8:13] = 2
    return labels


def put(path, labels):
    """Write a label map with SimpleITK, not with pleura."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(labels.astype(np.uint8))
    image.SetSpacing((1.5, 2.0, 4.0))
    image.SetOrigin((-30.0, -20.0, 100.0))
    sitk.WriteImage(image, str(path))


def put_lobes(folder, names=LOBES):
    for name in names:
        side = 1 if name.endswith("right") else 2
        rows = np.array_split(np.arange(2, 10), 3 if side == 1 else 2)
        part = (
            ("upper", "middle", "lower").index(name.split("_")[1])
            if side == 1
            else int("lower" in name)
        )
        labels = np.zeros(GRID.shape, np.uint8)
        labels[:, rows[part]] = lungs()[:, rows[part]] == side
        put(folder / f"{name}.nii.gz", labels)


def paired(pred, ref, grid=None):
    references = find_references(ref, pred, grid, "all")
    return sorted(pair_masks(pred, references).masks)


@pytest.fixture
def ref(tmp_path):
    put(tmp_path / "ref" / "s0001.nii.gz", lungs())
    return tmp_path / "ref"


def scored(pred, ref, out, **options):
    return evaluate(pred, ref, out, workers=1, **options).scores


def test_totalsegmentators_data_set_is_found_below_segmentations(tmp_path, ref):
    put(tmp_path / "ts" / "s0001" / "ct.nii.gz", lungs())
    put_lobes(tmp_path / "ts" / "s0001" / "segmentations")
    put(tmp_path / "ts" / "s0001" / "segmentations" / "rib_left_1.nii.gz", lungs() * 0)
    (case,) = scored(tmp_path / "ts", ref, tmp_path / "out")["cases"]
    assert (case["right"]["dice"], case["left"]["dice"]) == (1, 1)
    (case,) = scored(ref, tmp_path / "ts", tmp_path / "back")["cases"]
    assert case["dice"] == 1


def nnunet(tmp_path):
    """A data set as nnU-Net keeps it; images lie beside the labels' folder."""
    put(tmp_path / "Dataset001" / "labelsTr" / "s0001.nii.gz", lungs())
    put(tmp_path / "Dataset001" / "imagesTr" / "s0001_0000.nii.gz", lungs())
    (tmp_path / "Dataset001" / "dataset.json").write_text(
        json.dumps({"labels": {"background": 0, "lung_right": 1, "lung_left": 2}})
    )
    return tmp_path / "Dataset001"


def lungmask(tmp_path):
    """A file for each case, beside the image that it was made from."""
    put(tmp_path / "lungmask" / "s0001_lungmask.nii.gz", lungs())
    put(tmp_path / "lungmask" / "s0001_ct.nii.gz", lungs())
    return tmp_path / "lungmask"


def per_case_folder(tmp_path):
    put(tmp_path / "cases" / "s0001" / "segmentation.nii.gz", lungs())
    return tmp_path / "cases"


def slicer(tmp_path):
    """Files named case.seg.nrrd, as 3D Slicer exports them."""
    put(tmp_path / "slicer" / "s0001.seg.nrrd", lungs())
    return tmp_path / "slicer"


def whole_lungs(tmp_path):
    for name, label in (("Lung_R", 1), ("Lung_L", 2)):
        put(tmp_path / "tg263" / "s0001" / f"{name}.nii.gz", lungs() == label)
    return tmp_path / "tg263"


@pytest.mark.parametrize("layout", [nnunet, lungmask, per_case_folder, slicer, whole_lungs])
def test_folders_of_tools_are_found_by_themselves(tmp_path, ref, layout):
    assert paired(layout(tmp_path), ref) == ["s0001"]


def test_two_single_files_are_a_pair(tmp_path):
    for name in ("a", "b"):
        put(tmp_path / f"{name}.nii.gz", lungs())
    (case,) = scored(tmp_path / "a.nii.gz", tmp_path / "b.nii.gz", tmp_path / "out")["cases"]
    assert (case["case"], case["dice"]) == ("pair", 1)


@pytest.mark.parametrize("name", ["mask.txt", "mask", "mask.pdf"])
def test_files_of_other_kinds_are_not_called_corrupt_dicom(tmp_path, name):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text("no mask\n" * 50)
    result = evaluate(tmp_path / "a" / name, tmp_path / "b" / name, tmp_path / "out")
    assert result.exit_code == 3
    (refused,) = result.scores["refused"]
    assert "is not a format that pleura reads" in refused["reason"]


def test_a_single_file_answers_a_folder_of_one_case_only(tmp_path, ref):
    put(tmp_path / "mask.mha", lungs())
    (case,) = scored(tmp_path / "mask.mha", ref, tmp_path / "out")["cases"]
    assert case["case"] == "s0001"
    put(ref / "s0002.nii.gz", lungs())
    with pytest.raises(UsageError, match="two files, or two folders"):
        scored(tmp_path / "mask.mha", ref, tmp_path / "out2")


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    """CT and structure sets of two patients as TCIA delivers them, and the masks behind them."""
    from pleura.dicom.series import find_series
    from pleura.phantom.dataset import write_dataset

    place = tmp_path_factory.mktemp("lctsc")
    write_dataset(place / "made", cases=2, shape=(10, 32, 32), seed=2)
    masks = {}
    for k, case in enumerate(sorted((place / "made" / "Images").iterdir())):
        patient = f"LCTSC-Train-S1-{k + 1:03d}"
        shutil.copytree(case, place / "tcia" / patient / "01-01-2004-NA-70" / "0.000000-NA-30")
        (series,) = [s for s in find_series(place / "tcia" / patient) if s.is_ct]
        labels = np.zeros(series.grid.shape, np.uint8)
        labels[2:8, 8:20, 4 + k : 12] = 1
        labels[2:8, 8:20, 18 : 26 - k] = 2
        masks[patient] = LungMask(labels, series.grid)
        goal = place / "tcia" / patient / "01-01-2004-NA-70" / "1.000000-NA-56" / "1-1.rtstruct.dcm"
        write_mask(goal, masks[patient], series)
        goal.rename(goal.with_name("1-1.dcm"))
        for suffix in (".nii.gz", ".seg.dcm", ".nrrd", ".mha"):
            write_mask(place / suffix[1:] / f"{patient}{suffix}", masks[patient], series)
        write_mask(place / "npz" / f"{patient}_seg.npz", masks[patient])
    return SimpleNamespace(folder=place, masks=masks)


def test_lctsc_as_delivered_needs_no_option_and_keeps_patients_apart(collection, tmp_path):
    """Every structure set is called 1-1.dcm; each belongs to its own CT, and masks go by the
    patient's folder.
    """
    scores = scored(collection.folder / "nii.gz", collection.folder / "tcia", tmp_path / "out")
    assert len(scores["cases"]) == 2
    assert not scores["unanswered"]
    assert not scores["refused"]
    for case in scores["cases"]:
        assert case["dice"] > 0.9
        assert case["has_ct"]
    assert len({case["both"]["reference_volume_ml"] for case in scores["cases"]}) == 2


def test_structure_sets_of_a_tool_take_their_grid_from_the_ct_beside_the_reference(
    collection, tmp_path
):
    """The tool's files lie under their own names; UIDs say whose they are."""
    for k, path in enumerate(sorted((collection.folder / "tcia").rglob("1-1.dcm"))):
        goal = tmp_path / "tool" / f"rt{k}.dcm"
        goal.parent.mkdir(exist_ok=True)
        shutil.copy(path, goal)
    scores = scored(tmp_path / "tool", collection.folder / "tcia", tmp_path / "out")
    assert [case["dice"] for case in scores["cases"]] == [1, 1]


@pytest.mark.parametrize("other", ["nrrd", "mha", "seg.dcm"])
def test_scores_are_the_same_whatever_the_format(collection, tmp_path, other):
    plain, same = (
        scored(collection.folder / kind, collection.folder / "tcia", tmp_path / kind)
        for kind in ("nii.gz", other)
    )
    for one, two in zip(plain["cases"], same["cases"], strict=True):
        for structure in ("right", "left", "both"):
            assert one[structure] == pytest.approx(two[structure], abs=1e-6)
        assert one["slices"] == two["slices"]
        assert one["findings"] == two["findings"]


def test_masks_of_other_cases_are_nothing_usable_and_never_paired_by_order(tmp_path, ref):
    put(tmp_path / "pred" / "s0002.nii.gz", lungs())
    with pytest.raises(NothingUsable, match="1 masks and 1 references"):
        paired(tmp_path / "pred", ref)


@pytest.mark.parametrize(
    "name",
    ["Case_012", "Deid_012", "Case_000_2", "s0001", "LCTSC-Train-S1-001", "LUNG1-001",
     "C3N-00247", "R01-001", "LIDC-IDRI-0002", "4DLung_113", "CT-1", "pair", "12"],
)  # fmt: skip
def test_numbering_is_neutral(name):
    assert is_neutral(name)


@pytest.mark.parametrize(
    "name",
    ["Mustermann_Max", "smith", "Li_Na", "J_S_1987", "MRN1234567", "20190312", "case_Ng", "田中",
     "Sørensen", "=cmd|x", "$x$",
     "a b", "", "case\x1b[31m", "patient_obrien"],
)  # fmt: skip
def test_anything_more_than_numbering_is_not(name):
    assert not is_neutral(name)


def test_hidden_names_keep_their_number_and_are_for_the_owner_only(tmp_path):
    first = neutral_names(["smith", "Case_001"], tmp_path / "out")
    assert first == {"smith": "hidden_001", "Case_001": "Case_001"}
    assert sidecar(tmp_path / "out").stat().st_mode & 0o077 == 0
    again = neutral_names(["adams", "smith"], tmp_path / "out")
    assert again == {"smith": "hidden_001", "adams": "hidden_002"}

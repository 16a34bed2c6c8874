"""Files that name labels beside masks: ITK-SNAP's, 3D Slicer's, nnU-Net's."""

import json

import numpy as np
import pytest

from pleura.core.errors import InputRefused, UsageError
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask
from pleura.labels.api import read_mask
from pleura.labels.mappings import LUNGS, naming_of
from pleura.labels.registry import write_mask

SNAP = """################################################
# ITK-SnAP Label Description File
# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL
################################################
    0     0    0    0        0  0  0    "Clear Label"
"""
ROW = '{} 255 0 0 1.0 1 1 "{}"\n'
GRID = Grid.axial((3, 4, 5), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))


def snap(*names):
    rows = [f'    {k}   255    0    0     1.0  1  1    "{n}"' for k, n in enumerate(names, 1)]
    return SNAP + "\n".join(rows) + "\n"


def slicer(*names):
    rows = ["# Color table file lungs.ctbl", "# 3 values", "0 Background 0 0 0 0"]
    return "\n".join(rows + [f"{k} {n} 128 174 128 255" for k, n in enumerate(names, 1)]) + "\n"


TABLES = {
    "labels.txt": snap("Left lung", "Right Lung (AI)", "Heart"),
    "lungs.label": snap("Lung_L", "Lung_R", "Label 3"),
    "labels.lbl": snap("linke Lunge", "rechte Lunge").replace("\n", "\r\n"),
    "lungs.ctbl": slicer("left_lung", "right_lung", "trachea"),
    "quoted.ctbl": slicer('"left lung"', '"right lung"'),
    "spaced.ctbl": slicer("left lung", "right lung"),
    "lungs.csv": "LabelValue,Name,Color_R,Color_G\r\n1,left lung,1,2\r\n2,right lung,3,4\r\n",
    "quoted.csv": '"LabelValue","Name"\n"1","left lung"\n"2","right lung"\n',
    "excel.csv": "sep=;\nLabelValue;Name\n1;left lung\n2;right lung\n",
    "commented.csv": "# colours\nLabelValue,Name\n1,left lung\n2,right lung\n",
    "repeated.txt": snap("left lung", "right lung", "Heart", "Heart") + ROW.format(1, "left lung"),
    "bare.label": snap("left", "right"),
    "semicolons.csv": "labelvalue;name\n1;Lunge links\n2;Lunge rechts\n",
}


def mask_in(folder, name="Case_001.nii.gz"):
    folder.mkdir(exist_ok=True)
    labels = np.zeros(GRID.shape, np.uint8)
    labels[0], labels[1] = 1, 2
    write_mask(folder / name, LungMask(labels, GRID))
    return folder / name


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_table_beside_the_mask_says_which_lung_is_which(tmp_path, name, encoding):
    path = mask_in(tmp_path)
    assert read_mask(path).labels[:, 0, 0].tolist() == [1, 2, 0]
    (tmp_path / name).write_text(TABLES[name], encoding=encoding)
    assert read_mask(path).labels[:, 0, 0].tolist() == [2, 1, 0]
    assert naming_of("auto", tmp_path).name == "table"
    assert read_mask(path, mapping="lungs").labels[:, 0, 0].tolist() == [1, 2, 0]


def test_a_table_in_the_folder_of_a_case_counts_and_any_file_can_be_named(tmp_path):
    mask_in(tmp_path / "Case_001", "lungs.nii.gz")
    (tmp_path / "Case_001" / "labels.txt").write_text(TABLES["labels.txt"])
    assert naming_of("auto", tmp_path).right == (2,)
    for name in ("dataset.json", "other.label", "x.ctbl"):
        text = json.dumps({"labels": {"Lung_R": 7, "Lung_L": 5}})
        if name != "dataset.json":
            text = (slicer if name == "x.ctbl" else snap)(
                "a", "b", "c", "d", "Lung_L", "e", "Lung_R"
            )
        (tmp_path / "tables").mkdir(exist_ok=True)
        (tmp_path / "tables" / name).write_text(text)
        assert naming_of(str(tmp_path / "tables" / name), tmp_path).right == (7,)


@pytest.mark.parametrize(
    "text",
    [
        snap("Label 1", "Label 2"),
        "case,dice\nlung_l,1\n",
        "Ann Smith, born 1961\n",
        "0 background\n1 lung\n",
        "",
        "# 3\n",
    ],
)
def test_what_names_nothing_is_passed_over(tmp_path, text):
    path = mask_in(tmp_path)
    (tmp_path / "labels.txt").write_text(text)
    assert read_mask(path).labels[:, 0, 0].tolist() == [1, 2, 0]
    with pytest.raises(UsageError, match="not understood"):
        naming_of(str(tmp_path / "labels.txt"), tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (snap("Heart", "Liver"), "no right and left lung"),
        (snap("Lung_R", "Heart"), "no right and left lung"),
        (snap("Lung_R", "Lung_R", "Lung_L"), "name of one lung"),
        (snap("Lung_R_AI", "Lung_R_MIM", "Lung_L"), "two labels"),
        (snap("Lung_R", "Lung_L") + ROW.format(1, "Heart"), "another structure"),
        (snap("x", "Lung_R") + ROW.format(0, "Lung_L"), "whole number from 1"),
        (snap("RUL", "LUL"), "only some lobes of the right lung"),
        (snap("Lung_R", "LUL"), "only some lobes of the left lung"),
        (snap("Lung_R", "Lung_L") + ROW.format(-3, "Heart"), "only some of its lines"),
        (snap("Lung_R", "Lung_L") + "3 Heart", "only some of its lines"),
    ],
)
def test_a_table_that_leaves_the_lungs_open_is_refused(tmp_path, text, reason):
    mask_in(tmp_path)
    (tmp_path / "labels.txt").write_text(text)
    with pytest.raises(UsageError, match=reason):
        naming_of("auto", tmp_path)


def test_another_csv_beside_the_masks_is_passed_over(tmp_path):
    path = mask_in(tmp_path)
    (tmp_path / "scores.csv").write_text("case,name\n1,left lung\n2,right lung\n")
    (tmp_path / "old.csv").write_bytes(b"\xff\xfe\x00\xd8,\xe4")
    assert read_mask(path).labels[:, 0, 0].tolist() == [1, 2, 0]


@pytest.mark.parametrize("columns", ["Volume", "Volume,Case", "Mean"])
def test_measurements_by_label_are_not_a_table_of_names(tmp_path, columns):
    path = mask_in(tmp_path)
    rows = f"LabelValue,Name,{columns}\n1,left lung,3,a\n2,right lung,4,a\n1,right lung,4,b\n"
    (tmp_path / "measurements.csv").write_text(rows)
    assert read_mask(path).labels[:, 0, 0].tolist() == [1, 2, 0]


@pytest.mark.parametrize("number", ["1.0", "²", "", "-1", "1" * 5000, "٣"])
def test_a_label_that_is_not_a_number_in_a_table_is_refused(tmp_path, number):
    mask_in(tmp_path)
    text = f"LabelValue,Name\n1,left lung\n{number},right lung\n"
    (tmp_path / "lungs.csv").write_text(text)
    with pytest.raises(UsageError, match="not a whole number"):
        naming_of("auto", tmp_path)


@pytest.mark.parametrize("label", [0, -1, 2.5, [0, 2]])
def test_background_and_fractions_in_a_data_set_are_no_lungs(tmp_path, label):
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"Lung_R": 1, "Lung_L": label}}))
    with pytest.raises(UsageError, match="whole number from 1"):
        naming_of("auto", tmp_path)


@pytest.mark.parametrize("name", ["labels.txt", "dataset.json"])
def test_a_mask_with_a_value_that_its_table_lacks_is_refused(tmp_path, name):
    path = mask_in(tmp_path)
    for numbers in ((1, 3), (12, 11)):
        names = dict(zip(("Lung_R", "Lung_L"), numbers, strict=True))
        rows = "".join(ROW.format(number, name) for name, number in names.items())
        text = rows if name == "labels.txt" else json.dumps({"labels": names})
        (tmp_path / name).write_text(text)
        with pytest.raises(InputRefused) as caught:
            read_mask(path)
        assert caught.value.code == "MASK-UNLISTED"


def test_a_table_of_one_mask_is_not_used_for_another(tmp_path):
    """The left lung is 1 in the second mask only."""
    path = mask_in(tmp_path)
    mask_in(tmp_path, "Case_002.nii.gz")
    (tmp_path / "Case_002.label").write_text(TABLES["labels.txt"])
    with pytest.raises(UsageError, match="named as one of the masks"):
        read_mask(path)
    (tmp_path / "Case_001.label").write_text(TABLES["labels.txt"])
    assert read_mask(path).labels[:, 0, 0].tolist() == [2, 1, 0]


def test_a_table_named_as_the_mask_of_a_ct_beside_it_is_used(tmp_path):
    mask_in(tmp_path)
    path = mask_in(tmp_path, "Case_001_seg.nii.gz")
    (tmp_path / "Case_001_seg.label").write_text(TABLES["labels.txt"])
    assert read_mask(path).labels[:, 0, 0].tolist() == [2, 1, 0]


def test_a_table_in_another_encoding_is_refused(tmp_path):
    mask_in(tmp_path)
    text = snap("linke Lunge", "rechte Lunge", "Lungengefäß")
    (tmp_path / "labels.txt").write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match="not in UTF-8"):
        naming_of("auto", tmp_path)


def test_tables_that_contradict_each_other_are_refused(tmp_path):
    mask_in(tmp_path)
    (tmp_path / "a.label").write_text(snap("Lung_R", "Lung_L"))
    (tmp_path / "b.label").write_text(snap("right lung", "left lung", "Heart"))
    assert naming_of("auto", tmp_path).right == (1,)
    (tmp_path / "b.label").write_text(snap("left lung", "right lung"))
    with pytest.raises(UsageError, match="contradict"):
        naming_of("auto", tmp_path)


def test_names_in_the_mask_come_before_a_file_beside_it(tmp_path):
    path = mask_in(tmp_path, "Case_001.nrrd")
    head, voxels = path.read_bytes().split(b"\n\n", 1)
    named = b"\nSegment0_Name:=right lung\nSegment0_LabelValue:=1\nSegment1_Name:=left lung" \
            b"\nSegment1_LabelValue:=2\n\n"  # fmt: skip
    path.write_bytes(head + named + voxels)
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": {"Lung_R": 2, "Lung_L": 1}}))
    assert read_mask(path).labels[:, 0, 0].tolist() == [1, 2, 0]
    assert read_mask(path, mapping="nnunet").labels[:, 0, 0].tolist() == [2, 1, 0]


def test_one_name_of_two_labels_in_an_old_data_set_is_refused(tmp_path):
    labels = {"0": "background", "1": "Lung_R", "2": "Lung_R", "3": "Lung_L"}
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": labels}))
    with pytest.raises(UsageError, match="name of one lung"):
        naming_of("auto", tmp_path)


@pytest.mark.parametrize("place", ["nowhere", "nowhere/mask.nii.gz", "a/b/c"])
def test_a_folder_that_does_not_exist_is_not_called_a_table(tmp_path, place):
    """The command says what is missing."""
    assert naming_of("auto", tmp_path / place) == LUNGS


def test_a_table_that_cannot_be_read_is_refused_by_that(tmp_path, monkeypatch):
    mask_in(tmp_path)
    (tmp_path / "labels.txt").write_text(TABLES["labels.txt"])

    def fails(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", fails)
    with pytest.raises(UsageError, match="cannot be read: Permission denied"):
        naming_of("auto", tmp_path)

"""The page of an evaluation without CT, with CT beside the masks, and on a narrow screen."""

import re

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from pleura.core.text import sentence
from pleura.geometry.grid import Grid
from pleura.page.lungs_page import lungs_page
from pleura.page.panels import FLAT
from pleura.phantom.anatomy import chest
from pleura.phantom.writer import SeriesSpec, series, write_files
from pleura.verbs.evaluate import evaluate
from pleura.verbs.report import report

GRID = Grid.axial((12, 20, 24), (5.0, 2.0, 2.0), (-24.0, -20.0, 100.0))
COUNT = 7


def put(path, labels, grid=GRID):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(labels.astype(np.uint8))
    image.SetSpacing([float(mm) for mm in grid.spacing_mm[::-1]])
    image.SetOrigin([float(mm) for mm in grid.affine[:3, 3]])
    sitk.WriteImage(image, str(path))


@pytest.fixture(scope="module")
def without_ct(tmp_path_factory):
    """Seven cases whose masks miss a slice; masks alone, no CT anywhere. The page and its text."""
    folder = tmp_path_factory.mktemp("labels")
    truth = np.zeros(GRID.shape, np.uint8)
    truth[1:10, 4:16, 2:10], truth[1:10, 4:16, 13:21] = 1, 2
    cut = truth.copy()
    cut[9][cut[9] == 1] = 0
    for number in range(COUNT):
        put(folder / "pred" / f"S1-{number}.nii.gz", cut)
        put(folder / "Labels" / f"S1-{number}.nii.gz", truth)
    evaluate(folder / "pred", folder / "Labels", folder / "scores", workers=1)
    page = report(folder / "scores", out=folder / "page").page
    return page, page.read_text(encoding="utf-8")


def glance(text, name):
    return re.search(rf"<dt>{name}</dt><dd>(.*?)</dd>", text)[1]


def test_every_case_with_missed_slices_is_named_at_the_top(without_ct):
    _, text = without_ct
    line = glance(text, "Missed slices")
    assert all(f"S1-{number}" in line for number in range(COUNT))
    assert "more" not in line


def test_a_page_without_ct_says_so_and_draws_no_black_image(without_ct):
    page, text = without_ct
    assert f"for {COUNT} cases" in glance(text, "No CT")
    pictures = sorted((page.parent / "figures").glob("*case-01-axial-outlines.png"))
    with Image.open(pictures[0]) as picture:
        grey = np.asarray(picture.convert("L"))
    assert np.median(grey) == FLAT
    assert (grey[:30, :120] == 255).any(), "the words 'no CT' at the top left"


def test_every_cell_of_the_cases_has_its_heading_for_narrow_screens(without_ct):
    _, text = without_ct
    table = re.search(r'<h2 id="cases">.*?</table>', text, re.S)[0]
    heads = re.findall(r"<th(?: [^>]*)?>(.*?)</th>", table)
    rows = re.findall(r"<tr>(<td.*?)</tr>", table, re.S)
    assert len(rows) == COUNT
    for row in rows:
        assert re.findall(r'data-label="(.*?)"', row) == heads


def test_ct_in_images_beside_a_folder_of_labels_is_found(tmp_path):
    volume, mask = chest((12, 48, 48), seed=3)
    write_files(tmp_path / "Images" / "Case_000", series(volume, SeriesSpec(declare_padding=False)))
    for name in ("Labels", "pred"):
        put(tmp_path / name / "Case_000.nii.gz", mask.labels, volume.grid)
    scores = evaluate(tmp_path / "pred", tmp_path / "Labels", tmp_path / "s", workers=1).scores
    assert [case["has_ct"] for case in scores["cases"]] == [True]
    text = report(tmp_path / "s", out=tmp_path / "page").page.read_text(encoding="utf-8")
    assert "<dt>No CT</dt>" not in text


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("the network is unsure of 5 %", "The network is unsure of 5 %."),
        ("right lung: 3 of 9", "Right lung: 3 of 9."),
        ("qform and sform differ.", "Qform and sform differ."),
        ("PixelSpacing is 0", "PixelSpacing is 0."),
        ("3 slices", "3 slices."),
        ("", ""),
    ],
)
def test_messages_become_sentences(message, expected):
    assert sentence(message) == expected


def test_findings_on_the_page_of_lungs_are_sentences(tmp_path):
    found = {"code": "X", "verdict": "review", "message": "the network is unsure of 5 %"}
    case = {"id": "Case_000", "verdict": "review", "mask": None, "findings": [found]}
    assert "<p>The network is unsure of 5 %.</p>" in lungs_page(tmp_path, [case], "Lungs")

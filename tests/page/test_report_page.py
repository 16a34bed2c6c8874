"""The page holds everything it shows, says what is missing, and is the same bytes each time."""

import html
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from testing.classical import segment

from pleura.core.errors import UsageError
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume
from pleura.labels.registry import write_mask
from pleura.metrics.ranking import ranking
from pleura.page.planes import planes_png
from pleura.page.run_page import run_drawings
from pleura.page.score_distributions import distributions_png
from pleura.page.slices import positions_png, slices_png
from pleura.page.story import SliceScore, Story, of_cases
from pleura.phantom.anatomy import chest
from pleura.store.case import write_case
from pleura.store.cohort import write_cohort
from pleura.store.split import make_split
from pleura.store.views import _Layers
from pleura.verbs.evaluate import evaluate
from pleura.verbs.report import report


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with invented curves, real scores, and one case without a reference."""
    folder = tmp_path_factory.mktemp("page") / "out"
    for number in range(3):
        name = f"Case_{number:03d}"
        volume, mask = chest((16, 40, 40), seed=number)
        place = folder / "cohort" / "cases" / name
        place.mkdir(parents=True)
        write_case(place, name, volume, mask if number < 2 else None, verdict="ok")
        planes_png(volume, mask.labels, place / "planes.png")
    entries = [
        {
            "id": f"Case_{k:03d}",
            "slices": 16,
            "mask": "right and left" if k < 2 else None,
            "verdict": "ok",
        }
        for k in range(3)
    ]
    write_cohort(
        folder / "cohort",
        entries,
        make_split({"Case_000": 16, "Case_001": 16}, unlabelled=["Case_002"]),
    )
    lines = [
        {
            "epoch": k,
            "lr": 0.1,
            "train": {"loss": 1 / k, "accuracy": 0.9},
            "validation": {"loss": 1.1 / k, "accuracy": 0.8},
        }
        for k in (1, 2, 3)
    ]
    stage = {
        "name": "down 1",
        "kind": "double convolution",
        "channels": 16,
        "side": 64,
        "parameters": 10,
    }
    for loss in ("bce", "bce_dice"):
        place = folder / "runs" / loss
        place.mkdir(parents=True)
        (place / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        told = {"input": [1, 64, 64], "stages": [stage], "parameters": 10}
        (place / "architecture.json").write_text(json.dumps(told))
        card = {"recipe": {"lr": 0.1, "batch": 3, "epochs": 3, "size": 64, "alpha": 0.5}}
        (place / "model.json").write_text(json.dumps(card))
        segment(folder / "cohort", folder / "masks" / loss)
        evaluate(folder / "masks" / loss, folder / "cohort", folder / "results" / loss, workers=1)
    return folder


class Images(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = []
        self.links = []

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        if tag == "img":
            self.seen.append(told)
        self.links += [told[key] for key in ("src", "href") if key in told]


def in_report(number):
    section, figure, letters = re.fullmatch(r"(\d)\.(\d+)([a-z]*)", number).groups()
    return int(section), int(figure), len(letters), letters


@pytest.fixture(scope="module")
def reported(run, tmp_path_factory):
    """The page of `run`, drawn once."""
    return report(run, out=tmp_path_factory.mktemp("reported") / "a")


def test_one_page_holds_everything(run, reported, tmp_path):
    result, first = reported, reported.page.parent
    text = result.page.read_text(encoding="utf-8")
    page = Images()
    page.feed(text)
    assert len(page.seen) == len(result.figures) >= 15
    assert all(image["alt"] for image in page.seen)
    assert all(link.startswith(("data:", "#")) for link in page.links)
    anchors = {link[1:] for link in page.links if link.startswith("#")}
    assert anchors <= set(re.findall(r'id="([^"]+)"', text)), (
        "every link of the contents leads somewhere"
    )
    for words in (
        "Not a medical device",
        "Case_002",
        "hallucinated",
        "watched its test set",
        "BCE + soft Dice",
    ):
        assert words in text
    numbers = re.findall(r"Figure (\d\.\d+[a-z]*)\.<", text)
    assert numbers == sorted(set(numbers), key=in_report), "in the order of the page"
    letters = re.findall(r"Figure ([A-Z]+)\.<", text)
    assert letters == sorted(set(letters), key=lambda one: (len(one), one))
    assert len(letters) + len(numbers) == text.count("<figcaption>")
    plain = {number.rstrip("abcdefghijklmnopqrstuvwxyz") for number in numbers}
    assert plain == {"1.2", "2.1", "2.2", "2.3", "2.6", "2.7", "2.8", "2.9", "2.10"}
    for name in result.figures:
        with Image.open(first / "figures" / name) as picture:
            assert min(picture.size) >= 40
    (film_name,) = [name for name in result.figures if name.endswith(".gif")]
    with Image.open(first / "figures" / film_name) as film:
        assert film.n_frames == 16
        assert film.size == (1024, 512)  # the network alone, and cleaned
    report(run, out=tmp_path / "b")
    for path in first.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "b" / path.relative_to(first)).read_bytes(), (
                path.name
            )


def test_the_table_is_the_scores(run, reported):
    text = reported.page.read_text(encoding="utf-8")
    scores = json.loads((run / "results" / "bce" / "scores.json").read_text())
    for case in scores["cases"]:
        assert f"{case['dice']:.4f}" in text


def test_slices_are_told_by_case_part_and_source(run):
    story = Story.open(run)
    assert story.primary == "bce_dice"
    assert story.part_of("Case_002") == "unlabelled"
    scores = story.slices["bce_dice"]
    train = of_cases(scores, story.split["train"], "clean")
    assert [score.number for score in train] == list(range(16))
    assert {score.source for score in scores} == {"raw", "clean"}


def test_a_cohort_alone_is_a_page_too(run, tmp_path):
    shutil.copytree(run / "cohort", tmp_path / "out" / "cohort")
    text = report(tmp_path / "out").page.read_text(encoding="utf-8")
    assert "nothing is scored" in text
    with pytest.raises(UsageError):
        report(tmp_path / "none")
    with pytest.raises(UsageError):
        report(run / "cohort" / "cases")


@pytest.fixture
def copied(run, tmp_path):
    """A run of one loss, to be spoiled; fewer figures are drawn sooner."""
    goal = tmp_path / "copied"
    return shutil.copytree(run, goal, ignore=lambda _, names: {"bce"} & set(names))


def captions(folder):
    """File name to caption of each figure that would be drawn; nothing is."""
    return {
        image.slug: one.caption for one in run_drawings(Story.open(folder)) for image in one.images
    }


@pytest.mark.usefixtures("figures_not_rendered")
def test_a_run_without_curves_or_masks_says_so(copied):
    (copied / "runs" / "bce_dice" / "history.jsonl").unlink()
    shutil.rmtree(copied / "masks" / "bce_dice" / "Case_001")
    result = report(copied)
    assert not any("loss.png" in name or "accuracy.png" in name for name in result.figures)
    text = result.page.read_text(encoding="utf-8")
    assert "No curves of training" in text
    assert "1 scored case without a film" in text
    shutil.rmtree(copied / "masks")
    assert "film.gif" not in captions(copied)


@pytest.mark.usefixtures("figures_not_rendered")
def test_a_case_that_was_trained_on_is_never_called_held_out(copied):
    assert "on which nothing was trained" in captions(copied)["film.gif"]
    path = copied / "cohort" / "split.json"
    split = json.loads(path.read_text())
    split["train"], split["test"] = split["train"] + split["test"], []
    path.write_text(json.dumps(split))
    told = " ".join(captions(copied).values())
    assert "nothing was trained" not in told
    assert "test cases, b" not in told


@pytest.mark.usefixtures("figures_not_rendered")
def test_no_network_is_told_of_where_there_was_none(copied):
    shutil.rmtree(copied / "runs")
    for room in ("masks", "results"):
        (copied / room / "bce_dice").rename(copied / room / "classical")
    told = captions(copied)
    assert "film.gif" in told
    assert not any("network alone" in caption for caption in told.values())


@pytest.mark.usefixtures("figures_not_rendered")
def test_a_reference_without_a_score_is_on_the_page(copied):
    path = copied / "results" / "bce_dice" / "scores.json"
    scores = json.loads(path.read_text())
    refused = [{"case": "Case_004", "reason": "GRID: elsewhere"}]
    path.write_text(json.dumps(scores | {"unanswered": ["Case_003"], "refused": refused}))
    text = report(copied).page.read_text(encoding="utf-8")
    assert "<li>Case_003: not scored, BCE + soft Dice: no mask</li>" in text
    assert "<li>Case_004: not scored, BCE + soft Dice: GRID: elsewhere</li>" in text


@pytest.mark.parametrize(
    ("model", "words"),
    [("lungs", "the network that comes with pleura"), ("classical", "thresholds and components")],
)
def test_a_run_without_scores_shows_its_masks_and_says_whose_they_are(copied, model, words):
    for room in ("results", "runs"):
        shutil.rmtree(copied / room)
    (copied / "masks" / "bce_dice").rename(copied / "masks" / model)
    result = report(copied)
    assert len([name for name in result.figures if "case-" in name]) == 9
    assert f"the masks are by {words}" in result.page.read_text(encoding="utf-8")


def test_figures_of_an_earlier_page_go_and_other_files_stay(copied):
    (copied / "figures").mkdir()
    for name in (
        "mine.png",
        "fig-notes.png",
        "fig-2.4-train-dice-dice-network.png",
        "fig-3.9-film.gif",
        "fig-B-film.gif",
        "fig-2.9a-bce-worst-1-ct.png",
    ):
        (copied / "figures" / name).write_bytes(b"there before")
    shutil.rmtree(copied / "results")
    shutil.rmtree(copied / "runs")
    result = report(copied)
    assert {path.name for path in (copied / "figures").iterdir()} == {
        *result.figures,
        "mine.png",
        "fig-notes.png",
    }


@pytest.mark.usefixtures("figures_not_rendered")
def test_the_worst_case_comes_first(copied):
    path = copied / "results" / "bce_dice" / "scores.json"
    scores = json.loads(path.read_text())
    first = dict(scores["cases"][0], split="test")
    values = {"Case_010": 0.9, "Case_011": 0.2, "Case_012": 0.5}
    cases = [
        dict(first, case=name, dice=dice, right=first["right"] | {"dice": dice})
        for name, dice in values.items()
    ]
    cases.append(
        dict(first, case="Case_013", dice=0.1, split="train", right=first["right"] | {"dice": 0.1})
    )
    path.write_text(json.dumps(scores | {"cases": cases, "ranking": ranking(cases)}))
    shutil.rmtree(copied / "runs")
    (copied / "results" / "bce_dice" / "slices.csv").write_text(
        "case,slice,position_mm,structure,class,metric,value\n"
        + "".join(f"{name},0,0.0,both,lung,dice,{dice}\n" for name, dice in values.items())
    )
    text = report(copied).page.read_text(encoding="utf-8")
    table = text[text.index('<h2 id="scores"') : text.index('<h2 id="cases"')]
    assert re.findall(r'<td data-label="case">(Case_\d+)', table) == [
        "Case_011",
        "Case_012",
        "Case_010",
        "Case_013",
    ]
    assert "Case_013" in text[text.index("Worst case") : text.index("Worst case") + 60]


def test_sixty_cases_still_have_figures(tmp_path):
    names = [f"Case_{k:03d}" for k in range(60)]
    scores = [
        SliceScore(name, s, s * 3.0, "lung", "clean", 1 - k / 100, 0.9)
        for k, name in enumerate(names)
        for s in range(3)
    ]
    slices_png(scores, "dice", "many", tmp_path / "slices.png")
    positions_png(scores, tmp_path / "positions.png")
    lung = {"dice": 0.9, "msd_mm": 1.0, "hd95_mm": None}
    told = [{"case": name, "split": "test", "right": lung, "left": lung} for name in names]
    distributions_png(told, tmp_path / "spread.png")
    for name in ("slices", "positions", "spread"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert max(picture.size) < 2500


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, 1), (1, -1, 1), (1, 1, -1), (-1, -1, -1)])
def test_views_put_the_patients_right_and_the_head_where_they_belong_whatever_the_grid(signs):
    """A block on the patient's right, in front, near the head: left and up in every view, on any
    order of the axes.
    """
    labels = np.zeros((10, 12, 14), np.uint8)
    labels[7:9, 1:4, 1:5] = 1
    affine = Grid.axial(labels.shape, (1.0, 1.0, 1.0)).affine.copy()
    for axis, sign in enumerate(signs):
        if sign < 0:
            affine[:3, 3] += affine[:3, axis] * (labels.shape[axis] - 1)
            affine[:3, axis] *= -1
            labels = np.flip(labels, axis)
    for order in ((0, 1, 2), (1, 0, 2), (2, 1, 0)):
        turned = affine.copy()
        turned[:3, :3] = affine[:3, list(order)]
        mask = LungMask(
            np.ascontiguousarray(labels.transpose(order)),
            Grid([labels.shape[k] for k in order], turned),
        )
        layers = _Layers(None, mask, mask, None)
        for name, ends in (
            ("axial", ("R", "L")),
            ("coronal", ("R", "L")),
            ("sagittal", ("A", "P")),
        ):
            (view,) = [one for one in layers.planes() if one.plane == name]
            assert view.ends == ends
            rows, columns = (found.mean() for found in np.nonzero(view.reference))
            assert rows < view.reference.shape[0] / 2
            assert columns < view.reference.shape[1] / 2


def test_planes_put_the_patients_right_on_the_left_whatever_the_grid(tmp_path):
    """A bright block on the patient's right, in front, at the head: in the picture it is left
    and up.
    """
    hu = np.full((24, 32, 32), -1000, np.int16)
    hu[16:22, 4:10, 3:9] = 1000  # high: to the head; low rows: front; low columns: the right side
    plain = Volume(hu, Grid.axial(hu.shape, (1.0, 1.0, 1.0)))
    affine = plain.grid.affine.copy()
    affine[:3, 3] = plain.grid.to_world([23, 31, 31])
    affine[:3, :3] = -affine[:3, :3]
    flipped = Volume(np.ascontiguousarray(hu[::-1, ::-1, ::-1]), Grid(hu.shape, affine))
    mask = LungMask((hu > 0).astype(np.uint8), plain.grid)
    planes_png(plain, mask.labels, tmp_path / "plain.png")
    planes_png(
        flipped, np.ascontiguousarray(mask.labels[::-1, ::-1, ::-1]), tmp_path / "flipped.png"
    )
    with Image.open(tmp_path / "plain.png") as picture:
        grey = np.asarray(picture.convert("L")).astype(float)
    height, width = grey.shape
    axial = grey[int(height * 0.1) : int(height * 0.85), : width // 3]
    inside = axial[:, int(width * 0.02) : int(width * 0.31)]
    bright = np.argwhere(inside > 250)
    block = bright[(bright[:, 0] > inside.shape[0] * 0.1) & (bright[:, 0] < inside.shape[0] * 0.45)]
    assert len(block) > 100
    assert block[:, 1].mean() < inside.shape[1] / 2
    with Image.open(tmp_path / "flipped.png") as other:
        again = np.asarray(other.convert("L")).astype(float)
    assert np.mean(np.abs(again - grey) > 60) < 0.02, (
        "titles tell other indices; the pictures are the same"
    )


@pytest.mark.usefixtures("figures_not_rendered")
def test_what_was_refused_and_what_wants_review_is_on_the_page(run, tmp_path):
    folder = shutil.copytree(run, tmp_path / "out")
    about = folder / "cohort" / "cases" / "Case_001" / "case.json"
    case = json.loads(about.read_text())
    case["findings"] = [
        {
            "code": "CHEST-CUT",
            "verdict": "review",
            "message": "it reaches <the edge>",
            "evidence": {},
        }
    ]
    about.write_text(json.dumps(case))
    (folder / "cohort" / "run.json").write_text(
        json.dumps({"refused": ["Case_009: GAP-IN-SLICES: one is missing"]})
    )
    masks = folder / "masks" / "bce_dice" / "run.json"
    told = json.loads(masks.read_text())
    told["cases"][0] |= {"verdict": "review", "reason": "LITTLE-LUNG: 0.9 l"}
    masks.write_text(json.dumps(told))
    text = report(folder).page.read_text(encoding="utf-8")
    assert "LITTLE-LUNG: 0.9 l" in text
    assert "CHEST-CUT: it reaches &lt;the edge&gt;" in text
    assert "<li>Case_009: GAP-IN-SLICES: one is missing</li>" in text


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Four references; masks of three: one good, one without its left lung, one unreadable."""
    folder = tmp_path_factory.mktemp("scored")
    for number in range(4):
        _, mask = chest((16, 40, 40), seed=number)
        write_mask(folder / "ref" / f"Case_00{number}.nii.gz", mask)
        labels = (
            mask.labels if number else np.where(mask.labels == 2, 0, mask.labels).astype(np.uint8)
        )
        if number < 2:
            write_mask(folder / "pred" / f"Case_00{number}.nii.gz", LungMask(labels, mask.grid))
    (folder / "pred" / "Case_002.nii.gz").write_bytes(b"broken")
    (folder / "people.csv").write_text(
        "case,patient,site\nCase_000,P0,A\nCase_001,P1,B\nCase_002,P2,B\n"
    )
    options = {"against": folder / "ref", "patients": folder / "people.csv", "workers": 1}
    evaluate(folder / "pred", folder / "ref", folder / "out", **options)
    return folder


def test_an_evaluation_of_any_masks_has_its_page(scored, tmp_path):
    result = report(scored / "out", out=tmp_path / "a")
    assert [name.split("-", 2)[2] for name in result.figures][-3:] == [
        "distributions.png",
        "volumes.png",
        "positions.png",
    ]
    text = result.page.read_text(encoding="utf-8")
    page = Images()
    page.feed(text)
    assert len(page.seen) == len(result.figures) >= 3 + 2 * 6
    assert all(image["src"].startswith("data:image/png") for image in page.seen)
    plain = html.unescape(re.sub(r"<[^>]+>", " ", text))
    assert re.search(r"Worst case\s+Case_000: .*left lung", plain)
    assert re.search(r"Case_000 .*Case_001", plain, re.DOTALL)  # the worst first
    wanted = [
        "2 cases scored, 1 refused, 1 without a mask",
        "Case_002: ",
        "Case_003: no mask",
        "Against AGAINST",
        "Sites",
    ]
    wanted += [
        "Fu Y",
        "the scan's diagonal",
        "surface Dice at 2 mm",
        "SHA-256",
        "Evaluated 20",
        "HD95 voxel",
    ]
    for words in wanted:
        assert words in plain, words
    again = report(scored / "out", out=tmp_path / "b")
    assert again.page.read_bytes() == result.page.read_bytes()


def test_masks_without_sides_and_a_single_case_have_a_page_too(scored, tmp_path):
    (tmp_path / "npz").mkdir()
    _, mask = chest((16, 40, 40), seed=1)
    write_mask(tmp_path / "npz" / "Case_001_seg.npz", mask)
    evaluate(tmp_path / "npz", scored / "ref", tmp_path / "out", workers=1)
    text = report(tmp_path / "out").page.read_text(encoding="utf-8")
    assert "1.0000" in text
    assert "no case has left and right labels in both masks" in text


@pytest.mark.parametrize("broken", ["{", "[]", '"scores"', "{}", '{"format": "pleura-scores/1"}'])
def test_broken_scores_are_one_clear_line(scored, tmp_path, broken):
    shutil.copytree(scored / "out", tmp_path / "out")
    (tmp_path / "out" / "scores.json").write_text(broken)
    with pytest.raises(UsageError, match="scores"):
        report(tmp_path / "out")


@pytest.mark.usefixtures("figures_not_rendered")
def test_the_page_is_never_written_into_somebodys_data(scored, tmp_path):
    with pytest.raises(UsageError, match="--out"):
        report(scored / "out", out=scored / "ref")
    assert not (scored / "ref" / "report.html").exists()
    report(scored / "out", out=tmp_path / "new")
    report(scored / "out", out=tmp_path / "new")

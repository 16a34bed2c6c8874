"""Faults E1 to E9: scores and their pages."""

import json
import shutil
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from PIL import Image

from pleura.core.errors import PleuraError
from pleura.deid.key_and_map import read_map
from pleura.dicom.series import find_series
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume
from pleura.labels.registry import write_mask
from pleura.labels.source_names import names_of_cases
from pleura.metrics.tables import case_table
from pleura.page.case_figures import pictures_of
from pleura.page.gallery import choose
from pleura.page.panels import panel, save_film
from pleura.page.score_distributions import distributions_png
from pleura.phantom.anatomy import chest
from pleura.phantom.writer import SeriesSpec, series, write_files
from pleura.store.cohort import Cohort
from pleura.store.views import film_views
from pleura.verbs.deidentify import deidentify
from pleura.verbs.evaluate import evaluate
from pleura.verbs.prepare import prepare
from pleura.verbs.report import report
from pleura.verbs.segment import segment
from testing.field_cases.case import FieldCase, collector, refusal

CASES: list[FieldCase] = []
GRID = Grid.axial((12, 20, 24), (5.0, 2.0, 2.0), (-24.0, -20.0, 100.0))
TRUTH = np.zeros(GRID.shape, np.uint8)
TRUTH[1:10, 4:16, 2:10] = 1
TRUTH[1:9, 4:16, 13:21] = 2
OWN = "our own rule: what a mask lacks is in the headline"


def put(path: Path, labels: NDArray[np.uint8], grid: Grid = GRID) -> None:
    """Write a label map by SimpleITK."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(labels.astype(np.uint8))
    image.SetSpacing([float(mm) for mm in grid.spacing_mm[::-1]])
    image.SetOrigin([float(mm) for mm in grid.affine[:3, 3]])
    sitk.WriteImage(image, str(path))


def scored(folder: Path, **options: Any) -> Mapping[str, Any]:
    """The scores of `pred` against `ref`."""
    out = folder / "out"
    return evaluate(folder / "pred", folder / "ref", out, workers=1, **options).scores


def dices(folder: Path, **options: Any) -> str:
    """Dice of each case, right and left."""
    cases = scored(folder, **options)["cases"]
    return "; ".join(
        f"{case['case']}: right {case['right']['dice']:.2f}, left {case['left']['dice']:.2f}"
        for case in cases
    )


E1 = collector("E1", CASES)


@E1(
    "the top six slices (30 mm) of the right lung deleted",
    before="headline HD95 0.00, missed slices 0, no finding, ranked best",
    authority=OWN,
    right=r"missed 6 right, 0 left; maximum distance 30\.0 mm, voxel HD95 [1-3]\d\.\d mm; "
    r"MISSED-SLICES; ranked worst of 2",
)
def top_deleted(folder: Path) -> str:
    cut = TRUTH.copy()
    cut[4:10][cut[4:10] == 1] = 0
    moved = TRUTH.copy()
    moved[2, 4:16, 2] = 0
    for name, labels in (("Case_000", cut), ("Case_001", moved)):
        put(folder / "pred" / f"{name}.nii.gz", labels)
        put(folder / "ref" / f"{name}.nii.gz", TRUTH)
    scores = scored(folder)
    (case,) = (one for one in scores["cases"] if one["case"] == "Case_000")
    codes = " ".join(one["code"] for one in case["findings"])
    sides = ", ".join(f"{case[side]['slices_missed']} {side}" for side in ("right", "left"))
    worst = scores["ranking"]["worst_first"][0]["case"] == "Case_000"
    return (
        f"missed {sides}; maximum distance {case['right']['hd_mm_voxel']:.1f} mm, voxel HD95 "
        f"{case['right']['hd95_mm_voxel']:.1f} mm; {codes}; "
        f"{'ranked worst' if worst else 'not ranked worst'} of 2"
    )


@collector("E2", CASES)(
    "one voxel of false lung on each of the two empty slices",
    before="hallucinated 25 of 25 empty slices: any voxel counts, no volume, no place",
    authority=OWN,
    right=r"^2 of 2 empty slices, 0\.04 ml",
)
def hallucinated(folder: Path) -> str:
    false = TRUTH.copy()
    false[0, 0, 0] = false[11, 0, 0] = 1
    put(folder / "pred" / "Case_000.nii.gz", false)
    put(folder / "ref" / "Case_000.nii.gz", np.where(np.arange(12)[:, None, None] == 10, 2, TRUTH))
    (case,) = scored(folder)["cases"]
    return f"{case_table([case]).rows[0][-1]} empty slices, {case['both']['hallucinated_ml']:g} ml"


E3 = collector("E3", CASES)
DATASETS = (
    {"background": 0, "lungs": [1, 2], "lung_right": 2},
    {"background": 0, "left": 1, "right": 2},
    {"background": 0, "lesion": 1, "whole lung": 2},
)


@E3(
    "`dataset.json` with " + "; ".join(json.dumps(one) for one in DATASETS),
    before="counts as absent: a lesion is scored as right lung",
    authority="nnU-Net, dataset format (region-based labels)",
    right=r"^right 1\.00, left 1\.00 \| right 1\.00, left 1\.00 \| both 1\.00$",
)
def datasets(folder: Path) -> str:
    values = (np.array([0, 2, 1]), np.array([0, 2, 1]), np.array([0, 2, 2]))
    words = []
    for number, (labels, table) in enumerate(zip(DATASETS, values, strict=True)):
        place = folder / str(number)
        label_map = table[TRUTH].astype(np.uint8)
        if number == 2:
            label_map[5, 8, 5] = 1
        put(place / "pred" / "Case_000.nii.gz", label_map)
        (place / "pred" / "dataset.json").write_text(json.dumps({"labels": labels}))
        put(place / "ref" / "Case_000.nii.gz", TRUTH)
        try:
            (case,) = scored(place)["cases"]
        except PleuraError as error:
            words.append(refusal(error))
            continue
        sides = ("right", "left") if case["right"] else ("both",)
        words.append(", ".join(f"{side} {case[side]['dice']:.2f}" for side in sides))
    return " | ".join(words)


@collector("E4", CASES)(
    "`--patients` with a table that matches no case; that lacks one",
    before="accepted silently; repeats counted as independent",
    authority="our own rule: a table is complete or refused",
    right=r"^none: usage error; one missing: usage error",
)
def patients(folder: Path) -> str:
    for name in ("Case_000", "Case_001"):
        put(folder / "pred" / f"{name}.nii.gz", TRUTH)
        put(folder / "ref" / f"{name}.nii.gz", TRUTH)
    words = []
    for name, rows in (("none", ["x,1", "y,2"]), ("one missing", ["Case_000,1"])):
        table = folder / f"{name}.csv"
        table.write_text("\n".join(["case,patient", *rows]) + "\n")
        try:
            scored(folder, patients=table)
            words.append(f"{name}: accepted")
        except PleuraError as error:
            kind = "usage error" if error.exit_code == 2 else "another error"
            words.append(f"{name}: {kind}")
        shutil.rmtree(folder / "out", ignore_errors=True)
    return "; ".join(words)


E5 = collector("E5", CASES)
LOBES = ("lung_upper_lobe_right", "lung_middle_lobe_right", "lung_lower_lobe_right",
         "lung_upper_lobe_left", "lung_lower_lobe_left")  # fmt: skip


def put_lobes(folder: Path, names: Sequence[str]) -> None:
    """The lungs in lobes by rows, a file each."""
    for name in names:
        side = 1 if name.endswith("right") else 2
        rows = np.array_split(np.arange(4, 16), 3 if side == 1 else 2)
        part = ["upper", "middle", "lower"].index(name.split("_")[1])
        labels = np.zeros(GRID.shape, np.uint8)
        labels[:, rows[part if side == 1 else min(part, 1)]] = (
            TRUTH[:, rows[part if side == 1 else min(part, 1)]] == side
        )
        put(folder / f"{name}.nii.gz", labels)


@E5(
    "TotalSegmentator's data set: s0001/segmentations/lung_*.nii.gz",
    before='"no case has both"',
    authority="TotalSegmentator, data set layout",
    right=r": right 1\.00, left 1\.00$",
)
def totalsegmentator(folder: Path) -> str:
    put_lobes(folder / "pred" / "s0001" / "segmentations", LOBES)
    put(folder / "ref" / "s0001.nii.gz", TRUTH)
    return dices(folder)


@E5(
    "four of the five lobe files",
    before="left Dice 0.53, no finding",
    authority=OWN,
    right=r"right 1\.00, left 0\.6\d; LOBES-MISSING: the left lung is made of the upper lobe",
)
def four_lobes(folder: Path) -> str:
    put_lobes(folder / "pred" / "s0001" / "segmentations", LOBES[:4])
    put(folder / "ref" / "s0001.nii.gz", TRUTH)
    (case,) = scored(folder)["cases"]
    notes = [
        f"{one['code']}: {one['message']}" for one in case["findings"] if "LOBES" in one["code"]
    ]
    sides = f"right {case['right']['dice']:.2f}, left {case['left']['dice']:.2f}"
    return "; ".join([sides, *notes])


E6 = collector("E6", CASES)


def chest_with(folder: Path, suffix: str) -> tuple[LungMask, Any]:
    """CT and a label object of it, in one folder."""
    volume, mask = chest((24, 96, 96), seed=3)
    write_files(folder / "ct", series(volume, SeriesSpec(declare_padding=False)))
    (one,) = (found for found in find_series(folder / "ct") if found.usable)
    mask = LungMask(mask.labels, one.grid)
    write_mask(folder / f"rs{suffix}", mask, one)
    return mask, one


@E6(
    "`evaluate RT_OF_A_TOOL FOLDER_WITH_CT_AND_RTSTRUCT`, no `--grid`",
    before='exit 3, "give --grid"',
    authority="LCTSC layout",
    right=r"^Dice 1\.00 of 1 case$",
)
def grid_of_ct(folder: Path) -> str:
    chest_with(folder / "ref" / "P1", ".rtstruct.dcm")
    (folder / "pred").mkdir()
    shutil.copy(folder / "ref" / "P1" / "rs.rtstruct.dcm", folder / "pred" / "any.dcm")
    (case,) = scored(folder)["cases"]
    return f"Dice {case['dice']:.2f} of 1 case"


@E6(
    "`evaluate A.nii.gz B.nii.gz OUT`",
    before="refused",
    authority="habits of users",
    right=r"^pair: right 1\.00, left 1\.00$",
)
def pair(folder: Path) -> str:
    for name in ("a", "b"):
        put(folder / f"{name}.nii.gz", TRUTH)
    made = evaluate(folder / "a.nii.gz", folder / "b.nii.gz", folder / "out", workers=1)
    (case,) = made.scores["cases"]
    return f"{case['case']}: right {case['right']['dice']:.2f}, left {case['left']['dice']:.2f}"


@E6(
    "masks that `segment` wrote as NIfTI, SEG and RTSTRUCT: scores before cleaning (`raw`)",
    before="filled only where the format was nifti",
    authority="our own rule: scores do not depend on the format",
    right=r"^nifti: raw given; seg: raw given; rtstruct: raw given; equal$",
)
def raw_scores(folder: Path) -> str:
    volume, mask = chest((24, 96, 96), seed=3)
    write_files(folder / "in" / "Case_000", series(volume, SeriesSpec(declare_padding=False)))
    put(folder / "masks" / "Case_000.nii.gz", mask.labels, volume.grid)
    prepare(folder / "in", folder / "cohort", masks=folder / "masks")
    words, values = [], []
    for kind in ("nifti", "seg", "rtstruct"):
        segment(folder / "in", folder / kind, model=Path("classical"), format=kind)
        made = evaluate(folder / kind, folder / "cohort", folder / f"{kind}-scores", workers=1)
        (case,) = made.scores["cases"]
        words.append(f"{kind}: raw {'given' if case['raw'] else 'missing'}")
        values.append((case["dice"], (case["raw"] or {}).get("dice")))
    return "; ".join([*words, "equal" if len(set(values)) == 1 else "different"])


E7 = collector("E7", CASES)


@E7(
    "page of an evaluation",
    before="no date, inputs, names of tools or contents; printing cuts columns; no outlines",
    authority="our own rule: a page can be read without its folder",
    right=r"^date, version, inputs, method, contents, print style, outlines, errors$",
)
def evaluation_page(folder: Path) -> str:
    put(folder / "pred" / "Case_000.nii.gz", np.roll(TRUTH, 1, axis=2))
    put(folder / "ref" / "Case_000.nii.gz", TRUTH)
    scored(folder, name="my tool")
    text = report(folder / "out", out=folder / "page").page.read_text()
    wanted = {
        "date": "202",
        "version": "pleura 0.",
        "inputs": "SHA-256",
        "method": "my tool",
        "contents": 'href="#',
        "print style": "@media print",
        "outlines": "outlines",
        "errors": "errors",
    }
    return ", ".join(name for name, words in wanted.items() if words in text)


@E7(
    "page of a run without references: three cases, one of them refused",
    before="no outline, no ml, 2 of 3 cases, not the refused one",
    authority=OWN,
    right=r"^2 cases with a picture and ml; the refused case is named with its reason$",
)
def run_page(folder: Path) -> str:
    for number in range(3):
        volume, _ = chest((24, 96, 96), seed=number)
        if number == 2:
            volume = Volume(np.full_like(volume.hu, -1000), volume.grid)
        slices = series(volume, SeriesSpec(seed=number, declare_padding=False))
        write_files(folder / "in" / f"Case_{number:03d}", slices)
    segment(folder / "in", folder / "out", model=Path("classical"))
    text = (folder / "out" / "index.html").read_text()
    pictures = text.count("data:image/png")
    named = "Case_002" in text and "values are not HU" in text
    ml = "with a picture and ml" if "[ml]" in text or "ml" in text else "without ml"
    reason = "is named with its reason" if named else "is not named"
    return f"{pictures} cases {ml}; the refused case {reason}"


@E7(
    "case names in Chinese, Arabic and with $, in a figure",
    before="font warnings; mathtext errors",
    authority="our own rule: any script of case names",
    right=r"^drawn without a warning$",
)
def scripts(folder: Path) -> str:
    folder.mkdir(exist_ok=True)
    values = {"dice": 0.9, "msd_mm": 1.0, "hd95_mm": 3.0}
    cases = [
        {"case": name, "split": None, "right": values, "left": values, "both": values}
        for name in ("王小东", "محمد", "a$b$c")
    ]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        distributions_png(cases, folder / "d.png")
    return f"drawn with {len(caught)} warnings" if caught else "drawn without a warning"


@E7(
    "the film (GIF) of a run",
    before="labels are unreadable",
    authority="issue: 512 px with legible labels",
    right=r"^512 px",
)
def film(folder: Path) -> str:
    volume, mask = chest((8, 40, 40), seed=3)
    frames = [panel(view, "outlines") for view in film_views(volume, mask, mask, 8)]
    save_film(frames, folder / "f.gif")
    with Image.open(folder / "f.gif") as picture:
        return f"{max(picture.size)} px, {picture.n_frames} frames, letters of 24 px"


@collector("E8", CASES)(
    "false lung only on the empty slices at the end of the stack",
    before="never pictured: only slices with lung were chosen",
    authority="student report, Figs 2.9 and 2.10",
    right=r"^the worst slice pictured is slice 12: hallucinated$",
)
def worst_pictured(folder: Path) -> str:
    false = TRUTH.copy()
    false[11, 4:16, 2:10] = 1
    put(folder / "pred" / "Case_000.nii.gz", false)
    put(folder / "ref" / "Case_000.nii.gz", TRUTH)
    scored(folder)
    pictures = pictures_of(folder / "out" / "cases", ["Case_000"])
    worst = next(chosen for word, chosen in choose(pictures).items() if "worst" in word)[0]
    kind = "hallucinated" if "hallucinat" in worst.text else "not hallucinated"
    number = 12 if "12" in worst.text else worst.text
    return f"the worst slice pictured is slice {number}: {kind}"


@collector("E9", CASES)(
    "`run` on Images/S1-900/… with Segmentations/S1-900_seg.npz, de-identified first",
    before='"a mask, but no usable CT series of that case": nothing is trained or scored',
    authority="layout of the course's data",
    right=r"^de-identified first: 1 of 1 case with its mask; prepare alone: 1 of 1 case with its "
    r"mask$",
)
def renumbered(folder: Path) -> str:
    volume, mask = chest((24, 96, 96), seed=3)
    slices = series(volume, SeriesSpec(declare_padding=False))
    write_files(folder / "in" / "Images" / "S1-900", slices)
    (folder / "in" / "Segmentations").mkdir()
    np.savez_compressed(
        folder / "in" / "Segmentations" / "S1-900_seg.npz", masks=mask.lungs.astype(np.uint8)
    )
    deidentify(folder / "in", folder / "clean", workers=1)
    names = names_of_cases(
        find_series(folder / "in"), folder / "in", read_map(folder / "clean.map.json")
    )
    masks = folder / "in" / "Segmentations"
    prepare(folder / "clean", folder / "cohort", masks=masks, names=names)
    prepare(folder / "in", folder / "plain")
    words = []
    for name, place in (("de-identified first", "cohort"), ("prepare alone", "plain")):
        cases = Cohort.open(folder / place).cases
        count = sum(one.has_mask for one in cases)
        words.append(f"{name}: {count} of {len(cases)} case with its mask")
    return "; ".join(words)

"""Siblings of faults E1 to E9: scores and their pages."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.geometry.volume import LungMask, Volume
from pleura.labels.registry import write_mask
from pleura.page.case_figures import pictures_of
from pleura.page.gallery import choose
from pleura.phantom.anatomy import chest
from pleura.phantom.writer import SeriesSpec, series, write_files
from pleura.store.cohort import Cohort
from pleura.verbs.evaluate import evaluate
from pleura.verbs.prepare import prepare
from pleura.verbs.report import report
from pleura.verbs.segment import segment
from testing.field_cases.case import FieldCase, each, sibling
from testing.field_cases.evaluation import OWN, TRUTH, chest_with, dices, put, scored

CASES: list[FieldCase] = []
Change = Callable[[NDArray[np.uint8]], Any]


def changed_case(folder: Path, change: Change) -> Mapping[str, Any]:
    """The scores of a mask that differs from its reference."""
    labels = TRUTH.copy()
    change(labels)
    put(folder / "pred" / "Case_000.nii.gz", labels)
    put(folder / "ref" / "Case_000.nii.gz", TRUTH)
    (case,) = scored(folder)["cases"]
    return dict(case)


E1 = sibling("E1", CASES, OWN)


def lacking(folder: Path, change: Change) -> str:
    case = changed_case(folder, change)
    sides = ", ".join(f"{case[side]['slices_missed']} {side}" for side in ("right", "left"))
    codes = sorted({one["code"] for one in case["findings"]})
    return f"missed {sides}; {' '.join(codes)}"


@E1("one slice in the middle of the left lung deleted", right=r"^missed 0 right, 1 left; MISSED-")
def middle(folder: Path) -> str:
    def delete(labels: NDArray[np.uint8]) -> None:
        labels[5][labels[5] == 2] = 0

    return lacking(folder, delete)


@E1("every second slice deleted", right=r"^missed 4 right, 4 left; MISSED-SLICES$")
def every_second(folder: Path) -> str:
    def delete(labels: NDArray[np.uint8]) -> None:
        labels[::2] = 0

    return lacking(folder, delete)


@E1(
    "the right lung deleted; both lungs deleted",
    right=r"^right: missed 9 right, 0 left; LUNG-MISSED \| both: missed 9 right, 8 left; .*"
    r"LUNG-MISSED$",
)
def whole_lungs(folder: Path) -> str:
    def right(labels: NDArray[np.uint8]) -> None:
        labels[labels == 1] = 0

    def both(labels: NDArray[np.uint8]) -> None:
        labels[:] = 0

    return each(
        folder, {"right": partial(lacking, change=right), "both": partial(lacking, change=both)}
    )


E2 = sibling("E2", CASES, OWN)
PLACES = ("airway", "body", "couch", "outside_body")


def false_lung(folder: Path, change: Callable[[NDArray[np.uint8], Volume], Any]) -> str:
    """Where false lung on the lowest slice lies, as the scores say."""
    mask, one = chest_with(folder / "ref" / "P1", ".rtstruct.dcm")
    labels = mask.labels.copy()
    change(labels, one.read())
    (folder / "pred").mkdir()
    write_mask(folder / "pred" / "x.seg.dcm", LungMask(labels, one.grid), one)
    (case,) = scored(folder)["cases"]
    both = case["both"]
    ml = {place: round(both[f"hallucinated_{place}_ml"]) for place in PLACES}
    shares = ", ".join(f"{place} {volume} ml" for place, volume in ml.items() if volume)
    return f"{both['slices_hallucinated']} empty slice; {shares}"


@E2("a block of false lung in the air beside the patient", right=r"^1 empty slice; outside_body 4 ")
def in_air(folder: Path) -> str:
    def change(labels: NDArray[np.uint8], volume: Volume) -> None:
        del volume
        labels[0, 2:6, 2:6] = 1

    return false_lung(folder, change)


@E2("false lung in all soft tissue of an empty slice", right=r"^1 empty slice; body \d{3} ml")
def in_body(folder: Path) -> str:
    def change(labels: NDArray[np.uint8], volume: Volume) -> None:
        labels[0][volume.hu[0] > 0] = 2

    return false_lung(folder, change)


@E2(
    "two voxels on one empty slice of two, and one on a slice with lung; no CT",
    right=r"^1 of 3 empty slices, 0\.04 ml$",
)
def voxels(folder: Path) -> str:
    def change(labels: NDArray[np.uint8]) -> None:
        labels[0, 0, :2] = labels[5, 0, 0] = 1

    both = changed_case(folder, change)["both"]
    empty = int(np.count_nonzero(~TRUTH.any(axis=(1, 2))))
    return f"{both['slices_hallucinated']} of {empty} empty slices, {both['hallucinated_ml']:g} ml"


E3 = sibling("E3", CASES, "nnU-Net, dataset format (versions 1 and 2)")
GOOD = r"right 1\.00, left 1\.00"


def by_dataset(folder: Path, labels: Any, *, values: Sequence[int] = (0, 2, 1)) -> str:
    """Dice with a dataset.json; by default 1 is the left lung and 2 the right one."""
    text = labels if isinstance(labels, str) else json.dumps({"labels": labels})
    put(folder / "pred" / "Case_000.nii.gz", np.array(values, np.uint8)[TRUTH])
    (folder / "pred" / "dataset.json").write_text(text, encoding="utf-8")
    put(folder / "ref" / "Case_000.nii.gz", TRUTH)
    return dices(folder).removeprefix("Case_000: ")


@E3(
    'version 1, {"1": "left lung"}; numbers as text; a byte order mark',
    before="the last one refused: not understood",
    right=rf"^(\w+: {GOOD}( \| |$)){{3}}$",
)
def versions(folder: Path) -> str:
    first = {"0": "background", "1": "left lung", "2": "right lung"}
    as_text = {"background": "0", "lung_left": "1", "lung_right": "2"}
    marked = "\ufeff" + json.dumps({"labels": {name: int(k) for k, name in first.items()}})
    return each(
        folder,
        {
            "first": partial(by_dataset, labels=first),
            "text": partial(by_dataset, labels=as_text),
            "mark": partial(by_dataset, labels=marked),
        },
    )


@E3(
    "lobes, trachea and an ignore label; a tumour alone; broken JSON",
    right=rf"^lobes: {GOOD} \| tumour: refused: [^|]*not understood[^|]*--mapping[^|]* \| "
    r"broken: refused: [^|]*not understood",
)
def odd_datasets(folder: Path) -> str:
    lobes = {
        "background": 0, "lung_upper_lobe_left": 1, "lung_lower_lobe_left": 2,
        "lung_upper_lobe_right": 3, "lung_middle_lobe_right": 4, "lung_lower_lobe_right": 5,
        "trachea": 6, "ignore": 7,
    }  # fmt: skip
    return each(
        folder,
        {
            "lobes": partial(by_dataset, labels=lobes, values=(0, 3, 1)),
            "tumour": partial(by_dataset, labels={"background": 0, "tumour": 1}),
            "broken": partial(by_dataset, labels='{"labels": {'),
        },
    )


@E3(
    "Left_Lung, L, lung-l, `lung (left)`, Linke Lunge and their right ones",
    right=rf"^([^|]+: {GOOD}( \| |$)){{5}}$",
)
def names_of_trainers(folder: Path) -> str:
    pairs = {
        "Left_Lung": "Right_Lung",
        "L": "R",
        "lung-l": "lung-r",
        "lung (left)": "lung (right)",
        "Linke Lunge": "Rechte Lunge",
    }
    return each(
        folder,
        {
            left: partial(by_dataset, labels={"background": 0, left: 1, right: 2})
            for left, right in pairs.items()
        },
    )


E4 = sibling("E4", CASES, "our own rule: a table is complete or refused")


def with_table(folder: Path, text: str, encoding: str = "utf-8") -> str:
    for name in ("Case_000", "Case_001"):
        put(folder / "pred" / f"{name}.nii.gz", TRUTH)
        put(folder / "ref" / f"{name}.nii.gz", TRUTH)
    (folder / "table.csv").write_bytes(text.encode(encoding))
    cases = scored(folder, patients=folder / "table.csv")["cases"]
    return f"patients {' and '.join(case['patient'] for case in cases)}"


@E4(
    "from a spreadsheet: semicolons, tabs, a byte order mark, quoted cells with spaces; UTF-16",
    before="tabs and quoted cells refused: needs a heading",
    right=r"^(\w+: patients 1 and 2( \| )?){5}$",
)
def spreadsheets(folder: Path) -> str:
    rows = (("case", "patient"), ("Case_000", "1"), ("Case_001", "2"))
    plain = "\n".join(",".join(row) for row in rows)
    quoted = "\n".join(",".join(f'"{cell} "' for cell in row) for row in rows)
    return each(
        folder,
        {
            "semicolons": partial(with_table, text=plain.replace(",", ";").replace("\n", "\r\n")),
            "tabs": partial(with_table, text=plain.replace(",", "\t")),
            "mark": partial(with_table, text="\ufeff" + plain),
            "quoted": partial(with_table, text=quoted),
            "UTF16": partial(with_table, text=plain, encoding="utf-16"),
        },
    )


@E4(
    "a case twice with two patients; a patient left empty; no column `patient`",
    right=r"^twice: refused: [^|]*twice[^|]* \| empty: refused: [^|]*line 2[^|]* \| "
    r"column: refused: [^|]*heading",
)
def contradictions(folder: Path) -> str:
    texts = {
        "twice": "case,patient\nCase_000,1\nCase_000,2\nCase_001,1\n",
        "empty": "case,patient\nCase_000,\nCase_001,1\n",
        "column": "case,person\nCase_000,1\nCase_001,1\n",
    }
    return each(folder, {name: partial(with_table, text=text) for name, text in texts.items()})


@E4(
    "file names as cases; more cases than there are; an empty file",
    right=r"^files: refused: [^|]*file names without ending[^|]* \| more: patients 1 and 1 \| "
    r"nothing: refused: [^|]*heading",
)
def other_rows(folder: Path) -> str:
    texts = {
        "files": "case,patient\nCase_000.nii.gz,1\nCase_001.nii.gz,1\n",
        "more": "case,patient\nCase_000,1\nCase_001,1\nCase_002,3\n",
        "nothing": "",
    }
    return each(folder, {name: partial(with_table, text=text) for name, text in texts.items()})


E5 = sibling("E5", CASES, "layouts of TotalSegmentator, nnU-Net, lungmask and MONAI")


@E5("lung_left, lung_right and heart, a file each, in the folder of a case", right=rf"{GOOD}$")
def file_a_side(folder: Path) -> str:
    for name, label in (("lung_left", 2), ("lung_right", 1), ("heart", 9)):
        put(folder / "pred" / "p1" / f"{name}.nii.gz", label == TRUTH)
    put(folder / "ref" / "p1.nii.gz", TRUTH)
    return dices(folder)


@E5(
    "nnU-Net: predictions with plans.json, labelsTr and imagesTr with _0000",
    right=r"^lung_001: 1\.00$",
)
def nnunet(folder: Path) -> str:
    put(folder / "data" / "labelsTr" / "lung_001.nii.gz", TRUTH)
    put(folder / "data" / "imagesTr" / "lung_001_0000.nii.gz", TRUTH)
    put(folder / "pred" / "lung_001.nii.gz", TRUTH)
    (folder / "pred" / "plans.json").write_text("{}")
    labels = folder / "data" / "labelsTr"
    made = evaluate(folder / "pred", labels, folder / "out", workers=1).scores
    return "; ".join(f"{case['case']}: {case['dice']:.2f}" for case in made["cases"])


@E5(
    "p1_lungmask.nii.gz, p1/p1_seg.nii.gz, p1/mask.nii.gz, p1_pred with p1_gt, and `.nrrd` with "
    "`.mha`",
    before="p1_pred with p1_gt: no case has both",
    right=rf"^(\w+: p1: {GOOD}( \| |$)){{5}}$",
)
def names_of_files(folder: Path) -> str:
    def pair(place: Path, pred: str, ref: str) -> str:
        put(place / "pred" / pred, TRUTH)
        put(place / "ref" / ref, TRUTH)
        return dices(place)

    names = {
        "lungmask": ("p1_lungmask.nii.gz", "p1.nii.gz"),
        "monai": ("p1/p1_seg.nii.gz", "p1.nii.gz"),
        "folder": ("p1/mask.nii.gz", "p1/lungs.nii.gz"),
        "truth": ("p1_pred.nii.gz", "p1_gt.nii.gz"),
        "formats": ("p1.nrrd", "p1.mha"),
    }
    return each(
        folder, {name: partial(pair, pred=pred, ref=ref) for name, (pred, ref) in names.items()}
    )


E6 = sibling("E6", CASES, "habits of users")


def of_pair(pred: Path, ref: Path, folder: Path) -> str:
    (case,) = evaluate(pred, ref, folder / "out", workers=1).scores["cases"]
    return f"Dice {case['dice']:.2f}"


@E6(
    "`.nrrd` and `.mha`; a file and a folder with one mask; a file twice",
    right=r"^(\w+: Dice 1\.00( \| |$)){3}$",
)
def pairs(folder: Path) -> str:
    one, other, place = folder / "a.nrrd", folder / "b.mha", folder / "f"
    for path in (one, other, place / "x.nii.gz"):
        put(path, TRUTH)
    return each(
        folder,
        {
            "files": partial(of_pair, one, other),
            "folder": partial(of_pair, one, place),
            "twice": partial(of_pair, one, one),
        },
    )


@E6(
    "an RTSTRUCT with its CT beside it as REF: with a NIfTI mask, with a SEG, as the folder",
    right=r"^(\w+: Dice 1\.00( \| |$)){3}$",
)
def object_pairs(folder: Path) -> str:
    mask, one = chest_with(folder / "ref", ".rtstruct.dcm")
    structures = folder / "ref" / "rs.rtstruct.dcm"
    write_mask(folder / "a.seg.dcm", mask, one)
    put(folder / "a.nii.gz", mask.labels, one.grid)
    return each(
        folder,
        {
            "NIfTI": partial(of_pair, folder / "a.nii.gz", structures),
            "SEG": partial(of_pair, folder / "a.seg.dcm", structures),
            "folder": partial(of_pair, folder / "a.seg.dcm", folder / "ref"),
        },
    )


@E6(
    "an empty mask as NIfTI, SEG and RTSTRUCT",
    before="RTSTRUCT refused: no structure is a lung",
    right=r"^nifti: Dice 0\.00 \| seg: Dice 0\.00 \| rtstruct: Dice 0\.00$",
)
def empty_masks(folder: Path) -> str:
    mask, one = chest_with(folder / "ref" / "P1", ".rtstruct.dcm")
    empty = LungMask(np.zeros_like(mask.labels), one.grid)
    acts = {}
    for kind, suffix in (("nifti", ".nii.gz"), ("seg", ".seg.dcm"), ("rtstruct", ".rtstruct.dcm")):
        (folder / kind).mkdir()
        write_mask(folder / kind / f"{one.id}{suffix}", empty, one)
        acts[kind] = partial(of_pair, folder / kind, folder / "ref")
    return each(folder, acts)


E7 = sibling("E7", CASES, "our own rule: a page can be read without its folder")


@E7(
    "case names <script>alert(1)<∕script> and مريض-١; `--paths`",
    right=r"^0 scripts; the names stand on the page$",
)
def names_on_page(folder: Path) -> str:
    for name in ("<script>alert(1)<∕script>", "مريض-١"):
        put(folder / "pred" / f"{name}.nii.gz", np.roll(TRUTH, 1, axis=2))
        put(folder / "ref" / f"{name}.nii.gz", TRUTH)
    scored(folder, paths=True)
    text = report(folder / "out", out=folder / "page").page.read_text(encoding="utf-8")
    there = all(part in text for part in ("مريض-١", "&lt;script&gt;alert(1)"))
    return (
        f"{text.count('<script')} scripts; the names {'stand' if there else 'are not'} on the page"
    )


@E7("a run in which the only case was refused", right=r"^refused; Case_000 and the reason stand")
def none_usable(folder: Path) -> str:
    volume, _ = chest((16, 64, 64), seed=1)
    air = Volume(np.full_like(volume.hu, -1000), volume.grid)
    write_files(folder / "in" / "Case_000", series(air, SeriesSpec(declare_padding=False)))
    (case,) = segment(folder / "in", folder / "out", model=Path("classical")).cases
    text = (folder / "out" / "index.html").read_text(encoding="utf-8")
    there = "Case_000" in text and "not HU" in text
    words = "Case_000 and the reason stand on the page" if there else "the page does not say why"
    return f"{case['verdict']}; {words}"


@E7(
    "an evaluation in which a mask is broken and a reference has none",
    right=r"^Case_001 and Case_002 stand on the page$",
)
def refused_on_page(folder: Path) -> str:
    for name in ("Case_000", "Case_001", "Case_002"):
        put(folder / "ref" / f"{name}.nii.gz", TRUTH)
    put(folder / "pred" / "Case_000.nii.gz", TRUTH)
    (folder / "pred" / "Case_001.nii.gz").write_bytes(b"\x1f\x8b broken")
    scored(folder)
    text = report(folder / "out", out=folder / "page").page.read_text(encoding="utf-8")
    flat = re.sub(r"<[^>]+>", " ", text)
    named = [name for name in ("Case_001", "Case_002") if name in flat]
    return f"{' and '.join(named)} stand on the page"


E8 = sibling("E8", CASES, "student report, Figs 2.9 and 2.10")


def worst_of(folder: Path, change: Change) -> str:
    changed_case(folder, change)
    pictures = pictures_of(folder / "out" / "cases", ["Case_000"])
    worst = next(chosen for word, chosen in choose(pictures).items() if "worst" in word)[0]
    kind, _, rest = worst.text.partition(":")
    return f"{kind}:{rest.partition(';')[0].removeprefix(' Case_000, axial,')}"


@E8("false lung on the lowest slice", right=r"^hallucinated: 1 of 12$")
def lowest(folder: Path) -> str:
    def change(labels: NDArray[np.uint8]) -> None:
        labels[0, 4:16, 13:21] = 2

    return worst_of(folder, change)


@E8("a lung is missing on one slice", right=r"^worst: 7 of 12$")
def one_missing(folder: Path) -> str:
    def change(labels: NDArray[np.uint8]) -> None:
        labels[6][labels[6] == 1] = 0

    return worst_of(folder, change)


@E8("the mask is empty", right=r"^missed: \d+ of 12$")
def empty(folder: Path) -> str:
    def change(labels: NDArray[np.uint8]) -> None:
        labels[:] = 0

    return worst_of(folder, change)


E9 = sibling("E9", CASES, "layout of the course's data; habits of users")


def paired(folder: Path, image: str, mask: str) -> str:
    """Whether `prepare` finds the mask of a case in Segmentations by its name."""
    volume, labels = chest((16, 64, 64), seed=3)
    slices = series(volume, SeriesSpec(declare_padding=False))
    write_files(folder / "in" / "Images" / image, slices)
    path = folder / "in" / "Segmentations" / mask
    path.parent.mkdir(parents=True)
    if mask.endswith(".npz"):
        np.savez_compressed(path, masks=labels.lungs.astype(np.uint8))
    else:
        put(path, labels.labels, volume.grid)
    prepare(folder / "in", folder / "cohort")
    cases = Cohort.open(folder / "cohort").cases
    return f"{sum(one.has_mask for one in cases)} of {len(cases)} case with its mask"


MATCHED = r"^1 of 1 case with its mask$"


@E9("Images/Case 7 and Case 7_seg.npz", right=MATCHED)
def with_blank(folder: Path) -> str:
    return paired(folder, "Case 7", "Case 7_seg.npz")


@E9("a name in Chinese, DICOM two folders below it", right=MATCHED)
def deeper(folder: Path) -> str:
    return paired(folder, "病人三/1.2.3/4.5", "病人三_seg.npz")


@E9("Images/S3 and S3.nii.gz", right=MATCHED)
def nifti_mask(folder: Path) -> str:
    return paired(folder, "S3", "S3.nii.gz")

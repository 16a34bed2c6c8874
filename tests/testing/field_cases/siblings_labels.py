"""Siblings of faults L2 to L11: labels in and out."""

import gzip
import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import highdicom
import nibabel
import numpy as np
import SimpleITK as sitk
from highdicom.seg import Segmentation, SegmentDescription
from highdicom.sr import CodedConcept
from numpy.typing import NDArray
from pydicom import DataElement, Dataset, config, dcmread
from pydicom.datadict import dictionary_VR

import pleura
from pleura.dicom.series import find_series
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume
from pleura.labels.registry import read_judged, write_mask
from pleura.phantom.anatomy import chest
from pleura.phantom.writer import SeriesSpec, series, write_files
from pleura.verbs.evaluate import evaluate
from testing.field_cases.case import FieldCase, Probe, each, sibling
from testing.field_cases.labels_in import (
    ACCEPTED,
    GRID,
    SLICES,
    TRUTH,
    WHOLE,
    code,
    contours,
    ct,
    loop,
    named,
    on_grid,
    outcome,
    seg_nrrd,
    segments,
    structures,
)
from testing.field_cases.labels_out import NETWORK, OTHER, made

CASES: list[FieldCase] = []
BOTH = r"right 100 %, left 100 %"
AFFINE = np.diag([-1.0, -1.0, 1.0, 1.0]) @ GRID.affine[:, [2, 1, 0, 3]]
RIGHT = [loop(k, WHOLE["right"]) for k in SLICES]
LEFT = [loop(k, WHOLE["left"]) for k in SLICES]


def every(count: int, words: str) -> str:
    """The same outcome of several probes."""
    return rf"^([^|]+: {words}( \| |$)){{{count}}}$"


L2 = sibling("L2", CASES, "3D Slicer, segmentation file format")


def nrrd(path: Path, lines: Sequence[str], array: NDArray[np.uint8], **fields: str) -> Path:
    """A NRRD file with lines of segments; `fields` replace those of a plain label map."""
    x, y, z = GRID.to_world([0, 0, 0])
    head = {
        "type": "unsigned char",
        "dimension": str(array.ndim),
        "space": "left-posterior-superior",
        "sizes": " ".join(map(str, array.shape[::-1])),
        "space directions": "(1,0,0) (0,1,0) (0,0,3)",
        "kinds": "domain domain domain",
        "encoding": "gzip",
        "space origin": f"({x:g},{y:g},{z:g})",
    } | {name.replace("_", " "): value for name, value in fields.items()}
    text = ["NRRD0005", *(f"{name}: {value}" for name, value in head.items()), *lines, "", ""]
    raw = array.tobytes()
    data = gzip.compress(raw) if head["encoding"] == "gzip" else raw
    path.write_bytes("\n".join(text).encode() + data)
    return path


@L2("segments called Segment_1 and Segment_2, the lungs in their Tags (SNOMED CT)", right=BOTH)
def slicer_tags(folder: Path) -> str:
    lines = []
    for k, (value, side) in enumerate((("24028007", "Right"), ("7771000", "Left"))):
        entry = (
            "TerminologyEntry:Segmentation category and type - 3D Slicer General Anatomy list"
            f"~SCT^123037004^Anatomical Structure~SCT^39607008^Lung~SCT^{value}^{side}"
            "~Anatomic codes - DICOM master list~^^~^^|"
        )
        lines += [
            f"Segment{k}_Name:=Segment_{k + 1}",
            f"Segment{k}_LabelValue:={k + 1}",
            f"Segment{k}_Layer:=0",
            f"Segment{k}_Tags:={entry}",
        ]
    return outcome(nrrd(folder / "m.seg.nrrd", lines, TRUTH), ct(folder))


@L2("right-anterior-superior, raw, the left segment first", right=BOTH)
def slicer_ras(folder: Path) -> str:
    lines = [
        "Segment0_Name:=lung left",
        "Segment0_LabelValue:=2",
        "Segment1_Name:=lung right",
        "Segment1_LabelValue:=1",
    ]
    x, y, z = GRID.to_world([0, 0, 0])
    fields = {
        "space": "right-anterior-superior",
        "space_directions": "(-1,0,0) (0,-1,0) (0,0,3)",
        "space_origin": f"({-x:g},{-y:g},{z:g})",
        "encoding": "raw",
    }
    return outcome(nrrd(folder / "m.seg.nrrd", lines, TRUTH, **fields), ct(folder))


@L2(
    "as Slicer 4.10 wrote it: 4-D, names without layers and values",
    before="right lung 0 %, without a finding",
    right=BOTH,
)
def slicer_old(folder: Path) -> str:
    layers = np.stack([TRUTH == 2, TRUTH == 1], axis=-1).astype(np.uint8)
    fields = {
        "space_directions": "none (1,0,0) (0,1,0) (0,0,3)",
        "kinds": "list domain domain domain",
    }
    lines = ["Segment0_Name:=Left lung", "Segment1_Name:=Right lung"]
    return outcome(nrrd(folder / "m.seg.nrrd", lines, layers, **fields), ct(folder))


@L2("three layers of value 1: right lung, left lung, and a tumour in a lung", right=rf"^{BOTH}$")
def slicer_tumour(folder: Path) -> str:
    tumour = np.zeros_like(TRUTH)
    tumour[2, 6:9, 4:6] = 1
    layers = np.stack([TRUTH == 1, TRUTH == 2, tumour]).astype(np.uint8)
    names = ["right lung", "left lung", "tumor"]
    return outcome(seg_nrrd(folder / "m.seg.nrrd", names, [1, 1, 1], layers), ct(folder))


L3 = sibling("L3", CASES, "NIfTI-1 (float32); text headers of ITK")


@L3("NIfTI with qform alone, oblique by 23 degrees, 300 slices of 0.75 mm", right=ACCEPTED)
def quaternion(folder: Path) -> str:
    def through_qform(affine: NDArray[np.float64]) -> NDArray[np.float64]:
        flip = np.diag([-1.0, -1.0, 1.0, 1.0])
        image = nibabel.Nifti1Image(np.zeros((2, 2, 2), np.uint8), None)
        image.header.set_qform(flip @ affine[:, [2, 1, 0, 3]], 1)
        made_affine: NDArray[np.float64] = (flip @ image.header.get_qform())[:, [2, 1, 0, 3]]
        return made_affine

    return on_grid(folder, through_qform, 300, 0.75, 23)


@L3("origin to a tenth of a millimetre, spacing to two decimals", right=ACCEPTED)
def two_decimals(folder: Path) -> str:
    def rounded(affine: NDArray[np.float64]) -> NDArray[np.float64]:
        affine = affine.copy()
        affine[:3, 3] = np.round(affine[:3, 3], 1)
        affine[:3, :3] = np.round(affine[:3, :3], 2)
        return affine

    return on_grid(folder, rounded, 120, 1.25, 0)


def put_nifti(path: Path, array: NDArray[Any], affine: NDArray[np.float64] = AFFINE) -> Path:
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(array).T, affine), path)
    return path


@L3("the same voxels stored from head to feet, and from left to right", right=every(2, BOTH))
def turned(folder: Path) -> str:
    def along(place: Path, axis: int) -> str:
        affine = AFFINE.copy()
        column = 2 - axis
        affine[:3, 3] += affine[:3, column] * (TRUTH.shape[axis] - 1)
        affine[:3, column] *= -1
        return outcome(put_nifti(place / "m.nii.gz", np.flip(TRUTH, axis), affine), ct(place))

    return each(folder, {"slices": partial(along, axis=0), "columns": partial(along, axis=2)})


@L3(
    "a mask of every second slice; of every second pixel; one slice short",
    right=r"^slices: refused, GRID-MISMATCH[^|]*6 x 1 x 1 mm[^|]* \| "
    r"pixels: refused, GRID-MISMATCH[^|]*3 x 2 x 2 mm[^|]* \| short: all voxels$",
)
def other_lattices(folder: Path) -> str:
    def like(place: Path, part: NDArray[np.uint8], steps: Sequence[float]) -> str:
        path = put_nifti(place / "m.nii.gz", part, AFFINE @ np.diag([*steps, 1.0]))
        labels = pleura.read_mask(path, like=GRID).labels
        return "all voxels" if np.array_equal(labels, TRUTH) else "other voxels"

    return each(
        folder,
        {
            "slices": partial(like, part=TRUTH[::2], steps=(1, 1, 2)),
            "pixels": partial(like, part=TRUTH[:, ::2, ::2], steps=(2, 2, 1)),
            "short": partial(like, part=TRUTH[:5], steps=(1, 1, 1)),
        },
    )


L4 = sibling("L4", CASES, "PS3.16 CID 4030, 6128 and D; PS3.3 C.8.20.2")
Codes = Sequence[tuple[str, str]]


def coded(
    folder: Path,
    types: Codes,
    modifiers: Codes = (),
    *,
    region: bool = False,
    names: Sequence[str] = ("a", "b"),
) -> str:
    """A SEG whose segments have these codes as types, or as anatomic regions of a tissue."""

    def change(one: Dataset) -> None:
        for k, segment in enumerate(one.SegmentSequence):
            segment.SegmentLabel = names[k]
            item = code(*types[k])
            segment.SegmentedPropertyTypeCodeSequence = [code("85756007") if region else item]
            if region:
                segment.AnatomicRegionSequence = [item]
            if modifiers and region:
                item.AnatomicRegionModifierSequence = [code(*modifiers[k])]
            elif modifiers:
                item.SegmentedPropertyTypeModifierCodeSequence = [code(*modifiers[k])]

    return segments(folder, change)


@L4(
    "right and left lung as types of their own, T-28100 and T-28500, under SRT, SNM3 and 99SDM",
    right=every(3, BOTH),
)
def types_of_srt(folder: Path) -> str:
    schemes = ("SRT", "SNM3", "99SDM")
    return each(
        folder,
        {one: partial(coded, types=[("T-28100", one), ("T-28500", one)]) for one in schemes},
    )


@L4(
    "AnatomicRegion lung, the side in AnatomicRegionModifier, in SRT and in SCT",
    right=every(2, BOTH),
)
def region_modifiers(folder: Path) -> str:
    srt = partial(
        coded, types=[("T-28000", "SRT")] * 2, modifiers=[("G-A100", "SRT"), ("G-A101", "SRT")]
    )
    sct = partial(
        coded, types=[("39607008", "SCT")] * 2, modifiers=[("24028007", "SCT"), ("7771000", "SCT")]
    )
    return each(folder, {"SRT": partial(srt, region=True), "SCT": partial(sct, region=True)})


@L4("codes of FMA (7309, 7310)", right=rf"^{BOTH}$")
def fma(folder: Path) -> str:
    return coded(folder, [("7309", "FMA"), ("7310", "FMA")])


@L4(
    "private codes, or type Tissue, and the lungs in SegmentLabel alone",
    right=every(2, BOTH),
)
def labels_alone(folder: Path) -> str:
    private = partial(
        coded, types=[("1001", "99LAB"), ("1002", "99LAB")], names=("Right Lung", "Left Lung")
    )
    tissue = partial(coded, types=[("85756007", "SCT")] * 2, names=("lung_right", "lung_left"))
    return each(folder, {"private": private, "tissue": tissue})


L5 = sibling("L5", CASES, "our own rule: nothing of the input is lost silently")


def sitk_image(labels: NDArray[np.uint8] = TRUTH) -> sitk.Image:
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing((1.0, 1.0, 3.0))
    image.SetOrigin((-12.0, -10.0, 100.0))
    return image


def by_case(folder: Path, files: Mapping[str, Callable[[Path], Any]]) -> str:
    """What `evaluate` says of masks in many formats, a case each."""
    for case, write in files.items():
        (folder / "pred").mkdir(exist_ok=True)
        (folder / "ref").mkdir(exist_ok=True)
        write(folder / "pred")
        put_nifti(folder / "ref" / f"{case}.nii.gz", TRUTH)
    scores = evaluate(folder / "pred", folder / "ref", folder / "out", workers=1).scores
    seen = {one["case"]: f"Dice {one['dice']:g}" for one in scores["cases"]}
    for one in scores["refused"]:
        seen[one["case"]] = f"refused, {one['reason'].partition(';')[0]}"
    return "; ".join(f"{case}: {words}" for case, words in sorted(seen.items()))


@L5(
    "`.NII.GZ`; a folder of the case; `.nhdr` and raw; compressed `.mha`",
    right=r"^(Case_\d: Dice 1(; |$)){4}$",
)
def formats_read(folder: Path) -> str:
    def own_folder(place: Path) -> None:
        (place / "Case_2").mkdir()
        put_nifti(place / "Case_2" / "lungs.nii.gz", TRUTH)

    return by_case(
        folder,
        {
            "Case_1": lambda place: put_nifti(place / "a.nii.gz", TRUTH).rename(
                place / "Case_1.NII.GZ"
            ),
            "Case_2": own_folder,
            "Case_3": lambda place: sitk.WriteImage(sitk_image(), str(place / "Case_3.nhdr")),
            "Case_4": lambda place: sitk.WriteImage(sitk_image(), str(place / "Case_4.mha"), True),
        },
    )


@L5(
    "GIPL, VTK, STL, NumPy `.npy`, MATLAB `.mat`, Analyze `.img.gz`, beside a case that is read",
    right=r"^Case_1: Dice 1; (Case_\d: refused, [^;]*is not a format that pleura reads[^;]*(; |$))"
    r"{6}$",
)
def formats_refused(folder: Path) -> str:
    def text(name: str) -> Callable[[Path], Any]:
        return lambda place: (place / name).write_bytes(b"solid lungs" + bytes(100))

    return by_case(
        folder,
        {
            "Case_1": lambda place: put_nifti(place / "Case_1.nii.gz", TRUTH),
            "Case_2": lambda place: sitk.WriteImage(sitk_image(), str(place / "Case_2.gipl")),
            "Case_3": lambda place: sitk.WriteImage(sitk_image(), str(place / "Case_3.vtk")),
            "Case_4": text("Case_4.stl"),
            "Case_5": lambda place: np.save(place / "Case_5.npy", TRUTH),
            "Case_6": text("Case_6.mat"),
            "Case_7": text("Case_7.img.gz"),
        },
    )


@L5(
    "MetaImage with ElementSize alone; with big-endian words; with TransformMatrix and comments",
    right=every(3, "equal to SimpleITK"),
)
def metaimage_keys(folder: Path) -> str:
    headers = {
        "ElementSize": "ElementSize = 1 1 3\nOffset = -3.5 2.25 7\n",
        "MSB": "ElementByteOrderMSB = True\nElementSpacing = 1 1 3\nOffset = -3.5 2.25 7\n"
        "CenterOfRotation = 0 0 0\nAnatomicalOrientation = RAI\n",
        "matrix": "Comment = lungs\nTransformMatrix = 1 0 0 0 -1 0 0 0 1\nOffset = 5 6 7\n"
        "ElementSpacing = 1 1 3\nHeaderSize = 0\n",
    }

    def equal(place: Path, lines: str, words: NDArray[Any]) -> str:
        kind = "MET_USHORT" if words.dtype.itemsize == 2 else "MET_UCHAR"
        text = (
            f"ObjectType = Image\nNDims = 3\nBinaryData = True\n{lines}DimSize = 24 20 6\n"
            f"ElementType = {kind}\nElementDataFile = LOCAL\n"
        )
        path = place / "m.mha"
        path.write_bytes(text.encode() + words.tobytes())
        image, (mask, _) = sitk.ReadImage(str(path)), read_judged(path)
        same = all(
            np.allclose(mask.grid.to_world(i), image.TransformIndexToPhysicalPoint(i[::-1]))
            and mask.labels[i] == image.GetPixel(i[::-1])
            for i in ((0, 0, 0), (5, 19, 23), (2, 5, 4), (2, 5, 15))
        )
        return "equal to SimpleITK" if same else "misread"

    arrays = {"MSB": TRUTH.astype(">u2")}
    return each(
        folder,
        {
            name: partial(equal, lines=lines, words=arrays.get(name, TRUTH))
            for name, lines in headers.items()
        },
    )


L6 = sibling("L6", CASES, "AAPM TG-263; habits of planning systems")
ONE_RIGHT: Mapping[str, Sequence[str]] = {"Lung_R": ["right"], "Lung_L": ["left"]}


@L6(
    "lungs without a target: `Lungs-GTV` beside `Lungs`; `Lung_R-PTV` beside both; `Lungs-ITV` "
    "alone",
    right=r"^a: both lungs without sides, all voxels; LUNG-NAMES-UNUSED[^|]*Lungs-GTV \| "
    rf"b: {BOTH}; LUNG-NAMES-UNUSED[^|]*Lung_R-PTV \| c: refused, NO-LUNG[^|]*Lungs-ITV",
)
def minus(folder: Path) -> str:
    return each(
        folder,
        {
            "a": partial(named, rois={"Lungs-GTV": ["right"], "Lungs": ["right", "left"]}),
            "b": partial(named, rois={**ONE_RIGHT, "Lung_R-PTV": ["right"]}),
            "c": partial(named, rois={"Lungs-ITV": ["right", "left"]}),
        },
    )


@L6(
    "structures for planning instead of a lung: `zLung_R`, `Lungs_PRV05` beside `Lung_L`",
    right=r"^right 0 %, left 100 %; LUNG-NAMES-UNUSED; ONE-LUNG; .*zLung_R, Lungs_PRV05",
)
def planning(folder: Path) -> str:
    both = ["right", "left"]
    return named(folder, {"zLung_R": ["right"], "Lung_L": ["left"], "Lungs_PRV05": both})


@L6(
    "`Lung_Nodule`, `Lung Tumor L`, `GTV lung`, `Lung_L_ring`, `Lung_R_old`, beside the lungs and "
    "alone",
    right=rf"^beside: {BOTH}; LUNG-NAMES-UNUSED[^|]* \| alone: refused, NO-LUNG[^|]*Lung_R_old",
)
def not_lungs(folder: Path) -> str:
    names = ("Lung_Nodule", "Lung Tumor L", "GTV lung", "Lung_L_ring", "Lung_R_old")
    others: Mapping[str, Sequence[str]] = {name: ["left"] for name in names}
    return each(
        folder,
        {
            "beside": partial(named, rois={**ONE_RIGHT, **others}),
            "alone": partial(named, rois=others),
        },
    )


@L6(
    "`RT LUNG`, `R Lung`, `LungR`, `RLUNG`, `Lung, Right`, `Lung(R)` and their left ones",
    right=every(6, BOTH + "; "),
)
def habits(folder: Path) -> str:
    pairs = {
        "RT LUNG": "LT LUNG",
        "R Lung": "L Lung",
        "LungR": "LungL",
        "RLUNG": "LLUNG",
        "Lung, Right": "Lung, Left",
        "Lung(R)": "Lung(L)",
    }
    return each(
        folder,
        {
            right: partial(named, rois={right: ["right"], left: ["left"]})
            for right, left in pairs.items()
        },
    )


@L6(
    "lobes as TG-263 names, all five, and without `Lung_LLL`",
    right=rf"^all: {BOTH} \| four: right 100 %, left 50 %; LOBES-MISSING$",
)
def lobes(folder: Path) -> str:
    rows = {
        "Lung_RUL": (4, 8, 2, 10),
        "Lung_RML": (8, 12, 2, 10),
        "Lung_RLL": (12, 16, 2, 10),
        "Lung_LUL": (4, 10, 13, 21),
        "Lung_LLL": (10, 16, 13, 21),
    }

    def drawn(place: Path, count: int) -> str:
        some = [(name, [loop(k, box) for k in SLICES]) for name, box in list(rows.items())[:count]]
        return outcome(structures(place / "m.dcm", some), ct(place))

    return each(folder, {"all": partial(drawn, count=5), "four": partial(drawn, count=4)})


L7 = sibling("L7", CASES, "PS3.3 C.8.8.6")


@L7(
    "ContourGeometricType `CLOSED PLANAR`, `CLOSEDPLANAR`, `Closed_Planar `, and empty",
    right=every(4, BOTH + "(; CONTOURS-TYPE)?"),
)
def types_written(folder: Path) -> str:
    kinds = {"blank": "CLOSED PLANAR", "none": "CLOSEDPLANAR", "mixed": "Closed_Planar ", "no": ""}
    return each(
        folder, {name: partial(contours, right=RIGHT, kind=kind) for name, kind in kinds.items()}
    )


def changed(folder: Path, change: Callable[[list[Any]], Any], more: Sequence[list] = ()) -> str:
    """A structure set whose contours of the right lung were changed."""
    path = structures(folder / "m.dcm", [("Lung_R", [*RIGHT, *more]), ("Lung_L", LEFT)])
    made_set = dcmread(path)
    change(made_set.ROIContourSequence[0].ContourSequence)
    made_set.save_as(path)
    return outcome(path, ct(folder))


@L7(
    "a POINT (isocentre) and an open line beside the closed contours of a lung",
    right=rf"^{BOTH}; CONTOURS-OPEN$",
)
def point_and_line(folder: Path) -> str:
    def change(items: list[Any]) -> None:
        items[-2].ContourGeometricType, items[-1].ContourGeometricType = "POINT", "OPEN_PLANAR"

    return changed(folder, change, [[(0, 0, 103)], RIGHT[0][:2]])


@L7(
    "contours whose NumberOfContourPoints is wrong; whose first point is repeated last; one with "
    "a coordinate less",
    before="the last one: 25 % of the lung lost, verdict repaired",
    right=rf"^number: {BOTH} \| repeated: {BOTH} \| one less: right 75 %, left 100 %; "
    r"CONTOURS-BROKEN$",
)
def points(folder: Path) -> str:
    def number(items: list[Any]) -> None:
        for item in items:
            item.NumberOfContourPoints = 99

    def repeated(items: list[Any]) -> None:
        for item in items:
            item.ContourData = [*item.ContourData, *item.ContourData[:3]]

    def less(items: list[Any]) -> None:
        items[0].ContourData = list(items[0].ContourData)[:-1]

    changes = {"number": number, "repeated": repeated, "one less": less}
    return each(folder, {name: partial(changed, change=act) for name, act in changes.items()})


L8 = sibling("L8", CASES, "NIfTI-1; habits of tools")


def valued(folder: Path, values: NDArray[Any], slope: float = 0.0, inter: float = 0.0) -> str:
    image = nibabel.Nifti1Image(values.T, AFFINE)
    if slope:
        image.header.set_slope_inter(slope, inter)
    nibabel.save(image, folder / "m.nii.gz")
    return outcome(folder / "m.nii.gz", ct(folder))


@L8(
    "one label as 255, as float 1, as 1000, 65535 or -1",
    right=r"^(255|float): both lungs without sides, all voxels \| float: both lungs without sides, "
    r"all voxels( \| [^|]+: refused, MASK-LABELS: [^|]*values (1000|65535|-1);[^|]*){3}$",
)
def one_label(folder: Path) -> str:
    lungs = TRUTH > 0
    arrays = {
        "255": (lungs * 255).astype(np.uint8),
        "float": lungs.astype(np.float64),
        "1000": (lungs * 1000).astype(np.int16),
        "65535": (lungs * 65535).astype(np.uint16),
        "-1": -(lungs.astype(np.int16)),
    }
    return each(folder, {name: partial(valued, values=array) for name, array in arrays.items()})


@L8(
    "labels with 1e-6 of noise; NaN as background; an interpolated 1.2; probabilities",
    right=rf"^noise: {BOTH} \| NaN: refused, MASK-VALUES[^|]* \| 1\.2: refused, MASK-VALUES[^|]*"
    r"1\.2[^|]* \| probabilities: refused, MASK-VALUES",
)
def not_whole(folder: Path) -> str:
    base = TRUTH.astype(np.float32)
    blurred = base.copy()
    blurred[2, 4, 3] = 1.2
    arrays = {
        "noise": base + np.float32(1e-6) * (TRUTH > 0),
        "NaN": np.where(TRUTH == 0, np.float32("nan"), base),
        "1.2": blurred,
        "probabilities": (TRUTH > 0) * np.float32(0.6),
    }
    return each(folder, {name: partial(valued, values=array) for name, array in arrays.items()})


@L8("labels 2 and 4 with scl_slope 0.5; 1, 2, 3 with scl_inter -1", right=every(2, BOTH))
def slopes(folder: Path) -> str:
    half = partial(valued, values=(TRUTH * 2).astype(np.int16), slope=0.5)
    less = partial(valued, values=(TRUTH + 1).astype(np.int16), slope=1.0, inter=-1.0)
    return each(folder, {"slope": half, "intercept": less})


L9 = sibling("L9", CASES, "PS3.3 A.51, C.8.20; the same rule as for RTSTRUCT")


def frames_of(one: Dataset) -> list[NDArray[np.uint8]]:
    """The frames of a binary SEG, a flat array each."""
    rows, count = one.Rows * one.Columns, int(one.NumberOfFrames)
    bits = np.unpackbits(np.frombuffer(one.PixelData, np.uint8), bitorder="little")
    return list(bits[: rows * count].reshape(count, rows))


def set_frames(one: Dataset, frames: Sequence[NDArray[np.uint8]]) -> None:
    data = np.packbits(np.concatenate(frames), bitorder="little").tobytes()
    one.PixelData = data + b"\0" * (len(data) % 2)
    one.NumberOfFrames = len(frames)


@L9("a third segment of both lungs; of the trachea", right=every(2, BOTH))
def third_segment(folder: Path) -> str:
    def add(one: Dataset, value: str) -> None:
        other = deepcopy(one.SegmentSequence[0])
        other.SegmentNumber, other.SegmentLabel = 3, "other"
        other.SegmentedPropertyTypeCodeSequence = [code(value)]
        one.SegmentSequence.append(other)
        groups, frames = one.PerFrameFunctionalGroupsSequence, frames_of(one)
        half = len(groups) // 2
        for k in range(half):
            again = deepcopy(groups[k])
            again.SegmentIdentificationSequence[0].ReferencedSegmentNumber = 3
            groups.append(again)
            both = frames[k] | frames[k + half]
            frames.append(both if value == "39607008" else np.roll(both, 3))
        set_frames(one, frames)

    values = {"both lungs": "39607008", "trachea": "44567001"}
    return each(
        folder,
        {
            name: partial(segments, change=partial(add, value=value))
            for name, value in values.items()
        },
    )


@L9("FRACTIONAL, probability and occupancy", right=every(2, BOTH))
def fractional(folder: Path) -> str:
    def change(one: Dataset, kind: str) -> None:
        values = np.concatenate(frames_of(one)) * 255
        values[:3] = 90
        one.SegmentationType, one.SegmentationFractionalType = "FRACTIONAL", kind
        one.MaximumFractionalValue = 255
        one.BitsAllocated = one.BitsStored = 8
        one.HighBit = 7
        one.PixelData = values.astype(np.uint8).tobytes()

    return each(
        folder,
        {
            kind: partial(segments, change=partial(change, kind=kind))
            for kind in ("PROBABILITY", "OCCUPANCY")
        },
    )


@L9("a Label Map Segmentation (1.2.840.10008.5.1.4.1.1.66.7) by highdicom", right=rf"^{BOTH}$")
def label_map(folder: Path) -> str:
    one = ct(folder)
    images = [dcmread(path) for path in (folder / "ct").iterdir()]
    images.sort(key=lambda image: float(image.ImagePositionPatient[2]))
    structure = CodedConcept("91723000", "SCT", "Anatomical Structure")
    kinds = ((1, "Right lung", "3341006"), (2, "Left lung", "44029006"))
    manual = highdicom.seg.SegmentAlgorithmTypeValues.MANUAL
    about = [
        SegmentDescription(number, name, structure, CodedConcept(value, "SCT", name), manual)
        for number, name, value in kinds
    ]
    written = Segmentation(
        images, TRUTH, highdicom.seg.SegmentationTypeValues.LABELMAP, about,
        highdicom.UID(), 5, highdicom.UID(), 1, "maker", "model", "1", "serial",
    )  # fmt: skip
    written.save_as(folder / "m.seg.dcm")
    return outcome(folder / "m.seg.dcm", one)


@L9(
    "a frame twice; a frame 1.2 mm from its slice",
    right=rf"^twice: {BOTH} \| aside: refused, GRID-MISMATCH",
)
def frames_aside(folder: Path) -> str:
    def twice(one: Dataset) -> None:
        frames = frames_of(one)
        groups = one.PerFrameFunctionalGroupsSequence
        groups.append(deepcopy(groups[0]))
        set_frames(one, [*frames, frames[0]])

    def aside(one: Dataset) -> None:
        place = one.PerFrameFunctionalGroupsSequence[1].PlanePositionSequence[0]
        x, y, z = place.ImagePositionPatient
        place.ImagePositionPatient = [x, y, float(z) + 1.2]

    return each(
        folder,
        {"twice": partial(segments, change=twice), "aside": partial(segments, change=aside)},
    )


L10 = sibling("L10", CASES, "PS3.5 9 (a UID identifies one object); PS3.3 C.8.8.5, C.8.20.2")


def same(one: Dataset, other: Dataset, keyword: str) -> str:
    return "same" if one[keyword].value == other[keyword].value else "other"


@L10(
    "RTSTRUCT of the same mask again, by another model, and with a voxel less: SOPInstanceUID and "
    "SeriesInstanceUID",
    right=r"^again: same, same; model: other, other; voxel: other, same$",
)
def structure_uids(folder: Path) -> str:
    one, path = ct(folder), folder / "m.rtstruct.dcm"
    less = TRUTH.copy()
    less[2, 5, 8] = 0
    first = made(one, path)
    others = {"again": made(one, path), "model": made(one, path, OTHER)}
    write_mask(path, LungMask(less, one.grid), one, NETWORK)
    others["voxel"] = dcmread(path)
    return "; ".join(
        f"{name}: {same(first, other, 'SOPInstanceUID')}, {same(first, other, 'SeriesInstanceUID')}"
        for name, other in others.items()
    )


@L10(
    "SEG and RTSTRUCT of a mask of unknown origin: no algorithm is invented",
    right=r"^SEG: SEMIAUTOMATIC, not stated; RTSTRUCT: empty, not stated$",
)
def by_hand(folder: Path) -> str:
    one = ct(folder)
    segment = made(one, folder / "m.seg.dcm", None).SegmentSequence[0]
    roi = made(one, folder / "m.rtstruct.dcm", None).StructureSetROISequence[0]
    described = roi.get("ROIGenerationDescription") or "not stated"
    return (
        f"SEG: {segment.SegmentAlgorithmType}, {segment.SegmentAlgorithmName}; "
        f"RTSTRUCT: {roi.ROIGenerationAlgorithm or 'empty'}, {described}"
    )


@L10(
    "SEG of the same mask on two series of one study",
    right=r"^study same; frame same; series other; object other$",
)
def two_series(folder: Path) -> str:
    volume = Volume(np.zeros(GRID.shape, np.int16), GRID)
    objects = []
    for seed in (1, 2):
        place = folder / str(seed)
        spec = SeriesSpec(seed=seed, study=7, declare_padding=False)
        write_files(place / "ct", series(volume, spec))
        (one,) = find_series(place / "ct")
        objects.append(made(one, place / "m.seg.dcm"))
    keywords = {
        "study": "StudyInstanceUID",
        "frame": "FrameOfReferenceUID",
        "series": "SeriesInstanceUID",
        "object": "SOPInstanceUID",
    }
    return "; ".join(f"{name} {same(*objects, keyword)}" for name, keyword in keywords.items())


L11 = sibling("L11", CASES, "PS3.5 6.2 (lengths of values), PS3.3 C.8.8.6 (note)")
LIMITS = {"DS": 16, "IS": 12, "LO": 64, "SH": 16, "CS": 16, "UI": 64}


def too_long(one: Dataset) -> int:
    """How many values at any depth are longer than their VR allows."""
    count = 0
    for element in one:
        if element.VR == "SQ":
            count += sum(too_long(item) for item in element.value)
        elif element.VR in LIMITS:
            values = element.value if element.VM > 1 else [element.value]
            count += sum(len(str(value or "")) > LIMITS[element.VR] for value in values)
    return count


def long_values(folder: Path, grid: Grid = GRID, **tags: Any) -> str:
    volume = Volume(np.zeros(grid.shape, np.int16), grid)
    write_files(folder / "ct", series(volume, SeriesSpec(declare_padding=False, tags=tags)))
    (one,) = find_series(folder / "ct")
    words = []
    for suffix in (".seg.dcm", ".rtstruct.dcm"):
        path = folder / f"m{suffix}"
        write_mask(path, LungMask(TRUTH, one.grid), one, NETWORK)
        back = read_judged(path, one.grid, one)[0]
        voxels = "same" if np.array_equal(back.labels, TRUTH) else "other"
        words.append(f"{too_long(dcmread(path))} values too long, {voxels} voxels")
    return "; ".join(words)


FITS = r"^(0 values too long, same voxels(; )?){2}$"


@L11("SEG and RTSTRUCT on an oblique grid, whose numbers have 17 digits", right=FITS)
def oblique(folder: Path) -> str:
    angle = np.radians(13.7)
    turn = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    affine = np.eye(4)
    affine[:3, :3] = turn @ Grid.axial((2, 2, 2), (2 / 3, 1 / 3, 1 / 3)).affine[:3, :3]
    affine[:3, 3] = (-123.456789012, -98.7654321098, -1012.34567890)
    return long_values(folder, Grid(GRID.shape, affine))


@L11("a source with a StudyDescription of 200 letters and a StudyID of 40", right=FITS)
def long_texts(folder: Path) -> str:
    return long_values(folder, StudyDescription="Thorax " * 28, StudyID="4" * 40)


@L11("a name of the model of 100 letters, and versions with a hash of 64", right=FITS)
def long_names(folder: Path) -> str:
    return long_values(folder, ManufacturerModelName="x" * 100, SoftwareVersions="ab" * 60)


L1 = sibling("L1", CASES, "PS3.3 C.8.8.6.3; our own rule for what an algorithm did not draw")
EMPTY = LungMask(np.zeros(GRID.shape, np.uint8), GRID)


@L1(
    "RTSTRUCT without a contour: written by `segment` of an empty mask; the unused names of a "
    "template",
    before="both refused: no structure is a lung",
    right=r"^written: right 0 %, left 0 %; LUNG-NOT-DRAWN \| template: refused, NO-LUNG",
)
def without_contours(folder: Path) -> str:
    def written(place: Path) -> str:
        one = ct(place)
        write_mask(place / "m.rtstruct.dcm", LungMask(EMPTY.labels, one.grid), one, NETWORK)
        return outcome(place / "m.rtstruct.dcm", one)

    def template(place: Path) -> str:
        return outcome(structures(place / "m.dcm", [("Lung_R", []), ("Lung_L", [])]), ct(place))

    acts: Mapping[str, Probe] = {"written": written, "template": template}
    return each(folder, acts)


R2 = sibling("R2", CASES, "PS3.5 6.2 (values by VR); our own rule: an item fails alone")
SLOPPY = {
    "PatientBirthDate unknown, PatientSex FEMALE": {
        "PatientBirthDate": "unknown",
        "PatientSex": "FEMALE",
    },
    "StudyDate 2021.05.19, StudyTime 25:61": {"StudyDate": "2021.05.19", "StudyTime": "25:61"},
    "SpecificCharacterSet ISO-IR 100": {"SpecificCharacterSet": "ISO-IR 100"},
    "no StudyID, AccessionNumber, StudyDate and PatientName": dict.fromkeys(
        ("StudyID", "AccessionNumber", "StudyDate", "PatientName")
    ),
}


def sloppy(folder: Path, suffix: str) -> str:
    """How many objects on CT with odd headers come back with the same voxels."""
    good = 0
    for number, values in enumerate(SLOPPY.values()):
        place = folder / f"{number}"
        slices = series(
            Volume(np.zeros(GRID.shape, np.int16), GRID), SeriesSpec(declare_padding=False)
        )
        for one in slices:
            for keyword, value in values.items():
                put(one, keyword, value)
        write_files(place / "ct", slices)
        (found,) = find_series(place / "ct")
        made(found, place / f"m{suffix}")
        back = read_judged(place / f"m{suffix}", found.grid, found)[0]
        good += np.array_equal(back.labels, TRUTH)
    return f"{good} of {len(SLOPPY)} written and read back with the same voxels"


def put(one: Dataset, keyword: str, value: str | None) -> None:
    """Give an attribute a value that its VR does not allow; without a value, take it away."""
    if value is None:
        delattr(one, keyword)
        return
    element = DataElement(keyword, dictionary_VR(keyword), value, validation_mode=config.IGNORE)
    one.add(element)


ALL_WRITTEN = r"^4 of 4 written and read back with the same voxels$"
R2_SEG = R2("`--format seg` on CT with " + ", ".join(SLOPPY), right=ALL_WRITTEN)
R2_RTSTRUCT = R2("`--format rtstruct` on the same CT", right=ALL_WRITTEN)


@R2_SEG
def sloppy_seg(folder: Path) -> str:
    return sloppy(folder, ".seg.dcm")


@R2_RTSTRUCT
def sloppy_rtstruct(folder: Path) -> str:
    return sloppy(folder, ".rtstruct.dcm")


@R2(
    "`segment --format seg` of two patients, one of them without SOPInstanceUID; twice",
    by="our own rule: an item fails alone",
    right=r"^(exit 1, 1 SEG written, refused: NO-UIDS(; )?){2}$",
)
def one_cannot_be_referenced(folder: Path) -> str:
    for number in range(2):
        volume = chest((24, 64, 64), seed=number)[0]
        slices = series(volume, SeriesSpec(seed=number, declare_padding=False))
        for path in write_files(folder / "in" / f"{number}", slices):
            if number:
                one = dcmread(path)
                del one.SOPInstanceUID
                one.save_as(path)
    seen = []
    for _ in range(2):
        done = pleura.segment(folder / "in", folder / "out", format="seg")
        written = len([*(folder / "out").rglob("*.seg.dcm")])
        codes = {code for line in done.notes() for code in re.findall(r"NO-[A-Z]+", line)}
        seen.append(f"exit {done.exit_code:d}, {written} SEG written, refused: {', '.join(codes)}")
    return "; ".join(seen)

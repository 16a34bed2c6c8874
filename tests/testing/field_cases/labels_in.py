"""Faults L1 to L9: reading labels."""

import gzip
from collections.abc import Iterable, Sequence
from copy import deepcopy
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom import DataElement, Dataset, config, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset

import pleura
from pleura.core.errors import InputRefused
from pleura.dicom.series import Series, find_series
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume
from pleura.labels.lattice import find_placement
from pleura.labels.registry import read_judged, write_mask
from pleura.phantom.anatomy import chest
from pleura.phantom.writer import SeriesSpec, series, write_files
from pleura.verbs.prepare import prepare
from testing.field_cases.case import FieldCase, collector, refusal

CASES: list[FieldCase] = []
GRID = Grid.axial((6, 20, 24), (3.0, 1.0, 1.0), (-12.0, -10.0, 100.0))
SLICES = range(1, 5)
TRUTH = np.zeros(GRID.shape, np.uint8)
TRUTH[1:5, 4:16, 2:10] = 1
TRUTH[1:5, 4:16, 13:21] = 2
WHOLE = {"right": (4, 16, 2, 10), "left": (4, 16, 13, 21)}
Box = tuple[float, float, float, float]
NESTED = "PS3.3 C.8.8.6.3: only CLOSEDPLANAR_XOR is exclusive or"


def ct(folder: Path) -> Series:
    """A series of zeros on GRID."""
    spec = SeriesSpec(declare_padding=False)
    write_files(folder / "ct", series(Volume(np.zeros(GRID.shape, np.int16), GRID), spec))
    return find_series(folder / "ct")[0]


def loop(k: int, box: Box, *, back: bool = False) -> list[tuple[float, float, float]]:
    """The outline in mm of the pixels of first and last (out) rows and columns on slice k."""
    top, bottom, first, last = box
    z, (y0, y1) = 100.0 + 3 * k, (top - 10.5, bottom - 10.5)
    x0, x1 = first - 12.5, last - 12.5
    points = [(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)]
    return points[::-1] if back else points


def structures(
    path: Path, rois: Sequence[tuple[str, list]], kind: str | None = "CLOSED_PLANAR"
) -> Path:
    """A structure set made with pydicom alone."""
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.481.3", "1.2.3.4"
    made.Modality, made.SeriesInstanceUID, made.StudyInstanceUID = "RTSTRUCT", "1.2.3.5", "1.2.3.6"
    made.StructureSetROISequence, made.ROIContourSequence = [], []
    if any(max(name, default="") > "\xff" for name, _ in rois):
        made.SpecificCharacterSet = "ISO_IR 192"
    for number, (name, contours) in enumerate(rois, 1):
        roi, drawn = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = number, name, ""
        drawn.ReferencedROINumber, drawn.ContourSequence = number, []
        for points in contours:
            contour = Dataset()
            contour.NumberOfContourPoints = len(points)
            if kind is not None:
                mode = config.IGNORE
                contour.add(DataElement("ContourGeometricType", "CS", kind, validation_mode=mode))
            contour.ContourData = [f"{v:.4f}" for point in points for v in point]
            drawn.ContourSequence.append(contour)
        made.StructureSetROISequence.append(roi)
        made.ROIContourSequence.append(drawn)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    dcmwrite(path, made, enforce_file_format=True)
    return path


def outcome(path: Path, one: Series, truth: NDArray[np.uint8] = TRUTH) -> str:
    """What is read of a mask: volumes as parts of the true ones, or a difference, and the codes."""
    mask, findings = read_judged(path, one.grid, one)
    if mask.grid is not one.grid:
        return "on another grid"
    words = []
    if not mask.sided:
        same = np.array_equal(mask.labels > 0, truth > 0)
        words.append(f"both lungs without sides, {'all' if same else 'not all'} voxels")
    else:
        for label, side in ((1, "right"), (2, "left")):
            found, wanted = mask.labels == label, truth == label
            share = 100 * found.sum() / max(wanted.sum(), 1)
            words.append(
                f"{side} {share:.0f} %" if (found <= wanted).all() else f"{side} elsewhere"
            )
    return "; ".join([", ".join(words), *sorted({f"{f.code}" for f in findings})])


def contours(folder: Path, right: Iterable[list], kind: str | None = "CLOSED_PLANAR",
             truth: NDArray[np.uint8] = TRUTH) -> str:  # fmt: skip
    left = [loop(k, WHOLE["left"]) for k in SLICES]
    path = structures(folder / "m.dcm", [("Lung_R", list(right)), ("Lung_L", left)], kind)
    return outcome(path, ct(folder), truth)


L1 = collector("L1", CASES)


@L1(
    "RTSTRUCT, CLOSED_PLANAR: each contour of the right lung stored twice",
    before="right lung 0.0 ml, verdict ok, exit 0",
    authority=NESTED,
    right=r"^right 100 %, left 100 %; CONTOURS-REPEATED$",
)
def doubled(folder: Path) -> str:
    return contours(folder, [loop(k, WHOLE["right"]) for k in SLICES for _ in (0, 1)])


@L1(
    "one of four contours of the right lung stored twice",
    before="the right lung loses the slice, verdict ok (six contours of one lung: 18 %)",
    authority=NESTED,
    right=r"^right 100 %, left 100 %; CONTOURS-REPEATED$",
)
def one_doubled(folder: Path) -> str:
    return contours(folder, [loop(k, WHOLE["right"]) for k in (1, 2, 2, 3, 4)])


@L1(
    "the right lung drawn as two pieces a slice that overlap",
    before="-16 %, verdict ok",
    authority=NESTED,
    right=r"^right 100 %, left 100 %; CONTOURS-OVERLAP$",
)
def overlapping(folder: Path) -> str:
    return contours(
        folder, [loop(k, box) for k in SLICES for box in ((4, 12, 2, 10), (9, 16, 2, 10))]
    )


@L1(
    "a hole in the right lung as a contour within the contour, either direction",
    before="a hole",
    authority="common practice of planning systems",
    right=r"^right 100 %, left 100 %$",
)
def nested(folder: Path) -> str:
    truth = TRUTH.copy()
    truth[1:5, 8:11, 4:7] = 0
    hole = (8, 11, 4, 7)
    parts = [part for k in SLICES for part in (loop(k, WHOLE["right"]), loop(k, hole, back=k > 2))]
    return contours(folder, parts, truth=truth)


@L1(
    "CLOSEDPLANAR_XOR, each contour of the right lung stored twice",
    before="right lung 0.0 ml, verdict ok",
    authority="PS3.3 C.8.8.6.3; a structure that has contours and ends empty is never ok",
    right=r"^refused, LUNG-EMPTY",
)
def doubled_xor(folder: Path) -> str:
    return contours(
        folder, [loop(k, WHOLE["right"]) for k in SLICES for _ in (0, 1)], "CLOSEDPLANAR_XOR"
    )


def seg_nrrd(
    path: Path, names: Sequence[str], values: Sequence[int], array: NDArray[np.uint8],
    first: Sequence[int] = (0, 0, 0),
) -> Path:  # fmt: skip
    """As 3D Slicer writes it; 4-D arrays are layers."""
    layered = array.ndim == 4
    origin = GRID.to_world(list(first))
    sizes = " ".join(map(str, array.shape[-1:-4:-1]))
    head = [
        "NRRD0004",
        "type: unsigned char",
        f"dimension: {array.ndim}",
        "space: left-posterior-superior",
        f"sizes: {f'{len(array)} ' if layered else ''}{sizes}",
        f"space directions: {'none ' if layered else ''}(1,0,0) (0,1,0) (0,0,3)",
        f"kinds: {'list ' if layered else ''}domain domain domain",
        "encoding: gzip",
        "space origin: ({:g},{:g},{:g})".format(*origin),
    ]
    for k, (name, value) in enumerate(zip(names, values, strict=True)):
        head += [f"Segment{k}_Name:={name}", f"Segment{k}_LabelValue:={value}"]
        head += [f"Segment{k}_Layer:={k}"] if layered else []
    voxels = np.moveaxis(array, 0, -1) if layered else array
    data = gzip.compress(np.ascontiguousarray(voxels).tobytes())
    path.write_bytes("\n".join([*head, "", ""]).encode() + data)
    return path


L2 = collector("L2", CASES)
SLICER = "3D Slicer, segmentation file format (Segment0_Name, _LabelValue, _Layer)"


@L2(
    "Slicer `.seg.nrrd`, segments lungs = 1, trachea = 2",
    before="left lung = trachea, verdict ok",
    authority=SLICER,
    right=r"^both lungs without sides, all voxels$",
)
def slicer_trachea(folder: Path) -> str:
    array = (TRUTH > 0).astype(np.uint8)
    array[5, 1, 11] = 2
    return outcome(seg_nrrd(folder / "m.seg.nrrd", ["lungs", "trachea"], [1, 2], array), ct(folder))


@L2(
    "`.seg.nrrd`, left = 1, right = 2",
    before="refused as exchanged",
    authority=SLICER,
    right=r"^right 100 %, left 100 %$",
)
def slicer_sides(folder: Path) -> str:
    array = np.array([0, 2, 1], np.uint8)[TRUTH]
    return outcome(seg_nrrd(folder / "m.seg.nrrd", ["left", "right"], [1, 2], array), ct(folder))


@L2(
    "`.seg.nrrd` cropped to the extent of its segments",
    before="refused: another grid",
    authority=SLICER + "; SEG on the same lattice was accepted",
    right=r"^right 100 %, left 100 %$",
)
def slicer_cropped(folder: Path) -> str:
    path = folder / "m.seg.nrrd"
    seg_nrrd(path, ["Lung_R", "Lung_L"], [1, 2], TRUTH[1:5, 4:16, 2:21], first=(1, 4, 2))
    return outcome(path, ct(folder))


@L2(
    "`.seg.nrrd` with two layers (4-D)",
    before="refused with an untrue reason",
    authority=SLICER,
    right=r"^right 100 %, left 100 %$",
)
def slicer_layers(folder: Path) -> str:
    layers = np.stack([TRUTH == 1, TRUTH == 2]).astype(np.uint8)
    path = seg_nrrd(folder / "m.seg.nrrd", ["Lung_R", "Lung_L"], [1, 1], layers)
    return outcome(path, ct(folder))


L3 = collector("L3", CASES)


def on_grid(folder: Path, affine_of: object, count: int, spacing: float, degrees: float) -> str:
    """A mask with another tool's affine, exact and 0.3 voxel aside, read onto a long grid."""
    angle = np.radians(degrees)
    turn = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    affine = np.eye(4)
    affine[:3, :3] = turn @ Grid.axial((2, 2, 2), (spacing, 0.7, 0.7)).affine[:3, :3]
    affine[:3, 3] = (-249.512, -231.5, -412.75)
    grid = Grid((count, 16, 16), affine)
    labels = np.zeros(grid.shape, np.uint8)
    labels[1:-1, 4:12, 2:6], labels[1:-1, 4:12, 9:14] = 1, 2
    words = []
    for name, shift in (("exact", 0.0), ("shifted by 0.3 voxel", 0.3)):
        written = affine_of(affine)
        written[:3, 3] += shift * affine[:3, 0]
        nifti = np.diag([-1.0, -1.0, 1.0, 1.0]) @ written[:, [2, 1, 0, 3]]
        path = folder / f"{shift}.nii.gz"
        nibabel.save(nibabel.Nifti1Image(labels.T, nifti), path)
        mask, _ = read_judged(path)
        words.append(f"{name}: {'accepted' if find_placement(mask.grid, grid) else 'refused'}")
    return ", ".join(words)


ACCEPTED = r"^exact: accepted, shifted by 0\.3 voxel: refused$"


def _rounded(affine: NDArray[np.float64], decimals: int) -> NDArray[np.float64]:
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    made = affine.copy()
    made[:3, :3] = affine[:3, :3] / steps * np.round(steps, decimals)
    return made


def _cosines(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cosines with four digits; the third axis is their cross product."""
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    cosines = np.round(affine[:3, :3] / steps, 4)
    row, column = (cosines[:, axis] / np.linalg.norm(cosines[:, axis]) for axis in (1, 2))
    made = affine.copy()
    made[:3, :3] = np.stack([np.cross(column, row), row, column], axis=1) * steps
    return made


@L3(
    "mask on a conversion by dcm2niix: 480 slices of 0.7 mm, float32",
    before='refused: "lies elsewhere, or is turned"',
    authority="NIfTI-1 (srow_x is float32)",
    right=ACCEPTED,
)
def float32(folder: Path) -> str:
    return on_grid(folder, lambda a: a.astype(np.float32).astype(float), 480, 0.7, 0)


@L3(
    "slices of 2/3 mm, written with three decimals",
    before="refused",
    authority="text headers of NRRD and MetaImage",
    right=ACCEPTED,
)
def decimals(folder: Path) -> str:
    return on_grid(folder, lambda a: _rounded(a, 3), 480, 2 / 3, 0)


@L3(
    "oblique by 10 degrees, cosines with four digits",
    before="refused",
    authority="PS3.5 6.2 (DS has 16 characters; many tools write fewer)",
    right=ACCEPTED,
)
def oblique(folder: Path) -> str:
    return on_grid(folder, _cosines, 200, 0.7, 10)


@L3(
    "a mask 1.4 mm (1.4 voxels) aside",
    before="refused without the lattices",
    authority="our own rule: a message has the value found and the value expected",
    right=r"refused, GRID-MISMATCH.*origin \(-10\.6, -10, 100\).*origin \(-12, -10, 100\).*axes",
)
def both_lattices(folder: Path) -> str:
    image = sitk.GetImageFromArray(TRUTH)
    image.SetSpacing((1.0, 1.0, 3.0))
    image.SetOrigin((-10.6, -10.0, 100.0))
    sitk.WriteImage(image, str(folder / "m.nii.gz"))
    pleura.read_mask(folder / "m.nii.gz", like=GRID)
    return "accepted"


def code(value: str, scheme: str = "SCT") -> Dataset:
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, scheme, "meaning"
    return made


def segments(folder: Path, change: object, labels: NDArray[np.uint8] = TRUTH) -> str:
    """A SEG written by pleura, changed as other tools write it."""
    one = ct(folder)
    path = folder / "m.seg.dcm"
    write_mask(path, LungMask(labels, one.grid), one)
    made = dcmread(path)
    change(made)
    made.save_as(path)
    return outcome(path, one)


@collector("L4", CASES)(
    "SEG in SRT codes: T-28000 with G-A100 and G-A101",
    before="sides lost, or NO-LUNG",
    authority="PS3.16 D (SRT to SCT); pydicom's own table",
    right=r"^right 100 %, left 100 %$",
)
def srt(folder: Path) -> str:
    def change(made: Dataset) -> None:
        for segment, side in zip(made.SegmentSequence, ("G-A100", "G-A101"), strict=True):
            segment.SegmentLabel = "x"
            segment.SegmentedPropertyTypeCodeSequence = [code("T-28000", "SRT")]
            modifiers = [code(side, "SRT")]
            segment.SegmentedPropertyTypeCodeSequence[
                0
            ].SegmentedPropertyTypeModifierCodeSequence = modifiers

    return segments(folder, change)


L5 = collector("L5", CASES)


def beside_chest(folder: Path, name: str) -> str:
    """What `prepare --masks` says of a mask written by SimpleITK or nibabel under a name."""
    volume, mask = chest((24, 96, 96), seed=3)
    write_files(folder / "in" / "Case_000", series(volume, SeriesSpec(declare_padding=False)))
    (folder / "masks").mkdir()
    if name.endswith(".hdr"):
        pair = nibabel.Nifti1Pair(mask.labels.T, np.eye(4))
        nibabel.save(pair, folder / "masks" / name)
    else:
        image = sitk.GetImageFromArray(mask.labels)
        image.SetSpacing([float(mm) for mm in volume.grid.spacing_mm[::-1]])
        image.SetOrigin([float(mm) for mm in volume.grid.affine[:3, 3]])
        sitk.WriteImage(image, str(folder / "masks" / name), name.endswith(".mhd"))
    made = prepare(folder / "in", folder / "out", masks=folder / "masks")
    if made.about["cases"] and made.about["cases"][0].get("has_mask", True) and not made.failures:
        return "read"
    return " ".join(made.failures) or "passed over"


@L5(
    "`prepare --masks` with `CASE.mhd` and `.zraw`",
    before="passed over without a word",
    authority="MetaImage; masks of LUNA16",
    right=r"^read$",
)
def metaimage_pair(folder: Path) -> str:
    return beside_chest(folder, "Case_000.mhd")


@L5(
    "`prepare --masks` with `CASE.hdr` and `.img`",
    before="passed over without a word",
    authority="our own rule: nothing of the input is lost silently",
    right=r"MASK-FORMAT",
)
def analyze_pair(folder: Path) -> str:
    return beside_chest(folder, "Case_000.hdr")


@L5(
    "MetaImage with `Position` and `Orientation` or `Origin` and `Rotation`",
    before="misread",
    authority="SimpleITK reads them as synonyms",
    right=r"^Position, Orientation: equal to SimpleITK; Origin, Rotation: equal to SimpleITK$",
)
def synonyms(folder: Path) -> str:
    words = []
    for origin, axes in (("Position", "Orientation"), ("Origin", "Rotation")):
        path = folder / f"{origin}.mha"
        text = (
            f"ObjectType = Image\nNDims = 3\nBinaryData = True\n{axes} = 0 1 0 -1 0 0 0 0 1\n"
            f"{origin} = -3.5 2.25 7\nElementSpacing = 1 1 3\nDimSize = 24 20 6\n"
            "ElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
        )
        path.write_bytes(text.encode() + TRUTH.tobytes())
        image, (mask, _) = sitk.ReadImage(str(path)), read_judged(path)
        same = all(
            np.allclose(mask.grid.to_world(i), image.TransformIndexToPhysicalPoint(i[::-1]))
            for i in ([0, 0, 0], [5, 19, 23], [2, 3, 1])
        )
        words.append(f"{origin}, {axes}: {'equal to SimpleITK' if same else 'misread'}")
    return "; ".join(words)


L6 = collector("L6", CASES)


def named(folder: Path, rois: dict[str, Sequence[str]]) -> str:
    drawn = [
        (name, [loop(k, WHOLE[side]) for side in sides for k in SLICES])
        for name, sides in rois.items()
    ]
    one = ct(folder)
    path = structures(folder / "m.dcm", drawn)
    _, findings = read_judged(path, one.grid, one)
    notes = "; ".join(f.message for f in findings)
    return f"{outcome(path, one)}; {notes}"


@L6(
    "`Lung_R` and `Lungs`, no `Lung_L`",
    before='`Lungs` dropped: "has a right lung only"',
    authority="AAPM TG-263",
    right=r"^right 100 %, left 100 %; LUNG-DERIVED; the labels have no left lung; it was derived",
)
def derived(folder: Path) -> str:
    return named(folder, {"Lung_R": ["right"], "Lungs": ["right", "left"]})


@L6(
    "partial structures `Lung~_R` and `Lung~_L`",
    before="taken for whole lungs",
    authority="AAPM TG-263 (~ marks a partial structure)",
    right=r"refused, LUNG-PARTIAL.*Lung~_R",
)
def partial(folder: Path) -> str:
    return named(folder, {"Lung~_R": ["right"], "Lung~_L": ["left"]})


@L6(
    "`Lung_L_AI` beside `Lung_R` and `Lung_L`",
    before="passed over without being named",
    authority="our own rule",
    right=r"LUNG-NAMES-UNUSED.*Lung_L_AI",
)
def near(folder: Path) -> str:
    return named(folder, {"Lung_R": ["right"], "Lung_L": ["left"], "Lung_L_AI": ["left"]})


L7 = collector("L7", CASES)


@L7(
    "ContourGeometricType INTERPOLATED_PLANAR (OsiriX), `closed_planar`, or absent",
    before='"the structure set is of another scan"',
    authority="PS3.3 C.8.8.6",
    right=r"^INTERPOLATED_PLANAR: right 100 %, left 100 %; CONTOURS-TYPE \| closed_planar: right "
    r"100 %, left 100 %(; CONTOURS-TYPE)? \| absent: right 100 %, left 100 %; CONTOURS-TYPE$",
)
def geometric_types(folder: Path) -> str:
    right = [loop(k, WHOLE["right"]) for k in SLICES]
    seen = []
    for name, kind in (("INTERPOLATED_PLANAR",) * 2, ("closed_planar",) * 2, ("absent", None)):
        (folder / name).mkdir()
        seen.append(f"{name}: {contours(folder / name, right, kind)}")
    return " | ".join(seen)


@collector("L8", CASES)(
    "float32 values 1.9999999; 255 with scl_slope 1/255",
    before='"the mask holds the values 2; expected 0, 1, 2"',
    authority="NIfTI-1 (scl_slope is float32)",
    right=r"^1\.9999999: right 100 %, left 100 %; 255/255: both lungs without sides, all voxels$",
)
def scaled(folder: Path) -> str:
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ GRID.affine[:, [2, 1, 0, 3]]
    values = np.where(TRUTH == 2, 1.9999999, TRUTH).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(values.T, affine), folder / "a.nii.gz")
    image = nibabel.Nifti1Image(((TRUTH > 0) * 255).astype(np.uint8).T, affine)
    image.header.set_slope_inter(np.float32(1 / 255), 0)
    nibabel.save(image, folder / "b.nii.gz")
    one = ct(folder)
    return (
        f"1.9999999: {outcome(folder / 'a.nii.gz', one)}; "
        f"255/255: {outcome(folder / 'b.nii.gz', one)}"
    )


L9 = collector("L9", CASES)


def two_readers(made: Dataset, less: bool) -> None:
    """A third segment: the right lung once more, by another reader, who may have drawn less."""
    other = deepcopy(made.SegmentSequence[0])
    other.SegmentNumber, other.SegmentLabel = 3, "reader 2"
    made.SegmentSequence.append(other)
    groups = made.PerFrameFunctionalGroupsSequence
    rows = made.Rows * made.Columns
    bits = np.unpackbits(np.frombuffer(made.PixelData, np.uint8), bitorder="little")
    frames = list(bits[: rows * len(groups)].reshape(len(groups), rows))
    for group, frame in list(zip(groups, frames, strict=True)):
        if group.SegmentIdentificationSequence[0].ReferencedSegmentNumber == 1:
            again = deepcopy(group)
            again.SegmentIdentificationSequence[0].ReferencedSegmentNumber = 3
            groups.append(again)
            copy = frame.copy()
            copy[np.flatnonzero(copy)[:4]] = 1 - int(less)
            frames.append(copy)
    data = np.packbits(np.concatenate(frames), bitorder="little").tobytes()
    made.PixelData = data + b"\0" * (len(data) % 2)
    made.NumberOfFrames = len(frames)


@L9(
    "SEG with two segments of the right lung, of two readers: identical, and different",
    before='united, with an untrue finding: "voxels lie in both lungs"',
    authority="the same rule as for RTSTRUCT",
    right=r"^identical: right 100 %, left 100 %; LUNG-REPEATED \| different: refused, LUNG-TWICE",
)
def readers(folder: Path) -> str:
    seen = []
    for name, less in (("identical", False), ("different", True)):
        (folder / name).mkdir()
        try:
            words = segments(folder / name, lambda made, less=less: two_readers(made, less))
        except InputRefused as error:
            words = refusal(error)
        seen.append(f"{name}: {words}")
    return " | ".join(seen)


@L9(
    "SEG of type Tissue with AnatomicRegion right or left lung",
    before="NO-LUNG",
    authority="PS3.3 C.8.20.4 (Anatomic Region Sequence)",
    right=r"^right 100 %, left 100 %$",
)
def tissue(folder: Path) -> str:
    def change(made: Dataset) -> None:
        for segment, region in zip(made.SegmentSequence, ("3341006", "44029006"), strict=True):
            segment.SegmentLabel = "x"
            segment.SegmentedPropertyTypeCodeSequence = [code("85756007")]
            segment.AnatomicRegionSequence = [code(region)]

    return segments(folder, change)


@L9(
    "SEG of the lobes, one segment each",
    before="NO-LUNG, although lobes as NIfTI are read",
    authority="SNOMED CT codes of the lobes, PS3.16 CID 6128",
    right=r"^right 100 %, left 100 %$",
)
def lobes(folder: Path) -> str:
    """Two segments, made five: rows of the right lung in three lobes, of the left in two."""

    def change(made: Dataset) -> None:
        named_lobes = ["42400003", "72481006", "266005", "44714003", "41224006"]
        row = np.arange(GRID.shape[1])[:, None] + np.zeros(GRID.shape[2], int)
        parts = [row < 8, (row >= 8) & (row < 12), row >= 12, row < 10, row >= 10]
        pattern, groups = made.SegmentSequence[0], made.PerFrameFunctionalGroupsSequence
        segment_list, new_groups, frames = [], [], []
        size = made.Rows * made.Columns
        bits = np.unpackbits(np.frombuffer(made.PixelData, np.uint8), bitorder="little")
        old = bits[: size * len(groups)].reshape(len(groups), made.Rows, made.Columns)
        for number, (value, part) in enumerate(zip(named_lobes, parts, strict=True), 1):
            segment = deepcopy(pattern)
            segment.SegmentNumber, segment.SegmentLabel = number, f"s{number}"
            segment.SegmentedPropertyTypeCodeSequence = [code(value)]
            segment_list.append(segment)
            for group, frame in zip(groups, old, strict=True):
                of = group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
                if of == (1 if number <= 3 else 2):
                    again = deepcopy(group)
                    again.SegmentIdentificationSequence[0].ReferencedSegmentNumber = number
                    new_groups.append(again)
                    frames.append((frame & part).ravel())
        made.SegmentSequence, made.PerFrameFunctionalGroupsSequence = segment_list, new_groups
        data = np.packbits(np.concatenate(frames), bitorder="little").tobytes()
        made.PixelData = data + b"\0" * (len(data) % 2)
        made.NumberOfFrames = len(frames)

    return segments(folder, change)

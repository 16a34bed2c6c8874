"""Faults D3 to D6, D8, D10 and D11: reading CT."""

import os
import shutil
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.fileset import FileSet
from pydicom.uid import UID

from pleura.dicom.series import Series, find_series
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume
from pleura.labels.registry import read_mask, write_mask
from pleura.phantom.anatomy import chest
from pleura.phantom.enhanced import enhanced
from pleura.phantom.writer import SeriesSpec, series, write_files
from pleura.scoring.score import score
from pleura.verbs.evaluate import evaluate
from pleura.verbs.load import load
from pleura.verbs.prepare import prepare
from pleura.verbs.scan import scan
from pleura.verbs.segment import segment
from testing import flaws
from testing.field_cases.case import FieldCase, NotTried, collector

CASES: list[FieldCase] = []
PLAIN = SeriesSpec(declare_padding=False)
THICKNESS = "PS3.3 C.7.6.2 (SliceThickness, KVP), C.7.3.1 (series attributes)"
CLASSICAL = Path("classical")


def stack(seed: int = 1, slices: int = 12, step: float = 2.0, start: float = 0.0) -> list[Dataset]:
    """Slices of noise under one SeriesInstanceUID, equal but for their pixels."""
    hu = np.random.default_rng(seed).integers(-1000, 100, (slices, 16, 16)).astype(np.int16)
    made = series(Volume(hu, Grid.axial(hu.shape, (step, 0.7, 0.7), (0.0, 0.0, start))), PLAIN)
    for k, one in enumerate(made):
        one.SeriesInstanceUID = "2.25.1"
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = f"2.25.{seed}00{k}"
    return made


def volumes(folder: Path, slices: Sequence[Dataset], **options: Any) -> str:
    """What `find_series` makes of slices, in words."""
    write_files(folder, slices)
    return ", ".join(sorted(map(_words, find_series(folder, **options)), reverse=True))


def _words(one: Series) -> str:
    by = [f.evidence["by"] for f in one.findings if f.code == "SPLIT-BY-ATTRIBUTE"]
    outcome = f"separated by {by[0]}" if by else "usable" if one.usable else one.reason
    return f"{one.slices} slices ({outcome})"


D3 = collector("D3", CASES)


@D3(
    "1 mm and 5 mm reconstructions under one SeriesInstanceUID",
    before="refused: nothing separates them",
    authority=THICKNESS,
    right=r"^6 slices \(separated by SliceThickness\), 30 slices \(separated by SliceThickness\)$",
)
def thin_and_thick(folder: Path) -> str:
    thin, thick = stack(slices=30, step=1.0), stack(2, slices=6, step=5.0)
    return volumes(
        folder, [*flaws.tags(thin, SliceThickness="1"), *flaws.tags(thick, SliceThickness="5")]
    )


@D3(
    "the same, the thick slices half a step aside, `--gaps interpolate`",
    before="31 missing slices; interpolating invents 31 slices out of both",
    authority=THICKNESS,
    right=r"^6 slices \(separated by SliceThickness\), 30 slices \(separated by SliceThickness\)$",
)
def thin_and_thick_aside(folder: Path) -> str:
    thin, thick = stack(slices=30, step=1.0), stack(2, slices=6, step=5.0, start=0.5)
    slices = [*flaws.tags(thin, SliceThickness="1"), *flaws.tags(thick, SliceThickness="5")]
    return volumes(folder, slices, gaps="interpolate")


@D3(
    "two stacks at the same positions, separated by KVP, SeriesNumber, SeriesDescription or "
    "AcquisitionDateTime alone",
    before="refused: nothing separates them",
    authority=THICKNESS,
    right=r"KVP: 12 and 12; SeriesNumber: 12 and 12; SeriesDescription: 12 and 12; "
    r"AcquisitionDateTime: 12 and 12",
)
def one_attribute(folder: Path) -> str:
    values = {
        "KVP": ("80", "140"),
        "SeriesNumber": ("3", "4"),
        "SeriesDescription": ("Thorax", "Thorax 2"),
        "AcquisitionDateTime": ("20200101120000", "20200101120130"),
    }
    seen = []
    for name, (one, other) in values.items():
        slices = [
            *flaws.tags(stack(), **{name: one}),
            *flaws.tags(stack(2), **{name: other}),
        ]
        write_files(folder / name, slices)
        found = [s for s in find_series(folder / name) if s.usable and f"by {name}" in _words(s)]
        seen.append(f"{name}: {' and '.join(str(s.slices) for s in found)} slices")
    return "; ".join(seen).replace(" slices;", ";")


@D3(
    "two volumes in one Enhanced CT, separated by FrameReferenceDateTime",
    before="refused: nothing separates them",
    authority="PS3.3 C.7.6.16.2.2 (Frame Content)",
    right=r"^12 slices \(separated by FrameReferenceDateTime\), 12 slices",
)
def frames(folder: Path) -> str:
    objects = [enhanced(stack()), enhanced(stack(2))]
    for number, one in enumerate(objects):
        for frame in one.PerFrameFunctionalGroupsSequence:
            content = frame.FrameContentSequence[0]
            content.FrameReferenceDateTime = f"2020010112{number:02d}00"
    joined = objects[0]
    joined.PerFrameFunctionalGroupsSequence = [
        frame for one in objects for frame in one.PerFrameFunctionalGroupsSequence
    ]
    joined.NumberOfFrames = 24
    joined.PixelData = objects[0].PixelData + objects[1].PixelData
    return volumes(folder, [joined])


def _quarters(**values: tuple[Any, Any]) -> list[Dataset]:
    """Two whole stacks, separated by a keyword, each in two slabs by AcquisitionNumber."""
    ((name, of_stack),) = values.items()
    slices = []
    for number in (0, 1):
        for k, one in enumerate(stack(number + 1)):
            setattr(one, name, of_stack[number])
            one.AcquisitionNumber = str(1 + int(k >= 6))
            slices.append(one)
    return slices


@D3(
    "two kernels, two passes each",
    before="four halves",
    authority="PS3.3 C.8.2.1 (ConvolutionKernel)",
    right=r"^12 slices \(separated by ConvolutionKernel\), 12 slices \(separated by Conv",
)
def kernels_and_passes(folder: Path) -> str:
    return volumes(folder, _quarters(ConvolutionKernel=("B30f", "B70f")))


@D3(
    "two cardiac phases, two slabs each",
    before="four halves",
    authority="PS3.3 C.7.6.18 (cardiac synchronisation)",
    right=r"^12 slices \(separated by NominalPercentageOfCardiacPhase\), 12 slices \(sep",
)
def phases_and_slabs(folder: Path) -> str:
    made = _quarters(NominalPercentageOfCardiacPhase=(40.0, 75.0))
    for k, one in enumerate(made):
        one.AcquisitionTime = f"1200{k // 6:02d}"
    return volumes(folder, made)


def htj2k(folder: Path, syntax: str) -> str:
    import imagecodecs

    hu = np.random.default_rng(1).integers(-1000, 100, (6, 64, 64)).astype(np.int16)
    slices = series(Volume(hu, Grid.axial(hu.shape, (2.0, 0.7, 0.7))), PLAIN)
    for one in slices:
        stream = imagecodecs.htj2k_encode(one.pixel_array, reversible=True)
        one.PixelData = encapsulate([bytes(stream)])
        one.file_meta.TransferSyntaxUID = UID(syntax)
        one["PixelData"].VR = "OB"
        one["PixelData"].is_undefined_length = True
    write_files(folder, slices)
    (found,) = find_series(folder)
    if not found.usable:
        return found.reason
    return "read, HU equal" if np.array_equal(found.read().hu, hu) else "read, HU differ"


@collector("D4", CASES)(
    "HTJ2K under 1.2.840.10008.1.2.4.201, .202 and .203",
    before=".202 and .203: NO-DECODER",
    authority="PS3.5 A.4.13 to A.4.15",
    right=r"^\.201: read, HU equal; \.202: read, HU equal; \.203: read, HU equal$",
)
def htj2k_syntaxes(folder: Path) -> str:
    root = "1.2.840.10008.1.2.4."
    return "; ".join(f".{end}: {htj2k(folder / end, root + end)}" for end in ("201", "202", "203"))


@collector("D5", CASES)(
    "Philips PMSCT_RLE1: pixels in (07A1,xx0A) of ELSCINT1, no PixelData",
    before='"truncated"',
    authority="PS3.5 7.8 (private elements); vendor's conformance statement",
    right=r"PRIVATE-COMPRESSION: .*PMSCT_RLE1.*Export the series uncompressed",
)
def private_pixels(folder: Path) -> str:
    slices = stack()
    for one in slices:
        block = one.private_block(0x07A1, "ELSCINT1", create=True)
        block.add_new(0x0A, "OW", bytes(one.PixelData)[:64])
        block.add_new(0x11, "LO", "PMSCT_RLE1")
        del one.PixelData
    return volumes(folder, slices)


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * np.count_nonzero(one & other) / (one.sum() + other.sum()))


@collector("D6", CASES)(
    "a chest whose skin leaves the image on both sides, air and couch in the corners; network "
    "and thresholds",
    before="air along the skin taken for right lung: HD95 123 mm on a real series",
    authority="the phantom's own lungs",
    right=r"^network: Dice (0\.9\d|1\.00), 0\.0 ml outside the body; "
    r"thresholds: Dice (0\.9\d|1\.00), 0\.0 ml",
)
def narrow_field(folder: Path) -> str:
    volume, truth = chest((48, 128, 128), seed=5, arms="up")
    body = np.flatnonzero((volume.hu > -300).any(axis=(0, 1)))
    middle, half = int(body.mean()), int(len(body) * 0.36)
    crop = (slice(None), slice(None), slice(middle - half, middle + half))
    hu = np.ascontiguousarray(volume.hu[crop])
    labels = np.ascontiguousarray(truth.labels[crop])
    grid = Grid.axial(hu.shape, volume.grid.spacing_mm, (0.0, 0.0, 0.0))
    write_files(folder / "in", series(Volume(hu, grid), PLAIN))
    words = []
    for name, model in (("network", None), ("thresholds", CLASSICAL)):
        out = folder / name
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (case,) = segment(folder / "in", out, model=model).cases
        found = read_mask(out / case["mask"], grid).labels
        hull = np.zeros(hu.shape, bool)
        for k in range(len(hu)):
            rows = np.flatnonzero((hu[k] > -300).any(axis=1))
            hull[k, rows.min() : rows.max() + 1] = True
        stray = float(np.count_nonzero((found > 0) & ~hull)) * grid.voxel_ml
        words.append(
            f"{name}: Dice {dice(found > 0, labels > 0):.2f}, {stray:.1f} ml outside the body"
        )
    return "; ".join(words)


@collector("D6", CASES)(
    "case C3N-00247 (Siemens B70f, the skin outside of the image), network",
    before="HD95 123 mm, mean surface distance 11 mm (thresholds)",
    authority="reference masks of the data pack",
    right=r"^right: Dice over 0\.97, HD95 under 3 mm; left: Dice over 0\.97, HD95 under 3 mm$",
)
def narrow_real_field(folder: Path) -> str:
    data = os.environ.get("PLEURA_DATA")
    if not data or not Path(data, "chests2", "C3N-00247").is_dir():
        raise NotTried("the real chest is not here")
    chests = Path(data, "chests2")
    (series_,) = (one for one in find_series(chests / "C3N-00247") if one.usable)
    (case,) = segment(chests / "C3N-00247", folder / "out").cases
    label = chests / "Labels" / "C3N-00247.nii.gz"
    masks = read_mask(folder / "out" / case["mask"], series_.grid), read_mask(label, series_.grid)
    made = score(*masks)
    return "; ".join(
        f"{side}: Dice {'over' if made[side]['dice'] > 0.97 else 'under'} 0.97, "
        f"HD95 {'under' if made[side]['hd95_mm_voxel'] < 3 else 'over'} 3 mm"
        for side in ("right", "left")
    )


def image_file(volume: Volume, path: Path) -> None:
    """Write CT by SimpleITK."""
    image = sitk.GetImageFromArray(volume.hu)
    image.SetSpacing([float(mm) for mm in volume.grid.spacing_mm[::-1]])
    image.SetOrigin([float(mm) for mm in volume.grid.affine[:3, 3]])
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path))


@collector("D8", CASES)(
    "CT as NIfTI, NRRD and MetaImage for `scan`, `segment`, `prepare`, `load`, and as a grid of "
    "`evaluate`",
    before='"no DICOM files"',
    authority="habits of TotalSegmentator and lungmask",
    right=r"^segment: 3; prepare: 3; load: 3; evaluate with their grid: Dice 1; scan: .*segment",
)
def image_files(folder: Path) -> str:
    volume, mask = chest((24, 96, 96), seed=3)
    for number, suffix in enumerate((".nii.gz", ".nrrd", ".mha")):
        image_file(volume, folder / "in" / f"Case_{number:03d}{suffix}")
    scanned = " ".join(scan(folder / "in").notes())
    segmented = segment(folder / "in", folder / "masks", model=CLASSICAL).cases
    prepared = prepare(folder / "in", folder / "cohort").about["cases"]
    loaded = len(list(load(folder / "in")))
    write_files(folder / "dicom", series(volume, PLAIN))
    (one,) = (found for found in find_series(folder / "dicom") if found.usable)
    labels = LungMask(mask.labels, one.grid)
    write_mask(folder / "tool" / "Case_000.rtstruct.dcm", labels, one)
    write_mask(folder / "ref" / "Case_000.npz", labels)
    scores = evaluate(
        folder / "tool", folder / "ref", folder / "scores", grid=folder / "in", workers=1
    ).scores
    (case,) = scores["cases"]
    return (
        f"segment: {sum(c['mask'] is not None for c in segmented)}; "
        f"prepare: {len(prepared)}; load: {loaded}; evaluate with their grid: Dice "
        f"{case['dice']:g}; {scanned.partition(' scan: 3 files')[0]}"
    )


@collector("D10", CASES)(
    "PixelSpacing changes along a chest; the smaller part is segmented alone",
    before="sides exchanged in the smaller part (Dice 0.14), verdict review",
    authority="the phantom's own sides",
    right=r"^(\d+ slices: sides right, verdict (ok|review)(; )?)+$",
)
def spacing_changes(folder: Path) -> str:
    volume, truth = chest((40, 96, 96), seed=4)
    slices = series(volume, PLAIN)
    cut = 30
    for one in slices[cut:]:
        one.PixelSpacing = [f"{float(mm) * 1.02:.6f}" for mm in one.PixelSpacing]
    write_files(folder / "in", slices)
    words = []
    for case in segment(folder / "in", folder / "out", model=CLASSICAL).cases:
        found = read_mask(folder / "out" / case["mask"]).labels
        part = truth.labels[:cut] if len(found) == cut else truth.labels[cut:]
        same = sum(np.count_nonzero((found == n) & (part == n)) for n in (1, 2))
        swapped = sum(np.count_nonzero((found == n) & (part == 3 - n)) for n in (1, 2))
        sides = "right" if swapped < 0.05 * (same + swapped) else "exchanged"
        words.append(f"{len(found)} slices: sides {sides}, verdict {case['verdict']}")
    return "; ".join(words)


D11 = collector("D11", CASES)


@D11(
    "`pleura scan FOLDER/DICOMDIR`",
    before="exit 3",
    authority="PS3.10 8 (media storage directory)",
    right=r"^24 usable slices in 1 series",
)
def dicomdir(folder: Path) -> str:
    write_files(folder / "in", series(chest((24, 96, 96), seed=3)[0], PLAIN))
    media = FileSet()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in sorted((folder / "in").iterdir()):
            media.add(path)
        media.write(folder / "cd")
    found = [one for one in scan(folder / "cd" / "DICOMDIR").series if one.usable]
    return f"{sum(one.slices for one in found)} usable slices in {len(found)} series"


@D11(
    "a zip bomb beside a good series, `scan --json`",
    before="refused, but no series entry names it",
    authority="our own rule: every file of IN is accounted for",
    right=r"ARCHIVE-REFUSED.*24 usable slices",
)
def zip_bomb(folder: Path) -> str:
    write_files(folder / "in", series(chest((24, 96, 96), seed=3)[0], PLAIN))
    with zipfile.ZipFile(folder / "in" / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1.dcm", b"\0" * 128 + b"DICM" + bytes(1 << 28))
    return json_words(folder / "in")


@D11(
    "an Enhanced CT that declares 500 frames and has 12, `scan --json`",
    before="refused, but no series entry names it",
    authority="PS3.3 C.7.6.6 (NumberOfFrames)",
    right=r"(TRUNCATED|FRAMES).*\b0 usable slices",
)
def lying_frames(folder: Path) -> str:
    one = enhanced(stack())
    one.NumberOfFrames = "500"
    write_files(folder / "in", [one])
    return json_words(folder / "in")


def json_words(folder: Path) -> str:
    """The refusals that the JSON of `scan` names, and how many slices it can use."""
    about = scan(folder).as_json()
    codes = sorted(
        {
            finding["code"]
            for one in about
            for finding in one["findings"]
            if one["verdict"] == "refused"
        }
    )
    usable = sum(one["slices"] for one in about if one["usable"])
    shutil.rmtree(folder)
    return f"series entries refused: {', '.join(codes) or 'none'}; {usable} usable slices"

"""Siblings of faults D3 to D6, D8, D10 and D11: reading CT."""

import gzip
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import imagecodecs
import nibabel
import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.fileset import FileSet
from pydicom.uid import UID

from pleura.dicom.series import find_series
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume
from pleura.labels.registry import read_mask
from pleura.phantom.anatomy import chest
from pleura.phantom.enhanced import enhanced
from pleura.phantom.writer import series, write_files
from pleura.verbs.deidentify import deidentify
from pleura.verbs.load import load
from pleura.verbs.scan import scan
from pleura.verbs.segment import segment
from testing import flaws
from testing.field_cases.case import FieldCase, each, sibling
from testing.field_cases.reading import (
    CLASSICAL,
    PLAIN,
    THICKNESS,
    dice,
    image_file,
    json_words,
    stack,
    volumes,
)

CASES: list[FieldCase] = []
ROOT = "1.2.840.10008.1.2.4."


def two(name: str) -> str:
    """Two whole stacks, separated by one attribute."""
    part = rf"12 slices \(separated by {name}\)"
    return f"^{part}, {part}$"


D3 = sibling("D3", CASES, THICKNESS)


@D3(
    "axial slices and averages of several slices in one series: ImageType",
    right=two("ImageType"),
)
def image_types(folder: Path) -> str:
    one = flaws.tags(stack(), ImageType=["ORIGINAL", "PRIMARY", "AXIAL"])
    other = flaws.tags(stack(2), ImageType=["DERIVED", "PRIMARY", "AXIAL", "AVERAGE"])
    return volumes(folder, [*one, *other])


@D3(
    "1 mm B30f, 1 mm B70f and 5 mm B30f: no attribute alone separates them",
    right=r"^(\d+ slices \(separated by ConvolutionKernel, SliceThickness\)(, )?){3}$",
)
def three_reconstructions(folder: Path) -> str:
    thin = flaws.tags(stack(slices=30, step=1.0), SliceThickness="1", ConvolutionKernel="B30f")
    sharp = flaws.tags(stack(2, slices=30, step=1.0), SliceThickness="1", ConvolutionKernel="B70f")
    thick = flaws.tags(stack(3, slices=6, step=5.0), SliceThickness="5", ConvolutionKernel="B30f")
    return volumes(folder, [*thin, *sharp, *thick])


@D3("separated by ProtocolName alone, which is none of the usual ones", right=two("ProtocolName"))
def protocol(folder: Path) -> str:
    one, other = (
        flaws.tags(stack(seed), ProtocolName=name)
        for seed, name in ((1, "Thorax"), (2, "Thorax contrast"))
    )
    return volumes(folder, [*one, *other])


@D3("two energies in one Enhanced CT, frames in turn: StackID", right=two("StackID"))
def stacks_in_turn(folder: Path) -> str:
    made = enhanced([one for pair in zip(stack(), stack(2), strict=True) for one in pair])
    for number, frame in enumerate(made.PerFrameFunctionalGroupsSequence):
        frame.FrameContentSequence[0].StackID = str(1 + number % 2)
    return volumes(folder, [made])


D4 = sibling("D4", CASES, "PS3.5 A.4")
Encode = Callable[[NDArray[Any]], bytes]
HTJ2K: Encode = partial(imagecodecs.htj2k_encode, reversible=True)


def fill(one: Dataset, syntax: str, fragments: list[bytes]) -> None:
    one.PixelData = encapsulate(fragments, has_bot=False)
    one.file_meta.TransferSyntaxUID = UID(ROOT + syntax)
    one["PixelData"].VR = "OB"
    one["PixelData"].is_undefined_length = True


def encoded(
    folder: Path, *, syntax: str, encode: Encode, parts: int = 1, frames: bool = False
) -> str:
    """What is read of compressed slices, in several fragments, or as frames of one object."""
    hu = np.random.default_rng(1).integers(-1000, 100, (6, 64, 64)).astype(np.int16)
    slices = series(Volume(hu, Grid.axial(hu.shape, (2.0, 0.7, 0.7))), PLAIN)
    streams = [bytes(encode(one.pixel_array)) for one in slices]
    if frames:
        slices = [enhanced(slices)]
        fill(slices[0], syntax, streams)
    else:
        for one, stream in zip(slices, streams, strict=True):
            size = -(-len(stream) // parts // 2) * 2
            fill(one, syntax, [stream[k : k + size] for k in range(0, len(stream), size)])
    write_files(folder, slices)
    (found,) = find_series(folder)
    if not found.usable:
        return found.reason
    differ = int(np.abs(found.read().hu.astype(int) - hu).max())
    codes = " ".join(sorted(f.code for f in found.findings))
    return f"read, differs by {differ} at most{f'; {codes}' if codes else ''}"


@D4(
    "HTJ2K as frames of an Enhanced CT; a slice in three fragments without an offset table",
    right=r"^frames: read, differs by 0 at most \| fragments: read, differs by 0 at most$",
)
def htj2k_frames(folder: Path) -> str:
    return each(
        folder,
        {
            "frames": partial(encoded, syntax="202", encode=HTJ2K, frames=True),
            "fragments": partial(encoded, syntax="201", encode=HTJ2K, parts=3),
        },
    )


@D4(
    "JPEG Lossless under .57 and .70",
    right=r"^57: read, differs by 0 at most \| 70: read, differs by 0 at most$",
)
def jpeg_lossless(folder: Path) -> str:
    encode = imagecodecs.ljpeg_encode
    return each(folder, {end: partial(encoded, syntax=end, encode=encode) for end in ("57", "70")})


@D4(
    "streams without loss under syntaxes that allow loss: JPEG-LS .81, JPEG 2000 .91; HTJ2K with "
    "loss under .203",
    right=r"^81: read, differs by 0 at most; LOSSY \| 91: read, differs by 0 at most; LOSSY \| "
    r"203: read, differs by \d at most; LOSSY$",
)
def may_be_lossy(folder: Path) -> str:
    encoders: dict[str, Encode] = {
        "81": imagecodecs.jpegls_encode,
        "91": partial(imagecodecs.jpeg2k_encode, codecformat="j2k", reversible=True),
        "203": partial(imagecodecs.htj2k_encode, level=0.0001, reversible=False),
    }
    return each(
        folder, {end: partial(encoded, syntax=end, encode=how) for end, how in encoders.items()}
    )


D5 = sibling("D5", CASES, "PS3.5 7.8 (private elements), A.1 (private transfer syntaxes)")


def in_private(
    folder: Path, creator: str, group: int, scheme: str, *, block: int = 0x10, empty: bool = False
) -> str:
    """Slices whose pixels are in a private element; PixelData is absent or empty."""
    slices = stack()
    for one in slices:
        one.add_new((group << 16) | block, "LO", creator)
        one.add_new((group << 16) | (block << 8) | 0x0A, "OB", bytes(one.PixelData)[:128])
        if scheme:
            one.add_new((group << 16) | (block << 8) | 0x11, "LO", scheme)
        del one.PixelData
        if empty:
            one.PixelData = b""
    return volumes(folder, slices)


@D5(
    "Philips PMSCT_RGB1 in block 12 of (07A1,12xx), PixelData present and empty",
    right=r"PRIVATE-COMPRESSION: .*PMSCT_RGB1",
)
def other_block(folder: Path) -> str:
    return in_private(folder, "ELSCINT1", 0x07A1, "PMSCT_RGB1", block=0x12, empty=True)


@D5(
    "pixels in (7FDF,xx0A) of another vendor, without the name of a compression",
    right=r"PRIVATE-COMPRESSION: .*TOSHIBA COMAPL OOG \(7FDF,xx0A\)\)",
)
def another_vendor(folder: Path) -> str:
    return in_private(folder, "TOSHIBA COMAPL OOG", 0x7FDF, "")


@D5(
    "private transfer syntaxes of GE (1.2.840.113619.5.2) and Philips (1.3.46.670589.33.1.4.1)",
    right=r"^(\S+: 12 slices \(NO-DECODER: transfer syntax 1\.[^|]*uncompressed[^|]*( \| )?){2}$",
)
def private_syntaxes(folder: Path) -> str:
    names = ("1.2.840.113619.5.2", "1.3.46.670589.33.1.4.1")
    return each(folder, {name: partial(under_syntax, name=name) for name in names})


def under_syntax(folder: Path, *, name: str) -> str:
    """Slices whose file meta group has another transfer syntax, changed in the bytes."""
    old = b"UI\x14\x001.2.840.10008.1.2.1\0"
    new = name.encode() + b"\0" * (len(name) % 2)
    for path in write_files(folder, stack()):
        data = path.read_bytes()
        length = int.from_bytes(data[140:144], "little") + len(new) - 20
        head = data[144:400].replace(old, b"UI" + len(new).to_bytes(2, "little") + new)
        path.write_bytes(data[:140] + length.to_bytes(4, "little") + head + data[400:])
    return ", ".join(f"{one.slices} slices ({one.reason})" for one in find_series(folder))


D6 = sibling("D6", CASES, "the phantom's own lungs")
GOOD = r"^network: Dice (0\.9\d|1\.00); thresholds: Dice (0\.9\d|1\.00)$"


def cropped(
    folder: Path,
    rows: tuple[float, float],
    columns: tuple[float, float],
    change: Callable[[list[Dataset]], list[Dataset]] = list,
) -> str:
    """Lungs found in a chest of which the image shows shares of the body's depth and width."""
    volume, truth = chest((32, 96, 96), seed=5, arms="up")
    body = volume.hu > -300
    crops = [slice(None)]
    for axes, (first, last) in (((0, 2), rows), ((0, 1), columns)):
        there = np.flatnonzero(body.any(axis=axes))
        low, size = int(there.min()), len(there)
        crops.append(slice(max(0, round(low + first * size)), round(low + last * size)))
    hu = np.ascontiguousarray(volume.hu[tuple(crops)])
    labels = truth.labels[tuple(crops)]
    grid = Grid.axial(hu.shape, volume.grid.spacing_mm, (0.0, 0.0, 0.0))
    write_files(folder / "in", change(series(Volume(hu, grid), PLAIN)))
    words = []
    for name, model in (("network", None), ("thresholds", CLASSICAL)):
        (case,) = segment(folder / "in", folder / name, model=model).cases
        found = read_mask(folder / name / case["mask"], grid).labels
        least = min(dice(found == side, labels == side) for side in (1, 2))
        words.append(f"{name}: Dice {least:.2f}")
    return "; ".join(words)


@D6("the skin leaves the image on the right side only", right=GOOD)
def one_side_out(folder: Path) -> str:
    return cropped(folder, (-0.2, 1.2), (0.13, 1.2))


@D6("the back and the couch leave the image", right=GOOD)
def back_out(folder: Path) -> str:
    return cropped(folder, (-0.2, 0.94), (-0.2, 1.2))


@D6(
    "both sides leave the image, and a reconstruction circle has undeclared -1024 HU in its "
    "corners",
    right=GOOD,
)
def circle_too(folder: Path) -> str:
    return cropped(folder, (-0.1, 1.1), (0.1, 0.9), lambda made: flaws.padded(made, 0))


D8 = sibling("D8", CASES, "NIfTI-1, NRRD and MetaImage definitions; habits of nibabel and ITK")
AT_PLACES = r": read, 3 of 3 voxels at their places"


def nifti_of(volume: Volume, values: NDArray[Any] | None = None) -> nibabel.Nifti1Image:
    array = volume.hu if values is None else values
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.grid.affine[:, [2, 1, 0, 3]]
    return nibabel.Nifti1Image(array.T, affine)


def placed(path: Path, wanted: Volume) -> str:
    """Whether a file, as `load` reads it, has the HU of a volume at three places in the body."""
    (found,) = load(path).values()
    same = 0
    for index in ((1, 2, 3), (20, 90, 5), (12, 40, 70)):
        there = np.rint(found.grid.to_index(wanted.grid.to_world(list(index)))).astype(int)
        same += found.hu[tuple(there)] == wanted.hu[index]
    return f"read, {same} of 3 voxels at their places"


@D8(
    "NIfTI of float64; of uint16 with scl_inter -1024; stored from left and front",
    right=rf"^float{AT_PLACES} \| offset{AT_PLACES} \| turned{AT_PLACES}$",
)
def nifti_types(folder: Path) -> str:
    volume, _ = chest((24, 96, 96), seed=3)
    offset = nifti_of(volume, (volume.hu.astype(int) + 1024).clip(0).astype(np.uint16))
    offset.header.set_slope_inter(1, -1024)
    images = {
        "float": nifti_of(volume, volume.hu.astype(np.float64)),
        "offset": offset,
        "turned": nibabel.as_closest_canonical(nifti_of(volume)),
    }
    return each(folder, {name: partial(saved, image, volume) for name, image in images.items()})


def saved(image: nibabel.Nifti1Image, volume: Volume, folder: Path) -> str:
    nibabel.save(image, folder / "ct.nii.gz")
    return placed(folder / "ct.nii.gz", volume)


@D8(
    "NIfTI with qform alone, with neither form, and in metres",
    right=rf"^qform{AT_PLACES} \| neither: refused, NIFTI-NO-ORIENTATION[^|]* \| "
    rf"metres{AT_PLACES}$",
)
def nifti_forms(folder: Path) -> str:
    volume, _ = chest((24, 96, 96), seed=3)
    images = {name: nifti_of(volume) for name in ("qform", "neither", "metres")}
    images["qform"].set_qform(images["qform"].affine, 1)
    images["qform"].set_sform(None, 0)
    images["neither"].set_qform(None, 0)
    images["neither"].set_sform(None, 0)
    affine = images["metres"].affine / [[1000], [1000], [1000], [1]]
    images["metres"] = nibabel.Nifti1Image(volume.hu.T, affine)
    images["metres"].header.set_xyzt_units("meter")
    return each(folder, {name: partial(saved, image, volume) for name, image in images.items()})


@D8(
    "NIfTI that is no HU: scaled to 0..1, a window of 0..255, two volumes in one file; `segment`",
    right=r"^0 to 1: refused, NOT-HU[^|]* \| 0 to 255: refused, NOT-HU[^|]* \| "
    r"4-D: refused, IMAGE-DIMENSIONS",
)
def nifti_not_hu(folder: Path) -> str:
    volume, _ = chest((24, 96, 96), seed=3)
    values = {
        "0 to 1": ((volume.hu + 1024) / 4000).astype(np.float32),
        "0 to 255": np.clip((volume.hu + 1000) / 1400 * 255, 0, 255).astype(np.uint8),
        "4-D": np.stack([volume.hu] * 2),
    }

    def tried(place: Path, array: NDArray[Any]) -> str:
        nibabel.save(nifti_of(volume, array), place / "ct.nii.gz")
        (case,) = segment(place / "ct.nii.gz", place / "out", model=CLASSICAL).cases
        codes = [f["code"] for f in case["findings"] if f["verdict"] == "refused"]
        return f"{case['verdict']}, {' '.join(codes)}"

    return each(folder, {name: partial(tried, array=array) for name, array in values.items()})


@D8(
    "NRRD in right-anterior-superior; a detached `.nhdr`; MetaImage in two files, big endian",
    right=rf"^ras{AT_PLACES} \| nhdr{AT_PLACES} \| mhd{AT_PLACES}$",
)
def other_formats(folder: Path) -> str:
    volume, _ = chest((24, 96, 96), seed=3)
    sx, sy, sz = (float(mm) for mm in volume.grid.spacing_mm[::-1])
    ox, oy, oz = (float(mm) for mm in volume.grid.affine[:3, 3])

    def ras(place: Path) -> str:
        slices, rows, columns = volume.hu.shape
        head = (
            "NRRD0004\ntype: short\ndimension: 3\nspace: right-anterior-superior\n"
            f"sizes: {columns} {rows} {slices}\n"
            f"space directions: ({-sx},0,0) (0,{-sy},0) (0,0,{sz})\n"
            f"endian: little\nencoding: gzip\nspace origin: ({-ox},{-oy},{oz})\n\n"
        )
        (place / "ct.nrrd").write_bytes(head.encode() + gzip.compress(volume.hu.tobytes()))
        return placed(place / "ct.nrrd", volume)

    def nhdr(place: Path) -> str:
        image_file(volume, place / "ct.nhdr")
        return placed(place / "ct.nhdr", volume)

    def mhd(place: Path) -> str:
        image_file(volume, place / "ct.mhd")
        (place / "ct.raw").write_bytes(volume.hu.astype(">i2").tobytes())
        text = (place / "ct.mhd").read_text().replace("OrderMSB = False", "OrderMSB = True")
        (place / "ct.mhd").write_text(text)
        return placed(place / "ct.mhd", volume)

    return each(folder, {"ras": ras, "nhdr": nhdr, "mhd": mhd})


D10 = sibling("D10", CASES, "the phantom's own sides")
SIDED = r"sides right, verdict review"


def sides_of(
    folder: Path, *, part: slice = slice(None), columns: slice = slice(None), model: Path | None
) -> str:
    """The sides of the mask of a part of a chest."""
    volume, truth = chest((40, 96, 96), seed=4)
    hu = np.ascontiguousarray(volume.hu[part, :, columns])
    grid = Grid.axial(hu.shape, volume.grid.spacing_mm, (0.0, 0.0, 0.0))
    write_files(folder / "in", series(Volume(hu, grid), PLAIN))
    (case,) = segment(folder / "in", folder / "out", model=model).cases
    if case["mask"] is None:
        return str(case["reason"])
    words = sided(read_mask(folder / "out" / case["mask"]), truth.labels[part, :, columns])
    return f"{words}, verdict {case['verdict']}"


def sided(mask: LungMask, truth: NDArray[np.uint8]) -> str:
    if not mask.sided:
        return "no sides"
    same, swapped = (
        sum(np.count_nonzero((mask.labels == n) & (truth == m)) for n, m in pairs)
        for pairs in (((1, 1), (2, 2)), ((1, 2), (2, 1)))
    )
    share = swapped / max(1, same + swapped)
    return "sides right" if share < 0.05 else f"{100 * share:.0f} % on the wrong side"


@D10(
    "the upper quarter and the middle third of a chest, each alone; the network",
    right=rf"^upper: {SIDED} \| middle: {SIDED}$",
)
def quarters(folder: Path) -> str:
    parts = {"upper": slice(26, 36), "middle": slice(14, 27)}
    return each(
        folder, {name: partial(sides_of, part=part, model=None) for name, part in parts.items()}
    )


@D10(
    "half of a chest: the image ends at the midline, on the patient's left or right",
    before="the lung on the wrong side (100 % by thresholds, 70 % by the network), verdict review",
    right=rf"^(\w+ half, \w+: {SIDED}( \| )?){{4}}$",
)
def halves(folder: Path) -> str:
    halves_of = {"right half": slice(0, 48), "left half": slice(48, 96)}
    models = {"network": None, "thresholds": CLASSICAL}
    return each(
        folder,
        {
            f"{half}, {name}": partial(sides_of, columns=columns, model=model)
            for half, columns in halves_of.items()
            for name, model in models.items()
        },
    )


@D10(
    "a chest of which the image shows two thirds of the width, from either side; thresholds",
    right=rf"^right: {SIDED} \| left: {SIDED}$",
)
def two_thirds(folder: Path) -> str:
    parts = {"right": slice(0, 64), "left": slice(32, 96)}
    return each(
        folder,
        {
            name: partial(sides_of, columns=columns, model=CLASSICAL)
            for name, columns in parts.items()
        },
    )


D11 = sibling("D11", CASES, "PS3.10 8; our own rule: every file of IN is accounted for")


def disc(folder: Path) -> Path:
    """A folder with a DICOMDIR and 24 slices."""
    paths = write_files(folder / "in", series(chest((24, 96, 96), seed=3)[0], PLAIN))
    media = FileSet()
    for path in paths:
        media.add(path)
    media.write(folder / "cd")
    return folder / "cd"


@D11(
    "`segment` and `deidentify` with the file `cd/DICOMDIR` as IN",
    right=r"^segment: ok; deidentify: 24 files$",
)
def verbs_of_disc(folder: Path) -> str:
    one = disc(folder) / "DICOMDIR"
    (case,) = segment(one, folder / "masks", model=CLASSICAL).cases
    deidentify(one, folder / "clean", workers=1)
    count = len(list((folder / "clean").rglob("*.dcm")))
    return f"segment: {case['verdict']}; deidentify: {count} files"


@D11(
    "`cd/dicomdir` in lower case, and a file that it names is not there",
    right=r"^23 slices \(GAP-IN-SLICES: 1 slice is missing",
)
def broken_disc(folder: Path) -> str:
    place = disc(folder)
    files = sorted(p for p in place.rglob("*") if p.is_file() and p.name != "DICOMDIR")
    files[5].unlink()
    (place / "DICOMDIR").rename(place / "dicomdir")
    found = scan(place / "dicomdir").series
    return ", ".join(f"{one.slices} slices ({one.reason})" for one in found)


@D11(
    "one file of a series as IN; a `.tar.gz` of the series as IN",
    right=r"^1 slices \(ONE-SLICE: [^|]* \| 24 slices \(\)$",
)
def single_files(folder: Path) -> str:
    paths = write_files(folder / "in", series(chest((24, 96, 96), seed=3)[0], PLAIN))
    with tarfile.open(folder / "a.tar.gz", "w:gz") as archive:
        archive.add(folder / "in", "in")
    seen = []
    for path in (paths[0], folder / "a.tar.gz"):
        seen += [f"{one.slices} slices ({one.reason})" for one in scan(path).series]
    return " | ".join(seen)


@D11(
    "an Enhanced CT that declares 8 of its 12 frames, or 0; `scan --json`",
    right=r"^(\d: series entries refused: TRUNCATED; 0 usable slices( \| )?){2}$",
)
def few_frames(folder: Path) -> str:
    def declared(place: Path, number: str) -> str:
        one = enhanced(stack())
        one.NumberOfFrames = number
        write_files(place / "in", [one])
        return json_words(place / "in")

    return each(folder, {number: partial(declared, number=number) for number in ("8", "0")})

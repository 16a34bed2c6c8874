"""Hostile series, each declared once: the tests go through them, and `bench/hostile.py` lets the neighbours.

A trap is a change to the data sets of one good series (a small synthetic chest), or to its files. Its outcome is the good
volume in its place, or a refusal by code; there is no third.
"""

import tarfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.uid import UID

from pleura.arrays.grid import Grid
from pleura.arrays.volume import Volume
from pleura.phantom import flaws
from pleura.phantom.anatomy import chest
from pleura.phantom.enhanced import enhanced
from pleura.phantom.identity import uid
from pleura.phantom.writer import SeriesSpec, decimal, series, write_files

SHAPE, SPACING = (32, 48, 52), (9.0, 7.5, 7.0)
SAME, BESIDE = "same", "same, and others beside it"
"""Outcomes beside codes: the one volume, or several of which one is the good one."""

Slices = Sequence[Dataset]


PLAIN = SeriesSpec(seed=5, declare_padding=False)


@dataclass(frozen=True)
class Trap:
    """What is done to a good series, and what must come of it: `SAME`, `BESIDE`, or the codes of its refusal or review."""

    name: str
    outcome: str
    make: Callable[[Slices], Slices] = list
    spec: SeriesSpec = PLAIN
    volume: Callable[[Volume], Volume] = lambda volume: volume
    truth: Callable[[Volume, Slices], Volume] = lambda volume, _: volume
    files: Callable[[Path, Sequence[Path]], None] = lambda folder, paths: None

    def write(self, folder: Path) -> Volume:
        """The hostile series, written into `folder`; returns the volume that it truly is."""
        volume = self.volume(good())
        slices = self.make(series(volume, self.spec))
        paths = write_files(folder, slices)
        self.files(folder, paths)
        return self.truth(volume, slices)


@cache
def good() -> Volume:
    """A chest whose voxels tell every axis and direction apart."""
    return chest(SHAPE, spacing_mm=SPACING, seed=5)[0]


SIGNED = SeriesSpec(seed=5, declare_padding=False, signed=True, intercept=0.0)


def spec(**changes: Any) -> SeriesSpec:
    return replace(PLAIN, **changes)


def turned(degrees: float) -> Callable[[Volume], Volume]:
    """Oblique about the patient's left-right axis."""

    def turn(volume: Volume) -> Volume:
        c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
        affine = volume.grid.affine.copy()
        affine[:3] = np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ affine[:3]
        return Volume(volume.hu, Grid(volume.grid.shape, affine))

    return turn


def stored(order: tuple[int, int, int], *flips: int) -> Callable[[Volume], Volume]:
    """The same patient with axes stored in another order and direction, the cosines telling so."""

    def store(volume: Volume) -> Volume:
        hu, affine = volume.hu.transpose(order), volume.grid.affine.copy()
        affine[:3, :3] = affine[:3, :3][:, list(order)]
        for axis in flips:
            hu = np.flip(hu, axis)
            affine[:3, 3] += affine[:3, axis] * (hu.shape[axis] - 1)
            affine[:3, axis] *= -1
        return Volume(np.ascontiguousarray(hu), Grid(hu.shape, affine))

    return store


def moved(volume: Volume, slices: Slices) -> Volume:
    """The volume where the slices' own positions and cosines say that it is."""
    places = np.array([one.ImagePositionPatient for one in slices], float)
    cosines = np.array(slices[0].ImageOrientationPatient, float)
    affine = volume.grid.affine.copy()
    affine[:3, 0] = (places[-1] - places[0]) / (len(slices) - 1)
    affine[:3, 1] = cosines[3:] * volume.grid.spacing_mm[1]
    depths = (places - places[0]) @ np.cross(cosines[:3], cosines[3:])
    even = np.ptp(np.diff(depths)) < 0.02
    return Volume(volume.hu, Grid(volume.grid.shape, affine, None if even else depths))


def shortened(volume: Volume, slices: Slices) -> Volume:
    hu = volume.hu[: len(slices)]
    return Volume(hu, Grid((len(hu), *volume.grid.shape[1:]), volume.grid.affine))


def circled(value: int) -> Callable[[Volume, Slices], Volume]:
    """The truth of `flaws.padded`: the value outside the circle."""

    def fill(volume: Volume, _: Slices) -> Volume:
        rows, columns = (np.arange(n) - (n - 1) / 2 for n in volume.grid.shape[1:])
        outside = rows[:, None] ** 2 + columns[None, :] ** 2 > (min(volume.grid.shape[1:]) / 2) ** 2
        return Volume(np.where(outside, np.int16(value), volume.hu), volume.grid)

    return fill


def classed(sop_class: str, modality: str) -> Callable[[Slices], Slices]:
    def change(slices: Slices) -> Slices:
        changed = flaws.tags(slices, SOPClassUID=UID(sop_class), Modality=modality)
        for one in changed:
            one.file_meta.MediaStorageSOPClassUID = UID(sop_class)
        return changed

    return change


def with_others(slices: Slices) -> Slices:
    """A dose grid under the same SeriesInstanceUID, and a report."""
    dose = classed("1.2.840.10008.5.1.4.1.1.481.2", "RTDOSE")(slices[:1])[0]
    report = classed("1.2.840.10008.5.1.4.1.1.88.11", "SR")(slices[1:2])[0]
    for name, one in (("dose", dose), ("report", report)):
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = UID(uid(name))
    del report.PixelData
    return [*slices, dose, report]


def another_study(slices: Slices) -> Slices:
    """Another patient's scan under the same SeriesInstanceUID, half a step higher."""
    second = chest(SHAPE, spacing_mm=SPACING, seed=9)[0]
    affine = second.grid.affine.copy()
    affine[2, 3] = good().grid.affine[2, 3] + SPACING[0] / 2
    return flaws.one_series(slices, series(Volume(second.hu, Grid(SHAPE, affine)), spec(seed=9)))


def same_numbers(slices: Slices) -> Slices:
    twice = flaws.two_passes(slices, told_apart_by="")
    return flaws.instance_numbers(twice, [*range(len(slices))] * 2)


def projections_among(slices: Slices) -> Slices:
    slabs = flaws.two_passes(slices, told_apart_by="")[len(slices) :: 4]
    slabs = flaws.shifted(slabs, [3.3] * len(slabs))
    return [*slices, *flaws.tags(slabs, ImageType=["DERIVED", "SECONDARY", "MIP"])]


def restless(slices: Slices) -> Slices:
    """What changes along a good series: dose, times, acquisition, window."""
    changed = flaws.tags(slices)
    for k, one in enumerate(changed):
        one.XRayTubeCurrent, one.AcquisitionTime, one.ContentTime = str(90 + 3 * k), f"1010{k:02d}", f"1011{k:02d}"
        one.AcquisitionNumber = "1" if k < 16 else "2"
    return changed


def noisy_cosines(slices: Slices) -> Slices:
    noise = np.random.default_rng(0)
    changed = flaws.tags(slices)
    for one in changed:
        one.ImageOrientationPatient = [decimal(float(c) + noise.uniform(-1e-4, 1e-4)) for c in one.ImageOrientationPatient]
    return changed


def rounded(slices: Slices) -> Slices:
    changed = flaws.tags(slices)
    for one in changed:
        one.ImagePositionPatient = [f"{float(x):.1f}" for x in one.ImagePositionPatient]
    return changed


def aside(slices: Slices) -> Slices:
    changed = flaws.tags(slices)
    for one in changed[16:]:
        x, y, z = one.ImagePositionPatient
        one.ImagePositionPatient = [decimal(float(x) + 30), y, z]
    return changed


def with_lut(slices: Slices) -> Slices:
    lut = Dataset()
    lut.LUTDescriptor, lut.ModalityLUTType, lut.LUTData = [2, 0, 16], "HU", b"\0\0\1\0"
    return flaws.tags(slices, ModalityLUTSequence=[lut])


def two_stacks(slices: Slices) -> Slices:
    both = enhanced(flaws.two_passes(slices))
    for k, groups in enumerate(both.PerFrameFunctionalGroupsSequence):
        content = groups.FrameContentSequence[0]
        content.StackID, content.InStackPositionNumber = str(1 + k // len(slices)), 1 + k % len(slices)
    return [both]


def frame_nowhere(slices: Slices) -> Slices:
    one = enhanced(slices)
    del one.PerFrameFunctionalGroupsSequence[7].PlanePositionSequence
    return [one]


def us_for_ss(slices: Slices) -> Slices:
    changed = flaws.padded(slices, -2000)
    for one in changed:
        one.add_new(0x00280120, "US", 63536)
    return changed


def eight_bits(slices: Slices) -> Slices:
    changed = flaws.tags(slices, BitsAllocated=8, BitsStored=8, HighBit=7)
    for one in changed:
        values = np.frombuffer(one.PixelData, "<u2")
        one.PixelData = np.clip(values / 8, 0, 255).astype(np.uint8).tobytes()
    return changed


def normalised(slices: Slices) -> Slices:
    changed = flaws.tags(slices, RescaleIntercept="0")
    for one in changed:
        values = np.frombuffer(one.PixelData, "<u2").astype(float)
        one.PixelData = np.clip(values / 2, 0, 1000).astype("<u2").tobytes()
    return changed


def metal(slices: Slices) -> Slices:
    changed = flaws.tags(slices)
    for one in changed:
        values = np.frombuffer(one.PixelData, "<u2").copy()
        values[:3] = 50_000
        one.PixelData = values.tobytes()
    return changed


def saturated(volume: Volume, _: Slices) -> Volume:
    hu = volume.hu.copy()
    hu[:, 0, :3] = 32767
    return Volume(hu, volume.grid)


def wrong_vrs(slices: Slices) -> Slices:
    changed = flaws.tags(slices, SliceThickness=None)
    for one in changed:
        one.add_new(0x00280010, "IS", str(SHAPE[1]))
        one.add_new(0x00200013, "LO", "first")
        one.add_new(0x00180060, "LO", "120 kV")
    return changed


def unknown_syntax(slices: Slices) -> Slices:
    from pydicom.encaps import encapsulate

    changed = flaws.tags(slices)
    for one in changed:
        one.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.102")
        one.add_new(0x7FE00010, "OB", encapsulate([b"\0\0\0\1" * 16]))
        one["PixelData"].is_undefined_length = True
    return changed


# What happens to files


def each(change: Callable[[bytes], bytes], *which: int) -> Callable[[Path, Sequence[Path]], None]:
    def apply(_: Path, paths: Sequence[Path]) -> None:
        for path in [paths[k] for k in which] if which else paths:
            path.write_bytes(change(path.read_bytes()))

    return apply


def amid_junk(folder: Path, paths: Sequence[Path]) -> None:
    for k, path in enumerate(paths):
        path.rename(folder / f"IM{k}")
    for name, data in (("zero", b""), ("zero.dcm", b""), ("._IM1", b"\0\5\x16\7" * 99), ("Thumbs.db", bytes(range(256)) * 9)):
        (folder / name).write_bytes(data)
    listing = Dataset()
    listing.SOPClassUID = "1.2.840.10008.1.3.10"
    _dicomdir(folder / "DICOMDIR", listing)


def _dicomdir(path: Path, listing: Dataset) -> None:
    from pydicom import dcmwrite
    from pydicom.dataset import FileMetaDataset

    listing.file_meta = FileMetaDataset()
    listing.file_meta.MediaStorageSOPClassUID, listing.file_meta.MediaStorageSOPInstanceUID = (
        UID(listing.SOPClassUID),
        UID("2.25.7"),
    )
    listing.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.1")
    record = Dataset()
    record.DirectoryRecordType, record.ReferencedFileID = "IMAGE", ["ETC", "PASSWD"]
    listing.DirectoryRecordSequence = [record]
    dcmwrite(path, listing, enforce_file_format=True)


def zipped(folder: Path, paths: Sequence[Path]) -> None:
    with zipfile.ZipFile(folder / "disc", "w", zipfile.ZIP_DEFLATED) as archive:
        for k, path in enumerate(paths):
            archive.write(path, f"../../../../escape/{k}")
            path.unlink()


def tarred(folder: Path, paths: Sequence[Path]) -> None:
    with tarfile.open(folder / "disc.tar.gz", "w:gz") as archive:
        for k, path in enumerate(paths):
            archive.add(path, f"/../{k}")
            path.unlink()


def nested(folder: Path, paths: Sequence[Path]) -> None:
    zipped(folder, paths)
    with zipfile.ZipFile(folder / "outer.zip", "w") as archive:
        archive.write(folder / "disc", "inner.zip")
    (folder / "disc").unlink()


def bomb(folder: Path, paths: Sequence[Path]) -> None:
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(257 << 20))
    for path in paths:
        path.unlink()


def spread(folder: Path, paths: Sequence[Path]) -> None:
    for k, path in enumerate(paths):
        place = folder / f"Müller {k % 3}" / ("d" * 60)
        place.mkdir(parents=True, exist_ok=True)
        path.rename(place / path.name)


def looped(folder: Path, paths: Sequence[Path]) -> None:
    try:
        (folder / "again").symlink_to(folder)
        (folder / "itself").symlink_to("itself")
    except OSError:  # Windows without the right to
        (folder / "again").mkdir()


def in_archive_too(folder: Path, paths: Sequence[Path]) -> None:
    with zipfile.ZipFile(folder / "copy.zip", "w") as archive:
        for path in paths:
            archive.write(path, path.name)


def guids(_: Path, paths: Sequence[Path]) -> None:
    name = uid("series", 5, 1).encode()
    for path in paths:
        path.write_bytes(path.read_bytes().replace(name, b"{0C3F-a1b2}".ljust(len(name), b"-")))


TRAPS = (
    Trap("clean", SAME),
    Trap("1 dose and report beside", SAME, with_others),
    Trap("1 screenshots as CT", "NOT-CT", flaws.screenshots),
    Trap("1 MR", "NOT-CT", classed("1.2.840.10008.5.1.4.1.1.4", "MR")),
    Trap("1 CT whose Modality says MR", "MODALITY-DISAGREES", lambda s: flaws.tags(s, Modality="MR")),
    Trap("2 localizer inside", SAME, flaws.with_localizer),
    Trap("2 projections among the slices", BESIDE, projections_among),
    Trap("2 perfusion map", "MAP", lambda s: flaws.tags(s, ImageType=["DERIVED", "PRIMARY", "PERFUSION", "RCBF"])),
    Trap("3 two phases, one UID", BESIDE, flaws.two_passes),
    Trap("3 two kernels", BESIDE, lambda s: flaws.two_passes(s, told_apart_by="ConvolutionKernel", values=("B30f", "B70f"))),
    Trap("3 two passes, end to end", SAME, lambda s: [*s[:16], *flaws.tags(s[16:], AcquisitionNumber="2")]),
    Trap("3 another study under the same UID", BESIDE, another_study),
    Trap("3 two stacks, nothing tells them apart", "SLICES-SHARE-A-PLACE", same_numbers),
    Trap("4 a slice twice", SAME, lambda s: flaws.duplicated(s, 3)),
    Trap("4 a slice twice, another UID", SAME, lambda s: flaws.duplicated(s, 3, new_uid=True)),
    Trap("4 one UID, two slices", "SAME-UID-DIFFERENT", lambda s: flaws.repeated_uid(s, 4)),
    Trap("4 one place, two slices", "SLICES-SHARE-A-PLACE", lambda s: flaws.duplicated(s, 4, new_uid=True, other_pixels=True)),
    Trap("4 copies in an archive", SAME, files=in_archive_too),
    Trap("5 dose, times, acquisition change", SAME, restless),
    Trap("5 cosines with noise of 1e-4", SAME, noisy_cosines),
    Trap("6 no preamble", SAME, spec=spec(syntax="implicit"), files=each(flaws.without_preamble)),
    Trap("6 names without suffix, junk, DICOMDIR", SAME, files=amid_junk),
    Trap("6 zip whose names lead out", SAME, files=zipped),
    Trap("6 zip in a zip", "ARCHIVE-REFUSED", files=nested),
    Trap("6 tar.gz", SAME, files=tarred),
    Trap("6 many folders", SAME, files=spread),
    Trap("7 short pixels", "TRUNCATED", lambda s: flaws.short_pixels(s, 2)),
    Trap("7 a file cut off", "TRUNCATED", files=each(flaws.truncated, 5)),
    Trap("7 a compressed file cut off", "UNREADABLE-PIXELS", spec=spec(syntax="jpeg-ls"), files=each(flaws.truncated, -1)),
    Trap("7 bytes behind the data set", SAME, files=each(flaws.with_trailing)),
    Trap("8 InstanceNumber shuffled", SAME, lambda s: flaws.instance_numbers(s, [*range(0, 32, 2), *range(31, 0, -2)])),
    Trap("8 no position", "NO-POSITION", lambda s: flaws.tags(s, ImagePositionPatient=None)),
    Trap("9 a slice missing", "GAP-IN-SLICES", lambda s: flaws.missing(s, 14)),
    Trap("9 two missing at the end", SAME, lambda s: flaws.missing(s, -1, -2), truth=shortened),
    Trap(
        "10 steps change", "UNEVEN-SPACING", lambda s: flaws.shifted(s, [0] * 16 + [4.1 * k for k in range(1, 17)]), truth=moved
    ),
    Trap("10 wobble of 5 µm", SAME, lambda s: flaws.shifted(s, [0.005 * (k % 2) for k in range(32)])),
    Trap("10 positions rounded to 0.1 mm", SAME, rounded),
    Trap("11 SpacingBetweenSlices negative", SAME, lambda s: flaws.tags(s, SpacingBetweenSlices="-9")),
    Trap("11 overlap", SAME, lambda s: flaws.tags(s, SliceThickness="18")),
    Trap("11 one slice", "ONE-SLICE", lambda s: s[14:15]),
    Trap("12 gantry tilt 13.5°", "GANTRY-TILT", lambda s: flaws.tilted(s, 13.5), truth=moved),
    Trap("12 tilt and a slice missing", "GAP-IN-SLICES", lambda s: flaws.missing(flaws.tilted(s, 13.5), 9)),
    Trap("12 fields of view beside each other", "SLICES-ASIDE", aside),
    Trap("13 one smaller slice amid", "GAP-IN-SLICES", lambda s: flaws.smaller(s, 14)),
    Trap("13 a smaller slice too many", SAME, lambda s: [*s, *flaws.smaller(flaws.tags(s[:1], SOPInstanceUID="2.25.99"), 0)]),
    Trap(
        "14 cosines not orthogonal",
        "BAD-COSINES",
        lambda s: flaws.tags(s, ImageOrientationPatient=["1", "0", "0", "0.5", "0.8", "0"]),
    ),
    Trap("15 feet first", SAME, spec=spec(patient_position="FFS"), volume=stored((0, 1, 2), 0, 2)),
    Trap("15 prone", SAME, spec=spec(patient_position="HFP"), volume=stored((0, 1, 2), 1, 2)),
    Trap("15 decubitus", SAME, spec=spec(patient_position="HFDL"), volume=stored((0, 2, 1), 1)),
    Trap("15 coronal", SAME, volume=stored((1, 0, 2), 1)),
    Trap("15 oblique 20°", SAME, volume=turned(20)),
    Trap("15 PatientPosition wrong", SAME, lambda s: flaws.tags(s, PatientPosition="FFP")),
    Trap("15 mirrored pixels", "MIRRORED", flaws.mirrored),
    Trap("15 positions upside down", "UPSIDE-DOWN", flaws.upside_down),
    Trap("16 Enhanced CT, frames shuffled", SAME, lambda s: [enhanced(s, order=[*range(1, 32, 2), *range(0, 32, 2)])]),
    Trap("16 Enhanced CT, rescale per frame", SAME, lambda s: [enhanced(flaws.rescaled(s, 2, 5, 6, intercept=-2047))]),
    Trap("16 Enhanced CT of two stacks", BESIDE, two_stacks),
    Trap("16 a frame without position", "NO-POSITION", frame_nowhere),
    Trap("17 rescale of its own on three slices", SAME, lambda s: flaws.rescaled(s, 2, 5, 6, intercept=-2047)),
    Trap("17 no rescale", "NO-RESCALE", lambda s: flaws.tags(s, RescaleSlope=None, RescaleIntercept=None)),
    Trap("17 RescaleType is not HU", "RESCALE-NOT-HU", lambda s: flaws.tags(s, RescaleType="OD")),
    Trap("17 intercept left out", "HU-OFFSET", lambda s: flaws.tags(s, RescaleIntercept="0")),
    Trap("17 intercept wrong on three slices", "SLICES-DISAGREE", lambda s: flaws.tags(s, 7, 8, 9, RescaleIntercept="0")),
    Trap("17 Modality LUT", "MODALITY-LUT", with_lut),
    Trap("18 padding −2000 declared", SAME, lambda s: flaws.padded(s, -2000, declared=-2000), SIGNED, truth=circled(-2000)),
    Trap("18 padding −2000 undeclared", SAME, lambda s: flaws.padded(s, -2000), SIGNED, truth=circled(-2000)),
    Trap("18 padding 63536 for −2000", SAME, us_for_ss, SIGNED, truth=circled(-2000)),
    Trap("19 overlay in the unused bits", SAME, flaws.overlay_bits, spec(bits_stored=12)),
    Trap("19 signed, 12 of 16 bits", SAME, spec=spec(bits_stored=12, signed=True, intercept=0.0)),
    Trap("19 cells contradict", "BAD-CELLS", lambda s: flaws.tags(s, BitsStored=16, HighBit=9)),
    Trap("20 JPEG 2000, signed", SAME, spec=spec(syntax="jpeg 2000", signed=True, intercept=0.0)),
    Trap("20 JPEG-LS, signed", SAME, spec=spec(syntax="jpeg-ls", signed=True, intercept=0.0)),
    Trap("20 RLE", SAME, spec=spec(syntax="rle")),
    Trap("20 big endian", SAME, spec=spec(syntax="big endian")),
    Trap("20 deflated", SAME, spec=spec(syntax="deflated")),
    Trap("20 four transfer syntaxes", SAME, lambda s: flaws.syntaxes(s, ["explicit", "jpeg-ls", "rle", "implicit"])),
    Trap("20 a film's syntax", "NO-DECODER", unknown_syntax),
    Trap("21 eight bits", "NOT-HU", eight_bits),
    Trap("21 normalised values", "NOT-HU", normalised),
    Trap("21 MONOCHROME1", SAME, lambda s: flaws.tags(s, PhotometricInterpretation="MONOCHROME1")),
    Trap("22 metal beyond 16 bits", SAME, metal, truth=saturated),
    Trap("GUIDs for UIDs", SAME, files=guids),
    Trap("no SOPInstanceUID", SAME, lambda s: flaws.tags(s, SOPInstanceUID="")),
    Trap("wrong value representations", SAME, wrong_vrs),
    Trap("zero bytes", "nothing", files=each(lambda _: b"")),
    Trap("links that go round", SAME, files=looped),
    Trap("a zip bomb", "ARCHIVE-REFUSED", files=bomb),
)


# What came of it


def lies_right(hu: Any, index_to_lps: Callable[[Any], Any], truth: Volume) -> bool:
    """Whether an array holds the truth, voxel for voxel, where the truth lies, in whatever order its axes run."""
    if hu.size != truth.hu.size or hu.ndim != 3:
        return False
    index = truth.grid.to_index(index_to_lps(np.indices(hu.shape).reshape(3, -1).T))
    nearest = np.rint(index).astype(int)
    if np.abs(index - nearest).max() > 0.02 or (nearest < 0).any() or (nearest >= truth.hu.shape).any():
        return False
    return bool((truth.hu[tuple(nearest.T)] == hu.reshape(-1)).all())


@dataclass(frozen=True)
class Told:
    """One entry of `scan`: its verdict, codes beside notes of rescaling and the like, and whether it is the true volume."""

    verdict: str
    codes: tuple[str, ...]
    same: bool | None


def scanned(folder: Path, truth: Volume) -> list[Told]:
    """What `pleura scan` says of a folder, and whether what can be read is the truth."""
    from pleura.arrays.hounsfield import settled
    from pleura.verbs.scan import scan

    found = []
    for one in scan(folder).series:
        same = None
        if one.usable:
            volume, _ = settled(one.read())
            same = lies_right(volume.hu, volume.grid.to_world, truth)
        found.append(Told(one.verdict.word, tuple(dict.fromkeys(f.code for f in one.findings)), same))
    return found


def came_out(trap: Trap, told: Sequence[Told]) -> bool:
    """Whether a trap came to its outcome: the same volume, or the refusal; a volume that must be looked at is one of these."""
    usable = [one for one in told if one.same is not None]
    if trap.outcome in (SAME, BESIDE):
        right = sum(one.same is True for one in usable)
        return right == 1 and (trap.outcome == BESIDE or len(usable) == 1)
    if trap.outcome == "nothing":
        return not told
    coded = [one for one in told if trap.outcome in one.codes]
    if any(one.same is not None for one in coded):  # to review, or repaired: the true volume all the same, but for flips
        return all(one.verdict in ("review", "repaired") and (one.same or trap.outcome == "MIRRORED") for one in coded)
    return bool(coded) and not any(one.same is False for one in usable)


# Labels: the same scan with a structure set or a segmentation beside it


@dataclass(frozen=True)
class LabelTrap:
    """What is done to a label object of the good series, and what `prepare` must say beside the true mask (or instead)."""

    name: str
    outcome: str
    suffix: str
    change: Callable[[Dataset], None]

    def write(self, folder: Path) -> Any:
        """The series and its label object, written into `folder`; returns the true labels."""
        from pydicom import dcmread

        from pleura.dicom.series import find_series
        from pleura.labels.registry import write_mask

        write_files(folder, series(good(), PLAIN))
        (one,) = find_series(folder)
        mask = chest(SHAPE, spacing_mm=SPACING, seed=5)[1]
        path = folder / f"labels{self.suffix}"
        write_mask(path, mask, one)
        dataset = dcmread(path)
        self.change(dataset)
        dataset.save_as(path)
        return mask.labels


def contours(dataset: Dataset) -> list[Dataset]:
    return [contour for roi in dataset.ROIContourSequence for contour in roi.ContourSequence]


def without_images(dataset: Dataset) -> None:
    for contour in contours(dataset):
        del contour.ContourImageSequence


def wrong_images(dataset: Dataset) -> None:
    named = contours(dataset)[0].ContourImageSequence
    for contour in contours(dataset):
        contour.ContourImageSequence = named


def degenerate(dataset: Dataset) -> None:
    point = Dataset()
    point.ContourGeometricType, point.NumberOfContourPoints, point.ContourData = "CLOSED_PLANAR", 1, ["1", "2", "3"]
    dataset.ROIContourSequence[0].ContourSequence.append(point)


def between(dataset: Dataset) -> None:
    for contour in contours(dataset):
        points = np.array(contour.ContourData, float).reshape(-1, 3) + np.array([0, 0, 0.3 * SPACING[0]])
        contour.ContourData = [decimal(x) for x in points.ravel()]


def as_lctsc(dataset: Dataset) -> None:
    for roi in dataset.StructureSetROISequence:
        roi.ROIName = {"Lung_R": "Lung R", "Lung_L": "Lung L"}[roi.ROIName]


def shuffled_frames(dataset: Dataset) -> None:
    order = np.random.default_rng(0).permutation(int(dataset.NumberOfFrames))
    size = SHAPE[1] * SHAPE[2] // 8
    data = dataset.PixelData
    dataset.PixelData = b"".join(data[k * size : (k + 1) * size] for k in order)
    frames = list(dataset.PerFrameFunctionalGroupsSequence)
    dataset.PerFrameFunctionalGroupsSequence = [frames[k] for k in order]


def other_uids(dataset: Dataset) -> None:
    """As labels that were made before their scan's UIDs were hashed; the frame of reference alone is the scan's."""
    frame = str(dataset.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID)

    def hashed(_: Dataset, element: Any) -> None:
        names_scan = element.keyword in ("SeriesInstanceUID", "ReferencedSOPInstanceUID", "StudyInstanceUID")
        if names_scan and str(element.value) != frame:
            element.value = UID(uid("hashed", element.value))

    dataset.walk(hashed)


def other_frame(dataset: Dataset) -> None:
    def moved_away(_: Dataset, element: Any) -> None:
        if "FrameOfReferenceUID" in element.keyword:
            element.value = UID("2.25.31")

    dataset.walk(moved_away)


LABEL_TRAPS = (
    LabelTrap("23 contours that name no images", SAME, ".rtstruct.dcm", without_images),
    LabelTrap("23 contours that name other images", "CONTOURS-WRONG-INSTANCE", ".rtstruct.dcm", wrong_images),
    LabelTrap("23 a contour of one point", "CONTOURS-DEGENERATE", ".rtstruct.dcm", degenerate),
    LabelTrap("23 contours between slices", "CONTOURS-BETWEEN-SLICES", ".rtstruct.dcm", between),
    LabelTrap("23 names of the LCTSC collection", SAME, ".rtstruct.dcm", as_lctsc),
    LabelTrap("24 empty frames left out", SAME, ".seg.dcm", lambda dataset: None),
    LabelTrap("24 frames in any order", SAME, ".seg.dcm", shuffled_frames),
    LabelTrap("25 labels under other UIDs", "LABELS-JOINED", ".rtstruct.dcm", other_uids),
    LabelTrap("25 labels of another frame of reference", "FRAME-OF-REFERENCE", ".rtstruct.dcm", other_frame),
)


def prepared(trap: LabelTrap, folder: Path) -> tuple[bool | None, str]:
    """Whether `prepare` took the true mask (`None`: none at all), and the codes or the sentence that it gave."""
    from pleura.core.errors import NothingUsable
    from pleura.store.cohort import Cohort
    from pleura.verbs.prepare import prepare

    labels = trap.write(folder / "in")
    try:
        prepare(folder / "in", folder / "out")
    except NothingUsable as error:
        return None, str(error)
    (case,) = Cohort.open(folder / "out").cases
    codes = " ".join(finding["code"] for finding in case.about["findings"])
    return bool(np.array_equal(case.mask().labels, labels)), codes

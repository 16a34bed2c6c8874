"""One good series, a small synthetic chest, and what may be done to its data sets or to its
files: the stuff of `cases`.
"""

import gzip
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.uid import UID

from pleura.geometry.grid import Grid
from pleura.geometry.volume import Volume
from pleura.phantom.anatomy import chest
from pleura.phantom.enhanced import enhanced
from pleura.phantom.identity import uid
from pleura.phantom.writer import SeriesSpec, decimal, series
from testing import flaws

SHAPE, SPACING = (32, 48, 52), (9.0, 7.5, 7.0)
PLAIN = SeriesSpec(seed=5, declare_padding=False)

Slices = Sequence[Dataset]


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


def blanked(volume: Volume, _: Slices) -> Volume:
    hu = volume.hu.copy()
    hu[-2:] = -1024
    return Volume(hu, volume.grid)


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


def under_two_uids(slices: Slices) -> Slices:
    """Every other slice in a series of its own."""
    return flaws.tags(slices, *range(1, len(slices), 2), SeriesInstanceUID=uid("half", 1))


def under_two_names(slices: Slices) -> Slices:
    """The series, and its pixels once more under other UIDs and another patient's."""
    again = flaws.tags(
        slices,
        SeriesInstanceUID=uid("again", 0),
        StudyInstanceUID=uid("again", 1),
        PatientID="another",
    )
    return [
        *slices,
        *(flaws.tags([one], SOPInstanceUID=uid("again", k + 2))[0] for k, one in enumerate(again)),
    ]


def repeated(slices: Slices) -> Slices:
    """A slice holds the pixels of the one before."""
    return flaws.tags(slices, 14, PixelData=slices[13].PixelData)


def restless(slices: Slices) -> Slices:
    """What changes along a good series: dose, times, acquisition, window."""
    changed = flaws.tags(slices)
    for k, one in enumerate(changed):
        one.XRayTubeCurrent, one.AcquisitionTime, one.ContentTime = (
            str(90 + 3 * k),
            f"1010{k:02d}",
            f"1011{k:02d}",
        )
        one.AcquisitionNumber = "1" if k < 16 else "2"
    return changed


def noisy_cosines(slices: Slices) -> Slices:
    noise = np.random.default_rng(0)
    changed = flaws.tags(slices)
    for one in changed:
        one.ImageOrientationPatient = [
            decimal(float(c) + noise.uniform(-1e-4, 1e-4)) for c in one.ImageOrientationPatient
        ]
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
        content.StackID, content.InStackPositionNumber = (
            str(1 + k // len(slices)),
            1 + k % len(slices),
        )
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


def blank(*which: int, rows: int = SHAPE[1]) -> Callable[[Slices], Slices]:
    """Slices whose last rows were never written."""

    def change(slices: Slices) -> Slices:
        changed = flaws.tags(slices)
        for k in which:
            kept = len(changed[k].PixelData) - rows * SHAPE[2] * 2
            changed[k].PixelData = changed[k].PixelData[:kept] + bytes(rows * SHAPE[2] * 2)
        return changed

    return change


def shuffled_places(slices: Slices) -> Slices:
    """Positions that belong to other slices."""
    changed = flaws.tags(slices)
    for one, k in zip(changed, np.random.default_rng(0).permutation(len(slices)), strict=True):
        one.ImagePositionPatient = slices[k].ImagePositionPatient
    return changed


def from_elsewhere(slices: Slices) -> Slices:
    """One slice that shows what another does."""
    changed = flaws.tags(slices)
    changed[16].PixelData = slices[3].PixelData
    return changed


def another_sign(slices: Slices) -> Slices:
    """JPEG 2000 whose stream says unsigned, as many archives wrote signed values."""
    import imagecodecs
    from pydicom.encaps import encapsulate

    changed = flaws.tags(slices)
    for one in changed:
        values = np.frombuffer(one.PixelData, "<u2").reshape(one.Rows, one.Columns)
        one.PixelData = encapsulate(
            [imagecodecs.jpeg2k_encode(values, codecformat="j2k", reversible=True)]
        )
        one["PixelData"].is_undefined_length = True
        one.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.90")
    return changed


def floats(slices: Slices) -> Slices:
    changed = flaws.tags(
        slices, BitsAllocated=32, BitsStored=None, HighBit=None, PixelRepresentation=None
    )
    for one in changed:
        one.FloatPixelData = np.frombuffer(one.PixelData, "<u2").astype("<f4").tobytes()
        del one.PixelData
    return changed


def colour(slices: Slices) -> Slices:
    syntax = {
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "SamplesPerPixel": 3,
        "PlanarConfiguration": 0,
    }
    changed = flaws.tags(slices, PhotometricInterpretation="RGB", **syntax)
    for one in changed:
        one.PixelData = np.repeat(
            (np.frombuffer(one.PixelData, "<u2") // 8).astype(np.uint8), 3
        ).tobytes()
    return changed


def concatenated(slices: Slices) -> Slices:
    """One Enhanced CT in two files (PS3.3 C.7.6.16.2.2.4)."""
    parts = [enhanced(slices[:16]), enhanced(slices[16:])]
    for k, one in enumerate(parts):
        one.ConcatenationUID, one.InConcatenationNumber, one.InConcatenationTotalNumber = (
            UID(uid("whole")),
            k + 1,
            2,
        )
        one.ConcatenationFrameOffsetNumber = 16 * k
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = UID(uid("part", k))
    return parts


def frame_too_few(slices: Slices) -> Slices:
    """NumberOfFrames and functional groups contradict each other."""
    one = enhanced(slices)
    one.NumberOfFrames = str(len(slices) - 1)
    return [one]


def legacy(slices: Slices) -> Slices:
    one = enhanced(slices)
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.2.2")
    return [one]


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


def overlong(data: bytes) -> bytes:
    """PixelData's length is more than the file holds."""
    at = data.rfind(b"\xe0\x7f\x10\x00") + 8
    return data[:at] + (10**8).to_bytes(4, "little") + data[at + 4 :]


def renamed(syntax: str) -> Callable[[bytes], bytes]:
    """A file that names another transfer syntax than the one that it is written in."""

    def change(data: bytes) -> bytes:
        at = data.index(b"\x02\x00\x10\x00UI") + 6
        length = int.from_bytes(data[at : at + 2], "little")
        name = syntax.encode() + b"\0" * (len(syntax) % 2)
        group = data.index(b"\x02\x00\x00\x00UL\x04\x00") + 8
        inside = int.from_bytes(data[group : group + 4], "little") + len(name) - length
        head = data[:group] + inside.to_bytes(4, "little") + data[group + 4 : at]
        return head + len(name).to_bytes(2, "little") + name + data[at + 2 + length :]

    return change


def amid_junk(folder: Path, paths: Sequence[Path]) -> None:
    for k, path in enumerate(paths):
        path.rename(folder / f"IM{k}")
    for name, data in (
        ("zero", b""),
        ("zero.dcm", b""),
        ("._IM1", b"\0\5\x16\7" * 99),
        ("Thumbs.db", bytes(range(256)) * 9),
    ):
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


def gzipped(folder: Path, paths: Sequence[Path]) -> None:
    """Each file packed by itself."""
    for path in paths:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
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

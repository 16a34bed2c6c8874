"""Hostile series, each declared once: the tests go through them, and `bench/hostile.py` lets the neighbours.

A trap is a change to the data sets of one good series (a small synthetic chest), or to its files. Its outcome is the good
volume in its place, or a refusal by code; there is no third.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pleura.geometry.volume import Volume
from pleura.phantom.enhanced import enhanced
from pleura.phantom.writer import SeriesSpec, series, write_files
from testing import flaws
from testing.series_changes import (
    PLAIN,
    SIGNED,
    Slices,
    amid_junk,
    another_sign,
    another_study,
    aside,
    blank,
    blanked,
    bomb,
    circled,
    classed,
    colour,
    concatenated,
    each,
    eight_bits,
    floats,
    frame_nowhere,
    frame_too_few,
    from_elsewhere,
    good,
    guids,
    gzipped,
    in_archive_too,
    legacy,
    looped,
    metal,
    moved,
    nested,
    noisy_cosines,
    normalised,
    overlong,
    projections_among,
    renamed,
    repeated,
    restless,
    rounded,
    same_numbers,
    saturated,
    shortened,
    shuffled_places,
    spec,
    spread,
    stored,
    tarred,
    turned,
    two_stacks,
    under_two_names,
    under_two_uids,
    unknown_syntax,
    us_for_ss,
    with_lut,
    with_others,
    wrong_vrs,
    zipped,
)
from testing.stack_changes import (
    alternating,
    entwined,
    followed,
    framed,
    framed_truth,
    last_part_lost,
    nameless,
    near_copy,
    small_scout,
    tracked,
    windowed,
    wrong_offsets,
)

SAME, BESIDE = "same", "same, and others beside it"
"""Outcomes beside codes: the one volume, or several of which one is the good one."""


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


TRAPS = (
    Trap("clean", SAME),
    Trap("1 dose and report beside", SAME, with_others),
    Trap("1 screenshots as CT", "NOT-CT", flaws.screenshots),
    Trap("1 MR", "NOT-CT", classed("1.2.840.10008.5.1.4.1.1.4", "MR")),
    Trap("1 CT whose Modality says MR", "MODALITY-DISAGREES", lambda s: flaws.tags(s, Modality="MR")),
    Trap("2 localizer inside", SAME, flaws.with_localizer),
    Trap("2 projections among the slices", BESIDE, projections_among),
    Trap(
        "2 localizer in small letters, between two slices",
        BESIDE,
        small_scout,
        files=each(lambda data: data.replace(b"LOCALIZER", b"localizer")),
    ),
    Trap("2 perfusion map", "MAP", lambda s: flaws.tags(s, ImageType=["DERIVED", "PRIMARY", "PERFUSION", "RCBF"])),
    Trap("3 two phases, one UID", BESIDE, flaws.two_passes),
    Trap("3 two kernels", BESIDE, lambda s: flaws.two_passes(s, told_apart_by="ConvolutionKernel", values=("B30f", "B70f"))),
    Trap("3 two passes, end to end", SAME, lambda s: [*s[:16], *flaws.tags(s[16:], AcquisitionNumber="2")]),
    Trap("3 two kernels, one between the other's slices", BESIDE, entwined(4.5)),
    Trap("3 two kernels, 4 µm beside each other", BESIDE, entwined(0.004)),
    Trap("3 two acquisitions, 1 mm beside each other", BESIDE, entwined(1.0, by="AcquisitionNumber")),
    Trap("3 slices that alternate in AcquisitionNumber", "SLICES-ALTERNATE", alternating),
    Trap("3 one image from before the scan", BESIDE, tracked(1)),
    Trap("3 bolus tracking before the scan", BESIDE, tracked(7)),
    Trap("3 another study under the same UID", BESIDE, another_study),
    Trap("3 two stacks, nothing tells them apart", "SLICES-SHARE-A-PLACE", same_numbers),
    Trap("3 one stack under two UIDs", "STACK-SHARED", under_two_uids),
    Trap("3 no UID on a third of the slices", "STACK-SHARED", lambda s: flaws.tags(s, *range(0, 32, 3), SeriesInstanceUID="")),
    Trap("4 a slice twice", SAME, lambda s: flaws.duplicated(s, 3)),
    Trap("4 a slice twice, another UID", SAME, lambda s: flaws.duplicated(s, 3, new_uid=True)),
    Trap("4 a slice twice, 1 µm beside itself", SAME, near_copy),
    Trap("4 one UID, two slices", "SAME-UID-DIFFERENT", lambda s: flaws.repeated_uid(s, 4)),
    Trap("4 one place, two slices", "SLICES-SHARE-A-PLACE", lambda s: flaws.duplicated(s, 4, new_uid=True, other_pixels=True)),
    Trap("4 a slice with its neighbour's pixels", "SLICES-REPEATED", repeated),
    Trap("4 a series under two names", "SAME-AS-ANOTHER", under_two_names),
    Trap("4 copies in an archive", SAME, files=in_archive_too),
    Trap("4 two patients in one series", "PATIENTS-DIFFER", lambda s: [*s[:16], *flaws.tags(s[16:], PatientID="another")]),
    Trap("5 dose, times, acquisition change", SAME, restless),
    Trap("5 cosines with noise of 1e-4", SAME, noisy_cosines),
    Trap("6 no preamble", SAME, spec=spec(syntax="implicit"), files=each(flaws.without_preamble)),
    Trap("6 names without suffix, junk, DICOMDIR", SAME, files=amid_junk),
    Trap("6 zip whose names lead out", SAME, files=zipped),
    Trap("6 zip in a zip", "ARCHIVE-REFUSED", files=nested),
    Trap("6 tar.gz", SAME, files=tarred),
    Trap("6 tar.bz2 without a name", SAME, files=nameless),
    Trap("6 files packed by gzip", SAME, files=gzipped),
    Trap("6 many folders", SAME, files=spread),
    Trap("7 short pixels", "TRUNCATED", lambda s: flaws.short_pixels(s, 2)),
    Trap("7 fewer Rows than pixels", "SIZE-DISAGREES", lambda s: flaws.tags(s, Rows=46)),
    Trap("7 fewer Columns than pixels", "SIZE-DISAGREES", lambda s: flaws.tags(s, Columns=50)),
    Trap("7 pixels that claim to go on behind the file", "TRUNCATED", files=each(overlong)),
    Trap("7 a file cut off", "TRUNCATED", files=each(flaws.truncated, 5)),
    Trap("7 a compressed file cut off", "UNREADABLE-PIXELS", spec=spec(syntax="jpeg-ls"), files=each(flaws.truncated, -1)),
    Trap("7 a slice blank", "BLANK-SLICES", blank(14)),
    Trap("7 the end of a slice blank", "BLANK-SLICES", blank(14, rows=20)),
    Trap("7 the last two slices blank", "BLANK-SLICES", blank(-1, -2), truth=blanked),
    Trap("7 bytes behind the data set", SAME, files=each(flaws.with_trailing)),
    Trap("8 InstanceNumber shuffled", SAME, lambda s: flaws.instance_numbers(s, [*range(0, 32, 2), *range(31, 0, -2)])),
    Trap("8 positions shuffled", "SLICES-OUT-OF-PLACE", shuffled_places),
    Trap("8 a slice of another place", "SLICES-OUT-OF-PLACE", from_elsewhere),
    Trap("8 no position", "NO-POSITION", lambda s: flaws.tags(s, ImagePositionPatient=None)),
    Trap("9 a slice missing", "GAP-IN-SLICES", lambda s: flaws.missing(s, 14)),
    Trap("9 slices missing here and there", "GAP-IN-SLICES", lambda s: flaws.missing(s, 3, 4, 9, 15, 20, 26)),
    Trap("9 every other slice of a third missing", "GAP-IN-SLICES", lambda s: flaws.missing(s, 1, 3, 5, 7, 9)),
    Trap(
        "9 half of the slices missing, at random",
        "GAP-IN-SLICES",
        lambda s: flaws.missing(s, 1, 2, 5, 7, 8, 9, 12, 13, 14, 16, 18, 21, 25, 26, 29),
    ),
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
    Trap("11 pixels of 10 nm", "NO-SPACING", lambda s: flaws.tags(s, PixelSpacing=["0.00001", "0.00001"])),
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
    Trap(
        "15 rows and columns swapped",
        "SIDEWAYS",
        lambda s: flaws.tags(s, ImageOrientationPatient=["1", "0", "0", "0", "1", "0"]),
        volume=stored((0, 2, 1)),
    ),
    Trap("15 mirrored pixels", "MIRRORED", flaws.mirrored),
    Trap("15 positions upside down", "UPSIDE-DOWN", flaws.upside_down),
    Trap("16 Enhanced CT, frames shuffled", SAME, lambda s: [enhanced(s, order=[*range(1, 32, 2), *range(0, 32, 2)])]),
    Trap("16 Enhanced CT, rescale per frame", SAME, lambda s: [enhanced(flaws.rescaled(s, 2, 5, 6, intercept=-2047))]),
    Trap("16 Enhanced CT of two stacks", BESIDE, two_stacks),
    Trap("16 Enhanced CT in two files", SAME, concatenated),
    Trap("16 the last part of a concatenation missing", "PART-MISSING", last_part_lost),
    Trap("16 an offset table that points beside the frames", SAME, wrong_offsets),
    Trap("16 Legacy Converted Enhanced CT", SAME, legacy),
    Trap("16 NumberOfFrames too low", "TRUNCATED", frame_too_few),
    Trap("16 a frame without position", "NO-POSITION", frame_nowhere),
    Trap("17 rescale of its own on three slices", SAME, lambda s: flaws.rescaled(s, 2, 5, 6, intercept=-2047)),
    Trap("17 no rescale", "NO-RESCALE", lambda s: flaws.tags(s, RescaleSlope=None, RescaleIntercept=None)),
    Trap("17 an intercept with a comma", "NO-RESCALE", files=each(lambda data: data.replace(b"-1024 ", b"-1024,", 1))),
    Trap("17 RescaleType is not HU", "RESCALE-NOT-HU", lambda s: flaws.tags(s, RescaleType="OD")),
    Trap("17 intercept left out", "HU-OFFSET", lambda s: flaws.tags(s, RescaleIntercept="0")),
    Trap("17 intercept 100 too high", "NOT-HU", lambda s: flaws.tags(s, RescaleIntercept="-924")),
    Trap("17 slope 0.8", "NOT-HU", lambda s: flaws.tags(s, RescaleSlope="0.8")),
    Trap("17 values inverted", "NOT-HU", lambda s: flaws.tags(s, RescaleSlope="-1", RescaleIntercept="1024")),
    Trap("17 intercept wrong on three slices", "SLICES-DISAGREE", lambda s: flaws.tags(s, 7, 8, 9, RescaleIntercept="0")),
    Trap(
        "17 intercept wrong on the last, padded slice",
        "SLICES-DISAGREE",
        lambda s: flaws.tags(flaws.padded(s, -2000), 31, RescaleIntercept="1024"),
        SIGNED,
    ),
    Trap("17 Modality LUT", "MODALITY-LUT", with_lut),
    Trap("18 padding −2000 declared", SAME, lambda s: flaws.padded(s, -2000, declared=-2000), SIGNED, truth=circled(-2000)),
    Trap("18 padding −2000 undeclared", SAME, lambda s: flaws.padded(s, -2000), SIGNED, truth=circled(-2000)),
    Trap("18 0 HU around the circle, declared", SAME, lambda s: flaws.padded(s, 0, declared=0), SIGNED, truth=circled(0)),
    Trap("18 0 HU around the circle, undeclared", SAME, lambda s: flaws.padded(s, 0), SIGNED, truth=circled(0)),
    Trap("18 padding 63536 for −2000", SAME, us_for_ss, SIGNED, truth=circled(-2000)),
    Trap("18 a frame of −3024 around a circle of −2000", SAME, framed, SIGNED, truth=framed_truth),
    Trap("19 no PixelRepresentation on a slice", "SIGN-UNKNOWN", lambda s: flaws.tags(s, 7, PixelRepresentation=None), SIGNED),
    Trap("19 overlay in the unused bits", SAME, flaws.overlay_bits, spec(bits_stored=12)),
    Trap("19 signed, 12 of 16 bits", SAME, spec=spec(bits_stored=12, signed=True, intercept=0.0)),
    Trap("19 BitsStored changes", "CELLS-DIFFER", lambda s: flaws.tags(s, 7, BitsStored=12, HighBit=11)),
    Trap("19 cells contradict", "BAD-CELLS", lambda s: flaws.tags(s, BitsStored=16, HighBit=9)),
    Trap("20 JPEG 2000, signed", SAME, spec=spec(syntax="jpeg 2000", signed=True, intercept=0.0)),
    Trap("20 JPEG 2000, signed, in an unsigned stream", SAME, another_sign, SIGNED),
    Trap("20 JPEG-LS, signed", SAME, spec=spec(syntax="jpeg-ls", signed=True, intercept=0.0)),
    Trap("20 zeros behind the JPEG-LS", SAME, followed, spec(syntax="jpeg-ls")),
    Trap("20 zeros behind the RLE", SAME, followed, spec(syntax="rle")),
    Trap("20 RLE", SAME, spec=spec(syntax="rle")),
    Trap("20 big endian", SAME, spec=spec(syntax="big endian")),
    Trap("20 deflated", SAME, spec=spec(syntax="deflated")),
    Trap("20 four transfer syntaxes", SAME, lambda s: flaws.syntaxes(s, ["explicit", "jpeg-ls", "rle", "implicit"])),
    Trap("20 implicit, named explicit", SAME, spec=spec(syntax="implicit"), files=each(renamed("1.2.840.10008.1.2.1"))),
    Trap("20 explicit, named implicit", SAME, files=each(renamed("1.2.840.10008.1.2"))),
    Trap(
        "20 JPEG-LS, named uncompressed",
        "SYNTAX-DISAGREES",
        spec=spec(syntax="jpeg-ls"),
        files=each(renamed("1.2.840.10008.1.2.1")),
    ),
    Trap("20 uncompressed, named JPEG-LS", "UNREADABLE-PIXELS", files=each(renamed("1.2.840.10008.1.2.4.80"))),
    Trap("20 a film's syntax", "NO-DECODER", unknown_syntax),
    Trap("21 eight bits", "NOT-HU", eight_bits),
    Trap("21 colour", "NOT-HU", colour),
    Trap("21 floating point", "NOT-HU", floats),
    Trap("21 normalised values", "NOT-HU", normalised),
    Trap("21 a lung's window baked in", "VALUES-CLIPPED", volume=windowed),
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
    from pleura.quality.hounsfield import settled
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
        unknowable = trap.outcome in ("MIRRORED", "SLICES-OUT-OF-PLACE")  # nothing but what is shown tells: a person must look
        return all(one.verdict in ("review", "repaired") and (one.same or unknowable) for one in coded)
    return bool(coded) and not any(one.same is False for one in usable)

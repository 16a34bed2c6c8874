"""Hostile series, each declared once: the tests go through them, and `bench/hostile_series.py` lets
the neighbours.

A case is a change to the data sets of one good series (a small synthetic chest), or to its files.
Its outcome is the good volume in its place, or a refusal by code; there is no third.
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
    followed,
    framed,
    framed_truth,
    interleaved,
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
class Hostile:
    """What is done to a good series, and what must come of it: `SAME`, `BESIDE`, or the codes of
    its refusal or review.
    """

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


HOSTILE_SERIES = (
    Hostile("clean", SAME),
    Hostile("1 dose and report beside", SAME, with_others),
    Hostile("1 screenshots as CT", "NOT-CT", flaws.screenshots),
    Hostile("1 MR", "NOT-CT", classed("1.2.840.10008.5.1.4.1.1.4", "MR")),
    Hostile(
        "1 CT whose Modality says MR", "MODALITY-DISAGREES", lambda s: flaws.tags(s, Modality="MR")
    ),
    Hostile("2 localizer inside", SAME, flaws.with_localizer),
    Hostile("2 projections among the slices", BESIDE, projections_among),
    Hostile(
        "2 localizer in small letters, between two slices",
        BESIDE,
        small_scout,
        files=each(lambda data: data.replace(b"LOCALIZER", b"localizer")),
    ),
    Hostile(
        "2 perfusion map",
        "MAP",
        lambda s: flaws.tags(s, ImageType=["DERIVED", "PRIMARY", "PERFUSION", "RCBF"]),
    ),
    Hostile("3 two phases, one UID", BESIDE, flaws.two_passes),
    Hostile(
        "3 two kernels",
        BESIDE,
        lambda s: flaws.two_passes(s, told_apart_by="ConvolutionKernel", values=("B30f", "B70f")),
    ),
    Hostile(
        "3 two passes, end to end",
        SAME,
        lambda s: [*s[:16], *flaws.tags(s[16:], AcquisitionNumber="2")],
    ),
    Hostile("3 two kernels, one between the other's slices", BESIDE, interleaved(4.5)),
    Hostile("3 two kernels, 4 µm beside each other", BESIDE, interleaved(0.004)),
    Hostile(
        "3 two acquisitions, 1 mm beside each other",
        BESIDE,
        interleaved(1.0, by="AcquisitionNumber"),
    ),
    Hostile("3 slices that alternate in AcquisitionNumber", "SLICES-ALTERNATE", alternating),
    Hostile("3 one image from before the scan", BESIDE, tracked(1)),
    Hostile("3 bolus tracking before the scan", BESIDE, tracked(7)),
    Hostile("3 another study under the same UID", BESIDE, another_study),
    Hostile("3 two stacks that no attribute separates", "SLICES-SHARE-A-PLACE", same_numbers),
    Hostile("3 one stack under two UIDs", "STACK-SHARED", under_two_uids),
    Hostile(
        "3 no UID on a third of the slices",
        "STACK-SHARED",
        lambda s: flaws.tags(s, *range(0, 32, 3), SeriesInstanceUID=""),
    ),
    Hostile("4 a slice twice", SAME, lambda s: flaws.duplicated(s, 3)),
    Hostile("4 a slice twice, another UID", SAME, lambda s: flaws.duplicated(s, 3, new_uid=True)),
    Hostile("4 a slice twice, 1 µm beside itself", SAME, near_copy),
    Hostile("4 one UID, two slices", "SAME-UID-DIFFERENT", lambda s: flaws.repeated_uid(s, 4)),
    Hostile(
        "4 one place, two slices",
        "SLICES-SHARE-A-PLACE",
        lambda s: flaws.duplicated(s, 4, new_uid=True, other_pixels=True),
    ),
    Hostile("4 a slice with its neighbour's pixels", "SLICES-REPEATED", repeated),
    Hostile("4 a series under two names", "SAME-AS-ANOTHER", under_two_names),
    Hostile("4 copies in an archive", SAME, files=in_archive_too),
    Hostile(
        "4 two patients in one series",
        "PATIENTS-DIFFER",
        lambda s: [*s[:16], *flaws.tags(s[16:], PatientID="another")],
    ),
    Hostile("5 dose, times, acquisition change", SAME, restless),
    Hostile("5 cosines with noise of 1e-4", SAME, noisy_cosines),
    Hostile(
        "6 no preamble", SAME, spec=spec(syntax="implicit"), files=each(flaws.without_preamble)
    ),
    Hostile("6 names without suffix, junk, DICOMDIR", SAME, files=amid_junk),
    Hostile("6 zip whose names lead out", SAME, files=zipped),
    Hostile("6 zip in a zip", "ARCHIVE-REFUSED", files=nested),
    Hostile("6 tar.gz", SAME, files=tarred),
    Hostile("6 tar.bz2 without a name", SAME, files=nameless),
    Hostile("6 files packed by gzip", SAME, files=gzipped),
    Hostile("6 many folders", SAME, files=spread),
    Hostile("7 short pixels", "TRUNCATED", lambda s: flaws.short_pixels(s, 2)),
    Hostile("7 fewer Rows than pixels", "SIZE-DISAGREES", lambda s: flaws.tags(s, Rows=46)),
    Hostile("7 fewer Columns than pixels", "SIZE-DISAGREES", lambda s: flaws.tags(s, Columns=50)),
    Hostile("7 pixels that claim to go on behind the file", "TRUNCATED", files=each(overlong)),
    Hostile("7 a file cut off", "TRUNCATED", files=each(flaws.truncated, 5)),
    Hostile(
        "7 a compressed file cut off",
        "UNREADABLE-PIXELS",
        spec=spec(syntax="jpeg-ls"),
        files=each(flaws.truncated, -1),
    ),
    Hostile("7 a slice blank", "BLANK-SLICES", blank(14)),
    Hostile("7 the end of a slice blank", "BLANK-SLICES", blank(14, rows=20)),
    Hostile("7 the last two slices blank", "BLANK-SLICES", blank(-1, -2), truth=blanked),
    Hostile("7 bytes behind the data set", SAME, files=each(flaws.with_trailing)),
    Hostile(
        "8 InstanceNumber shuffled",
        SAME,
        lambda s: flaws.instance_numbers(s, [*range(0, 32, 2), *range(31, 0, -2)]),
    ),
    Hostile("8 positions shuffled", "SLICES-OUT-OF-PLACE", shuffled_places),
    Hostile("8 a slice of another place", "SLICES-OUT-OF-PLACE", from_elsewhere),
    Hostile("8 no position", "NO-POSITION", lambda s: flaws.tags(s, ImagePositionPatient=None)),
    Hostile("9 a slice missing", "GAP-IN-SLICES", lambda s: flaws.missing(s, 14)),
    Hostile(
        "9 slices missing here and there",
        "GAP-IN-SLICES",
        lambda s: flaws.missing(s, 3, 4, 9, 15, 20, 26),
    ),
    Hostile(
        "9 every other slice of a third missing",
        "GAP-IN-SLICES",
        lambda s: flaws.missing(s, 1, 3, 5, 7, 9),
    ),
    Hostile(
        "9 half of the slices missing, at random",
        "GAP-IN-SLICES",
        lambda s: flaws.missing(s, 1, 2, 5, 7, 8, 9, 12, 13, 14, 16, 18, 21, 25, 26, 29),
    ),
    Hostile("9 two missing at the end", SAME, lambda s: flaws.missing(s, -1, -2), truth=shortened),
    Hostile(
        "10 steps change",
        "UNEVEN-SPACING",
        lambda s: flaws.shifted(s, [0] * 16 + [4.1 * k for k in range(1, 17)]),
        truth=moved,
    ),
    Hostile(
        "10 wobble of 5 µm", SAME, lambda s: flaws.shifted(s, [0.005 * (k % 2) for k in range(32)])
    ),
    Hostile("10 positions rounded to 0.1 mm", SAME, rounded),
    Hostile(
        "11 SpacingBetweenSlices negative", SAME, lambda s: flaws.tags(s, SpacingBetweenSlices="-9")
    ),
    Hostile("11 overlap", SAME, lambda s: flaws.tags(s, SliceThickness="18")),
    Hostile("11 one slice", "ONE-SLICE", lambda s: s[14:15]),
    Hostile("12 gantry tilt 13.5°", "GANTRY-TILT", lambda s: flaws.tilted(s, 13.5), truth=moved),
    Hostile(
        "12 tilt and a slice missing",
        "GAP-IN-SLICES",
        lambda s: flaws.missing(flaws.tilted(s, 13.5), 9),
    ),
    Hostile("12 fields of view beside each other", "SLICES-ASIDE", aside),
    Hostile(
        "11 pixels of 10 nm",
        "NO-SPACING",
        lambda s: flaws.tags(s, PixelSpacing=["0.00001", "0.00001"]),
    ),
    Hostile("13 one smaller slice amid", "GAP-IN-SLICES", lambda s: flaws.smaller(s, 14)),
    Hostile(
        "13 a smaller slice too many",
        SAME,
        lambda s: [*s, *flaws.smaller(flaws.tags(s[:1], SOPInstanceUID="2.25.99"), 0)],
    ),
    Hostile(
        "14 cosines not orthogonal",
        "BAD-COSINES",
        lambda s: flaws.tags(s, ImageOrientationPatient=["1", "0", "0", "0.5", "0.8", "0"]),
    ),
    Hostile(
        "15 feet first", SAME, spec=spec(patient_position="FFS"), volume=stored((0, 1, 2), 0, 2)
    ),
    Hostile("15 prone", SAME, spec=spec(patient_position="HFP"), volume=stored((0, 1, 2), 1, 2)),
    Hostile("15 decubitus", SAME, spec=spec(patient_position="HFDL"), volume=stored((0, 2, 1), 1)),
    Hostile("15 coronal", SAME, volume=stored((1, 0, 2), 1)),
    Hostile("15 oblique 20°", SAME, volume=turned(20)),
    Hostile("15 PatientPosition wrong", SAME, lambda s: flaws.tags(s, PatientPosition="FFP")),
    Hostile(
        "15 rows and columns swapped",
        "SIDEWAYS",
        lambda s: flaws.tags(s, ImageOrientationPatient=["1", "0", "0", "0", "1", "0"]),
        volume=stored((0, 2, 1)),
    ),
    Hostile("15 mirrored pixels", "MIRRORED", flaws.mirrored),
    Hostile("15 positions upside down", "UPSIDE-DOWN", flaws.upside_down),
    Hostile(
        "16 Enhanced CT, frames shuffled",
        SAME,
        lambda s: [enhanced(s, order=[*range(1, 32, 2), *range(0, 32, 2)])],
    ),
    Hostile(
        "16 Enhanced CT, rescale per frame",
        SAME,
        lambda s: [enhanced(flaws.rescaled(s, 2, 5, 6, intercept=-2047))],
    ),
    Hostile("16 Enhanced CT of two stacks", BESIDE, two_stacks),
    Hostile("16 Enhanced CT in two files", SAME, concatenated),
    Hostile("16 the last part of a concatenation missing", "PART-MISSING", last_part_lost),
    Hostile("16 an offset table that points beside the frames", SAME, wrong_offsets),
    Hostile("16 Legacy Converted Enhanced CT", SAME, legacy),
    Hostile("16 NumberOfFrames too low", "TRUNCATED", frame_too_few),
    Hostile("16 a frame without position", "NO-POSITION", frame_nowhere),
    Hostile(
        "17 rescale of its own on three slices",
        SAME,
        lambda s: flaws.rescaled(s, 2, 5, 6, intercept=-2047),
    ),
    Hostile(
        "17 no rescale",
        "NO-RESCALE",
        lambda s: flaws.tags(s, RescaleSlope=None, RescaleIntercept=None),
    ),
    Hostile(
        "17 an intercept with a comma",
        "NO-RESCALE",
        files=each(lambda data: data.replace(b"-1024 ", b"-1024,", 1)),
    ),
    Hostile(
        "17 RescaleType is not HU", "RESCALE-NOT-HU", lambda s: flaws.tags(s, RescaleType="OD")
    ),
    Hostile("17 intercept left out", "HU-OFFSET", lambda s: flaws.tags(s, RescaleIntercept="0")),
    Hostile(
        "17 intercept 100 too high", "NOT-HU", lambda s: flaws.tags(s, RescaleIntercept="-924")
    ),
    Hostile("17 slope 0.8", "NOT-HU", lambda s: flaws.tags(s, RescaleSlope="0.8")),
    Hostile(
        "17 values inverted",
        "NOT-HU",
        lambda s: flaws.tags(s, RescaleSlope="-1", RescaleIntercept="1024"),
    ),
    Hostile(
        "17 intercept wrong on three slices",
        "SLICES-DISAGREE",
        lambda s: flaws.tags(s, 7, 8, 9, RescaleIntercept="0"),
    ),
    Hostile(
        "17 intercept wrong on the last, padded slice",
        "SLICES-DISAGREE",
        lambda s: flaws.tags(flaws.padded(s, -2000), 31, RescaleIntercept="1024"),
        SIGNED,
    ),
    Hostile("17 Modality LUT", "MODALITY-LUT", with_lut),
    Hostile(
        "18 padding −2000 declared",
        SAME,
        lambda s: flaws.padded(s, -2000, declared=-2000),
        SIGNED,
        truth=circled(-2000),
    ),
    Hostile(
        "18 padding −2000 undeclared",
        SAME,
        lambda s: flaws.padded(s, -2000),
        SIGNED,
        truth=circled(-2000),
    ),
    Hostile(
        "18 0 HU around the circle, declared",
        SAME,
        lambda s: flaws.padded(s, 0, declared=0),
        SIGNED,
        truth=circled(0),
    ),
    Hostile(
        "18 0 HU around the circle, undeclared",
        SAME,
        lambda s: flaws.padded(s, 0),
        SIGNED,
        truth=circled(0),
    ),
    Hostile("18 padding 63536 for −2000", SAME, us_for_ss, SIGNED, truth=circled(-2000)),
    Hostile(
        "18 a frame of −3024 around a circle of −2000", SAME, framed, SIGNED, truth=framed_truth
    ),
    Hostile(
        "19 no PixelRepresentation on a slice",
        "SIGN-UNKNOWN",
        lambda s: flaws.tags(s, 7, PixelRepresentation=None),
        SIGNED,
    ),
    Hostile("19 overlay in the unused bits", SAME, flaws.overlay_bits, spec(bits_stored=12)),
    Hostile(
        "19 signed, 12 of 16 bits", SAME, spec=spec(bits_stored=12, signed=True, intercept=0.0)
    ),
    Hostile(
        "19 BitsStored changes",
        "CELLS-DIFFER",
        lambda s: flaws.tags(s, 7, BitsStored=12, HighBit=11),
    ),
    Hostile("19 cells contradict", "BAD-CELLS", lambda s: flaws.tags(s, BitsStored=16, HighBit=9)),
    Hostile(
        "20 JPEG 2000, signed", SAME, spec=spec(syntax="jpeg 2000", signed=True, intercept=0.0)
    ),
    Hostile("20 JPEG 2000, signed, in an unsigned stream", SAME, another_sign, SIGNED),
    Hostile("20 JPEG-LS, signed", SAME, spec=spec(syntax="jpeg-ls", signed=True, intercept=0.0)),
    Hostile("20 zeros behind the JPEG-LS", SAME, followed, spec(syntax="jpeg-ls")),
    Hostile("20 zeros behind the RLE", SAME, followed, spec(syntax="rle")),
    Hostile("20 RLE", SAME, spec=spec(syntax="rle")),
    Hostile("20 big endian", SAME, spec=spec(syntax="big endian")),
    Hostile("20 deflated", SAME, spec=spec(syntax="deflated")),
    Hostile(
        "20 four transfer syntaxes",
        SAME,
        lambda s: flaws.syntaxes(s, ["explicit", "jpeg-ls", "rle", "implicit"]),
    ),
    Hostile(
        "20 implicit, named explicit",
        SAME,
        spec=spec(syntax="implicit"),
        files=each(renamed("1.2.840.10008.1.2.1")),
    ),
    Hostile("20 explicit, named implicit", SAME, files=each(renamed("1.2.840.10008.1.2"))),
    Hostile(
        "20 JPEG-LS, named uncompressed",
        "SYNTAX-DISAGREES",
        spec=spec(syntax="jpeg-ls"),
        files=each(renamed("1.2.840.10008.1.2.1")),
    ),
    Hostile(
        "20 uncompressed, named JPEG-LS",
        "UNREADABLE-PIXELS",
        files=each(renamed("1.2.840.10008.1.2.4.80")),
    ),
    Hostile("20 a film's syntax", "NO-DECODER", unknown_syntax),
    Hostile("21 eight bits", "NOT-HU", eight_bits),
    Hostile("21 colour", "NOT-HU", colour),
    Hostile("21 floating point", "NOT-HU", floats),
    Hostile("21 normalised values", "NOT-HU", normalised),
    Hostile("21 a lung's window baked in", "VALUES-CLIPPED", volume=windowed),
    Hostile(
        "21 MONOCHROME1", SAME, lambda s: flaws.tags(s, PhotometricInterpretation="MONOCHROME1")
    ),
    Hostile("22 metal beyond 16 bits", SAME, metal, truth=saturated),
    Hostile("GUIDs for UIDs", SAME, files=guids),
    Hostile("no SOPInstanceUID", SAME, lambda s: flaws.tags(s, SOPInstanceUID="")),
    Hostile("wrong value representations", SAME, wrong_vrs),
    Hostile("zero bytes", "EMPTY-FILE", files=each(lambda _: b"")),
    Hostile("links that go round", SAME, files=looped),
    Hostile("a zip bomb", "ARCHIVE-REFUSED", files=bomb),
)


# What came of it


def lies_right(hu: Any, index_to_lps: Callable[[Any], Any], truth: Volume) -> bool:
    """Whether an array holds the truth, voxel for voxel, where the truth lies, in whatever order
    its axes run.
    """
    if hu.size != truth.hu.size or hu.ndim != 3:
        return False
    index = truth.grid.to_index(index_to_lps(np.indices(hu.shape).reshape(3, -1).T))
    nearest = np.rint(index).astype(int)
    if (
        np.abs(index - nearest).max() > 0.02
        or (nearest < 0).any()
        or (nearest >= truth.hu.shape).any()
    ):
        return False
    return bool((truth.hu[tuple(nearest.T)] == hu.reshape(-1)).all())


@dataclass(frozen=True)
class Told:
    """One entry of `scan`: its verdict, codes beside notes of rescaling and the like, and
    whether it is the true volume.
    """

    verdict: str
    codes: tuple[str, ...]
    same: bool | None


def scanned(folder: Path, truth: Volume) -> list[Told]:
    """What `pleura scan` says of a folder, and whether what can be read is the truth."""
    from pleura.quality.hounsfield import check_hounsfield
    from pleura.verbs.scan import scan

    found = []
    for one in scan(folder).series:
        same = None
        if one.usable:
            volume, _ = check_hounsfield(one.read())
            same = lies_right(volume.hu, volume.grid.to_world, truth)
        found.append(
            Told(one.verdict.word, tuple(dict.fromkeys(f.code for f in one.findings)), same)
        )
    return found


def came_out(case: Hostile, told: Sequence[Told]) -> bool:
    """Whether a case came to its outcome: the same volume, or the refusal; a volume that must be
    looked at is one of these.
    """
    usable = [one for one in told if one.same is not None]
    if case.outcome in (SAME, BESIDE):
        right = sum(one.same is True for one in usable)
        return right == 1 and (case.outcome == BESIDE or len(usable) == 1)
    if case.outcome == "nothing":
        return not told
    coded = [one for one in told if case.outcome in one.codes]
    # to review, or repaired: the true volume all the same, but for flips
    if any(one.same is not None for one in coded):
        # nothing but what is shown tells: a person must look
        unknowable = case.outcome in ("MIRRORED", "SLICES-OUT-OF-PLACE")
        return all(
            one.verdict in ("review", "repaired") and (one.same or unknowable) for one in coded
        )
    return bool(coded) and not any(one.same is False for one in usable)

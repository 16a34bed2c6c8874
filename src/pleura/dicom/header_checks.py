"""What the headers of a stack refuse, and what they say that is worth a note and decides nothing."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pleura.codecs.frames import NATIVE, can_decode, name_of
from pleura.core.findings import Finding, Verdict
from pleura.dicom.header import Cells, Plane
from pleura.dicom.spacing import usual_step
from pleura.dicom.stack import MAPS, PROJECTIONS, depths_of

NAMES_HU = re.compile(r"(HU|US|hound?sfield.*)?", re.IGNORECASE)
"""RescaleType of a CT: HU, spelled as vendors do; "unspecified" where it was scanned before the attribute was."""
HUGE = 1 << 24
"""Pixels of a slice, from which a CT is none: 4096 × 4096."""
LEAST_MM = 0.01
"""No CT has finer pixels."""
FAR_MM = 1e5
"""No position or spacing is as large: a hundred metres."""
LOSSY = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81"}
MAYBE_LOSSY = {"1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.203"}
"""JPEG 2000 that may be reversible or not, as the encoder chose."""

REFUSALS = {
    "LOCALIZER": "are localizers, no volume",
    "NO-PIXELS": "hold no pixels; truncated: fetch them again",
    "TRUNCATED": "are truncated, or of frames that are not as many as declared; fetch them again",
    "SIZE-DISAGREES": "hold more pixels than Rows and Columns say, one of which is wrong; export again",
    "SYNTAX-DISAGREES": "hold compressed pixels where their transfer syntax says uncompressed ones; export again",
    "NO-POSITION": "tell no ImagePositionPatient that a scanner can have; export again",
    "NO-ORIENTATION": "tell no ImageOrientationPatient: export again",
    "BAD-COSINES": "have cosines that span no plane; export again",
    "NO-SPACING": "tell no PixelSpacing that a CT can have; export again",
    "NOT-HU": "are not grey pictures of 10 to 16 bits, so not HU; export the original series",
    "BAD-CELLS": "have BitsStored, HighBit and BitsAllocated that contradict each other; export again",
    "HUGE-IMAGE": "declare an impossible size",
    "NO-RESCALE": "tell no rescale, so no HU",
    "ZERO-SLOPE": "have RescaleSlope 0; export again",
    "RESCALE-NOT-HU": "have values other than HU",
    "MAP": "are maps by their ImageType (perfusion, difference, material), not HU; give the original series",
    "MODALITY-LUT": "need a Modality LUT, which is not read here",
}
"""What is said of so many slices, in the order that it is said."""


def plane_findings(planes: Sequence[Plane]) -> list[Finding]:
    """What headers alone refuse."""

    def some(code: str, count: int, sentence: str) -> list[Finding]:
        return [Finding(code, Verdict.REFUSED, f"{count} of {len(planes)} slices {sentence}", {"n": count})] if count else []

    if not any(plane.has_pixels for plane in planes):
        return some("NO-PIXELS", len(planes), REFUSALS["NO-PIXELS"])
    undecodable = {plane.syntax for plane in planes if not can_decode(plane.syntax)}
    bad = Counter(code for plane in planes for code in _bad(plane))
    kinds: Counter[tuple[Any, ...]] = Counter(plane[FIRST_KIND:LAST_KIND] for plane in planes)
    for kind, count in kinds.items():
        bad.update(dict.fromkeys(_bad_kind(*kind), count))
    findings = [finding for code, sentence in REFUSALS.items() for finding in some(code, bad[code], sentence)]
    if undecodable:
        names = ", ".join(sorted(name_of(syntax) for syntax in undecodable))
        findings.append(Finding("NO-DECODER", Verdict.REFUSED, f"encoded as {names}, which cannot be read here; convert it"))
    return findings


def _bad(plane: Plane) -> Iterator[str]:
    """The codes of `REFUSALS` that a slice earns by what is its own."""
    if not plane.has_pixels:
        yield "NO-PIXELS"
    elif not plane.complete:
        encapsulated = plane.place is not None and plane.syntax in NATIVE
        yield "SYNTAX-DISAGREES" if encapsulated else "TRUNCATED"
    elif plane.surplus > 1 and plane.surplus * 8 >= min(plane.rows, plane.columns) * plane.cells.allocated:  # 1: made even
        yield "SIZE-DISAGREES"
    if not _told(plane.position):
        yield "NO-POSITION"


FIRST_KIND, LAST_KIND = Plane._fields.index("rows"), Plane._fields.index("image_type") + 1


def _bad_kind(
    rows: int,
    columns: int,
    orientation: Sequence[float] | None,
    spacing: Sequence[float] | None,
    slope: float | None,
    intercept: float | None,
    rescale_type: str,
    modality_lut: bool,
    cells: Cells,
    _padding: tuple[int, int] | None,
    image_type: Sequence[str],
) -> list[str]:
    """The codes that a slice earns by what it mostly has in common with its neighbours."""
    earned = {
        "LOCALIZER": "LOCALIZER" in image_type,
        "NO-ORIENTATION": not _told(orientation) or not any(orientation or ()),
        "BAD-COSINES": orientation is not None and any(orientation) and _is_flat(orientation),
        "NO-SPACING": not _told(spacing) or min(spacing or (0,)) < LEAST_MM,
        "NOT-HU": cells.samples != 1 or cells.allocated != 16 or cells.stored < 10 or not cells.photometric.startswith("MONO"),
        "BAD-CELLS": not cells.stored <= cells.high_bit + 1 <= cells.allocated,
        "HUGE-IMAGE": rows * columns > HUGE or not rows or not columns,
        "NO-RESCALE": slope is None or intercept is None,
        "ZERO-SLOPE": slope == 0,
        "RESCALE-NOT-HU": not NAMES_HU.fullmatch(rescale_type),
        "MAP": bool(set(image_type) & set(MAPS)),
        "MODALITY-LUT": modality_lut,
    }
    return [code for code, is_so in earned.items() if is_so]


def _is_flat(cosines: Sequence[float]) -> bool:
    """Whether the row's and the column's direction are one."""
    return float(np.linalg.norm(np.cross(cosines[:3], cosines[3:]))) < 0.1


def _told(values: Sequence[float] | None) -> bool:
    """Whether numbers are there, and of this world."""
    return values is not None and all(abs(value) < FAR_MM for value in values)  # which NaN is not


def remarks(planes: Sequence[Plane]) -> list[Finding]:
    """Notes on an ascending stack: what contradicts the geometry that was used, and what a reader of results should know."""
    first = planes[0]
    step = usual_step(np.diff(depths_of(planes)))
    found = []

    def note(code: str, message: str) -> None:
        found.append(Finding(code, Verdict.OK, message))

    numbers = [plane.instance_number for plane in planes]
    told = [number for number in numbers if number is not None]
    if len(told) == len(numbers) and told not in (sorted(told), sorted(told, reverse=True)):
        note("ORDER-DISAGREES", "InstanceNumber tells another order than ImagePositionPatient, which was followed")
    for keyword, code in (("SpacingBetweenSlices", "SPACING-DISAGREES"), ("SliceThickness", "THICKNESS-IS-NOT-STEP")):
        value = _number(first.technical.get(keyword))
        if value is not None and abs(value - step) > 0.02 * step:
            note(code, f"{keyword} says {value:g} mm, the positions {step:.3g} mm, which were followed")
    if any(plane.syntax in LOSSY or plane.technical.get("LossyImageCompression") == "01" for plane in planes):
        note("LOSSY", "the pixels were compressed with loss: densities and small structures have changed")
    elif any(p.syntax in MAYBE_LOSSY and p.technical.get("LossyImageCompression") != "00" for p in planes):
        note("LOSSY", "the pixels may have been compressed with loss: their transfer syntax allows it, and nothing denies it")
    if first.modality not in ("CT", ""):
        text = f"Modality says {first.modality} where the object's class says CT: is it what it should be?"
        found.append(Finding("MODALITY-DISAGREES", Verdict.REVIEW, text))
    if len({plane.cells[:4] for plane in planes}) > 1:
        text = "BitsStored, HighBit or PixelRepresentation change along the series: are all slices of one reconstruction?"
        found.append(Finding("CELLS-DIFFER", Verdict.REVIEW, text))
    parts = {plane.part for plane in planes}
    lost = sorted(set(range(1, max(total for _, total in parts) + 1)) - {number for number, _ in parts})
    if lost:
        text = f"part {', '.join(map(str, lost[:5]))} of {max(total for _, total in parts)} of this concatenation is missing"
        found.append(Finding("PART-MISSING", Verdict.REFUSED, f"{text}; fetch the series again", {"n": len(lost)}))
    signs = {plane.cells.sign_told for plane in planes}
    if False in signs:
        text = f"{'some' if len(signs) > 1 else 'all'} slices tell no PixelRepresentation, so whether values have a sign"
        verdict = Verdict.REFUSED if len(signs) > 1 else Verdict.REVIEW
        found.append(Finding("SIGN-UNKNOWN", verdict, f"{text}: read as without; export again"))
    patients = len({plane.patient for plane in planes} - {""})
    if patients > 1:
        text = f"PatientID changes along the series: {patients} of them; are all slices one patient's?"
        found.append(Finding("PATIENTS-DIFFER", Verdict.REVIEW, text, {"n": patients}))
    if any(plane.cells.photometric == "MONOCHROME1" for plane in planes):
        note("MONOCHROME1", "to be shown inverted; the values are HU all the same")
    if len({(plane.slope, plane.intercept) for plane in planes}) > 1:
        note("RESCALE-DIFFERS", "slices have rescale pairs of their own; each was rescaled with its own")
    if len({plane.syntax for plane in planes}) > 1:
        note("MIXED-SYNTAX", "slices are compressed in different ways; each was decoded in its own")
    if set(first.image_type) & set(PROJECTIONS):
        text = "ImageType says that these were projected or averaged from other slices: measure those instead"
        found.append(Finding("PROJECTION", Verdict.REVIEW, text))
    elif "DERIVED" in first.image_type:
        note("DERIVED", "ImageType says derived: reformatted or processed, not as reconstructed")
    return found


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None

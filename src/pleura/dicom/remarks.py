"""What the headers of a stack refuse, and what they say that is worth a note and decides nothing."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

from pleura.core.findings import Finding, Verdict
from pleura.dicom.header import Plane
from pleura.dicom.stack import MAPS, PROJECTIONS, depths_of, usual_step

NAMES_HU = re.compile(r"(HU|US|hound?sfield.*)?", re.IGNORECASE)
"""RescaleType of a CT: HU, spelled as vendors do; "unspecified" where it was scanned before the attribute was."""
HUGE = 1 << 24
"""Pixels of a slice, from which a CT is none: 4096 × 4096."""
FAR_MM = 1e5
"""No position or spacing is as large: a hundred metres."""
LOSSY = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81"}
MAYBE_LOSSY = {"1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.203"}
"""JPEG 2000 that may be reversible or not, as the encoder chose."""


def plane_findings(planes: Sequence[Plane]) -> list[Finding]:
    """What headers alone refuse."""
    from pleura.codecs.frames import can_decode, name_of

    def some(code: str, bad: Iterable[Plane], sentence: str) -> list[Finding]:
        count = len(list(bad))
        return [Finding(code, Verdict.REFUSED, f"{count} of {len(planes)} slices {sentence}", {"n": count})] if count else []

    if not any(plane.has_pixels for plane in planes):
        return some("NO-PIXELS", planes, "hold no pixels; truncated: fetch them again")
    undecodable = {plane.syntax for plane in planes if not can_decode(plane.syntax)}
    findings = [
        *some("LOCALIZER", (p for p in planes if "LOCALIZER" in p.image_type), "are localizers, no volume"),
        *some("NO-PIXELS", (p for p in planes if not p.has_pixels), "hold no pixels; truncated: fetch them again"),
        *some("TRUNCATED", (p for p in planes if p.has_pixels and not p.complete), "are truncated; fetch them again"),
        *some(
            "NO-POSITION",
            (p for p in planes if not _told(p.position)),
            "tell no ImagePositionPatient; export again",
        ),
        *some(
            "NO-ORIENTATION",
            (p for p in planes if not _told_alike(p.orientation)),
            "tell no ImageOrientationPatient: export again",
        ),
        *some(
            "NO-SPACING",
            (p for p in planes if not _told_alike(p.spacing) or min(p.spacing or (0,)) <= 0),
            "tell no PixelSpacing; export again",
        ),
        *some(
            "NOT-HU",
            (
                p
                for p in planes
                if p.cells.samples != 1
                or p.cells.allocated != 16
                or p.cells.stored < 10
                or not p.cells.photometric.startswith("MONO")
            ),
            "are colour, 8-bit or 32-bit pictures, not HU in 16 bits; export the original series",
        ),
        *some(
            "BAD-CELLS",
            (p for p in planes if not p.cells.stored <= p.cells.high_bit + 1 <= p.cells.allocated),
            "have BitsStored, HighBit and BitsAllocated that contradict each other; export again",
        ),
        *some(
            "HUGE-IMAGE",
            (p for p in planes if p.rows * p.columns > HUGE or not p.rows or not p.columns),
            "declare an impossible size",
        ),
        *some("NO-RESCALE", (p for p in planes if p.slope is None or p.intercept is None), "tell no rescale, so no HU"),
        *some("ZERO-SLOPE", (p for p in planes if p.slope == 0), "have RescaleSlope 0; export again"),
        *some("RESCALE-NOT-HU", (p for p in planes if not NAMES_HU.fullmatch(p.rescale_type)), "have values other than HU"),
        *some(
            "MAP",
            (p for p in planes if set(p.image_type) & set(MAPS)),
            "are maps by their ImageType (perfusion, difference, material), not HU; give the original series",
        ),
        *some("MODALITY-LUT", (p for p in planes if p.modality_lut), "need a Modality LUT, which is not read here"),
    ]
    if undecodable:
        names = ", ".join(sorted(name_of(syntax) for syntax in undecodable))
        findings.append(Finding("NO-DECODER", Verdict.REFUSED, f"compressed as {names}, which cannot be read here; convert it"))
    return findings


def _told(values: Sequence[float] | None) -> bool:
    """Whether numbers are there, and of this world."""
    return values is not None and all(abs(value) < FAR_MM for value in values)  # which NaN is not


_told_alike = lru_cache(maxsize=1024)(_told)
"""For what the slices of a series mostly agree in."""


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

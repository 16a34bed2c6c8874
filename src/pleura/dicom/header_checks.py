"""Check the headers of slices: findings that refuse, that need review, and that only inform."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pleura.anatomy import thresholds as t
from pleura.codecs.frames import NATIVE, can_decode, name_of
from pleura.core.codes import finding
from pleura.core.codes.code import filled
from pleura.core.codes.reading import NOT_GREYSCALE
from pleura.core.findings import Finding, Verdict
from pleura.dicom.plane import Cells, Plane
from pleura.dicom.private_pixels import private_pixels
from pleura.dicom.projections import is_projection
from pleura.dicom.shapes import MAPS
from pleura.dicom.spacing import typical_spacing
from pleura.dicom.stack import depths_of
from pleura.geometry.grid import VOXEL_MM

NAMES_OF_HU = re.compile(r"(HU|US|hound?sfield.*)?", re.IGNORECASE)
"""RescaleType of a CT in HU: vendors' spellings, and US ("unspecified") in old objects."""

CONE_BEAM = re.compile(r"on-?board imager|\bXVI\b|CBCT|cone.?beam|\bartis\b", re.IGNORECASE)
"""In ManufacturerModelName or ImageType of a cone-beam CT: linear accelerators of Varian (On-Board
Imager) and Elekta (XVI), angiography (Artis), and names that say so."""

MOST_PIXELS = 1 << 24
"""[pixels] A larger slice is not a CT: 4096 × 4096."""

MOST_MM = 1e5
"""[mm] Positions of a CT are smaller."""

LOSSY = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81"}
PERHAPS_LOSSY = {"1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.203"}
"""JPEG 2000 syntaxes that allow both reversible and irreversible compression."""

CODES = tuple(
    "LOCALIZER PRIVATE-COMPRESSION NO-PIXELS TRUNCATED SIZE-DISAGREES SYNTAX-DISAGREES "
    "NO-POSITION NO-ORIENTATION BAD-COSINES NO-SPACING NOT-HU BAD-CELLS HUGE-IMAGE NO-RESCALE "
    "ZERO-SLOPE RESCALE-NOT-HU MAP MODALITY-LUT".split()
)
"""Codes for which headers alone refuse a series, in the order of the report."""


DESCRIBED = {
    "PatientAge": f"a patient under {t.ADULT_YEARS} years",
    "PatientBirthDate": f"a patient under {t.ADULT_YEARS} years",
    "PatientWeight": f"a patient under {t.LIGHTEST_ADULT_KG:g} kg",
    "PatientSpeciesDescription": "an animal",
}
"""What an attribute that shows no adult says, for `NOT-AN-ADULT`."""


def check_headers(planes: Sequence[Plane]) -> list[Finding]:
    """The findings that refuse planes by their headers."""
    private = ""
    if not all(plane.has_pixels and plane.complete for plane in planes):
        private = private_pixels(planes)
    if not any(plane.has_pixels for plane in planes):
        code = "PRIVATE-COMPRESSION" if private else "NO-PIXELS"
        return [_of_slices(code, len(planes), len(planes), private)]
    counts: Counter[str] = Counter()
    for plane in planes:
        counts.update(_own_faults(plane))
    common: Counter[tuple[Any, ...]] = Counter(plane[FIRST_COMMON:LAST_COMMON] for plane in planes)
    for values, count in common.items():
        counts.update(dict.fromkeys(_common_faults(*values), count))
    if private:
        counts["PRIVATE-COMPRESSION"] = counts.pop("NO-PIXELS", 0) + counts.pop("TRUNCATED", 0)
    findings = [
        _of_slices(code, counts[code], len(planes), private) for code in CODES if counts[code]
    ]
    undecodable = {plane.syntax for plane in planes if not can_decode(plane.syntax)}
    if undecodable:
        findings.append(finding("NO-DECODER", names=", ".join(sorted(map(name_of, undecodable)))))
    return findings


def _of_slices(code: str, count: int, total: int, private: str) -> Finding:
    if code == "NOT-HU":
        return finding(
            code, Verdict.REFUSED, n=count, why=filled(NOT_GREYSCALE, {"n": count, "total": total})
        )
    if code == "PRIVATE-COMPRESSION":
        return finding(code, n=count, total=total, name=private)
    return finding(code, n=count, total=total)


def _own_faults(plane: Plane) -> Iterator[str]:
    """Codes for faults in attributes that each slice has for itself: pixels and position."""
    if not plane.has_pixels:
        yield "NO-PIXELS"
    elif not plane.complete:
        is_encapsulated = plane.pixel_data is not None and plane.syntax in NATIVE
        yield "SYNTAX-DISAGREES" if is_encapsulated else "TRUNCATED"
    elif _has_surplus(plane):
        yield "SIZE-DISAGREES"
    if not _is_plausible(plane.position):
        yield "NO-POSITION"


def _has_surplus(plane: Plane) -> bool:
    """Whether there are many more bytes than declared: an eighth of a row or column, or more."""
    least = min(plane.rows, plane.columns) * plane.cells.allocated
    return plane.surplus > 1 and plane.surplus * 8 >= least


FIRST_COMMON = Plane._fields.index("rows")
LAST_COMMON = Plane._fields.index("image_type") + 1


def _common_faults(
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
    """Codes for faults in attributes that a slice usually shares with its neighbours."""
    is_grey = cells.samples == 1 and cells.photometric.startswith("MONO")
    has_cosines = orientation is not None and any(orientation)
    faults = {
        "LOCALIZER": "LOCALIZER" in image_type,
        "NO-ORIENTATION": not _is_plausible(orientation) or not has_cosines,
        "BAD-COSINES": has_cosines and _is_flat(orientation or ()),
        "NO-SPACING": not _is_spacing(spacing),
        "NOT-HU": not is_grey or cells.allocated != 16 or cells.stored < 10,
        "BAD-CELLS": not cells.stored <= cells.high_bit + 1 <= cells.allocated,
        "HUGE-IMAGE": rows * columns > MOST_PIXELS or not rows or not columns,
        "NO-RESCALE": slope is None or intercept is None,
        "ZERO-SLOPE": slope == 0,
        "RESCALE-NOT-HU": not NAMES_OF_HU.fullmatch(rescale_type),
        "MAP": bool(set(image_type) & set(MAPS)),
        "MODALITY-LUT": modality_lut,
    }
    return [code for code, is_so in faults.items() if is_so]


def _is_flat(cosines: Sequence[float]) -> bool:
    """Whether row and column directions are parallel."""
    return float(np.linalg.norm(np.cross(cosines[:3], cosines[3:]))) < 0.1


def _is_spacing(spacing: Sequence[float] | None) -> bool:
    """Whether a scanner can have pixels of this size."""
    low, high = VOXEL_MM
    return spacing is not None and all(low <= mm <= high for mm in spacing)


def _is_plausible(values: Sequence[float] | None) -> bool:
    return values is not None and all(abs(value) < MOST_MM for value in values)  # false for NaN


def check_stack_headers(planes: Sequence[Plane]) -> list[Finding]:
    """Findings on an ascending stack: contradictions to its geometry, and notes for users."""
    return [
        *_geometry_notes(planes),
        *_compression_notes(planes),
        *_identity_notes(planes),
        *_value_notes(planes),
        *_image_type_notes(planes[0]),
        *_cone_beam(planes[0]),
    ]


def _geometry_notes(planes: Sequence[Plane]) -> Iterator[Finding]:
    numbers = [plane.instance_number for plane in planes]
    known = [number for number in numbers if number is not None]
    if len(known) == len(numbers) and known not in (sorted(known), sorted(known, reverse=True)):
        yield finding("ORDER-DISAGREES")
    step = typical_spacing(np.diff(depths_of(planes)))
    for keyword, code in (
        ("SpacingBetweenSlices", "SPACING-DISAGREES"),
        ("SliceThickness", "THICKNESS-IS-NOT-STEP"),
    ):
        value = _number(planes[0].technical.get(keyword))
        if value is not None and abs(value - step) > 0.02 * step:
            yield finding(code, value=value, step=step)


def _compression_notes(planes: Sequence[Plane]) -> Iterator[Finding]:
    declared = {plane.technical.get("LossyImageCompression", "") for plane in planes}
    syntaxes = {plane.syntax for plane in planes}
    if syntaxes & LOSSY or "01" in declared:
        yield finding("LOSSY", note="")
    elif any(
        p.syntax in PERHAPS_LOSSY and p.technical.get("LossyImageCompression") != "00"
        for p in planes
    ):
        yield finding("LOSSY", note=" is allowed by the transfer syntax and not denied")
    if len(syntaxes) > 1:
        yield finding("MIXED-SYNTAX")


def _identity_notes(planes: Sequence[Plane]) -> Iterator[Finding]:
    if planes[0].modality not in ("CT", ""):
        yield finding("MODALITY-DISAGREES", modality=planes[0].modality)
    parts = {plane.part for plane in planes}
    total = max(count for _, count in parts)
    lost = sorted(set(range(1, total + 1)) - {number for number, _ in parts})
    if lost:
        yield finding("PART-MISSING", n=len(lost), parts=", ".join(map(str, lost[:5])), total=total)
    patients = len({plane.patient for plane in planes} - {""})
    if patients > 1:
        yield finding("PATIENTS-DIFFER", n=patients)
    attribute = max(plane.unlike_adult for plane in planes)
    if attribute:
        yield finding("NOT-AN-ADULT", attribute=attribute, whom=DESCRIBED[attribute])


def _value_notes(planes: Sequence[Plane]) -> Iterator[Finding]:
    if len({plane.cells[:4] for plane in planes}) > 1:
        yield finding("CELLS-DIFFER")
    unknown = sum(not plane.cells.sign_declared for plane in planes)
    if unknown:
        verdict = Verdict.REVIEW if unknown == len(planes) else Verdict.REFUSED
        yield finding("SIGN-UNKNOWN", verdict, n=unknown, total=len(planes))
    if any(plane.cells.photometric == "MONOCHROME1" for plane in planes):
        yield finding("MONOCHROME1")
    if len({(plane.slope, plane.intercept) for plane in planes}) > 1:
        yield finding("RESCALE-DIFFERS")


def _image_type_notes(plane: Plane) -> Iterator[Finding]:
    if any(map(is_projection, plane.image_type)):
        yield finding("PROJECTION", attribute="ImageType")
    elif plane.described_as_projection:
        yield finding("PROJECTION", attribute="SeriesDescription")
    elif "DERIVED" in plane.image_type:
        yield finding("DERIVED")


def _cone_beam(plane: Plane) -> Iterator[Finding]:
    if CONE_BEAM.search(plane.technical.get("ManufacturerModelName", "")):
        yield finding("CONE-BEAM", attribute="ManufacturerModelName")
    elif any(map(CONE_BEAM.search, plane.image_type)):
        yield finding("CONE-BEAM", attribute="ImageType")


def _number(text: str | None) -> float | None:
    try:
        if text:
            return float(text)
        return None
    except ValueError:
        return None

"""Read RT Structure Sets (PS3.3 A.19): contours to lung masks.

`rasterisation` fills contours and `nesting` combines them; see docs/rtstruct.md.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.codes import finding, refused
from pleura.core.errors import GridMismatch, InputRefused
from pleura.core.findings import Finding
from pleura.core.lung_names import LungPart, part_of
from pleura.files.limits import CONTOUR_POINTS, CONTOURS_IN_PLANE, PLANE_POINTS
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask
from pleura.labels.nesting import combine, combine_xor
from pleura.labels.objects import Scan, check_frame, items_in
from pleura.labels.rasterisation import Points
from pleura.labels.structures import WORDS, Structure, assemble

if TYPE_CHECKING:
    from pleura.dicom.series import Series

UPWARDS = 1e-3
"""[slices] A contour half-way between two slices goes to the higher one, within this rounding."""
ONE_PLANE = 0.05
"""[slices] Contours that are nearer to each other along the normal belong to one plane."""
NO_NUMBER = -1
CLOSED = {"CLOSED_PLANAR", "CLOSEDPLANAR"}
XOR = {"CLOSEDPLANAR_XOR", "CLOSED_PLANAR_XOR"}
OPEN = {"POINT", "OPEN_PLANAR", "OPEN_NONPLANAR", "OPENPLANAR", "OPENNONPLANAR"}
COUNTED = (
    ("degenerate", "CONTOURS-DEGENERATE"),
    ("broken", "CONTOURS-BROKEN"),
    ("open", "CONTOURS-OPEN"),
    ("type", "CONTOURS-TYPE"),
    ("outside", "CONTOURS-OUTSIDE"),
    ("between", "CONTOURS-BETWEEN-SLICES"),
    ("crowded", "CONTOURS-CROWDED"),
    ("gaps", "CONTOURS-MISSING"),
    ("repeated", "CONTOURS-REPEATED"),
    ("overlapped", "CONTOURS-OVERLAP"),
    ("cancelled", "CONTOURS-CANCELLED"),
    ("crossed", "CONTOURS-CROSS-THEMSELVES"),
)
"""Counts made while a structure is rasterised, each with its finding."""


@dataclass
class _Tally:
    """Counts of contours of one structure that were repaired or left out."""

    counts: Counter[str] = field(default_factory=Counter)
    types: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def findings(self, lung: str) -> list[Finding]:
        found = []
        for key, code in COUNTED:
            if self.counts[key]:
                words: dict[str, Any] = (
                    {"types": ", ".join(sorted(self.types[key]))} if self.types[key] else {}
                )
                found.append(finding(code, lung=lung, n=self.counts[key], **words))
        return found


@dataclass(frozen=True)
class _Contour:
    """A closed contour by index: mean slice, outline, and whether it combines by exclusive or."""

    at: float
    outline: Points
    is_xor: bool


def read(
    dataset: Any, grid: Grid, series: "Series | Scan | None" = None
) -> tuple[LungMask, tuple[Finding, ...]]:
    """Read the lungs of a structure set onto `grid`.

    Each contour goes to the nearest true slice, by its coordinates and never by the instance that
    it references. Where contours of two planes come to one slice, the nearer plane counts.

    Args:
        dataset: the structure set, a pydicom data set.
        grid: where the voxels lie.
        series: the CT that it was drawn on, to compare frame of reference and instances with.

    Returns:
        The mask (unsided where the set has one structure for both lungs) and the findings.

    Raises:
        InputRefused: another frame of reference, no lung, a lung without closed contours, or
            structures that contradict each other; see `structures.assemble`.
        GridMismatch: no contour lies within the volume.
    """
    check_frame(dataset, series)
    frame = series.frame_uid if series is not None else ""
    names, drawn = _structures(dataset, CONTOURS_IN_PLANE * grid.shape[0], frame)
    if not drawn and (lungs := _made_without_contours(dataset)):
        note = finding("LUNG-NOT-DRAWN", names=", ".join(lungs.values()))
        return LungMask(np.zeros(grid.shape, np.uint8), grid, "both" not in lungs), (note,)
    found: list[Finding] = []
    structures = []
    inside = False
    for name, part, contours in drawn:
        voxels, tally = _rasterise(contours, grid, _words(part))
        if tally.counts["open"] == len(contours):
            types = ", ".join(sorted(tally.types["open"]))
            raise refused("CONTOURS-NOT-CLOSED", lung=_words(part), n=len(contours), types=types)
        found += tally.findings(_words(part))
        inside |= bool(voxels.any()) or tally.counts["outside"] < len(contours)
        structures.append(Structure(name, part, voxels, len(contours), "contours"))
    if drawn and not inside:
        raise refused("CONTOURS-ELSEWHERE", GridMismatch)
    if unnamed := _unnamed(dataset):
        found.append(finding("CONTOURS-UNNAMED", n=unnamed))
    mask, more = assemble(structures, names, grid)
    contours = [contour for _, _, listed in drawn for contour in listed]
    return mask, (*found, *more, *_wrong_instances(contours, grid, series))


def _words(part: LungPart) -> str:
    if part.lobe:
        return f"{part.side} {part.lobe} lobe"
    return WORDS[part.side]


def _structures(
    dataset: Any, most: int, frame: str
) -> tuple[list[str], list[tuple[str, LungPart, list[Any]]]]:
    """The names of all structures with contours; and the lungs and lobes, with their contours.

    Contours of other structures are counted and not read. A structure set may have structures of
    several scans: those in another frame of reference than `frame` are left out.

    Raises:
        InputRefused: a lung has more than `most` contours, or the number of another structure; all
            lungs are in other frames of reference.
    """
    others = _frames_of_scans(dataset) - {frame} if frame else set()
    by_number: dict[int, list[Any]] = defaultdict(list)
    for item in dataset.get("ROIContourSequence") or ():
        by_number[_number(item, "ReferencedROINumber")].append(item)
    rois = list(dataset.get("StructureSetROISequence") or ())
    owners = Counter(_number(roi, "ROINumber") for roi in rois)
    names = []
    drawn = []
    elsewhere = 0
    for roi in rois:
        number = _number(roi, "ROINumber")
        items = by_number[number]
        count = sum(items_in(item, "ContourSequence") for item in items)
        if not count:
            continue
        name = str(roi.get("ROIName") or "")
        names.append(name)
        part = part_of(name)
        if part is None:
            continue
        if str(roi.get("ReferencedFrameOfReferenceUID") or "") in others:
            elsewhere += 1
            continue
        if owners[number] > 1 or number == NO_NUMBER:
            raise refused("ROI-NUMBER", lung=_words(part))
        if count > most:
            raise _too_many(_words(part), count, "contours", most)
        contours = [one for item in items for one in item.get("ContourSequence") or ()]
        drawn.append((name, part, contours))
    if elsewhere and not drawn:
        raise refused("FRAME-OF-REFERENCE")
    return names, drawn


def _frames_of_scans(dataset: Any) -> set[str]:
    """The frames of reference of the scans that a structure set lists."""
    listed = dataset.get("ReferencedFrameOfReferenceSequence") or ()
    return {str(one.get("FrameOfReferenceUID") or "") for one in listed} - {""}


def _unnamed(dataset: Any) -> int:
    """How many ROI numbers have contours and are of no structure."""
    known = {_number(roi, "ROINumber") for roi in dataset.get("StructureSetROISequence") or ()}
    drawn = {
        _number(item, "ReferencedROINumber")
        for item in dataset.get("ROIContourSequence") or ()
        if items_in(item, "ContourSequence")
    }
    return len(drawn - known)


def _made_without_contours(dataset: Any) -> dict[str, str]:
    """The names of both lungs by side, where an algorithm, or pleura, made them; else empty.

    What no algorithm made is the unused name of a template.
    """
    is_ours = str(dataset.get("Manufacturer") or "") == "pleura"
    lungs: dict[str, str] = {}
    for roi in dataset.get("StructureSetROISequence") or ():
        name = str(roi.get("ROIName") or "")
        part = part_of(name)
        is_made = is_ours or str(roi.get("ROIGenerationAlgorithm") or "") == "AUTOMATIC"
        if is_made and part is not None and part.whole:
            lungs[part.side] = name
    if "both" in lungs or lungs.keys() >= {"right", "left"}:
        return lungs
    return {}


def _number(item: Any, keyword: str) -> int:
    value = item.get(keyword)
    if value in (None, ""):
        return NO_NUMBER
    return int(value)


def _rasterise(contours: Sequence[Any], grid: Grid, lung: str) -> tuple[NDArray[np.bool_], _Tally]:
    """The voxels of one structure, and what was repaired or left out."""
    tally = _Tally()
    planes: dict[int, list[_Contour]] = defaultdict(list)
    points: Counter[int] = Counter()
    for contour in contours:
        closed = _closed(contour, grid, tally)
        if closed is None:
            continue
        nearest = int(np.floor(closed.at + 0.5 + UPWARDS))
        if not 0 <= nearest < grid.shape[0] or _is_beside(closed.outline, grid.shape[1:]):
            tally.counts["outside"] += 1
            continue
        tally.counts["between"] += abs(closed.at - nearest) > ONE_PLANE
        planes[nearest].append(closed)
        points[nearest] += len(closed.outline)
        if points[nearest] > PLANE_POINTS:  # at once: each point takes time to read
            raise _too_many(lung, points[nearest], "points on one slice", PLANE_POINTS)
    _check_counts(planes.values(), lung)
    voxels = np.zeros(grid.shape, dtype=bool)
    for k, listed in planes.items():
        best = min((one.at for one in listed), key=lambda at: abs(at - k))
        kept = [one for one in listed if abs(one.at - best) <= ONE_PLANE]
        tally.counts["crowded"] += len(listed) - len(kept)
        voxels[k] = _fill_plane(kept, grid.shape[1:], tally)
    if planes:
        tally.counts["gaps"] = max(planes) - min(planes) + 1 - len(planes)
    return voxels, tally


def _is_beside(outline: Points, shape: tuple[int, int]) -> bool:
    """Whether an outline lies beside the slice, left, right, above or below it."""
    low, high = outline.min(axis=0), outline.max(axis=0)
    return bool((high <= -0.5).any() or (low >= np.array(shape) - 0.5).any())


def _check_counts(planes: Iterable[Sequence[_Contour]], lung: str) -> None:
    """Refuse what would take minutes to combine: time grows with the square of the number.

    Raises:
        InputRefused: `CONTOURS-TOO-MANY`.
    """
    for listed in planes:
        points = max(len(one.outline) for one in listed)
        if len(listed) > CONTOURS_IN_PLANE:
            raise _too_many(lung, len(listed), "contours on one slice", CONTOURS_IN_PLANE)
        if points > CONTOUR_POINTS:
            raise _too_many(lung, points, "points in one contour", CONTOUR_POINTS)


def _too_many(lung: str, n: int, what: str, limit: int) -> InputRefused:
    return refused("CONTOURS-TOO-MANY", lung=lung, n=n, what=what, limit=limit)


def _fill_plane(
    contours: Sequence[_Contour], shape: tuple[int, int], tally: _Tally
) -> NDArray[np.bool_]:
    outlines = [one.outline for one in contours]
    if any(one.is_xor for one in contours):
        filled = combine_xor(outlines, shape)
        tally.counts["cancelled"] += not filled.mask.any() and len(outlines) > 1
    else:
        filled = combine(outlines, shape)
    tally.counts["repeated"] += filled.repeated
    tally.counts["crossed"] += filled.crossed
    tally.counts["overlapped"] += filled.overlapped
    return filled.mask


def _closed(contour: Any, grid: Grid, tally: _Tally) -> _Contour | None:
    """A contour in index coordinates; `None` (and counted) where it is open or encloses nothing."""
    kind = str(contour.get("ContourGeometricType") or "").strip().upper().replace(" ", "_")
    if kind in OPEN and kind != "POINT" and _returns(contour):
        tally.counts["type"] += 1
        tally.types["type"].add(kind)
    elif kind in OPEN:
        tally.counts["open"] += 1
        tally.types["open"].add(kind)
        return None
    points = points_of(contour)
    if points is not None and len(points) < 3:
        tally.counts["degenerate"] += 1
        return None
    index = None if points is None else grid.to_index(points)
    if index is None or np.ptp(index[:, 0]) > 0.5:
        tally.counts["broken"] += 1
        return None
    if kind not in CLOSED | XOR | OPEN:
        tally.counts["type"] += 1
        named = kind if kind == "INTERPOLATED_PLANAR" else "unknown"
        tally.types["type"].add(named if kind else "absent")
    return _Contour(float(index[:, 0].mean()), index[:, 1:], kind in XOR)


def _returns(contour: Any) -> bool:
    """Whether an open contour ends where it begins."""
    points = points_of(contour)
    return (
        points is not None
        and len(points) > 3
        and bool(np.allclose(points[0], points[-1], atol=1e-3))
    )


def points_of(contour: Any) -> NDArray[np.float64] | None:
    """The points `(n, 3)` of a contour, LPS mm; `None` where they are not whole or no numbers."""
    try:
        raw = contour.get_item("ContourData")
        # not converted yet: much faster than through pydicom
        if raw is not None and isinstance(raw.value, bytes):
            data = np.array(raw.value.rstrip(b" \0").split(b"\\"), dtype=np.float64)
        else:
            data = np.asarray(contour.get("ContourData") or [], dtype=np.float64)
    except (ValueError, TypeError):
        return None
    if data.size % 3 or not np.isfinite(data).all():
        return None
    return data.reshape(-1, 3)


def _wrong_instances(
    contours: Iterable[Any], grid: Grid, series: "Series | Scan | None"
) -> list[Finding]:
    """Number of contours that reference another instance than their slice's."""
    if series is None or len({plane.sop_uid for plane in series.files}) != grid.shape[0]:
        return []
    place = {plane.sop_uid: k for k, plane in enumerate(series.files)}
    wrong = 0
    for contour in contours:
        points, images = points_of(contour), contour.get("ContourImageSequence")
        if points is not None and len(points) and images:
            at = grid.to_index(points)[:, 0].mean()
            named = place.get(str(images[0].get("ReferencedSOPInstanceUID", "")), -9)
            wrong += bool(abs(named - at) > 0.5 + UPWARDS)
    if wrong:
        return [finding("CONTOURS-WRONG-INSTANCE", n=wrong)]
    return []

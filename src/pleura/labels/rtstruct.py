"""RT Structure Sets (PS3.3 A.19): contours to a mask by `arrays.contours`, and a mask to contours along voxel edges."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.errors import GridMismatch, InputRefused
from pleura.core.findings import Finding, Verdict
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LEFT, RIGHT, LungMask
from pleura.labels.contours import Points, fill, trace
from pleura.labels.names import Side, side_of
from pleura.labels.objects import RTSTRUCT, Scan, check_frame, item, new_dataset, write_dataset

if TYPE_CHECKING:
    from pleura.dicom.series import Series

UPWARDS = 1e-3
"""A contour half-way between two slices goes to the higher one, whatever the noise of its digits (in slices)."""
ONE_PLANE = 0.05
"""Contours this near to each other are of one plane, and even-odd together (in slices)."""


def read(dataset: Any, grid: Grid, series: "Series | Scan | None" = None) -> tuple[LungMask, tuple[Finding, ...]]:
    """Lungs of a structure set on `grid`.

    Every contour goes to the nearest true slice, by its coordinates and never by the instance that it names; contours of a
    plane combine even-odd. Where contours of two planes come to one slice, the nearer plane counts.

    Args:
        dataset: the structure set, a pydicom data set.
        grid: where the voxels lie.
        series: the CT that it was drawn on, to compare frame of reference and instances with.

    Returns:
        The mask (unsided where the set has one structure for both lungs) and what was odd.

    Raises:
        InputRefused: another frame of reference, no lung, a lung twice; or no contour within the volume.
    """
    check_frame(dataset, series)
    findings: list[Finding] = []
    structures = _lungs(dataset)
    sided = "both" not in structures
    labels = np.zeros(grid.shape, dtype=np.uint8)
    for side, contours in structures.items():
        lung = _rasterise(side, contours, grid, findings)
        label = LEFT if side == "left" else RIGHT
        twice = int(np.count_nonzero(lung & (labels > 0)))
        if twice:
            findings.append(_odd("LUNGS-OVERLAP", f"{twice} voxels lie in both lungs; the first to claim them has them", twice))
        labels[lung & (labels == 0)] = label
    if not labels.any():
        raise GridMismatch("no contour of a lung lies within the volume: the structure set is of another scan")
    if sided and len(structures) == 1:
        findings.append(_odd("ONE-LUNG", f"the structure set has a {next(iter(structures))} lung only", 1))
    findings += _wrong_instances(structures, grid, series)
    return LungMask(labels, grid, sided), tuple(findings)


def _odd(code: str, message: str, count: int, verdict: Verdict = Verdict.REVIEW) -> Finding:
    return Finding(code, verdict, message, {"n": count})


def _lungs(dataset: Any) -> dict[Side, list[Any]]:
    """Contours by lung; an ROI may be named and have none."""
    names = {int(roi.ROINumber): str(roi.get("ROIName", "")) for roi in dataset.get("StructureSetROISequence", ())}
    found: dict[Side, list[Any]] = {}
    for number, name in names.items():
        side = side_of(name)
        if side is None:
            continue
        items = [c for c in dataset.get("ROIContourSequence", ()) if int(c.get("ReferencedROINumber", -1)) == number]
        contours = [contour for item in items for contour in item.get("ContourSequence", ())]
        if contours and found.get(side):
            raise InputRefused(f"two structures are named as the {side} lung; keep one", code="LUNG-TWICE")
        found[side] = contours or found.get(side, [])
    if not any(found.values()):
        raise InputRefused("the structure set has no contours of a lung (Lung_R, Lung_L or Lungs, TG-263)", code="NO-LUNG")
    if found.get("right") or found.get("left"):
        found.pop("both", None)
    return {side: found[side] for side in ("right", "left", "both") if found.get(side)}


def _points(contour: Any) -> NDArray[np.float64] | None:
    """`(n, 3)` LPS mm, or `None` where it encloses nothing."""
    data = np.asarray(contour.get("ContourData") or [], dtype=np.float64)
    closed = str(contour.get("ContourGeometricType", "")).startswith("CLOSED")
    if not closed or data.size % 3 or data.size < 9 or not np.isfinite(data).all():
        return None
    return data.reshape(-1, 3)


def _rasterise(side: Side, contours: Sequence[Any], grid: Grid, findings: list[Finding]) -> NDArray[np.bool_]:
    counts: Counter[str] = Counter()
    planes: dict[int, list[tuple[float, Points]]] = defaultdict(list)
    for contour in contours:
        points = _points(contour)
        index = None if points is None else grid.to_index(points)
        if index is None or np.ptp(index[:, 0]) > 0.5:
            counts["degenerate"] += 1
            continue
        at = float(index[:, 0].mean())
        nearest = int(np.floor(at + 0.5 + UPWARDS))
        if not 0 <= nearest < grid.shape[0]:
            counts["outside"] += 1
            continue
        counts["between"] += abs(at - nearest) > ONE_PLANE
        planes[nearest].append((at, index[:, 1:]))
    lung = np.zeros(grid.shape, dtype=bool)
    for k, held in planes.items():
        best = min((at for at, _ in held), key=lambda at: abs(at - k))
        kept = [polygon for at, polygon in held if abs(at - best) <= ONE_PLANE]
        counts["crowded"] += len(held) - len(kept)
        lung[k] = fill(kept, grid.shape[1:])
    if planes:
        counts["gaps"] = max(planes) - min(planes) + 1 - len(planes)
    findings += _counted(side, counts)
    return lung


def _counted(side: Side, counts: Mapping[str, int]) -> list[Finding]:
    lung = "lungs" if side == "both" else f"{side} lung"
    told = {
        "degenerate": ("CONTOURS-DEGENERATE", Verdict.REPAIRED, "contours enclose nothing or lie across slices; left out"),
        "outside": ("CONTOURS-OUTSIDE", Verdict.REVIEW, "contours lie beyond the volume; left out"),
        "between": ("CONTOURS-BETWEEN-SLICES", Verdict.REPAIRED, "contours lie between slices; each is on the nearest"),
        "crowded": ("CONTOURS-CROWDED", Verdict.REVIEW, "contours share a slice with a nearer plane of contours; left out"),
        "gaps": ("CONTOURS-MISSING", Verdict.REVIEW, "slices between the first and the last contour have none; left empty"),
    }
    return [_odd(code, f"{lung}: {counts[k]} {text}", counts[k], v) for k, (code, v, text) in told.items() if counts.get(k)]


def _wrong_instances(structures: Mapping[Side, Sequence[Any]], grid: Grid, series: "Series | Scan | None") -> list[Finding]:
    """Contours that name an instance which is not the slice that they lie on."""
    if series is None or len({plane.sop_uid for plane in series.files}) != grid.shape[0]:
        return []
    place = {plane.sop_uid: k for k, plane in enumerate(series.files)}
    wrong = 0
    for contour in (c for contours in structures.values() for c in contours):
        points, images = _points(contour), contour.get("ContourImageSequence")
        if points is not None and images:
            at = grid.to_index(points)[:, 0].mean()
            wrong += bool(abs(place.get(str(images[0].get("ReferencedSOPInstanceUID", "")), -9) - at) > 0.5 + UPWARDS)
    text = f"{wrong} contours name an instance other than the slice that they lie on; their coordinates count"
    return [_odd("CONTOURS-WRONG-INSTANCE", text, wrong, Verdict.REPAIRED)] if wrong else []


def write(path: Path, mask: LungMask, series: "Series") -> None:
    """Write `Lung_R` and `Lung_L` (or `Lungs`), one contour for each connected piece of a slice, holes by keyhole.

    UIDs come from the series and the mask, and dates from the series, so that the same mask is the same bytes.
    """
    dataset = new_dataset(series, mask, RTSTRUCT, "RTSTRUCT", "lungs by contours")
    names = {"Lung_R": mask.right, "Lung_L": mask.left} if mask.sided else {"Lungs": mask.lungs}
    dataset.StructureSetLabel = "LUNGS"
    dataset.StructureSetDate, dataset.StructureSetTime = "", ""
    dataset.ApprovalStatus = "UNAPPROVED"
    dataset.ReferencedFrameOfReferenceSequence = [_frame(series, str(dataset.StudyInstanceUID))]
    dataset.StructureSetROISequence, dataset.ROIContourSequence, dataset.RTROIObservationsSequence = [], [], []
    for number, (name, lung) in enumerate(names.items(), 1):
        dataset.StructureSetROISequence.append(
            item(
                ROINumber=number,
                ReferencedFrameOfReferenceUID=series.frame_uid,
                ROIName=name,
                ROIGenerationAlgorithm="AUTOMATIC",
            )
        )
        drawn = np.flatnonzero(lung.any(axis=(1, 2)))
        contours = [_contour(points, int(k), mask.grid, series) for k in drawn for points in trace(lung[k])]
        colour = {"Lung_R": [0, 170, 255], "Lung_L": [255, 140, 0]}.get(name, [0, 200, 120])
        held = {"ContourSequence": contours} if contours else {}
        dataset.ROIContourSequence.append(item(ROIDisplayColor=colour, ReferencedROINumber=number, **held))
        dataset.RTROIObservationsSequence.append(
            item(ObservationNumber=number, ReferencedROINumber=number, RTROIInterpretedType="ORGAN", ROIInterpreter="")
        )
    write_dataset(path, dataset)


def _frame(series: "Series", study_uid: str) -> Any:
    images = list(dict.fromkeys((plane.sop_class, plane.sop_uid) for plane in series.files))
    listed = [item(ReferencedSOPClassUID=kind, ReferencedSOPInstanceUID=uid) for kind, uid in images]
    of_series = item(SeriesInstanceUID=series.series_uid, ContourImageSequence=listed)
    detached_study_management = "1.2.840.10008.3.1.2.3.1"
    of_study = item(
        ReferencedSOPClassUID=detached_study_management,
        ReferencedSOPInstanceUID=study_uid,
        RTReferencedSeriesSequence=[of_series],
    )
    return item(FrameOfReferenceUID=series.frame_uid, RTReferencedStudySequence=[of_study])


def _contour(points: Points, k: int, grid: Grid, series: "Series") -> Any:
    world = grid.to_world(np.column_stack([np.full(len(points), float(k)), points]))
    plane = series.files[k]
    image = item(ReferencedSOPClassUID=plane.sop_class, ReferencedSOPInstanceUID=plane.sop_uid)
    if plane.frames > 1:
        image.ReferencedFrameNumber = plane.frame + 1
    return item(
        ContourImageSequence=[image],
        ContourGeometricType="CLOSED_PLANAR",
        NumberOfContourPoints=len(points),
        ContourData=[f"{x:.6f}".rstrip("0").rstrip(".") for x in world.ravel()],
    )

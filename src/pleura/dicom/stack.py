"""From planes to stacks: which belong together, in which order, on which grid, and what is wrong with them.

Order of a stack is the projection of ImagePositionPatient on cross(row cosine, column cosine), never InstanceNumber,
SliceLocation or a file's name (pitfall 8); the step is never SliceThickness (pitfall 11).
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pleura.arrays.grid import Grid
from pleura.core.findings import Finding, Verdict
from pleura.dicom.header import TELLING, Plane

SAME_PLACE_MM = 1e-3
COSINES = 1e-3
WOBBLE = 0.02
"""A gap may differ from the median by 2 %, or 0.02 mm: vendors round positions (pitfalls 9, 10)."""
TILT_DEGREES = 0.5


def shape_key(plane: Plane) -> Hashable:
    """Planes of one volume agree in this: size, spacing, orientation, whether they are a localizer (pitfalls 2, 13)."""
    return plane.rows, plane.columns, _rounded(plane.spacing, plane.orientation), "LOCALIZER" in plane.image_type


@lru_cache(maxsize=1024)
def _rounded(spacing: tuple[float, ...] | None, orientation: tuple[float, ...] | None) -> Hashable:
    return (
        None if spacing is None else tuple(round(x, 3) for x in spacing),
        None if orientation is None else tuple(round(x / COSINES / 2) for x in orientation),
    )


def depth(plane: Plane) -> float:
    """Position along cross(row cosine, column cosine), mm."""
    assert plane.position is not None
    assert plane.orientation is not None
    a, b, c, d, e, f = plane.orientation  # by hand: np.cross takes longer than reading a header
    x, y, z = plane.position
    return (b * f - c * e) * x + (c * d - a * f) * y + (a * e - b * d) * z


def drop_copies(planes: Sequence[Plane]) -> tuple[list[Plane], list[Finding]]:
    """Drop second copies of the same instance in the same place; pixels of copies are compared (pitfall 4)."""
    kept: dict[Hashable, Plane] = {}
    dropped = 0
    findings = []
    for plane in planes:
        key = (plane.sop_uid, plane.frame)
        other = kept.get(key) if plane.sop_uid else None
        if other is None:
            kept[key if plane.sop_uid else (plane.file, plane.frame)] = plane
        elif plane.position == other.position and _same_pixels(plane, other):
            dropped += 1
            if not other.complete and plane.complete:
                kept[key] = plane
        else:
            kept[(plane.file, plane.frame)] = plane
            findings.append(
                Finding("SAME-UID-DIFFERENT", Verdict.REFUSED, "two different slices share one SOPInstanceUID; export again")
            )
    if dropped:
        findings.append(_dropped(dropped))
    return list(kept.values()), findings[:1] + findings[-1:] if len(findings) > 2 else findings


def _dropped(count: int) -> Finding:
    return Finding("COPIES-DROPPED", Verdict.OK, f"{count} second copies of slices left out", {"n": count})


def _same_pixels(one: Plane, two: Plane) -> bool:
    """Equal stored values; where one copy is cut off, the other stands for both."""
    from pleura.core.errors import UnreadableFile
    from pleura.dicom.pixels import stored_values

    if not (one.complete and two.complete):
        return True
    try:
        return bool(np.array_equal(stored_values(one), stored_values(two)))
    except UnreadableFile:
        return False


def volumes_of(planes: Sequence[Plane]) -> tuple[list[list[Plane]], list[Finding]]:
    """Stacks with one plane at each position: the whole, or what a telling attribute separates it into (pitfall 3).

    Returns:
        The stacks, each ascending, and findings; where nothing separates planes that share a place, one stack and a refusal.
    """
    ordered = sorted(planes, key=depth)
    if not _crowded(ordered):
        return [ordered], []
    for index, name in enumerate(TELLING):
        parts: dict[str, list[Plane]] = defaultdict(list)
        for plane in ordered:
            parts[plane.telling[index] if plane.telling else ""].append(plane)
        if len(parts) > 1 and not any(_crowded(part) for part in parts.values()):
            note = Finding(
                "SPLIT-BY-ATTRIBUTE",
                Verdict.OK,
                f"one SeriesInstanceUID, {len(parts)} volumes told apart by {name}",
                {"by": name},
            )
            return [parts[key] for key in sorted(parts)], [note]
    once = [ordered[0]]
    for plane in ordered[1:]:
        if depth(plane) - depth(once[-1]) >= SAME_PLACE_MM or not _same_pixels(plane, once[-1]):
            once.append(plane)
        elif plane.complete and not once[-1].complete:
            once[-1] = plane
    if not _crowded(once):
        return [once], [_dropped(len(ordered) - len(once))]
    return [ordered], [
        Finding(
            "SLICES-SHARE-A-PLACE",
            Verdict.REFUSED,
            "several slices lie at one position and nothing tells them apart; export the series alone",
        )
    ]


def _crowded(ordered: Sequence[Plane]) -> bool:
    depths = np.array([depth(plane) for plane in ordered])
    return bool((np.diff(depths) < SAME_PLACE_MM).any())


def grid_of(planes: Sequence[Plane]) -> tuple[Grid | None, list[Finding]]:
    """The grid of an ascending stack of at least two planes, and what is odd about its steps."""
    first, last = planes[0], planes[-1]
    assert first.position is not None
    assert last.position is not None
    assert first.orientation is not None
    assert first.spacing is not None
    cosines, trouble = _orthonormal(first.orientation)
    if trouble:
        return None, [trouble]
    row, column = cosines
    depths = np.array([depth(plane) for plane in planes])
    gaps = np.diff(depths)
    step = (np.array(last.position) - np.array(first.position)) / (len(planes) - 1)
    normal = np.cross(row, column)
    findings = _gap_findings(gaps)
    affine = np.eye(4)
    lean = float(np.degrees(np.arccos(min(1.0, step @ normal / np.linalg.norm(step)))))
    if lean > TILT_DEGREES:
        findings.append(
            Finding(
                "GANTRY-TILT",
                Verdict.REVIEW,
                f"the stack leans by {lean:.1f} degrees; its true sheared grid is kept",
                {"degrees": lean},
            )
        )
    affine[:3, 0] = step
    affine[:3, 1] = column * first.spacing[0]
    affine[:3, 2] = row * first.spacing[1]
    affine[:3, 3] = first.position
    if np.linalg.det(affine[:3, :3]) == 0:
        return None, [Finding("BAD-GEOMETRY", Verdict.REFUSED, "spacing or position makes no volume; export the series again")]
    uneven = any(finding.code == "UNEVEN-SPACING" for finding in findings)
    return Grid((len(planes), first.rows, first.columns), affine, depths - depths[0] if uneven else None), findings


def _orthonormal(orientation: Sequence[float]) -> tuple[NDArray[np.float64], Finding | None]:
    """Cosines made orthonormal where they are nearly so (pitfall 14), or a refusal."""
    raw = np.array(orientation, dtype=np.float64).reshape(2, 3)
    left, sizes, right = np.linalg.svd(raw, full_matrices=False)
    if not np.isfinite(raw).all() or np.abs(sizes - 1).max() > COSINES:
        bad = Finding("BAD-COSINES", Verdict.REFUSED, "ImageOrientationPatient holds no orthogonal unit vectors; export again")
        return raw, bad
    cosines: NDArray[np.float64] = raw if np.abs(sizes - 1).max() < 1e-9 else left @ right
    return cosines, None


def _gap_findings(gaps: NDArray[np.float64]) -> list[Finding]:
    """Missing slices are whole multiples of the median step; anything else off it is uneven spacing."""
    usual = float(np.median(gaps))
    slack = max(WOBBLE * usual, 0.02)
    off = np.abs(gaps - usual) > slack
    if not off.any():
        return []
    times = np.rint(gaps / usual)
    missing = off & (times >= 2) & (np.abs(gaps - times * usual) <= slack)
    if missing.any() and (missing == off).all() and np.count_nonzero(off) <= len(gaps) // 3:
        lost = int((times[missing] - 1).sum())
        where = ", ".join(str(int(k) + 1) for k in np.flatnonzero(missing)[:5])
        return [
            Finding(
                "GAP-IN-SLICES",
                Verdict.REFUSED,
                f"{lost} missing slice(s), after slice {where} of {len(gaps) + 1}; fetch the series again",
                {"missing": lost, "median_step_mm": usual},
            )
        ]
    return [
        Finding(
            "UNEVEN-SPACING",
            Verdict.REVIEW,
            f"slices are {gaps.min():.2f} to {gaps.max():.2f} mm apart; their true positions are kept",
            {"smallest_mm": float(gaps.min()), "largest_mm": float(gaps.max())},
        )
    ]

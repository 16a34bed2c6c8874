"""From planes to stacks: which belong together, in which order, on which grid, and what is wrong with them.

Order of a stack is the projection of ImagePositionPatient on cross(row cosine, column cosine), never InstanceNumber,
SliceLocation or a file's name (pitfall 8); the step is never SliceThickness (pitfall 11).
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pleura.core.errors import GridMismatch
from pleura.core.findings import Finding, Verdict
from pleura.dicom.header import TELLING, Plane
from pleura.dicom.spacing import ROUNDED_MM, SAME_PLACE_MM, near_mm, step_findings
from pleura.geometry.grid import Grid

COSINES = 1e-3
SPACING_MM = 1e-3
TILT_DEGREES = 0.5
ASIDE = 0.25
"""How far beside the others a slice may lie, in pixels: no grid holds it."""
PROJECTIONS = ("MIP", "MINIP", "MNIP", "AVERAGE", "AVG", "PROJECTION IMAGE", "RESAMPLED")
"""Words of ImageType of what was computed from slices, and lies among them without being one."""
MAPS = (
    *("RCBF", "RCBV", "CBF", "CBV", "MTT", "TTP", "TTD", "TMAX", "TTS", "PERMEABILITY", "FLOW_MAP", "PBV"),
    *("SUBTRACTION", "DIVISION", "MULTIPLICATION", "STD_DEVIATION", "QUANTITY", "VELOCITY"),
    *("MAT_SPECIFIC", "MAT_FRACTION", "MAT_VALUE_BASED", "EFF_ATOMIC_NUM", "ELECTRON_DENSITY"),
)
"""Words of ImageType of maps of something other than X-ray density (PS3.3 C.8.15.2.1.1, C.8.15.3.10): values are no HU."""


BAD_GEOMETRY = Finding("BAD-GEOMETRY", Verdict.REFUSED, "spacing or position makes no volume; export the series again")
ONE_PLACE = Finding(
    "SLICES-SHARE-A-PLACE", Verdict.REFUSED, "all of these lie at one position, as in bolus tracking: they make no volume"
)
KERNEL = TELLING.index("ConvolutionKernel")


class Shape(NamedTuple):
    """Planes of one volume agree in this: size, spacing, orientation, and what their ImageType says they are."""

    rows: int
    columns: int
    spacing: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    kind: tuple[str, ...]

    def near(self, other: "Shape") -> bool:
        """The same but for the noise of their digits."""
        return (
            (self.rows, self.columns, self.kind) == (other.rows, other.columns, other.kind)
            and _near(self.spacing, other.spacing, SPACING_MM)
            and _near(self.orientation, other.orientation, COSINES)
        )


def _near(one: Sequence[float] | None, two: Sequence[float] | None, tolerance: float) -> bool:
    if one is None or two is None:
        return one is two
    return all(abs(a - b) <= tolerance for a, b in zip(one, two, strict=True))


def by_shape(planes: Sequence[Plane]) -> list[list[Plane]]:
    """Planes parted by size, spacing, orientation and kind (pitfalls 2, 13); those of a part get the cosines that most have.

    A stack that is even only as a whole, although ImageType changes along it, is not parted (pitfall 5).
    """
    alike: dict[tuple[Any, ...], list[Plane]] = defaultdict(list)
    for plane in planes:
        alike[plane.rows, plane.columns, plane.spacing, plane.orientation, kind_of(plane.image_type)].append(plane)
    exact = {Shape(*key): part for key, part in alike.items()}
    parts: dict[Shape, list[Plane]] = {}
    for shape in sorted(exact, key=lambda one: -len(exact[one])):
        like = next((one for one in parts if one.near(shape)), None)
        if like is None:
            parts[shape] = list(exact[shape])
        else:
            parts[like] += [p._replace(orientation=like.orientation, spacing=like.spacing) for p in exact[shape]]
    return _rejoined(parts)


@lru_cache(maxsize=1024)
def kind_of(image_type: Sequence[str]) -> tuple[str, ...]:
    """What tells a slice from what was made of slices: localizer, projection, map, or else derived or original."""
    if "LOCALIZER" in image_type:
        return ("LOCALIZER",)
    computed = tuple(word for word in image_type if word in PROJECTIONS or word in MAPS)
    return computed or tuple(word for word in image_type[:2] if word in ("DERIVED", "SECONDARY"))


def _rejoined(parts: dict[Shape, list[Plane]]) -> list[list[Plane]]:
    """Originals and derived slices together again, where they make one even stack and neither does alone."""
    groups: dict[Hashable, list[list[Plane]]] = defaultdict(list)
    for shape, part in parts.items():
        plain = not set(shape.kind) & {"LOCALIZER", *PROJECTIONS, *MAPS}
        groups[shape._replace(kind=()) if plain else shape].append(part)
    found = []
    for group in groups.values():
        whole = [plane for part in group for plane in part]
        found += [whole] if len(group) > 1 and is_even(whole) else group
    return found


def is_even(planes: Sequence[Plane]) -> bool:
    """Whether planes make one stack of even steps, each place held once."""
    if not all(plane.position and plane.orientation for plane in planes):
        return False
    depths = np.sort(depths_of(planes))
    return len(depths) > 2 and float(np.diff(depths).min()) > SAME_PLACE_MM and not step_findings(depths)


def in_one_place(planes: Sequence[Plane]) -> bool:
    """Whether all lie at one position, as the images of bolus tracking do."""
    depths = depths_of(planes)
    return max(depths) - min(depths) < SAME_PLACE_MM


def depth(plane: Plane) -> float:
    """Position along cross(row cosine, column cosine), mm."""
    return depths_of((plane,))[0]


def depths_of(planes: Iterable[Plane]) -> list[float]:
    """`depth` of each; the planes of a stack share their cosines, so the normal is worked out once."""
    told, known = [], None
    i = j = k = 0.0
    for plane in planes:
        if plane.orientation is not known:
            known = plane.orientation
            assert known is not None
            a, b, c, d, e, f = known  # by hand: np.cross takes longer than reading a header
            i, j, k = b * f - c * e, c * d - a * f, a * e - b * d
        assert plane.position is not None
        x, y, z = plane.position
        told.append(i * x + j * y + k * z)
    return told


def drop_copies(planes: Sequence[Plane]) -> tuple[list[Plane], list[Finding]]:
    """Drop second copies of the same instance in the same place; pixels of copies are compared (pitfall 4)."""
    kept: dict[Hashable, Plane] = {}
    dropped = clashes = 0
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
            clashes += 1
    findings = [_dropped(dropped)] if dropped else []
    if clashes:
        text = f"{clashes} slice(s) have the SOPInstanceUID of another, different one; export again"
        findings.append(Finding("SAME-UID-DIFFERENT", Verdict.REFUSED, text, {"n": clashes}))
    return list(kept.values()), findings


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
    """Stacks with one plane at each position: the whole, or what telling attributes separate it into (pitfall 3).

    Returns:
        The stacks, each ascending, and findings; where nothing separates planes that share a place, one stack and a refusal.
    """
    ordered = [plane for _, _, plane in sorted(zip(depths_of(planes), range(len(planes)), planes, strict=True))]
    places = _places(ordered)
    if max(places) == 1:
        return _passes(ordered)
    notes: list[Finding] = []
    if 2 * sum(count > 1 for count in places) < len(places):  # a few slices twice: copies, rather than a second volume
        ordered, notes = _once(ordered)
    told = _told_apart(ordered)
    if told is None:
        ordered, notes = _once(ordered)
        told = ([ordered], []) if max(_places(ordered)) == 1 else _by_run(ordered)
    if told is None:
        refusal = Finding(
            "SLICES-SHARE-A-PLACE",
            Verdict.REFUSED,
            "several slices lie at one position and nothing tells them apart; export the series alone",
        )
        return [ordered], [*notes, refusal]
    stacks, names = told
    if len(stacks) > 1:
        by = ", ".join(dict.fromkeys(names))
        notes.append(_split(len(stacks), by, Verdict.REVIEW if by == "InstanceNumber" else Verdict.OK))
    return stacks, notes


def _split(count: int, by: str, verdict: Verdict) -> Finding:
    guess = "; look whether each is whole" if verdict is Verdict.REVIEW else ""
    text = f"one SeriesInstanceUID, {count} volumes told apart by {by}{guess}"
    return Finding("SPLIT-BY-ATTRIBUTE", verdict, text, {"by": by})


def _places(ordered: Sequence[Plane]) -> list[int]:
    """How many planes lie at each place, upwards."""
    depths = depths_of(ordered)
    near = near_mm(depths)
    counts = [1]
    for below, above in pairwise(depths):
        if above - below < near:
            counts[-1] += 1
        else:
            counts.append(1)
    return counts


def _once(ordered: Sequence[Plane]) -> tuple[list[Plane], list[Finding]]:
    """Without second copies of the same pixels at the same place (pitfall 4)."""
    once: list[Plane] = []
    near = near_mm(depths_of(ordered))
    start = 0  # of the planes at the place that is being looked at
    for plane in ordered:
        if once and depth(plane) - depth(once[-1]) >= near:
            start = len(once)
        twin = next((k for k in range(start, len(once)) if _same_pixels(plane, once[k])), None)
        if twin is None:
            once.append(plane)
        elif plane.complete and not once[twin].complete:
            once[twin] = plane
    dropped = len(ordered) - len(once)
    return once, [_dropped(dropped)] if dropped else []


def _told_apart(ordered: Sequence[Plane]) -> tuple[list[list[Plane]], list[str]] | None:
    """By one attribute after another, into no more volumes than planes share a place; `None` where that cannot be done."""
    most = max(_places(ordered))
    if most == 1:
        return [list(ordered)], []
    for index, name in enumerate(TELLING):
        parts: dict[str, list[Plane]] = defaultdict(list)
        for plane in ordered:
            parts[plane.telling[index] if plane.telling else ""].append(plane)
        if not 1 < len(parts) <= most:
            continue
        told = [_told_apart(parts[key]) or _one_place(parts[key]) for key in sorted(parts)]
        if all(one is not None for one in told):
            stacks = [stack for one in told if one for stack in one[0]]
            return stacks, [name, *(inner for one in told if one for inner in one[1])]
    return None


def _one_place(part: list[Plane]) -> tuple[list[list[Plane]], list[str]] | None:
    """Images of one place that nothing tells apart: together, to be refused."""
    return ([part], []) if len(_places(part)) == 1 else None


def _by_run(ordered: Sequence[Plane]) -> tuple[list[list[Plane]], list[str]] | None:
    """By runs of InstanceNumber, where every place is held equally often and each run goes through all places once."""
    counts = _places(ordered)
    if len(set(counts)) > 1 or len(counts) < 2 or len({plane.instance_number for plane in ordered} - {None}) < len(ordered):
        return None
    numbered = sorted(ordered, key=lambda plane: plane.instance_number or 0)
    runs = [sorted(numbered[k : k + len(counts)], key=depth) for k in range(0, len(numbered), len(counts))]
    return (runs, ["InstanceNumber"]) if all(max(_places(run)) == 1 for run in runs) else None


def _passes(ordered: list[Plane]) -> tuple[list[list[Plane]], list[Finding]]:
    """One stack; or several whose slices lie between each other's: of two kernels, or passes that only alone are even
    (pitfall 3). One whose slices alternate in what tells volumes apart, and are even together, is to be looked at."""
    depths = np.array(depths_of(ordered))
    uneven = bool(step_findings(depths)) if len(ordered) >= 4 else False
    for index in (KERNEL, *([0] if uneven else ())):
        names = sorted({_telling(plane, index) for plane in ordered})
        if not 1 < len(names) <= 4:
            continue
        parts = [[p for p in ordered if _telling(p, index) == name] for name in names]
        if all(len(part) > 2 and is_even(part) for part in parts) and (uneven or _entwined(parts)):
            return parts, [_split(len(parts), TELLING[index], Verdict.REVIEW)]
    for index in range(KERNEL if len({plane.telling[:KERNEL] for plane in ordered}) > 1 else 0):
        told = [_telling(plane, index) for plane in ordered]
        if len(ordered) > 3 and len(set(told)) == 2 and all(one != two for one, two in pairwise(told)):
            text = f"slices alternate in {TELLING[index]}: are these two stacks, one between the other's slices?"
            return [ordered], [Finding("SLICES-ALTERNATE", Verdict.REVIEW, text, {"by": TELLING[index]})]
    return [ordered], []


def _telling(plane: Plane, index: int) -> str:
    return plane.telling[index] if plane.telling else ""


def _entwined(parts: Sequence[Sequence[Plane]]) -> bool:
    """Whether stacks have slices between each other's, rather than one above the other."""
    return max(depth(part[0]) for part in parts) < min(depth(part[-1]) for part in parts)


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
    depths = np.array(depths_of(planes))
    step = (np.array(last.position) - np.array(first.position)) / (len(planes) - 1)
    normal = np.cross(row, column)
    findings = step_findings(depths, [plane.instance_number for plane in planes])
    aside = _aside_mm(planes, depths)
    if aside > max(ROUNDED_MM, ASIDE * min(first.spacing)):
        text = f"slices lie up to {aside:.1f} mm beside each other: their fields of view have different centres; export again"
        findings.append(Finding("SLICES-ASIDE", Verdict.REFUSED, text, {"mm": aside}))
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
        return None, [BAD_GEOMETRY]
    uneven = any(finding.code == "UNEVEN-SPACING" for finding in findings)
    try:
        return Grid((len(planes), first.rows, first.columns), affine, depths - depths[0] if uneven else None), findings
    except GridMismatch:  # no inverse
        return None, [BAD_GEOMETRY]


def _aside_mm(planes: Sequence[Plane], depths: NDArray[np.float64]) -> float:
    """How far slices lie beside the line from the first to the last, mm; a tilted gantry leaves them on it."""
    places = np.array([plane.position for plane in planes], dtype=np.float64)
    line = places[0] + np.outer((depths - depths[0]) / (depths[-1] - depths[0]), places[-1] - places[0])
    return float(np.linalg.norm(places - line, axis=1).max())


def _orthonormal(orientation: Sequence[float]) -> tuple[NDArray[np.float64], Finding | None]:
    """Cosines made orthonormal where they are nearly so (pitfall 14), or a refusal."""
    raw = np.array(orientation, dtype=np.float64).reshape(2, 3)
    left, sizes, right = np.linalg.svd(raw, full_matrices=False)
    if not np.isfinite(raw).all() or np.abs(sizes - 1).max() > COSINES:
        bad = Finding("BAD-COSINES", Verdict.REFUSED, "ImageOrientationPatient holds no orthogonal unit vectors; export again")
        return raw, bad
    cosines: NDArray[np.float64] = raw if np.abs(sizes - 1).max() < 1e-9 else left @ right
    return cosines, None

"""Duplicate slices: the same instance twice, or the same pixels twice at one position."""

from collections.abc import Hashable, Sequence

import numpy as np

from pleura.core.codes import finding
from pleura.core.errors import UnreadableFile
from pleura.core.findings import Finding
from pleura.dicom.plane import Plane
from pleura.dicom.spacing import same_position_mm
from pleura.dicom.stack import depth, depths_of


def drop_same_instances(planes: Sequence[Plane]) -> tuple[list[Plane], list[Finding]]:
    """Drop planes with the SOPInstanceUID, position and pixels of another.

    Different planes with one SOPInstanceUID are refused.
    """
    kept: dict[Hashable, Plane] = {}
    dropped = clashes = 0
    for plane in planes:
        key: Hashable = (plane.sop_uid, plane.frame)
        other = kept.get(key) if plane.sop_uid else None
        if other is None:
            kept[key if plane.sop_uid else (plane.file, plane.frame)] = plane
        elif plane.position == other.position and _have_same_pixels(plane, other):
            dropped += 1
            if plane.complete and not other.complete:
                kept[key] = plane
        else:
            kept[(plane.file, plane.frame)] = plane
            clashes += 1
    findings = [finding("COPIES-DROPPED", n=dropped)] if dropped else []
    if clashes:
        findings.append(finding("SAME-UID-DIFFERENT", n=clashes))
    return list(kept.values()), findings


def drop_same_pixels(ordered: Sequence[Plane]) -> tuple[list[Plane], list[Finding]]:
    """Drop planes with the position and pixels of another; `ordered` is sorted by depth."""
    kept: list[Plane] = []
    near = same_position_mm(depths_of(ordered))
    start = 0  # of the planes at the current position
    for plane in ordered:
        if kept and depth(plane) - depth(kept[-1]) >= near:
            start = len(kept)
        same = next((k for k in range(start, len(kept)) if _have_same_pixels(plane, kept[k])), None)
        if same is None:
            kept.append(plane)
        elif plane.complete and not kept[same].complete:
            kept[same] = plane
    dropped = len(ordered) - len(kept)
    return kept, [finding("COPIES-DROPPED", n=dropped)] if dropped else []


def _have_same_pixels(plane: Plane, other: Plane) -> bool:
    """Whether stored values are equal; a truncated plane is a duplicate of a complete one."""
    from pleura.dicom.pixels import stored_values

    if not (plane.complete and other.complete):
        return True
    try:
        return bool(np.array_equal(stored_values(plane), stored_values(other)))
    except UnreadableFile:
        return False

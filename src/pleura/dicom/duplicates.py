"""What the series of a tree say of each other: one stack under several UIDs, one stack twice (pitfalls 3, 4)."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

from pleura.core.errors import UnreadableFile
from pleura.core.findings import Finding, Verdict
from pleura.dicom.stack import depths_of, is_even

if TYPE_CHECKING:
    from pleura.dicom.series import Series

LOOKED_AT = (0.5, 0.25, 0.75)
"""Where along series that lie in the same places pixels are compared: noise is never the same twice."""
TENTHS = 1
"""Decimals of a millimetre in which places are told apart."""


def compared(found: Sequence["Series"]) -> list["Series"]:
    """Series, in their order, with what is found between them added to their findings.

    Single slices that make one even stack are told so. Series that only together make one (`STACK-SHARED`) are refused where
    each has its slices between the other's; where one ends the other, and where they hold another's pixels
    (`SAME-AS-ANOTHER`), they are to be looked at.
    """
    return _twins(_shared(_scattered(found)))


def single(stack: int = 0) -> Finding:
    """The finding of one slice alone, which may be one of `stack` such series."""
    text = "a single slice has no known slice spacing, so it makes no volume"
    if stack:
        text = (
            f"one slice alone, but {stack} such series make one even stack: their SeriesInstanceUID was changed; export again"
        )
    return Finding("ONE-SLICE", Verdict.REFUSED, text)


def _scattered(found: Sequence["Series"]) -> list["Series"]:
    alone = _grouped(found, _is_alone, lambda one: (one.files[0].path.parent, one.rows, one.columns))
    stacks = {one.id: len(group) for group in alone if is_even([each.files[0] for each in group]) for one in group}
    told = []
    for one in found:
        findings = (single(stacks.get(one.id, 0)) if finding.code == "ONE-SLICE" else finding for finding in one.findings)
        told.append(replace(one, findings=tuple(findings)) if one.id in stacks else one)
    return told


def _shared(found: Sequence["Series"]) -> list["Series"]:
    """One stack under two UIDs: each has slices where the other has none, and together their steps are even."""

    def alike(one: "Series") -> Hashable:
        first = one.files[0]
        technical = tuple(sorted(first.technical.items()))
        return one.study_uid, one.frame_uid, one.rows, one.columns, first.spacing, first.orientation, technical

    notes: dict[str, Finding] = {}
    for group in _grouped(found, lambda one: one.is_ct and _is_placed(one) and one.slices > 1, alike):
        places = {one.id: {round(depth, TENTHS) for depth in depths_of(one.files)} for one in group}
        for one, two in combinations(group, 2):
            if places[one.id].isdisjoint(places[two.id]) and is_even([*one.files, *two.files]):
                between = max(map(min, both := (places[one.id], places[two.id]))) < min(map(max, both))
                named = one.files[0].series_number == two.files[0].series_number
                for this, other in ((one, two), (two, one)):
                    notes[this.id] = _half(other.id, between=between, named=named)
    return _noted(found, notes)


def _half(other: str, *, between: bool, named: bool) -> Finding:
    if between and not named:
        text = f"series {other}, of another SeriesNumber, lies between these slices: two scans, or one renamed in part?"
        return Finding("STACK-SHARED", Verdict.REVIEW, text)
    if between:
        text = f"the slices between these are in series {other}: SeriesInstanceUID was changed on some; export again as one"
        return Finding("STACK-SHARED", Verdict.REFUSED, text)
    text = f"series {other} goes on where this one ends, with the same step: was it one series?"
    return Finding("STACK-SHARED", Verdict.REVIEW, text)


def _twins(found: Sequence["Series"]) -> list["Series"]:
    """Series with the pixels of another: exported twice, perhaps under another name; the later ones by id are told."""

    def place(one: "Series") -> Hashable:
        first = one.files[0]
        return one.rows, one.columns, first.spacing, first.orientation, tuple(plane.position for plane in one.files)

    notes: dict[str, Finding] = {}
    for group in _grouped(found, lambda one: one.usable, place):
        seen: dict[Hashable, Series] = {}
        for one in group:
            first = seen.setdefault(_pixels(one, *LOOKED_AT[:1]), one)
            if first is not one and _pixels(first, *LOOKED_AT) == _pixels(one, *LOOKED_AT):
                text = f"the same places and pixels as series {first.id}: count it once, and keep both on one side of a split"
                notes[one.id] = Finding("SAME-AS-ANOTHER", Verdict.REVIEW, text)
    return _noted(found, notes)


def _pixels(one: "Series", *where: float) -> Hashable:
    """Digests of slices; what is like no other where they cannot be read, which is told elsewhere, or hold one value."""
    from pleura.dicom.pixels import stored_values

    digests = []
    for part in where:
        try:
            stored = stored_values(one.files[int(part * len(one.files))])
        except (UnreadableFile, OSError):
            return one.id
        if stored.min() == stored.max():
            return one.id
        digests.append(hashlib.sha256(stored.tobytes()).digest())
    return tuple(digests)


def _is_alone(one: "Series") -> bool:
    return any(finding.code == "ONE-SLICE" for finding in one.findings)


def _is_placed(one: "Series") -> bool:
    return all(plane.position and plane.orientation for plane in one.files)


def _grouped(
    found: Sequence["Series"], wanted: Callable[["Series"], bool], key: Callable[["Series"], Hashable]
) -> list[list["Series"]]:
    """Those that agree in a key, two or more."""
    groups: dict[Hashable, list[Series]] = defaultdict(list)
    for one in found:
        if wanted(one):
            groups[key(one)].append(one)
    return [group for group in groups.values() if len(group) > 1]


def _noted(found: Sequence["Series"], notes: dict[str, Finding]) -> list["Series"]:
    return [replace(one, findings=(*one.findings, notes[one.id])) if one.id in notes else one for one in found]

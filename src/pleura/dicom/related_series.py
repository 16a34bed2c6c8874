"""Relations between series: one stack under several UIDs, or one stack exported twice."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations

from pleura.core.codes import finding
from pleura.core.codes.slices import STACK_SHARED
from pleura.core.errors import UnreadableFile
from pleura.core.faults import note
from pleura.core.findings import Finding, Verdict
from pleura.dicom.image_series import Series
from pleura.dicom.stack import depths_of, is_even

COMPARED_AT = (0.5, 0.25, 0.75)
"""Where pixels of two series are compared, as shares of the stack; noise is never the same."""

POSITION_DECIMALS = 1
"""Decimals of a millimetre with which positions of two series are compared."""


def compare_series(found: Sequence[Series]) -> list[Series]:
    """Add the findings about relations between series; the order is kept.

    Single slices that together make one uniform stack get a note. Series that only together make
    one (`STACK-SHARED`) are refused where their slices interleave, and need review where one
    continues the other. Duplicates (`SAME-AS-ANOTHER`) need review.
    """
    return _duplicates(_shared_stacks(_scattered_slices(found)))


def _scattered_slices(found: Sequence[Series]) -> list[Series]:
    """Note single slices of one folder that make one uniform stack.

    An anonymiser gave each file its own SeriesInstanceUID.
    """
    groups = _grouped(
        filter(_is_one_slice, found),
        lambda series: (series.files[0].path.parent, series.rows, series.columns),
    )
    count_of: dict[str, int] = {}
    for group in groups:
        if is_even([series.files[0] for series in group]):
            count_of |= {series.id: len(group) for series in group}
    result = []
    for series in found:
        if series.id in count_of:
            note = (
                f", one of {count_of[series.id]} such series that make one stack "
                "(SeriesInstanceUID was changed),"
            )
            alone = finding("ONE-SLICE", note=note)
            findings = tuple(alone if one.code == "ONE-SLICE" else one for one in series.findings)
            series = replace(series, findings=findings)
        result.append(series)
    return result


def _shared_stacks(found: Sequence[Series]) -> list[Series]:
    """Find one stack under two UIDs.

    Each series has slices where the other has none, and together their spacing is uniform.
    """

    def space(series: Series) -> Hashable:
        return series.study_uid, series.frame_uid, series.rows, series.columns

    def similarity(series: Series) -> Hashable:
        first = series.files[0]
        technical = tuple(sorted(first.technical.items()))
        return _has_positions(series), first.spacing, first.orientation, technical

    notes: dict[str, Finding] = {}
    stacks = (series for series in found if series.is_ct and series.slices > 1)
    for group in _grouped(stacks, space, similarity):
        if not _has_positions(group[0]):
            continue
        positions = {series.id: _positions(series) for series in group}
        for one, other in combinations(group, 2):
            if one.series_uid == other.series_uid and _is_split(one):
                continue
            is_apart = positions[one.id].isdisjoint(positions[other.id])
            if is_apart and is_even([*one.files, *other.files]):
                ends = (positions[one.id], positions[other.id])
                interleave = max(map(min, ends)) < min(map(max, ends))
                same_number = one.files[0].series_number == other.files[0].series_number
                notes[one.id] = _shared_finding(other.id, interleave, same_number)
                notes[other.id] = _shared_finding(one.id, interleave, same_number)
    return _with_notes(found, notes)


def _positions(series: Series) -> set[float]:
    """Depths of the slices of a series, rounded to compare them."""
    return {round(depth, POSITION_DECIMALS) for depth in depths_of(series.files)}


def _shared_finding(other: str, interleave: bool, same_number: bool) -> Finding:
    if not interleave:
        return finding("STACK-SHARED", what=STACK_SHARED["continues"].format(other=other))
    if same_number:
        return finding(
            "STACK-SHARED", Verdict.REFUSED, what=STACK_SHARED["interleaved"].format(other=other)
        )
    return finding("STACK-SHARED", what=STACK_SHARED["renamed"].format(other=other))


def _duplicates(found: Sequence[Series]) -> list[Series]:
    """Note series with the pixels of another under another name; not the first by id."""

    def grid(series: Series) -> Hashable:
        assert series.grid is not None
        return series.grid.shape, tuple(series.grid.affine.flat)

    def geometry(series: Series) -> Hashable:
        first = series.files[0]
        positions = tuple(plane.position for plane in series.files)
        return first.spacing, first.orientation, positions

    notes: dict[str, Finding] = {}
    usable = (series for series in found if series.usable)
    for group in _grouped(usable, grid, geometry):
        seen: dict[Hashable, Series] = {}
        for series in group:
            first = seen.setdefault(_digests(series, *COMPARED_AT[:1]), series)
            if first is not series and _digests(first, *COMPARED_AT) == _digests(
                series, *COMPARED_AT
            ):
                notes[series.id] = finding("SAME-AS-ANOTHER", other=first.id)
    return _with_notes(found, notes)


def _digests(series: Series, *where: float) -> Hashable:
    """Digests of some slices; the (unique) series id where a slice is unreadable or constant."""
    from pleura.dicom.pixels import stored_values

    digests = []
    for part in where:
        try:
            stored = stored_values(series.files[int(part * len(series.files))])
        except (UnreadableFile, OSError) as error:
            note(error)
            return series.id
        if stored.min() == stored.max():
            return series.id
        digests.append(hashlib.sha256(stored.tobytes()).digest())
    return tuple(digests)


def _is_one_slice(series: Series) -> bool:
    return any(found.code == "ONE-SLICE" for found in series.findings)


def _is_split(series: Series) -> bool:
    """Whether an attribute separated the series from another with the same SeriesInstanceUID."""
    return any(found.code == "SPLIT-BY-ATTRIBUTE" for found in series.findings)


def _has_positions(series: Series) -> bool:
    return all(plane.position and plane.orientation for plane in series.files)


def _grouped(
    found: Iterable[Series], *keys: Callable[[Series], Hashable]
) -> Iterator[list[Series]]:
    """Groups of two or more series with equal keys. The first key is the quickest; a later one is
    asked for only where the earlier ones are equal.
    """
    if not keys:
        yield list(found)
        return
    groups: dict[Hashable, list[Series]] = defaultdict(list)
    for series in found:
        groups[keys[0](series)].append(series)
    for group in groups.values():
        if len(group) > 1:
            yield from _grouped(group, *keys[1:])


def _with_notes(found: Sequence[Series], notes: dict[str, Finding]) -> list[Series]:
    result = []
    for series in found:
        if series.id in notes:
            series = replace(series, findings=(*series.findings, notes[series.id]))
        result.append(series)
    return result

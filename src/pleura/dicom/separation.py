"""Separate volumes that share one SeriesInstanceUID, by an attribute that gives uniform stacks."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from pleura.core.codes import finding
from pleura.core.findings import Finding, Verdict
from pleura.dicom.attributes import all_attributes
from pleura.dicom.duplicates import drop_same_pixels
from pleura.dicom.plane import Plane
from pleura.dicom.separators import SEPARATORS
from pleura.dicom.spacing import check_spacing, same_position_mm
from pleura.dicom.stack import depth, depths_of, in_order, is_even

RECONSTRUCTION = ("ConvolutionKernel", "SliceThickness", "KVP", "SeriesNumber", "SeriesDescription")
"""Attributes of a reconstruction.

Slices that differ in one of these are of different stacks, even where they interleave into a
uniform one.
"""

ONE_ABOVE_ANOTHER = ("ConvolutionKernel", "AcquisitionNumber", "StackID")
"""Attributes that also separate an uneven series whose stacks lie one above the other."""

MOST_INTERLEAVED = 4
"""Most interleaved stacks that are searched for."""

THICKNESS_RATIO = 1.2
"""Slice thicknesses of two reconstructions differ by a larger factor."""

Parts = list[list[Plane]]


class Separation(NamedTuple):
    """Stacks, each in order, and the attributes that separate them."""

    stacks: Parts
    names: tuple[str, ...] = ()


def separate_volumes(planes: Sequence[Plane]) -> tuple[Parts, list[Finding]]:
    """Separate planes into stacks with one plane at each position.

    A single attribute that gives complete, uniform stacks is preferred; then several attributes in
    turn; then runs of InstanceNumber.

    Returns:
        The stacks, each in ascending order, and findings. Where no attribute separates planes that
        share a position: one stack, and a refusal.
    """
    ordered = in_order(planes)
    if max(_planes_per_position(ordered)) == 1:
        return _separate_interleaved(ordered)
    return _separate_coincident(ordered)


def _planes_per_position(ordered: Sequence[Plane]) -> list[int]:
    depths = depths_of(ordered)
    near = same_position_mm(depths)
    counts = [1]
    for below, above in pairwise(depths):
        if above - below < near:
            counts[-1] += 1
        else:
            counts.append(1)
    return counts


def _separate_coincident(ordered: list[Plane]) -> tuple[Parts, list[Finding]]:
    """Separate planes of which several share a position."""
    counts = _planes_per_position(ordered)
    findings: list[Finding] = []
    # a few slices twice: duplicates rather than a second volume
    if 2 * sum(count > 1 for count in counts) < len(counts):
        ordered, findings = drop_same_pixels(ordered)
    separation = _by_attributes(ordered)
    if separation is None:
        ordered, dropped = drop_same_pixels(ordered)
        findings = findings or dropped
        is_single = max(_planes_per_position(ordered)) == 1
        separation = Separation([ordered]) if is_single else _by_instance_number(ordered)
    if separation is None:
        return [ordered], [*findings, finding("SLICES-SHARE-A-PLACE", note="")]
    stacks, names = separation
    if len(stacks) > 1:
        is_guess = any(name not in SEPARATORS for name in names)
        findings.append(
            _split_finding(len(stacks), names, Verdict.REVIEW if is_guess else Verdict.OK)
        )
    return stacks, findings


def _split_finding(count: int, names: Sequence[str], verdict: Verdict) -> Finding:
    note = ". Check that each is complete" if verdict is Verdict.REVIEW else ""
    return finding(
        "SPLIT-BY-ATTRIBUTE", verdict, n=count, by=", ".join(dict.fromkeys(names)), note=note
    )


def _by_attributes(ordered: Sequence[Plane]) -> Separation | None:
    """Separate by a single attribute if one gives uniform stacks, else by several in turn."""
    most = max(_planes_per_position(ordered))
    if most == 1:
        return Separation([list(ordered)])
    single = _by_single(_usual_groups(ordered), most)
    if single is not None:
        return single
    nested = _by_several(ordered)
    if nested is not None and _are_complete(nested.stacks):
        return nested
    return _by_single(_other_groups(ordered), most) or nested


def _by_single(groups: Iterator[tuple[str, Parts]], most: int) -> Separation | None:
    """The first attribute that gives uniform stacks, no more than planes at a position."""
    for name, parts in groups:
        if 1 < len(parts) <= most and all(is_even(part) for part in parts):
            return Separation(parts, (name,))
    return None


def _usual_groups(ordered: Sequence[Plane]) -> Iterator[tuple[str, Parts]]:
    """The planes grouped by each of `SEPARATORS` in turn."""
    for name in SEPARATORS:
        yield name, _grouped(ordered, _values(ordered, name))


def _other_groups(ordered: Sequence[Plane]) -> Iterator[tuple[str, Parts]]:
    """The planes grouped by every other attribute of their headers, fewest groups first."""
    groups = {
        name: _grouped(ordered, values)
        for name, values in all_attributes(ordered).items()
        if name not in SEPARATORS
    }
    yield from sorted(
        groups.items(), key=lambda item: (len(item[1]), item[0].startswith("("), item[0])
    )


def _values(planes: Sequence[Plane], name: str) -> list[str]:
    index = SEPARATORS.index(name)
    return [plane.separators[index] if plane.separators else "" for plane in planes]


def _grouped(planes: Sequence[Plane], values: Sequence[str]) -> Parts:
    groups: dict[str, list[Plane]] = defaultdict(list)
    for plane, value in zip(planes, values, strict=True):
        groups[value].append(plane)
    return [groups[value] for value in sorted(groups)]


def _by_several(ordered: Sequence[Plane]) -> Separation | None:
    """Separate by one attribute after another; `None` where that is not possible.

    There may be no more stacks than planes at a position.
    """
    most = max(_planes_per_position(ordered))
    if most == 1:
        return Separation([list(ordered)])
    for name, parts in _usual_groups(ordered):
        if not 1 < len(parts) <= most:
            continue
        inner = [_by_several(part) or _all_at_one_position(part) for part in parts]
        if all(separation is not None for separation in inner):
            stacks: Parts = []
            names = [name]
            for separation in inner:
                if separation is not None:
                    stacks += separation.stacks
                    names += separation.names
            return Separation(stacks, tuple(names))
    return None


def _all_at_one_position(part: list[Plane]) -> Separation | None:
    """Images of one position, grouped to be refused."""
    if len(_planes_per_position(part)) == 1:
        return Separation([part])
    return None


def _are_complete(stacks: Parts) -> bool:
    """Whether every stack is uniform and has a plane at all positions."""
    lowest = min(depth(stack[0]) for stack in stacks)
    highest = max(depth(stack[-1]) for stack in stacks)
    for stack in stacks:
        covered = depth(stack[-1]) - depth(stack[0])
        if not is_even(stack) or covered < 0.9 * (highest - lowest):
            return False
    return True


def _by_instance_number(ordered: Sequence[Plane]) -> Separation | None:
    """Separate by runs of InstanceNumber, each with one plane at every position."""
    counts = _planes_per_position(ordered)
    numbers = {plane.instance_number for plane in ordered} - {None}
    if len(set(counts)) > 1 or len(counts) < 2 or len(numbers) < len(ordered):
        return None
    by_number = sorted(ordered, key=lambda plane: plane.instance_number or 0)
    runs = [
        in_order(by_number[start : start + len(counts)])
        for start in range(0, len(by_number), len(counts))
    ]
    if any(max(_planes_per_position(run)) > 1 for run in runs):
        return None
    return Separation(runs, ("InstanceNumber",))


def _separate_interleaved(ordered: list[Plane]) -> tuple[Parts, list[Finding]]:
    """Separate planes at different positions: one stack, or several that interleave."""
    is_uneven = len(ordered) >= 4 and bool(check_spacing(np.array(depths_of(ordered))))
    names = SEPARATORS if is_uneven else RECONSTRUCTION
    groups: dict[str, Parts] = {name: _grouped(ordered, _values(ordered, name)) for name in names}
    found = _first_uniform(groups.items(), _goes_with(is_uneven))
    if found is None and is_uneven:
        found = _first_uniform(_other_groups(ordered), lambda _, parts: _interleave(parts))
    if found is not None:
        return found.stacks, [_split_finding(len(found.stacks), found.names, Verdict.REVIEW)]
    if is_uneven:
        for name in RECONSTRUCTION:
            if _may_be_stacks(name, groups[name]) and _interleave(groups[name]):
                why = f"{name} differs, and one of them is incomplete"
                return [ordered], [finding("STACKS-INTERLEAVED", why=why)]
    return [ordered], _alternation(ordered)


def _goes_with(is_uneven: bool) -> Callable[[str, Parts], bool]:
    """Whether to accept the stacks of an attribute: they must interleave, except for some."""

    def taken(name: str, parts: Parts) -> bool:
        return (is_uneven and name in ONE_ABOVE_ANOTHER) or _interleave(parts)

    return taken


def _first_uniform(
    groups: Iterable[tuple[str, Parts]], taken: Callable[[str, Parts], bool]
) -> Separation | None:
    for name, parts in groups:
        if (
            _may_be_stacks(name, parts)
            and all(is_even(part) for part in parts)
            and taken(name, parts)
        ):
            return Separation(parts, (name,))
    return None


def _may_be_stacks(name: str, parts: Parts) -> bool:
    if not 1 < len(parts) <= MOST_INTERLEAVED or min(map(len, parts)) < 2:
        return False
    return name != "SliceThickness" or _thickness_differs(parts)


def _thickness_differs(parts: Parts) -> bool:
    """Whether thicknesses differ by more than rounding."""
    try:
        thicknesses = [float(_values(part[:1], "SliceThickness")[0]) for part in parts]
    except ValueError:
        return False
    return max(thicknesses) > THICKNESS_RATIO * min(thicknesses)


def _interleave(parts: Parts) -> bool:
    """Whether the slices of stacks alternate in space, rather than lie one above the other."""
    return max(depth(part[0]) for part in parts) < min(depth(part[-1]) for part in parts)


def _alternation(ordered: Sequence[Plane]) -> list[Finding]:
    """A finding where slices of one uniform stack alternate in an attribute of the acquisition."""
    if len(ordered) < 4:
        return []
    for name in SEPARATORS[: SEPARATORS.index("ConvolutionKernel")]:
        values = _values(ordered, name)
        if len(set(values)) == 2 and all(below != above for below, above in pairwise(values)):
            return [finding("SLICES-ALTERNATE", by=name)]
    return []

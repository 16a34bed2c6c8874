"""From planes to candidate volumes: which slices belong together, their grid and findings."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from pleura.core.codes import finding
from pleura.core.findings import Finding, Verdict, worst
from pleura.dicom.duplicates import drop_same_instances
from pleura.dicom.gaps import Gaps, apply_gap_policy
from pleura.dicom.header_checks import check_headers, check_stack_headers
from pleura.dicom.plane import Plane
from pleura.dicom.separation import separate_volumes
from pleura.dicom.shapes import by_shape, image_kind
from pleura.dicom.stack import depth, in_one_position, is_even
from pleura.dicom.values import in_words
from pleura.geometry.grid import Grid

CT_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.2": "CT Image",
    "1.2.840.10008.5.1.4.1.1.2.1": "Enhanced CT Image",
    "1.2.840.10008.5.1.4.1.1.2.2": "Legacy Converted Enhanced CT Image",
}
LABEL_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.481.3": "RT Structure Set",
    "1.2.840.10008.5.1.4.1.1.66.4": "Segmentation",
    "1.2.840.10008.5.1.4.1.1.66.7": "Label Map Segmentation",
}
SCANNER = ("Manufacturer", "ManufacturerModelName")
BOLUS_TRACKING = " (all slices share one position: bolus tracking?)"


@dataclass
class Candidate:
    """Planes of one volume, or refused together; `missing` slices have to be interpolated."""

    planes: Sequence[Plane]
    findings: list[Finding]
    grid: Grid | None = None
    missing: tuple[int, ...] = field(default=())


def candidates(planes: Sequence[Plane], gaps: Gaps) -> list[Candidate]:
    """All volumes and refused groups of one of the `PlaneGroups`, in a stable order.

    A SeriesInstanceUID that is shared by two studies, scanners or frames of reference counts as two
    series.
    """
    found = []
    for group, findings in _by_origin(planes):
        found += _of_series(group, findings, gaps)
    return found


def _by_origin(planes: Sequence[Plane]) -> list[tuple[Sequence[Plane], list[Finding]]]:
    """Separate planes by study, frame of reference, modality and scanner.

    A missing value does not count as a different one.
    """
    # the usual case, quickly seen
    if len({(p.study_uid, p.frame_uid, p.modality, id(p.technical)) for p in planes}) == 1:
        return [(planes, [])]
    origins = []
    for plane in planes:
        scanner = (plane.technical.get(name, "") for name in SCANNER)
        origins.append((plane.study_uid, plane.frame_uid, plane.modality, *scanner))
    varying = [
        k for k, values in enumerate(zip(*origins, strict=True)) if len(set(values) - {""}) > 1
    ]
    parts: dict[tuple[str, ...], list[Plane]] = defaultdict(list)
    for plane, origin in zip(planes, origins, strict=True):
        parts[tuple(origin[k] for k in varying)].append(plane)
    # each file has its own UID: an anonymiser replaced them
    if len(parts) == 1 or max(map(len, parts.values())) == 1:
        return [(planes, [])]
    if is_even(planes):
        note = ", but together they make one uniform stack. Check that it is complete"
        shared = finding("UID-SHARED", Verdict.REVIEW, n=len(parts), note=note)
    else:
        shared = finding("UID-SHARED", n=len(parts), note="")
    return [(parts[key], [shared]) for key in sorted(parts)]


def _of_series(planes: Sequence[Plane], findings: Sequence[Finding], gaps: Gaps) -> list[Candidate]:
    """The volumes under one SeriesInstanceUID: by shape and orientation, then by the attribute that
    separates them.

    `findings` hold for all of them.
    """
    if planes[0].sop_class not in CT_CLASSES:
        return [Candidate(planes, [_not_ct(planes[0])])]
    planes, duplicates = drop_same_instances(planes)
    parts = by_shape(planes)
    slices = [part for part in parts if "LOCALIZER" not in part[0].image_type]
    found = []
    for part in parts:
        own = [*findings, *duplicates, *check_headers(part)]
        if part in slices:
            own += _other_parts(part, slices)
        if worst(own) is Verdict.REFUSED:
            has_positions = all(plane.position and plane.orientation for plane in part)
            found.append(Candidate(sorted(part, key=depth) if has_positions else part, own))
        else:
            found += _stacks(part, own, gaps)
    return found


def _stacks(part: Sequence[Plane], findings: list[Finding], gaps: Gaps) -> list[Candidate]:
    """The stacks of planes of one shape."""
    stacks, separation = separate_volumes(part)
    findings = [*findings, *separation]
    if worst(separation) is Verdict.REFUSED:
        return [Candidate(stacks[0], findings)]
    found = []
    for stack in stacks:
        if len(stack) == 1:
            found.append(Candidate(stack, [*findings, finding("ONE-SLICE", note="")]))
        elif in_one_position(stack):
            found.append(
                Candidate(stack, [*findings, finding("SLICES-SHARE-A-PLACE", note=BOLUS_TRACKING)])
            )
        else:
            for run in apply_gap_policy(stack, gaps):
                own = [*findings, *run.findings]
                if len(run.planes) > 1:
                    own += check_stack_headers(run.planes)
                found.append(Candidate(run.planes, own, run.grid, run.missing))
    return found


def _not_ct(plane: Plane) -> Finding:
    if plane.sop_class in LABEL_CLASSES:
        return finding("LABEL-OBJECT", kind=LABEL_CLASSES[plane.sop_class])
    kind = (
        in_words(plane.sop_class).removesuffix(" Storage")
        or plane.modality
        or "an object of unknown class"
    )
    return finding("NOT-CT", kind=kind)


def _other_parts(part: Sequence[Plane], parts: Sequence[Sequence[Plane]]) -> list[Finding]:
    """Whether a series has slices of another geometry, or of another kind (projections)."""
    kind = image_kind(part[0].image_type)
    same_kind = sum(len(other) for other in parts if image_kind(other[0].image_type) == kind) - len(
        part
    )
    other_kind = sum(map(len, parts)) - len(part) - same_kind
    findings = []
    if same_kind:
        findings.append(finding("SERIES-IN-PARTS", others=same_kind))
    if other_kind:
        findings.append(finding("SPLIT-BY-ATTRIBUTE", n=len(parts), by="ImageType", note=""))
    return findings

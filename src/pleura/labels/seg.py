"""DICOM Segmentation (PS3.3 A.51): lungs by SNOMED codes, frames by their positions. The only highdicom."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.errors import GridMismatch, InputRefused
from pleura.core.findings import Finding, Verdict
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LEFT, RIGHT, LungMask
from pleura.labels.names import Side, side_of
from pleura.labels.objects import (
    SEGMENTATIONS,
    Scan,
    check_frame,
    new_dataset,
    object_uids,
    source_headers,
    uid_of,
    write_dataset,
)

if TYPE_CHECKING:
    from pleura.dicom.series import Series

SIDES: dict[str, Side] = {"3341006": "right", "44029006": "left", "24028007": "right", "7771000": "left"}
"""SNOMED CT: right lung, left lung; or lung structure (39607008) with laterality right, left."""
LUNG = "39607008"
NEAR = 0.02
"""A frame lies on the grid where its corner is this near to a voxel's centre, in voxels."""


def read(dataset: Any, grid: Grid | None, series: "Series | Scan | None" = None) -> tuple[LungMask, tuple[Finding, ...]]:
    """Lungs of a segmentation: BINARY, FRACTIONAL (from one half on) or LABELMAP.

    Frames go where their positions say, in any order; slices without a frame are empty. Without `grid` the mask comes on the
    lattice of the segmentation itself.

    Raises:
        GridMismatch: frames do not lie on the voxels of `grid`.
        InputRefused: no segment is a lung, or another frame of reference.
    """
    import highdicom as hd

    image = hd.seg.Segmentation.from_dataset(dataset, copy=False)
    check_frame(image, series)
    segments = _lungs(image)
    if grid is None:
        grid = _own_grid(image)
    labels = np.zeros(grid.shape, dtype=np.uint8)
    twice = 0
    for number, side in segments.items():
        for index in _frames(image, number, grid):
            place = tuple(index.T)
            held = labels[place]
            twice += int(np.count_nonzero(held))
            labels[place] = np.where(held, held, LEFT if side == "left" else RIGHT)
    findings = []
    if twice:
        text = f"{twice} voxels lie in both lungs; the first to claim them has them"
        findings.append(Finding("LUNGS-OVERLAP", Verdict.REVIEW, text, {"n": twice}))
    return LungMask(labels, grid, "both" not in segments.values()), tuple(findings)


def _lungs(image: Any) -> dict[int, Side]:
    """Segment number to side; by codes, and by name where codes are others'."""
    found: dict[int, Side] = {}
    for segment in image.SegmentSequence:
        side = _side(segment)
        if side is not None:
            found[int(segment.SegmentNumber)] = side
    if {"right", "left"} & set(found.values()):
        found = {number: side for number, side in found.items() if side != "both"}
    if not found:
        raise InputRefused("no segment is a lung, by code or by name (Lung_R, Lung_L, Lungs)", code="NO-LUNG")
    return dict(sorted(found.items()))


def _side(segment: Any) -> Side | None:
    for kind in segment.get("SegmentedPropertyTypeCodeSequence", ()):
        code = str(kind.get("CodeValue", ""))
        if code in ("3341006", "44029006"):
            return SIDES[code]
        if code == LUNG:
            modifiers = kind.get("SegmentedPropertyTypeModifierCodeSequence", ())
            said = [SIDES[str(m.CodeValue)] for m in modifiers if str(m.CodeValue) in SIDES]
            return said[0] if said else side_of(str(segment.get("SegmentLabel", ""))) or "both"
    return side_of(str(segment.get("SegmentLabel", "")))


def _frames(image: Any, number: int, grid: Grid) -> Iterator[NDArray[np.int64]]:
    """The voxels `(n, 3)` of the grid that each frame which tells of a segment sets."""
    labelmap = image.SegmentationType == "LABELMAP"
    level = number if labelmap else 0.5 if image.SegmentationType == "FRACTIONAL" else 1
    for index, group in enumerate(image.PerFrameFunctionalGroupsSequence, 1):
        if not labelmap and int(_told(image, group, "SegmentIdentificationSequence").ReferencedSegmentNumber) != number:
            continue
        pixels = image.get_stored_frame(index)
        if image.SegmentationType == "FRACTIONAL":
            pixels = pixels / float(image.MaximumFractionalValue)
        there = pixels == number if labelmap else pixels >= level
        if there.any():
            yield _placed(there, _geometry(image, group), grid)


def _geometry(image: Any, group: Any) -> NDArray[np.float64]:
    """`(4, 3)` of a frame: its corner and the steps to the next row and the next column, LPS mm."""
    place = _told(image, group, "PlanePositionSequence").ImagePositionPatient
    cosines = np.array(_told(image, group, "PlaneOrientationSequence").ImageOrientationPatient, dtype=np.float64).reshape(2, 3)
    spacing = np.array(_told(image, group, "PixelMeasuresSequence").PixelSpacing, dtype=np.float64)
    return np.array([place, cosines[1] * spacing[0], cosines[0] * spacing[1]], dtype=np.float64)


def _told(image: Any, group: Any, sequence: str) -> Any:
    """What a frame says in a functional group, or all frames share."""
    return (group.get(sequence) or image.SharedFunctionalGroupsSequence[0][sequence].value)[0]


def _placed(there: NDArray[np.bool_], geometry: NDArray[np.float64], grid: Grid) -> NDArray[np.int64]:
    """The voxels `(n, 3)` that a frame's set pixels are, whatever way it lies across the grid; all of them must lie within."""
    at = np.argwhere(there)
    ends = np.stack([at.min(axis=0), at.max(axis=0)])
    corners = grid.to_index(geometry[0] + np.array([[r, c] for r in ends[:, 0] for c in ends[:, 1]]) @ geometry[1:])
    if np.abs(corners - np.rint(corners)).max() > NEAR or not _whole_steps(geometry, grid):
        raise GridMismatch("the segmentation does not lie on the voxels of this volume: it is of another series, or resampled")
    index = np.rint(grid.to_index(geometry[0] + at @ geometry[1:])).astype(np.int64)
    if (index < 0).any() or (index >= grid.shape).any():
        raise GridMismatch("the segmentation reaches beyond this volume: it is of another series")
    return index


def _whole_steps(geometry: NDArray[np.float64], grid: Grid) -> bool:
    """Whether a frame's next row and next column are each a neighbour on the grid: then no two pixels are one voxel."""
    steps = geometry[1:] @ np.linalg.inv(grid.affine[:3, :3]).T
    whole = np.rint(steps)
    return bool(np.abs(steps - whole).max() < NEAR and np.array_equal(np.abs(whole).sum(axis=1), [1, 1]))


def _own_grid(image: Any) -> Grid:
    geometry = image.get_volume_geometry(allow_missing_positions=True)
    if geometry is None:
        raise GridMismatch("the segmentation's frames make no even stack: give the volume that it belongs to")
    slices, rows, columns = (int(n) for n in geometry.spatial_shape)
    affine = np.array(geometry.affine, dtype=np.float64)
    if np.cross(affine[:3, 2], affine[:3, 1]) @ affine[:3, 0] < 0:  # ours ascend along cross(row cosine, column cosine)
        affine[:3, 3] += affine[:3, 0] * (slices - 1)
        affine[:3, 0] *= -1
    return Grid((slices, rows, columns), affine)


def write(path: Path, mask: LungMask, series: "Series") -> None:
    """Write a BINARY segmentation on the slices of `series`, with references to every instance; empty frames are left out.

    Frames run by segment, then upwards along the slices. UIDs come from the series and the mask and dates from the series, so
    that the same mask is the same bytes.
    """
    import highdicom as hd

    if mask.grid.shape[1] * mask.grid.shape[2] < 8:  # highdicom 0.28 pads such frames to whole bytes, which none may be
        raise InputRefused("slices of under eight pixels are not written as a segmentation")
    source = [_ready(one) for one in source_headers(series.files)]
    head = new_dataset(series, mask, SEGMENTATIONS[0], "SEG", "lungs")
    names = {"Lung_R": mask.right, "Lung_L": mask.left} if mask.sided else {"Lungs": mask.lungs}
    pixels = np.stack(list(names.values()), axis=-1).astype(np.uint8)
    if "NumberOfFrames" in source[0]:  # frames of one instance, in the order that they have there
        if len(source) > 1 or int(source[0].NumberOfFrames) != len(series.files):
            raise InputRefused(
                "multi-frame objects that are not one volume each take no segmentation here: write RTSTRUCT or NIfTI",
                code="FRAMES-NOT-ONE-VOLUME",
            )
        pixels = pixels[np.argsort([plane.frame for plane in series.files])]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the scan's own values, such as a name of one part, which are copied as they are
        made = hd.seg.Segmentation(
            source_images=source,
            pixel_array=pixels,
            segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=[_described(number, name) for number, name in enumerate(names, 1)],
            series_instance_uid=object_uids(series, mask, head.SOPClassUID)[0],
            sop_instance_uid=head.SOPInstanceUID,
            series_number=1000,
            instance_number=1,
            manufacturer="pleura",
            manufacturer_model_name="pleura",
            software_versions="1",
            device_serial_number="software",
            content_label="LUNGS",
            series_description="lungs",
            omit_empty_frames=bool(mask.labels.any()),
        )
    _settle(made, source[0])
    write_dataset(path, made)


SEQUENCES = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", "DeidentificationMethodCodeSequence")
"""What is used of a source's sequences."""


def _ready(source: Any) -> Any:
    """A source header with what highdicom asks for and de-identification may have taken away, and without the sequences that it
    would copy as they are (ReferencedStudySequence …): real ones are often incomplete, and none says whose the labels are."""
    for tag in [element.tag for element in source if element.VR == "SQ" and element.keyword not in SEQUENCES]:
        del source[tag]
    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyID", "AccessionNumber"):
        source.setdefault(keyword, "")
    for keyword in ("StudyDate", "StudyTime", "ReferringPhysicianName", "PositionReferenceIndicator"):
        source.setdefault(keyword, "")
    return source


def _described(number: int, name: str) -> Any:
    import highdicom as hd
    from pydicom.sr.coding import Code

    kind = {"Lung_R": Code("3341006", "SCT", "Right lung"), "Lung_L": Code("44029006", "SCT", "Left lung")}
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=name,
        segmented_property_category=Code("123037004", "SCT", "Anatomical Structure"),
        segmented_property_type=kind.get(name, Code(LUNG, "SCT", "Lung")),
        algorithm_type=hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name="pleura", family=Code("123109", "DCM", "Manual Processing"), version="1"
        ),
    )


def _settle(made: Any, source: Any) -> None:
    """Replace what the library takes from the clock and from chance, and leave out where the scanner stands."""
    date, clock = (str(source.get(key) or "") for key in ("StudyDate", "StudyTime"))
    made.ContentDate, made.ContentTime = date or "19000101", clock or "000000"
    dimensions = uid_of(made.SOPInstanceUID, "dimensions")
    for item in (*made.DimensionOrganizationSequence, *made.DimensionIndexSequence):
        item.DimensionOrganizationUID = dimensions
    for keyword in (
        "InstanceCreationDate",
        "InstanceCreationTime",
        "SeriesDate",
        "SeriesTime",
        "ContributingEquipmentSequence",
    ):
        if keyword in made:
            del made[keyword]

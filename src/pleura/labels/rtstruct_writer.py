"""Write RT Structure Sets (PS3.3 A.19): a mask to contours along the edges of its voxels."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask
from pleura.labels.contours import Points, trace
from pleura.labels.objects import RTSTRUCT, item, new_dataset, write_dataset

if TYPE_CHECKING:
    from pleura.dicom.series import Series


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

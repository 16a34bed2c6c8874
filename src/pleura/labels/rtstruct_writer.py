"""Write RT Structure Sets (PS3.3 A.19): a mask to contours along the edges of its voxels."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask
from pleura.labels.algorithm import Algorithm
from pleura.labels.encoder import Item, encode_file
from pleura.labels.object_header import common_header, instances, names_of, reference, with_uid
from pleura.labels.objects import RTSTRUCT
from pleura.labels.rasterisation import Points, trace

if TYPE_CHECKING:
    from pleura.dicom.series import Series

COLOURS = {"Lung_R": (0, 170, 255), "Lung_L": (255, 140, 0), "Lungs": (0, 200, 120)}
DETACHED_STUDY_MANAGEMENT = "1.2.840.10008.3.1.2.3.1"


def write(path: Path, mask: LungMask, series: "Series", algorithm: Algorithm | None = None) -> None:
    """Write `Lung_R` and `Lung_L` (or `Lungs`), a contour for each connected piece of a slice.

    Holes are joined by keyholes. UIDs come from the content and dates from the series, so the same
    mask by the same algorithm gives the same bytes. A contour of more than 64 kB of text makes the
    file Implicit VR.

    Raises:
        InputRefused: `NO-UIDS`: the series cannot be referenced.
    """
    path.write_bytes(encode_file(structure_set(mask, series, algorithm)))


def structure_set(mask: LungMask, series: "Series", algorithm: Algorithm | None) -> dict[str, Any]:
    """The data set of a structure set."""
    made = common_header(series, RTSTRUCT, "RTSTRUCT", algorithm)
    rois, contours, observations = [], [], []
    for number, (name, label) in enumerate(names_of(mask).items(), 1):
        rois.append(_roi(number, name, series.frame_uid, algorithm))
        drawn: list[Item] = []
        for k in np.flatnonzero(mask.counts(label)[0]).tolist():
            outlines = trace(mask.labels[k] == label)
            drawn += [_contour(points, int(k), mask.grid, series) for points in outlines]
        sequence = {"ContourSequence": drawn} if drawn else {}
        contours.append(
            {"ROIDisplayColor": COLOURS[name], "ReferencedROINumber": number, **sequence}
        )
        observations.append(
            {
                "ObservationNumber": number,
                "ReferencedROINumber": number,
                "RTROIInterpretedType": "ORGAN",
                "ROIInterpreter": "",
            }
        )
    made |= {
        "SeriesDescription": "Lung contours (pleura)",
        "OperatorsName": "",
        "StructureSetLabel": "LUNGS",
        "StructureSetDate": made.get("SeriesDate") or "",
        "StructureSetTime": made.get("SeriesTime") or "",
        "ApprovalStatus": "UNAPPROVED",
        "ReferencedFrameOfReferenceSequence": [_frame_of_reference(series)],
        "StructureSetROISequence": rois,
        "ROIContourSequence": contours,
        "RTROIObservationsSequence": observations,
    }
    return with_uid(made)


def _roi(number: int, name: str, frame_uid: str, algorithm: Algorithm | None) -> Item:
    described = None if algorithm is None else f"{algorithm.name} {algorithm.version}"[:64]
    return {
        "ROINumber": number,
        "ReferencedFrameOfReferenceUID": frame_uid,
        "ROIName": name,
        "ROIGenerationAlgorithm": "" if algorithm is None else "AUTOMATIC",
        "ROIGenerationDescription": described,
    }


def _frame_of_reference(series: "Series") -> Item:
    of_series = {
        "SeriesInstanceUID": series.series_uid,
        "ContourImageSequence": instances(series.files),
    }
    of_study = {
        "ReferencedSOPClassUID": DETACHED_STUDY_MANAGEMENT,
        "ReferencedSOPInstanceUID": series.study_uid,
        "RTReferencedSeriesSequence": [of_series],
    }
    return {"FrameOfReferenceUID": series.frame_uid, "RTReferencedStudySequence": [of_study]}


def _contour(points: Points, k: int, grid: Grid, series: "Series") -> Item:
    world = grid.to_world(np.column_stack([np.full(len(points), float(k)), points]))
    return {
        "ContourImageSequence": [reference(series.files[k])],
        "ContourGeometricType": "CLOSED_PLANAR",
        "NumberOfContourPoints": len(points),
        "ContourData": "\\".join(
            f"{x:.6f}".rstrip("0").rstrip(".") for x in world.ravel().tolist()
        ),
    }

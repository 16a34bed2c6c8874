"""Hostile labels, each declared once: the good series of `cases` with a structure set or a
segmentation beside it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.uid import UID

from pleura.phantom.anatomy import chest
from pleura.phantom.identity import uid
from pleura.phantom.writer import decimal, series, write_files
from testing.hostile_series import SAME
from testing.series_changes import PLAIN, SHAPE, SPACING, good


@dataclass(frozen=True)
class LabelCase:
    """What is done to a label object of the good series, and what `prepare` must say beside the
    true mask (or instead).
    """

    name: str
    outcome: str
    suffix: str
    change: Callable[[Dataset], None]

    def write(self, folder: Path) -> Any:
        """The series and its label object, written into `folder`; returns the true labels."""
        from pydicom import dcmread

        from pleura.dicom.series import find_series
        from pleura.labels.registry import write_mask

        write_files(folder, series(good(), PLAIN))
        (one,) = find_series(folder)
        mask = chest(SHAPE, spacing_mm=SPACING, seed=5)[1]
        path = folder / f"labels{self.suffix}"
        write_mask(path, mask, one)
        dataset = dcmread(path)
        self.change(dataset)
        dataset.save_as(path)
        return mask.labels


def contours(dataset: Dataset) -> list[Dataset]:
    return [contour for roi in dataset.ROIContourSequence for contour in roi.ContourSequence]


def without_images(dataset: Dataset) -> None:
    for contour in contours(dataset):
        del contour.ContourImageSequence


def wrong_images(dataset: Dataset) -> None:
    named = contours(dataset)[0].ContourImageSequence
    for contour in contours(dataset):
        contour.ContourImageSequence = named


def degenerate(dataset: Dataset) -> None:
    point = Dataset()
    point.ContourGeometricType, point.NumberOfContourPoints, point.ContourData = (
        "CLOSED_PLANAR",
        1,
        ["1", "2", "3"],
    )
    dataset.ROIContourSequence[0].ContourSequence.append(point)


def between(dataset: Dataset) -> None:
    for contour in contours(dataset):
        points = np.array(contour.ContourData, float).reshape(-1, 3) + np.array(
            [0, 0, 0.3 * SPACING[0]]
        )
        contour.ContourData = [decimal(x) for x in points.ravel()]


def as_lctsc(dataset: Dataset) -> None:
    for roi in dataset.StructureSetROISequence:
        roi.ROIName = {"Lung_R": "Lung R", "Lung_L": "Lung L"}[roi.ROIName]


def shuffled_frames(dataset: Dataset) -> None:
    order = np.random.default_rng(0).permutation(int(dataset.NumberOfFrames))
    size = SHAPE[1] * SHAPE[2] // 8
    data = dataset.PixelData
    dataset.PixelData = b"".join(data[k * size : (k + 1) * size] for k in order)
    frames = list(dataset.PerFrameFunctionalGroupsSequence)
    dataset.PerFrameFunctionalGroupsSequence = [frames[k] for k in order]


def other_uids(dataset: Dataset) -> None:
    """As labels that were made before their scan's UIDs were hashed; the frame of reference
    alone is the scan's.
    """
    frame = str(dataset.ReferencedFrameOfReferenceSequence[0].FrameOfReferenceUID)

    def hashed(_: Dataset, element: Any) -> None:
        names_scan = element.keyword in (
            "SeriesInstanceUID",
            "ReferencedSOPInstanceUID",
            "StudyInstanceUID",
        )
        if names_scan and str(element.value) != frame:
            element.value = UID(uid("hashed", element.value))

    dataset.walk(hashed)


def other_frame(dataset: Dataset) -> None:
    def moved_away(_: Dataset, element: Any) -> None:
        if "FrameOfReferenceUID" in element.keyword:
            element.value = UID("2.25.31")

    dataset.walk(moved_away)


LABEL_CASES = (
    LabelCase("23 contours that name no images", SAME, ".rtstruct.dcm", without_images),
    LabelCase(
        "23 contours that name other images",
        "CONTOURS-WRONG-INSTANCE",
        ".rtstruct.dcm",
        wrong_images,
    ),
    LabelCase("23 a contour of one point", "CONTOURS-DEGENERATE", ".rtstruct.dcm", degenerate),
    LabelCase("23 contours between slices", "CONTOURS-BETWEEN-SLICES", ".rtstruct.dcm", between),
    LabelCase("23 names of the LCTSC collection", SAME, ".rtstruct.dcm", as_lctsc),
    LabelCase("24 empty frames left out", SAME, ".seg.dcm", lambda dataset: None),
    LabelCase("24 frames in any order", SAME, ".seg.dcm", shuffled_frames),
    LabelCase("25 labels under other UIDs", "LABELS-JOINED", ".rtstruct.dcm", other_uids),
    LabelCase(
        "25 labels of another frame of reference",
        "FRAME-OF-REFERENCE",
        ".rtstruct.dcm",
        other_frame,
    ),
)


def prepared(case: LabelCase, folder: Path) -> tuple[bool | None, str]:
    """Whether `prepare` took the true mask (`None`: none at all), and the codes or the sentence
    that it gave.
    """
    from pleura.core.errors import NothingUsable
    from pleura.store.cohort import Cohort
    from pleura.verbs.prepare import prepare

    labels = case.write(folder / "in")
    try:
        prepare(folder / "in", folder / "out")
    except NothingUsable as error:
        return None, str(error)
    (case,) = Cohort.open(folder / "out").cases
    codes = " ".join(finding["code"] for finding in case.about["findings"])
    return bool(np.array_equal(case.mask().labels, labels)), codes

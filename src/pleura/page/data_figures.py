"""The report's figures of its data: an unprocessed slice (Fig. 1.1), three planes (Fig. 1.2)."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pleura.core.errors import InputRefused
from pleura.dicom.pixels import stored_values
from pleura.dicom.plane import Plane
from pleura.dicom.series import find_series
from pleura.page.canvas import figure
from pleura.page.drawing import Drawing, single
from pleura.page.planes import WINDOW_HU, planes_png
from pleura.page.story import Story
from pleura.store.case import Case
from pleura.store.layout import CASES, COHORT_STAGE, DEIDENTIFIED_STAGE

CASE_1_1, SLICE_1_1, CASE_1_2 = 4, 54, 5
"""What the report shows: slice 54 of patient 4, and patient 5, both from 0."""


def data_drawings(story: Story) -> Iterator[Drawing]:
    """Both figures; the first only where the DICOM files lie in the run's folder."""
    cases = [case["id"] for case in story.cohort["cases"]]
    if not cases:
        return
    yield from _unprocessed(story, cases[min(CASE_1_1, len(cases) - 1)])
    case = cases[min(CASE_1_2, len(cases) - 1)]
    folder = story.folder / COHORT_STAGE / CASES / case
    caption = f"{case} in three planes, without masks; window {WINDOW_HU[0]} to {WINDOW_HU[1]} HU."
    alt = f"Axial, coronal and sagittal plane of {case}"
    caption = caption.replace(" -", " −")
    yield single("1", "planes.png", partial(_planes, folder), alt, caption, number="1.2")


def _planes(folder: Path, path: Path) -> None:
    planes_png(Case.open(folder).volume(), None, path)


def _unprocessed(story: Story, case: str) -> Iterator[Drawing]:
    place = story.folder / DEIDENTIFIED_STAGE / case
    try:
        planes = find_series(place)[0].files if place.is_dir() else ()
    except (InputRefused, IndexError):
        return
    if not planes:
        return
    number = SLICE_1_1 if len(planes) > SLICE_1_1 else len(planes) // 2
    caption = (
        f"Slice {number} of {case} before any processing: the values as the file stores them, "
        "before rescaling, padding and couch included."
    )
    alt = f"An axial slice of {case} in stored values, with a scale"
    draw = partial(unprocessed_png, planes[number])
    yield single("1", "unprocessed.png", draw, alt, caption, number="1.1")


def unprocessed_png(plane: Plane, path: Path) -> None:
    """Draw the stored values of a slice as greys from the lowest to the highest."""
    values = stored_values(plane)
    down, across = plane.spacing or (1.0, 1.0)
    with figure(path, (7.4, 5.2)) as drawn:
        axis = drawn.subplots()
        image = axis.imshow(values, cmap="gray", aspect=down / across, interpolation="nearest")
        axis.set_xlabel("column")
        axis.set_ylabel("row")
        drawn.colorbar(image, ax=axis, label="stored value")

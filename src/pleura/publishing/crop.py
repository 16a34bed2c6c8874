"""Leave out slices of CT above the lung apex, since a face can be rebuilt from them."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from pleura.core.errors import InputRefused
from pleura.core.findings import refusing_code
from pleura.core.progress import Progress

if TYPE_CHECKING:
    from pleura.deid.objects import Header
    from pleura.dicom.series import Series

UNCROPPED = "uncropped "
"""Key of a count, before the code for which CT could not be cropped."""
NO_APEX = "NO-APEX"
"""CT without lungs, or not an axial stack."""


def cropped(
    headers: list["Header"], source: Path, margin_mm: float | None, progress: Progress
) -> tuple[list["Header"], dict[str, int]]:
    """Headers that may be published, and how many CT slices are too high or not located."""
    if margin_mm is None:
        return headers, {}
    from pleura.dicom.series import CT_CLASSES, find_series

    files: dict[str, bool | str] = {}
    # a duplicate slice is in no volume; it is as high as its original
    uids: dict[str, bool | str] = {}
    series = [one for one in find_series(source) if one.is_ct]
    for number, one in enumerate(series):
        progress("find apex", number, len(series))
        above = _above(one, margin_mm)
        outcomes: list[bool | str] = (
            [above] * len(one.files) if isinstance(above, str) else [*above]
        )
        for plane, too_high in zip(one.files, outcomes, strict=False):
            files[plane.file] = uids[plane.sop_uid] = too_high
    progress("find apex", len(series), len(series))
    kept: list[Header] = []
    left = Counter({"cropped": 0})
    for header in headers:
        outcome: bool | str = False
        if header.get("SOPClassUID") in CT_CLASSES:
            outcome = files.get(
                header.file.location, uids.get(header.get("SOPInstanceUID"), NO_APEX)
            )
        if outcome is False:
            kept.append(header)
        else:
            left["cropped" if outcome is True else f"{UNCROPPED}{outcome}"] += 1
    return kept, dict(left)


def _above(series: "Series", margin_mm: float) -> list[bool] | str:
    """For each slice whether it is too high; or the code for which it cannot be cropped."""
    from pleura.quality.gate import gate
    from pleura.segmenters.apex import above_apex

    if not series.usable:
        return refusing_code(series.findings) or NO_APEX
    if any(plane.frames > 1 for plane in series.files):
        return NO_APEX
    try:
        judged = gate(series.read(), detail="full")
    except InputRefused as error:
        return error.code
    if not judged.usable:
        return refusing_code(judged.findings)
    above = above_apex(judged.anatomy, margin_mm)
    if above is None:
        return NO_APEX
    return above.tolist()

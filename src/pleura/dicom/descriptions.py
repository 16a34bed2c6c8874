"""What users know a series by: folder, description, date. They can identify: only on request."""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

from pleura.core.faults import note
from pleura.dicom.plane import Plane, file_of

DATES = ("AcquisitionDate", "SeriesDate", "ContentDate", "StudyDate")
"""Attributes with the date of a series; the first one that it has counts."""


class Description(NamedTuple):
    """Folders, files, description and date of a series.

    `folders` and `files` are relative to the input; `date` is a DICOM date (YYYYMMDD). Description
    and date are empty where the header has none.
    """

    folders: tuple[str, ...]
    files: tuple[str, ...]
    description: str
    date: str

    def sentence(self) -> str:
        """One line for people."""
        more = f" and {len(self.folders) - 1} more" if len(self.folders) > 1 else ""
        named = f", {self.description}" if self.description else ""
        dated = f", {self.date}" if self.date else ""
        return f"{self.folders[0]}{more}{named}{dated}"


def describe(planes: Sequence[Plane], names: Sequence[str]) -> Description:
    """Describe a series; one of its files is opened again.

    Args:
        planes: the planes of the series.
        names: the names of its files, relative to the input.
    """
    description, date = _header_of(planes[0])
    folders = sorted({name.rpartition("/")[0] or "." for name in names})
    return Description(tuple(folders), tuple(names), description, date)


def _header_of(plane: Plane) -> tuple[str, str]:
    from pydicom import dcmread

    wanted = ["SpecificCharacterSet", "SeriesDescription", *DATES]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they quote values
            header = dcmread(
                file_of(plane), stop_before_pixels=True, specific_tags=wanted, force=True
            )
            description = str(header.get("SeriesDescription") or "")
            dates = [str(header.get(keyword) or "") for keyword in DATES]
    except Exception as error:  # an odd header: the series is listed nevertheless
        note(error)
        return "", ""
    return description, next(filter(None, dates), "")
